"""`lamp config`: the settings in force, and what a session is pinned to by them."""

from __future__ import annotations

import click

from lamplighter.cli.context import Invocation
from lamplighter.cli.output import Answer, answers
from lamplighter.core.text import log_line


@click.group()
def config() -> None:
    """Show the settings and where each comes from."""


@config.command()
@click.option("--origin", is_flag=True, help="Say where each value comes from.")
@answers
@click.pass_obj
def show(invocation: Invocation, origin: bool) -> Answer:
    """Show every setting, and the cluster and account that a session is pinned to."""
    resolved = invocation.resolved
    values = resolved.config.model_dump(mode="json")
    flat = {key: _at(values, key) for key in resolved.origin}
    pins = invocation.pins
    data = {
        "settings": flat,
        "pinned": {name: {"value": pin.value or None, "origin": pin.origin} for name, pin in pins.items()},
        **({"origin": resolved.origin} if origin else {}),
    }

    def text() -> str:
        rows = [(key, _shown(value), resolved.origin[key] if origin else "") for key, value in flat.items()]
        rows += [(f"pinned: {name}", pin.shown, pin.origin) for name, pin in pins.items()]
        width = max(len(name) for name, _, _ in rows)
        return "\n".join(
            f"{name:{width}}  {log_line(shown)}{f'  ({log_line(where)})' if where else ''}"
            for name, shown, where in rows
        )

    return Answer("lamplighter/config/v1", data, text)


def _shown(value: object) -> str:
    if isinstance(value, dict):
        value = [f"{name}={text}" for name, text in value.items()]
    return (", ".join(value) if isinstance(value, list) else str("" if value is None else value)) or "-"


def _at(values: object, key: str) -> object:
    for name in key.split("."):
        assert isinstance(values, dict)
        values = values[name]
    return values
