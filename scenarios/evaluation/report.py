"""An evaluation as one HTML page that needs nothing else; whatever was measured is shown escaped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lamplighter.scenarios.evaluation import plots
from lamplighter.scenarios.evaluation.aims import aim_of
from lamplighter.scenarios.evaluation.plots import Bar, measured, text

_LIGHT = "--page:#fff;--text:#1c1c1c;--quiet:#555;--line:#ccc;--track:#ececec;--bar:#2b6cb0;--missed:#b83a1b"
_DARK = (
    "--page:#161616;--text:#e8e8e8;--quiet:#aaa;--line:#444;--track:#2b2b2b;--bar:#63a4e8;--missed:#f0805f"
)
_STYLE = (
    f":root{{color-scheme:light dark;{_LIGHT}}}@media(prefers-color-scheme:dark){{:root{{{_DARK}}}}}"
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;"
    "background:var(--page);color:var(--text)}"
    "table{border-collapse:collapse;margin:1rem 0}.wide{overflow-x:auto}"
    "th,td{border:1px solid var(--line);padding:.3rem .7rem;text-align:left}"
    "th{background:var(--track)}td.n{text-align:right;font-variant-numeric:tabular-nums}"
    "small{color:var(--quiet)}" + plots.STYLE
)
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""What a browser may load for the page: nothing, and run nothing."""


def page(data: Mapping[str, Any]) -> str:
    """`data` is the object that `lamp eval --json` prints."""
    name = text(data["name"])
    facts = f"{data['cases']} cases; {', '.join(data['labels'])}; {data['machine']}; {data['seconds']} s"
    parts = [f"<h1>{name}</h1><p><small>{text(facts)}</small></p>", *_metrics(data)]
    for number, table in enumerate(data["tables"], start=1):
        parts.append(f"<h2>{text(table['title'])}</h2>")
        if drawn := plots.table_bars(table, f"table{number}"):
            parts += [*drawn, _note(plots.left_out(table))]
        parts.append(_table(table["columns"], table["rows"]))
    head = (
        f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f'<meta name="viewport" content="width=device-width"><title>{name}</title><style>{_STYLE}</style>'
    )
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}</head><body>\n'
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def _metrics(data: Mapping[str, Any]) -> list[str]:
    bars = [
        Bar(metric, measured(value), aim_of(data["name"], metric))
        for metric, value in sorted(data["metrics"].items())
    ]
    note = "Each bar is on a scale of its own, from zero; the line across it is the aim."
    plot = [plots.metric_bars(bars, "metrics") + _note(note)] if bars else []
    rows = [[bar.label, bar.value, bar.aim.text if bar.aim else ""] for bar in bars]
    return [*plot, _table(["metric", "value", "aim"], rows)]


def _note(words: str) -> str:
    return f"<p><small>{text(words)}</small></p>" if words else ""


def _table(columns: Iterable[Any], rows: Iterable[Iterable[Any]]) -> str:
    head = "".join(f"<th>{text(column)}</th>" for column in columns)
    body = "\n".join(f"<tr>{''.join(_data(value) for value in row)}</tr>" for row in rows)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table>"
    return f'<div class="wide">{table}</div>'


def _data(value: Any) -> str:
    kind = "" if measured(value) is None else ' class="n"'
    return f"<td{kind}>{text(plots.cell(value))}</td>"
