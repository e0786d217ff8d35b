"""The classifier on the labelled tickets, on negations, languages and bad input."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest

from orchestration.errors import PermanentFailure
from orchestration.sources.contract import table
from orchestration.tickets.classifier import (
    LEARN,
    Classification,
    classify,
    load_model,
    measured_quality,
)
from orchestration.tickets.classify import classify_file
from orchestration.tickets.classify_stream import classify_table
from orchestration.tickets.files import read_labelled
from orchestration.tickets.rulebook import CATEGORIES, load_rulebook
from orchestration.tickets.training import (
    Figures,
    apply_stored,
    cross_validate,
    judge_held,
    report,
    training_arguments,
)

FIXTURES = Path(__file__).parents[2] / "fixtures"
LABELLED = FIXTURES / "tickets_labelled.jsonl"


def verdict(summary: str, description: str = "") -> Classification:
    return classify(load_model(), summary, description)


@pytest.fixture(scope="module")
def figures() -> Figures:
    more = read_labelled(FIXTURES / "tickets_development.jsonl")
    return cross_validate(read_labelled(LABELLED), more)


def test_cross_validated_quality_holds_its_floor(figures: Figures) -> None:
    print(report(figures))
    assert figures.macro_f1 >= 0.85
    precision, coverage = figures.precision_at(load_rulebook().sure_at)
    assert precision >= 0.94  # a floor: 0.955 was measured at 0.95 already
    assert coverage >= 0.6


def test_quality_on_tickets_nobody_looked_at_while_writing_rules() -> None:
    """These were written after the rules and never trained on; keep it that way."""
    figures = apply_stored(read_labelled(FIXTURES / "tickets_heldout.jsonl"))
    print(report(figures))
    assert figures.macro_f1 >= 0.8
    precision, coverage = figures.precision_at(load_rulebook().sure_at)
    assert precision >= 0.95
    assert coverage >= 0.5


def test_weights_of_a_rule_that_is_gone_say_how_to_learn_them_again(tmp_path: Path) -> None:
    weights = tmp_path / "weights.yml"
    weights.write_text("scale: 1.0\nadjustments: {no_such_rule: {refund: 0.5}}\n", "utf-8")
    with pytest.raises(PermanentFailure, match="no_such_rule") as caught:
        load_model(weights)
    module, *arguments = LEARN.removeprefix(".venv/bin/python -m ").split()
    assert module == "orchestration.tickets.training" and LEARN in caught.value.todo
    chosen = training_arguments().parse_args(arguments)
    assert all((FIXTURES.parents[1] / path).is_file() for path in (*chosen.files, chosen.held))
    assert chosen.write


def test_figures_stored_with_the_weights_are_the_measured_ones(figures: Figures) -> None:
    taught = read_labelled(LABELLED) + read_labelled(FIXTURES / "tickets_development.jsonl")
    held = judge_held(taught, read_labelled(FIXTURES / "tickets_heldout.jsonl"))
    together = figures.joined(held)
    stored = measured_quality()
    assert stored is not None
    assert stored["tickets"] == len(together.truth)
    assert stored["macro_f1"] == pytest.approx(together.macro_f1, abs=0.01)
    for category, counts in together.counts().items():
        for name, count in counts.items():
            assert stored["categories"][category][name] == pytest.approx(count, abs=1)


def test_blocked_is_right_for_most_labelled_tickets() -> None:
    tickets = read_labelled(LABELLED)
    right = [verdict(t.summary, t.description).blocked.is_blocked == t.is_blocked for t in tickets]
    print(f"engineering_blocked right: {sum(right)} of {len(right)}")
    assert sum(right) / len(right) >= 0.8


@pytest.mark.parametrize(
    ("summary", "description", "category"),
    [
        ("Charged twice", "Two charges, one invoice, both captured.", "duplicate_charge"),
        ("Refund", "Forgot to cancel, asks for a refund. Nothing is broken.", "refund"),
        ("Konto gesperrt", "Alle Rechnungen bezahlt, weiterhin gesperrt.", "bad_debt"),
        ("Cobro", "Le cobraron dos veces el mismo mes, ambos cargos.", "duplicate_charge"),
        ("Cartão", "O cliente não consegue pagar, o cartão é recusado.", "payment_block"),
        ("Facture", "Le montant de la facture est erroné.", "invoice_remediation"),
        ("Staging", "Cleanup of test data, staging only.", "unclassified"),
    ],
)  # fmt: skip
def test_plain_cases_in_five_languages(summary: str, description: str, category: str) -> None:
    assert verdict(summary, description).category == category


def test_body_decides_over_a_misleading_title() -> None:
    found = verdict(
        "REFUND NOW",
        "Our checks decline his card, the bank sees no attempt. He cannot pay the invoice.",
    )
    assert found.category == "payment_block"
    assert found.place == "description"


def test_a_negation_turns_the_cue_around() -> None:
    plain = verdict("Payment", "The customer was charged twice for one order.")
    negated = verdict("Payment", "The customer was not charged twice for one order.")
    assert plain.category == "duplicate_charge"
    assert "charged_twice" in plain.reasons
    assert "charged_twice" not in negated.reasons
    assert negated.category != "duplicate_charge" or negated.confidence < plain.confidence


def test_a_verdict_shows_what_decided_it() -> None:
    text = "Alles gut so weit. The customer was charged twice."
    found = verdict("x", text)
    assert found.matched is not None
    assert found.offset is not None
    assert text[found.offset : found.offset + len(found.matched)] == found.matched
    assert found.runner_up in CATEGORIES
    assert found.runner_up != found.category
    assert 0 <= found.runner_up_confidence <= found.confidence <= 1


@pytest.mark.parametrize("text", ["", " ", "\n", "🙈", "<script>alert(1)</script>", "\x00"])
def test_nothing_said_is_unclassified_and_never_sure(text: str) -> None:
    found = verdict(text, text)
    assert found.category == "unclassified"
    assert not found.is_sure
    assert not found.blocked.is_blocked


def test_ten_thousand_words_are_read() -> None:
    long = "Charged twice, both captured. " + "lorem ipsum dolor sit amet " * 2000
    assert verdict("Payment", long).category == "duplicate_charge"


def test_same_text_same_verdict() -> None:
    assert classify_file(LABELLED) == classify_file(LABELLED)


def test_labels_and_components_do_not_count(tmp_path: Path) -> None:
    line = {"key": "A-1", "summary": "s", "description": "Charged twice, both captured."}
    noisy = line | {"labels": ["refund"], "components": ["Registrar"], "category": "refund"}
    paths = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    for path, row in zip(paths, [line, noisy], strict=True):
        path.write_text(json.dumps(row), "utf-8")
    assert classify_file(paths[0]) == classify_file(paths[1])


def test_file_verdicts_have_the_published_fields(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"key": "A-1", "summary": "Charged twice", "description": null}\n\n', "utf-8")
    (row,) = classify_file(path)["tickets"]
    published = {"key", "category", "confidence", "sure", "rule", "matched", "engineering_blocked"}
    assert published <= set(row)
    assert row["key"] == "A-1"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("not json", "row 2, field (the line)"),
        ("[1]", "row 2, field (the line)"),
        ('{"key": "A-2", "description": ""}', "row 2, field summary: is missing"),
        ('{"key": "A-2", "summary": 3, "description": ""}', "row 2, field summary"),
        ('{"key": "A-2", "summary": "s"}', "row 2, field description"),
        ('{"key": "", "summary": "s", "description": ""}', "row 2, field key"),
        ('{"key": "A-1", "summary": "s", "description": ""}', "row 2, field key"),
    ],
)
def test_a_bad_line_names_file_row_and_field(tmp_path: Path, line: str, expected: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text('{"key": "A-1", "summary": "s", "description": ""}\n' + line + "\n", "utf-8")
    with pytest.raises(PermanentFailure) as caught:
        classify_file(path)
    assert str(path) in str(caught.value)
    assert expected in str(caught.value)


def test_missing_empty_and_binary_files_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(PermanentFailure, match="no file"):
        classify_file(tmp_path / "none.jsonl")
    empty, binary = tmp_path / "empty.jsonl", tmp_path / "binary.jsonl"
    empty.write_text("\n")
    binary.write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(PermanentFailure, match="holds no ticket"):
        classify_file(empty)
    with pytest.raises(PermanentFailure, match="cannot be read"):
        classify_file(binary)


def test_a_table_gives_the_same_answers_as_a_file() -> None:
    rows = [json.loads(line) for line in LABELLED.read_text("utf-8").splitlines()]
    issues = pa.table(
        {
            "issue_id": [str(n) for n in range(len(rows))],
            "issue_key": [row["key"] for row in rows],
            "summary": [row["summary"] for row in rows],
            "description_text": [row["description"] or None for row in rows],
        }
    )
    found = classify_table(issues)
    contract = table("tickets.classifications")
    assert found.column_names == [c.name for c in contract.landed_columns]
    by_file = {row["key"]: row for row in classify_file(LABELLED)["tickets"]}
    for row in found.to_pylist():
        other = by_file[row["issue_key"]]
        assert row["category"] == other["category"]
        assert float(row["confidence"]) == other["confidence"]
        assert row["is_engineering_blocked"] == other["engineering_blocked"]
    assert len(set(found.column("content_hash").to_pylist())) == len(rows)


def test_a_table_without_text_columns_is_refused() -> None:
    with pytest.raises(KeyError, match="description_text"):
        classify_table(pa.table({"issue_id": ["1"], "issue_key": ["A-1"], "summary": ["s"]}))
