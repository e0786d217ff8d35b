"""Where settings come from: the environment, `.env`, a demo's home; and that these never mix."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from orchestration.demo import refuse_sources, write_settings
from orchestration.errors import PermanentFailure
from orchestration.settings import ORIGIN, Settings
from tests.unit.commands.test_doctor import settings_of

ROOT = Path(__file__).parents[3]
SIMULATED = {
    "PAYGO_STRIPE_API_BASE": "http://127.0.0.1:1",
    "PAYGO_STRIPE_API_KEY": "rk_test_simulated",
    **{f"PAYGO_{n}_DSN": f"postgresql://127.0.0.1/{n.lower()}" for n in ("ENGINE", "BILLING")},
    "PAYGO_CORE_DSN": "postgresql:///core?host=/a b/postgres",
    "PAYGO_JIRA_BASE_URL": "http://127.0.0.1:1",
    "PAYGO_JIRA_EMAIL": "extraction@example.com",
    "PAYGO_JIRA_API_TOKEN": "simulated",
    "PAYGO_HASH_KEY": "simulated",
    "PAYGO_GRAPH_FOLDER": "/graph",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory of the commands, without a `.env` or a variable of the caller's."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("PAYGO_")]:
        monkeypatch.delenv(name)
    return tmp_path


@pytest.fixture
def demo(folder: Path) -> Path:
    """A home as `paygo demo` leaves it."""
    home = folder / ".paygo"
    home.mkdir()
    write_settings(settings_of(home), SIMULATED)
    return home


def test_a_demo_leads_later_commands_to_its_own_sources(demo: Path) -> None:
    settings = Settings.load()
    assert settings.now == "2026-03-24T06:00:00Z"
    assert settings.stripe_api_base == SIMULATED["PAYGO_STRIPE_API_BASE"]
    assert settings.core_dsn is not None
    assert settings.core_dsn.get_secret_value() == SIMULATED["PAYGO_CORE_DSN"]


@pytest.mark.parametrize("name", ORIGIN)
@pytest.mark.parametrize("by_file", [True, False])
def test_a_source_of_ones_own_never_joins_a_demo(
    demo: Path, monkeypatch: pytest.MonkeyPatch, name: str, by_file: bool
) -> None:
    variable = f"PAYGO_{name.upper()}"
    value = "bigquery" if name == "target" else "a-live-one"
    if by_file:
        Path(".env").write_text(f"{variable}={value}\n", "utf-8")
    else:
        monkeypatch.setenv(variable, value)
    with pytest.raises(PermanentFailure, match=rf"{variable} .*make clean.*PAYGO_HOME") as caught:
        Settings.load()
    assert "a-live-one" not in str(caught.value)
    assert getattr(Settings.load(demo.parent / "another"), name) is not None


def test_what_is_no_source_may_be_set_on_a_demo(demo: Path) -> None:
    Path(".env").write_text(
        "PAYGO_NOW=2026-03-24T07:00:00Z\nPAYGO_ALERT_URLS=json://localhost\nPAYGO_HASH_KEY=own\n"
        f"PAYGO_JIRA_CONNECTIONS=2\nPAYGO_JIRA_EMAIL={SIMULATED['PAYGO_JIRA_EMAIL']}\n",
        "utf-8",
    )
    settings = Settings.load()
    assert (settings.now, settings.jira_connections) == ("2026-03-24T07:00:00Z", 2)
    assert settings.stripe_api_base == SIMULATED["PAYGO_STRIPE_API_BASE"]


def test_the_demo_does_not_begin_beside_configured_sources(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_sources(Settings.load())
    monkeypatch.setenv("PAYGO_STRIPE_API_KEY", "rk_live_x")
    with pytest.raises(PermanentFailure, match="PAYGO_STRIPE_API_KEY") as caught:
        refuse_sources(Settings.load())
    assert "rk_live_x" not in str(caught.value)


def test_the_home_may_be_named_in_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("PAYGO_HOME=elsewhere\n", "utf-8")
    assert Settings.load().home == Path("elsewhere")
    monkeypatch.setenv("PAYGO_HOME", "first")
    assert Settings.load().home == Path("first")


def test_the_example_copied_as_it_is_changes_nothing(folder: Path) -> None:
    bare = Settings.load()
    Path(".env").write_text((ROOT / ".env.example").read_text("utf-8"), "utf-8")
    assert Settings.load() == bare


def test_the_example_names_every_setting_with_its_default() -> None:
    text = (ROOT / ".env.example").read_text("utf-8")
    shown = dict(re.findall(r"^(?:# )?PAYGO_([A-Z_]+)=(.*)$", text, re.M))
    fields = {name.upper(): field for name, field in Settings.model_fields.items()}
    del fields["RUN"]  # named by the run itself
    assert set(shown) == set(fields)
    for name, value in shown.items():
        default = fields[name].default
        if value:
            assert type(default)(value) == default, name
        else:
            assert default in ("", None), name


def test_every_setting_says_what_it_means() -> None:
    assert [n for n, field in Settings.model_fields.items() if not field.description] == []
