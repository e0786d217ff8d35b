"""The only reader of the environment: every setting, its default and its meaning."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, DotEnvSettingsSource, SettingsConfigDict

from orchestration.clock import Clock, FixedClock, SystemClock, parse_utc
from orchestration.errors import PermanentFailure

STRIPE_API_VERSION = "2026-10-28.endive"
"""Pinned: what the contract's paths and the official client of the lock were written for."""

ORIGIN = (
    "target", "stripe_api_key", "stripe_api_base", "engine_dsn", "billing_dsn", "core_dsn",
    "jira_base_url", "jira_email", "jira_api_token",
)  # fmt: skip
"""Settings that say where rows come from and where they land; a home holds one set of them."""


class Settings(BaseSettings):
    """Settings from `PAYGO_*` variables and `.env`; secrets never show in a repr or log.

    An empty variable counts as not set, so that `.env.example` can be copied as it is.
    """

    model_config = SettingsConfigDict(
        env_prefix="PAYGO_", env_file=".env", env_ignore_empty=True, extra="ignore"
    )

    home: Path = Field(default=Path(".paygo"), description="Everything generated lives here.")
    target: Literal["duckdb", "bigquery"] = Field(
        default="duckdb", description="Warehouse that is built."
    )
    now: str | None = Field(default=None, description="Fixes the clock (ISO-8601 with zone).")
    hash_key: SecretStr | None = Field(
        default=None, description="Key of the hash that replaces personal identifiers."
    )

    run: str = Field(default="none", description="Name of the run in progress; labels its jobs.")

    bigquery_project: str = Field(default="", description="Project that holds the datasets.")
    bigquery_location: str = Field(default="EU", description="Region in which datasets are made.")
    bigquery_api_endpoint: str = Field(
        default="", description="Another address of the API: a private or a regional endpoint."
    )
    bigquery_analysts: str = Field(default="", description="Group that may read what is published.")
    bigquery_billing_account: str = Field(default="", description="Where the budget is set.")
    bigquery_maximum_bytes_billed: int = Field(
        default=200_000_000_000, description="No single query may read more; 0: no limit."
    )

    stripe_api_key: SecretStr | None = Field(default=None, description="Restricted, read-only key.")
    stripe_api_base: str = Field(
        default="https://api.stripe.com", description="Address of the API; simulations have theirs."
    )
    stripe_requests_per_second: float = Field(
        default=80.0, description="Most requests a second in all; less when Stripe says so."
    )
    stripe_endpoint_requests_per_second: float = Field(
        default=25.0, description="Most requests a second to one endpoint."
    )
    stripe_connections: int = Field(
        default=20, description="Requests in flight: the rate times the seconds of an answer."
    )
    stripe_reconcile_days: int = Field(
        default=7, description="Days after which every list is read whole again; 0: never."
    )

    engine_dsn: SecretStr | None = Field(default=None, description="URL of database engine.")
    billing_dsn: SecretStr | None = Field(default=None, description="URL of database billing.")
    core_dsn: SecretStr | None = Field(default=None, description="URL of database core.")
    postgres_lookback_minutes: int = Field(
        default=30, description="Read again before the cursor: a commit may be this late."
    )

    jira_base_url: str | None = Field(default=None, description="Address of the Jira site.")
    jira_email: str | None = Field(default=None, description="E-mail of the token's owner.")
    jira_api_token: SecretStr | None = Field(default=None, description="API token.")
    jira_project: str = Field(default="BILL", description="Key of the project that is read.")
    jira_requests_per_second: float = Field(
        default=50.0, description="Most requests a second; less when Jira says so."
    )
    jira_connections: int = Field(
        default=20, description="Requests in flight: the rate times the seconds of an answer."
    )
    jira_lookback_minutes: int = Field(
        default=30, description="Read again before the cursor: the index may be this late."
    )
    jira_consistency_margin_minutes: int = Field(
        default=10, description="The cursor stays this far behind the start of a run."
    )
    jira_reconcile_days: int = Field(
        default=7, description="Days after which every issue is read again; 0: never."
    )
    jira_deletion_limit_percent: int = Field(
        default=20, description="A run that would delete more of the issues fails; 100: never."
    )

    graph_folder: Path | None = Field(
        default=None, description="Folder of the knowledge graph's files; default: the authored."
    )

    alert_urls: str = Field(default="", description="apprise URLs, separated by spaces.")
    alert_routes: str = Field(
        default="", description="owner=apprise URL, separated by spaces; instead of alert_urls."
    )
    alert_quiet_hours: str = Field(
        default="", description="[owner=]22:00-07:00@Europe/Berlin, separated by spaces."
    )
    alert_max_silence_minutes: int = Field(
        default=120, gt=0, description="After so long without an evaluation, the watch speaks."
    )
    runbook_base: str = Field(
        default="orchestration/alerting/runbooks", description="Folder or URL that messages name."
    )

    @classmethod
    def load(cls, home: Path | None = None) -> Settings:
        """Read the environment, `.env`, then `<home>/settings.env` (left by a demo); first wins.

        PermanentFailure when the home is a demo's and something else names other sources.
        """
        chosen = home or cls().home
        settings = cls(_env_file=(chosen / "settings.env", ".env"), home=chosen)
        others = settings.other_sources() if (chosen / "settings.env").is_file() else []
        if others:
            raise PermanentFailure(
                f"{chosen} holds a demo, and {', '.join(others)} of .env or the environment is "
                "another source's: its rows would land among the simulated ones.",
                todo="remove the demo (`make clean` removes .paygo) or set PAYGO_HOME to another "
                "folder; to go on with the demo, unset what is named.",
            )
        return settings

    def other_sources(self) -> list[str]:
        """Return the variables of `ORIGIN` that are set to something else than a demo left."""
        left = DotEnvSettingsSource(type(self), env_file=self.home / "settings.env")()
        found = []
        for name in ORIGIN:
            value = getattr(self, name)
            value = value.get_secret_value() if isinstance(value, SecretStr) else value
            if value != left.get(name, type(self).model_fields[name].default):
                found.append(f"PAYGO_{name.upper()}")
        return found

    def clock(self) -> Clock:
        """Return the clock this run uses: fixed when `PAYGO_NOW` is set, else the system's."""
        return FixedClock(parse_utc(self.now)) if self.now else SystemClock()

    @property
    def warehouse_path(self) -> Path:
        """The published warehouse that reading commands open (read-only)."""
        return self.home / "warehouse.duckdb"

    @property
    def run_warehouse_path(self) -> Path:
        """The working copy that a run writes; published by atomic rename when it ends."""
        return self.home / "run" / "warehouse.duckdb"

    @property
    def backfill_path(self) -> Path:
        """What interrupted backfills have read already; emptied when their loads commit."""
        return self.home / "run" / "backfill"

    @property
    def site_path(self) -> Path:
        """Folder of the generated pages."""
        return self.home / "site"
