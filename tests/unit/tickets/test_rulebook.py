"""The rule file, its linter and the phrase language."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestration.cli import app
from orchestration.errors import PermanentFailure
from orchestration.tickets.evidence import languages_of
from orchestration.tickets.index import beginnings
from orchestration.tickets.linting import lint_patterns, lint_rules
from orchestration.tickets.phrases import PhraseError, compile_phrases, fold, translate
from orchestration.tickets.rulebook import PATTERNS_FILE, RULES_FILE, load_rulebook

GOOD = """\
concepts:
  paid:
    negatable: true
    votes: {refund: 1}
    en:
      - 'paid*'
rules:
  - name: r
    all: [paid]
    none: [not paid]
    votes: {refund: 1.5}
sure_at: 0.9
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "rules.yml"
    path.write_text(text, "utf-8")
    return path


def test_the_shipped_files_have_no_mistake() -> None:
    assert lint_rules(RULES_FILE) == []
    assert lint_patterns(PATTERNS_FILE, RULES_FILE) == []


def test_a_good_file_loads_with_a_version_of_its_text(tmp_path: Path) -> None:
    book = load_rulebook(written(tmp_path, GOOD))
    assert book.features() == ["paid", "not paid", "rule r"]
    assert book.sure_at == 0.9
    assert len(book.version) == 16


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("refund: 1}", "refnd: 1}", 4, "unknown 'refnd'"),
        ("refund: 1}", "refund: much}", 4, "needs a number"),
        ("'paid*'", "'(paid'", 6, "not a valid phrase"),
        ("'paid*'", "''", 6, "empty"),
        ("all: [paid]", "all: [payed]", 9, "unknown concept 'payed'"),
        ("negatable: true", "negatable: false", 10, "unknown concept 'not paid'"),
        ("    votes: {refund: 1}", "    voices: {refund: 1}", 4, "unknown 'voices'"),
        ("sure_at: 0.9", "sure_at: 9", 12, "between 0 and 1"),
        ("sure_at: 0.9", "sure_at: [", 13, "not valid YAML"),
    ],
)
def test_a_mistake_is_named_with_file_and_line(
    tmp_path: Path, old: str, new: str, line: int, said: str
) -> None:
    path = written(tmp_path, GOOD.replace(old, new))
    mistakes = lint_rules(path)
    assert any(m.startswith(f"rules.yml:{line}: ") and said in m for m in mistakes), mistakes
    linted = CliRunner().invoke(app, ["tickets", "lint", str(path)])
    assert linted.exit_code == 1
    assert linted.stdout.splitlines() == mistakes
    with pytest.raises(PermanentFailure, match=r"rules\.yml"):
        load_rulebook(path)


@pytest.mark.parametrize(
    ("phrase", "text", "found"),
    [
        ("charg* .. twice", "He was CHARGED for this twice", True),
        ("charg* .. twice", "charged one two three four five twice", False),
        ("charg* .. twice", "Charged. Twice as much", False),
        ("charg* ... twice", "charged one two three four five twice", True),
        ("bad debt", "flag bad_debt=true", True),
        ("(card|cards) refused", "postcards refused", False),
        ("cannot|can't", "can’t", True),
        ("suspensão", "SUSPENSAO", True),
        ("strasse", "Straße", False),
        ("not n't", "was not isn't", True),
    ],
)
def test_phrases_mean_what_the_file_says(phrase: str, text: str, found: bool) -> None:
    assert bool(compile_phrases([phrase]).search(fold(text))) is found


def test_folding_keeps_every_offset() -> None:
    text = "Ärger İstanbul ß œ ﬁ 🙈 e\u0301"
    assert len(fold(text)) == len(text)


def test_phrases_that_match_nothing_or_everything_are_refused() -> None:
    for phrase in ("", "..", "(a|", "(x)?"):
        with pytest.raises(PhraseError):
            translate(phrase)


def test_the_index_knows_how_a_phrase_begins() -> None:
    assert beginnings("(charg*|bill) .. twice") == [("charg", True), ("bill", False)]
    assert beginnings("(card|cards)x") == [("card", True), ("cards", True)]
    assert beginnings("(please )?push") is None
    assert beginnings(r"\d+ gb") is None


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("der kunde hat die rechnung nicht bezahlt und ist gesperrt", "de"),
        ("el cliente no puede pagar la factura con su tarjeta", "es"),
        ("o cliente nao consegue pagar a fatura do mes com o cartao", "pt"),
        ("le client ne peut pas payer la facture avec sa carte", "fr"),
    ],
)
def test_the_spoken_language_is_found(text: str, language: str) -> None:
    assert language in languages_of(text)


def test_english_text_uses_english_phrases_only() -> None:
    assert languages_of("the customer has been charged twice and is not happy") == ("en",)
