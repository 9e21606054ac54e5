"""`lamp freeze` and `lamp unfreeze`: the switch that stops all changes."""

from __future__ import annotations

import click

from lamplighter.cli.context import Invocation
from lamplighter.cli.output import Answer, answers

_SCHEMA = "lamplighter/freeze/v1"


@click.command()
@click.option("--reason", default="by hand", show_default=True, help="Shown to whoever is refused.")
@answers
@click.pass_obj
def freeze(invocation: Invocation, reason: str) -> Answer:
    """Stop all changes from now on; nothing new is executed until `lamp unfreeze`."""
    with invocation.ledger() as ledger:
        ledger.freeze(invocation.identity, reason)
    data = {"frozen": True, "by": invocation.identity, "reason": reason}
    return Answer(_SCHEMA, data, lambda: "frozen: nothing is executed until `lamp unfreeze`")


@click.command()
@answers
@click.pass_obj
def unfreeze(invocation: Invocation) -> Answer:
    """Lift the freeze."""
    with invocation.ledger() as ledger:
        ledger.unfreeze(invocation.identity)
    data = {"frozen": False, "by": invocation.identity}
    return Answer(_SCHEMA, data, lambda: "no longer frozen")
