"""`lamp version`."""

from __future__ import annotations

import click

from lamplighter import __version__
from lamplighter.cli.output import Answer, answers


@click.command()
@answers
def version() -> Answer:
    """Print the version."""
    return Answer("lamplighter/version/v1", {"version": __version__}, lambda: f"lamp {__version__}")
