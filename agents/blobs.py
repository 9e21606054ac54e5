"""Large tool output, kept once by its content, so that the graph's state holds digests only.

A checkpoint copies the state at every step: what is in it is written to disk as often as there are steps.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from lamplighter.core.canonical import canonical_json, digest
from lamplighter.core.errors import LedgerError


class Blobs:
    """A table of JSON values in one SQLite file; safe for several processes. Raises LedgerError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with closing(self._connect()) as connection, connection:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS blobs (digest TEXT PRIMARY KEY, body BLOB NOT NULL)"
            )

    def put(self, value: Any) -> str:
        """Keeps a plain JSON value; returns its sha256 (hex). The same value is kept once."""
        key = digest(value)
        with closing(self._connect()) as connection, connection:
            connection.execute("INSERT OR IGNORE INTO blobs VALUES (?, ?)", (key, canonical_json(value)))
        return key

    def get(self, key: str) -> Any:
        """The value of a digest; raises LedgerError when it is gone or not what its digest says."""
        with closing(self._connect()) as connection:
            row = connection.execute("SELECT body FROM blobs WHERE digest = ?", (key,)).fetchone()
        value = json.loads(row[0]) if row else None
        if row is None or digest(value) != key:
            raise LedgerError(f"{self._path}: {key[:12]}", "is missing or damaged", "ask again")
        return value

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=30)
