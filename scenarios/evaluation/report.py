"""An evaluation as one HTML page that needs nothing else; whatever was measured is shown escaped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from lamplighter.core.text import printable

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#1c1c1c}"
    "table{border-collapse:collapse;margin:1rem 0}th,td{border:1px solid #ccc;padding:.3rem .7rem;text-align:left}"
    "th{background:#f3f3f3}td.n{text-align:right;font-variant-numeric:tabular-nums}small{color:#555}"
)


def page(data: Mapping[str, Any]) -> str:
    """`data` is the object that `lamp eval --json` prints."""
    name = _cell(data["name"])
    facts = f"{data['cases']} cases; {', '.join(data['labels'])}; {data['machine']}; {data['seconds']} s"
    metrics = sorted(data["metrics"].items())
    parts = [
        f"<h1>{name}</h1><p><small>{_cell(facts)}</small></p>",
        _table(["metric", "value"], metrics),
        *(f"<h2>{_cell(t['title'])}</h2>{_table(t['columns'], t['rows'])}" for t in data["tables"]),
    ]
    head = f'<meta charset="utf-8"><title>{name}</title><style>{_STYLE}</style>'
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}</head><body>\n'
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def _table(columns: Iterable[Any], rows: Iterable[Iterable[Any]]) -> str:
    head = "".join(f"<th>{_cell(column)}</th>" for column in columns)
    body = "\n".join(f"<tr>{''.join(_data(value) for value in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table>"


def _data(value: Any) -> str:
    if isinstance(value, float | int):
        return f'<td class="n">{value:g}</td>'
    return f"<td>{_cell(value)}</td>"


def _cell(value: Any) -> str:
    return escape(printable(str(value)))
