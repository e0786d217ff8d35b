"""The verbs of `paygo`, a module an area; `orchestration.cli` joins them."""
