"""dbt's models, seeds and tests as Dagster assets and asset checks.

Belongs here: asset keys of dbt nodes, Dagster's call of `dbt build`. Does not: SQL, what every call
of dbt is told (`dbt_command`), what a failed model means for a run (`pipeline`).
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property, lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtCliResource, dbt_assets
from packaging.version import Version

from orchestration.dbt_command import DBT_EXECUTABLE, dbt_environment, dbt_vars, target_folder
from orchestration.defs.runtime import RUNTIME, WRITING, Runtime
from orchestration.settings import Settings
from orchestration.warehouse.publishing import building
from orchestration.workspace import DBT_PROJECT


class LayeredTranslator(DagsterDbtTranslator):  # type: ignore[misc]
    """Keys of dbt nodes: `<layer>/<name>`; a raw source table keeps the key of its raw asset."""

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        if dbt_resource_props["resource_type"] == "source":
            return cast(dg.AssetKey, super().get_asset_key(dbt_resource_props))
        return dg.AssetKey([_layer(dbt_resource_props), dbt_resource_props["name"]])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str:
        return _layer(dbt_resource_props)


def _layer(props: Mapping[str, Any]) -> str:
    return "seeds" if props["resource_type"] == "seed" else str(props["fqn"][1])


@lru_cache(maxsize=4)
def warehouse_models(manifest: Path) -> dg.AssetsDefinition:
    """Build the assets of every dbt node in the manifest; one `dbt build` makes them all."""

    @dbt_assets(  # type: ignore[untyped-decorator]
        manifest=manifest,
        dagster_dbt_translator=LayeredTranslator(),
        pool=WRITING,
        required_resource_keys={RUNTIME, "dbt"},
    )
    def models(context: dg.AssetExecutionContext) -> Iterator[Any]:
        runtime = cast(Runtime, getattr(context.resources, RUNTIME))
        dbt = cast(DbtCliResource, context.resources.dbt)
        is_whole = set(context.selected_asset_keys) == set(warehouse_models(manifest).keys)
        with runtime.locked(), building(runtime.settings, is_whole=is_whole):
            with _environment(dbt_environment(runtime.settings)):
                invocation = dbt.cli(
                    build_command(runtime),
                    context=context,
                    target_path=target_folder(runtime.settings),
                )
            yield from invocation.stream()

    return cast(dg.AssetsDefinition, models)


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set variables for the process that starts inside.

    Dagster hands dbt the environment of its own process. Left there, they would stand above the
    `.env` of whatever reads settings in this process later.
    """
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def build_command(runtime: Runtime) -> list[str]:
    """Return the arguments of dbt that build and test every model at the run's last moment."""
    # Unit tests judge the code, not the data: the test suite runs them, no build does.
    command = ["build", "--exclude-resource-types", "unit_test", *dbt_vars(runtime.as_ofs[-1])]
    return [*command, "--full-refresh"] if runtime.full_refresh else command


def reporting_keys(manifest: Path) -> list[dg.AssetKey]:
    """Return the keys of the reporting models: all that pages, digests and alerts may read."""
    return sorted(key for key in warehouse_models(manifest).keys if key.path[0] == "reporting")


class InstalledDbt(DbtCliResource):  # type: ignore[misc]
    """The dbt of this environment, whose version is known without asking.

    Dagster would run `dbt --version` before every build, which takes seconds and asks the package
    index for the newest release; a run needs no network but that of its sources and warehouse.
    """

    @cached_property
    def _cli_version(self) -> Version:
        return Version(version("dbt-core"))


def dbt_resource(settings: Settings) -> DbtCliResource:
    """Return Dagster's dbt resource for this project and target."""
    return InstalledDbt(
        project_dir=os.fspath(DBT_PROJECT),
        profiles_dir=os.fspath(DBT_PROJECT),
        target=settings.target,
        dbt_executable=DBT_EXECUTABLE,
        global_config_flags=["--no-use-colors"],
    )
