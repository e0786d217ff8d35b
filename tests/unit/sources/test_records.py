"""JSON objects become typed rows, or a violation that names stream and column."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from orchestration.errors import ContractViolation
from orchestration.sources.arrow import landed_schema
from orchestration.sources.contract import table
from orchestration.sources.misfits import MAX_TIME, MIN_TIME, WITHHELD, unfit_decimal
from orchestration.sources.records import RecordBuilder, Records
from orchestration.sources.redact import mask_emails, redact_strings

ITEM: dict[str, Any] = {
    "id": "si_1",
    "subscription": "sub_1",
    "price": {
        "id": "price_1",
        "product": "prod_1",
        "unit_amount": 500,
        "unit_amount_decimal": "500.000000001",
        "currency": "usd",
        "recurring": {"interval": "month", "usage_type": "licensed"},
    },
    "quantity": 2,
    "metadata": {"bad_debt_item": "true"},
    "current_period_start": 1767225600,
    "current_period_end": 1769904000,
    "created": 1767225600,
}


def utc(*parts: int) -> datetime:
    """A time as it is stored: UTC without a zone."""
    return datetime(*parts, tzinfo=UTC).replace(tzinfo=None)  # type: ignore[arg-type,misc]


def builder(stream: str = "stripe.subscription_items", **options: Any) -> RecordBuilder:
    return RecordBuilder(table(stream), b"key", conditional=("metadata", "quantity"), **options)


def item(**changes: Any) -> dict[str, Any]:
    return json.loads(json.dumps(ITEM)) | changes  # type: ignore[no-any-return]


def test_columns_are_typed_by_path() -> None:
    records = builder().build([item()])
    assert records.data.schema == landed_schema(table("stripe.subscription_items"))
    (row,) = records.data.to_pylist()
    assert row["price_id"] == "price_1"
    assert row["unit_amount"] == Decimal("500.000000001")
    assert row["current_period_start_at"] == utc(2026, 1, 1)
    assert row["bad_debt_item"] == "true"
    assert json.loads(row["payload"])["price"]["currency"] == "usd"


def test_a_nul_goes_out_of_the_payload_and_what_only_looks_like_one_stays() -> None:
    metadata = {"bad_debt_item": "x", "a": "b\x00\x00c", "d": "\\u0000", "e": "\\\x00"}
    (row,) = builder().build([item(metadata=metadata)]).data.to_pylist()
    kept = {"bad_debt_item": "x", "a": "bc", "d": "\\u0000", "e": "\\"}
    assert json.loads(row["payload"])["metadata"] == kept


def test_only_what_people_typed_is_masked_by_pattern_in_a_payload() -> None:
    card, number = "4242 4242 4242 4242", "4242424242424242"
    bodies = [item(id=f"si_{n}", reference=number) for n in range(3)]
    bodies[1]["metadata"] = {"note": f"card {card}", "bad_debt_item": None}
    bodies[2]["metadata"]["by"] = "ana@example.com"
    bodies[2]["url"] = "https://x.example/?to=ana@example.com"
    rows = builder(free_text="metadata").build(bodies).data.to_pylist()
    payloads = [json.loads(row["payload"]) for row in rows]
    assert [p["reference"] for p in payloads] == [number] * 3
    assert payloads[1]["metadata"]["note"] == "card [card]"
    assert payloads[2]["metadata"]["by"] == "[email]"
    assert payloads[2]["url"] == "https://x.example/?to=[email]"
    assert payloads[0]["metadata"] == ITEM["metadata"]


PIECES = [
    "jane@example.org", "@org.junit.Test", "+49 30 1234567", "4242 4242 4242 4242", "\n", "\t",
    "\x07",
    "\\", '"', "{", "\x00", "ü", "a", "@",
]  # fmt: skip
texts = st.lists(st.sampled_from(PIECES), max_size=5).map("".join)


def without_nul(value: Any) -> Any:
    return json.loads(json.dumps(value).replace("\\u0000", ""))


@given(typed=texts, other=texts, key=texts.filter(lambda k: k.count("@") < 2))
@example(typed="", other="Contact me:\njane@example.org", key="k")
@example(typed="{\n@org.junit.Test\n", other="\x07x@example.org", key="\njane@example.org")
@example(typed="+49 30 12\x0034567", other="ja\x00ne@example.org", key="k")
def test_a_payload_is_the_json_of_the_masked_texts(typed: str, other: str, key: str) -> None:
    note = without_nul({"bad_debt_item": "x", "note": typed})
    rest = without_nul({key: [other]})
    body = item(metadata={"bad_debt_item": "x", "note": typed}, more={key: [other]})
    (row,) = builder(free_text="metadata").build([body]).data.to_pylist()
    payload = json.loads(row["payload"])
    assert payload["metadata"] == mask_emails(redact_strings(note))
    assert payload["more"] == mask_emails(rest)


def test_a_page_without_an_address_is_not_read_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestration.sources.records.mask_emails", None)
    builder(free_text="metadata").build([item(note="nothing to mask")])


@pytest.mark.parametrize("stream", ["jira.issues", "jira.changelog_items"])
def test_what_does_not_fit_a_column_of_personal_data_is_not_kept(stream: str) -> None:
    contract = table(stream)
    personal = {c.name for c in contract.landed_columns if c.pii in ("hash", "redact_text")}
    assert personal

    def built(value: Any) -> Records:
        computed = {name: lambda _: value for name in personal}
        body = {"id": "1", "changelog_item_id": "1", "fields": {"environment": value}}
        return RecordBuilder(contract, b"key", mode="report", computed=computed).build([body])

    records = built("ana.lima\x00@example.com, +49 30 12\x0034567")
    found = {m.column_name: m.value_text for m in records.misfits}
    assert found == dict.fromkeys(personal, WITHHELD)
    violations = built(49301234567).violations
    assert sum("is not a text but int" in v for v in violations) == len(personal)
    assert "1234567" not in str(violations)


@pytest.mark.parametrize("free_text", ["", "metadata"])
def test_a_nul_hides_nothing_from_the_patterns(free_text: str) -> None:
    note = "ana.li\x00ma@example.com, +49 30 12\x0034567, 4242 4242\x00 4242 4242"
    body = item(metadata={"note": note, "bad_debt_item": ""})
    (row,) = builder(free_text=free_text).build([body]).data.to_pylist()
    assert json.loads(row["payload"])["metadata"]["note"] == "[email], [phone], [card]"


def test_objects_of_which_one_holds_something_to_mask_keep_the_others_as_they_are() -> None:
    nameless = dict.fromkeys(("author_id", "from_value", "created_at"))
    bodies = [
        {"changelog_item_id": str(n), "issue_id": "1", "field": "f", **nameless, "to_value": value}
        for n, value in enumerate(["call +49 30 1234567", "x\n12", None, "x" * 50])
    ]
    records = RecordBuilder(table("jira.changelog_items"), b"key", mode="report").build(bodies)
    found = records.data.column("to_value").to_pylist()
    assert found == ["call [phone]", "x\n12", None, "x" * 50]


def test_a_page_of_times_before_all_times_is_clamped() -> None:
    records = builder().build([item(created=-(10**15))])
    assert records.data.column("created_at").to_pylist() == [MIN_TIME]
    assert [m.rule for m in records.misfits] == ["time_clamped"]


def test_times_in_milliseconds_are_read_as_such() -> None:
    from orchestration.sources.jira_records import history_builder

    common = {"issue_id": "1", "author_id": "a", "field": "f", "from_value": "", "to_value": ""}
    bodies = [
        {"changelog_item_id": "1", **common, "created_at": 1772962200123},
        {"changelog_item_id": "2", **common, "created_at": 10**18},
        {"changelog_item_id": "3", **common, "created_at": "2026-03-08T01:30:00.000-0800"},
    ]
    alone = history_builder(b"key").build(bodies[:1]).data.column("created_at")
    assert alone.to_pylist() == [utc(2026, 3, 8, 9, 30, 0, 123_000)]
    records = history_builder(b"key").build(bodies)
    expected = [*alone.to_pylist(), MAX_TIME, utc(2026, 3, 8, 9, 30)]
    assert records.data.column("created_at").to_pylist() == expected
    assert [(m.row_key, m.rule) for m in records.misfits] == [("2", "time_clamped")]


def test_payload_does_not_depend_on_the_order_of_keys() -> None:
    forward = builder().build([item()]).data.column("payload")
    backward = builder().build([dict(reversed(item().items()))]).data.column("payload")
    assert forward == backward


@pytest.mark.parametrize(
    ("change", "column", "said"),
    [
        ({"subscription": None}, "subscription_id", "no value in row si_1"),
        ({"created": "yesterday"}, "created_at", "not a time"),
        ({"quantity": "2"}, "quantity", "not a whole number"),
        ({"quantity": 2.5}, "quantity", "not a whole number but 2.5"),
        ({"price": {"id": 7}}, "price_id", "not a text"),
    ],
)
def test_retyped_or_missing_values_name_stream_and_column(
    change: dict[str, Any], column: str, said: str
) -> None:
    with pytest.raises(ContractViolation) as caught:
        builder().build([item(**change)])
    assert f"stripe.subscription_items: column {column!r}" in str(caught.value)
    assert said in str(caught.value)


def test_a_renamed_part_is_missing() -> None:
    renamed = item()
    renamed["period_end"] = renamed.pop("current_period_end")
    with pytest.raises(ContractViolation, match="'current_period_end_at' is missing"):
        builder().build([renamed])


def test_a_nested_part_that_is_gone_is_missing_though_others_have_a_null_above_it() -> None:
    renamed = item(id="si_2")
    renamed["price"]["recurring"] = {"every": "month", "usage_type": "licensed"}
    one_off = item(price={**ITEM["price"], "recurring": None})
    assert builder().build([one_off]).data.column("usage_type").to_pylist() == [None]
    with pytest.raises(ContractViolation, match=r"no object has 'price.recurring.interval'"):
        builder().build([one_off, renamed])
    # One that has it is evidence that it has not gone.
    found = builder().build([item(), one_off, renamed]).data.column("recurring_interval")
    assert found.to_pylist() == ["month", None, None]


def test_a_text_in_the_place_of_an_object_is_not_what_should_be_in_it() -> None:
    with pytest.raises(ContractViolation, match=r"no object has 'price.recurring.interval'"):
        builder().build([item(price={**ITEM["price"], "recurring": "month"})])


@pytest.mark.parametrize("labels", [[1], ["a", {"name": "b"}], [True, None]])
def test_an_array_of_what_is_no_text_is_no_array_of_texts(labels: list[Any]) -> None:
    with pytest.raises(ContractViolation) as caught:
        RecordBuilder(
            table("jira.issues"),
            b"key",
            mode="enforce",
            computed={
                c.name: lambda _: "1"
                for c in table("jira.issues").landed_columns
                if c.type == "string"
            },
        ).build([{"fields": {"labels": labels}}])
    assert "column 'labels' is not an array of texts but list in row 1" in str(caught.value)


def test_additional_parts_stay_in_the_payload() -> None:
    (row,) = builder().build([item(brand_new={"x": 1})]).data.to_pylist()
    assert json.loads(row["payload"])["brand_new"] == {"x": 1}


def test_report_mode_takes_what_is_there_and_tells_the_rest() -> None:
    records = builder(mode="report").build([item(quantity="2"), {"object": "no id"}])
    (row,) = records.data.to_pylist()
    assert row["quantity"] is None
    assert records.violations == [
        "stripe.subscription_items: column 'quantity' is not a whole number but str in row si_1"
    ]


def test_values_that_fit_no_column_are_kept_aside() -> None:
    bodies = [
        item(id="a", created=10**15),
        item(id="b", created=-(10**15)),
        item(id="c", metadata={"bad_debt_item": "tr\x00ue"}),
        item(id="d", price={**ITEM["price"], "unit_amount_decimal": "0.0000000001"}),
        item(id="e", price={**ITEM["price"], "unit_amount_decimal": "NaN"}),
    ]
    records = builder().build(bodies)
    rows = {r["subscription_item_id"]: r for r in records.data.to_pylist()}
    assert rows["a"]["created_at"] == MAX_TIME
    assert rows["b"]["created_at"] == MIN_TIME
    assert rows["c"]["bad_debt_item"] == "true"
    assert "\\u0000" not in rows["c"]["payload"]
    assert rows["d"]["unit_amount"] is None
    assert rows["e"]["unit_amount"] is None
    assert {(m.row_key, m.rule) for m in records.misfits} == {
        ("a", "time_clamped"),
        ("b", "time_clamped"),
        ("c", "nul_stripped"),
        ("d", "number_unfit"),
        ("e", "number_unfit"),
    }


@pytest.mark.parametrize(
    ("text", "unfit"),
    [
        ("1.123456789", False),
        ("1.1234567890", False),
        ("1.1234567891", True),
        ("99999999999999999999999999999", False),
        ("100000000000000000000000000000", True),
        ("Infinity", True),
    ],
)
def test_which_decimals_fit(text: str, unfit: bool) -> None:
    assert unfit_decimal(Decimal(text)) is unfit


def test_jira_times_labels_and_counts() -> None:
    from orchestration.sources.jira_records import issue_builder

    fields: dict[str, Any] = {
        "project": {"key": "BILL"},
        "issuetype": {"name": "Bug"},
        "status": {"name": "Open", "statusCategory": {"key": "new"}},
        "priority": None,
        "summary": "mail a@example.com",
        "description": None,
        "labels": ["a", None],
        "components": [{"name": "Checkout"}],
        "created": "2026-03-08T01:30:00.000-0800",
        "updated": "2026-03-08T03:30:00.000-0700",
        "resolutiondate": None,
        "customfield_10050": None,
        "customfield_10051": None,
        "customfield_10052": 3.0,
    }
    fields["environment"] = "call +49 30 1234567"
    records = issue_builder(b"key").build([{"id": "1", "key": "BILL-1", "fields": fields}])
    (row,) = records.data.to_pylist()
    # One hour apart on the wall, one hour apart in fact: the clocks went forward in between.
    assert row["created_at"] == utc(2026, 3, 8, 9, 30)
    assert row["updated_at"] == utc(2026, 3, 8, 10, 30)
    assert row["summary"] == "mail [email]"
    assert "a@example.com" not in row["payload"]
    assert json.loads(row["payload"])["fields"]["environment"] == "call [phone]"
    assert row["labels"] == ["a", ""]
    assert row["components"] == ["Checkout"]
    assert row["support_case_count"] == 3
    assert [m.rule for m in records.misfits] == ["array_null"]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        # Read as a column, and with one among them that only Python reads: the same.
        (["2026-03-08T01:30:00.000-0800", None], [utc(2026, 3, 8, 9, 30), None]),
        (
            ["2026-03-08T01:30:00.000-0800", "20260308T093000Z"],
            [utc(2026, 3, 8, 9, 30), utc(2026, 3, 8, 9, 30)],
        ),
        # Before the first and beyond the last time that a column holds, in UTC only.
        (
            ["0001-01-01T00:00:00+05:00", "2026-03-08T01:30:00Z"],
            [MIN_TIME, utc(2026, 3, 8, 1, 30)],
        ),
        (
            ["9999-12-31T23:59:59.000-0800", "2026-03-08T01:30:00Z"],
            [MAX_TIME, utc(2026, 3, 8, 1, 30)],
        ),
    ],
)
def test_times_are_read_as_a_column_as_they_are_one_by_one(
    texts: list[str | None], expected: list[datetime | None]
) -> None:
    nameless = dict.fromkeys(("issue_id", "author_id", "field", "from_value", "to_value"))
    bodies = [
        {"changelog_item_id": str(n), **nameless, "created_at": t} for n, t in enumerate(texts)
    ]
    records = RecordBuilder(table("jira.changelog_items"), b"key", mode="report").build(bodies)
    assert records.data.column("created_at").to_pylist() == expected
    clamped = [str(n) for n, t in enumerate(expected) if t in (MIN_TIME, MAX_TIME)]
    assert [m.row_key for m in records.misfits] == clamped
