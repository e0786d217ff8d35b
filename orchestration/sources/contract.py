"""Every raw table, declared once.

The DDL of the warehouse, the dbt sources, the extraction queries, the redaction
of personal data and the contract tests are all derived from `CONTRACT`. Nothing
here reads a source or a warehouse.

Units: money is whole minor units (`*_minor`, int64) unless a column says
`numeric`; times are UTC timestamps; durations carry their unit in the name.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

ColumnType = Literal[
    "string", "int64", "bool", "timestamp", "date", "numeric", "string_array", "json"
]

Pii = Literal["none", "drop", "hash", "redact_text", "redact_paths"]
"""What happens to a column before it lands.

none          lands as it is: holds no personal data
drop          never lands
hash          lands as a keyed hash (joins still work, the value is gone)
redact_text   free text: addresses, card numbers and the like are masked by pattern
redact_paths  a JSON body: the paths of `RawTable.redacted_paths` are removed
"""


@dataclass(frozen=True)
class Column:
    """One typed column of a raw table; `path` is where it stands in the source's JSON."""

    name: str
    type: ColumnType
    nullable: bool = True
    pii: Pii = "none"
    path: str | None = None
    description: str = ""


@dataclass(frozen=True)
class RawTable:
    """One stream: a table, endpoint or compiled file set that lands as one raw table."""

    source: str
    name: str
    entities: str
    """Plural noun of the staging view: `stg_<source>__<entities>`."""
    primary_key: str
    columns: tuple[Column, ...]
    cursor: str | None = None
    """Column that moves forward when a row changes; None: swept as a whole."""
    source_relation: str = ""
    """PostgreSQL `schema.table`, Stripe list path, or Jira resource."""
    append_only: bool = False
    """True when the source never updates or deletes a row."""
    redacted_paths: tuple[str, ...] = field(default=())

    @property
    def stream(self) -> str:
        """Name of the stream in ledgers, freshness and messages: `<source>.<name>`."""
        return f"{self.source}.{self.name}"

    @property
    def raw_name(self) -> str:
        """Name of the table in the warehouse's `raw` schema."""
        return f"{self.source}__{self.name}"

    @property
    def landed_columns(self) -> tuple[Column, ...]:
        """Columns that exist in the warehouse (those dropped for privacy do not)."""
        return tuple(c for c in self.columns if c.pii != "drop")

    def column(self, name: str) -> Column:
        """Return the column called `name`; KeyError when the contract has none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.stream} has no column {name!r} in its contract")


def _key(name: str, path: str | None = None) -> Column:
    return Column(name, "string", nullable=False, path=path)


def _text(name: str, path: str | None = None, *, required: bool = False) -> Column:
    return Column(name, "string", nullable=not required, path=path)


def _int(name: str, path: str | None = None, *, required: bool = False) -> Column:
    return Column(name, "int64", nullable=not required, path=path)


def _time(name: str, path: str | None = None, *, required: bool = False) -> Column:
    return Column(name, "timestamp", nullable=not required, path=path)


def _bool(name: str, path: str | None = None) -> Column:
    return Column(name, "bool", path=path)


def _payload() -> Column:
    return Column("payload", "json", nullable=False, pii="redact_paths", path="")


_UPDATED = _time("updated_at", required=True)
_CREATED = _time("created_at", required=True)


def _pg(
    source: str,
    name: str,
    entities: str,
    primary_key: str,
    *columns: Column,
    schema: str = "public",
    append_only: bool = False,
) -> RawTable:
    return RawTable(
        source=source,
        name=name,
        entities=entities,
        primary_key=primary_key,
        columns=columns,
        cursor="updated_at",
        source_relation=f"{schema}.{name}",
        append_only=append_only,
    )


def _stripe(
    name: str,
    primary_key: str,
    path: str,
    *columns: Column,
    redacted: tuple[str, ...] = (),
    append_only: bool = False,
) -> RawTable:
    return RawTable(
        source="stripe",
        name=name,
        entities=name,
        primary_key=primary_key,
        columns=columns,
        source_relation=path,
        redacted_paths=redacted,
        append_only=append_only,
    )


# Engine: database `subscriptions` of subscriptions-api.
_ENGINE = (
    _pg(
        "engine",
        "subs_account",
        "accounts",
        "account_id",
        _key("account_id"),
        _text("account_type"),
        _int("flags", required=True),
        Column("billing_email", "string", pii="hash"),
        Column("billing_name", "string", pii="drop"),
        _text("country"),
        _text("currency"),
        _CREATED,
        _UPDATED,
    ),
    _pg(
        "engine",
        "subs_customer",
        "customers",
        "customer_row_id",
        _key("customer_row_id"),
        _key("account_id"),
        _text("stripe_customer_id"),
        Column("checkout_email", "string", pii="hash"),
        _text("written_by"),
        _time("bad_debt"),
        _CREATED,
        _UPDATED,
    ),
    _pg(
        "engine",
        "subs_dunning",
        "dunning_states",
        "account_id",
        _key("account_id"),
        _int("retry_count", required=True),
        _int("escalation_level", required=True),
        _time("next_retry_at"),
        _UPDATED,
    ),
    _pg(
        "engine",
        "subs_object_products",
        "object_products",
        "object_product_id",
        _key("object_product_id"),
        _key("account_id"),
        _text("object_type", required=True),
        _text("object_id", required=True),
        _CREATED,
        _UPDATED,
    ),
    _pg(
        "engine",
        "subs_object_products_element",
        "object_products_elements",
        "ope_id",
        _key("ope_id"),
        _key("object_product_id"),
        _text("component", required=True),
        _text("kind"),
        Column("value_phases", "string_array"),
        _text("license_source_id"),
        _text("workflow_id"),
        _time("deleted_date"),
        _CREATED,
        _UPDATED,
    ),
    _pg(
        "engine",
        "subs_sslc",
        "service_level_changes",
        "sslc_id",
        _key("sslc_id"),
        _key("ope_id"),
        _text("from_value", required=True),
        _text("to_value", required=True),
        _time("effective_at", required=True),
        _time("applied_at"),
        _time("cancelled_at"),
        _CREATED,
        _UPDATED,
    ),
    _pg(
        "engine",
        "catalog_prices",
        "catalog_prices",
        "catalog_price_id",
        _key("catalog_price_id"),
        _text("component", required=True),
        _text("value", required=True),
        _text("period", required=True),
        _text("currency", required=True),
        _text("stripe_price_id"),
        Column("unit_amount", "numeric", nullable=False),
        _bool("is_active"),
        _UPDATED,
    ),
    _pg(
        "engine",
        "subs_mandate",
        "mandates",
        "mandate_id",
        _key("mandate_id"),
        _key("account_id"),
        _text("payment_method_id"),
        _text("status", required=True),
        _CREATED,
        _UPDATED,
    ),
    _pg(
        "engine",
        "subs_stuck_events",
        "stuck_events",
        "stuck_event_id",
        _key("stuck_event_id"),
        _text("event_id", required=True),
        _text("event_type", required=True),
        _text("handler"),
        _text("reason"),
        _CREATED,
        _UPDATED,
    ),
    _pg(
        "engine",
        "subs_product_probation",
        "product_probations",
        "probation_id",
        _key("probation_id"),
        _key("account_id"),
        _text("component", required=True),
        _text("reason"),
        _time("started_at", required=True),
        _time("ended_at"),
        _UPDATED,
    ),
    _pg(
        "engine",
        "webhook_deliveries",
        "webhook_deliveries",
        "delivery_id",
        _key("delivery_id"),
        _text("event_id", required=True),
        _text("event_type", required=True),
        _text("handler"),
        _int("attempt", required=True),
        _time("received_at", required=True),
        _time("delivered_at"),
        _text("outcome", required=True),
        _UPDATED,
        append_only=True,
    ),
    _pg(
        "engine",
        "subs_mutations",
        "mutations",
        "mutation_id",
        _key("mutation_id"),
        _key("account_id"),
        _text("entry_point", required=True),
        _text("last_phase", required=True),
        _text("outcome", required=True),
        _time("started_at", required=True),
        _time("written_at"),
        _time("finished_at"),
        _UPDATED,
    ),
    _pg(
        "engine",
        "payment_attempts",
        "payment_attempts",
        "attempt_id",
        _key("attempt_id"),
        _key("account_id"),
        _text("path", required=True),
        _text("step_reached", required=True),
        _text("method", required=True),
        _text("outcome", required=True),
        _text("mutation_id"),
        _text("payment_intent_id"),
        _int("amount_minor", required=True),
        _text("currency", required=True),
        _time("started_at", required=True),
        _time("confirmed_at"),
        _time("committed_at"),
        _time("finished_at"),
        _UPDATED,
    ),
)

# Ledger: database `billing_prod`.
_BILLING = (
    _pg(
        "billing",
        "invoices",
        "invoices",
        "invoice_id",
        _key("invoice_id"),
        _key("account_id"),
        _text("status", required=True),
        _text("billing_reason", required=True),
        _int("amount_due_minor", required=True),
        _int("amount_paid_minor", required=True),
        _text("currency", required=True),
        _text("finalized_by"),
        _CREATED,
        _UPDATED,
    ),
    _pg(
        "billing",
        "charges",
        "charges",
        "charge_id",
        _key("charge_id"),
        _key("invoice_id"),
        _key("account_id"),
        _int("amount_minor", required=True),
        _text("currency", required=True),
        _text("status", required=True),
        _text("method", required=True),
        _CREATED,
        _UPDATED,
    ),
    _pg(
        "billing",
        "schedules",
        "schedules",
        "schedule_id",
        _key("schedule_id"),
        _key("account_id"),
        _text("ope_id"),
        _text("action", required=True),
        _time("run_at", required=True),
        _text("status", required=True),
        _CREATED,
        _UPDATED,
    ),
)

# Account records, zones and entitlements: database `core_prod`.
_CORE = (
    _pg(
        "core",
        "accounts",
        "accounts",
        "account_id",
        _key("account_id"),
        Column("name", "string", pii="drop"),
        Column("email", "string", pii="hash"),
        _text("status", required=True),
        _CREATED,
        _UPDATED,
    ),
    _pg(
        "core",
        "zones",
        "zones",
        "zone_id",
        _key("zone_id"),
        _key("account_id"),
        Column("name", "string", pii="hash"),
        _text("plan_level", required=True),
        _text("status", required=True),
        _CREATED,
        _UPDATED,
        schema="www",
    ),
    _pg(
        "core",
        "entitlements",
        "entitlements",
        "entitlement_id",
        _key("entitlement_id"),
        _key("account_id"),
        _text("service", required=True),
        _text("state", required=True),
        _CREATED,
        _UPDATED,
    ),
)

_CUSTOMER_PII = (
    "email",
    "name",
    "phone",
    "address",
    "shipping",
    "description",
    "individual_name",
    "business_name",
)

_STRIPE = (
    _stripe(
        "customers",
        "customer_id",
        "/v1/customers",
        _key("customer_id", "id"),
        _time("created_at", "created", required=True),
        _text("currency", "currency"),
        _bool("is_delinquent", "delinquent"),
        _text("account_id", "metadata.account_id"),
        _text("account_type", "metadata.account_type"),
        _text("bad_debt", "metadata.bad_debt"),
        _text("lifting", "metadata.lifting"),
        _payload(),
        redacted=_CUSTOMER_PII,
    ),
    _stripe(
        "payment_methods",
        "payment_method_id",
        "/v1/payment_methods",
        _key("payment_method_id", "id"),
        _text("customer_id", "customer"),
        _text("type", "type", required=True),
        _text("card_brand", "card.brand"),
        _time("created_at", "created", required=True),
        _payload(),
        redacted=(
            "billing_details",
            "card.fingerprint",
            "card.last4",
            "card.exp_month",
            "card.exp_year",
            "paypal.payer_email",
            "paypal.payer_id",
            "sepa_debit.last4",
            "sepa_debit.fingerprint",
            "link.email",
        ),
    ),
    _stripe(
        "subscriptions",
        "subscription_id",
        "/v1/subscriptions",
        _key("subscription_id", "id"),
        _text("customer_id", "customer", required=True),
        _text("status", "status", required=True),
        _text("collection_method", "collection_method", required=True),
        _text("currency", "currency", required=True),
        _time("created_at", "created", required=True),
        _time("canceled_at", "canceled_at"),
        _time("ended_at", "ended_at"),
        _time("trial_end_at", "trial_end"),
        _text("latest_invoice_id", "latest_invoice"),
        _text("subscription_type", "metadata.subscription_type"),
        _text("legacy_subscription_type", "metadata.cf:sub:type"),
        _payload(),
        redacted=("description", "items"),
    ),
    _stripe(
        "subscription_items",
        "subscription_item_id",
        "/v1/subscription_items",
        _key("subscription_item_id", "id"),
        _text("subscription_id", "subscription", required=True),
        _text("price_id", "price.id", required=True),
        _text("product_id", "price.product"),
        _int("unit_amount_minor", "price.unit_amount"),
        Column("unit_amount", "numeric", path="price.unit_amount_decimal"),
        _text("currency", "price.currency", required=True),
        _text("recurring_interval", "price.recurring.interval"),
        _text("usage_type", "price.recurring.usage_type"),
        _int("quantity", "quantity"),
        _text("bad_debt_item", "metadata.bad_debt_item"),
        _time("current_period_start_at", "current_period_start"),
        _time("current_period_end_at", "current_period_end"),
        _time("created_at", "created", required=True),
        _payload(),
    ),
    _stripe(
        "invoices",
        "invoice_id",
        "/v1/invoices",
        _key("invoice_id", "id"),
        _text("customer_id", "customer"),
        _text("account_id", "metadata.account_id"),
        _text("subscription_id", "parent.subscription_details.subscription"),
        _text("status", "status"),
        _text("billing_reason", "billing_reason"),
        _text("collection_method", "collection_method", required=True),
        _text("currency", "currency", required=True),
        _int("amount_due_minor", "amount_due", required=True),
        _int("amount_paid_minor", "amount_paid", required=True),
        _int("amount_remaining_minor", "amount_remaining", required=True),
        _int("attempt_count", "attempt_count", required=True),
        _time("created_at", "created", required=True),
        _time("due_at", "due_date"),
        _time("finalized_at", "status_transitions.finalized_at"),
        _time("paid_at", "status_transitions.paid_at"),
        _time("marked_uncollectible_at", "status_transitions.marked_uncollectible_at"),
        _time("voided_at", "status_transitions.voided_at"),
        _text("finalized_by", "metadata.finalized_by"),
        _text("bad_debt_amount", "metadata.bad_debt_amount"),
        _text("bad_debt_paid", "metadata.bad_debt_paid"),
        _text("bad_debt_invoices", "metadata.bad_debt_invoices"),
        _payload(),
        redacted=(
            "customer_address",
            "customer_email",
            "customer_name",
            "customer_phone",
            "customer_shipping",
            "customer_tax_ids",
            "description",
            "footer",
            "custom_fields",
            "hosted_invoice_url",
            "invoice_pdf",
            "lines",
            "payments",
        ),
    ),
    _stripe(
        "invoice_line_items",
        "line_item_id",
        "/v1/invoices/{invoice}/lines",
        _key("line_item_id", "id"),
        _text("invoice_id", "invoice", required=True),
        _int("amount_minor", "amount", required=True),
        _text("currency", "currency", required=True),
        _int("quantity", "quantity"),
        _text("price_id", "pricing.price_details.price"),
        _text("subscription_id", "parent.subscription_item_details.subscription"),
        _text("subscription_item_id", "parent.subscription_item_details.subscription_item"),
        _time("period_start_at", "period.start"),
        _time("period_end_at", "period.end"),
        _payload(),
        redacted=("description",),
    ),
    _stripe(
        "invoice_payments",
        "invoice_payment_id",
        "/v1/invoice_payments",
        _key("invoice_payment_id", "id"),
        _text("invoice_id", "invoice", required=True),
        _text("payment_intent_id", "payment.payment_intent"),
        _text("status", "status", required=True),
        _int("amount_paid_minor", "amount_paid"),
        _int("amount_requested_minor", "amount_requested", required=True),
        _text("currency", "currency", required=True),
        _bool("is_default", "is_default"),
        _time("created_at", "created", required=True),
        _time("paid_at", "status_transitions.paid_at"),
        _time("canceled_at", "status_transitions.canceled_at"),
        _payload(),
    ),
    _stripe(
        "payment_intents",
        "payment_intent_id",
        "/v1/payment_intents",
        _key("payment_intent_id", "id"),
        _text("customer_id", "customer"),
        _text("payment_method_id", "payment_method"),
        _text("status", "status", required=True),
        _int("amount_minor", "amount", required=True),
        _int("amount_received_minor", "amount_received"),
        _text("currency", "currency", required=True),
        _time("created_at", "created", required=True),
        _time("canceled_at", "canceled_at"),
        _payload(),
        redacted=(
            "client_secret",
            "receipt_email",
            "shipping",
            "description",
            "last_payment_error",
            "statement_descriptor",
            "statement_descriptor_suffix",
        ),
    ),
    _stripe(
        "events",
        "event_id",
        "/v1/events",
        _key("event_id", "id"),
        _text("type", "type", required=True),
        _text("object_id", "data.object.id"),
        _text("api_version", "api_version"),
        _time("created_at", "created", required=True),
        append_only=True,
    ),
)

_JIRA = (
    RawTable(
        source="jira",
        name="issues",
        entities="issues",
        primary_key="issue_id",
        columns=(
            _key("issue_id", "id"),
            _text("issue_key", "key", required=True),
            _text("project_key", "fields.project.key", required=True),
            _text("issue_type", "fields.issuetype.name", required=True),
            _text("status", "fields.status.name", required=True),
            _text("status_category", "fields.status.statusCategory.key"),
            _text("priority", "fields.priority.name"),
            Column("summary", "string", nullable=False, pii="redact_text", path="fields.summary"),
            Column("description_text", "string", pii="redact_text"),
            Column("labels", "string_array", path="fields.labels"),
            Column("components", "string_array"),
            _text("reporter_role", "fields.customfield_10050.value"),
            _time("escalated_at", "fields.customfield_10051"),
            _int("support_case_count", "fields.customfield_10052"),
            _time("created_at", "fields.created", required=True),
            _time("updated_at", "fields.updated", required=True),
            _time("resolved_at", "fields.resolutiondate"),
            _payload(),
        ),
        cursor="updated_at",
        source_relation="/rest/api/3/search/jql",
        redacted_paths=("fields.reporter", "fields.assignee", "fields.creator"),
    ),
    RawTable(
        source="jira",
        name="changelog_items",
        entities="changelog_items",
        primary_key="changelog_item_id",
        columns=(
            _key("changelog_item_id"),
            _text("issue_id", required=True),
            Column("author_id", "string", pii="hash"),
            _text("field", required=True),
            Column("from_value", "string", pii="redact_text"),
            Column("to_value", "string", pii="redact_text"),
            _CREATED,
        ),
        source_relation="/rest/api/3/changelog/bulkfetch",
        append_only=True,
    ),
)

_KNOWLEDGE = (
    RawTable(
        source="knowledge",
        name="nodes",
        entities="nodes",
        primary_key="node_id",
        columns=(
            _key("node_id"),
            _text("kind", required=True),
            _text("domain", required=True),
            _text("title", required=True),
            _text("statement"),
            _text("metric_id"),
            _text("claim_query"),
            _text("code_reference"),
            _bool("is_simulated"),
            _text("definition_hash", required=True),
            _text("file", required=True),
            _int("line", required=True),
        ),
        source_relation="orchestration/knowledge/graph",
    ),
    RawTable(
        source="knowledge",
        name="edges",
        entities="edges",
        primary_key="edge_id",
        columns=(
            _key("edge_id"),
            _text("from_node_id", required=True),
            _text("relation", required=True),
            _text("to_node_id", required=True),
            _bool("is_simulated"),
            _text("file", required=True),
            _int("line", required=True),
        ),
        source_relation="orchestration/knowledge/graph",
    ),
)

# What the classifier says of each landed ticket; the text it read is named by hash.
_TICKETS = (
    RawTable(
        source="tickets",
        name="classifications",
        entities="classifications",
        primary_key="issue_id",
        columns=(
            _key("issue_id"),
            _text("issue_key", required=True),
            _text("category", required=True),
            _text("rule"),
            Column("matched_text", "string", pii="redact_text"),
            Column("confidence", "numeric", nullable=False),
            _bool("is_sure"),
            _bool("is_engineering_blocked"),
            _text("blocked_reason"),
            _text("content_hash", required=True),
            _text("rules_version", required=True),
        ),
        source_relation="raw.jira__issues",
    ),
)

CONTRACT: tuple[RawTable, ...] = (
    *_ENGINE,
    *_BILLING,
    *_CORE,
    *_STRIPE,
    *_JIRA,
    *_KNOWLEDGE,
    *_TICKETS,
)

META_COLUMNS: tuple[Column, ...] = (
    Column(
        "_as_of",
        "timestamp",
        nullable=False,
        description="Horizon of the read that saw this row version.",
    ),
    Column(
        "_load_id",
        "string",
        nullable=False,
        description="Load that brought it; shown only when the ledger has committed it.",
    ),
    Column(
        "_row_hash", "string", nullable=False, description="Canonical hash of the landed columns."
    ),
    Column(
        "_is_deleted",
        "bool",
        nullable=False,
        description="True for a tombstone: the source no longer has the row.",
    ),
)


def table(stream: str) -> RawTable:
    """Return the contract of `<source>.<name>`; KeyError names the known streams."""
    for candidate in CONTRACT:
        if candidate.stream == stream:
            return candidate
    known = ", ".join(t.stream for t in CONTRACT)
    raise KeyError(f"no stream {stream!r} in the contract; known streams: {known}")


def tables(source: str) -> tuple[RawTable, ...]:
    """Return the contracts of one source, in declaration order."""
    return tuple(t for t in CONTRACT if t.source == source)
