"""Personal data planted in every source is found nowhere: no byte of what a run leaves behind."""

from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestration.settings import Settings
from orchestration.simulation.platform import SimulatedPlatform
from orchestration.simulation.postgres_load import DATABASES
from orchestration.sources.contract import CONTRACT
from orchestration.warehouse import Warehouse, open_warehouse
from tests.contract.landing.conftest import Extract
from tests.contract.simulation.handmade import BASE, issue

# Each names its place, so that a find says where it came from.
EMAIL = "canary.{}@leak-example.org"
CARD = "4000 0566 5566 5556"
IBAN = "DE89 3704 0044 0532 0130 00"
PHONE = "+49 170 1234567"
NAME = "Canarina {}"
ACCOUNT = "canary.account:{}"
STREET = "Kanarienstrasse 99 {}"
FRAGMENTS = (
    b"canary.", b"leak-example", b"Canarina", b"Kanarienstrasse", b"4000 0566", b"4000056655665556",
    b"3704 0044", b"1234567", b"cnry_fp",
)  # fmt: skip

FREE_TEXT = f"call {PHONE} or {EMAIL.format('text')}, card {CARD}, account {IBAN}"


def stripe_shapes() -> dict[str, dict[str, Any]]:
    address = {"line1": STREET.format("stripe"), "city": "Kanarienstrasse"}
    person = {
        "email": EMAIL.format("stripe"),
        "name": NAME.format("stripe"),
        "phone": PHONE,
        "address": address,
    }
    texts = dict.fromkeys(("custom_fields", "description", "footer"), NAME.format("settings"))
    return {
        "customer": {
            **person, "shipping": person, "description": NAME.format("description"),
            "metadata": {"account_id": "acc_1", "note": FREE_TEXT},
            "invoice_settings": texts,
        },
        "invoice": {
            "customer_email": EMAIL.format("invoice"), "customer_name": NAME.format("invoice"),
            "customer_address": address, "customer_phone": PHONE, "customer_shipping": person,
            "description": FREE_TEXT, "footer": NAME.format("footer"),
            "metadata": {"note": FREE_TEXT}, "shipping_details": person,
            "last_finalization_error": {"payment_method": {"billing_details": person}},
            "parent": {
                "subscription_details": {"subscription": "sub_1", "metadata": {"n": FREE_TEXT}},
            },
        },
        "payment_intent": {
            "receipt_email": EMAIL.format("receipt"), "shipping": person,
            "description": NAME.format("intent"),
            "last_payment_error": {"payment_method": {"billing_details": person}},
            "next_action": {"display_bank_transfer_instructions": {"holder": person}},
        },
        "payment_method": {
            "billing_details": person,
            "card": {
                "brand": "visa", "last4": "1234567", "fingerprint": "cnry_fp",
                "wallet": {"type": "apple_pay", "shipping_address": address},
            },
            "card_present": {"cardholder_name": NAME.format("card"), "brand": "visa"},
            "klarna": {"dob": {"year": 1234567}}, "boleto": {"tax_id": "1234567"},
            "cashapp": {"cashtag": NAME.format("cashtag"), "buyer_id": "cnry_fp"},
            "us_bank_account": {"last4": "1234567", "fingerprint": "cnry_fp"},
            "sepa_debit": {"last4": "1234567", "fingerprint": "cnry_fp"},
            "type_of_tomorrow": {"holder": person}, "metadata": {"n": FREE_TEXT},
        },
        "subscription": {
            "description": NAME.format("subscription"), "metadata": {"n": FREE_TEXT},
            "cancellation_details": {"comment": NAME.format("comment"), "reason": None},
            "pending_update": {"metadata": {"n": FREE_TEXT}}, "invoice_settings": texts,
        },
    }  # fmt: skip


# A text that does not fit is kept aside: not with what it says.
WITH_NUL = "\x00" + FREE_TEXT.replace("canary", "cana\x00ry").replace("34567", "3\x004567")


def document_with_mention() -> dict[str, Any]:
    mention = {"id": ACCOUNT.format("mention"), "text": "@" + NAME.format("mention")}
    texts = [{"type": "text", "text": text} for text in (FREE_TEXT, WITH_NUL)]
    line = [*texts, {"type": "mention", "attrs": mention}]
    paragraph = {"type": "paragraph", "content": line}
    item = {"type": "listItem", "content": [paragraph]}
    return {"type": "doc", "version": 1, "content": [{"type": "bulletList", "content": [item]}]}


def plant(platform: SimulatedPlatform) -> None:
    platform.switch(
        stripe_shape=stripe_shapes(),
        jira_shape={
            "reporter": {"displayName": NAME.format("jira"), "emailAddress": EMAIL},
            "description": document_with_mention(),
        },
        jira_item_shape={
            "field": "assignee", "fieldId": "assignee", "from": ACCOUNT.format("before"),
            "fromString": NAME.format("before"), "to": ACCOUNT.format("after"),
            "toString": NAME.format("after"), "tmpToAccountId": ACCOUNT.format("after"),
        },
    )  # fmt: skip
    platform.load_issues([issue(1, summary=WITH_NUL, description=FREE_TEXT)])
    for source, database in DATABASES.items():
        with platform.postgres.admin(database) as connection:
            for table in (t for t in CONTRACT if t.source == source):
                for column in table.columns:
                    if column.pii == "none":
                        continue
                    text = FREE_TEXT if column.pii == "redact_text" else EMAIL.format(column.name)
                    connection.execute(
                        f"update {table.source_relation} set {column.name} = %s",  # type: ignore[arg-type]
                        [NAME.format(column.name) if column.pii == "drop" else text],
                    )
                # Columns that nobody has classed yet.
                connection.execute(
                    f"alter table {table.source_relation} "  # type: ignore[arg-type]
                    "add column if not exists contact text, add column if not exists extra jsonb, "
                    "add column if not exists mobile bigint"
                )
                connection.execute(
                    f"update {table.source_relation} "  # type: ignore[arg-type]
                    "set contact = %s, extra = jsonb_build_object('who', %s::text), mobile = %s",
                    [FREE_TEXT, NAME.format("extra"), 491701234567],
                )


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def leaks(name: str, content: bytes) -> list[str]:
    return [f"{fragment!r} in {name}" for fragment in FRAGMENTS if fragment in content]


def warehouse_keeps_unclassified(home: Path) -> bool:
    """Whether the columns that nobody has classed have landed, so that looking for them tells."""
    with open_warehouse(Settings(home=home), "read") as published:
        (row,) = published.rows(
            "select count(*) as n from raw.engine__subs_account "
            "where json_extract_string(_unclassified, '$.contact') is not null"
        )
    return bool(row["n"])


def test_no_canary_survives_extraction(
    extract: Extract,
    platform: SimulatedPlatform,
    warehouse: Warehouse,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Last of this module: the rows of the databases stay changed."""
    caplog.set_level(logging.DEBUG)
    plant(platform)
    sources = ("engine", "billing", "core", "stripe", "jira")
    outcomes = extract(*sources)
    assert {o.status for o in outcomes.values()} == {"ok"}
    # Then every stream fails over values that are canaries themselves.
    shapes = stripe_shapes()
    for days, kind, required in ((8, "customer", "created"), (16, "invoice", "amount_due")):
        platform.switch(stripe_shape={**shapes, kind: {**shapes[kind], required: EMAIL}})
        failed = extract("stripe", "jira", as_of=BASE + timedelta(days=days))
        assert any(o.status == "failed" for o in failed.values())
        for outcome in failed.values():
            assert leaks(outcome.stream, str(outcome.error).encode()) == []
    (kept_aside,) = warehouse.rows(
        "select count(distinct column_name) as n from ops.quarantine where stream = 'jira.issues'"
    )
    assert kept_aside["n"] == 2
    (row,) = warehouse.rows(
        "select count(distinct from_value) as before, min(length(to_value)) as after "
        "from raw.jira__changelog_items"
    )
    assert row == {"before": 1, "after": 64}, "the planted changes have landed, as keyed hashes"
    warehouse.publish()
    warehouse.close()
    found = bytes_of(tmp_path)
    assert any(name.endswith("warehouse.duckdb") for name in found)
    assert warehouse_keeps_unclassified(tmp_path)
    logged = {"log": caplog.text.encode(), "output": "".join(capfd.readouterr()).encode()}
    assert [leak for n, c in {**found, **logged}.items() for leak in leaks(n, c)] == []


def test_a_canary_would_be_found(warehouse: Warehouse, tmp_path: Path) -> None:
    """The search sees into the file: what is written there in the clear is found."""
    warehouse.append_ops(
        "quarantine",
        [
            {
                "stream": "s", "row_key": "k", "column_name": "c", "rule": "r",
                "value_text": NAME.format("here"), "load_id": "l", "as_of": BASE,
            }
        ],
    )  # fmt: skip
    warehouse.publish()
    found = [leak for n, c in bytes_of(tmp_path).items() for leak in leaks(n, c)]
    assert any("Canarina" in leak for leak in found)
