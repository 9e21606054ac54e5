"""An API trace, read once, as every root module that it bears on needs it: extracted, netted, in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields

from lamplighter.core.ports import TraceFacts, TraceSource
from lamplighter.core.trace import ReadCounts, TraceCoverage, TraceRead
from lamplighter.drift.catalogue import Catalogue
from lamplighter.drift.intents import Extraction, extract
from lamplighter.drift.model import NetChange
from lamplighter.drift.netting import net
from lamplighter.drift.sequences import Timeline
from lamplighter.drift.trace import Owners


@dataclass(frozen=True)
class Heard:
    """What a trace says, and what is told of the trace itself. Nothing in it is changed by a check."""

    facts: TraceFacts
    extraction: Extraction
    changes: Sequence[NetChange]
    timeline: Timeline


def hear(
    source: TraceSource,
    principals: Sequence[str] = (),
    *,
    keep_unknown: bool = False,
    known: Catalogue | None = None,
) -> Heard:
    """Reads the whole source. `principals` are globs over who may run Terraform; with none, anybody may. With
    `keep_unknown` records of calls that the catalogue does not know are kept, to be asked about. `known` is the
    catalogue, by default the whole one.

    Raises what the source raises.
    """
    owners = Owners(tuple(principals))
    extraction = extract(source.records(), owners, keep_unknown=keep_unknown, known=known)
    return _heard(source, extraction)


def together(parts: Sequence[Heard]) -> Heard:
    """Several traces as one; what is told of each is told of the whole."""
    if len(parts) == 1:
        return parts[0]
    whole = Extraction(counts=Counter[str]())
    for part in parts:
        whole.changes += part.extraction.changes
        whole.uncatalogued += part.extraction.uncatalogued
        whole.moments += part.extraction.moments
        whole.not_compared += part.extraction.not_compared
        whole.counts.update(part.extraction.counts)
        whole.records |= part.extraction.records
    return _heard(_facts([part.facts for part in parts]), whole)


def _heard(facts: TraceFacts, extraction: Extraction) -> Heard:
    return Heard(facts, extraction, net(extraction.changes), Timeline(extraction.moments))


def _facts(parts: Sequence[TraceFacts]) -> TraceRead:
    counts, coverage = ReadCounts(), TraceCoverage()
    for part in parts:
        for field in fields(ReadCounts):
            setattr(counts, field.name, getattr(counts, field.name) + getattr(part.counts, field.name))
        coverage.add_all({*part.coverage.places}, {part.coverage.first, part.coverage.last} - {""})
        for place, spans in part.coverage.proven.items():
            for span in spans:
                coverage.prove(place, span)
    problems = [problem for part in parts for problem in part.problems]
    limits = tuple(dict.fromkeys(limit for part in parts for limit in part.limits))
    return TraceRead(counts=counts, coverage=coverage, problems=problems, limits=limits)
