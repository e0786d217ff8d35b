"""Planted secrets show in nothing that a command says or leaves; none lies in the repository."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

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
