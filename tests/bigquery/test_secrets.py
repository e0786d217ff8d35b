"""Planted secrets show in nothing that a command says or leaves; none lies in the repository."""

from __future__ import annotations

import re
import subprocess
import traceback
from pathlib import Path

import pytest

from orchestration.errors import PermanentFailure, TransientFailure
from orchestration.sources.postgres import PostgresSource
from tests.conftest import run_paygo

REPOSITORY = Path(__file__).parents[2]
PLANTED = {
    "PAYGO_STRIPE_API_KEY": "rk_test_planted0stripe0key",
    "PAYGO_ENGINE_DSN": "postgresql://reader:planted-engine-password@127.0.0.1:1/engine",
    "PAYGO_BILLING_DSN": "postgresql://reader:planted-billing-password@127.0.0.1:1/billing",
    "PAYGO_CORE_DSN": "postgresql://reader:planted-core-password@127.0.0.1:1/core",
    "PAYGO_JIRA_API_TOKEN": "planted-jira-token",
    "PAYGO_HASH_KEY": "planted-hash-key",
    "PAYGO_ALERT_URLS": "json://user:planted-alert-password@127.0.0.1:1/",
}
ELSEWHERE = {
    "PAYGO_STRIPE_API_BASE": "http://127.0.0.1:1",
    "PAYGO_JIRA_BASE_URL": "http://127.0.0.1:1",
    "PAYGO_JIRA_EMAIL": "reader@example.com",
}
WORDS = re.compile(r"planted[-0][a-z0-9-]+")
FORMS = re.compile(
    rb"-----BEGIN [A-Z ]*PRIVATE KEY|AIza[0-9A-Za-z_-]{35}|[rs]k_live_[0-9A-Za-z]{10}"
    rb"|\"type\": *\"service_account\"|ya29\.[0-9A-Za-z_-]{20}|xox[bp]-[0-9]{8}"
)


@pytest.mark.parametrize("arguments", [("doctor",), ("doctor", "--json")])
def test_no_command_tells_a_planted_secret(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    home = tmp_path / "home"
    done = run_paygo(home, *arguments, **PLANTED, **ELSEWHERE)
    said = done.stdout + done.stderr
    assert done.returncode == 1
    assert "postgres engine" in said
    assert WORDS.findall(said) == []
    left = b"".join(p.read_bytes() for p in home.rglob("*") if p.is_file())
    assert WORDS.findall(left.decode(errors="replace")) == []


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://reader:planted-pass%zz@127.0.0.1:1/engine",
        "postgresql://reader:planted-pass#cret/x@127.0.0.1:1/engine",
        "postgresql://reader:12/planted-pass@127.0.0.1:1/engine",
        "postgresql://reader:x@planted-pass@127.0.0.1:1/engine",
        "postgresql://reader:x@planted-pass/x@127.0.0.1:1/engine",
        "postgresql://reader:x?planted-pass=x@127.0.0.1:1/engine",
        "host=127.0.0.1 port=1 user=reader password=s3 planted-pass",
        "host=127.0.0.1 port=1 user=reader password=s3 planted-pass=x",
        "planted-pass",
    ],
)
def test_a_connection_string_that_cannot_be_read_is_not_shown(dsn: str) -> None:
    with pytest.raises(PermanentFailure) as raised, PostgresSource("engine", dsn, b"key"):
        raise AssertionError("there is no such server")
    assert "percent-encode user and password in PAYGO_ENGINE_DSN" in str(raised.value)
    assert (raised.value.__cause__, raised.value.__context__) == (None, None)
    shown = "".join(traceback.format_exception(raised.value))
    assert WORDS.findall(shown) == []


@pytest.mark.parametrize("host", ["127.0.0.1:1", "/nowhere"])
def test_a_server_that_is_not_there_is_named(host: str) -> None:
    dsn = f"postgresql://reader:planted-pass@{host}/engine"
    if host.startswith("/"):
        dsn = f"postgresql://reader:planted-pass@/engine?host={host}"
    with pytest.raises(TransientFailure) as raised, PostgresSource("engine", dsn, b"key"):
        raise AssertionError("there is no such server")
    assert host.partition(":")[0] in str(raised.value)
    assert WORDS.findall(str(raised.value)) == []


def test_the_repository_holds_no_secret() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, check=True
    )
    names = [name for name in listed.stdout.decode().split("\0") if name]
    assert len(names) > 200
    guilty = [
        name
        for name in names
        if (REPOSITORY / name).is_file() and FORMS.search((REPOSITORY / name).read_bytes())
    ]
    assert guilty == []


def test_the_forms_are_recognized() -> None:
    assert FORMS.search(b"key = sk_" + b"live_0123456789abc")
    assert FORMS.search(b"-----BEGIN RSA " + b"PRIVATE KEY-----")
