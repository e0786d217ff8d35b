"""The only reader of the environment: every setting, its default and its meaning."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from orchestration.clock import Clock, FixedClock, SystemClock, parse_utc

STRIPE_API_VERSION = "2026-10-28.endive"
"""Pinned: what the contract's paths and the official client of the lock were written for."""


class Settings(BaseSettings):
    """Settings from `PAYGO_*` variables and `.env`; secrets never show in a repr or log."""

    model_config = SettingsConfigDict(env_prefix="PAYGO_", env_file=".env", extra="ignore")

    home: Path = Field(default=Path(".paygo"), description="Everything generated lives here.")
    target: Literal["duckdb", "bigquery"] = "duckdb"
    now: str | None = Field(default=None, description="Fixes the clock (ISO-8601 with zone).")
    hash_key: SecretStr | None = Field(
        default=None, description="Key of the hash that replaces personal identifiers."
    )

    run: str = Field(default="none", description="Name of the run in progress; labels its jobs.")

    bigquery_project: str = ""
    bigquery_location: str = "EU"
    bigquery_api_endpoint: str = Field(
        default="", description="Another address of the API: a private or a regional endpoint."
    )
    bigquery_analysts: str = Field(default="", description="Group that may read what is published.")
    bigquery_billing_account: str = Field(default="", description="Where the budget is set.")
    bigquery_maximum_bytes_billed: int = Field(
        default=200_000_000_000, description="No single query may read more; 0: no limit."
    )

    stripe_api_key: SecretStr | None = None
    stripe_api_base: str = "https://api.stripe.com"
    stripe_requests_per_second: float = Field(
        default=80.0, description="Most requests a second in all; less when Stripe says so."
    )
    stripe_endpoint_requests_per_second: float = 25.0
    stripe_connections: int = Field(
        default=20, description="Requests in flight: the rate times the seconds of an answer."
    )
    stripe_reconcile_days: int = Field(
        default=7, description="Days after which every list is read whole again; 0: never."
    )

    engine_dsn: SecretStr | None = None
    billing_dsn: SecretStr | None = None
    core_dsn: SecretStr | None = None
    postgres_lookback_minutes: int = 30

    jira_base_url: str | None = None
    jira_email: str | None = None
    jira_api_token: SecretStr | None = None
    jira_project: str = "BILL"
    jira_requests_per_second: float = 50.0
    jira_connections: int = Field(
        default=20, description="Requests in flight: the rate times the seconds of an answer."
    )
    jira_lookback_minutes: int = 30
    jira_consistency_margin_minutes: int = 10

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
    runbook_base: str = "orchestration/alerting/runbooks"

    @classmethod
    def load(cls, home: Path | None = None) -> Settings:
        """Read the environment, `.env`, then `<home>/settings.env` (left by a demo); first wins."""
        chosen = home or Path(os.environ.get("PAYGO_HOME", ".paygo"))
        return cls(_env_file=(chosen / "settings.env", ".env"), home=chosen)

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
