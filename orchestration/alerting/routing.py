"""Who gets what: channels of owners, from the settings. Pure; sends nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestration.alerting.policy import Notice
from orchestration.errors import PermanentFailure


@dataclass(frozen=True)
class Routes:
    """URLs of everybody and of single owners; an owner with own ones gets only those."""

    everybody: tuple[str, ...] = ()
    owners: dict[str, tuple[str, ...]] | None = None

    def urls(self, owners: Sequence[str]) -> tuple[str, ...]:
        """Return the channels of the owners, each once, in order."""
        own = self.owners or {}
        found = [url for owner in owners for url in own.get(owner, self.everybody)]
        return tuple(dict.fromkeys(found or self.everybody))

    def all_urls(self) -> tuple[str, ...]:
        """Return every channel once."""
        own = [url for urls in (self.owners or {}).values() for url in urls]
        return tuple(dict.fromkeys((*self.everybody, *own)))

    def batches(self, notices: Sequence[Notice]) -> dict[str, list[Notice]]:
        """Return the notices by channel, in order; an incident of several owners comes once."""
        found: dict[str, list[Notice]] = {}
        for notice in notices:
            for url in self.urls(notice.incident.owners):
                found.setdefault(url, []).append(notice)
        return found


def parse_routes(urls: str, routes: str) -> Routes:
    """Read PAYGO_ALERT_URLS (`url url`) and PAYGO_ALERT_ROUTES (`owner=url owner=url`).

    Errors: PermanentFailure names the position of a token, never the token: it may hold a secret.
    """
    owners: dict[str, tuple[str, ...]] = {}
    for position, token in enumerate(routes.split(), start=1):
        owner, separator, url = token.partition("=")
        if not separator or "://" in owner or "://" not in url:
            raise PermanentFailure(
                f"PAYGO_ALERT_ROUTES: entry {position} is not owner=url.",
                todo="write it as billing-pipe=json://…, entries separated by spaces.",
            )
        owners[owner] = (*owners.get(owner, ()), url)
    return Routes(tuple(urls.split()), owners)
