"""Sends the steps of `bigquery_bootstrap` to a project: as often as one likes.

Each step first looks whether its object stands as it should; only what is missing or different is
written, and nothing at all when one only wants to know. Which steps there are, and why, does not
belong here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from orchestration.errors import PermanentFailure
from orchestration.warehouse.bigquery_bootstrap import BIGQUERY, BUDGETS, CATALOG, Step

if TYPE_CHECKING:
    from orchestration.settings import Settings


class Session(Protocol):
    """What applying needs of an authorized HTTP session."""

    def request(self, method: str, url: str, **kwargs: Any) -> Any: ...


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
    return _each(steps, session, bases or {}, writes=True)


def compare(
    steps: Sequence[Step], session: Session, *, bases: Mapping[str, str] | None = None
) -> Done:
    """Look at every object and write nothing: what `apply` would make, change, leave."""
    return _each(steps, session, bases or {}, writes=False)


def _each(
    steps: Sequence[Step], session: Session, bases: Mapping[str, str], *, writes: bool
) -> Done:
    done = Done()
    names: dict[str, str] = {}
    for step in steps:
        try:
            _one(step, session, names, done, bases, writes=writes)
        except PermanentFailure as error:
            done.failed.append(f"{step.title}: {error.what}")
    return done


def _one(
    step: Step,
    session: Session,
    names: dict[str, str],
    done: Done,
    bases: Mapping[str, str],
    *,
    writes: bool,
) -> None:
    def call(method: str, url: str, body: object = None) -> tuple[int, dict[str, Any]]:
        return _call(session, method, _filled(url, names), body, bases)

    if "{" in _filled(step.look, names):
        if writes:
            raise PermanentFailure("what it belongs to could not be made")
        done.made.append(step.title)
        return
    body = json.loads(_filled(json.dumps(step.body), names))
    asks = "POST" if step.look.endswith(":getIamPolicy") else "GET"
    status, there = call(asks, step.look, {} if asks == "POST" else None)
    if step.within:
        entries = there.get(step.within, [])
        same = [e for e in entries if e.get("displayName") == body["displayName"]]
        there, status = (same[0], 200) if same else ({}, 404)
    if status == 404:
        there = call(step.method, step.url, body)[1] if writes else {}
        done.made.append(step.title)
    elif step.update and (wanted := _difference(step, body, there)):
        if writes:
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
