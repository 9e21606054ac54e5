"""`lamp completion`: what a shell has to be told to complete commands and options."""

from __future__ import annotations

import click

from lamplighter.core.exits import Exit


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
