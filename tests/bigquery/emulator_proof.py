"""`make test-bigquery`: the whole pipeline through BigQuery's API, compared with DuckDB's.

The same simulated sources are read into both warehouses, at the same moments, by the product's own
code and the real clients; dbt builds both before the last moment and after it, so that the second
build adds to what the first one kept; checks, status, claims and page follow. Then every
relation of the built layers and of the pipeline's own records is compared, row for row. Exit codes:
0 equal, 1 a difference, 69 the emulator's interpreter is missing.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.bigquery import emulator
from tests.bigquery.project import PATCHES, PROJECT

UNAVAILABLE = 69
LAYERS = ("raw", "seeds", "staging", "intermediate", "marts", "metrics", "reporting")
HASH_KEY = "simulated"
OF_THE_ENGINE = {
    "warehouse_money": "BigQuery counts live rows after a later load and does not sum them",
    "warehouse_key_hash": "as the sums",
}
"""Columns that differ by design, and why."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=300)
    parser.add_argument(
        "--days", type=int, default=3, help="moments to read, the backfill included"
    )
    parser.add_argument("--landing", action="store_true", help="compare raw and ledger, no build")
    parser.add_argument("--once", action="store_true", help="build once instead of twice")
    chosen = parser.parse_args()
    folder = emulator.HOME.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        emulator.prepare(folder)
    except emulator.MissingInterpreter as error:
        print(f"not run: {error}", file=sys.stderr)
        return UNAVAILABLE
    for name in ("data", "duckdb", "bigquery", "sources"):
        shutil.rmtree(folder / name, ignore_errors=True)
    with emulator.running(folder, folder / "data") as address:
        builds = 0 if chosen.landing else 1 if chosen.once else 2
        return prove(folder, address, chosen.accounts, chosen.days, builds)


def prove(folder: Path, address: str, accounts: int, days: int, builds: int) -> int:
    sys.path.insert(0, str(PATCHES))
    os.environ["PYTHONPATH"] = str(PATCHES)
    import sitecustomize  # noqa: F401  (the interpreter's own has been imported already)

    _anonymous()
    from orchestration.demo import DemoChoice, World, make_world
    from orchestration.simulation.platform import SimulatedPlatform

    world_folder = folder / "world"
    make_world(world_folder, DemoChoice(accounts, 1, "calm"), Silent())
    world = World.read(world_folder)
    moments = world.boundaries[:days]
    sides = {name: Side.of(folder / name, name, address) for name in ("duckdb", "bigquery")}
    sides["bigquery"].create_datasets()
    platform = SimulatedPlatform(world_folder, folder / "sources")
    environment = {**platform.start().environment(), "PAYGO_HASH_KEY": HASH_KEY}
    try:
        for moment in moments:
            platform.advance(moment)
            for side in sides.values():
                side.extract(moment, environment)
                if builds > 1 and moment == moments[-2:][0]:
                    side.build()
    finally:
        platform.close()
    for side in sides.values() if builds else ():
        side.finish()
    return compare(sides["duckdb"], sides["bigquery"], folder)


def _anonymous() -> None:
    import google.auth
    from google.auth.credentials import AnonymousCredentials

    google.auth.default = lambda *_, **__: (AnonymousCredentials(), None)


class Silent:
    """A watcher that keeps the log short."""

    def stage(self, name: str) -> None:
        say(name)

    def note(self, text: str) -> None:
        say(text)

    def days(self, total: int) -> Any:
        return lambda _: None

    def world(self) -> Any:
        return lambda *_: None


def say(text: str) -> None:
    print(f"{datetime.now(UTC):%H:%M:%S}  {text}", flush=True)


@dataclass
class Side:
    """One warehouse under proof."""

    name: str
    settings: Any
    stages: Any = None
    documents: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, home: Path, name: str, address: str) -> Side:
        from orchestration.settings import Settings

        home.mkdir(parents=True, exist_ok=True)
        settings = Settings(
            home=home, target=name, bigquery_project=PROJECT, bigquery_api_endpoint=address,
            _env_file=None,
        )  # fmt: skip
        return cls(name, settings)

    @property
    def mode(self) -> Any:
        """Return how to open it for comparing: DuckDB's working copy need not be published."""
        return "write" if self.name == "duckdb" else "read"

    def create_datasets(self) -> None:
        from google.cloud import bigquery

        from orchestration.warehouse.bigquery_jobs import Jobs
        from orchestration.warehouse.bigquery_schema import LAYERS, SCRATCH

        client = Jobs.connect(self.settings).client
        for name in (*LAYERS, SCRATCH):
            client.create_dataset(bigquery.Dataset(f"{PROJECT}.{name}"), exists_ok=True)

    def extract(self, moment: datetime, environment: dict[str, str]) -> None:
        import dagster as dg

        from orchestration.clock import iso
        from orchestration.demo import with_endpoints
        from orchestration.pipeline import Stages
        from orchestration.sources.contract import CONTRACT

        say(f"{self.name}: reading at {iso(moment)}")
        self.settings = with_endpoints(
            self.settings.model_copy(update={"now": iso(moment)}), environment
        )
        self.stages = Stages(self.settings, moment, instance=dg.DagsterInstance.ephemeral())
        self.stages.extract([t.stream for t in CONTRACT])
        if failed := self.stages.report.failed:
            sys.exit(
                f"{self.name}: " + "; ".join(f"{k}: {v.outcome.error}" for k, v in failed.items())
            )

    def build(self) -> None:
        say(f"{self.name}: first build")
        self.stages._build()

    def finish(self) -> None:
        from orchestration.reading import status_document
        from orchestration.warehouse import open_warehouse

        say(f"{self.name}: build, checks, page")
        self.stages.finish()
        if self.stages.report.problems:
            say(f"{self.name}: {self.stages.report.problems}")
        with open_warehouse(self.settings, "read") as warehouse:
            now = self.settings.clock().now()
            self.documents["status"] = status_document(warehouse, now)
        self.documents["verify"] = self.verify()
        site = self.settings.site_path
        for page in sorted(site.rglob("*.html")):
            name = f"page {page.relative_to(site).as_posix()}"
            self.documents[name] = page.read_text(encoding="utf-8")

    def verify(self) -> Any:
        environment = {
            **os.environ,
            "PAYGO_HOME": str(self.settings.home),
            "PAYGO_NOW": str(self.settings.now),
            "PAYGO_TARGET": self.name,
            "PAYGO_BIGQUERY_PROJECT": PROJECT,
            "PAYGO_BIGQUERY_API_ENDPOINT": self.settings.bigquery_api_endpoint,
        }
        command = [str(Path(sys.executable).with_name("paygo")), "verify", "--json"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        try:
            return json.loads(done.stdout)
        except ValueError:
            return {"said": (done.stdout + done.stderr)[-2000:]}

    def relations(self) -> list[tuple[str, str]]:
        from orchestration.warehouse import open_warehouse

        found = []
        with open_warehouse(self.settings, self.mode) as warehouse:
            for layer in LAYERS:
                sql = (
                    "select table_name from information_schema.tables "
                    f"where table_schema = '{layer}'"
                )
                found += [(layer, row["table_name"]) for row in warehouse.rows(sql)]
        return sorted(found)

    def rows(self, layer: str, name: str) -> list[str]:
        from orchestration.warehouse import open_warehouse

        with open_warehouse(self.settings, self.mode) as warehouse:
            rows = warehouse.rows(f"select * from {layer}.{name}")
        return sorted(
            json.dumps(
                {k: plain(v) for k, v in row.items() if k not in OF_THE_ENGINE}, sort_keys=True
            )
            for row in rows
        )


def plain(value: Any) -> Any:
    """Return a value as both engines have it: exact numbers as text, times in UTC, no null list."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float | Decimal):
        text = format(Decimal(str(value)), "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list):
        return [item or "" for item in value] or None
    return value


def compare(left: Side, right: Side, folder: Path) -> int:
    """Compare every relation and document; say what differs; keep the figures."""
    from orchestration.warehouse.ops import OPS_TABLES

    differs: list[str] = []
    relations = left.relations()
    if relations != right.relations():
        differs.append(f"relations: {sorted(set(relations) ^ set(right.relations()))}")
    relations = [*relations, *(("ops", name) for name in OPS_TABLES)]
    total = 0
    for layer, name in relations:
        ours, theirs = left.rows(layer, name), right.rows(layer, name)
        total += len(ours)
        if ours != theirs:
            only = sorted(set(ours) - set(theirs))[:2], sorted(set(theirs) - set(ours))[:2]
            differs.append(f"{layer}.{name}: {len(ours)} and {len(theirs)} rows; only: {only}")
    documents = sorted(left.documents.keys() | right.documents.keys())
    if documents and "page index.html" not in documents:
        differs.append("neither side has a page")
    for name in documents:
        if left.documents.get(name) != right.documents.get(name):
            differs.append(f"{name} differs")
            for side in (left, right):
                text = side.documents.get(name, "there is none")
                text = text if isinstance(text, str) else json.dumps(text, indent=1, default=str)
                kept = folder / f"{name.replace('/', '-')}.{side.name}.txt"
                kept.write_text(text, encoding="utf-8")
    figures = {
        "relations": len(relations),
        "rows": total,
        "documents": len(documents),
        "differences": len(differs),
    }
    (folder / "proof.json").write_text(json.dumps({**figures, "differs": differs}, indent=1))
    for line in differs:
        say(f"DIFFERS {line[:1500]}")
    say(
        f"compared {len(relations)} relations, {total} rows, {len(documents)} documents "
        f"(status, verification, pages): {len(differs)} differences"
    )
    return int(bool(differs))


if __name__ == "__main__":
    sys.exit(main())
