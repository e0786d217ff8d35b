"""Issues and histories of Jira as the contract wants them: typed, and without people's names.

Reads no source. Names stand where no path of the contract leads: in a change of a person field
and in a mention within a text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache, partial
from typing import Any

import orjson

from orchestration.errors import ContractViolation
from orchestration.sources.adf import adf_text, forget_people
from orchestration.sources.contract import table
from orchestration.sources.records import Body, RecordBuilder, Records
from orchestration.sources.redact import hasher

_PERSON_FIELDS = frozenset({"assignee", "reporter", "creator"})

_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
# 24 letters and digits, or a UUID behind the name of its kind; a picker of several lists them.
_SHORTEST_ACCOUNT = 24
_ACCOUNT = re.compile(rf"(?<![\w\-])(?:[0-9a-z]{{24}}|[0-9a-z]+:{_UUID})(?![\w\-])")

# A mention in the older markup, in which histories tell texts.
_MENTION = re.compile(r"\[~[^\]\s]+\]")

# Milliseconds before March 1973, when there was no Jira: these are seconds.
_TOO_EARLY = 10**11


def items_of(log: Any) -> Iterator[Body]:
    """Yield the changelog items of one issue's histories: columns of `jira.changelog_items`.

    `from_person` and `to_person` stand in place of the values where those name people.
    ContractViolation: histories of another shape, or times that are no milliseconds.
    """
    try:
        yield from _items(log)
    except (AttributeError, KeyError, TypeError) as error:
        issue = log.get("issueId") if isinstance(log, dict) else None
        raise _violation(
            f"jira.changelog_items: the histories of issue {issue} have another shape "
            f"({type(error).__name__})"
        ) from None


def _items(log: Body) -> Iterator[Body]:
    issue_id = log["issueId"]
    for history in log.get("changeHistories") or ():
        author = (history.get("author") or {}).get("accountId")
        created, number = history.get("created"), history["id"]
        if type(created) is int and created < _TOO_EARLY:
            raise _violation(
                f"jira.changelog_items: column 'created_at' is not in milliseconds but {created} "
                f"in row {number} of issue {issue_id}"
            )
        for index, item in enumerate(history.get("items") or ()):
            yield {
                "changelog_item_id": f"{number}:{index}",
                "issue_id": issue_id,
                "author_id": author,
                "field": item.get("field"),
                **_values(item),
                "created_at": created,
            }


def _values(item: Body) -> Body:
    if not _is_of_people(item):
        return {
            "from_value": _without_mentions(item.get("fromString")),
            "to_value": _without_mentions(item.get("toString")),
        }
    # Should there ever be a name without an account, its hash says as much as it may.
    return {
        "from_person": item.get("from") or item.get("fromString") or None,
        "to_person": item.get("to") or item.get("toString") or None,
    }


def _is_of_people(item: Body) -> bool:
    """Whether the values of a change are people: by its field, or since ids of accounts stand by.

    A user picker of the site's own has any name; such items carry `tmpFromAccountId`.
    """
    if _is_person_field(str(item.get("field")), str(item.get("fieldId"))):
        return True
    if "tmpFromAccountId" in item or "tmpToAccountId" in item:
        return True
    return _holds_account(item.get("from")) or _holds_account(item.get("to"))


@lru_cache(maxsize=1024)
def _is_person_field(*names: str) -> bool:
    return not _PERSON_FIELDS.isdisjoint(name.lower() for name in names)


def _holds_account(value: Any) -> bool:
    is_long = isinstance(value, str) and len(value) >= _SHORTEST_ACCOUNT
    return is_long and _ACCOUNT.search(value) is not None


def _without_mentions(value: Any) -> Any:
    return _MENTION.sub("@[user]", value) if isinstance(value, str) and "[~" in value else value


def _violation(what: str) -> ContractViolation:
    return ContractViolation(
        what,
        tried="holding the source's objects against the contract; nothing of this stream was "
        "landed",
        todo="see what changed in the source, then change the contract",
    )


def _not_as_wanted(column: str, wanted: str, value: Any, issue: Body) -> ContractViolation:
    kind = type(value).__name__
    return _violation(
        f"jira.issues: column {column!r} is not {wanted} but {kind} in row {issue.get('id')}"
    )


def _field(issue: Body, name: str) -> Any:
    fields = issue.get("fields")
    return fields.get(name) if isinstance(fields, dict) else None


def project_of(issue: Body) -> str | None:
    """Return the key of an issue's project; None when it does not tell."""
    project = _field(issue, "project")
    key = project.get("key") if isinstance(project, dict) else None
    return key if isinstance(key, str) else None


def _description(issue: Body) -> str | None:
    document = _field(issue, "description")
    if document is not None and not isinstance(document, dict):
        raise _not_as_wanted("description_text", "a document", document, issue)
    return adf_text(document)


def _components(issue: Body) -> list[Any]:
    components = _field(issue, "components") or []
    if not isinstance(components, list):
        raise _not_as_wanted("components", "an array", components, issue)
    for component in components:
        if not isinstance(component, dict):
            raise _not_as_wanted("components", "an array of objects", component, issue)
    return [component.get("name") for component in components]


class _IssueBuilder(RecordBuilder):
    """Takes the people that documents mention out of the issues, then builds their rows."""

    def build(self, bodies: Sequence[Body]) -> Records:
        # One look at all of them: most pages mention nobody, and walking through texts takes long.
        if b'"mention"' in orjson.dumps(bodies):
            for body in bodies:
                _forget_mentioned(body)
        return super().build(bodies)


def _forget_mentioned(issue: Body) -> None:
    fields = issue.get("fields")
    for value in fields.values() if type(fields) is dict else ():
        if type(value) is dict and value.get("type") == "doc":
            forget_people(value)


def issue_builder(hash_key: bytes) -> RecordBuilder:
    """Return the builder of `jira.issues`; the payload's texts are masked by pattern."""
    return _IssueBuilder(
        table("jira.issues"),
        hash_key,
        # A custom field of another context is left out of an issue; `JiraSource.probe` makes sure
        # that the site has it.
        conditional=("fields",),
        computed={"description_text": _description, "components": _components},
        free_text="",
    )


def history_builder(hash_key: bytes) -> RecordBuilder:
    """Return the builder of `jira.changelog_items`; people in it are hashed as its authors are."""
    keyed_hash = hasher(hash_key)

    def value(side: str, item: Body) -> Any:
        person = item.get(f"{side}_person")
        return item.get(f"{side}_value") if person is None else keyed_hash(str(person))

    return RecordBuilder(
        table("jira.changelog_items"),
        hash_key,
        computed={f"{side}_value": partial(value, side) for side in ("from", "to")},
        milliseconds=("created_at",),
    )
