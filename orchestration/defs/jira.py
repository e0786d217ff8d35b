"""Raw assets of the jira source."""

from __future__ import annotations

from orchestration.defs.raw import source_assets

ASSETS = [source_assets("jira")]
