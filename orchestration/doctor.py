"""`paygo doctor`: finds what would stop a run before the run does, and says what to do.

Belongs here: probes that change nothing. Does not: repairing, or reading any data.
Each probe answers with findings; an unexpected error of a probe is a finding too.
"""

from __future__ import annotations

import contextlib
import importlib.util
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import metadata

from packaging.requirements import Requirement

from orchestration.clock import iso
from orchestration.errors import PaygoError, TransientFailure
from orchestration.loopback import require_free_port
from orchestration.settings import STRIPE_API_VERSION, Settings
from orchestration.sources.contract import tables
from orchestration.workspace import run_lock

LEAST_FREE_BYTES = 2 * 1024**3
UI_PORT = 3000
DISTRIBUTION = "paygo-warehouse"
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
CLOCK_TOLERANCE = timedelta(minutes=5)


@dataclass(frozen=True)
class Finding:
    """One answer; `optional` ones do not change the exit code."""

    name: str
    ok: bool
    found: str
    todo: str = ""
    optional: bool = False


Probe = Callable[[Settings], Iterator[Finding]]


def examine(settings: Settings) -> list[Finding]:
    """Run every probe, in the order in which a run would meet what they look at."""
    findings: list[Finding] = []
    for probe in PROBES:
        try:
            findings.extend(probe(settings))
        except PaygoError as error:
            findings.append(_refused(probe.__name__.strip("_"), error))
        except Exception as error:  # a probe that breaks must not hide the others
            findings.append(Finding(probe.__name__.strip("_"), False, repr(error)))
    return findings


def _refused(name: str, error: PaygoError, *, optional: bool = False) -> Finding:
    return Finding(name, False, error.what, error.todo, optional)


def _python(_: Settings) -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    good = sys.version_info[:2] == (3, 11)
    yield Finding("python", good, version, "set up again with make PYTHON=/path/to/python3.11")


def _hash_key(settings: Settings) -> Iterator[Finding]:
    key = settings.hash_key
    good = key is not None and bool(key.get_secret_value())
    todo = "set PAYGO_HASH_KEY to a long random text and keep it"
    yield Finding("hash key", good, "set" if good else "not set", todo)


def _packages(_: Settings) -> Iterator[Finding]:
    """Hold what is installed against what this package's own metadata (pyproject) asks for."""
    wanted = [Requirement(text) for text in metadata.requires(DISTRIBUTION) or ()]
    wanted = [r for r in wanted if r.marker is None or r.marker.evaluate({"extra": ""})]
    wrong = 0
    for requirement in wanted:
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            version = "not installed"
        else:
            if requirement.specifier.contains(version, prereleases=True):
                continue
        wrong += 1
        todo = f"{requirement} is needed: remove .venv and run make setup"
        yield Finding(requirement.name, False, version, todo)
    if not wrong:
        yield Finding("packages", True, f"{len(wanted)} as pyproject.toml asks")


def _folder(settings: Settings) -> Iterator[Finding]:
    home = settings.home
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home) as probe:
            probe.write(b"x" * 4096)
            probe.flush()
    except OSError as error:
        todo = "free the path or its disk, or choose another folder with PAYGO_HOME"
        yield Finding("folder", False, f"{home} cannot be written: {error.strerror}", todo)
        return
    yield Finding("folder", True, f"{home.resolve()} is writable")


def _disk(settings: Settings) -> Iterator[Finding]:
    place = settings.home if settings.home.is_dir() else settings.home.resolve().parent
    free = shutil.disk_usage(place).free
    text = f"{free / 1024**3:.1f} GiB free"
    needed = f"{LEAST_FREE_BYTES / 1024**3:.0f} GiB are needed: free some, or set PAYGO_HOME"
    yield Finding("disk", free >= LEAST_FREE_BYTES, text, needed)


def _warehouse(settings: Settings) -> Iterator[Finding]:
    try:
        with run_lock(settings):
            yield Finding("run lock", True, "no run is in progress")
    except TransientFailure as error:
        yield _refused("run lock", error, optional=True)
    published = settings.warehouse_path
    found = f"published at {published}" if published.is_file() else "nothing published yet"
    todo = "run make demo or paygo run"
    yield Finding("warehouse", published.is_file(), found, todo, optional=True)


def _bigquery(settings: Settings) -> Iterator[Finding]:
    if settings.target == "bigquery":
        from orchestration.warehouse.bigquery_doctor import findings

        for name, ok, found, todo, optional in findings(settings):
            yield Finding(name, ok, found, todo, optional)


def _port(_: Settings) -> Iterator[Finding]:
    try:
        require_free_port(UI_PORT)
    except PaygoError as error:
        yield _refused(f"port {UI_PORT}", error, optional=True)
        return
    yield Finding(f"port {UI_PORT}", True, "free for paygo ui")


def _chromium(_: Settings) -> Iterator[Finding]:
    path = next((p for p in map(shutil.which, CHROMIUM_NAMES) if p), None)
    has_playwright = importlib.util.find_spec("playwright") is not None
    todo = "install it (Debian: apt-get install chromium); only the browser tests need it"
    found = path or "no Chromium on the path"
    yield Finding("chromium", bool(path) and has_playwright, found, todo, optional=True)


def _clock(settings: Settings) -> Iterator[Finding]:
    now = settings.clock().now()
    if settings.now:
        yield Finding("clock", True, f"fixed at {iso(now)} by PAYGO_NOW")
        return
    from orchestration.sources.wire import Connections, Unanswered

    base = settings.stripe_api_base
    try:
        with contextlib.closing(Connections(base, timeout=10)) as wire:
            header = wire.send("GET", "/", {}).headers.get("date", "")
        server = datetime.strptime(header, "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
    except (Unanswered, ValueError) as error:
        yield Finding("clock", True, f"{iso(now)}; no server to compare with ({error})")
        return
    off = abs(now - server)
    todo = "correct the system clock: ages of evidence are counted with it"
    yield Finding("clock", off <= CLOCK_TOLERANCE, f"{off.total_seconds():.0f} s off {base}", todo)


def _stripe(settings: Settings) -> Iterator[Finding]:
    from orchestration.sources.governor import Governor
    from orchestration.sources.http import HttpSource, RetryPolicy
    from orchestration.sources.stripe import StripeSource

    key = settings.stripe_api_key
    if key is None or not key.get_secret_value():
        yield Finding("stripe", False, "not configured", "set PAYGO_STRIPE_API_KEY")
        return
    headers = {
        "Authorization": f"Bearer {key.get_secret_value()}",
        "Stripe-Version": STRIPE_API_VERSION,
    }
    base = settings.stripe_api_base
    http = HttpSource(
        "Stripe", base, headers=headers, governor=Governor(5),
        retry=RetryPolicy(attempts=1), timeout=10,
    )  # fmt: skip
    with StripeSource("", base, requests_per_second=5, http=http) as source:
        source.probe()
    yield Finding("stripe", True, f"{base} accepts the key at version {STRIPE_API_VERSION}")


def _postgres(settings: Settings) -> Iterator[Finding]:
    for name in ("engine", "billing", "core"):
        dsn = getattr(settings, f"{name}_dsn")
        if dsn is None or not dsn.get_secret_value():
            variable = f"PAYGO_{name.upper()}_DSN"
            yield Finding(f"postgres {name}", False, "not configured", f"set {variable}")
            continue
        try:
            yield from _database(name, dsn.get_secret_value())
        except PaygoError as error:
            yield _refused(f"postgres {name}", error)


def _database(name: str, dsn: str) -> Iterator[Finding]:
    from orchestration.sources.postgres import PostgresSource

    with PostgresSource(name, dsn, b"doctor") as source:
        source.inspect(tables(name))
        for table in tables(name):
            source.check(table)
        horizon, standby = source.horizon(), source.standby
    found = f"{len(tables(name))} tables readable as the contract says"
    yield Finding(f"postgres {name}", True, found)
    if standby is not None:
        moment = f"a standby that has replayed its primary up to {iso(standby.replayed)}"
        yield Finding(f"postgres {name} standby", True, moment)
    sees = "sees other sessions" if not horizon.is_blind else "cannot see other sessions"
    yield Finding(
        f"postgres {name} horizon",
        not horizon.is_blind,
        sees,
        "grant pg_read_all_stats to the role",
    )
    yield _read_only(name, dsn)


def _read_only(name: str, dsn: str) -> Finding:
    import psycopg

    with psycopg.connect(dsn, connect_timeout=10) as connection:
        row = connection.execute(
            "select current_setting('default_transaction_read_only') = 'on' and not rolsuper"
            " from pg_roles where rolname = current_user"
        ).fetchone()
    good = bool(row and row[0])
    found = "the role is read-only" if good else "the role may write"
    todo = "use a role of its own: alter role ... set default_transaction_read_only = on"
    return Finding(f"postgres {name} role", good, found, todo)


def _jira(settings: Settings) -> Iterator[Finding]:
    from orchestration.sources.governor import Governor
    from orchestration.sources.http import HttpSource, RetryPolicy
    from orchestration.sources.jira import JiraSource

    base, email, token = settings.jira_base_url, settings.jira_email, settings.jira_api_token
    if not (base and email and token):
        variables = "PAYGO_JIRA_BASE_URL, PAYGO_JIRA_EMAIL and PAYGO_JIRA_API_TOKEN"
        yield Finding("jira", False, "not configured", f"set {variables}")
        return
    secret = token.get_secret_value()
    http = HttpSource(
        "Jira", base, headers={"Accept": "application/json"}, auth=(email, secret),
        governor=Governor(5), retry=RetryPolicy(attempts=1), timeout=10,
    )  # fmt: skip
    with JiraSource(base, email, secret, settings.jira_project, http=http) as source:
        source.probe()
    yield Finding("jira", True, f"may browse project {settings.jira_project}")


PROBES: tuple[Probe, ...] = (
    _python,
    _packages,
    _folder,
    _disk,
    _warehouse,
    _bigquery,
    _port,
    _chromium,
    _hash_key,
    _clock,
    _stripe,
    _postgres,
    _jira,
)
