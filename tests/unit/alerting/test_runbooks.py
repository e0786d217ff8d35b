"""Every incident's link leads to a page that exists, and every metric to its section."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import get_args

from orchestration.alerting.messages import runbook
from orchestration.alerting.policy import CauseKind
from orchestration.settings import Settings
from orchestration.workspace import CATALOGUE_CSV, REPOSITORY
from tests.unit.alerting.test_hold_and_routes import incident

BASE = Settings.model_fields["runbook_base"].default


def test_every_kind_of_cause_has_a_page() -> None:
    for kind in get_args(CauseKind):
        link = runbook(incident(cause_kind=kind), BASE).split("#")[0]
        assert (REPOSITORY / link).read_text(encoding="utf-8").startswith("# "), link
    assert (REPOSITORY / BASE / "dead_man.md").exists()


def test_every_metric_has_a_section() -> None:
    with Path(CATALOGUE_CSV).open(newline="") as file:
        metrics = [row["metric_id"] for row in csv.DictReader(file)]
    page = (REPOSITORY / BASE / "metric_level.md").read_text(encoding="utf-8")
    sections = [line[3:] for line in page.splitlines() if line.startswith("## ")]
    assert sections == metrics
    link = runbook(incident(cause_kind="metric_level", cause=metrics[0]), BASE)
    assert link.endswith(f"metric_level.md#{metrics[0]}")
