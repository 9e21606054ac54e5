"""`lamp version`, `lamp completion` and the hidden `lamp schema`: about the command itself."""

from __future__ import annotations

from typing import Any

import click

from lamplighter import __version__
from lamplighter.cli.output import Answer, deliver, output_options, to_json
from lamplighter.core.exits import Exit


@click.command()
@output_options
def version(outputs: tuple[str, ...], as_json: bool) -> Exit:
    """Print the version."""
    answer = Answer("lamplighter/version/v1", {"version": __version__}, lambda: f"lamp {__version__}")
    return deliver(answer, outputs, as_json)


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> Exit:
    """Print a shell's completion script, to be sourced by it."""
    from click.shell_completion import get_completion_class

    script = get_completion_class(shell)
    assert script is not None
    click.echo(script(ctx.find_root().command, {}, "lamp", "_LAMP_COMPLETE").source())
    return Exit.CLEAN


@click.group(hidden=True)
def schema() -> None:
    """Print the JSON schemas of what commands read and print."""


@schema.command("print")
@click.argument("name", type=click.Choice(["plan", "event", "policy", "config", "drift-report", "eval"]))
def print_schema(name: str) -> Exit:
    """Print one schema as JSON."""
    click.echo(to_json(schema_of(name), indent=2))
    return Exit.CLEAN


def schema_of(name: str) -> dict[str, Any]:
    match name:
        case "plan":
            from lamplighter.core.plans import Plan

            return Plan.model_json_schema()
        case "policy":
            from lamplighter.core.policy import Policy

            return Policy.model_json_schema()
        case "config":
            from lamplighter.core.config import Config

            return Config.model_json_schema()
        case "drift-report":
            from lamplighter.cli.schemas import drift_report

            return drift_report()
        case "eval":
            from lamplighter.cli.schemas import evaluation

            return evaluation()
        case _:
            from pydantic import TypeAdapter

            from lamplighter.core.events import Event

            return TypeAdapter[Any](Event).json_schema()
