"""Patterns of tickets: their file and its linter, detection, and candidates for new ones."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestration.cli import app
from orchestration.errors import PermanentFailure
from orchestration.simulation.ticket_texts import generate_tickets
from orchestration.tickets.candidates import Loose, group
from orchestration.tickets.classifier import classify, load_model
from orchestration.tickets.evidence import read
from orchestration.tickets.linting import lint_patterns
from orchestration.tickets.rulebook import CATEGORIES, PATTERNS_FILE, RULES_FILE, load_rulebook

README = Path(__file__).parents[3] / "README.md"
RULES = """\
concepts:
  refund_ask:
    votes: {refund: 1}
    en: ['refund*']
sure_at: 0.9
"""
GOOD = """\
cues:
  moon:
    en:
      - 'full moon*'
patterns:
  - id: at_full_moon
    category: refund
    title: At full moon
    description: Asked for by the light of it.
    cues:
      tide:
        de: ['flut']
    all: [moon, refund_ask]
    none: [tide]
"""


def written(tmp_path: Path, text: str, name: str = "patterns.yml") -> Path:
    path = tmp_path / name
    path.write_text(text, "utf-8")
    return path


def test_there_are_nineteen_patterns_each_with_all_its_parts() -> None:
    patterns = load_model().rulebook.patterns
    assert len(patterns) == len({p.pattern_id for p in patterns}) == 19
    assert {p.category for p in patterns} == set(CATEGORIES) - {"unclassified"}
    for pattern in patterns:
        assert pattern.title
        assert pattern.description.endswith(".")
        assert pattern.rule.all_of
        assert pattern.detection.startswith("says ")


def test_a_pattern_file_adds_cues_and_patterns_to_the_rules(tmp_path: Path) -> None:
    book = load_rulebook(written(tmp_path, RULES, "rules.yml"), written(tmp_path, GOOD))
    (pattern,) = book.patterns
    assert pattern.detection == "says moon and refund_ask, but not tide"
    assert book.features()[-1] == "pattern at_full_moon"
    assert "moon" not in book.features()
    assert book.version != load_rulebook(written(tmp_path, RULES, "other.yml")).version


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("'full moon*'", "'(full'", 4, "not a valid phrase"),
        ("category: refund", "category: lunar", 7, "category 'lunar'"),
        ("category: refund", "category: unclassified", 7, "category 'unclassified'"),
        ("    title: At full moon\n", "", 6, "has no 'title'"),
        ("all: [moon, refund_ask]", "all: [sun]", 13, "unknown concept 'sun'"),
        ("all: [moon, refund_ask]", "all: moon", 13, "must be a list"),
        ("none: [tide]", "vote: much", 14, "needs a number"),
        ("none: [tide]", "never: [tide]", 14, "unknown 'never'"),
        ("at_full_moon", "At Full", 6, "lower-case"),
        ("  moon:\n", "  refund_ask:\n", 3, "already"),
        ("        de: ['flut']", "        it: ['marea']", 12, "unknown 'it'"),
        ("cues:\n  moon", "hints:\n  moon", 1, "unknown 'hints'"),
    ],
)
def test_a_mistake_is_named_with_file_and_line(
    tmp_path: Path, old: str, new: str, line: int, said: str
) -> None:
    path, rules = written(tmp_path, GOOD.replace(old, new, 1)), written(tmp_path, RULES, "r.yml")
    mistakes = lint_patterns(path, rules)
    assert any(m.startswith(f"patterns.yml:{line}: ") and said in m for m in mistakes), mistakes
    linted = CliRunner().invoke(app, ["tickets", "lint", str(path)])
    assert linted.exit_code == 1
    assert linted.stdout.splitlines() == mistakes
    with pytest.raises(PermanentFailure, match=r"patterns\.yml:"):
        load_rulebook(rules, path)


def test_an_id_stands_once(tmp_path: Path) -> None:
    entry = GOOD[GOOD.index("  - id:") :].replace("tide", "ebb")
    rules = written(tmp_path, RULES, "rules.yml")
    mistakes = lint_patterns(written(tmp_path, GOOD + entry), rules)
    assert mistakes == ["patterns.yml:15: pattern 'at_full_moon' stands in line 6 already"]


def test_the_shipped_files_pass_the_linter_of_the_command() -> None:
    linted = CliRunner().invoke(app, ["tickets", "lint"])
    assert (linted.exit_code, linted.stdout) == (0, "rules.yml, patterns.yml: no mistake found\n")


@pytest.mark.parametrize(
    ("pattern", "summary", "description"),
    [
        ("cancel_not_applied", "why is it on my list", "Ended it in May, mail says goodbye, "
         "still active and renews next month. Never cancelled in the database."),
        ("card_refused_by_us", "Zahlung", "Kundin möchte zahlen, unsere Prüfung lehnt die Karte "
         "ab, die Bank hat keine Anfrage erhalten."),
        ("paid_still_flagged", "Suspensão", "O cliente pagou todas as faturas e a conta segue "
         "suspensa por inadimplência."),
        ("tax_id_form", "Panier", "Le champ du numéro de TVA refuse un numéro valide, la commande "
         "est impossible."),
        ("consolidated_and_original", "Paid, paid", "The consolidated invoice was paid in March, "
         "and in April an original in it was collected again. Same debt, paid twice."),
        ("limit_fell_back", "Límites", "El plan está pagado y activo, pero volvió a los límites "
         "del plan gratuito y perdió el acceso."),
    ],
)  # fmt: skip
def test_new_wording_of_a_pattern_is_caught(pattern: str, summary: str, description: str) -> None:
    found = classify(load_model(), summary, description)
    assert found.pattern == pattern
    texts = {"summary": summary, "description": description}
    assert len(found.cues) >= 1
    for cue in found.cues:
        assert texts[cue.place][cue.offset : cue.offset + len(cue.text)] == cue.text


def test_a_ticket_of_another_category_does_not_carry_the_pattern() -> None:
    text = (
        "Cancelled and still renewing, yes. But: two identical charges of 10.00, both captured, "
        "one month. Charged twice, double payment, one of them has to go back."
    )
    found = classify(load_model(), "Charged twice", text)
    assert "pattern cancel_not_applied" in read(load_model().rulebook, "", text).values
    assert found.category == "duplicate_charge"
    assert found.pattern != "cancel_not_applied"


WORDS = ("the penguin of the wallet refuses fish", "penguin in wallet, no fish taken")


def test_alike_tickets_are_grouped_whatever_their_order() -> None:
    tickets = [Loose(f"BILL-{n}", "payment_block", "wallet", WORDS[n % 2]) for n in range(8, 12)]
    tickets += [Loose("BILL-7", "payment_block", "bridge", "toll gate closed since monday")]
    tickets += [Loose("BILL-1", "refund", "wallet", WORDS[0])]
    (found,) = group(tickets)
    assert group(list(reversed(tickets))) == [found]
    assert found.candidate_id == "candidate-BILL-8"
    assert found.keys == ("BILL-8", "BILL-9", "BILL-10", "BILL-11")
    assert {"penguin", "fish"} <= set(found.terms)
    assert not {"the", "of"} & set(found.terms)


def test_two_tickets_are_no_group_and_nothing_is_none() -> None:
    pair = [Loose(f"BILL-{n}", "refund", "x", WORDS[0]) for n in (1, 2)]
    assert group(pair) == []
    assert group([]) == []
    assert group([Loose("A-1", "refund", "", "")] * 3) == []


def test_the_entry_of_the_walkthrough_passes_the_linter_and_counts(tmp_path: Path) -> None:
    """The walkthrough as a whole is followed in tests/e2e/test_add_a_pattern.py."""
    section = README.read_text("utf-8").split("### Add a pattern\n", 1)[1]
    entry = section.split("```yaml\n", 1)[1].split("```", 1)[0]
    path = written(tmp_path, PATTERNS_FILE.read_text("utf-8") + entry)
    assert lint_patterns(path, RULES_FILE) == []
    model = load_model(patterns=path)
    first, last = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)
    caught = [
        t
        for t in generate_tickets(1, first, last)
        if t.category == "subscription_lifecycle"
        and classify(model, t.summary, t.description).pattern == "reactivation_lost"
    ]
    assert len(caught) >= 5
    assert {t.pattern for t in caught} == {None}
