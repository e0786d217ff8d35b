"""`paygo docs`: every model on one page that needs no server."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.conftest import DemoHome, run_paygo


@pytest.mark.full
def test_the_models_are_documented_on_one_page(demo_home: DemoHome, tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "run").mkdir(parents=True)
    for name in ("warehouse.duckdb", "run/warehouse.duckdb", "settings.env"):
        shutil.copyfile(demo_home.home / name, home / name)
    done = run_paygo(home, "docs")
    assert done.returncode == 0, done.stderr
    page = Path(done.stdout.strip())
    assert page == (home / "docs" / "index.html").resolve()
    text = page.read_text(encoding="utf-8")
    assert "fct_account_timeline" in text
    assert [p.name for p in page.parent.iterdir()] == ["index.html"]
