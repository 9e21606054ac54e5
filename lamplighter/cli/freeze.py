"""`lamp freeze` and `lamp unfreeze`: the switch that stops all changes."""

from __future__ import annotations

import click

from lamplighter.cli.output import Session
from lamplighter.core.exits import Exit


@click.command()
@click.option("--reason", default="by hand", show_default=True, help="Shown to whoever is refused.")
@click.pass_obj
def freeze(session: Session, reason: str) -> Exit:
    """Stop all changes from now on; nothing new is executed until `lamp unfreeze`."""
    with session.ledger() as ledger:
        ledger.freeze(session.identity, reason)
    click.echo("frozen: nothing is executed until `lamp unfreeze`")
    return Exit.CLEAN


@click.command()
@click.pass_obj
def unfreeze(session: Session) -> Exit:
    """Lift the freeze."""
    with session.ledger() as ledger:
        ledger.unfreeze(session.identity)
    click.echo("no longer frozen")
    return Exit.CLEAN
