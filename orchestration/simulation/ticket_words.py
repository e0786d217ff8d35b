"""Words of simulated tickets: draws texts from the scenario files beside it.

How many tickets there are, when, and what becomes of them is not decided here.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import yaml

_FOLDER = Path(__file__).parent / "ticket_data"
_SCENARIO_FILES = ("lifecycle.yml", "money.yml", "access.yml", "other.yml")
_TOLD_WHOLE, _EACH_STORY = 0.5, 0.1
"""Share of tickets told as whole stories where the scenario has such in that language, at most;
and the share of each story, so that a single one is not heard too often."""
_LANGUAGES = ("en", "de", "es", "pt", "fr")


@dataclass(frozen=True)
class Scenario:
    """One kind of story: its category, its pattern (or none), and texts a language."""

    name: str
    category: str
    pattern: str | None
    texts: dict[str, dict[str, Any]]
    stories: dict[str, list[tuple[str, str]]]
    """Whole (title, text) pairs a language, beside the texts that are put together."""


@cache
def frame() -> dict[str, Any]:
    """Return slot fillers, noise words and the calendar of planted patterns."""
    loaded: dict[str, Any] = yaml.safe_load((_FOLDER / "frame.yml").read_text("utf-8"))
    return loaded


@cache
def scenarios() -> tuple[Scenario, ...]:
    """Return every scenario in file order."""
    found: list[Scenario] = []
    stories = yaml.safe_load((_FOLDER / "stories.yml").read_text("utf-8"))
    for name in _SCENARIO_FILES:
        for entry in yaml.safe_load((_FOLDER / name).read_text("utf-8")):
            texts = {language: entry[language] for language in _LANGUAGES if language in entry}
            told: dict[str, list[tuple[str, str]]] = {}
            for language, title, text in stories.pop(entry["scenario"], []):
                told.setdefault(language, []).append((title, text))
            found.append(
                Scenario(entry["scenario"], entry["category"], entry.get("pattern"), texts, told)
            )
    if stories:
        raise ValueError(f"stories.yml tells of unknown scenarios: {', '.join(stories)}")
    return tuple(found)


def scenarios_for(category: str, pattern: str | None) -> list[Scenario]:
    """Return the scenarios of a category that carry exactly this pattern (None: no pattern)."""
    return [s for s in scenarios() if s.category == category and s.pattern == pattern]


def write_text(
    draw: random.Random, scenario: Scenario, created: datetime, blocked: bool
) -> tuple[str, str]:
    """Return (summary, description) of one ticket; same random state, same words."""
    weights = frame()["languages"]
    languages = [n for n in _LANGUAGES if n in scenario.texts or n in scenario.stories]
    language = draw.choices(languages, [weights[name] for name in languages])[0]
    texts = scenario.texts.get(language)
    slots = _slots(draw, created, language)
    told = scenario.stories.get(language, [])
    if texts is None or draw.random() < min(_TOLD_WHOLE, _EACH_STORY * len(told)):
        title, text = draw.choice(told)
        ending = "" if scenario.category == "unclassified" else _ending(draw, language, blocked)
        return title.format(**slots), "\n".join(filter(None, (text.format(**slots), ending)))
    sentences = [draw.choice(part) for part in texts["parts"]]
    if len(sentences) > 2 and draw.random() < 0.4:
        del sentences[draw.randrange(2, len(sentences))]
    if scenario.category != "unclassified":
        sentences.append(_ending(draw, language, blocked))
    opener = draw.choice(frame()["openers"][language])
    closer = draw.choice(frame()["closers"][language])
    separator = draw.choice([" ", " ", " ", "\n", "\n- "])
    body = separator.join(s for s in sentences if s)
    text = "\n".join(piece for piece in (opener, body, closer) if piece)
    return draw.choice(texts["titles"]).format(**slots), text.format(**slots)


def _ending(draw: random.Random, language: str, blocked: bool) -> str:
    ending: str = draw.choice(frame()["blocked" if blocked else "unblocked"][language])
    return ending


def _slots(draw: random.Random, created: datetime, language: str) -> dict[str, str]:
    fillers = frame()["fillers"]
    day = created - timedelta(days=draw.randrange(1, 20))
    cents = draw.randrange(500, 90000)
    currency = draw.choice(fillers["currency"])
    formats = {"en": f"{day.day} {day:%b}", "de": f"{day:%d.%m.}"}
    return {
        "product": draw.choice(fillers["product"]),
        "plan": draw.choice(fillers["plan"]),
        "badstate": draw.choice(fillers["badstate"]),
        "country": draw.choice(fillers["country"]),
        "who": draw.choice(fillers["who"]),
        "date": formats.get(language, f"{day:%d/%m}"),
        "amount": f"{cents // 100}.{cents % 100:02d} {currency}",
        "amount2": f"{cents // 250}.{cents % 100:02d} {currency}",
        "n": str(draw.randrange(2, 40)),
        "acct": f"{draw.randrange(16**8):08x}",
        "inv": f"in_SIM{draw.randrange(16**5):05x}",
    }
