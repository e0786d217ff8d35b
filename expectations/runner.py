"""Judging the evidence with Great Expectations, and writing the verdicts down.

Belongs here: suites, verdicts, `ops.check_results`. Does not: queries (`evidence`).

GX passes silently on an empty batch, on NULLs and on a missing bound; so whatever could not
be looked at is `broken` before GX sees it, and what GX does not answer is `broken` after.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expectations.catalogue import Metric, load_catalogue
from expectations.checks import Check, Verdict, all_checks
from expectations.evidence import Evidence, Reader, gather

if TYPE_CHECKING:
    from orchestration.warehouse.base import Warehouse


@dataclass(frozen=True)
class CheckResult:
    """Verdict on one check; `message` says why it is not passed, empty when it is."""

    check: Check
    verdict: Verdict
    observed: str
    message: str
    evidence_as_of: datetime | None

    def row(self, run_id: str, evaluated_at: datetime) -> dict[str, Any]:
        """Return the row of `ops.check_results` (times UTC without zone)."""
        return {
            "run_id": run_id,
            "check_id": self.check.check_id,
            "suite": self.check.suite,
            "subject_kind": self.check.subject_kind,
            "subject": self.check.subject,
            "rule": self.check.rule,
            "expectation": self.check.expectation,
            "observed": self.observed,
            "verdict": self.verdict,
            "message": self.message,
            "evidence_as_of": self.evidence_as_of,
            "evaluated_at": evaluated_at.astimezone(UTC).replace(tzinfo=None),
        }


def run_checks(
    reader: Reader, now: datetime, metrics: tuple[Metric, ...] | None = None
) -> list[CheckResult]:
    """Gather evidence from the warehouse and judge every check, at the moment `now`."""
    catalogue = load_catalogue() if metrics is None else metrics
    return judge(gather(reader, all_checks(catalogue), catalogue, now))


def record(
    warehouse: Warehouse, results: Iterable[CheckResult], run_id: str, now: datetime
) -> None:
    """Write the verdicts; evaluating the same check at the same moment again replaces them."""
    rows = [result.row(run_id, now) for result in results]
    warehouse.replace_ops("check_results", rows, key=("check_id", "evaluated_at"))


def write_docs(
    reader: Reader, now: datetime, folder: Path, metrics: tuple[Metric, ...] | None = None
) -> Path:
    """Write GX's Data Docs about every check that can look; returns their first page."""
    from expectations.gx_suites import write_data_docs

    catalogue = load_catalogue() if metrics is None else metrics
    evidence = gather(reader, all_checks(catalogue), catalogue, now)
    return write_data_docs([e for e in evidence if not problem_of(e)], folder)


def judge(evidence: Sequence[Evidence]) -> list[CheckResult]:
    """Return one verdict a piece of evidence, in order. GX judges all that can be looked at."""
    problems = {e.check.check_id: problem_of(e) for e in evidence}
    visible = [e for e in evidence if not problems[e.check.check_id]]
    answers: dict[str, bool | str] = {}
    for kind in ("metric", "stream"):
        if mine := [e for e in visible if e.check.subject_kind == kind]:
            answers.update(_validate(f"{kind}s", mine))
    results = []
    for item in evidence:
        problem = problems[item.check.check_id]
        answer = problem or answers.get(item.check.check_id, "GX gave no answer for this check")
        results.append(_result(item, answer))
    return results


def problem_of(item: Evidence) -> str:
    """Return why a piece of evidence cannot be judged; empty when it can."""
    if item.problem:
        return item.problem
    for name in ("observed_low", "observed_high"):
        value = getattr(item, name)
        if value is None or math.isnan(value):
            return f"all NULL: {name} has no value"
    for name in ("lower", "upper"):
        value = getattr(item, name)
        if value is None or math.isnan(value):
            return f"parameter missing: the check has no {name} bound"
    return ""


def _result(item: Evidence, answer: bool | str) -> CheckResult:
    low, high = _text(item.observed_low), _text(item.observed_high)
    observed = low if low == high else f"{low} to {high}"
    if isinstance(answer, str):
        return CheckResult(item.check, "broken", observed, answer, item.as_of)
    if answer:
        return CheckResult(item.check, "passed", observed, "", item.as_of)
    wanted = f"between {_text(item.lower)} and {_text(item.upper)}"
    message = f"{item.check.expectation}: observed {observed}, expected {wanted}"
    return CheckResult(item.check, "failed", observed, message, item.as_of)


def _text(value: Any) -> str:
    if value is None:
        return ""
    number = float(value)
    if math.isinf(number):
        return "no limit"
    return str(int(number)) if number.is_integer() else f"{number:.6f}".rstrip("0")


def _validate(suite_name: str, evidence: list[Evidence]) -> dict[str, bool | str]:
    """Validate one batch, a row a check; True or False a check, or why GX could not tell.

    Two expectations judge all checks of a kind of subject: one expectation a check, as Data Docs
    show them by suite, costs many times the time of the whole stage and answers the same.
    """
    import pandas as pd

    frame = pd.DataFrame(
        {
            "check_id": [e.check.check_id for e in evidence],
            "lower": [float(e.lower or 0) for e in evidence],
            "observed_low": [float(e.observed_low or 0) for e in evidence],
            "observed_high": [float(e.observed_high or 0) for e in evidence],
            "upper": [float(e.upper or 0) for e in evidence],
        }
    )
    pairs = (("observed_low", "lower"), ("upper", "observed_high"))
    try:
        results = _gx_pairs(suite_name, frame, pairs)
    except Exception as error:  # GX itself failing must not look like a pass
        return dict.fromkeys(frame["check_id"], f"GX could not run: {error}")
    return _answers(list(frame["check_id"]), results)


def _gx_pairs(suite_name: str, frame: Any, pairs: Sequence[tuple[str, str]]) -> list[Any]:
    """Return GX's results of `A >= B` for each pair of columns."""
    import great_expectations as gx
    from great_expectations import expectations as gxe

    from expectations.gx_suites import memory_context

    context = memory_context()
    suite = gx.ExpectationSuite(
        name=suite_name,
        expectations=[
            gxe.ExpectColumnPairValuesAToBeGreaterThanB(
                column_A=a, column_B=b, or_equal=True, ignore_row_if="neither"
            )
            for a, b in pairs
        ],
    )
    asset = context.data_sources.add_pandas("evidence").add_dataframe_asset(suite_name)
    definition = asset.add_batch_definition_whole_dataframe("all")
    batch = definition.get_batch({"dataframe": frame})
    outcome = batch.validate(
        suite,
        result_format={"result_format": "COMPLETE", "unexpected_index_column_names": ["check_id"]},
    )
    return list(outcome.results)


def _answers(check_ids: list[str], results: list[Any]) -> dict[str, bool | str]:
    answers: dict[str, bool | str] = dict.fromkeys(check_ids, True)
    if not results:
        return dict.fromkeys(check_ids, "GX returned no result")
    for result in results:
        details = result.result or {}
        if details.get("element_count") != len(check_ids):
            error = _exception(result) or "GX did not look at every row"
            return dict.fromkeys(check_ids, error)
        for row in details.get("unexpected_index_list") or []:
            answers[row["check_id"]] = False
        if not result.success and not details.get("unexpected_index_list"):
            return dict.fromkeys(check_ids, "GX failed the suite without naming a row")
    return answers


def _exception(result: Any) -> str:
    info = result.exception_info or {}
    nested = [info, *(v for v in info.values() if isinstance(v, dict))]
    messages = [i.get("exception_message") for i in nested if i.get("exception_message")]
    return f"GX could not run: {messages[0]}" if messages else ""
