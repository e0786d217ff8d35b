"""What a ticket's text says: concepts found, with the matched words and their place.

Labels and components are not looked at: they are noise. Weighing is done elsewhere.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Literal

from orchestration.tickets.phrases import fold
from orchestration.tickets.rulebook import Concept, Rulebook

Place = Literal["summary", "description"]
_TITLE_ALONE = 0.7
"""Weight of what only the title says: titles mislead, bodies decide."""
_MAX_CHARACTERS = 20_000
"""Of a description this much is read; what a ticket is about stands long before that."""
_MOST_COUNTED = 4

_NEGATION = re.compile(
    r"(?:(?<!\w)(?:not|no|never|nobody|none|neither|nor|without|isnt|wasnt|cannot|hardly|"
    r"nicht|kein\w*|nie|niemals|ohne|nunca|ni|sin|jamas|ningun\w*|nao|sem|nem|nenhum\w*|"
    r"pas|jamais|aucun\w*|sans|ne)|n't)"
    r"(?:[ *\"'/(-]+[\w']+){0,2}[ *\"'/(-]+$"
)
_NOT_ONLY = re.compile(r"\b(?:not|nicht|no|nao|non|pas) (?:only|just|nur|solo|so|seulement)\b")
_STOP_WORDS = {
    "de": "der die das und ist nicht ein eine wird wurde hat sich mit auf den dem von bei fur im "
    "kunde kundin wir er sie es auch aber noch seit trotz nach bitte steht zu werden konto "
    "rechnung rechnungen zahlung karte bezahlt gesperrt weiterhin abo kauf bestellung erstattung",
    "es": "el la los las que en un una por con se no del al para le su ya es esta pero cliente "
    "cuenta y sin desde hay tiene lo sigue fue factura facturas pago tarjeta cobro suscripcion "
    "compra pedido reembolso dominio pagado activa",
    "pt": "o a os as que em um uma por com se nao do da no na para ele foi esta mas cliente conta "
    "e sem desde ha tem ao dos ja ainda pelo fatura faturas pagamento cartao cobranca assinatura "
    "compra pedido reembolso dominio pago",
    "fr": "le la les que en un une par avec se ne pas du des pour il elle est mais client compte "
    "et sans depuis il a ete au sur son sa dans qui chez facture factures paiement carte "
    "abonnement achat commande remboursement domaine paye",
}
_STOPS = {language: frozenset(words.split()) for language, words in _STOP_WORDS.items()}
_ENGLISH_WORDS = (
    "the and is not a an was has with on of to for in it he she they but still at this that be "
    "are have his after since from customer we i"
)
_ENGLISH = frozenset(_ENGLISH_WORDS.split())
_COMMON_WORDS = (
    "about again also any been being but can could did does doesn don done each else even get gets "
    "got had her him his how its itself just last like may more most much nor now once one only "
    "other our out over own please same says said should some such than thanks that their them "
    "then there these those too two until upon was well were what when where which while who why "
    "will would yet you your acct"
)
STOP_WORDS = frozenset(w for words in _STOP_WORDS.values() for w in words.split())
STOP_WORDS |= _ENGLISH | frozenset(_COMMON_WORDS.split())
"""Words that say nothing about what a ticket is about, of all languages."""
_WORD = re.compile(r"[^\W\d]+")


@dataclass(frozen=True)
class Match:
    """One concept found: the original words and where they begin (0-based character)."""

    concept: str
    is_negated: bool
    text: str
    place: Place
    offset: int

    @property
    def feature(self) -> str:
        """Name of the feature it counts for."""
        return f"not {self.concept}" if self.is_negated else self.concept


@dataclass(frozen=True)
class Evidence:
    """All matches (first one per feature and place) and the value of each feature."""

    matches: tuple[Match, ...]
    values: dict[str, float]

    def first(self, feature: str) -> Match | None:
        """Return the match that stands for a feature: in the description when there is one."""
        chosen = None
        for match in self.matches:
            if match.feature == feature:
                chosen = match
        return chosen


def languages_of(folded: str) -> tuple[str, ...]:
    """Return the languages whose phrases apply: English always, and the one that is spoken."""
    words = _WORD.findall(folded[:4000])
    if not words:
        return ("en",)
    said = Counter(words)
    english = sum(said[word] for word in _ENGLISH & said.keys())
    counts = {
        language: sum(said[word] for word in stops & said.keys())
        for language, stops in _STOPS.items()
    }
    best = max(counts.values())
    if best < max(1, english) or best < 0.1 * len(words):
        return ("en",)
    return ("en", *(name for name, count in counts.items() if count >= 0.8 * best))


def read(rulebook: Rulebook, summary: str, description: str) -> Evidence:
    """Return what summary and description say."""
    texts: list[tuple[Place, str]] = [
        ("summary", summary),
        ("description", description[:_MAX_CHARACTERS]),
    ]
    folded = {place: fold(text) for place, text in texts}
    spoken = languages_of("\n".join(folded.values()))
    matches: list[Match] = []
    for place, text in texts:
        matches.extend(_find(rulebook, place, text, folded[place], spoken))
    has_body = bool(description.strip())
    values: dict[str, float] = {}
    for match in matches:
        weight = _TITLE_ALONE if match.place == "summary" and has_body else 1.0
        values[match.feature] = max(weight, values.get(match.feature, 0.0))
    for concept in rulebook.concepts:
        if concept.is_counted and concept.name in values:
            words = {fold(m.text) for m in matches if m.concept == concept.name}
            values[concept.name] = 0.5 * min(len(words), _MOST_COUNTED)
    said = frozenset(values)
    for feature, rule in rulebook.rules_by_feature.items():
        if rule.holds(said):
            values[feature] = 1.0
    return Evidence(tuple(matches), values)


def _find(
    rulebook: Rulebook, place: Place, text: str, folded: str, spoken: tuple[str, ...]
) -> list[Match]:
    """First plain and first negated match of each concept; of counted ones up to four wordings."""
    found: dict[tuple[int, bool, str], Match] = {}
    counts: Counter[int] = Counter()
    done: set[int] = set()
    for language in spoken:
        for number, start, end in rulebook.indexes[language].hits(folded, done):
            concept = rulebook.concepts[number]
            negated = concept.is_negatable and _is_negated(folded, start)
            key = (number, negated, folded[start:end] if concept.is_counted else "")
            if key in found:
                continue
            found[key] = Match(concept.name, negated, text[start:end], place, start)
            counts[number] += 1
            if counts[number] == _most(concept):
                done.add(number)
    return list(found.values())


def _most(concept: Concept) -> int:
    if concept.is_counted:
        return _MOST_COUNTED
    return 2 if concept.is_negatable else 1


def _is_negated(folded: str, start: int) -> bool:
    before = folded[max(0, start - 50) : start]
    return bool(_NEGATION.search(before)) and not _NOT_ONLY.search(before)
