"""Bars as inline SVG: every bar has its label and value as text, so that nothing is said by colour alone.

Colours are variables of the page's style sheet, which has a light and a dark set.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

from lamplighter.core.text import printable
from lamplighter.scenarios.evaluation.aims import Aim

ROWS = 40
"""How many rows of a table are drawn at most; the page says how many were left out."""
_PANELS = 3  # beside one another
_COLUMNS = 6  # in all
# In units of the view box, which are CSS pixels at full size.
_WIDTH, _ROW, _BAR, _TOP = 900, 26, 14, 24
_LABEL, _GAP, _VALUE = 270, 16, 84
_VERDICT = 250  # room for "0.971234, aim 0.88 to 0.99, missed"
_CHARS = 34  # of a label, at 13 px

STYLE = (
    "svg{width:100%;height:auto;margin:.5rem 0}"
    "svg text{font:13px system-ui,sans-serif;fill:var(--text)}svg .quiet{fill:var(--quiet)}"
    "svg .label{text-anchor:end}"
    "svg .track{fill:var(--track)}svg .bar{fill:var(--bar)}svg .missed{fill:var(--missed)}"
    "svg .aim{stroke:var(--text);stroke-width:2}"
)


class Bar(NamedTuple):
    """One row: `value` is None where nothing was measured."""

    label: str
    value: float | None
    aim: Aim | None = None


def figure(value: float) -> str:
    """A number for people: whole ones exactly, others with six significant digits."""
    whole = abs(value) < 1e15 and value == int(value)
    return str(int(value)) if whole else f"{value:g}"


def text(value: object) -> str:
    """Any value of a result, harmless in HTML and SVG."""
    return escape(printable(str(value)))


def cell(value: object) -> str:
    """A cell's value as shown, still to be escaped: figures for people, and nothing for None."""
    number = measured(value)
    return figure(number) if number is not None else "" if value is None else str(value)


def metric_bars(bars: Sequence[Bar], identifier: str) -> str:
    """A row for each metric; each on its own scale, since metrics have different units."""
    left, width = _LABEL + _GAP, _WIDTH - _LABEL - 2 * _GAP - _VERDICT
    parts = []
    for row, bar in enumerate(bars):
        # A lone number has nothing to be compared with but the whole.
        ends = scale([bar.value], bar.aim.bounds if bar.aim else (1.0,))
        parts.append(_label(bar.label, row) + _row(bar, row, ends, left, width))
    description = "; ".join(f"{bar.label}: {said(bar)}" for bar in bars)
    return _svg("Metrics and their aims", description, parts, len(bars), identifier)


def table_bars(table: Mapping[str, Any], identifier: str) -> list[str]:
    """A panel of bars for each of the first six columns of numbers, three to a plot, over the same labels.

    Empty where the columns do not allow it: no label, no number, or a single row.
    """
    rows, labels, numbers = table["rows"], _labels(table), _numbers(table)[:_COLUMNS]
    if len(rows) < 2 or not labels:
        return []
    plots = [numbers[start : start + _PANELS] for start in range(0, len(numbers), _PANELS)]
    return [_panels(table, labels, panels, f"{identifier}-{n}") for n, panels in enumerate(plots, start=1)]


def _panels(table: Mapping[str, Any], labels: Sequence[int], panels: Sequence[int], identifier: str) -> str:
    drawn = table["rows"][:ROWS]
    names = [" / ".join(cell(row[i]) for i in labels) for row in drawn]
    parts = [_label(name, row) for row, name in enumerate(names)]
    span = (_WIDTH - _LABEL) / _PANELS
    for position, column in enumerate(panels):
        values = [measured(row[column]) for row in drawn]
        left, width = _LABEL + position * span + _GAP, span - 2 * _GAP - _VALUE
        parts.append(_words(left, _TOP - 8, str(table["columns"][column]), "quiet", int(span / 8)))
        for row, (name, value) in enumerate(zip(names, values, strict=True)):
            parts.append(_row(Bar(name, value), row, scale(values), left, width))
    columns = ", ".join(str(table["columns"][i]) for i in panels)
    description = f"Bars of {columns} for {len(drawn)} rows. The table holds the same numbers."
    return _svg(f"{table['title']}: {columns}", description, parts, len(drawn), identifier)


def left_out(table: Mapping[str, Any]) -> str:
    """What `table_bars` does not draw of a table, in words; empty when it draws everything."""
    rows = table["rows"]
    parts = [f"{len(rows) - ROWS} more rows"] if len(rows) > ROWS else []
    parts += [f"the column {table['columns'][i]}" for i in _numbers(table)[_COLUMNS:]]
    return f"Not drawn: {', '.join(parts)}." if parts else ""


def measured(value: object) -> float | None:
    """The number a cell holds; None for words, yes or no, and what is not finite."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def said(bar: Bar) -> str:
    """The row in words: its value, its aim, and whether that was met."""
    if bar.value is None:
        return "not measured"
    if bar.aim is None:
        return figure(bar.value)
    return f"{figure(bar.value)}, aim {bar.aim.text}, {'met' if bar.aim.met(bar.value) else 'missed'}"


def scale(values: Iterable[float | None], also: Iterable[float] = ()) -> tuple[float, float]:
    """Least and greatest number that a track shows; zero is always on it."""
    numbers = [0.0, *also, *(value for value in values if value is not None)]
    low, high = min(numbers), max(numbers)
    return low, high if high > low else 1.0


def _labels(table: Mapping[str, Any]) -> list[int]:
    """The leading columns of words; where there are none, a first column whose numbers all differ."""
    rows, columns = table["rows"], range(len(table["columns"]))
    words = list(itertools.takewhile(lambda i: not _is_numeric(rows, i), columns))
    if words or not rows:
        return words
    return [0] if len({row[0] for row in rows}) == len(rows) else []


def _numbers(table: Mapping[str, Any]) -> list[int]:
    labels = _labels(table)
    return [i for i in range(len(table["columns"])) if i not in labels and _is_numeric(table["rows"], i)]


def _is_numeric(rows: Sequence[Sequence[Any]], column: int) -> bool:
    """Whether the column holds numbers and, at most, cells that are empty."""
    cells = [row[column] for row in rows if row[column] is not None]
    return bool(cells) and all(measured(cell) is not None for cell in cells)


def _row(bar: Bar, row: int, ends: tuple[float, float], left: float, width: float) -> str:
    """Track, bar, aim and words of one row; its full label is shown on hovering."""

    def x(number: float) -> float:
        return left + width * (number - ends[0]) / (ends[1] - ends[0])

    top = _TOP + row * _ROW + (_ROW - _BAR) / 2
    parts = [_box("track", left, top, width)]
    if bar.value is not None:
        kind = "bar missed" if bar.aim and not bar.aim.met(bar.value) else "bar"
        start, end = sorted((x(0), x(bar.value)))
        parts.append(_box(kind, start, top, end - start))
    for bound in bar.aim.bounds if bar.aim else ():
        parts.append(f'<path class="aim" d="M{x(bound):.1f} {top - 4:.1f}v{_BAR + 8}"/>')
    parts.append(_words(left + width + 8, top + _BAR - 3, said(bar)))
    return f"<g><title>{text(bar.label)}: {text(said(bar))}</title>{''.join(parts)}</g>"


def _box(kind: str, left: float, top: float, width: float) -> str:
    return f'<rect class="{kind}" x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{_BAR}"/>'


def _label(words: str, row: int) -> str:
    return _words(_LABEL, _TOP + row * _ROW + _ROW / 2 + 4, words, "label", _CHARS)


def _words(left: float, base: float, words: str, kind: str = "", limit: int = 60) -> str:
    shown = printable(words)
    shown = shown if len(shown) <= limit else shown[: limit - 1] + "…"
    of_kind = f' class="{kind}"' if kind else ""
    return f'<text{of_kind} x="{left:.1f}" y="{base:.1f}">{escape(shown)}</text>'


def _svg(title: str, description: str, parts: Iterable[str], rows: int, identifier: str) -> str:
    height = _TOP + rows * _ROW + 4
    names = f"{identifier}-title {identifier}-description"
    return (
        f'<svg role="img" aria-labelledby="{names}" viewBox="0 0 {_WIDTH} {height}">\n'
        f'<title id="{identifier}-title">{text(title)}</title>'
        f'<desc id="{identifier}-description">{text(description)}</desc>\n' + "\n".join(parts) + "\n</svg>"
    )
