"""`lamp eval` and `lamp bench`: one JSON form for everything that is measured."""

from __future__ import annotations

import os
import platform
import time

import click

from lamplighter.cli.output import Answer, deliver, output_options
from lamplighter.core.exits import Exit
from lamplighter.scenarios.evaluation.registry import BENCHES, EVALS, Request, find


def _run(table: dict[str, str], name: str, request: Request, outputs: tuple[str, ...], as_json: bool) -> Exit:
    started = time.monotonic()
    result = find(table, name)(request)
    data = {
        **result._asdict(),
        "name": name,
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "seconds": round(time.monotonic() - started, 2),
    }

    def text() -> str:
        rows = [f"{metric:28} {value:g}" for metric, value in sorted(result.metrics.items())]
        return "\n".join([f"{name}: {result.cases} cases, {', '.join(result.labels)}", *rows])

    return deliver(Answer("lamplighter/eval/v1", data, text), outputs, as_json)


@click.command("eval", hidden=True)
@click.argument("name")
@click.option("--sample", type=click.IntRange(min=1))
@click.option("--seeds", type=click.IntRange(min=1), default=1)
@output_options
def eval_command(name: str, sample: int | None, seeds: int, outputs: tuple[str, ...], as_json: bool) -> Exit:
    """Run an evaluation by name."""
    return _run(EVALS, name, Request(sample, seeds), outputs, as_json)


@click.command("bench", hidden=True)
@click.argument("name")
@click.option("--sample", type=click.IntRange(min=1))
@click.option("--seeds", type=click.IntRange(min=1), default=1)
@output_options
def bench_command(name: str, sample: int | None, seeds: int, outputs: tuple[str, ...], as_json: bool) -> Exit:
    """Run a benchmark by name."""
    return _run(BENCHES, name, Request(sample, seeds), outputs, as_json)
