"""Static SVG charts: the same data gives the same bytes, and the page's palette colours them.

Altair describes, vl-convert draws. Colours are written as CSS variables so that light,
dark and print share one drawing; text inherits the page's font. No data is read here:
series arrive as (key, values) as `format.series` returns them.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import altair as alt
import vl_convert
from altair.utils import schemapi

from dashboards.format import readable

Points = Sequence[tuple[str, tuple[Decimal, ...]]]
Table = Sequence[tuple[str, tuple[Decimal | None, ...]]]

# Stand-ins that Altair accepts as colours; the drawing names the variable instead.
_PALETTE = {
    "#010101": "var(--ink)",
    "#020202": "var(--muted)",
    "#030303": "var(--rule)",
    "#040404": "var(--series)",
    "#050505": "var(--series-soft)",
    "#060606": "var(--accent)",
    "#070707": "var(--second)",
    "#080808": "var(--stale)",
    "#090909": "var(--critical)",
    "#0a0a0a": "var(--warning)",
    "#0b0b0b": "var(--ok)",
    "#0c0c0c": "var(--paper)",
}
_INK, _MUTED, _RULE, _SERIES, _SOFT, _ACCENT, *_OTHERS = _PALETTE
_SECOND, _STALE, _CRITICAL, _WARNING, _OK, _PAPER = _OTHERS
_LEVELS = {"critical": _CRITICAL, "warning": _WARNING, "target": _OK}
_DAY_LABELS = 6


def _drawn_once(draw: Callable[..., str]) -> Callable[..., str]:
    """Several pages show the same drawing: draw it once a process."""
    cached = functools.lru_cache(maxsize=256)(draw)

    @functools.wraps(draw)
    def drawn(*given: object) -> str:
        # The schema is checked by the tests' drawings; checking each one takes half the time.
        with schemapi.debug_mode(False):
            return cached(*(tuple(part) if isinstance(part, list) else part for part in given))

    return drawn


def sparkline(points: Points, missing: int = 0, *, width: int = 260, height: int = 44) -> str:
    """A line the size of a word, without axes; needs two points, else empty.

    The last value carries a dot. `missing` days without evidence after it stay open at the
    right, dotted. Drawn here: one path costs less than the start of any library.
    """
    if len(points) < 2:
        return ""
    values = [float(v[0]) for _, v in points]
    low, high = min(values), max(values)
    step = (width - 8) / (len(values) - 1 + missing)
    scale = (height - 10) / (high - low) if high > low else 0.0
    base = height - 5 if scale else height / 2
    at = [(4 + i * step, base - (value - low) * scale) for i, value in enumerate(values)]
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in at)
    x, y = at[-1]
    tail = f'<path d="M{x:.1f} {y:.1f}H{width - 4}" class="gap"/>' if missing else ""
    dot = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.2" class="{"old" if missing else "end"}"/>'
    view = f'<svg viewBox="0 0 {width} {height}" class="line" aria-hidden="true">'
    return f'{view}{tail}<path d="{path}"/>{dot}</svg>'


@_drawn_once
def metric_line(
    points: Points,
    levels: Sequence[tuple[str, Decimal]],
    missing: Sequence[str] = (),
    restated: Sequence[tuple[str, Decimal]] = (),
) -> str:
    """A metric by day with its levels as labelled lines; days without evidence are shaded.

    `levels` are (name, value) and should lie near the values: the scale holds them all.
    `restated` are (day, value said before): a ring there, with a line to the value said now.
    """
    if len(points) < 2:
        return ""
    values = [float(v[0]) for _, v in points] + [float(value) for _, value in levels]
    values += [float(value) for _, value in restated]
    low, high = min(0.0, *values), max(values)
    low = low if low < 0 or min(values) < (high - low) * 0.6 else min(values) * 0.94
    scale = alt.Scale(domain=[low, high * 1.06 or 1], nice=False, zero=False)
    keys = [_short(key) for key, _ in points] + [_short(key) for key in missing]
    x = alt.X("key:O", sort=None, scale=alt.Scale(domain=keys), axis=_key_axis(_few(points)))
    axis = alt.Axis(
        title=None,
        tickCount=4,
        grid=True,
        gridColor=_RULE,
        gridOpacity=0.7,
        domain=False,
        ticks=False,
        labelColor=_MUTED,
        labelFontSize=12,
        labelPadding=8,
    )
    base = alt.Chart().encode(x=x, y=alt.Y("v0:Q", axis=axis, scale=scale))
    layers: list[alt.Chart] = []
    if missing:
        rows = alt.InlineData(values=[{"key": _short(k), "top": scale.domain[1]} for k in missing])
        layers.append(
            alt.Chart(rows)
            .mark_bar(color=_STALE, opacity=0.14)
            .encode(x=x, y=alt.Y("top:Q", scale=scale), y2=alt.datum(low))
        )
    for name, value in levels:
        rule = alt.Chart(alt.InlineData(values=[{"y": float(value), "said": name, "key": keys[0]}]))
        dash = [6, 4] if name != "target" else [1, 4]
        layers.append(
            rule.mark_rule(color=_LEVELS[name], strokeDash=dash, strokeWidth=1.25).encode(
                y=alt.Y("y:Q", scale=scale)
            )
        )
        layers.append(
            rule.mark_text(color=_LEVELS[name], align="left", dy=-7, dx=2, fontSize=12).encode(
                x=x, y=alt.Y("y:Q", scale=scale), text="said:N"
            )
        )
    layers.append(base.mark_line(color=_SERIES, strokeWidth=2))
    if restated:
        layers += _restated(points, restated, x, scale)
    ends = base.transform_filter((alt.datum.i == 0) | (alt.datum.i == len(points) - 1))
    last = base.transform_filter(alt.datum.i == len(points) - 1)
    layers.append(last.mark_circle(color=_STALE if missing else _ACCENT, size=54, opacity=1))
    layers.append(ends.mark_text(dy=-13, color=_INK, fontSize=13).encode(text="t0:N"))
    return _svg(alt.layer(*layers), _rows(points), 1000, 260, side=8)


def _restated(
    points: Points, restated: Sequence[tuple[str, Decimal]], x: alt.X, scale: alt.Scale
) -> list[alt.Chart]:
    """Rings at what was said before, each with a thin line to what is said now."""
    now = {key: float(values[0]) for key, values in points}
    rows = [
        {"key": _short(day), "old": float(value), "now": now[day]}
        for day, value in restated
        if day in now
    ]
    y = alt.Y("old:Q", scale=scale)
    marks = alt.Chart(alt.InlineData(values=rows)).encode(x=x, y=y)
    return [
        marks.mark_rule(color=_ACCENT, strokeWidth=1).encode(y2="now:Q"),
        marks.mark_point(color=_ACCENT, size=44, strokeWidth=1.5, fill=_PAPER, opacity=1),
    ]


@_drawn_once
def weekly_bars(points: Points, highest: Decimal) -> str:
    """Bars a week on a scale shared by all multiples; the peak is marked and labelled."""
    if not points:
        return ""
    peak = max(range(len(points)), key=lambda i: points[i][1][0])
    base = alt.Chart().encode(
        x=alt.X("key:O", sort=None, axis=_key_axis([points[0][0], points[-1][0]])),
        y=alt.Y("v0:Q", axis=None, scale=alt.Scale(domain=[0, float(highest) * 1.18])),
    )
    bars = base.mark_bar().encode(
        color=alt.condition(alt.datum.i == peak, alt.value(_ACCENT), alt.value(_SOFT))
    )
    label = base.transform_filter((alt.datum.i == peak) & (alt.datum.v0 > 0)).mark_text(
        dy=-7, color=_INK, fontSize=12
    )
    return _svg(bars + label.encode(text="t0:N"), _rows(points), 260, 84, side=2)


@_drawn_once
def daily_line(points: Points) -> str:
    """A level by day with a few day labels; first and last value are written at the line."""
    if len(points) < 2:
        return ""
    base = alt.Chart().encode(
        x=alt.X("key:O", sort=None, axis=_key_axis(_some(points))),
        y=alt.Y("v0:Q", axis=None, scale=alt.Scale(zero=False, nice=True, padding=14)),
    )
    line = base.mark_line(color=_SERIES, strokeWidth=2)
    ends = base.transform_filter((alt.datum.i == 0) | (alt.datum.i == len(points) - 1))
    dots = ends.mark_circle(color=_ACCENT, size=54, opacity=1)
    return _svg(alt.layer(line, dots, *_ends(base, points)), _rows(points), 470, 190, side=30)


@_drawn_once
def before_after(points: Table, expected: Decimal | None) -> str:
    """A metric before and after a delivery, with what it would have been without it.

    `points` are (day, (value, value without the delivery or None before it)). The first day
    with both carries the marker; `expected`, what was predicted, is a level of its own.
    """
    after = [i for i, (_, v) in enumerate(points) if v[1] is not None]
    if len(points) < 2 or not after:
        return ""
    rows = [
        {
            "i": i,
            "key": _short(key),
            "v": float(value or 0),
            "c": None if without is None else float(without),
            "t": readable(value, "number"),
        }
        for i, (key, (value, without)) in enumerate(points)
    ]
    said = [float(cell) for _, cells in points for cell in cells if cell is not None]
    level = [] if expected is None else [float(expected)]
    low, high = min(0.0, *said, *level), max(*said, *level) or 1.0
    scale = alt.Scale(domain=[low, low + (high - low) * 1.25])
    days = alt.Scale(domain=[row["key"] for row in rows])
    x = alt.X("key:O", sort=None, scale=days, axis=_key_axis(_some(points)))

    def at(column: str) -> alt.Chart:
        return alt.Chart().encode(x=x, y=alt.Y(f"{column}:Q", axis=None, scale=scale))

    line, without = at("v"), at("c").transform_filter("datum.c !== null")
    marker = alt.Chart(alt.InlineData(values=[{"key": rows[after[0]]["key"], "said": "delivered"}]))
    marker = marker.encode(x=x)
    dashed = without.mark_line(color=_STALE, strokeWidth=1.5, strokeDash=[5, 4])
    named = without.transform_filter(alt.datum.i == after[-1])
    layers = [
        marker.mark_rule(color=_MUTED, strokeWidth=1),
        marker.mark_text(color=_MUTED, align="left", dx=5, fontSize=12).encode(
            text="said:N", y=alt.value(8)
        ),
        dashed,
        named.mark_text(color=_STALE, align="right", dy=-9, fontSize=12, text="without it"),
        line.mark_line(color=_SERIES, strokeWidth=2),
    ]
    if expected is not None:
        place = {"key": rows[0]["key"], "e": float(expected)}
        rule = alt.Chart(alt.InlineData(values=[place]))
        rule = rule.encode(y=alt.Y("e:Q", axis=None, scale=scale))
        layers.append(rule.mark_rule(color=_OK, strokeWidth=1.25, strokeDash=[1, 4]))
        predicted = rule.encode(x=x)
        layers.append(
            predicted.mark_text(color=_OK, align="left", dy=-8, fontSize=12, text="predicted")
        )
    return _svg(alt.layer(*layers, *_ends(line, points, "t:N")), rows, 470, 190, side=34)


@_drawn_once
def flow_bars(points: Points) -> str:
    """Entries above and exits below the line, by day; both peaks are labelled."""
    if not points:
        return ""
    rows = _rows(points)
    base = alt.Chart().encode(x=alt.X("key:O", sort=None, axis=_key_axis(_some(points))))
    top = max(max(row["v0"], row["v1"]) for row in rows) * 1.25 or 1
    y = alt.Scale(domain=[-top, top])
    marks = []
    for column, sign, colour, dy in (("v0", 1, _ACCENT, -8), ("v1", -1, _SECOND, 9)):
        signed = base.transform_calculate(y=f"{sign} * datum.{column}").encode(
            y=alt.Y("y:Q", axis=None, scale=y)
        )
        peak = max(rows, key=lambda row: row[column])["i"]
        text = signed.transform_filter(alt.datum.i == peak).mark_text(
            dy=dy, color=_INK, fontSize=13
        )
        marks += [signed.mark_bar(color=colour), text.encode(text=f"t{column[1]}:N")]
    rule = alt.Chart(alt.InlineData(values=[{}])).mark_rule(color=_MUTED).encode(y=alt.datum(0))
    return _svg(alt.layer(*marks, rule), rows, 470, 190, side=22)


@_drawn_once
def open_and_new(points: Points) -> str:
    """Open discrepancies as a line, the new ones of each day as bars on the same scale."""
    if len(points) < 2:
        return ""
    rows = _rows(points)
    top = max(row["v0"] for row in rows) * 1.25 or 1
    base = alt.Chart().encode(x=alt.X("key:O", sort=None, axis=_key_axis(_some(points))))
    y = alt.Scale(domain=[0, top])
    line = base.mark_line(color=_SERIES, strokeWidth=2).encode(y=alt.Y("v0:Q", axis=None, scale=y))
    bars = base.mark_bar(color=_ACCENT).encode(y=alt.Y("v1:Q", axis=None, scale=y))
    ends = _ends(base.encode(y=alt.Y("v0:Q", axis=None, scale=y)), points)
    return _svg(alt.layer(bars, line, *ends), rows, 470, 170, side=30)


def _ends(base: alt.Chart, points: Points | Table, text: str = "t0:N") -> list[alt.Chart]:
    """Write the first value above the line and the last one beside it."""
    first = base.transform_filter(alt.datum.i == 0).mark_text(dy=-12, color=_INK, fontSize=13)
    last = base.transform_filter(alt.datum.i == len(points) - 1)
    beside = last.mark_text(dx=8, align="left", color=_INK, fontSize=13)
    return [first.encode(text=text), beside.encode(text=text)]


def _rows(points: Points) -> list[dict[str, Any]]:
    return [
        {
            "i": i,
            "key": _short(key),
            **{f"v{n}": float(value) for n, value in enumerate(values)},
            **{f"t{n}": readable(value, "number") for n, value in enumerate(values)},
        }
        for i, (key, values) in enumerate(points)
    ]


def _short(key: str) -> str:
    """`2026-W03` → `W03`; a day `2026-03-01` → `1 Mar`."""
    if re.fullmatch(r"\d{4}-\d\d-\d\d", key):
        day = date.fromisoformat(key)
        return f"{day.day} {day:%b}"
    return key[5:] if re.match(r"^\d{4}-", key) else key


def _some(points: Points | Table) -> list[str]:
    step = max(1, -(-len(points) // _DAY_LABELS))
    return [points[i][0] for i in range(len(points) - 1, -1, -step)][::-1]


def _few(points: Points) -> list[str]:
    step = max(1, -(-len(points) // 9))
    return [points[i][0] for i in range(len(points) - 1, -1, -step)][::-1]


def _key_axis(keys: Sequence[str]) -> alt.Axis:
    return alt.Axis(
        title=None,
        values=[_short(key) for key in keys],
        labelAngle=0,
        labelColor=_MUTED,
        labelFontSize=12,
        labelPadding=6,
        domainColor=_RULE,
        ticks=False,
        labelOverlap=False,
    )


def _svg(
    chart: alt.LayerChart | alt.FacetChart,
    rows: list[dict[str, Any]],
    width: int,
    height: int,
    side: int = 16,
) -> str:
    """Draw a chart whose layers have no data of their own: Altair copies what it is given."""
    spec = (
        chart.properties(
            width=width, height=height, padding={"left": side, "right": side, "top": 6, "bottom": 2}
        )
        .configure(background="transparent", font="sans-serif")
        .configure_view(stroke="transparent")
        .to_dict(validate=False)
    )
    for layer in spec["layer"]:
        if layer.get("data") == {"name": "empty"}:
            del layer["data"]
    spec["data"] = {"values": rows}
    return themed(str(vl_convert.vegalite_to_svg(spec)))


def themed(svg: str) -> str:
    """Make a drawing fit the page: scalable, coloured by variables, silent for screen readers.

    The figure around it carries the name and the data table, so the drawing itself is
    hidden from assistive technology.
    """
    svg = re.sub(r' (?:aria-[a-z]+|role|class|font-family|xmlns:xlink|version)="[^"]*"', "", svg)
    view = re.search(r'viewBox="0 0 (\S+) (\S+)"', svg)
    if view:
        svg = re.sub(
            r"<svg[^>]*>", f'<svg viewBox="0 0 {view[1]} {view[2]}" aria-hidden="true">', svg
        )
    for stand_in, variable in _PALETTE.items():
        svg = svg.replace(f'"{stand_in}"', f'"{variable}"')
    svg = re.sub(r'<path [^>]*(?:stroke="transparent"|display="none")[^>]*/>', "", svg)
    return re.sub(r"\d+\.\d{3,}", lambda match: f"{float(match[0]):.2f}", svg)
