"""Handing messages to people through apprise. A failed delivery is an answer, never silence.

Belongs here: the call of the library and the redaction of its URLs (they hold secrets).
Does not: when to send (`policy`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestration.alerting.policy import Incident


@dataclass(frozen=True)
class Delivery:
    """Outcome for one channel; `channel` names the kind of service, never its secret."""

    channel: str
    delivered: bool
    message: str = ""


def deliver(urls: str, title: str, body: str) -> list[Delivery]:
    """Send one message to every URL (separated by spaces); one outcome a channel, in order."""
    import apprise

    outcomes = []
    for url in urls.split():
        channel = url.split(":", 1)[0]
        notifier = apprise.Apprise()
        if not notifier.add(url):
            message = "apprise does not know this kind of URL; see PAYGO_ALERT_URLS"
            outcomes.append(Delivery(channel, delivered=False, message=message))
            continue
        sent = bool(notifier.notify(title=title, body=body))
        message = "" if sent else "the service did not accept the message"
        outcomes.append(Delivery(channel, sent, message))
    return outcomes


def compose(opened: Sequence[Incident], resolved: Sequence[Incident]) -> tuple[str, str]:
    """Return title and body of one message for everything that changed."""
    lines = [f"{i.severity.upper()}: {i.message} (owner {i.owner})" for i in opened]
    lines += [f"resolved: {i.cause}" for i in resolved]
    title = f"Billing metrics: {len(opened)} opened, {len(resolved)} resolved"
    return title, "\n".join(lines)
