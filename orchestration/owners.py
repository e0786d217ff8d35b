"""Who answers for what no metric's owner answers for. Alert routes are keyed by owner.

Belongs here: the teams that are named in code, as dbt's groups call them. Does not: the owner of
a metric, who stands in the metric catalogue.
"""

from __future__ import annotations

PLATFORM_OWNER = "metrics-warehouse"
"""Answers for landing, time, the graph, the checker, delivery, and streams that no metric reads."""

SUPPORT_OWNER = "billing-support"
"""Answers for tickets."""
