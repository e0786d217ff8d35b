"""The dead-man signal: a file that every evaluation touches, and a watch that reads only it.

The watch needs no warehouse, no lock and no Dagster: it runs from cron or a systemd timer and
speaks when evaluations have stopped, whatever stopped them. Belongs here: heartbeat and watch.
Does not: incidents (`policy`).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from orchestration.alerting.delivery import Delivery, Sleep, send
from orchestration.alerting.routing import parse_routes
from orchestration.clock import iso, parse_utc
from orchestration.errors import PermanentFailure
from orchestration.settings import Settings
from orchestration.workspace import make_folder

REPEAT = timedelta(hours=4)
"""As often as reminders of a critical incident begin."""


@dataclass(frozen=True)
class Heartbeat:
    """What the last finished evaluation left; `evaluated_at` ISO UTC."""

    evaluated_at: str
    metrics: int
    open_incidents: int
    failed_deliveries: int


@dataclass(frozen=True)
class WatchReport:
    """Verdict of the watch; `outcomes` of the message when one was due."""

    state: Literal["alive", "silent"]
    message: str
    told: Literal["nothing", "raised", "reminded", "resolved"]
    outcomes: tuple[Delivery, ...] = ()

    @property
    def exit_code(self) -> int:
        undelivered = any(not o.delivered for o in self.outcomes)
        return 2 if self.state == "silent" or undelivered else 0


def beat(settings: Settings, heartbeat: Heartbeat) -> None:
    """Replace the heartbeat file; the last thing an evaluation does."""
    _write(_folder(settings) / "heartbeat.json", asdict(heartbeat))


def watch(settings: Settings, now: datetime, *, sleep: Sleep | None = None) -> WatchReport:
    """Compare the heartbeat's age with the longest silence allowed; tell when that changes."""
    longest = timedelta(minutes=settings.alert_max_silence_minutes)
    last = _last_beat(settings)
    state_path = _folder(settings) / "watch.json"
    told_at = _told_at(state_path)
    if last is not None and now - last <= longest:
        message = f"evaluations are alive: the last one was at {iso(last)}"
        if told_at is None:
            return WatchReport("alive", message, "nothing")
        outcomes = _tell(
            settings, "[resolved] Alert evaluation is back", message, "resolved", sleep
        )
        if _arrived(outcomes):
            state_path.unlink(missing_ok=True)
        return WatchReport("alive", message, "resolved", outcomes)
    message = _silence(last, now, longest, settings.home)
    if told_at is not None and now - told_at < REPEAT:
        return WatchReport("silent", message, "nothing")
    outcomes = _tell(
        settings, "[critical] Alert evaluation has stopped", message, "critical", sleep
    )
    if _arrived(outcomes):
        _write(state_path, {"told_at": iso(now)})
    return WatchReport("silent", message, "reminded" if told_at else "raised", outcomes)


def _silence(last: datetime | None, now: datetime, longest: timedelta, home: Path) -> str:
    since = f"since {iso(last)} ({(now - last).total_seconds() / 3600:.1f} h)" if last else "ever"
    return (
        f"What: no alert evaluation has finished {since}; at most "
        f"{longest.total_seconds() / 3600:g} h are allowed.\n"
        "How bad: critical; nothing that goes wrong now is told by anybody.\n"
        f"Depends on it: every alert of {home}.\n"
        "Where to look: orchestration/alerting/runbooks/dead_man.md, `paygo alerts evaluate`, "
        "Dagster's sensors and schedules.\n"
        "Silence: stop the timer that runs `paygo alerts watch`."
    )


def _tell(
    settings: Settings, title: str, body: str, severity: str, sleep: Sleep | None
) -> tuple[Delivery, ...]:
    routes = parse_routes(settings.alert_urls, settings.alert_routes)
    urls = routes.everybody or routes.all_urls()
    extra = {} if sleep is None else {"sleep": sleep}
    return tuple(send(url, title, body, severity=severity, **extra) for url in urls)


def _arrived(outcomes: tuple[Delivery, ...]) -> bool:
    """Without any channel the exit code is all there is to say, and it is said every time."""
    return any(o.delivered for o in outcomes)


def _last_beat(settings: Settings) -> datetime | None:
    path = _folder(settings) / "heartbeat.json"
    try:
        return parse_utc(json.loads(path.read_text(encoding="utf-8"))["evaluated_at"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        return None  # an unreadable heartbeat is no heartbeat: the watch speaks


def _told_at(path: Path) -> datetime | None:
    try:
        return parse_utc(json.loads(path.read_text(encoding="utf-8"))["told_at"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _folder(settings: Settings) -> Path:
    return make_folder(settings.home / "alerts")


def _write(path: Path, document: dict[str, object]) -> None:
    temporary = path.with_suffix(".tmp")
    try:
        temporary.write_text(json.dumps(document) + "\n", encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise PermanentFailure(
            f"cannot write {path}: {error.strerror or error}.", todo="make its folder writable."
        ) from error
