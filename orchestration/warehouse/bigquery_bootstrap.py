"""Everything a BigQuery project needs before the first run, as REST requests that may be repeated.

Belongs here: which datasets, accounts, roles, masks, budgets and quotas there are, and why. Does
not: tables, which a run creates itself (`bigquery_schema`), or printing. Each step first looks
whether its object stands as it should; only what is missing or different is written.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from orchestration.errors import PermanentFailure
from orchestration.sources.contract import CONTRACT
from orchestration.warehouse.bigquery_schema import LAYERS, SCRATCH

if TYPE_CHECKING:
    from orchestration.settings import Settings

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

ACCOUNTS = {
    "paygo-extract": ("reads sources, appends to raw and ops", {"raw", "ops", SCRATCH}, set()),
    "paygo-build": (
        "runs dbt, checks and the page",
        {"ops", "seeds", "staging", "intermediate", "marts", "metrics", "reporting", SCRATCH},
        {"raw"},
    ),
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


class Session(Protocol):
    """What applying needs of an authorized HTTP session."""

    def request(self, method: str, url: str, **kwargs: Any) -> Any: ...


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
    if not wishes.project:
        raise PermanentFailure(
            "no BigQuery project is named", todo="set PAYGO_BIGQUERY_PROJECT and run again"
        )
    return [
        *_accounts(wishes),
        *_datasets(wishes),
        *_project_roles(wishes),
        *_authorized_views(wishes),
        *_masks(wishes),
        *_limits(wishes),
    ]


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


def session(settings: Settings) -> Session:
    """Return a session that speaks as whoever is logged in. Errors: PermanentFailure."""
    import google.auth
    from google.auth.exceptions import GoogleAuthError
    from google.auth.transport.requests import AuthorizedSession

    scope = "https://www.googleapis.com/auth/cloud-platform"
    try:
        credentials, _ = google.auth.default(scopes=[scope])
    except GoogleAuthError as error:
        raise PermanentFailure(
            f"no credentials: {error}", todo="run `gcloud auth application-default login` first"
        ) from error
    made: Session = AuthorizedSession(credentials)  # type: ignore[no-untyped-call]
    return made


def bases(settings: Settings) -> dict[str, str]:
    """Return the addresses to use in place of the public ones: another BigQuery endpoint."""
    endpoint = settings.bigquery_api_endpoint.rstrip("/")
    return {BIGQUERY: f"{endpoint}/bigquery/v2"} if endpoint else {}


@dataclass
class Done:
    """What applying did, by title."""

    made: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def apply(
    steps: Sequence[Step], session: Session, *, bases: Mapping[str, str] | None = None
) -> Done:
    """Look at every object and write what is missing; a step that fails does not stop the others.

    `bases` replaces the beginnings of addresses (tests). Names that the services give (of
    taxonomy and tags) are filled in as they become known.
    """
    done = Done()
    names: dict[str, str] = {}
    for step in steps:
        try:
            _apply_one(step, session, names, done, bases or {})
        except PermanentFailure as error:
            done.failed.append(f"{step.title}: {error.what}")
    return done


def _apply_one(
    step: Step, session: Session, names: dict[str, str], done: Done, bases: Mapping[str, str]
) -> None:
    def call(method: str, url: str, body: object = None) -> tuple[int, dict[str, Any]]:
        return _call(session, method, _filled(url, names), body, bases)

    body = json.loads(_filled(json.dumps(step.body), names))
    asks = "POST" if step.look.endswith(":getIamPolicy") else "GET"
    status, there = call(asks, step.look, {} if asks == "POST" else None)
    if step.within:
        entries = there.get(step.within, [])
        same = [e for e in entries if e.get("displayName") == body["displayName"]]
        there, status = (same[0], 200) if same else ({}, 404)
    if status == 404:
        _, there = call(step.method, step.url, body)
        done.made.append(step.title)
    elif step.update and (wanted := _difference(step, body, there)):
        call(*step.update, {"policy": wanted} if step.merge == "bindings" else wanted)
        done.changed.append(step.title)
    else:
        done.held.append(step.title)
    if step.within and there.get("name"):
        where = CATALOG if step.within != "budgets" else BUDGETS
        key = f"{step.within}/{body['displayName']}"
        names[f"{{{key}}}"] = there["name"]
        names[f"{{{key}}}/policyTags"] = f"{where}/{there['name']}/policyTags"


def _filled(text: str, names: Mapping[str, str]) -> str:
    for key in sorted(names, key=len, reverse=True):
        text = text.replace(key, names[key])
    return text


def _difference(step: Step, body: dict[str, Any], there: dict[str, Any]) -> dict[str, Any]:
    """Return what has to be written so that everything wished for holds; empty: it does."""
    wanted: dict[str, Any] = {}
    for key, value in body.items():
        found = there.get(key)
        if key == "bindings":
            merged = json.loads(json.dumps(found or []))
            for binding in value:
                same = [b for b in merged if b["role"] == binding["role"] and "condition" not in b]
                target = same[0] if same else {"role": binding["role"], "members": []}
                if not same:
                    merged.append(target)
                target["members"] += [m for m in binding["members"] if m not in target["members"]]
            if merged != (found or []):
                wanted = {**there, "bindings": merged}
        elif key == "access":
            missing = [entry for entry in value if entry not in (found or [])]
            if missing:
                wanted["access"] = [*(found or []), *missing]
        elif key in ("defaultTableExpirationMs", "maxTimeTravelHours", "labels") and found != value:
            wanted[key] = value
    return wanted


def _call(
    session: Session, method: str, url: str, body: object, bases: Mapping[str, str]
) -> tuple[int, dict[str, Any]]:
    for original, replacement in bases.items():
        if url.startswith(original):
            url = replacement + url.removeprefix(original)
    answer = session.request(method, url, json=body) if body is not None else session.request(
        method, url
    )  # fmt: skip
    if answer.status_code == 404 and method == "GET":
        return 404, {}
    if answer.status_code == 409:
        return 200, {}
    if answer.status_code >= 400:
        text = answer.text.strip().replace("\n", " ")[:300]
        raise PermanentFailure(f"{method} {url} answered {answer.status_code}: {text}")
    return answer.status_code, answer.json() if answer.text else {}
