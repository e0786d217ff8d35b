"""Classifies many tickets, in several processes when there are enough of them to pay for it.

The answers and their order do not depend on the number of processes.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from orchestration.tickets.classifier import Classification, classify, load_model

FEWEST = 10_000
"""Below this, starting processes (each reads the rules) takes longer than it saves."""
_CHUNK = 1_000

Text = tuple[str, str]


def classify_all(texts: Sequence[Text], processes: int | None = None) -> list[Classification]:
    """Return one verdict a (summary, description), in order.

    `processes` None: as many as there are processors from `FEWEST` tickets on, else one.
    """
    wanted = processes or (os.cpu_count() or 1 if len(texts) >= FEWEST else 1)
    if wanted == 1:
        return _part(texts)
    parts = [texts[start : start + _CHUNK] for start in range(0, len(texts), _CHUNK)]
    # Spawned, not forked: the caller may hold threads and an open warehouse.
    with ProcessPoolExecutor(wanted, mp_context=get_context("spawn")) as pool:
        return [verdict for part in pool.map(_part, parts) for verdict in part]


def _part(texts: Sequence[Text]) -> list[Classification]:
    model = load_model()
    return [classify(model, summary, description) for summary, description in texts]
