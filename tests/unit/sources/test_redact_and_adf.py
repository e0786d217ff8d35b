"""Personal data is masked, and nothing else is touched."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.simulation.adf import document
from orchestration.sources.adf import adf_text, forget_people
from orchestration.sources.redact import (
    hasher,
    is_iban,
    is_luhn,
    mask_emails,
    may_hold_personal_data,
    redact_strings,
    redact_text,
    redacted_column,
)

FIXTURES = Path(__file__).parents[2] / "fixtures"
LABELLED = [
    json.loads(line)
    for line in (FIXTURES / "tickets_labelled.jsonl").read_text(encoding="utf-8").splitlines()
]


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("write to Ana.Lima+billing@mail.example.com.", "write to [email]."),
        ("card 4242 4242 4242 4242 was charged", "card [card] was charged"),
        ("card 4242-4242-4242-4242", "card [card]"),
        ("IBAN DE89 3704 0044 0532 0130 00 failed", "IBAN [iban] failed"),
        ("ES91 2100 0418 4502 0005 1332 BIC", "[iban] BIC"),
        ("DE89370400440532013000 GB82 WEST 1234 5698 7654 32", "[iban] [iban]"),
        ("DE89 3704 0044 0532 0130 00Please", "[iban]Please"),
        ("call +49 30 123456-78 today", "call [phone] today"),
        ("call (555) 123-4567 or 555-123-4567", "call [phone] or [phone]"),
    ],
)
def test_personal_data_is_masked(text: str, masked: str) -> None:
    assert redact_text(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "in_1SvQ8mKf81723645 paid 1767225600",
        "order 4242 4242 4242 4241 (no Luhn digit)",
        "DE88 3704 0044 0532 0130 00 (checksum does not hold)",
        "2026-03-24 12:00:00, 2026-03-24T06:00:00Z, 10.0.0.1",
        "amount 123456789012345 minor units, account acc_00012345",
    ],
)
def test_ids_times_and_amounts_come_out_unchanged(text: str) -> None:
    assert redact_text(text) == text


@pytest.mark.parametrize("ticket", LABELLED, ids=lambda t: t["key"])
def test_labelled_tickets_hold_nothing_to_mask(ticket: dict[str, Any]) -> None:
    for value in (ticket["summary"], ticket["description"]):
        assert redact_text(value) == value
        assert adf_text(document(value)) == value


def test_checksums() -> None:
    assert is_luhn("4242424242424242") and not is_luhn("4242424242424241")
    assert is_iban("GB82 WEST 1234 5698 7654 32") and not is_iban("GB83 WEST 1234 5698 7654 32")


def test_keyed_hash_joins_and_depends_on_the_key() -> None:
    first, second = hasher(b"one"), hasher(b"two")
    assert first("Ana@Example.com ") == first("ana@example.com")
    assert first("ana@example.com") != second("ana@example.com")
    assert first(None) is None
    assert "ana" not in str(first("ana@example.com"))


def test_addresses_are_masked_in_texts_and_in_keys() -> None:
    body = {"note": 'mail "x@example.com"', "n": 1, "to": [{"y@example.com": None}]}
    masked = {"note": 'mail "[email]"', "n": 1, "to": [{"[email]": None}]}
    assert mask_emails(body) == masked


@given(st.text(alphabet=st.characters(exclude_characters="\r", exclude_categories=["Cs"])))
def test_plain_text_survives_the_document_format(text: str) -> None:
    assert (adf_text(document(text)) or "") == text


def test_structured_documents_become_readable_text() -> None:
    def text(value: str) -> dict[str, Any]:
        return {"type": "text", "text": value}

    def paragraph(value: str) -> dict[str, Any]:
        return {"type": "paragraph", "content": [text(value)]}

    body = {
        "type": "doc",
        "content": [
            {"type": "heading", "content": [text("Steps")]},
            {
                "type": "orderedList",
                "attrs": {"order": 3},
                "content": [{"type": "listItem", "content": [paragraph("pay")]}],
            },
            {
                "type": "table",
                "content": [
                    {
                        "type": "tableRow",
                        "content": [
                            {"type": "tableCell", "content": [paragraph("a")]},
                            {"type": "tableCell", "content": [paragraph("b")]},
                        ],
                    }
                ],
            },
            {"type": "mediaSingle", "content": [{"type": "media", "attrs": {"id": "1"}}]},
        ],
    }
    assert adf_text(body) == "Steps\n\n3. pay\n\na\tb\n\n"


def test_of_a_person_that_is_mentioned_nothing_is_left() -> None:
    mention = {"type": "mention", "attrs": {"id": "5b10", "text": "@Jane Doe", "userType": "APP"}}
    paragraph = {"type": "paragraph", "content": [{"type": "text", "text": "ask "}, mention]}
    item = {"type": "listItem", "content": [paragraph]}
    body = {"type": "doc", "content": [paragraph, {"type": "bulletList", "content": [item]}]}
    assert adf_text(body) == "ask @[user]\n\n- ask @[user]"
    forget_people(body)
    assert mention == {"type": "mention", "attrs": {"userType": "APP"}}
    assert adf_text(body) == "ask @[user]\n\n- ask @[user]"


@pytest.mark.parametrize("attrs", ["text", ["text"], None, {"order": "first", "url": 1}])
@pytest.mark.parametrize("kind", ["orderedList", "mention", "emoji", "inlineCard", "date"])
def test_attributes_of_another_type_are_passed_over(kind: str, attrs: Any) -> None:
    body = {"type": "doc", "content": [{"type": kind, "attrs": attrs}]}
    forget_people(body)
    assert isinstance(adf_text(body), str)


PIECES = [
    "a@b-c.example", "4242 4242 4242 4242", "4242424242424242", "DE89370400440532013000",
    "DE89 3704 0044 0532 0130 00", "+49 30 1234567", "+49 (30)", "(555) 123-4567", "555-123-4567",
    "12", ".", "-", " ", "\n", '"', "\\", "ü", "請求書", "✓", "٣", "😀", "ID",
    "2026-03-24T12:00:00.000+0000",
]  # fmt: skip


@given(st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=4)), max_size=6))
def test_a_json_text_that_is_passed_over_holds_nothing_to_mask(pieces: list[str]) -> None:
    body = {"text": "".join(pieces), "list": [{"deep": p} for p in pieces], "number": 4242}
    masked = redact_strings(body)
    texts = [None, *pieces, body["text"]]
    assert redacted_column(texts) == [None if t is None else redact_text(t) for t in texts]
    if masked != body:
        assert may_hold_personal_data(orjson.dumps(body))


def test_digits_of_every_script_are_looked_at() -> None:
    characters = (chr(n) for n in range(128, sys.maxunicode + 1) if not 0xD800 <= n < 0xE000)
    digits = [c for c in characters if re.match(r"\d", c)]
    assert len(digits) > 500
    assert all(may_hold_personal_data(c.encode()) for c in digits)


def test_ordinary_tickets_are_passed_over() -> None:
    passed = [t for t in LABELLED if not may_hold_personal_data(orjson.dumps(t))]
    assert len(passed) > 0.6 * len(LABELLED)
