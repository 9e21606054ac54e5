"""The `lamp` command: one file a group of commands, each imported when it is called and not before.

Commands return their exit code; this package alone turns errors into a line and a number.
"""

from lamplighter.cli.app import main

__all__ = ["main"]
