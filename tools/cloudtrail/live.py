"""CloudTrail's event history, asked directly: one pull for a window and a set of regions, kept in a local index.

The same question again makes no request, a longer window asks for the rest only. One thread asks the regions in turn,
each at most twice a second; LookupEvents answers with the newest event first, so every page makes a further part of
the window whole, and a pull that was stopped goes on where it was.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from lamplighter.core.errors import ConfigError, IncompleteInput, InputError, LampError, Refused, Unavailable
from lamplighter.core.locking import exclusive
from lamplighter.core.ports import Clock, SystemClock, TraceSource
from lamplighter.core.text import printable
from lamplighter.core.trace import Place, ReadCounts, Record, Span, TraceCoverage
from lamplighter.tools.cloudtrail.index import TraceIndex
from lamplighter.tools.cloudtrail.lookup import (
    HELD,
    PACE_S,
    Answer,
    BadToken,
    EveryRegion,
    Lookup,
    Throttled,
    gave_up,
    stamp,
)
from lamplighter.tools.cloudtrail.malformed import Malformed
from lamplighter.tools.cloudtrail.records import Sieve, wanted

_DELAYED = timedelta(minutes=15)
"""How late a call may appear, as AWS states it."""
_SETTLED = timedelta(hours=1)
"""What is younger is asked for again by the next pull: some calls come later than AWS states."""
_TRIES = {Throttled: 8, BadToken: 2, ConnectionError: 3}
"""How often one page is asked for, by what went wrong."""
_LONGEST_WAIT_S = 20.0
_ACCOUNT = re.compile(r"\d{12}", re.ASCII)
_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d+", re.ASCII)

_LIMITS = (
    "CloudTrail's event history was asked: management events that it marks as changes, of the last 90 days",
    "changes to IAM, CloudFront, Route 53 and other global services are in the history of us-east-1 only",
)


class LookupEvents:
    """The `TraceSource` of the event history of one account.

    `since` <= eventTime < `until`, ISO 8601 with a zone; no `until` is now. `regions`: that of the profile when empty.
    `account` is the one that is expected (12 digits): with other credentials nothing is asked. Without it, STS is asked
    whose they are. `state_dir` holds the index. Setting `stopped` ends the pull before its next request; `pace_s` is
    the least time between two requests to a region, in seconds.
    Raises InputError when `since` or `until` is no time, ConfigError when `account` or a region is none.
    """

    def __init__(
        self,
        lookup: Lookup,
        *,
        since: str,
        until: str = "",
        regions: Sequence[str] = (),
        account: str = "",
        state_dir: Path,
        clock: Clock | None = None,
        stopped: Event | None = None,
        pace_s: float = PACE_S,
    ) -> None:
        if account and not _ACCOUNT.fullmatch(account):
            raise ConfigError(
                "account", f"{printable(account, limit=40)} is no account id", "give its 12 digits"
            )
        for region in regions:
            if not _REGION.fullmatch(region):
                raise ConfigError(f"region {printable(region, limit=40)}", "is none", "write it as eu-west-1")
        self.problems: list[LampError] = []
        self.requests = 0
        """How many answers were asked of LookupEvents."""
        self._now = (clock or SystemClock()).now()
        self._wanted = wanted(since, until or stamp(self._now), (), ())
        if self._wanted.since >= self._wanted.until:
            raise InputError(f"since {self._wanted.since}", "is not before the end", "give an earlier time")
        self._lookup, self._account, self._state_dir = lookup, account, state_dir
        self._regions = tuple(dict.fromkeys(regions))
        self._stopped, self._pace_s = stopped or Event(), pace_s
        self._sieve = Sieve(self._wanted)

    @property
    def counts(self) -> ReadCounts:
        return self._sieve.counts

    @property
    def coverage(self) -> TraceCoverage:
        return self._sieve.coverage

    @property
    def limits(self) -> Sequence[str]:
        young = self._wanted.until > stamp(self._now - _DELAYED)
        return (*_LIMITS, *(["calls of the last 15 minutes may not be in the event history yet"] * young))

    def records(self) -> Iterator[Record]:
        """By time. What could not be pulled is named in `problems`, the rest is given all the same.

        Raises LampError when nothing could be pulled and nothing was there, and Refused for another account.
        """
        regions = self._regions or (self._lookup.default_region(),)
        span = Span(self._wanted.since, min(self._wanted.until, stamp(self._now)))
        account = self._account or self._lookup.account(regions[0])
        self._sieve.wanted = self._wanted._replace(accounts=frozenset({account}))
        with TraceIndex(self._state_dir / "trace" / f"cloudtrail-{account}.db") as index:
            whole = {region: span for region in regions if not index.missing(region, span)}
            if len(whole) < len(regions):
                with ExitStack() as locks:
                    # One for each region, always in this order, so that others may ask other regions meanwhile.
                    for region in sorted(regions):
                        locks.enter_context(
                            exclusive(index.path.with_name(f"{index.path.stem}-{region}.lock"))
                        )
                    whole |= self._pull(index, account, regions, span)
            if self.problems and not whole and not any(index.texts(regions, span)):
                raise self.problems[0]
            # What was asked is covered, whether or not anything happened there.
            for region, read in whole.items():
                self.coverage.prove(Place(account, region), read)
            yield from self._kept(index.texts(regions, span))

    def _pull(self, index: TraceIndex, account: str, regions: Sequence[str], span: Span) -> dict[str, Span]:
        """The regions of which all that was asked came, and the time over which it is whole."""
        held = stamp(self._now - HELD)
        pulls = [_Pull(region, gaps) for region in regions if (gaps := index.missing(region, span))]
        unheld = {pull.region: cut for pull in pulls if (cut := pull.cut_before(held))}
        if unheld:
            problem = (
                f"the event history holds 90 days: {min(unheld.values())} to {held} could not be asked for"
            )
            self.problems.append(
                IncompleteInput("cloudtrail", problem, "give the trail's files with --trace")
            )
        waiting = [pull for pull in pulls if pull.gaps]
        if waiting and self._is_expected(account, regions[0]):
            self._ask(index, waiting)
        for pull in pulls:
            if pull.gaps:
                problem = f"{pull.gaps[-1].since} to {pull.bound} was not read"
                remedy = "ask again: what came is kept"
                self.problems.append(IncompleteInput(f"cloudtrail in {pull.region}", problem, remedy))
        rest = Span(max(span.since, held), span.until)
        return {pull.region: rest if pull.region in unheld else span for pull in pulls if not pull.gaps}

    def _is_expected(self, account: str, region: str) -> bool:
        try:
            actual = self._lookup.account(region)
        except LampError as error:
            self.problems.append(error)
            return False
        if actual != account:
            problem = f"the credentials are of account {printable(actual, limit=40)}, so nothing was asked"
            raise Refused(f"account {account}", problem, "set aws_profile to credentials of the account")
        return True

    def _ask(self, index: TraceIndex, pulls: Sequence[_Pull]) -> None:
        """Page by page, whichever region may be asked first, until all are done or the caller stops it."""
        waiting = list(pulls)
        while waiting:
            pull = min(waiting, key=lambda pull: pull.ready_at)
            if self._stopped.wait(max(0.0, pull.ready_at - time.monotonic())):
                self.problems.append(IncompleteInput("cloudtrail", "the pull was stopped", "ask again"))
                return
            try:
                self._step(index, pull)
            except EveryRegion as error:
                self.problems.append(error)
                return
            except (ConfigError, Unavailable) as error:
                self.problems.append(error)
                waiting.remove(pull)
            else:
                if not pull.gaps:
                    waiting.remove(pull)

    def _step(self, index: TraceIndex, pull: _Pull) -> None:
        """One request; raises Unavailable or ConfigError to give the region up, InputError for the index."""
        pull.ready_at = time.monotonic() + self._pace_s
        self.requests += 1
        try:
            answer = self._lookup.page(pull.region, pull.gaps[0], pull.token)
        except (Throttled, BadToken, ConnectionError) as error:
            pull.failures += 1
            if pull.failures >= _TRIES[type(error)]:
                raise gave_up(error, pull.region) from error
            if isinstance(error, BadToken):
                pull.begin_again()
            # Random, so that several who were throttled at once do not come back at once.
            longest = min(_LONGEST_WAIT_S, self._pace_s * 2**pull.failures)
            pull.ready_at += longest * (1 + secrets.randbelow(1000) / 1000) / 2
            return
        pull.failures = 0
        settled = stamp(self._now - _SETTLED)
        whole = pull.take(answer)
        index.add(pull.region, answer.events, Span(whole.since, min(whole.until, settled)))

    def _kept(self, texts: Iterator[bytes]) -> Iterator[Record]:
        bad, first = 0, ""
        for text in texts:
            try:
                record = self._sieve.take(text)
            except Malformed as error:
                bad, first = bad + 1, first or str(error)
                continue
            if record is not None:
                yield record
        others = ", ".join(sorted(self._sieve.other_accounts)[:3])
        left_out = [
            (bad, f"{bad} malformed records were left out, the first {first}"),
            (others, f"records of other accounts ({others}) were left out"),
            (self._sieve.no_account, f"{self._sieve.no_account} records name no account and were left out"),
        ]
        for happened, problem in left_out:
            if happened:
                self.problems.append(IncompleteInput("cloudtrail", printable(problem), "give --trace"))


class _Pull:
    """The pull of one region: the windows that are missing, the latest first, and where it stands in the first."""

    def __init__(self, region: str, gaps: Sequence[Span]) -> None:
        self.region = region
        self.gaps = list(gaps)
        self.ready_at = 0.0
        """By time.monotonic, in seconds."""
        self.failures = 0
        self._open()

    def _open(self) -> None:
        self.token = ""
        self.bound = self.gaps[0].until if self.gaps else ""
        """From here on the first window is there."""
        self._ordered = True
        self._oldest = self.bound

    def cut_before(self, held: str) -> str:
        """Drops what is older than `held`; returns where that began, or nothing."""
        older = [gap.since for gap in self.gaps if gap.since < held]
        self.gaps = [Span(max(gap.since, held), gap.until) for gap in self.gaps if gap.until > held]
        self._open()
        return min(older, default="")

    def begin_again(self) -> None:
        """The rest of the first window, as a question of its own."""
        since = self.gaps.pop(0).since
        if since < self.bound:
            self.gaps.insert(0, Span(since, self.bound))
        self._open()

    def take(self, answer: Answer) -> Span:
        """One page -> the part of the window that is whole with it. Raises Unavailable for a token that repeats."""
        gap = self.gaps[0]
        if not answer.token:
            self.gaps.pop(0)
            self._open()
            return gap
        if answer.token == self.token:
            raise gave_up(BadToken(), self.region)
        self.token = answer.token
        for event in answer.events:
            self._ordered &= event.time <= self._oldest
            self._oldest = event.time
        if self._ordered and answer.events:
            # More of the oldest second may stand on the next page.
            self.bound = max(gap.since, min(self.bound, _next_second(self._oldest)))
        return Span(self.bound, gap.until)


def _next_second(moment: str) -> str:
    return stamp(datetime.fromisoformat(moment) + timedelta(seconds=1))


if TYPE_CHECKING:
    _SOURCE: type[TraceSource] = LookupEvents
