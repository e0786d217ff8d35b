"""The code location that Dagster loads: everything of `orchestration.defs`, nothing of its own."""

from __future__ import annotations

from orchestration.defs.stages import build_definitions
from orchestration.settings import Settings

defs = build_definitions(Settings.load())
