"""What a trace reaches: the accounts and regions of a state, and over what time the trace of each was read.

A place of which the trace holds an event was read, as far as files tell. One with no event was read only where a source
proves it (CloudTrail's digests, a query that asked for it) or where the user says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

from lamplighter.core.errors import ConfigError
from lamplighter.core.text import printable
from lamplighter.core.trace import Place, Span, TraceCoverage
from lamplighter.drift.model import StateResource
from lamplighter.drift.places import GLOBAL, HOME

_PATTERN = re.compile(r"(\d{12}|\*)/([a-z]{2,}(?:-[a-z]+)+-\d+|\*)", re.ASCII)
_SKEW = timedelta(minutes=90)
"""By how much places that were read to the end may differ: each has digests of an hour, at a minute of its own, that
come some minutes after."""


class PlaceRead(NamedTuple):
    """A place that the trace speaks of. `whole` is when it was read whole, in order; empty where nothing proves it."""

    place: Place
    events: bool
    whole: tuple[Span, ...]


def places_read(coverage: TraceCoverage) -> tuple[PlaceRead, ...]:
    """In order of account and region."""
    return tuple(
        PlaceRead(place, place in coverage.places, tuple(coverage.proven.get(place, ())))
        for place in sorted(coverage.places | coverage.proven.keys())
    )


def declared(patterns: Iterable[str]) -> tuple[Place, ...]:
    """`ACCOUNT/REGION`, each of which may be `*` -> places with `*` in them. Raises ConfigError."""
    found: list[Place] = []
    for pattern in patterns:
        match = _PATTERN.fullmatch(pattern)
        if match is None:
            subject = f"covers {printable(pattern, limit=60)}"
            raise ConfigError(
                subject, "is no ACCOUNT/REGION", "write it as 123456789012/eu-west-1, or with *"
            )
        found.append(Place(match[1], match[2]))
    return tuple(found)


def of_state(resources: Sequence[StateResource]) -> set[Place]:
    """Where the resources are, by their ARNs; an account or a region that they do not tell is empty."""
    found: set[Place] = set()
    for resource in resources:
        parts = str(resource.attributes.get("arn", "")).split(":", 5)
        if len(parts) == 6:
            _, partition, service, region, account, _ = parts
            region = region or (HOME.get(partition, "") if service in GLOBAL else "")
            found.add(Place(account if account.isdigit() else "", region))
        # An S3 ARN names neither account nor region.
        stated: Any = resource.attributes.get("region")
        if isinstance(stated, str) and stated:
            found.add(Place("", stated))
    return found - {Place("", "")}


def unread(wanted: Iterable[Place], coverage: TraceCoverage, trusted: Sequence[Place]) -> Iterator[str]:
    """The places of which nothing was read and that nobody vouches for, in one line each."""
    silent = [place for place in wanted if not _is_read(place, coverage) and not covers(place, trusted)]
    accounts = {account for account, _ in silent if account} - coverage.accounts
    regions = {region for _, region in silent if region} - coverage.regions
    yield from (f"account {name}: the trace holds no event of it" for name in sorted(accounts))
    yield from (f"region {name}: the trace holds no event of it" for name in sorted(regions))
    for account, region in sorted(silent):
        if account not in accounts and region not in regions:
            yield f"account {account} in region {region}: the trace holds no event of it"


def vouched(wanted: Iterable[Place], coverage: TraceCoverage, trusted: Sequence[Place]) -> tuple[Place, ...]:
    """The places that count as read only because the user says so."""
    return tuple(
        place for place in sorted(wanted) if not _is_read(place, coverage) and covers(place, trusted)
    )


def covers(place: Place, trusted: Sequence[Place]) -> bool:
    """Whether one of the declared places takes this one in; what a place does not tell any of them may be."""
    return any(
        pattern.account in ("*", place.account or pattern.account)
        and pattern.region in ("*", place.region or pattern.region)
        for pattern in trusted
    )


def holes(
    wanted: Iterable[Place], coverage: TraceCoverage, window: Span, *, since_applied: bool
) -> Iterator[str]:
    """What is left out, within the window, of places that were read whole for a time.

    A place without any event was read only then, so it is held to the whole window: to its start where that is when
    the state was written, else within `_SKEW`, as at the end.
    """
    silent = {place for place in coverage.proven if place not in coverage.places}
    needed = {place for place in silent if any(_same(place, other) for other in wanted)}
    for place, spans in sorted(coverage.proven.items()):
        missing = [Span(one.until, other.since) for one, other in pairwise(spans)]
        if place in needed:
            start, end = spans[0].since, spans[-1].until
            if _after(start, window.since, timedelta() if since_applied else _SKEW):
                missing.insert(0, Span(window.since, start))
            if _after(window.until, end, _SKEW):
                missing.append(Span(end, window.until))
        inside = [gap for gap in missing if gap.until > window.since and gap.since < window.until]
        if inside:
            more = f", and {len(inside) - 1} more times" if len(inside) > 1 else ""
            yield (
                f"account {place.account} in region {place.region}: nothing proves that the trace is whole"
                f" from {max(inside[0].since, window.since)} to {inside[0].until}{more}"
            )


def _is_read(place: Place, coverage: TraceCoverage) -> bool:
    if not place.region:
        return place.account in coverage.accounts
    return any(_same(known, place) for known in (*coverage.places, *coverage.proven))


def _same(known: Place, place: Place) -> bool:
    """Records and ARNs that name no account may be of any."""
    return known.region == place.region and (
        not known.account or not place.account or known.account == place.account
    )


def _after(later: str, earlier: str, by: timedelta) -> bool:
    return datetime.fromisoformat(later) - datetime.fromisoformat(earlier) > by
