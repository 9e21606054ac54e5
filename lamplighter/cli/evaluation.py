"""`lamp eval` and `lamp bench`: one JSON form for everything that is measured."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from lamplighter.cli.files import write_file
from lamplighter.cli.output import Answer, answers
from lamplighter.core.errors import InputError
from lamplighter.scenarios.evaluation.registry import BENCHES, EVALS, Request, Result, find

_sample = click.option("--sample", type=click.IntRange(min=1), help="At most so many cases or repetitions.")
_seeds = click.option("--seeds", type=click.IntRange(min=1), default=1, help="How many seeds.")
_report = click.option(
    "--report", type=click.Path(path_type=Path), help="Also write NAME.html into this folder."
)

_ROWS_SHOWN = 12
"""Longer tables are not for a terminal."""


@click.command("eval", hidden=True)
@click.argument("name")
@_sample
@_seeds
@click.option("--stage", type=click.Choice(["detect", "patch"]), help="The last stage to run.")
@click.option(
    "--peers",
    is_flag=True,
    help="drift: other tools on the same clouds too (installs them into the user's cache; needs Terraform).",
)
@_report
@answers
def eval_command(
    name: str,
    sample: int | None,
    seeds: int,
    stage: str | None,
    peers: bool,
    report: Path | None,
) -> Answer:
    """Run an evaluation by name."""
    return _run(EVALS, name, Request(sample, seeds, stage, peers), report)


@click.command("bench", hidden=True)
@click.argument("name")
@_sample
@_seeds
@_report
@answers
def bench_command(name: str, sample: int | None, seeds: int, report: Path | None) -> Answer:
    """Run a benchmark by name."""
    return _run(BENCHES, name, Request(sample, seeds), report)


def _run(table: Mapping[str, str], name: str, request: Request, report: Path | None) -> Answer:
    measure = find(table, name)
    started = time.monotonic()
    result = measure(request)
    data = {
        **result._asdict(),
        "name": name,
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}",
        "seconds": round(time.monotonic() - started, 2),
    }
    if report is not None:
        _write_report(report, name, data)
    return Answer("lamplighter/eval/v1", data, lambda: _text(name, result))


def _text(name: str, result: Result) -> str:
    rows = [f"{metric:28} {value:g}" for metric, value in sorted(result.metrics.items())]
    shown = [table for table in result.tables if len(table["rows"]) <= _ROWS_SHOWN]
    left = len(result.tables) - len(shown)
    more = [f"\n{left} longer tables are in --json and --report"] if left else []
    head = f"{name}: {result.cases} cases, {', '.join(result.labels)}"
    return "\n".join([head, *rows, *map(_table, shown), *more])


def _table(table: Mapping[str, Any]) -> str:
    cells = [list(map(str, row)) for row in (table["columns"], *table["rows"])]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (cells if table["rows"] else [])
    ]
    return "\n".join(["", table["title"], *lines])


def _write_report(folder: Path, name: str, data: Mapping[str, Any]) -> None:
    from lamplighter.scenarios.evaluation.report import page

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            str(folder), f"cannot be made ({error.strerror})", "name another --report"
        ) from error
    write_file(folder / f"{name}.html", page(data))
