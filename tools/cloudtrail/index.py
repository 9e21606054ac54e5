"""What was pulled from CloudTrail's event history, kept so that the same question is not asked twice.

One SQLite file an account. An interrupted pull leaves what it got: a window counts as there only as far as all its
pages came. Times are ISO 8601, UTC, whole seconds, so that they compare as text; windows are half open.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from lamplighter.core.errors import InputError
from lamplighter.core.text import printable
from lamplighter.core.trace import Span

_VERSION = 1
_SCHEMA = """
CREATE TABLE events (region TEXT, id TEXT, time TEXT, text BLOB, PRIMARY KEY (region, id)) WITHOUT ROWID;
CREATE INDEX events_by_time ON events (time);
CREATE TABLE windows (region TEXT, since TEXT, until TEXT);
"""


class Pulled(NamedTuple):
    """One event: its id, its time, and the record's JSON text."""

    id: str
    time: str
    text: str


class TraceIndex:
    """An open index; a context manager. Several processes may use one file."""

    def __init__(self, path: Path) -> None:
        """Makes file and folder, for this user only. Raises InputError when it cannot be used."""
        self.path = path
        with self._named():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600)
            self._db = sqlite3.connect(path, timeout=30, isolation_level=None)
        try:
            with self._named():
                self._prepare()
        except InputError:
            self._db.close()
            raise

    def _prepare(self) -> None:
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("BEGIN IMMEDIATE")
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version == 0:
            for statement in _SCHEMA.split(";"):
                self._db.execute(statement)
            self._db.execute(f"PRAGMA user_version = {_VERSION}")
        self._db.execute("COMMIT")
        if version not in (0, _VERSION):
            raise sqlite3.DatabaseError(f"version {version}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()

    def missing(self, region: str, wanted: Span) -> list[Span]:
        """The parts of a window that are not there, the latest first."""
        with self._named():
            gaps, start = [], wanted.since
            for since, until in self._windows(region):
                if until > start and since < wanted.until:
                    if since > start:
                        gaps.append(Span(start, since))
                    start = until
            if start < wanted.until:
                gaps.append(Span(start, wanted.until))
            return gaps[::-1]

    def add(self, region: str, events: Sequence[Pulled], whole: Span | None) -> None:
        """Keeps events, and that `whole` is there, in one step."""
        rows = [(region, event.id, event.time, zlib.compress(event.text.encode())) for event in events]
        with self._named():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._db.executemany("INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?)", rows)
                if whole is not None and whole.since < whole.until:
                    self._mark(region, whole)
                self._db.execute("COMMIT")
            except BaseException:  # an interrupt too: half a pull must not stay open in the transaction
                self._db.execute("ROLLBACK")
                raise

    def texts(self, regions: Iterable[str], wanted: Span) -> Iterator[bytes]:
        """The records' JSON texts, by time."""
        names = sorted(regions)
        marks = ", ".join("?" * len(names))
        query = (
            f"SELECT text FROM events WHERE time >= ? AND time < ? AND region IN ({marks}) ORDER BY time, id"  # noqa: S608 # question marks only
        )
        with self._named():
            for (packed,) in self._db.execute(query, (*wanted, *names)):
                yield zlib.decompress(packed)

    def _windows(self, region: str) -> list[Span]:
        query = "SELECT since, until FROM windows WHERE region = ? ORDER BY since"
        return [Span(*row) for row in self._db.execute(query, (region,))]

    def _mark(self, region: str, new: Span) -> None:
        touching = [old for old in self._windows(region) if old.since <= new.until and new.since <= old.until]
        for old in touching:
            self._db.execute("DELETE FROM windows WHERE region = ? AND since = ?", (region, old.since))
        since, until = min(old.since for old in (new, *touching)), max(old.until for old in (new, *touching))
        self._db.execute("INSERT INTO windows VALUES (?, ?, ?)", (region, since, until))

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, zlib.error) as error:
            problem = f"is no index of a trace that can be used ({printable(str(error), limit=80)})"
            raise InputError(printable(str(self.path)), problem, "delete it: it is pulled again") from error
        except OSError as error:
            problem = f"cannot be written ({error.strerror or type(error).__name__})"
            raise InputError(printable(str(self.path)), problem, "set state_dir to another folder") from error
