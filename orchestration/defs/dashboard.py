"""The State of the Union page as an asset, downstream of every reporting model."""

from collections.abc import Sequence
from typing import cast

import dagster as dg

from orchestration.defs.runtime import RUNTIME, WRITING, Runtime

PAGE_KEY = dg.AssetKey(["state_of_the_union"])


def page_asset(reporting: Sequence[dg.AssetKey]) -> dg.AssetsDefinition:
    """Build the page's asset on top of the given reporting models."""

    @dg.asset(
        key=PAGE_KEY,
        deps=list(reporting),
        group_name="dashboards",
        pool=WRITING,
        required_resource_keys={RUNTIME},
        description="The page: every figure with its query, sources, owner and status.",
    )
    def state_of_the_union(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        from dashboards.build import build_site

        runtime = cast(Runtime, getattr(context.resources, RUNTIME))
        with runtime.warehouse() as warehouse:
            report = build_site(warehouse, runtime.settings, runtime.as_ofs[-1])
        return dg.MaterializeResult(
            metadata={
                "page": dg.MetadataValue.path(report.path),
                "edition": report.edition_id,
                "claims": report.claims,
                "broken_claims": len(report.broken),
            }
        )

    return state_of_the_union
