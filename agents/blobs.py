"""Large tool output, kept once by its content, so that the graph's state holds digests only.

A checkpoint copies the state at every step: what is in it is written to disk as often as there are steps.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from lamplighter.core.canonical import canonical_json, digest
from lamplighter.core.errors import LedgerError


class Blobs:
    """A table of JSON values in one SQLite file; safe for several processes. Raises LedgerError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._connected() as connection:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS blobs (digest TEXT PRIMARY KEY, body BLOB NOT NULL)"
            )

    def put(self, value: Any) -> str:
        """Keeps a plain JSON value; returns its sha256 (hex). The same value is kept once."""
        key = digest(value)
        with self._connected() as connection:
            connection.execute("INSERT OR IGNORE INTO blobs VALUES (?, ?)", (key, canonical_json(value)))
        return key

    def get(self, key: str) -> Any:
        """The value of a digest; raises LedgerError when it is gone or not what its digest says."""
        with self._connected() as connection:
            row = connection.execute("SELECT body FROM blobs WHERE digest = ?", (key,)).fetchone()
        try:
            value = json.loads(row[0]) if row else None
        except ValueError:
            value = None
        if row is None or digest(value) != key:
            raise LedgerError(f"{self._path}: {key[:12]}", "is missing or damaged", "ask again")
        return value

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        """One transaction."""
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with closing(sqlite3.connect(self._path, timeout=30)) as connection, connection:
                yield connection
        except (sqlite3.Error, OSError) as error:
            raise unusable(self._path, error) from error


def unusable(path: Path, error: Exception) -> LedgerError:
    """What is said of a file of conversations (nothing that was decided or done is in it) that is damaged or closed."""
    return LedgerError(
        str(path),
        f"cannot be used ({error})",
        "check its rights, or move it away: the next question makes a new one",
    )
