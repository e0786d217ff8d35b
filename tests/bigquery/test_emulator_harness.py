"""What `make test-bigquery` says when it cannot run, and how it compares."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from tests.bigquery import emulator, emulator_proof


def test_a_missing_interpreter_has_an_exit_code_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(emulator, "HOME", tmp_path)
    monkeypatch.setattr(emulator.shutil, "which", lambda _: None)
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setenv("PAYGO_PYTHON313", "/bin/false")
    monkeypatch.setattr("sys.argv", ["proof"])
    assert emulator_proof.main() == 69
    assert "Python 3.13" in capsys.readouterr().err


def test_values_are_compared_by_meaning() -> None:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    assert emulator_proof.plain(at) == emulator_proof.plain(at.replace(tzinfo=None))
    assert emulator_proof.plain(Decimal("1.500000000")) == emulator_proof.plain(1.5) == "1.5"
    assert emulator_proof.plain(100) == "100"
    assert emulator_proof.plain([None, "a"]) == ["", "a"]
    assert emulator_proof.plain([]) is None
    assert emulator_proof.plain(True) is True
    assert emulator_proof.plain("1.50") == "1.50"
