"""The audit log: a hash chain in the ledger's own database and transactions, with its head kept outside.

Each record's hash covers every stored value and the hash before it. `audit.head` beside the database names the
last record known to be committed, so that a deleted tail is found. A database ahead of that file by records that
chain is what a crash between commit and anchor leaves, and is repaired.

What decides whether something may run is written here, and read here before it does: each approval with its plan,
policy and expiry, its end, each claim and what became of it, the freeze. So found are: a record changed, lost or
put in between others; a tail cut off; a row of the tables that says something else than the records.

Not found is who writes as the program does, for the chain has no key: a record appended with its right hash (whether
`audit.head` is rewritten or not), a chain computed anew from some record on with its head, or the whole state
directory put back from a copy (what was done since is forgotten then, and only the versions of the targets keep it from
being done again). Export the log elsewhere against that, and keep the directory to its owner.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sqlite3
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, NamedTuple

from lamplighter.core.canonical import canonical_json
from lamplighter.core.errors import LedgerError
from lamplighter.core.locking import exclusive
from lamplighter.core.redaction import redact, redact_value
from lamplighter.core.text import json_line

GENESIS = "0" * 64
_TEXTS = ("time", "actor", "action", "subject", "body", "prev_hash", "hash")
_SELECT = "SELECT seq, typeof(seq), " + ", ".join(
    f"CAST({name} AS BLOB), typeof({name})" for name in _TEXTS
)  # as bytes with their types: a damaged text need not be UTF-8, nor even a text


class AuditRecord(NamedTuple):
    """One link. `time` is ISO 8601 in UTC, `body` canonical JSON, the hashes are sha256 in hex."""

    seq: int
    time: str
    actor: str
    action: str
    subject: str
    body: str
    prev_hash: str
    hash: str

    @property
    def when(self) -> datetime:
        """Raises LedgerError where `time` is damaged."""
        try:
            return datetime.fromisoformat(self.time).astimezone(UTC)
        except ValueError as error:
            raise LedgerError(
                "audit log", f"record {self.seq} is damaged", "see `lamp audit verify`"
            ) from error


class AuditReport(NamedTuple):
    """What a verification found; `problem` is empty when all `records` chain and reach the anchored head."""

    records: int
    head: str
    anchored: int
    problem: str = ""

    @property
    def ok(self) -> bool:
        return not self.problem


class Head(NamedTuple):
    seq: int
    hash: str


class AuditLog:
    """Reads, verifies and extends the chain of one open ledger."""

    def __init__(self, connection: sqlite3.Connection, anchor: Path) -> None:
        self._connection = connection
        self._anchor = anchor

    def append(self, time: str, actor: str, action: str, subject: str, body: Mapping[str, Any]) -> None:
        """Adds a record inside the caller's open write transaction; raises LedgerError where the tail is not whole."""
        head = self._trusted_head()
        text = _storable(canonical_json(redact_value(body)).decode("utf-8", "surrogatepass"))
        values = (
            head.seq + 1,
            time,
            _storable(redact(actor)),
            action,
            _storable(redact(subject)),
            text,
            head.hash,
        )
        self._connection.execute(
            "INSERT INTO audit (seq, time, actor, action, subject, body, prev_hash, hash) VALUES (?,?,?,?,?,?,?,?)",
            (*values, _hash(values)),
        )

    def _trusted_head(self) -> Head:
        anchor = read_anchor(self._anchor)
        rows = self._rows(f"{_SELECT} FROM audit WHERE seq >= ? ORDER BY seq", (max(anchor.seq, 1),))
        head = Head(anchor.seq - 1, "") if anchor.seq else Head(0, GENESIS)
        for row in rows:
            record = _decode(row)
            intact = record is not None and record.seq == head.seq + 1 and record.hash == _hash(record[:7])
            chained = record is not None and head.hash in ("", record.prev_hash)
            if record is None or not intact or not chained:
                raise self._broken(f"record {head.seq + 1} is damaged")
            head = Head(record.seq, record.hash)
            if head.seq == anchor.seq and head.hash != anchor.hash:
                raise self._broken(f"record {head.seq} is not the one that was anchored")
        if head.seq < anchor.seq:
            raise self._broken(f"the records up to {anchor.seq} are not all there")
        return head

    def anchor(self) -> None:
        """Writes the committed head outside. The lock and the read inside it keep the head from going back."""
        with exclusive(self._anchor.with_name("audit.lock")):
            row = self._connection.execute("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
            if row is not None:
                write_anchor(self._anchor, Head(*row))

    def verify(self) -> AuditReport:
        """Walks the whole chain and compares it with the anchored head. Damage is reported, never raised."""
        try:
            anchor = read_anchor(self._anchor)
        except LedgerError as error:
            return AuditReport(0, GENESIS, 0, str(error))
        head = Head(0, GENESIS)
        at_anchor = GENESIS
        try:
            for row in self._rows(f"{_SELECT} FROM audit ORDER BY seq", ()):
                record = _decode(row)
                problem = _link_problem(record, head)
                if record is None or problem:
                    return AuditReport(head.seq, head.hash, anchor.seq, f"record {head.seq + 1}: {problem}")
                head = Head(record.seq, record.hash)
                at_anchor = record.hash if record.seq == anchor.seq else at_anchor
        except sqlite3.DatabaseError as error:
            return AuditReport(
                head.seq, head.hash, anchor.seq, f"unreadable after record {head.seq} ({error})"
            )
        problem = ""
        if head.seq < anchor.seq:
            problem = f"ends at record {head.seq}, {anchor.seq} were written: the tail is missing"
        elif anchor.hash != at_anchor:
            problem = f"record {anchor.seq} is not the one that was anchored"
        return AuditReport(head.seq, head.hash, anchor.seq, problem)

    def require_intact(self) -> None:
        """Raises LedgerError unless `verify` finds nothing."""
        report = self.verify()
        if not report.ok:
            raise self._broken(report.problem)

    def about(self, subject: str) -> list[AuditRecord]:
        """All records of `subject`, oldest first; they are what they were only where `verify` finds nothing."""
        return [
            self._readable(row)
            for row in self._rows(f"{_SELECT} FROM audit WHERE subject = ? ORDER BY seq", (subject,))
        ]

    def last(self, *actions: str) -> AuditRecord | None:
        """The last record of one of `actions`, or of all where none is named; None where there is none."""
        where = f"WHERE action IN ({','.join('?' * len(actions))})" if actions else ""
        rows = self._rows(f"{_SELECT} FROM audit {where} ORDER BY seq DESC LIMIT 1", actions)
        return next((self._readable(row) for row in rows), None)

    def tail(self, count: int = 20) -> list[AuditRecord]:
        """The last `count` records, oldest first."""
        rows = self._rows(f"{_SELECT} FROM audit ORDER BY seq DESC LIMIT ?", (max(count, 0),))
        return [self._readable(row) for row in rows][::-1]

    def export(self, stream: IO[str]) -> int:
        """Writes one JSON object a line, oldest first; returns how many."""
        count = 0
        for row in self._rows(f"{_SELECT} FROM audit ORDER BY seq", ()):
            fields = self._readable(row)._asdict()
            stream.write(json_line(json.dumps(fields, sort_keys=True)) + "\n")
            count += 1
        return count

    def _rows(self, query: str, values: tuple[int | str, ...]) -> Iterator[tuple[Any, ...]]:
        yield from self._connection.execute(query, values)

    def _readable(self, row: tuple[Any, ...]) -> AuditRecord:
        record = _decode(row)
        if record is None:
            raise self._broken("a record is damaged")
        return record

    def _broken(self, problem: str) -> LedgerError:
        return LedgerError(
            "audit log", problem, "see `lamp audit verify`; nothing is executed from this ledger"
        )


def _storable(text: str) -> str:
    """Bytes that are no UTF-8 come as lone surrogates, written as `\\udcff`, in JSON the escape of the same."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _decode(row: tuple[Any, ...]) -> AuditRecord | None:
    if row[1] != "integer" or any(kind != "text" for kind in row[3::2]):
        return None
    try:
        return AuditRecord(row[0], *(value.decode("utf-8") for value in row[2::2]))
    except UnicodeDecodeError:
        return None


def _link_problem(record: AuditRecord | None, before: Head) -> str:
    if record is None:
        return "a value is of a wrong type"
    if record.seq != before.seq + 1:
        return f"missing (the next one is {record.seq})"
    if record.prev_hash != before.hash:
        return "does not follow the one before"
    return "" if record.hash == _hash(record[:7]) else "was changed"


def _hash(values: tuple[Any, ...]) -> str:
    return hashlib.sha256(canonical_json(list(values))).hexdigest()


def read_anchor(path: Path) -> Head:
    """Raises LedgerError where the file is missing or is not one that `write_anchor` wrote."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LedgerError(
            str(path), f"the audit head cannot be read ({error})", "restore it from a backup"
        ) from error
    match = re.fullmatch(r"([0-9]{1,18}) ([0-9a-f]{64})\n", text)
    if match is None:
        raise LedgerError(str(path), "is not an audit head", "restore it from a backup")
    return Head(int(match[1]), match[2])


def write_anchor(path: Path, head: Head) -> None:
    """Replaces the file in one step; on disk when this returns."""
    draft = path.with_name(path.name + ".new")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(handle, f"{head.seq} {head.hash}\n".encode())
        os.fsync(handle)
    finally:
        os.close(handle)
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
