"""Switches that make the simulated HTTP servers misbehave, for tests and fault scenarios.

A rule hits the next `count` requests of a service whose path starts with `path` and is then
used up; a switch stays until it is set back. Applying them is the servers' business.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Service = Literal["stripe", "jira"]


class FaultRule(BaseModel):
    """What happens to the next `count` requests.

    status           answered with HTTP `status` (and `reason` or `retry_after` with a 429)
    lose_answer      processed, then the connection is cut before the answer is complete
    slow             answered after `seconds`
    drop_pagination  the keys that say whether there is more are left out of the page
    repeat_token     the page names the token it was asked with as the next one (Jira)
    empty_page       a list is answered with success, nothing in it, and no more to come
    move_row         the first row of the page is changed right after it was answered (Jira)
    remove_row       the first row of the page is deleted right after it was answered (Jira)
    """

    model_config = ConfigDict(extra="forbid")

    kind: Literal[
        "status",
        "lose_answer",
        "slow",
        "drop_pagination",
        "repeat_token",
        "empty_page",
        "move_row",
        "remove_row",
    ]
    service: Service
    path: str = "/"
    count: int = Field(default=1, ge=1)
    status: int = Field(default=500, ge=400, le=599)
    reason: str | None = None
    retry_after: int | None = None
    seconds: float = Field(default=0.0, ge=0)


class Switches(BaseModel):
    """Lasting states of the platform; None or an empty value means healthy."""

    model_config = ConfigDict(extra="forbid")

    stripe_key_revoked_at: datetime | None = None
    stripe_missing_permissions: frozenset[str] = frozenset()
    stripe_requests_per_second: int | None = Field(default=1000, ge=0)
    stripe_endpoint_requests_per_second: int | None = Field(default=None, ge=0)
    stripe_shape: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """By object type: fields that its objects have from now on; a field of null is gone."""
    stripe_answer_seconds: float = Field(default=0.0, ge=0)
    jira_shape: dict[str, Any] = Field(default_factory=dict)
    """Fields that issues have from now on; a field of null is gone."""
    jira_missing_fields: frozenset[str] = frozenset()
    """Fields that the site does not have: neither its list of fields nor an issue shows them."""
    jira_item_shape: dict[str, Any] = Field(default_factory=dict)
    """The same of changelog items."""
    jira_requests_per_second: int | None = Field(default=None, ge=0)
    jira_answer_seconds: float = Field(default=0.0, ge=0)
    jira_pages_by_offset: bool = False
    """Page tokens count rows instead of naming a place, so that rows which move are skipped."""
    jira_token_expired: bool = False
    jira_index_delay_seconds: int = Field(default=0, ge=0)
    jira_user_time_zone: str = "America/Los_Angeles"
    jira_missing_permissions: frozenset[str] = frozenset()


class Faults:
    """The rules still to come and the switches as they stand."""

    def __init__(self, switches: Switches) -> None:
        self.initial = switches
        self.switches = switches
        self.rules: list[FaultRule] = []

    def reset(self) -> None:
        """Healthy again: no rule, the switches as at the start."""
        self.rules.clear()
        self.switches = self.initial

    def take(self, service: Service, path: str) -> FaultRule | None:
        """Return the rule that this request meets, and count it."""
        for index, rule in enumerate(self.rules):
            if rule.service == service and path.startswith(rule.path):
                if rule.count == 1:
                    del self.rules[index]
                else:
                    rule.count -= 1
                return rule
        return None
