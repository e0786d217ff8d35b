"""The words of the knowledge graph: kinds, relations, domains and who may relate to whom.

Only vocabulary belongs here; reading files is `reader.py`, checking is `compile.py`.
A relation reads as a sentence from left to right: *metric grounds claim*,
*hypothesis predicts metric*, *workstream addresses mechanism*.
"""

from __future__ import annotations

DATA_KINDS = frozenset({"datasource", "query", "observation", "signal", "metric"})
KNOWLEDGE_KINDS = frozenset({"claim", "hypothesis", "mechanism", "pattern"})
GOVERNANCE_KINDS = frozenset({"decision", "risk", "question", "workstream"})
KINDS = DATA_KINDS | KNOWLEDGE_KINDS | GOVERNANCE_KINDS

DOMAINS = frozenset(
    {
        "billing-lifecycle",
        "collection",
        "credits",
        "usage",
        "dunning",
        "fraud",
        "honest-invoicing",
        "reconciliation",
        "migration",
        "access",
        "customer",
        "reference",
        "registrar",
        "bq-observations",
        "digest-observations",
    }
)

_ANY = KINDS

RELATIONS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "grounds": (DATA_KINDS | {"claim", "pattern", "mechanism"}, KNOWLEDGE_KINDS | {"risk"}),
    "predicts": (frozenset({"hypothesis"}), frozenset({"metric", "signal", "observation"})),
    "measures": (frozenset({"query", "metric", "signal"}), _ANY - {"datasource"}),
    "derives_from": (DATA_KINDS | KNOWLEDGE_KINDS, DATA_KINDS | KNOWLEDGE_KINDS),
    "supports": (_ANY - {"datasource"}, KNOWLEDGE_KINDS | GOVERNANCE_KINDS),
    "contradicts": (_ANY - {"datasource"}, KNOWLEDGE_KINDS | {"decision"}),
    "enables": (frozenset({"mechanism", "decision", "workstream", "risk"}), _ANY - DATA_KINDS),
    "triggers": (
        frozenset({"mechanism", "signal", "risk", "pattern"}),
        _ANY - {"datasource", "query"},
    ),
    "contains": (
        frozenset({"workstream", "mechanism", "pattern", "datasource"}),
        _ANY,
    ),
    "complicates": (KNOWLEDGE_KINDS | GOVERNANCE_KINDS, KNOWLEDGE_KINDS | GOVERNANCE_KINDS),
    "addresses": (
        frozenset({"workstream", "decision", "mechanism", "hypothesis"}),
        KNOWLEDGE_KINDS | GOVERNANCE_KINDS,
    ),
    "supersedes": (_ANY, _ANY),
}
"""relation → (kinds it may start from, kinds it may end at)."""

FIELDS = frozenset(
    {
        "id",
        "kind",
        "title",
        "statement",
        "metric",
        "claim",
        "code_reference",
        "unit",
        "is_simulated",
    }
)
"""Fields of an authored node; every other key must be a relation with a list of targets."""
