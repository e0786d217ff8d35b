"""Raw asset of the ticket classifications; it reads the issues that have landed."""

from __future__ import annotations

from orchestration.defs.raw import raw_key, source_assets
from orchestration.sources.contract import table

ASSETS = [source_assets("tickets", deps=[raw_key(table("jira.issues"))])]
