"""`lamp audit`: the hash-chained record of what was decided and done."""

from __future__ import annotations

import sys

import click

from lamplighter.cli.context import Invocation
from lamplighter.cli.output import Answer, answers
from lamplighter.core.exits import Exit
from lamplighter.core.text import log_line


@click.group()
def audit() -> None:
    """Verify, read or export the audit log."""


@audit.command()
@answers
@click.pass_obj
def verify(invocation: Invocation) -> Answer:
    """Recompute the whole chain; exit code 1 when a record was changed, lost or put in."""
    with invocation.ledger() as ledger:
        report = ledger.verify()
    text = f"{report.records} records, chain whole" if report.ok else f"NOT WHOLE: {log_line(report.problem)}"
    code = Exit.CLEAN if report.ok else Exit.FAILED
    data = {**report._asdict(), "ok": report.ok}
    return Answer("lamplighter/audit-verify/v1", data, lambda: text, code)


@audit.command()
@click.option(
    "-n", "--lines", "count", type=click.IntRange(min=1), default=20, show_default=True, help="How many."
)
@answers
@click.pass_obj
def tail(invocation: Invocation, count: int) -> Answer:
    """Show the last records."""
    with invocation.ledger() as ledger:
        records = ledger.audit.tail(count)
    rows = tuple(record._asdict() for record in records)

    def text() -> str:
        return "\n".join(
            f"{record.seq}  {record.time}  {log_line(record.actor)}  {record.action}  {log_line(record.subject)}"
            for record in records
        )

    return Answer("lamplighter/audit/v1", {"records": list(rows)}, text, rows=rows)


@audit.command()
@click.pass_obj
def export(invocation: Invocation) -> Exit:
    """Write every record to stdout, one JSON object a line."""
    with invocation.ledger() as ledger:
        ledger.audit.export(sys.stdout)
    return Exit.CLEAN
