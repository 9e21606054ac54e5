"""Trace records -> changes of attributes, by the catalogue; what the catalogue does not know is kept aside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, NamedTuple

from lamplighter.drift import catalogue
from lamplighter.drift.catalogue.transforms import lookup
from lamplighter.drift.model import Actor, Change, EventRef, Origin
from lamplighter.drift.sequences import Moment, mentions
from lamplighter.drift.trace import ANYONE, Owners, actor_of, classify
from lamplighter.drift.values import HIDDEN, shallow

_HIDDEN = frozenset({"HIDDEN_DUE_TO_SECURITY_REASONS", "<sensitiveDataRemoved>"})
"""What CloudTrail writes in place of a value that it keeps out of the log."""


NOT_IN_CATALOGUE = "not in the catalogue"


KEPT = 5_000
"""Records; about 3 kB each."""


class Uncatalogued(NamedTuple):
    """A call that changed something unknown to the catalogue: shown as not checked, never dropped."""

    event: EventRef
    actor: Actor
    reason: str
    record: Mapping[str, Any] | None = None
    """Kept only where somebody is to be asked about it."""


@dataclass
class Extraction:
    """All changes of a trace, and how many records fell to each reason."""

    changes: list[Change] = field(default_factory=list[Change])
    uncatalogued: list[Uncatalogued] = field(default_factory=list[Uncatalogued])
    moments: list[Moment] = field(default_factory=list[Moment])
    """Every call by people and automation, those that change no configuration too."""
    not_compared: int = 0
    """Calls by Terraform and services of which the catalogue does not know all."""
    counts: Counter[str] = field(default_factory=Counter[str])
    records: dict[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    """Of what people and automation changed, by event id, the first `KEPT` of them: they tell what a thing was made
    with."""


def extract(
    records: Iterable[Mapping[str, Any]],
    owners: Owners = ANYONE,
    *,
    keep_unknown: bool = False,
    known: catalogue.Catalogue | None = None,
) -> Extraction:
    """Records (already checked for their types) in any order -> changes, in the same order. Kept are the first of what
    people and automation changed, and those of calls that the catalogue does not know where `keep_unknown` is set.

    Of Terraform's own and the services' calls the changes are taken as far as the catalogue knows them; only what
    people and automation did and the catalogue does not know is kept aside. Calls that put an earlier version of
    something in force come last, since what that version says may be told anywhere in the trace. `known` is the
    catalogue, by default the whole one.
    """
    known = known or catalogue.load()
    found = Extraction()
    versions: list[Mapping[str, Any]] = []
    referring: list[tuple[Mapping[str, Any], str, Origin]] = []
    for record in records:
        origin = classify(record, owners).origin
        found.counts[origin.value] += 1
        if origin.changes_nothing:
            continue
        name = name_of(record)
        if origin.outside:
            found.moments.append(Moment(_reference(record, name), actor_of(record), mentions(record)))
        if known.remembers(record, name):
            versions.append(record)
        if known.refers(name):
            referring.append((record, name, origin))
        elif name in known.ignored:
            found.counts["no configuration"] += origin.outside
        else:
            _take(record, name, origin, known, (), found, keep_unknown)
    for record, name, origin in referring:
        _take(record, name, origin, known, versions, found, keep_unknown)
    return found


def _take(
    record: Mapping[str, Any],
    name: str,
    origin: Origin,
    known: catalogue.Catalogue,
    versions: Sequence[Mapping[str, Any]],
    found: Extraction,
    keep_unknown: bool,
) -> None:
    changes = changes_of(record, name, origin, known, versions)
    found.changes.extend(changes)
    if origin.outside and changes and len(found.records) < KEPT:
        found.records[str(record.get("eventID", ""))] = record
    reason = _gap(record, name, known, bool(changes))
    if reason and not origin.outside:
        found.not_compared += 1
    elif reason:
        kept = record if keep_unknown and reason == NOT_IN_CATALOGUE else None
        found.uncatalogued.append(Uncatalogued(_reference(record, name), actor_of(record), reason, kept))


def changes_of(
    record: Mapping[str, Any],
    name: str,
    origin: Origin,
    known: catalogue.Catalogue,
    versions: Sequence[Mapping[str, Any]] = (),
) -> list[Change]:
    """What a catalogue says that one call did."""
    readings = [item for item in known.read(record, name, versions) if _complete(item.record, item.event)]
    return [change for item in readings for change in _changes(item.record, item.event, origin)]


def name_of(record: Mapping[str, Any]) -> str:
    """`service:EventName`, by which the catalogue knows a call."""
    return f"{record['eventSource'].removesuffix('.amazonaws.com')}:{record['eventName']}"


def _gap(record: Mapping[str, Any], name: str, known: catalogue.Catalogue, changes: bool) -> str:
    """What of the call the catalogue does not account for; empty when it accounts for all of it."""
    if name not in known.events:
        return NOT_IN_CATALOGUE
    if not changes and not known.remembers(record, name):
        return "its parameters name no resource or value"
    unknown = known.unknown_parameters(name, record.get("requestParameters"))
    return f"parameters that are not in the catalogue: {', '.join(unknown)}" if unknown else ""


def _reference(record: Mapping[str, Any], name: str) -> EventRef:
    return EventRef(str(record.get("eventID", "")), name, record["eventTime"])


def _changes(record: Mapping[str, Any], event: catalogue.Event, origin: Origin) -> Iterator[Change]:
    for identity in _identities(record, event.identity):
        for effect in event.effects:
            for attribute, value in _values(record, effect):
                yield Change(
                    event=_reference(record, event.name),
                    actor=actor_of(record),
                    account=str(record.get("recipientAccountId", "")),
                    region=record["awsRegion"],
                    resource_types=event.types,
                    identity=identity,
                    action=effect.action,
                    attribute=attribute,
                    value=value,
                    origin=origin,
                    upsert=event.upsert,
                )


def _identities(record: Mapping[str, Any], paths: Mapping[str, str]) -> Iterator[dict[str, str]]:
    choices: list[list[str]] = []
    for path in paths.values():
        value = lookup(record, path)
        several = value if isinstance(value, list) else [value]
        choices.append([item for item in several if isinstance(item, str) and item])
    for combination in product(*choices):
        yield dict(zip(paths, combination, strict=True))


def _complete(record: Mapping[str, Any], event: catalogue.Event) -> bool:
    """Whether the record says all that the call must say; half of it would pass for the whole change."""
    return all(
        effect.optional or not effect.value or _value(record, effect) is not None for effect in event.effects
    )


def _value(record: Mapping[str, Any], effect: catalogue.Effect) -> Any:
    value = lookup(record, effect.value)
    return HIDDEN if isinstance(value, str) and value in _HIDDEN else shallow(value)


def _values(record: Mapping[str, Any], effect: catalogue.Effect) -> Iterator[tuple[str, Any]]:
    if not effect.value:
        yield effect.attribute, effect.constant
        return
    value = _value(record, effect)
    if value is None:
        return
    if effect.spread and isinstance(value, Mapping):
        for key, item in value.items():
            yield f"{effect.attribute}.{key}", item
    elif effect.action in ("add", "remove") and isinstance(value, list):
        for item in value:
            yield effect.attribute, item
    else:
        yield effect.attribute, value
