"""Handing messages to people through apprise. A failed delivery is an answer, never silence.

Belongs here: the call of the library, trying again, and keeping secrets of its URLs out of
what is said. Does not: when to send (`policy`) or to whom (`routing`).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

WAITS = (0.5, 2.0)
"""Seconds before the second and third try within one evaluation; later ones try again."""

Sleep = Callable[[float], None]


@dataclass(frozen=True)
class Delivery:
    """Outcome for one channel; `channel` names the kind of service, never its secret."""

    channel: str
    delivered: bool
    message: str = ""
    tries: int = 1


def channel_name(url: str) -> str:
    """Return the kind of service and a short hash: tells two channels apart, gives nothing away."""
    return f"{url.split(':', 1)[0]}-{sha256(url.encode()).hexdigest()[:6]}"


def send(
    url: str, title: str, body: str, *, severity: str = "warning", sleep: Sleep = time.sleep
) -> Delivery:
    """Send one message to one URL, up to three times; the outcome says why it did not arrive."""
    import apprise

    channel = channel_name(url)
    if apprise.Apprise.instantiate(url) is None:
        message = "apprise does not know this kind of URL; see PAYGO_ALERT_URLS"
        return Delivery(channel, delivered=False, message=message)
    kind = {
        "critical": apprise.NotifyType.FAILURE,
        "warning": apprise.NotifyType.WARNING,
        "resolved": apprise.NotifyType.SUCCESS,
    }.get(severity, apprise.NotifyType.INFO)
    said = ""
    for number, wait in enumerate((0.0, *WAITS), start=1):
        if wait:
            sleep(wait)
        # A new one each time: one that is kept waits by itself between two messages.
        notifier = apprise.Apprise()
        notifier.add(url)
        with apprise.LogCapture(level=apprise.logging.WARNING) as log:
            sent = bool(notifier.notify(title=title, body=body, notify_type=kind))
            said = log.getvalue()
        if sent:
            return Delivery(channel, delivered=True, tries=number)
    return Delivery(channel, delivered=False, message=_reason(said), tries=len(WAITS) + 1)


def _reason(said: str) -> str:
    """Return why, in words that cannot hold a secret of the URL."""
    if status := re.search(r"error=(\d{3})", said):
        return f"the service answered {status.group(1)}"
    if re.search(r"onnection|timed? ?out|refused|unreachable", said):
        return "no connection, or no answer in time"
    return "the service did not accept the message"


def deliver(urls: str, title: str, body: str, *, sleep: Sleep = time.sleep) -> list[Delivery]:
    """Send one message to every URL (separated by spaces); one outcome a channel, in order."""
    return [send(url, title, body, sleep=sleep) for url in urls.split()]
