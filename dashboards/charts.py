"""Static SVG charts: the same data gives the same bytes, and the page's palette colours them.

Altair describes, vl-convert draws. Colours are written as CSS variables so that light,
dark and print share one drawing; text inherits the page's font. No data is read here:
series arrive as (key, values) as `format.series` returns them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import altair as alt
import vl_convert

from dashboards.format import readable

Points = Sequence[tuple[str, tuple[Decimal, ...]]]

# Stand-ins that Altair accepts as colours; the drawing names the variable instead.
_PALETTE = {
    "#010101": "var(--ink)",
    "#020202": "var(--muted)",
    "#030303": "var(--rule)",
    "#040404": "var(--series)",
    "#050505": "var(--series-soft)",
    "#060606": "var(--accent)",
    "#070707": "var(--second)",
}
_INK, _MUTED, _RULE, _SERIES, _SOFT, _ACCENT, _SECOND = _PALETTE
_DAY_LABELS = 6


def sparkline(points: Points) -> str:
    """A line without axes; the last value carries a dot. Needs two points, else empty."""
    if len(points) < 2:
        return ""
    base = alt.Chart(_rows(points)).encode(
        x=alt.X("i:Q", axis=None, scale=alt.Scale(domain=[0, len(points) - 1])),
        y=alt.Y("v0:Q", axis=None, scale=alt.Scale(zero=False, nice=False)),
    )
    last = base.transform_filter(alt.datum.i == len(points) - 1)
    line = base.mark_line(color=_SERIES, strokeWidth=1.75)
    return _svg((line + last.mark_circle(color=_ACCENT, size=46, opacity=1)), 260, 44, side=4)


def weekly_bars(points: Points, highest: Decimal) -> str:
    """Bars a week on a scale shared by all multiples; the peak is marked and labelled."""
    if not points:
        return ""
    peak = max(range(len(points)), key=lambda i: points[i][1][0])
    base = alt.Chart(_rows(points)).encode(
        x=alt.X("key:O", sort=None, axis=_key_axis([points[0][0], points[-1][0]])),
        y=alt.Y("v0:Q", axis=None, scale=alt.Scale(domain=[0, float(highest) * 1.18])),
    )
    bars = base.mark_bar().encode(
        color=alt.condition(alt.datum.i == peak, alt.value(_ACCENT), alt.value(_SOFT))
    )
    label = base.transform_filter((alt.datum.i == peak) & (alt.datum.v0 > 0)).mark_text(
        dy=-7, color=_INK, fontSize=12
    )
    return _svg(bars + label.encode(text="t0:N"), 260, 84, side=2)


def daily_line(points: Points) -> str:
    """A level by day with a few day labels; first and last value are written at the line."""
    if len(points) < 2:
        return ""
    base = alt.Chart(_rows(points)).encode(
        x=alt.X("key:O", sort=None, axis=_key_axis(_some(points))),
        y=alt.Y("v0:Q", axis=None, scale=alt.Scale(zero=False, nice=True, padding=14)),
    )
    line = base.mark_line(color=_SERIES, strokeWidth=2)
    ends = base.transform_filter((alt.datum.i == 0) | (alt.datum.i == len(points) - 1))
    dots = ends.mark_circle(color=_ACCENT, size=54, opacity=1)
    label = ends.mark_text(dy=-13, color=_INK, fontSize=13).encode(text="t0:N")
    return _svg(line + dots + label, 470, 190, side=22)


def flow_bars(points: Points) -> str:
    """Entries above and exits below the line, by day; both peaks are labelled."""
    if not points:
        return ""
    rows = _rows(points)
    base = alt.Chart(rows).encode(
        x=alt.X("key:O", sort=None, axis=_key_axis(_some(points))),
    )
    top = max(max(row["v0"], row["v1"]) for row in rows["values"]) * 1.25 or 1
    y = alt.Scale(domain=[-top, top])
    marks = []
    for column, sign, colour, dy in (("v0", 1, _ACCENT, -8), ("v1", -1, _SECOND, 9)):
        signed = base.transform_calculate(y=f"{sign} * datum.{column}").encode(
            y=alt.Y("y:Q", axis=None, scale=y)
        )
        peak = max(rows["values"], key=lambda row: row[column])["i"]
        text = signed.transform_filter(alt.datum.i == peak).mark_text(
            dy=dy, color=_INK, fontSize=13
        )
        marks += [signed.mark_bar(color=colour), text.encode(text=f"t{column[1]}:N")]
    rule = alt.Chart(_rows(points[:1])).mark_rule(color=_MUTED).encode(y=alt.datum(0))
    return _svg(alt.layer(*marks, rule), 470, 190, side=22)


def open_and_new(points: Points) -> str:
    """Open discrepancies as a line, the new ones of each day as bars on the same scale."""
    if len(points) < 2:
        return ""
    rows = _rows(points)
    top = max(row["v0"] for row in rows["values"]) * 1.25 or 1
    base = alt.Chart(rows).encode(x=alt.X("key:O", sort=None, axis=_key_axis(_some(points))))
    y = alt.Scale(domain=[0, top])
    line = base.mark_line(color=_SERIES, strokeWidth=2).encode(y=alt.Y("v0:Q", axis=None, scale=y))
    bars = base.mark_bar(color=_ACCENT).encode(y=alt.Y("v1:Q", axis=None, scale=y))
    ends = base.transform_filter((alt.datum.i == 0) | (alt.datum.i == len(points) - 1))
    label = ends.mark_text(dy=-11, color=_INK, fontSize=13).encode(
        y=alt.Y("v0:Q", axis=None, scale=y), text="t0:N"
    )
    return _svg(bars + line + label, 470, 170, side=22)


def _rows(points: Points) -> Any:
    rows = [
        {
            "i": i,
            "key": _short(key),
            **{f"v{n}": float(value) for n, value in enumerate(values)},
            **{f"t{n}": readable(value, "number") for n, value in enumerate(values)},
        }
        for i, (key, values) in enumerate(points)
    ]
    return alt.InlineData(values=rows)


def _short(key: str) -> str:
    """`2026-W03` → `W03`; a day `2026-03-01` stays sortable as `03-01`."""
    return key[5:] if re.match(r"^\d{4}-", key) else key


def _some(points: Points) -> list[str]:
    step = max(1, -(-len(points) // _DAY_LABELS))
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


def _svg(chart: alt.LayerChart | alt.FacetChart, width: int, height: int, side: int = 16) -> str:
    spec = (
        chart.properties(
            width=width, height=height, padding={"left": side, "right": side, "top": 6, "bottom": 2}
        )
        .configure(background="transparent", font="sans-serif")
        .configure_view(stroke="transparent")
        .to_dict(validate=False)
    )
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
