"""Follows the README's first run on BigQuery to the letter: its commands, against the emulator.

The emulator is BigQuery; a server that remembers is the rest of Google's services; `gcloud` does
nothing, since nobody needs to log in. What the commands say and leave behind is looked at
afterwards. Skipped, with the reason, on a machine without Python 3.13.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest

from orchestration.clock import iso
from orchestration.demo import DemoChoice, World, make_world
from orchestration.simulation.platform import SimulatedPlatform
from orchestration.sources.contract import CONTRACT
from orchestration.warehouse.bigquery_schema import LAYERS
from tests.bigquery import emulator
from tests.bigquery.emulator_proof import Silent
from tests.bigquery.project import PATCHES
from tests.bigquery.test_bootstrap import Cloud

pytestmark = pytest.mark.full

ROOT = Path(__file__).parents[2]
ACCOUNTS = 300


def walkthrough() -> list[str]:
    """The commands of the section's one block, in order, without their remarks."""
    text = (ROOT / "README.md").read_text("utf-8")
    section = text.split("### First run on a real project, in ten minutes\n", 1)[1]
    (block,) = re.findall(r"^```\n(.*?)^```$", section.split("\n### ", 1)[0], flags=re.M | re.S)
    return [line.split(" # ")[0].strip() for line in block.splitlines()]


@dataclass
class Project:
    """A folder as the README leaves it before the first command."""

    folder: Path
    environment: dict[str, str]
    cloud: Cloud
    exports: list[str] = field(default_factory=list)
    said: str = ""
    """All that the commands have said so far."""

    def run(self, command: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """Run one line in a shell; what earlier lines exported holds."""
        if command.startswith("export "):
            self.exports.append(command)
        done = subprocess.run(
            ["bash", "-euc", "\n".join([*self.exports, command])],
            cwd=self.folder,
            env=self.environment,
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )
        self.said += done.stdout + done.stderr
        return done

    def secrets(self) -> list[str]:
        """Return what stands in `.env` and nowhere else."""
        text = (self.folder / ".env").read_text("utf-8")
        found = re.findall(r"^PAYGO_(?:STRIPE_API_KEY|JIRA_API_TOKEN|HASH_KEY)='(.*)'", text, re.M)
        return found + re.findall(r"_DSN='postgresql://\w+:([^@]+)@", text)

    def queries(self, *asked: str) -> list[list[dict[str, Any]]]:
        """Ask the emulator through the product's own warehouse, in a process of its own."""
        program = (
            "import json, sys\n"
            "from orchestration.settings import Settings\n"
            "from orchestration.warehouse import open_warehouse\n"
            "with open_warehouse(Settings(), 'read') as warehouse:\n"
            "    found = [warehouse.rows(sql) for sql in json.load(sys.stdin)]\n"
            "print(json.dumps(found, default=str))\n"
        )
        script = self.folder / "ask.py"
        script.write_text(program, "utf-8")
        done = self.run(".venv/bin/python ask.py", json.dumps(asked))
        assert done.returncode == 0, done.stderr
        found: list[list[dict[str, Any]]] = json.loads(done.stdout)
        return found

    def query(self, sql: str) -> list[dict[str, Any]]:
        """Ask one thing."""
        (rows,) = self.queries(sql)
        return rows


@dataclass
class StandIn:
    """The services that are not BigQuery, on loopback."""

    cloud: Cloud

    def __enter__(self) -> StandIn:
        cloud = self.cloud

        class Handler(BaseHTTPRequestHandler):
            def _serve(self) -> None:
                raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                url = "https:/" + self.path
                answer = cloud.request(self.command, url, json.loads(raw) if raw else None)
                data = answer.text.encode()
                self.send_response(answer.status_code)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PATCH = _serve

            def log_message(self, *_: object) -> None:
                """Say nothing: what was sent is in the cloud's lists."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture(scope="module")
def project(emulator_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The sources of a small world, `.env` filled in for them, an empty BigQuery."""
    folder = tmp_path_factory.mktemp("first-run")
    (folder / ".venv").symlink_to(Path(sys.executable).parents[1])
    (folder / "bin").mkdir()
    login = folder / "bin" / "gcloud"
    login.write_text('#!/bin/sh\necho "$@" >> logins\n', "utf-8")
    login.chmod(0o755)
    make_world(folder / "world", DemoChoice(ACCOUNTS, 1, "calm"), Silent())
    moment = World.read(folder / "world").boundaries[0]
    platform = SimulatedPlatform(folder / "world", folder / "sources")
    try:
        sources = platform.start().environment()
        platform.advance(moment)
        written = {**sources, "PAYGO_HASH_KEY": token_hex(24)}
        lines = [f"{name}='{value}'" for name, value in written.items()]
        (folder / ".env").write_text("\n".join(lines), "utf-8")
        cloud = Cloud()
        with (
            emulator.running(emulator_home, folder / "data") as address,
            StandIn(cloud) as stand_in,
        ):
            inherited = {k: v for k, v in os.environ.items() if not k.startswith("PAYGO_")}
            environment = {
                **inherited,
                "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
                "PYTHONPATH": str(PATCHES),
                "GOOGLE_APIS_STAND_IN": stand_in.address,
                "PAYGO_BIGQUERY_API_ENDPOINT": address,
                "PAYGO_NOW": iso(moment),
            }
            yield Project(folder, environment, cloud)
    finally:
        platform.close()


def test_the_walkthrough_ends_with_a_warehouse_and_a_page(project: Project) -> None:
    said: dict[str, str] = {}
    for command in walkthrough():
        done = project.run(command)
        assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        said[command] = done.stdout
    commands = [re.sub(r"^\.venv/bin/paygo ", "", command) for command in said]
    verbs = [command.split()[0] for command in commands]
    assert verbs == ["gcloud", "export", "bootstrap", "bootstrap", "doctor", "run", "status"]
    assert (project.folder / "logins").read_text("utf-8").startswith("auth application-default")
    shown, applied, checked, _, status = list(said.values())[2:]
    assert all(f'"datasetId": "{layer}"' in shown for layer in LAYERS)
    assert applied.count("made") >= len(LAYERS) and "FAILED" not in applied
    assert "dataset marts" in checked
    assert status.strip()
    # What the commands have left behind.
    accounts, landed, loads = project.queries(
        "select count(*) as found from marts.dim_accounts",
        "select count(distinct account_id) as found from raw.engine__subs_account",
        "select count(distinct stream) as found from ops.load_ledger",
    )
    # Some of the world's accounts are made later than this first moment.
    assert accounts == landed and ACCOUNTS * 0.9 < accounts[0]["found"] <= ACCOUNTS
    assert loads == [{"found": len(CONTRACT)}]
    page = (project.folder / ".paygo" / "site" / "index.html").read_text("utf-8")
    assert "metrics/" in page


def test_no_secret_is_in_what_a_run_says_and_leaves(project: Project) -> None:
    secrets = project.secrets()
    assert len(secrets) == 6
    home = project.folder / ".paygo"
    files = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    kinds = {path.suffix for path in files}
    assert {".html", ".log", ".json"} <= kinds
    for secret in secrets:
        assert secret not in project.said
        holding = [path for path, data in files.items() if secret.encode() in data]
        assert holding == []


def test_bootstrap_again_changes_nothing(project: Project) -> None:
    writes = len(project.cloud.writes)
    (command,) = [line for line in walkthrough() if "--apply" in line]
    done = project.run(command)
    assert done.returncode == 0, done.stderr
    assert "made" not in done.stdout and "changed" not in done.stdout
    assert len(project.cloud.writes) == writes


def mentions(project: Project, account: str) -> dict[str, int]:
    """Count the rows of every table that hold the text; apart from the product's own search."""
    listed = project.queries(
        *(
            f"select table_name from {layer}.INFORMATION_SCHEMA.TABLES "
            "where table_type = 'BASE TABLE'"
            for layer in LAYERS
        )
    )
    relations = [
        f"{layer}.{row['table_name']}"
        for layer, names in zip(LAYERS, listed, strict=True)
        for row in names
    ]
    assert len(relations) > 100
    held = project.queries(*(f"select * from {relation}" for relation in relations))
    counts = {
        relation: sum(account in repr(row) for row in rows)
        for relation, rows in zip(relations, held, strict=True)
    }
    return {relation: count for relation, count in counts.items() if count}


def test_an_account_is_erased_from_bigquery(project: Project) -> None:
    (row,) = project.query(
        "select account_id from marts.fct_discrepancies "
        "where account_id not in (select account_id from intermediate.int_drift__merged_accounts) "
        "and account_id in (select account_id from raw.engine__subs_account) "
        "group by 1 order by count(*) desc, 1 limit 1"
    )
    account = row["account_id"]
    before = mentions(project, account)
    assert {"raw.engine__subs_account", "marts.dim_accounts"} <= before.keys()
    done = project.run(f".venv/bin/paygo erase {account} --request DSR-17 --json")
    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads(done.stdout)
    assert document["is_gone"] and document["left"] == {}
    assert document["rows_deleted"] == sum(document["deleted"].values()) > 10
    assert mentions(project, account) == {}
    (entry,) = project.query("select request, rows_deleted, verified from ops.erasures")
    assert entry == {
        "request": "DSR-17", "rows_deleted": document["rows_deleted"], "verified": True,
    }  # fmt: skip
    again = project.run(f".venv/bin/paygo erase {account}")
    assert again.returncode == 1 and "no raw table knows the account" in again.stderr
