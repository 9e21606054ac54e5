"""CloudTrail out of files: the trace source that needs no network."""

from __future__ import annotations

import csv
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from lamplighter.core.errors import InputError, LampError
from lamplighter.core.ports import TraceSource
from lamplighter.core.text import printable
from lamplighter.core.trace import ReadCounts, Record, TraceCoverage, TraceRead
from lamplighter.tools._json_documents import MAX_DOCUMENT, bad, documents, keep_freed_memory, text_lines
from lamplighter.tools.cloudtrail import forms, pages, rows
from lamplighter.tools.cloudtrail.digests import LIMIT, Digests
from lamplighter.tools.cloudtrail.malformed import Malformed
from lamplighter.tools.cloudtrail.records import Sieve, wanted
from lamplighter.tools.cloudtrail.walk import TraceWalk


class TraceFiles:
    """The `TraceSource` of files and directories; a directory gives its trace files, in any depth.

    `since` <= eventTime < `until`, ISO 8601 with a zone; empty means no limit, as does no region and no account. Of
    global services the region is the one in the record. `accounts` are those whose records are believed: records of
    others, or of none, are left out, of `coverage` too. `max_document` is in bytes after decompression.
    Raises InputError when `since` or `until` is no time.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        since: str = "",
        until: str = "",
        regions: Sequence[str] = (),
        accounts: Sequence[str] = (),
        max_document: int = MAX_DOCUMENT,
    ) -> None:
        self.problems: list[LampError] = []
        self.limits: tuple[str, ...] = ()
        self._paths = paths
        self._sieve = Sieve(wanted(since, until, regions, accounts))
        self._max_document = max_document
        self._pages: list[pages.Page] = []
        self._digests = Digests(self.coverage, self._sieve.wanted, self.problems)

    @property
    def counts(self) -> ReadCounts:
        return self._sieve.counts

    @property
    def coverage(self) -> TraceCoverage:
        return self._sieve.coverage

    def records(self) -> Iterator[Record]:
        """In the order of the files. A file that cannot be read is named in `problems`; digests are read first.

        Raises InputError when no file could be read at all.
        """
        keep_freed_memory()
        self._digests.read(self._paths)
        good = self._digests.found
        if good:
            self.limits = (LIMIT,)
        for path in TraceWalk(self.problems).files(self._paths):
            good += yield from self._file(path)
        self.problems += pages.unfollowed(self._pages)
        self.problems += self._digests.problems()
        self.problems += self._account_problems()
        if not good:
            if self.problems:
                raise self.problems[0]
            raise InputError("--trace", "no trace file was given", "name CloudTrail files or directories")

    def _file(self, path: Path) -> Generator[Record, None, bool]:
        """Returns whether the file gave something that could be used, if only that it holds no record."""
        tally = _Tally(self._sieve.take)
        before = self.counts.events - self.counts.malformed
        problems = len(self.problems)
        try:
            yield from tally.taken(self._items(path))
            self.counts.files += 1
        except InputError as error:
            self.problems.append(error)
        if tally.bad:
            self.problems.append(tally.problem(path))
        return len(self.problems) == problems or self.counts.events - self.counts.malformed > before

    def _items(self, path: Path) -> Iterator[tuple[int, Any]]:
        """(index, item) of what stands where a record should, less what is plainly read-only."""
        if path.name.lower().removesuffix(".gz").endswith(".csv"):
            yield from enumerate(_csv_rows(path, self._max_document))
            return
        start, parse = 0, self._digests.parser(path)
        for line, document in documents(path, max_document=self._max_document, parse=parse):
            items = forms.items(document, line=bool(line))
            if items is None:
                raise bad(path, "holds no CloudTrail records", 'give {"Records": [...]} or JSON lines')
            rest = self._sieve.skim(items) if isinstance(document, forms.Split) else enumerate(items)
            yield from ((start + index, item) for index, item in rest)
            start += len(items)
            page = pages.page_of(path, document)
            if page is not None:
                self._pages.append(page)

    def _account_problems(self) -> Iterator[InputError]:
        sieve = self._sieve
        for account in sorted(sieve.wanted.accounts - sieve.coverage.accounts):
            others = ", ".join(printable(name, limit=40) for name in sorted(sieve.other_accounts)[:3])
            holds = f"holds no event of it, but of {others}" if others else "holds no event of it"
            yield InputError(
                f"account {printable(account, limit=40)}", holds, "give the trace of this account"
            )
        if sieve.no_account:
            problem = f"{sieve.no_account} changes name no recipientAccountId, and were left out"
            yield InputError("--trace", problem, "give records as CloudTrail wrote them")


class _Tally:
    """How the items of one file fell, and the first that was malformed."""

    def __init__(self, take: Callable[[object], Record | None]) -> None:
        self.take = take
        self.bad = 0
        self.first_bad = ""

    def taken(self, items: Iterable[tuple[int, Any]]) -> Iterator[Record]:
        for index, item in items:
            try:
                record = self.take(item)
            except Malformed as error:
                self.bad += 1
                self.first_bad = self.first_bad or f"record {index}: {error}"
                continue
            if record is not None:
                yield record

    def problem(self, path: Path) -> InputError:
        such = f"{self.bad} such record{'s' if self.bad > 1 else ''}"
        remedy = "give records as CloudTrail wrote them"
        return bad(path, f"{self.first_bad} ({such} left out)", remedy)


def _csv_rows(path: Path, max_line: int) -> Iterator[Any]:
    # The limit is one for the whole process, and 128 KiB unless raised; a request may well be longer.
    csv.field_size_limit(max(csv.field_size_limit(), max_line))
    reader = csv.reader(text_lines(path, max_line=max_line), strict=True)
    try:
        header = next(reader, [])
        missing = rows.missing_columns(header)
        if missing:
            problem = f"has no column {', '.join(missing)}, so its rows cannot be judged"
            raise bad(path, problem, "select eventJson, or all columns of the record")
        yield from rows.rows_of(header, reader)
    except csv.Error as error:
        raise bad(path, f"line {reader.line_num} is no CSV ({error})", "export it again") from error


def read_trace(
    paths: Sequence[Path],
    *,
    since: str = "",
    until: str = "",
    regions: Sequence[str] = (),
    accounts: Sequence[str] = (),
    max_document: int = MAX_DOCUMENT,
) -> TraceRead:
    """All records of `TraceFiles` at once; raises InputError as it does."""
    source = TraceFiles(
        paths, since=since, until=until, regions=regions, accounts=accounts, max_document=max_document
    )
    return read_all(source)


def read_all(source: TraceSource) -> TraceRead:
    """A whole source in memory; raises what its `records` raises. Whoever can, reads `records` one by one."""
    records = list(source.records())
    return TraceRead(records, source.counts, source.coverage, list(source.problems), tuple(source.limits))
