"""What Dagster does beside the work: records of a demo's runs, and the version of dbt."""

from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy
from dagster_dbt.core import resource

from orchestration.defs.dbt import dbt_resource
from orchestration.defs.instance import passing_instance
from orchestration.settings import Settings


@dg.asset
def figure(context: dg.AssetExecutionContext) -> int:
    for number in range(20):
        context.log_event(dg.AssetObservation("figure", metadata={"number": number}))
    return 1


def connections_of_a_run(instance: dg.DagsterInstance) -> int:
    """Run the asset; count the connections that the run opened to any record."""
    opened: list[object] = []

    def count(*made: object) -> None:
        opened.append(made)

    sqlalchemy.event.listen(sqlalchemy.engine.Engine, "connect", count)
    try:
        assert dg.materialize([figure], instance=instance).success
    finally:
        sqlalchemy.event.remove(sqlalchemy.engine.Engine, "connect", count)
    return len(opened)


def test_passing_records_are_kept_on_few_connections() -> None:
    with passing_instance() as instance:
        opened = connections_of_a_run(instance)
        found = instance.fetch_observations(dg.AssetKey("figure"), limit=100).records
        assert len(found) == 20
        assert instance.get_latest_materialization_event(dg.AssetKey("figure")) is not None
    with dg.DagsterInstance.ephemeral() as instance:
        assert connections_of_a_run(instance) > 40 > 4 >= opened


def test_dbt_is_not_started_to_be_asked_for_its_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> bytes:
        raise AssertionError("dbt --version asks the package index")

    monkeypatch.setattr(resource, "check_output", refuse)
    assert dbt_resource(Settings(home=tmp_path, _env_file=None))._cli_version.major == 1
