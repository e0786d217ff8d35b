"""Every check, declared once: what it is called, what it looks at, what must hold.

Belongs here: the list that suites, results and Dagster's check specs share. Does not:
queries (`evidence`) or judgement (`runner`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from expectations.catalogue import Metric, load_catalogue
from orchestration.sources.contract import CONTRACT

Subject = Literal["metric", "stream"]
Verdict = Literal["passed", "failed", "broken"]

METRIC_RULES = {
    "freshness": "age of the oldest stream's evidence in hours is within the window",
    "completeness": "days between the last observation and the last complete day are 0",
    "volume": "days between first and last observation without a value are 0",
    "bounds": "observed values are not below 0, and not above the accounts that exist",
    "anomaly": "the last value lies where level, weekday and edge of the month put it",
}
STREAM_RULES = {
    "freshness": "age of the stream's completeness horizon in hours is within the window",
    "schema": "columns that are missing or of another type than the contract's are 0",
    "key": "row versions with an empty or repeated key at one moment are 0",
    "volume": "row versions in the table differ by 0 from those in the ledger",
}

WRONG_NUMBER_RULES = {
    ("metric", "bounds"): "a value that cannot be: below 0 or above the accounts that exist",
    ("stream", "key"): "a row version counts twice, or is nobody's",
    ("stream", "volume"): "rows were lost or added after their load",
    ("stream", "schema"): "a column that models read is missing or holds other values",
}
"""Kind and rule of the checks whose failure means that a number may be wrong, and why: the page is
held back and the alert is critical. The others say how old, how unusual or (a metric's volume: a
day without a value, which stays a hole) how complete right numbers are."""

NO_OBSERVATION = "empty: the metric has no observation"
"""Message of a metric's check that had nothing to look at."""


@dataclass(frozen=True)
class Check:
    """One rule on one subject; `check_id` is stable over runs."""

    subject_kind: Subject
    subject: str
    rule: str
    expectation: str

    @property
    def check_id(self) -> str:
        return f"{self.subject_kind}.{self.rule}.{self.subject}"

    @property
    def suite(self) -> str:
        """Checks of one rule on one kind of subject: they look through the same query."""
        return f"{self.subject_kind}_{self.rule}"


def all_checks(metrics: tuple[Metric, ...] | None = None) -> tuple[Check, ...]:
    """Return the checks of every metric of the catalogue and every table of the contract."""
    catalogue = load_catalogue() if metrics is None else metrics
    return (
        *(
            Check("metric", metric.metric_id, rule, text)
            for rule, text in METRIC_RULES.items()
            for metric in catalogue
        ),
        *(
            Check("stream", table.stream, rule, text)
            for rule, text in STREAM_RULES.items()
            for table in CONTRACT
        ),
    )
