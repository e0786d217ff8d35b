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
    "grounds": (
        DATA_KINDS | {"claim", "pattern", "mechanism"},
        KNOWLEDGE_KINDS | {"risk", "observation", "signal"},
    ),
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

INVERSES = {"grounded_by": "grounds", "contradicted_by": "contradicts"}
"""The same relation written at its other end, by the node that it enters."""

EVIDENCE = ("grounds", "derives_from")
"""Relations that carry evidence; together they may not run in a circle."""

LONGEST_CHAIN = 100
"""Steps of `grounds` from a metric that count; the models follow as many, no file may have more."""

DIRECTIONS = frozenset({"down", "up"})

TEXT_FIELDS = {
    "id": "Unique name: the kind, a dot, and words in lower case.",
    "kind": "What the node is.",
    "title": "Name for people.",
    "statement": "What the node says. A claim, a hypothesis and a question need one.",
    "metric": "Metric of the catalogue that a metric node stands for.",
    "claim": "Claim of the page whose query yields the number of this claim.",
    "query": "SELECT over reporting models that yields the number of this claim.",
    "unit": "Unit of the number.",
    "tolerance": "Difference that still counts as reproduced: `2 %` or `0.5`; none is exact.",
    "code_reference": "Code that a mechanism points to.",
    "is_simulated": "true for a node that fills the demonstration.",
    "dimension": "Part of the predicted metric, such as `new` or a ticket category.",
    "direction": "Way in which a hypothesis says the metric moves.",
    "size": "How far: `by 20 %`, `by 5` or `to 0`.",
    "window_days": "Complete days after the delivery within which the prediction must come true.",
    "stated_on": "Day on which the hypothesis was stated.",
    "shipped_on": "Day on which a workstream was delivered.",
    "certified_by": "Team that certified the claim.",
    "certified_on": "Day of the certification.",
    "certified_definition": "Evidence hash at the certification (`paygo graph certify` says it).",
}
"""Fields of an authored node; every other key must be a relation with a list of targets."""

FIELDS = frozenset(TEXT_FIELDS)
CERTIFICATE = ("certified_by", "certified_on", "certified_definition")
PREDICTION = ("direction", "size", "window_days")
KIND_OF_FIELD = {
    "metric": frozenset({"metric"}),
    "claim": frozenset({"claim"}),
    "query": frozenset({"claim", "query", "observation"}),
    "tolerance": frozenset({"claim"}),
    "dimension": frozenset({"hypothesis"}),
    "direction": frozenset({"hypothesis"}),
    "size": frozenset({"hypothesis"}),
    "window_days": frozenset({"hypothesis"}),
    "stated_on": frozenset({"hypothesis", "claim", "question"}),
    "shipped_on": frozenset({"workstream"}),
    "certified_by": frozenset({"claim"}),
    "certified_on": frozenset({"claim"}),
    "certified_definition": frozenset({"claim"}),
}
"""Fields that only some kinds may carry."""
