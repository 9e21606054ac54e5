"""`lamp config`: the settings in force."""

from __future__ import annotations

import click

from lamplighter.cli.output import Answer, Session, deliver, output_options
from lamplighter.core.exits import Exit
from lamplighter.core.text import log_line


@click.group()
def config() -> None:
    """Show the settings and where each comes from."""


@config.command()
@click.option("--origin", is_flag=True, help="Say where each value comes from.")
@output_options
@click.pass_obj
def show(session: Session, origin: bool, outputs: tuple[str, ...], as_json: bool) -> Exit:
    """Show every setting; references to secrets are shown, never what they refer to."""
    resolved = session.resolved
    values = resolved.config.model_dump(mode="json")
    flat = {key: _at(values, key) for key in resolved.origin}
    data = {"settings": flat, **({"origin": resolved.origin} if origin else {})}

    def text() -> str:
        width = max(map(len, flat))
        lines = []
        for key, value in flat.items():
            shown = log_line(
                ", ".join(value) if isinstance(value, list) else str("" if value is None else value)
            )
            where = f"  ({log_line(resolved.origin[key])})" if origin else ""
            lines.append(f"{key:{width}}  {shown or '-'}{where}")
        return "\n".join(lines)

    return deliver(Answer("lamplighter/config/v1", data, text), outputs, as_json)


def _at(values: object, key: str) -> object:
    for name in key.split("."):
        assert isinstance(values, dict)
        values = values[name]
    return values
