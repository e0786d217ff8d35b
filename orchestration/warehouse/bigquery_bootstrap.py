"""Everything a BigQuery project needs before the first run, as REST requests that may be repeated.

Belongs here: which datasets, accounts, roles, masks, budgets and quotas there are, and why. Does
not: sending any of it (`bigquery_apply`), printing, or tables, which a run creates itself
(`bigquery_schema`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestration.errors import PermanentFailure
from orchestration.sources.contract import CONTRACT
from orchestration.warehouse.bigquery_schema import LAYERS, SCRATCH

DAY_MS = 24 * 60 * 60 * 1000

# What a table of the layer may live for. Raw, ops and marts are the record; the rest is built anew.
EXPIRY_DAYS: dict[str, int | None] = {
    "raw": None,
    "ops": None,
    "seeds": None,
    "staging": None,
    "intermediate": 14,
    "marts": None,
    "metrics": None,
    "reporting": None,
    SCRATCH: 1,
}
TIME_TRAVEL_HOURS = 48
"""The shortest that BigQuery has: what was erased is soon out of reach of time travel too."""

ANALYST_LAYERS = ("marts", "metrics", "reporting", "seeds")
UPSTREAM_LAYERS = ("raw", "ops", "staging", "intermediate", "seeds", "marts", "metrics")

ACCOUNTS: dict[str, tuple[str, set[str], set[str]]] = {
    # For extraction alone, where somebody else builds.
    "paygo-extract": ("reads sources, appends to raw and ops", {"raw", "ops", SCRATCH}, set()),
    # A run extracts, builds and checks in one process, so under one login; it erases as well.
    "paygo-build": (
        "runs all: extraction, dbt, checks, page",
        {*LAYERS, SCRATCH},
        set(),
    ),
    # No right below the published layers: `paygo drift explain` shows rows of staging, whose views
    # read the personal data in raw, and needs the login of a run.
    "paygo-read": ("reads what is published", set(), {"ops", *ANALYST_LAYERS}),
}
"""Service accounts: what for, datasets each may write, datasets each may only read."""

MASKS = {
    "hash": ("SHA256", "keyed hashes of personal identifiers"),
    "redact_text": ("ALWAYS_NULL", "free text, personal data masked by pattern"),
    "redact_paths": ("ALWAYS_NULL", "JSON bodies, personal data removed by path"),
}
"""PII classes of the contract that land: what their columns show to who may not see them."""

IAM = "https://iam.googleapis.com/v1"
PROJECTS = "https://cloudresourcemanager.googleapis.com/v1"
BIGQUERY = "https://bigquery.googleapis.com/bigquery/v2"
CATALOG = "https://datacatalog.googleapis.com/v1"
POLICIES = "https://bigquerydatapolicy.googleapis.com/v1"
BUDGETS = "https://billingbudgets.googleapis.com/v1"
QUOTAS = "https://cloudquotas.googleapis.com/v1"


@dataclass(frozen=True)
class Wishes:
    """What only the owner of a project can say."""

    project: str
    location: str
    billing_account: str = ""
    monthly_budget_units: int = 300
    """In whole units of the billing account's currency."""
    daily_gib_per_user: int = 500
    analysts: str = ""
    """A group such as `analysts@example.com`; empty: nobody but the service accounts reads."""


@dataclass(frozen=True)
class Step:
    """One object: how to look at it, how to make it, what must hold of it."""

    title: str
    look: str
    method: str
    url: str
    body: Mapping[str, Any] = field(default_factory=dict)
    within: str = ""
    """List answers: the key of the entries to search by `displayName`."""
    update: tuple[str, str] | None = None
    """Method and URL when it stands there but differently; None: it is left as it is."""
    merge: str = ""
    """`bindings` or `access`: entries are added to what is there, never taken away."""

    def text(self) -> str:
        """Return the step as a person can run it."""
        body = json.dumps(self.body, sort_keys=True)
        return f"# {self.title}\n{self.method} {self.url}\n{body}"


def plan(wishes: Wishes) -> list[Step]:
    """Return every step in the order in which they depend on each other."""
    return [step for steps in parts(wishes).values() for step in steps]


def parts(wishes: Wishes) -> dict[str, list[Step]]:
    """Return the steps by what they are for. Errors: PermanentFailure without a project."""
    if not wishes.project:
        raise PermanentFailure(
            "no BigQuery project is named", todo="set PAYGO_BIGQUERY_PROJECT and run again"
        )
    return {
        "service accounts": list(_accounts(wishes)),
        "datasets": list(_datasets(wishes)),
        "roles": list(_project_roles(wishes)),
        "authorized views": list(_authorized_views(wishes)),
        "tags and masks": list(_masks(wishes)),
        "budget and quota": list(_limits(wishes)),
    }


def member(wishes: Wishes, account: str) -> str:
    """Return the e-mail of a service account."""
    return f"{account}@{wishes.project}.iam.gserviceaccount.com"


def _accounts(wishes: Wishes) -> Iterator[Step]:
    base = f"{IAM}/projects/{wishes.project}/serviceAccounts"
    for name, (purpose, _, _) in ACCOUNTS.items():
        body = {"accountId": name, "serviceAccount": {"displayName": f"PayGO: {purpose}"}}
        yield Step(
            f"service account {name}: {purpose}",
            f"{base}/{member(wishes, name)}",
            "POST",
            base,
            body,
        )


def _access(wishes: Wishes, dataset: str) -> list[dict[str, Any]]:
    entries = [{"role": "OWNER", "specialGroup": "projectOwners"}]
    for name, (_, writes, reads) in ACCOUNTS.items():
        email = member(wishes, name)
        if dataset in writes:
            entries.append({"role": "WRITER", "userByEmail": email})
        elif dataset in reads:
            entries.append({"role": "READER", "userByEmail": email})
    if wishes.analysts and dataset in ANALYST_LAYERS:
        entries.append({"role": "READER", "groupByEmail": wishes.analysts})
    return entries


def _datasets(wishes: Wishes) -> Iterator[Step]:
    base = f"{BIGQUERY}/projects/{wishes.project}/datasets"
    for name in (*LAYERS, SCRATCH):
        days = EXPIRY_DAYS[name]
        body: dict[str, Any] = {
            "datasetReference": {"projectId": wishes.project, "datasetId": name},
            "location": wishes.location,
            "labels": {"pipeline": "paygo", "layer": name},
            "maxTimeTravelHours": str(TIME_TRAVEL_HOURS),
            "access": _access(wishes, name),
        }
        if days is not None:
            body["defaultTableExpirationMs"] = str(days * DAY_MS)
        kept = f"tables kept {days} days" if days else "tables kept"
        yield Step(
            f"dataset {name} in {wishes.location}, {kept}", f"{base}/{name}", "POST", base, body,
            update=("PATCH", f"{base}/{name}"), merge="access",
        )  # fmt: skip


def _project_roles(wishes: Wishes) -> Iterator[Step]:
    """Running jobs is the only right on the project as a whole; data rights stand by dataset."""
    bindings = [
        {
            "role": "roles/bigquery.jobUser",
            "members": [f"serviceAccount:{member(wishes, name)}" for name in ACCOUNTS],
        }
    ]
    if wishes.analysts:
        bindings[0]["members"].append(f"group:{wishes.analysts}")  # type: ignore[attr-defined]
    url = f"{PROJECTS}/projects/{wishes.project}"
    yield Step(
        "right to run jobs, and nothing else, on the project", f"{url}:getIamPolicy", "POST",
        f"{url}:setIamPolicy", {"bindings": bindings}, merge="bindings",
        update=("POST", f"{url}:setIamPolicy"),
    )  # fmt: skip


def _authorized_views(wishes: Wishes) -> Iterator[Step]:
    """Views of published layers may read below them, so that their readers need no right there."""
    base = f"{BIGQUERY}/projects/{wishes.project}/datasets"
    for name in UPSTREAM_LAYERS:
        above = [layer for layer in ANALYST_LAYERS if layer not in (name, "seeds")]
        entries = [
            {
                "dataset": {
                    "dataset": {"projectId": wishes.project, "datasetId": layer},
                    "targetTypes": ["VIEWS"],
                }
            }
            for layer in above
        ]
        yield Step(
            f"authorized views: {', '.join(above)} may read {name}", f"{base}/{name}", "PATCH",
            f"{base}/{name}", {"access": entries}, merge="access",
            update=("PATCH", f"{base}/{name}"),
        )  # fmt: skip


def _masks(wishes: Wishes) -> Iterator[Step]:
    place = f"projects/{wishes.project}/locations/{wishes.location.lower()}"
    taxonomies = f"{CATALOG}/{place}/taxonomies"
    yield Step(
        "taxonomy of personal data", taxonomies, "POST", taxonomies,
        {"displayName": "paygo-pii", "activatedPolicyTypes": ["FINE_GRAINED_ACCESS_CONTROL"]},
        within="taxonomies",
    )  # fmt: skip
    for name, (expression, what) in MASKS.items():
        columns = [
            f"raw.{t.raw_name}.{c.name}"
            for t in CONTRACT
            for c in t.landed_columns
            if c.pii == name
        ]
        tags = "{taxonomies/paygo-pii}/policyTags"
        yield Step(
            f"policy tag {name} ({what}; {len(columns)} columns)", tags, "POST", tags,
            {"displayName": name, "description": ", ".join(columns)[:1900]}, within="policyTags",
        )  # fmt: skip
        policies = f"{POLICIES}/{place}/dataPolicies"
        identity = f"paygo_{name}"
        yield Step(
            f"mask of {name}: {expression}", f"{policies}/{identity}", "POST", policies,
            {
                "dataPolicyId": identity,
                "dataPolicyType": "DATA_MASKING_POLICY",
                "policyTag": f"{{policyTags/{name}}}",
                "dataMaskingPolicy": {"predefinedExpression": expression},
            },
        )  # fmt: skip


def _limits(wishes: Wishes) -> Iterator[Step]:
    if wishes.billing_account:
        base = f"{BUDGETS}/billingAccounts/{wishes.billing_account}/budgets"
        yield Step(
            f"budget of {wishes.monthly_budget_units} a month, warned at 50, 90 and 100 %",
            base, "POST", base,
            {
                "displayName": f"paygo-{wishes.project}",
                "budgetFilter": {"projects": [f"projects/{wishes.project}"]},
                "amount": {"specifiedAmount": {"units": str(wishes.monthly_budget_units)}},
                "thresholdRules": [{"thresholdPercent": part} for part in (0.5, 0.9, 1.0)],
            },
            within="budgets",
        )  # fmt: skip
    base = f"{QUOTAS}/projects/{wishes.project}/locations/global/quotaPreferences"
    identity = "paygo-query-usage-per-user"
    mib = wishes.daily_gib_per_user * 1024
    yield Step(
        f"quota: a user reads at most {wishes.daily_gib_per_user} GiB a day", f"{base}/{identity}",
        "POST", f"{base}?quotaPreferenceId={identity}",
        {
            "service": "bigquery.googleapis.com",
            "quotaId": "QueryUsagePerUserPerDay",
            "quotaConfig": {"preferredValue": str(mib)},
        },
    )  # fmt: skip
