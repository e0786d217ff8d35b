"""What would stop a run on BigQuery before it does. Probes that change and read nothing.

Belongs here: login, location, datasets, rights, expiry, limits of the configured project, and
whether everything that `paygo bootstrap` makes stands. Does not: making any of it.
"""

from __future__ import annotations

from collections.abc import Iterator

from google.api_core import exceptions as api

from orchestration.errors import PaygoError, PermanentFailure
from orchestration.settings import Settings
from orchestration.warehouse import bigquery_apply
from orchestration.warehouse.bigquery_bootstrap import DAY_MS, EXPIRY_DAYS, Wishes, parts
from orchestration.warehouse.bigquery_jobs import FAILURES, Jobs, translated
from orchestration.warehouse.bigquery_schema import LAYERS, SCRATCH, ops_ddl, raw_ddl

Answer = tuple[str, bool, str, str, bool]
"""Name, whether it is well, what was found, what to do, whether a run does without it."""

BOOTSTRAP = "run `paygo bootstrap --apply`"


def findings(settings: Settings) -> Iterator[Answer]:
    """Yield one answer a check; a project that cannot be reached ends the list."""
    try:
        jobs = Jobs.connect(settings)
        jobs.run("select 1 as one", doing="asking BigQuery anything")
    except PaygoError as error:
        yield "bigquery", False, error.what, error.todo, False
        return
    where = f"{settings.bigquery_project} answers in {settings.bigquery_location}"
    yield "bigquery", True, where, "", False
    limit = settings.bigquery_maximum_bytes_billed
    text = f"no query may read more than {limit / 1e9:.0f} GB" if limit else "no limit is set"
    yield "bigquery limit", bool(limit), text, "set PAYGO_BIGQUERY_MAXIMUM_BYTES_BILLED", False
    for name in (*LAYERS, SCRATCH):
        yield *_dataset(jobs, settings, name), False
    yield *_rights(jobs), False
    yield from bootstrapped(settings)


def bootstrapped(settings: Settings) -> Iterator[Answer]:
    """What `paygo bootstrap` makes, one answer a part; whoever may not look is told so."""
    wishes = Wishes(
        settings.bigquery_project,
        settings.bigquery_location,
        settings.bigquery_billing_account,
        analysts=settings.bigquery_analysts,
    )
    try:
        session = bigquery_apply.session(settings)
    except PermanentFailure as error:
        yield "bigquery bootstrap", False, error.what, error.todo, True
        return
    for part, steps in parts(wishes).items():
        found = bigquery_apply.compare(steps, session, bases=bigquery_apply.bases(settings))
        wrong = [
            *(f"missing: {title}" for title in found.made),
            *(f"otherwise: {title}" for title in found.changed),
            *(f"cannot be looked at: {title}" for title in found.failed),
        ]
        text = "; ".join(wrong) or f"{len(steps)} of {len(steps)} stand"
        if part == "budget and quota" and not wishes.billing_account:
            text += "; no budget: PAYGO_BIGQUERY_BILLING_ACCOUNT is not set"
        yield f"bigquery {part}", not wrong, text, BOOTSTRAP, True


def _dataset(jobs: Jobs, settings: Settings, name: str) -> tuple[str, bool, str, str]:
    title = f"bigquery dataset {name}"
    try:
        dataset = jobs.client.get_dataset(name)
    except api.NotFound:
        return title, False, "does not exist", BOOTSTRAP
    except FAILURES as error:
        refused = translated(error, f"looking at {name}")
        return title, False, refused.what, refused.todo
    if (dataset.location or "").upper() != settings.bigquery_location.upper():
        todo = "a dataset cannot move: set PAYGO_BIGQUERY_LOCATION, or make it anew elsewhere"
        return title, False, f"lies in {dataset.location}", todo
    days = EXPIRY_DAYS[name]
    wanted = days * DAY_MS if days else None
    found = dataset.default_table_expiration_ms
    if found != wanted:
        kept = f"tables are kept {int(found) // DAY_MS} days" if found else "tables never expire"
        return title, False, kept, BOOTSTRAP
    return title, True, f"in {dataset.location}", ""


def _rights(jobs: Jobs) -> tuple[str, bool, str, str]:
    """A dry run of the DDL asks for the right to create, and creates nothing."""
    from orchestration.sources.contract import CONTRACT

    try:
        for statement in (raw_ddl(CONTRACT[0]), next(iter(ops_ddl().values()))):
            jobs.run(statement, doing="asking whether tables may be made", schema_only=True)
    except PaygoError as refused:
        return "bigquery rights", False, refused.what, refused.todo
    return "bigquery rights", True, "tables of raw and ops may be made", ""
