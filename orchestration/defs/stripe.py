"""Raw assets of the stripe source."""

from __future__ import annotations

from orchestration.defs.raw import source_assets

ASSETS = [source_assets("stripe")]
