"""The root command, the lazy groups, and the edge at which errors become one line and an exit code."""

from __future__ import annotations

import importlib
import io
import itertools
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import click

from lamplighter import __version__
from lamplighter.cli.context import Invocation
from lamplighter.cli.output import say, write_error
from lamplighter.cli.streams import guarded_stdout
from lamplighter.core.errors import LampError
from lamplighter.core.exits import Exit
from lamplighter.core.text import log_line

# name -> (module of this package, its command, one line of help); the line spares the import for `--help`.
COMMANDS: dict[str, tuple[str, str, str]] = {
    "demo": ("demo", "demo", "A tour on a sample project: no key, no account."),
    "ask": ("ask", "ask", "Ask in plain language."),
    "drift": ("drift", "drift", "Find what was changed behind Terraform's back."),
    "plan": ("plan", "plan", "Show, approve, deny or apply a plan."),
    "pending": ("plan", "pending", "List the plans that wait for a decision."),
    "audit": ("audit", "audit", "Verify, read or export the audit log."),
    "sandbox": ("sandbox", "sandbox", "A simulated Kubernetes cluster to try things on."),
    "config": ("config", "config", "Show the settings and where each comes from."),
    "doctor": ("doctor", "doctor", "Say what is missing or wrong, with the remedy."),
    "freeze": ("freeze", "freeze", "Stop all changes from now on."),
    "unfreeze": ("freeze", "unfreeze", "Lift the freeze."),
    "completion": ("completion", "completion", "Print a shell's completion script."),
    "version": ("version", "version", "Print the version."),
    "eval": ("evaluation", "eval_command", "Run an evaluation."),
    "bench": ("evaluation", "bench_command", "Run a benchmark."),
    "schema": ("schema", "schema", "Print the JSON schemas."),
}
HIDDEN = frozenset({"eval", "bench", "schema", "version"})
"""Not in the list of `lamp --help`, which stays short; `--version` stands there."""


class LazyGroup(click.Group):
    """A group that imports a command's module when it is resolved, and not for the list of commands."""

    def __init__(self, *args: Any, lazy: Mapping[str, tuple[str, str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.lazy:
            return None
        module, attribute, _ = self.lazy[cmd_name]
        command = getattr(importlib.import_module(f"lamplighter.cli.{module}"), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, text) for name, (_, _, text) in self.lazy.items() if name not in HIDDEN]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


@click.command(cls=LazyGroup, lazy=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    help="Settings file that wins over all others.",
)
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Give up after this time.",
)
@click.version_option(__version__, prog_name="lamp", message="%(prog)s %(version)s")
@click.pass_context
def root(ctx: click.Context, config_file: Path | None, quiet: bool, timeout: float | None) -> None:
    """Find Terraform drift from the API trace, with evidence, and change nothing before that exact plan is approved."""
    if timeout is not None:
        signal.signal(signal.SIGALRM, _time_out)
        signal.setitimer(signal.ITIMER_REAL, timeout)
    ctx.obj = Invocation(config_file=config_file, quiet=quiet)


class _Terminated(BaseException):
    """SIGTERM, as an exception, so that what is open is closed on the way out."""


def _terminate(_number: int, _frame: FrameType | None) -> None:
    raise _Terminated


class _TimedOut(BaseException):
    """The end of `--timeout`; a TimeoutError is an OSError, and would be taken for a trouble with some file."""


def _time_out(_number: int, _frame: FrameType | None) -> None:
    raise _TimedOut


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command line and returns its exit code; never raises."""
    argv = list(sys.argv[1:] if arguments is None else arguments)
    if sys.stdout is None:
        return write_error("stdout: is closed; redirect it, to /dev/null if need be", Exit.FAILED, False)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A name that the terminal's encoding has no letter for is shown escaped, and never an error.
            stream.reconfigure(errors="backslashreplace")
    signal.signal(signal.SIGTERM, _terminate)
    # One that is ignored is handed on by whatever started us, and nobody would learn how our own children end.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with guarded_stdout(sys.stdout) as stdout:
        code = _run(argv)
        signal.setitimer(signal.ITIMER_REAL, 0)
    if stdout.problem:
        line = f"stdout: cannot be written ({stdout.problem}); make room there, or redirect it elsewhere"
        return write_error(line, Exit.FAILED, False)
    return code


def _run(argv: list[str]) -> Exit:
    wants_json = _wants_json(argv)
    try:
        result = root.main(args=argv, prog_name="lamp", standalone_mode=False)
        sys.stdout.flush()
        return Exit(result) if isinstance(result, int) else Exit.CLEAN
    except click.exceptions.NoArgsIsHelpError as error:
        say(error.format_message())
        return Exit.USAGE
    except click.UsageError as error:
        remedy = f"see `{error.ctx.command_path} --help`" if error.ctx else "see `lamp --help`"
        return write_error(f"{error.format_message().rstrip('.')}; {remedy}", Exit.USAGE, wants_json)
    except click.ClickException as error:
        return write_error(error.format_message(), Exit.FAILED, wants_json)
    except (click.Abort, KeyboardInterrupt):
        return write_error("interrupted", Exit.INTERRUPTED, wants_json)
    except _Terminated:
        return write_error("terminated", Exit.TERMINATED, wants_json)
    except LampError as error:
        return write_error(str(error), error.exit_code, wants_json)
    except (_TimedOut, TimeoutError):
        return write_error("the time limit was reached", Exit.TIMED_OUT, wants_json)
    except (
        Exception
    ) as error:  # the surface's edge: a defect of ours must not end in a traceback for the user
        if os.environ.get("LAMP_DEBUG"):
            raise
        return write_error(_unforeseen(error), Exit.FAILED, wants_json)


def _unforeseen(error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name and not error.name.startswith("lamplighter"):
        # A slim image holds what `lamp drift check` needs; extras are left to whoever needs them.
        remedy = "install lamplighter with its dependencies, or the extra that brings it"
        return f"{error.name}: this command needs it, and it is not installed; {remedy}"
    what = f"{type(error).__name__}: {log_line(str(error), limit=300)}"
    return f"internal error: {what}; set LAMP_DEBUG=1 for the whole trace"


def _wants_json(argv: Sequence[str]) -> bool:
    pairs = itertools.zip_longest(argv, argv[1:], fillvalue="")
    return any(
        word in ("--json", "-ojson", "--output=json") or (word in ("-o", "--output") and after == "json")
        for word, after in pairs
    )
