"""Great Expectations: suites generated from the checks, and Data Docs written from them.

One suite a rule and kind of subject. In Data Docs one expectation a check: its column holds the
lowest and the highest value observed, its bounds are the check's. Belongs here: what is made of
GX's classes. Does not: evidence, or what an answer of GX means (`runner`).
"""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from expectations.evidence import Evidence

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")


def memory_context() -> Any:
    """Return a context that leaves nothing behind."""
    import great_expectations as gx

    return _silent(gx.get_context(mode="ephemeral"))


def batch_definition(context: Any, suite_name: str) -> Any:
    """Return where the frame of a suite is handed in."""
    source = context.data_sources.add_or_update_pandas("evidence")
    return source.add_dataframe_asset(suite_name).add_batch_definition_whole_dataframe("all")


def frame(evidence: Sequence[Evidence]) -> Any:
    """Return one column a check with the lowest and highest value observed."""
    import pandas as pd

    return pd.DataFrame(
        {
            e.check.check_id: [float(e.observed_low or 0), float(e.observed_high or 0)]
            for e in evidence
        }
    )


def suite(name: str, evidence: Sequence[Evidence]) -> Any:
    """Return the suite of these checks, bounds from the catalogue, the contract and the series."""
    import great_expectations as gx
    from great_expectations import expectations as gxe

    return gx.ExpectationSuite(
        name=name,
        expectations=[
            gxe.ExpectColumnValuesToBeBetween(
                column=e.check.check_id,
                min_value=_bound(e.lower),
                max_value=_bound(e.upper),
                meta={"expectation": e.check.expectation, "evidence_as_of": str(e.as_of)},
            )
            for e in evidence
        ],
    )


def write_data_docs(evidence: Sequence[Evidence], folder: Path) -> Path:
    """Write GX's own pages about every suite below `folder`; returns the first page.

    Checks that could not look have no page: they are broken before GX sees them, and
    `paygo checks` lists them.
    """
    import great_expectations as gx

    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    context = _silent(gx.get_context(mode="file", project_root_dir=str(folder)))
    for name in dict.fromkeys(e.check.suite for e in evidence):
        mine = [e for e in evidence if e.check.suite == name]
        made = context.suites.add(suite(name, mine))
        definition = gx.ValidationDefinition(
            name=name, data=batch_definition(context, name), suite=made
        )
        checkpoint = gx.Checkpoint(
            name=name,
            validation_definitions=[context.validation_definitions.add(definition)],
            result_format="BASIC",
        )
        checkpoint.run(batch_parameters={"dataframe": frame(mine)})
    pages = context.build_data_docs()
    (first,) = pages.values()
    return Path(str(first).removeprefix("file://"))


def _bound(value: Any) -> float | None:
    number = float(value)
    return None if math.isinf(number) else number


def _silent(context: Any) -> Any:
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    return context
