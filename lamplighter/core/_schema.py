"""The ledger's tables, version by version, and the opening of a file of any of them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from lamplighter.core.audit import GENESIS, Head, read_anchor, write_anchor
from lamplighter.core.errors import LedgerError

_FIRST = """
CREATE TABLE plans (digest TEXT PRIMARY KEY, body TEXT NOT NULL, saved_at TEXT NOT NULL);
CREATE TABLE approvals (
    id TEXT PRIMARY KEY,
    digest TEXT NOT NULL REFERENCES plans (digest),
    state TEXT NOT NULL CHECK (state IN ('pending', 'approved', 'denied', 'expired', 'spent')),
    requested_by TEXT NOT NULL,
    channel TEXT NOT NULL,
    policy_version TEXT NOT NULL,
    requested_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    approver TEXT,
    decided_at TEXT
);
CREATE UNIQUE INDEX one_open_approval ON approvals (digest) WHERE state IN ('pending', 'approved');
CREATE TABLE steps (
    claim TEXT PRIMARY KEY,
    approval_id TEXT NOT NULL REFERENCES approvals (id),
    step_id TEXT NOT NULL,
    claimed_at TEXT NOT NULL,
    outcome TEXT CHECK (outcome IN ('done', 'failed', 'refused', 'unknown')),
    detail TEXT NOT NULL DEFAULT '',
    undo TEXT,
    recorded_at TEXT,
    UNIQUE (approval_id, step_id)
);
CREATE TABLE freezes (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    by TEXT NOT NULL,
    reason TEXT NOT NULL,
    since TEXT NOT NULL
);
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY,
    time TEXT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    prev_hash TEXT NOT NULL,
    hash TEXT NOT NULL
);
"""
_VERIFICATION = """
ALTER TABLE steps ADD COLUMN verified INTEGER CHECK (verified IN (0, 1));
ALTER TABLE steps ADD COLUMN seen TEXT NOT NULL DEFAULT '';
ALTER TABLE steps ADD COLUMN verified_at TEXT;
"""
# The audit log alone says whether there is a freeze. A program that would look for it here must not open the file.
_FREEZE = "DROP TABLE freezes;\n"

MIGRATIONS = (_FIRST, _VERIFICATION, _FREEZE)
"""The n-th brings a file of version n - 1 to version n; one that was ever released is never changed."""

VERSION = len(MIGRATIONS)


def connect(path: Path) -> sqlite3.Connection:
    """Opens the file and brings it to VERSION, whole or not at all. The caller holds the ledger's lock.

    Raises LedgerError where the file is of a later version, or is empty while its audit head is not.
    """
    connection = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
    try:
        _prepare(path, connection)
    except BaseException:  # reason: also on Ctrl-C the handle is given back; what was raised goes on
        connection.close()
        raise
    return connection


def _prepare(path: Path, connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA busy_timeout = 30000")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == VERSION:
        return
    if not 0 <= version < VERSION:
        raise LedgerError(
            str(path), f"has version {version}, this program writes {VERSION}", "use the newer lamp"
        )
    if version == 0:
        _begin_audit(path)
    missing = "".join(MIGRATIONS[version:])
    connection.executescript(f"BEGIN IMMEDIATE; {missing} PRAGMA user_version = {VERSION}; COMMIT;")


def _begin_audit(path: Path) -> None:
    anchor = path.with_name("audit.head")
    if anchor.exists() and read_anchor(anchor).seq:
        raise LedgerError(
            str(path), "is empty, but its audit head is not", "restore the ledger from a backup"
        )
    write_anchor(anchor, Head(0, GENESIS))
