"""Follows the README's walkthrough "Add a pattern" to the letter, in a copy of the project."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import DemoHome

ROOT = Path(__file__).parents[2]
COPIED = ("orchestration", "dbt_project", "dashboards", "expectations")


def walkthrough() -> list[tuple[str, str]]:
    """The fenced blocks of the section, in order: (language, text)."""
    text = (ROOT / "README.md").read_text("utf-8")
    section = text.split("### Add a pattern\n", 1)[1].split("\n## ", 1)[0].split("\n### ", 1)[0]
    return re.findall(r"^```(\w+)\n(.*?)^```$", section, flags=re.M | re.S)


@pytest.fixture
def copy(tmp_path: Path, demo_home: DemoHome) -> Path:
    """The project with the demo's home in `.paygo`, and the same environment in `.venv`."""
    project = tmp_path / "project"
    skipped = shutil.ignore_patterns("target", "logs", "__pycache__")
    for name in COPIED:
        shutil.copytree(ROOT / name, project / name, ignore=skipped)
    shutil.copytree(demo_home.home, project / ".paygo", ignore=shutil.ignore_patterns("sources"))
    (project / ".venv").symlink_to(Path(sys.executable).parents[1])
    return project


def run(project: Path, command: str) -> str:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("PAYGO_")}
    done = subprocess.run(
        ["bash", "-euc", command],
        cwd=project,
        env={**inherited, "PYTHONPATH": str(project)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.full
def test_the_walkthrough_adds_a_pattern_that_counts(copy: Path) -> None:
    blocks = walkthrough()
    assert [language for language, _ in blocks] == ["sh", "yaml", "sh"]
    look, entry, rest = (text for _, text in blocks)
    assert "candidate-BILL-" in run(copy, look)
    patterns = copy / "orchestration/tickets/patterns.yml"
    patterns.write_text(patterns.read_text("utf-8") + entry, "utf-8")
    said = run(copy, rest)
    (pattern,) = re.findall(r"^  - id: (\w+)$", entry, flags=re.M)
    assert "patterns.yml: no mistake found" in said
    evidence = json.loads(
        run(copy, f".venv/bin/paygo tickets patterns --pattern {pattern} --json")
    )["evidence"]
    assert sum(entry["tickets"] for entry in evidence) >= 5
    assert all(entry["ticket_keys"] for entry in evidence)
    rows = json.loads(run(copy, ".venv/bin/paygo tickets patterns --json"))["patterns"]
    assert len(rows) == 20
    assert rows[-1]["pattern_id"] == pattern
