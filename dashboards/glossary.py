"""The terms of the system overview: what each is, where it lives, and its live figures.

The words are authored; the figures are claims, named here and never copied. A figure whose
claim the models do not yield is left out.
"""

from __future__ import annotations

from dataclasses import dataclass

Figures = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Term:
    """One term; `figures` are (claim id, words after the number), `parts` a family of counts."""

    name: str
    what: str
    lives: str
    figures: Figures = ()
    parts: Figures = ()
    metrics: tuple[str, ...] = ()

    @property
    def anchor(self) -> str:
        return self.name.lower().replace(" ", "-").replace("_", "-")


_STATES = (
    ("active_billed", "active, billed"),
    ("scheduled_cancel", "scheduled to cancel"),
    ("scheduled_downgrade", "scheduled to downgrade"),
    ("delayed_upgrade", "waiting to upgrade"),
    ("unbilled_grant", "granted, not billed"),
    ("contract", "under contract"),
    ("pending", "pending"),
    ("in_flight", "in flight"),
    ("malformed", "malformed"),
    ("cancelled", "cancelled"),
)

GLOSSARY: dict[str, tuple[Term, ...]] = {
    "Three services": (
        Term(
            "PayGO",
            "The self-serve billing tier, apart from contracts and manual invoicing. No sales "
            "motion: the platform handles everything from checkout to renewal to dunning.",
            "all three services",
            (("fact.accounts", "accounts"), ("glossary.account_types", "account types in use")),
        ),
        Term(
            "The Engine",
            "All billing intelligence: subscription changes, dunning decisions, payment "
            "orchestration, invoicing, entitlements.",
            "subscriptions-api",
            (
                ("glossary.mutations", "runs of changes_calculator on the last complete day"),
                ("metric.checkout_rollbacks_per_day.value", "checkouts rolled back a day"),
            ),
            metrics=("checkout_rollbacks_per_day",),
        ),
        Term(
            "The Pipe",
            "Routes Stripe events to the engine, at least once and in no promised order.",
            "billing-webhooks",
            (
                ("fact.events_per_day", "Stripe events on the last complete day"),
                ("fact.handlers_seen", "handlers seen at work"),
                ("glossary.handlers_declared", "handlers declared"),
                ("metric.pipe_lag_p95_seconds.value", "seconds of lag at p95"),
            ),
            metrics=("pipe_lag_p95_seconds", "stuck_events"),
        ),
        Term(
            "The Facade",
            "Displays the state of an account; owns no billing decision.",
            "accounts",
            (("glossary.accounts_in_core", "accounts known to it"),),
        ),
    ),
    "Objects": (
        Term(
            "OPE",
            "Object Products Element: the domain's model of a subscription. Its state is emergent "
            "from five signals: deleted_date, value_phases[0], value_phases[1], "
            "license_source_id, workflow_id.",
            "subs_object_products_element",
            (("fact.opes", "OPEs, cancelled ones included"),),
            tuple((f"fact.ope_state_{state}", words) for state, words in _STATES),
        ),
        Term(
            "SSLC",
            "Scheduled Service Level Change: a delayed downgrade record. It captures the intent to "
            "downgrade at the period's end without changing the subscription at once.",
            "subs_sslc, written by subscriptions-api",
            (
                ("glossary.level_changes_waiting", "wait for their period end"),
                ("glossary.level_changes_overdue", "are overdue"),
            ),
        ),
        Term(
            "License Source",
            "How an OPE is billed. Determines whether Stripe or an internal mechanism owns its "
            "billing cycle.",
            "license_source_id, on each OPE row",
            (),
            (
                ("glossary.licenses_stripe", "linked to Stripe"),
                ("glossary.licenses_user", "user"),
                ("glossary.licenses_admin", "admin"),
                ("glossary.licenses_contract", "contract"),
                ("glossary.licenses_pending", "pending"),
            ),
        ),
        Term(
            "Six stores",
            "State is kept in five Postgres databases and at Stripe. One account leads to one "
            "customer row, one Stripe customer and at most two subscriptions; accounts that share "
            "a Stripe customer are ambiguous and never judged automatically.",
            "subs_account, subs_customer, subs_dunning, billing_prod, core_prod, Stripe",
            (
                ("glossary.accounts_merged", "accounts share a Stripe customer"),
                (
                    "metric.bad_debt_inconsistent_accounts.value",
                    "accounts on which stores disagree",
                ),
            ),
            metrics=("bad_debt_inconsistent_accounts",),
        ),
        Term(
            "Account types",
            "What a customer's metadata says, otherwise what the engine says. Some types are "
            "billed elsewhere and excluded from every verdict, with that reason.",
            "Stripe customer metadata, subs_account",
            (("glossary.account_types", "types in use"),),
        ),
    ),
    "The lifecycle": (
        Term(
            "changes_calculator",
            "The mutation pipeline inside the engine. Four phases: Gather, Validate, Plan, "
            "Sync+Save. Every change of a subscription flows through this one path.",
            "subscriptions-api",
            (
                ("glossary.mutations", "runs on the last complete day"),
                ("glossary.mutations_rolled_back", "of them rolled back"),
            ),
            metrics=("checkout_rollbacks_per_day",),
        ),
        Term(
            "Billing Clock",
            "Period boundaries and the moment of renewal. Stripe owns it today: the period of a "
            "subscription's items drives renewal. Upgrades act at once, downgrades wait for it.",
            "Stripe (external)",
            (
                ("glossary.renewals_month", "active subscriptions renew each month"),
                ("glossary.renewals_year", "each year"),
            ),
        ),
    ),
    "Payments": (
        Term(
            "Payment paths",
            "Four: create or update, with the customer present or not. Each goes through intent, "
            "validate, payment intent, confirm, commit, reconcile.",
            "payment_attempts, written by subscriptions-api",
            (),
            (
                ("glossary.payments_on_session_create", "create, customer present"),
                ("glossary.payments_on_session_update", "update, customer present"),
                ("glossary.payments_off_session_create", "create, customer away"),
                ("glossary.payments_off_session_update", "update, customer away"),
            ),
        ),
        Term(
            "Green Zone",
            "The safety property of payments: nothing is written to the platform before the "
            "commit. A failed attempt that wrote something violates it.",
            "payment_attempts against subs_mutations",
            (("metric.green_zone_violations_per_day.value", "violations on the last day"),),
            metrics=("green_zone_violations_per_day",),
        ),
        Term(
            "PayPal",
            "The outlier: its presence flips every subscription of the customer to send_invoice, "
            "so that dunning starts on invoice.overdue and payments arrive out of band.",
            "collection_method, at Stripe",
            (
                ("glossary.collection_send_invoice", "active subscriptions at send_invoice"),
                ("glossary.collection_charge_automatically", "charged automatically"),
            ),
        ),
    ),
    "The pipe": (
        Term(
            "Reactive system",
            "Nothing happens without a Stripe event. An event nobody processed is stuck.",
            "webhook_deliveries, subs_stuck_events",
            (
                ("metric.stuck_events.value", "events are stuck"),
                ("glossary.duplicates", "repeated deliveries on the last complete day"),
            ),
            metrics=("stuck_events",),
        ),
        Term(
            "Decision leak",
            "A handler that still decides although decisions belong to the engine.",
            "billing-webhooks",
            (
                ("glossary.decision_leaks_declared", "handlers still decide"),
                ("glossary.decision_leak_deliveries", "deliveries to them on the last day"),
            ),
        ),
    ),
    "Invoices and debt": (
        Term(
            "Invoice states",
            "Draft, open, then paid, uncollectible or void. Payments still land on uncollectible "
            "invoices: the recovery path.",
            "Stripe, mirrored in billing_prod",
            (),
            (
                ("glossary.invoices_paid", "paid"),
                ("glossary.invoices_open", "open"),
                ("glossary.invoices_uncollectible", "uncollectible"),
                ("glossary.invoices_void", "void"),
                ("glossary.invoices_draft", "draft"),
            ),
            metrics=("uncollectible_invoices_per_day",),
        ),
        Term(
            "Finalize paths",
            "Five separate paths finalize an invoice; its metadata keeps which one did.",
            "finalized_by, in invoice metadata",
            (),
            (
                ("glossary.finalized_stripe_auto", "Stripe, automatically"),
                ("glossary.finalized_engine_checkout", "engine, at checkout"),
                ("glossary.finalized_engine_renewal", "engine, at renewal"),
                ("glossary.finalized_bad_debt_consolidation", "bad-debt consolidation"),
                ("glossary.finalized_manual", "by hand"),
            ),
        ),
        Term(
            "Hidden metadata",
            "Metadata makes invoices lie about debt: a consolidated invoice names the originals "
            "that it replaces, and both can be paid.",
            "invoice metadata, at Stripe",
            (("metric.double_charged_accounts.value", "accounts charged twice"),),
            metrics=("double_charged_accounts",),
        ),
        Term(
            "Bad debt",
            "When retries end the account is flagged, banned and cancelled as one unit. A payment "
            "afterwards starts lifting; the flag goes later, and that way back breaks today.",
            "flags of subs_account, subs_customer, customer metadata",
            (
                ("metric.bad_debt_accounts.value", "accounts flagged"),
                ("metric.bad_debt_exits_per_day.value", "left on the last day"),
                ("metric.stuck_in_lifting_accounts.value", "stuck in lifting"),
            ),
            metrics=("bad_debt_accounts", "stuck_in_lifting_accounts"),
        ),
    ),
    "Access": (
        Term(
            "Product services",
            "Each translates billing state to access on its own; no unified model exists. Access "
            "is granted, held or none.",
            "core_prod, entitlements",
            (
                ("fact.product_services", "services that a billed component opens"),
                ("metric.entitlement_drift_accounts.value", "accounts with wrong access"),
            ),
            metrics=("entitlement_drift_accounts",),
        ),
    ),
    "Observability": (
        Term(
            "View layer",
            "Models over append-only raw tables: staging, intermediate, marts, metrics, reporting. "
            "Pages, digests and alerts read the last layer only.",
            "dbt_project, in the warehouse",
            (
                ("freshness.metrics", "named metrics"),
                ("freshness.fresh", "with fresh evidence"),
            ),
        ),
        Term(
            "Drift detection",
            "Two independent systems. One compares living OPEs with Stripe's subscription items, "
            "the other the zone plan in www with the engine's.",
            "fct_discrepancies, in the warehouse",
            (
                ("drift.stripe.open", "open against Stripe"),
                ("drift.zone_plan.open", "open against www"),
            ),
            metrics=("stripe_drift_accounts", "zone_plan_drift_accounts"),
        ),
        Term(
            "Ticket digests",
            "Weekly: what reached engineering, by failure mode, and the metric and workstream that "
            "each category maps to. They connect engineering to what customers suffer.",
            "paygo digest, and the digests of this site",
            (("tickets.total", "tickets in twelve weeks"),),
            metrics=("engineering_tickets_per_month",),
        ),
    ),
}
"""Terms by heading, in the order of the system overview."""
