"""What a check looked at and what it did not: every gap that may hide drift, said in one line each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lamplighter.core.ports import TraceFacts
from lamplighter.core.redaction import redact
from lamplighter.core.trace import Place, Span
from lamplighter.drift import reach
from lamplighter.drift.hcl.project import Project
from lamplighter.drift.intents import NOT_IN_CATALOGUE, Extraction, Uncatalogued
from lamplighter.drift.match import Matched
from lamplighter.drift.model import StateResource
from lamplighter.drift.reach import PlaceRead
from lamplighter.drift.suggest import Suggested

_LOCAL_PROVIDERS = frozenset({"aws", "null", "random", "local", "terraform", "tls", "time"})
"""Those that are checked, and those whose resources no cloud console can change."""


@dataclass(frozen=True)
class Coverage:
    """What the trace covers, and how its records fell. Times are ISO 8601, UTC, empty for an empty trace."""

    accounts: tuple[str, ...]
    regions: tuple[str, ...]
    first: str
    last: str
    counts: dict[str, int]
    applied: str = ""
    """The last call with which Terraform changed a resource of this state; empty where the trace has none."""
    places: tuple[PlaceRead, ...] = ()
    declared: tuple[Place, ...] = ()
    """What the user says the trace covers, with `*` for any; nothing proves it."""

    @property
    def window(self) -> Span:
        """The time that counts: since the state was last written, as far as the trace tells, to where the trace ends.

        Both empty where it tells nothing.
        """
        spans = [span for read in self.places for span in read.whole]
        first = self.first or min((span.since for span in spans), default="")
        return Span(self.applied or first, max([self.last, *(span.until for span in spans)]))


def coverage_of(
    trace: TraceFacts, extraction: Extraction, matched: Matched, trusted: Sequence[Place] = ()
) -> Coverage:
    counts = {
        "files": trace.counts.files,
        "events": trace.counts.events,
        "duplicate": trace.counts.duplicates,
        "malformed": trace.counts.malformed,
        "read-only": trace.counts.read_only,
        **extraction.counts,
    }
    return Coverage(
        accounts=tuple(redact(name) for name in sorted(trace.coverage.accounts)),
        regions=tuple(redact(name) for name in sorted(trace.coverage.regions)),
        first=trace.coverage.first,
        last=trace.coverage.last,
        counts=dict(sorted(counts.items())),
        applied=matched.applied,
        places=tuple(
            read._replace(place=Place(*(redact(name) for name in read.place)))
            for read in reach.places_read(trace.coverage)
        ),
        declared=tuple(trusted),
    )


def gaps(
    resources: Sequence[StateResource],
    project: Project,
    trace: TraceFacts,
    coverage: Coverage,
    *,
    asked: bool = False,
) -> Iterator[str]:
    """What may hide drift: each makes the answer incomplete. `asked`: Terraform told what is live."""
    yield from _claimed_twice(resources)
    yield from (str(error) for error in trace.problems)
    for name, source in project.remote:
        yield f"module {name}: its code {source} is not in this directory"
    for name, source in project.missing:
        yield f"module {name}: {source} holds no code that was read"
    if project.excess is not None:
        yield (
            f"{project.excess.file}:{project.excess.line}: too large or too costly to compute; where its value is"
            " wanted, the state's was used"
        )
    providers = {resource.type.partition("_")[0] for resource in resources}
    for name in () if asked else sorted(providers - _LOCAL_PROVIDERS):
        yield f"provider {name}: its resources are not checked"
    for name in sorted(project.assumed):
        # A state that was refreshed since holds the drift already, so that what is live agrees with it.
        yield f"the value of var.{name} is not in the files read; the state's was used"
    if not resources:
        yield "the state holds no managed resource: there was nothing to compare with"
    if trace.counts.events or trace.coverage.proven:
        wanted = reach.of_state(resources)
        yield from reach.unread(wanted, trace.coverage, coverage.declared)
        applied = bool(coverage.applied)
        yield from reach.holes(wanted, trace.coverage, coverage.window, since_applied=applied)
    else:
        yield "the trace is empty: no API call was looked at"


def unmapped(unknown: Sequence[Uncatalogued], hints: Sequence[Suggested]) -> Iterator[str]:
    """The calls that the catalogue does not know, each a gap, be there a suggestion of what it did or none."""
    by = {hint.call.event: hint.by for hint in hints}
    for item in unknown:
        known = f"mapped only as suggested by {by[item.event]}" if item.event in by else "unmapped"
        reason = f"{item.reason}, {known}" if item.reason == NOT_IN_CATALOGUE else item.reason
        yield f"{item.event.name} by {item.actor.name} at {item.event.time}: {reason} (event {item.event.event_id})"


def limits(
    matched: Matched,
    coverage: Coverage,
    trace: TraceFacts,
    extraction: Extraction,
    resources: Sequence[StateResource],
    *,
    asked: bool = False,
) -> Iterator[str]:
    """What this way of checking does not see at all, said each time. `asked`: Terraform told what is live."""
    if coverage.first and not matched.held:
        yield "no call of the trace is on a resource of this state: make sure that it is of the same account"
    if extraction.not_compared:
        yield f"{extraction.not_compared} calls by Terraform or AWS services that the catalogue does not know"
    yield from trace.limits
    for place in reach.vouched(reach.of_state(resources), trace.coverage, coverage.declared):
        where = "/".join(name or "*" for name in place)
        yield f"{where}: that the trace covers it is declared, not proven: it holds no event of it"
    if coverage.window.since and not matched.applied and not asked:
        yield (
            "the trace holds no apply of this state, so what changed before"
            f" {coverage.window.since} was not looked at"
        )
    if matched.outside:
        yield f"{matched.outside} changes to resources that this state does not hold"
    if matched.services:
        yield f"{matched.services} changes of managed resources that AWS services made themselves"
    if matched.ignored:
        yield f"{matched.ignored} changes that lifecycle.ignore_changes or ignore_tags tells Terraform not to look at"


def _claimed_twice(resources: Sequence[StateResource]) -> Iterator[str]:
    """Ids that two addresses of one type claim: which of them drifted cannot be told."""
    owners: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for resource in resources:
        identity, arn = resource.attributes.get("id"), str(resource.attributes.get("arn", ""))
        if isinstance(identity, str) and identity and "id" not in resource.sensitive:
            # A name may be taken once in each region and account.
            owners[resource.type, identity, arn].append(resource.address)
    for (_, identity, _), addresses in sorted(owners.items()):
        if len(addresses) > 1:
            yield f"{identity} is claimed by {' and '.join(sorted(addresses))}"
