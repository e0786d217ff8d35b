"""The doctor names each obstacle and what to do, and stays calm about the rest."""

from __future__ import annotations

import socket
from collections import namedtuple
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

from orchestration import doctor
from orchestration.doctor import Finding, examine
from orchestration.settings import Settings
from orchestration.workspace import run_lock

Usage = namedtuple("Usage", "total used free")


def settings_of(home: Path, **values: object) -> Settings:
    return Settings.model_validate({"home": home, "now": "2026-03-24T06:00:00Z", **values})


def finding(settings: Settings, name: str) -> Finding:
    return next(f for f in examine(settings) if f.name == name)


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A loopback port on which nobody listens (bound, so that nobody else takes it)."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


def test_sources_without_settings_are_named_with_their_variables(tmp_path: Path) -> None:
    found = {f.name: f.todo for f in examine(settings_of(tmp_path)) if not f.ok and not f.optional}
    assert "PAYGO_STRIPE_API_KEY" in found["stripe"]
    assert "PAYGO_CORE_DSN" in found["postgres core"]
    assert "PAYGO_JIRA_API_TOKEN" in found["jira"]


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.write_text("in the way", encoding="utf-8")
    found = finding(settings_of(home), "folder")
    assert not found.ok
    assert "PAYGO_HOME" in found.todo


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: Usage(10, 10, 0))
    found = finding(settings_of(tmp_path), "disk")
    assert not found.ok
    assert "free some" in found.todo


def test_a_port_in_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        monkeypatch.setattr(doctor, "UI_PORT", port)
        found = finding(settings_of(tmp_path), f"port {port}")
    assert not found.ok
    assert "--port" in found.todo


def test_no_chromium(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.shutil, "which", lambda _: None)
    found = finding(settings_of(tmp_path), "chromium")
    assert not found.ok
    assert "apt-get install chromium" in found.todo


def test_a_run_in_progress_is_told_and_is_no_failure(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    with run_lock(settings):
        found = finding(settings, "run lock")
    assert (found.ok, found.optional) == (False, True)
    assert "another run is in progress" in found.found


def test_unreachable_sources(tmp_path: Path, closed_port: int) -> None:
    base = f"http://127.0.0.1:{closed_port}"
    settings = settings_of(
        tmp_path,
        stripe_api_base=base,
        stripe_api_key="rk_test_x",
        jira_base_url=base,
        jira_email="a@example.com",
        jira_api_token="t",
        engine_dsn=f"postgresql://reader:pass-word@127.0.0.1:{closed_port}/subscriptions",
    )
    found = {f.name: f for f in examine(settings)}
    for name in ("stripe", "jira", "postgres engine"):
        assert not found[name].ok, name
        assert found[name].todo, name
    assert "pass-word" not in found["postgres engine"].found


def test_the_packages_are_those_that_the_project_asks_for(tmp_path: Path) -> None:
    assert finding(settings_of(tmp_path), "packages").ok


@pytest.mark.parametrize(
    ("installed", "said"), [("1.13.0", "1.13.0"), (None, "not installed")], ids=["other", "none"]
)
def test_a_wrong_version_of_a_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installed: str | None, said: str
) -> None:
    def version(name: str) -> str:
        if name != "adbc-driver-postgresql":
            return real(name)
        if installed is None:
            raise metadata.PackageNotFoundError(name)
        return installed

    real = metadata.version
    monkeypatch.setattr(metadata, "version", version)
    found = {f.name: f for f in examine(settings_of(tmp_path))}
    assert "packages" not in found
    wrong = found["adbc-driver-postgresql"]
    assert (wrong.ok, wrong.found) == (False, said)
    assert "adbc-driver-postgresql==1.8.0" in wrong.todo and "make setup" in wrong.todo


def test_a_probe_that_breaks_does_not_hide_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode(_: Path) -> Usage:
        raise RuntimeError("no file system")

    monkeypatch.setattr(doctor.shutil, "disk_usage", explode)
    found = {f.name: f for f in examine(settings_of(tmp_path))}
    assert "no file system" in found["disk"].found
    assert "jira" in found
