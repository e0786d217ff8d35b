"""Made-up names and addresses (example.com only)."""

from __future__ import annotations

import random

_FIRST = ("Ada", "Bo", "Cleo", "Dara", "Eli", "Fay", "Gil", "Hana", "Ivo", "Juno", "Kit", "Lou")
_LAST = ("Ashby", "Birch", "Cole", "Dune", "Elm", "Frost", "Grove", "Hale", "Iris", "Jarl")


def person(rng: random.Random) -> tuple[str, str]:
    """A name and an e-mail address at example.com."""
    first, last = rng.choice(_FIRST), rng.choice(_LAST)
    return f"{first} {last}", f"{first}.{last}.{rng.randrange(10**6)}@example.com".lower()
