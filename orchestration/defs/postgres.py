"""Raw assets of the three PostgreSQL databases: engine, billing and core."""

from __future__ import annotations

from orchestration.defs.raw import source_assets

ASSETS = [source_assets(source) for source in ("engine", "billing", "core")]
