"""Write docs/reference.md from the commands' own help: `python scripts/docs.py`, or `--check` to compare only."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from lamplighter.cli.app import HIDDEN, root
from lamplighter.core.exits import Exit

REFERENCE = Path(__file__).resolve().parent.parent / "docs" / "reference.md"
WIDTH = 100

EXIT_MEANINGS = {
    Exit.CLEAN: "done, and nothing at or above the `--fail-on` level was found",
    Exit.FAILED: "could not complete; also a step whose outcome is unknown, or that is done but not verified",
    Exit.FINDINGS: "findings at or above the `--fail-on` level",
    Exit.REFUSED: "refused by policy, waiting for an approval, or frozen",
    Exit.INCOMPLETE: "the input was incomplete, so the answer is partial",
    Exit.USAGE: "wrong usage: an unknown command, option or value",
    Exit.TIMED_OUT: "a time limit was reached",
    Exit.INTERRUPTED: "interrupted (Ctrl-C)",
    Exit.TERMINATED: "terminated (SIGTERM)",
}


def commands(group: click.Group, parent: click.Context) -> Iterator[click.Context]:
    """Each command below `group` with its context, groups before what they hold."""
    for name in group.list_commands(parent):
        command = group.get_command(parent, name)
        assert command is not None
        context = click.Context(command, info_name=name, parent=parent, terminal_width=WIDTH)
        yield context
        if isinstance(command, click.Group):
            yield from commands(command, context)


def section(context: click.Context) -> str:
    path = context.command_path
    top_level = path.split()[1] if " " in path else ""
    note = "Not listed in `lamp --help`.\n\n" if top_level in HIDDEN else ""
    return f"## {path}\n\n{note}```text\n{context.get_help()}\n```\n"


def reference() -> str:
    # As `main` does it; what stands below inherits it.
    top = click.Context(root, info_name="lamp", terminal_width=WIDTH, **root.context_settings)
    codes = "\n".join(f"| {int(code)} | {EXIT_MEANINGS[code]} |" for code in Exit)
    head = (
        "# Command reference\n\nWritten by `make docs` from the commands' own help; edits here are overwritten.\n\n"
        f"## Exit codes\n\n| code | meaning |\n| --- | --- |\n{codes}\n\n"
        "When several apply, 1 wins over 4, 4 over 3, 3 over 2. Output that cannot be written gives 1; a reader that\n"
        "has enough (`lamp ... | head -1`) changes nothing.\n"
    )
    return "\n".join([head, section(top), *(section(context) for context in commands(root, top))])


def main() -> int:
    text = reference()
    if "--check" in sys.argv[1:]:
        current = REFERENCE.read_text() if REFERENCE.is_file() else ""
        if current != text:
            print(f"{REFERENCE.name}: not what the commands say; run make docs", file=sys.stderr)
        return int(current != text)
    REFERENCE.parent.mkdir(exist_ok=True)
    REFERENCE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
