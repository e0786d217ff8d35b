"""Where a metric comes from: the models between it and its raw tables, as a picture.

Read from the dbt project's own files (`ref` and `source`), so that it shows what is built.
No data is read here.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from orchestration.workspace import DBT_PROJECT

_REF = re.compile(r"""ref\(\s*['"](\w+)['"]\s*\)""")
_SOURCE = re.compile(r"""source\(\s*['"](\w+)['"]\s*,\s*['"](\w+)['"]\s*\)""")
_COMMENT = re.compile(r"\{#.*?#\}|^\s*--[^\n]*$", re.DOTALL | re.MULTILINE)
# What every metric reads to know which days are complete; in each picture it would say nothing.
_EVERYWHERE = ("int_time__", "metric_catalogue", "ops.")
_HEIGHT, _GAP_X, _GAP_Y, _CHARACTER = 22.0, 40.0, 8.0, 6.1

_DETECTOR = {
    "stripe_drift_accounts": "stripe",
    "zone_plan_drift_accounts": "zone_plan",
    "bad_debt_inconsistent_accounts": "triple_store",
    "entitlement_drift_accounts": "entitlement",
    "double_charged_accounts": "double_charge",
}
# Detectors share the ledger of discrepancies; a metric rests on the verdicts of its own only.
_OTHERS = {
    metric: tuple(f"int_drift__{other}_" for other in _DETECTOR.values() if other != own)
    for metric, own in _DETECTOR.items()
}


@dataclass(frozen=True)
class Node:
    """One model or raw table: its place and size in the picture."""

    name: str
    layer: str
    x: float
    y: float
    width: float


@dataclass(frozen=True)
class Lineage:
    """The picture of one metric and the same in words: names by layer, from raw to metric."""

    picture: Markup
    layers: tuple[tuple[str, tuple[str, ...]], ...]


@functools.cache
def model_files(project: Path = DBT_PROJECT) -> Mapping[str, Path]:
    """Return the file of every model by its name."""
    return {path.stem: path for path in sorted((project / "models").rglob("*.sql"))}


def model_sql(name: str) -> str:
    """Return a model's text as it is written; empty when there is no such model."""
    path = model_files().get(name)
    return path.read_text(encoding="utf-8") if path else ""


@functools.cache
def parents(name: str) -> tuple[str, ...]:
    """Return what a model reads: models by name, raw tables as `source.table`."""
    text = _COMMENT.sub("", model_sql(name))
    found = {*_REF.findall(text), *(f"{a}.{b}" for a, b in _SOURCE.findall(text))}
    return tuple(sorted(n for n in found if not n.startswith(_EVERYWHERE)))


def draw(metric_id: str) -> Lineage | None:
    """Return the lineage of a metric; None when the project has no model of it."""
    root = f"metric_{metric_id}"
    if root not in model_files():
        return None
    depth: dict[str, int] = {}
    _descend(root, 0, depth, _OTHERS.get(metric_id, ()))
    deepest = max(depth.values())
    raw = {name for name in depth if "." in name}
    columns: list[list[str]] = [[] for _ in range(deepest + 1)]
    for name in sorted(depth):
        # Raw tables stand at the left, however short their way is.
        columns[0 if name in raw else deepest - depth[name]].append(name)
    columns = [column for column in columns if column]
    nodes = _place(columns)
    return Lineage(_picture(nodes), _layers(depth))


def _descend(name: str, depth: int, found: dict[str, int], without: tuple[str, ...]) -> None:
    if found.get(name, -1) >= depth or name.startswith(without):
        return
    found[name] = depth
    for parent in parents(name):
        _descend(parent, depth + 1, found, without)


def _place(columns: list[list[str]]) -> dict[str, Node]:
    widths = [max(len(n) for n in column) * _CHARACTER + 14 for column in columns]
    tallest = max(len(column) for column in columns)
    nodes: dict[str, Node] = {}
    x = 0.0
    for column, width in zip(columns, widths, strict=True):
        spare = (tallest - len(column)) * (_HEIGHT + _GAP_Y) / 2
        for i, name in enumerate(_untangled(column, nodes)):
            nodes[name] = Node(name, _layer(name), x, spare + i * (_HEIGHT + _GAP_Y), width)
        x += width + _GAP_X
    return nodes


def _untangled(column: list[str], placed: Mapping[str, Node]) -> list[str]:
    """Order a column by where its parents stand, so that lines cross less."""

    def height(name: str) -> float:
        above = [placed[p].y for p in parents(name) if p in placed]
        return sum(above) / len(above) if above else 0.0

    return sorted(column, key=lambda name: (height(name), name))


def _layer(name: str) -> str:
    if "." in name:
        return "raw"
    for prefix, layer in (
        ("stg_", "staging"),
        ("int_", "intermediate"),
        ("fct_", "marts"),
        ("dim_", "marts"),
        ("metric_", "metric"),
    ):
        if name.startswith(prefix):
            return layer
    return "seed"


def _layers(depth: Mapping[str, int]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    order = ("raw", "seed", "staging", "intermediate", "marts", "metric")
    by_layer = {layer: tuple(n for n in sorted(depth) if _layer(n) == layer) for layer in order}
    return tuple((layer, names) for layer, names in by_layer.items() if names)


def _picture(nodes: Mapping[str, Node]) -> Markup:
    width = max(node.x + node.width for node in nodes.values())
    height = max(node.y for node in nodes.values()) + _HEIGHT
    lines, boxes = [], []
    for node in nodes.values():
        for parent in parents(node.name):
            if parent in nodes:
                lines.append(_line(nodes[parent], node))
        boxes.append(
            Markup(
                '<g class="ly-{}"><rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>'
                '<text x="{:.1f}" y="{:.1f}" data-label="model">{}</text></g>'
            ).format(
                node.layer, node.x, node.y, node.width, _HEIGHT, node.x + 7, node.y + 15, node.name
            )
        )
    return Markup(
        '<svg viewBox="-1 -1 {:.0f} {:.0f}" width="{:.0f}" aria-hidden="true">{}{}</svg>'
    ).format(width + 2, height + 2, width, Markup("").join(lines), Markup("").join(boxes))


def _line(a: Node, b: Node) -> Markup:
    x1, y1, x2, y2 = a.x + a.width, a.y + _HEIGHT / 2, b.x, b.y + _HEIGHT / 2
    bend = max(12.0, (x2 - x1) / 2)
    return Markup('<path d="M{:.1f} {:.1f}C{:.1f} {:.1f} {:.1f} {:.1f} {:.1f} {:.1f}"/>').format(
        x1, y1, x1 + bend, y1, x2 - bend, y2, x2, y2
    )
