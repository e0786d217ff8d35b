"""The alert evaluation as an asset: it reads reporting models and keeps the incidents."""

from typing import cast

import dagster as dg

from orchestration.defs.quality import STATUS_KEY
from orchestration.defs.runtime import RUNTIME, Runtime

ALERTS_KEY = dg.AssetKey(["alerts", "incidents"])


@dg.asset(
    key=ALERTS_KEY,
    deps=[STATUS_KEY],
    group_name="alerts",
    required_resource_keys={RUNTIME},
    description="Open incidents, one a cause, and their delivery.",
)
def incidents(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    """Evaluate the policy, record incidents, deliver what is new; fail when delivery failed."""
    from orchestration.alerting.evaluate import evaluate_alerts

    runtime = cast(Runtime, getattr(context.resources, RUNTIME))
    with runtime.warehouse() as warehouse:
        report = evaluate_alerts(warehouse, runtime.settings, runtime.as_ofs[-1])
    if report.failures:
        raise dg.Failure("; ".join(report.failures), allow_retries=False)
    return dg.MaterializeResult(
        metadata={
            "open": len(report.open),
            "opened": len(report.opened),
            "resolved": len(report.resolved),
        }
    )
