"""Where an answer goes: `-o FORMAT` and `-o FORMAT=FILE`, colour, progress, and the one form of an error."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from html import escape
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import click

from lamplighter.cli.files import STDOUT, descriptor, identity, write_file
from lamplighter.cli.streams import silence
from lamplighter.core.exits import Exit
from lamplighter.core.redaction import redact_value
from lamplighter.core.text import json_line, log_line

FORMATS = ("text", "json", "jsonl", "markdown", "html")
_F = TypeVar("_F", bound=Callable[..., Any])


class Sink(NamedTuple):
    """One `-o`: a format, and the file it goes to (None is stdout)."""

    format: str
    path: Path | None


class Answer(NamedTuple):
    """What a command has to say. `data` gets `schema` and `exit_code` added in JSON; `rows` are the JSON lines."""

    schema: str
    data: Mapping[str, Any]
    text: Callable[[], str]
    exit_code: Exit = Exit.CLEAN
    markdown: Callable[[], str] | None = None
    html: Callable[[], str] | None = None
    rows: tuple[Mapping[str, Any], ...] | None = None


def output_options(command: _F) -> _F:
    """Adds `-o FORMAT[=FILE]` (several times) and `--json`; the command is given `outputs`."""
    json_alias = click.option("--json", "as_json", is_flag=True, help="The same as -o json.")
    several = click.option(
        "-o",
        "--output",
        "outputs",
        multiple=True,
        metavar="FORMAT[=FILE]",
        help=f"{'|'.join(FORMATS)}; repeat to write several.",
    )
    return several(json_alias(command))


def answers(command: Callable[..., Answer]) -> Callable[..., Exit]:
    """Makes a command of what returns an Answer: it gets the options of `output_options`, and the answer goes where
    they say. Wrong usage of them shows before any work is done."""

    @output_options
    @wraps(command)
    def run(*arguments: Any, outputs: tuple[str, ...], as_json: bool, **options: Any) -> Exit:
        chosen = sinks(outputs, as_json)
        return deliver(command(*arguments, **options), chosen)

    return run


def sinks(outputs: tuple[str, ...], as_json: bool) -> list[Sink]:
    """Raises click.UsageError on an unknown format, or two formats for one file or for stdout."""
    chosen: list[Sink] = []
    for spec in (*outputs, *(["json"] if as_json else [])):
        name, _, target = spec.partition("=")
        if name not in FORMATS:
            raise click.UsageError(f"-o {spec}: {name!r} is not one of {', '.join(FORMATS)}")
        path = None if target in ("", "-") or descriptor(Path(target)) == STDOUT else Path(target)
        sink = Sink(name, path)
        if sink not in chosen:
            chosen.append(sink)
    # A file beside it does not silence the answer itself.
    if all(sink.path is not None for sink in chosen):
        chosen.append(Sink("text", None))
    _require_places_of_their_own(chosen)
    return chosen


def _require_places_of_their_own(chosen: list[Sink]) -> None:
    taken: dict[Hashable, Sink] = {}
    for sink in chosen:
        other = taken.setdefault(identity(sink.path), sink)
        if other is not sink:
            place = next((str(each.path) for each in (sink, other) if each.path is not None), "stdout")
            formats = f"{other.format} and {sink.format}"
            raise click.UsageError(
                f"{place} would be written twice ({formats}); give each a file of its own, as in -o json=FILE"
            )


def deliver(answer: Answer, chosen: Sequence[Sink]) -> Exit:
    """Writes files first (each whole or not at all), then stdout; returns the answer's exit code."""
    for sink in sorted(chosen, key=lambda sink: sink.path is None):
        body = render(answer, sink.format)
        body = body if body.endswith("\n") or not body else f"{body}\n"
        if sink.path is None:
            sys.stdout.write(body)
        else:
            write_file(sink.path, body)
    return answer.exit_code


def render(answer: Answer, form: str) -> str:
    whole = {**answer.data, "schema": answer.schema, "exit_code": int(answer.exit_code)}
    match form:
        case "json":
            return to_json(whole, indent=2)
        case "jsonl":
            rows = answer.rows if answer.rows is not None else (whole,)
            return "\n".join(to_json(row) for row in rows)
        case "markdown":
            # Without a Markdown form of its own an answer is shown as it stands.
            return answer.markdown() if answer.markdown else f"```text\n{answer.text()}\n```"
        case "html":
            page = f'<!doctype html>\n<meta charset="utf-8"><pre>{escape(answer.text())}</pre>'
            return answer.html() if answer.html else page
        case _:
            return answer.text()


def to_json(value: Any, indent: int | None = None) -> str:
    """Sorted keys and ASCII only, so that two runs are equal byte for byte and no terminal is steered; no secrets."""
    value = redact_value(value, by_name=False)
    return json_line(json.dumps(value, sort_keys=True, indent=indent, allow_nan=False))


def write_error(line: str, code: Exit, as_json: bool) -> Exit:
    """One line on stderr and, where JSON was asked for, an error object on stdout."""
    shown = log_line(line)
    say(f"lamp: {shown}")
    if as_json:
        error = {"schema": "lamplighter/error/v1", "error": shown, "exit_code": int(code)}
        sys.stdout.write(to_json(error, indent=2) + "\n")
    return code


def say(text: str) -> None:
    """On stderr; where that is closed or full there is nobody to tell, and the exit code is what is left."""
    try:
        click.echo(text, err=True)
    except OSError:
        silence(sys.stderr)


PROGRESS_AFTER_SECONDS = 2.0


@contextmanager
def progress(line: str, *, quiet: bool) -> Iterator[None]:
    """Says on stderr what takes so long, once, after two seconds; silent when quiet or where stderr is no terminal."""
    if quiet or sys.stderr is None or not sys.stderr.isatty():
        yield
        return
    timer = threading.Timer(PROGRESS_AFTER_SECONDS, say, [f"lamp: {log_line(line)} ..."])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        # A thread that is writing when the interpreter ends aborts it.
        timer.join()
