"""The seeded world: accounts over all stores, evolving day by day, with planted faults."""

from .run import SCENARIOS, WorldInfo, generate, refuse_impossible

__all__ = ["SCENARIOS", "WorldInfo", "generate", "refuse_impossible"]
