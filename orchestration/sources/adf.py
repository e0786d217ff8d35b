"""Atlassian Document Format as plain text. A plain document comes out exactly as it was typed.

Paragraphs are joined by a blank line, a hard break is a line break; list items begin with
"- " or their number, cells are joined by tabs. What has no text (media) leaves nothing; of a
person that is mentioned it says only that there is one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

Node = dict[str, Any]


def adf_text(document: Node | None) -> str | None:
    """Return the text of a document; None when there is no document."""
    if document is None:
        return None
    return _blocks(document)


def forget_people(document: Node) -> None:
    """Take name and account of everybody who is mentioned out of a document, in place."""
    for node in _descendants(document):
        if node.get("type") == "mention":
            for name in ("id", "text"):
                _attributes(node).pop(name, None)


def _descendants(node: Node) -> Iterator[Node]:
    waiting = [node]
    while waiting:
        children = _content(waiting.pop())
        yield from children
        waiting += children


def _attributes(node: Node) -> dict[str, Any]:
    attributes = node.get("attrs")
    return attributes if type(attributes) is dict else {}


def _content(node: Node) -> list[Node]:
    content = node.get("content")
    return [n for n in content if type(n) is dict] if type(content) is list else []


def _blocks(node: Node, separator: str = "\n\n") -> str:
    return separator.join([_block(child) for child in _content(node)])


def _block(node: Node) -> str:
    kind = node.get("type")
    render = _BLOCKS.get(kind) if type(kind) is str else None
    return render(node) if render else _inline(node)


def _inlines(node: Node) -> str:
    parts = []
    for child in _content(node):
        # Nearly every node: one that holds its text itself.
        is_text = child.get("type") == "text" and "content" not in child
        parts.append(str(child.get("text") or "") if is_text else _inline(child))
    return "".join(parts)


def _inline(node: Node) -> str:
    if "content" in node:
        return _inlines(node)
    kind = node.get("type")
    if kind == "text":
        return str(node.get("text") or "")
    if kind == "hardBreak":
        return "\n"
    if kind == "mention":
        return "@[user]"
    attributes = _attributes(node)
    if kind in ("emoji", "status"):
        return str(attributes.get("text") or attributes.get("shortName") or "")
    if kind in ("inlineCard", "blockCard", "embedCard"):
        return str(attributes.get("url") or "")
    if kind == "date":
        return str(attributes.get("timestamp") or "")
    return ""


def _bullets(node: Node) -> str:
    return "\n".join("- " + _blocks(item, "\n") for item in _content(node))


def _numbers(node: Node) -> str:
    order = _attributes(node).get("order")
    first = order if type(order) is int else 1
    return "\n".join(
        f"{first + index}. {_blocks(item, chr(10))}" for index, item in enumerate(_content(node))
    )


def _table(node: Node) -> str:
    return "\n".join(
        "\t".join(_blocks(cell, " ") for cell in _content(row)) for row in _content(node)
    )


def _rule(node: Node) -> str:
    return "---"


_BLOCKS: dict[str, Callable[[Node], str]] = {
    "bulletList": _bullets,
    "orderedList": _numbers,
    "taskList": _bullets,
    "table": _table,
    "rule": _rule,
    "blockquote": _blocks,
    "panel": _blocks,
    "expand": _blocks,
    "nestedExpand": _blocks,
    "layoutSection": _blocks,
    "layoutColumn": _blocks,
    "bodiedExtension": _blocks,
}
