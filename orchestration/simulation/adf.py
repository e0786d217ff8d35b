"""Plain text as Atlassian Document Format, so that the text can be recovered exactly.

Paragraphs are what blank lines separate; a single line break is a hard break. Whoever joins
the texts of a paragraph, with a newline for each hard break, and the paragraphs with a blank
line, has the text again. Reading documents is the business of extraction, not of this module.
"""

from __future__ import annotations

from typing import Any


def document(text: str | None) -> dict[str, Any] | None:
    """Return the ADF document of `text`: without a paragraph for "", None for no text at all."""
    if text is None:
        return None
    parts = text.split("\n\n") if text else []
    return {"type": "doc", "version": 1, "content": [_paragraph(part) for part in parts]}


def _paragraph(text: str) -> dict[str, Any]:
    nodes: list[dict[str, Any]] = []
    for index, line in enumerate(text.split("\n")):
        if index:
            nodes.append({"type": "hardBreak"})
        if line:
            nodes.append({"type": "text", "text": line})
    return {"type": "paragraph", "content": nodes}
