"""What may be known of a call that the catalogue does not know: asked of memory, then of a model, and never believed.

What is asked is the call reduced to its name and to the names and types of its parameters; no value leaves this module.
An answer counts only where it fits the record and the state: the parameter that names the resource must name exactly
one that the state holds, by an attribute of that type, and what it is said to set must be an attribute of it. What
comes of it is a suggestion of half the confidence at most, and the call stays a gap: whoever answered may be wrong.
What a model said is kept only where the cloud was asked and is as it said.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Literal, NamedTuple, TypeAlias, assert_never

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lamplighter.core.errors import LampError
from lamplighter.core.ports import AskModel, Recall, Remember
from lamplighter.core.redaction import redact
from lamplighter.core.text import printable
from lamplighter.drift.asking import Asking
from lamplighter.drift.catalogue.transforms import plain
from lamplighter.drift.compare import Baseline
from lamplighter.drift.entries import Proposed, proposed
from lamplighter.drift.intents import NOT_IN_CATALOGUE, Uncatalogued
from lamplighter.drift.match import match
from lamplighter.drift.model import Change, DriftItem, Origin, StateResource
from lamplighter.drift.netting import net
from lamplighter.drift.state import StateIndex
from lamplighter.drift.values import same

CONFIDENCE = 0.5
"""The most that a suggested drift has."""

_CALLS = 50
"""How many calls of a trace are asked about; a hostile one may hold any number."""
_PARAMETERS = 40
_QUESTIONS = 12
"""How many parameters of one call a model is asked about."""
_REMEMBERED = 5
_ATTEMPTS = 2
"""Answers about one call; the second is asked for with what was wrong with the first."""
_DEPTH = 6
_NONE = "none of these"

Kind = Literal["text", "number", "boolean", "list"]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class SuggestedEffect(_Model):
    """A parameter, by its path in the record, and the attribute that it sets."""

    attribute: str = Field(min_length=1, max_length=100)
    value: str = Field(min_length=1, max_length=300)


class Suggestion(_Model):
    """What a call is said to mean: `identity` is state attribute = path in the record, as in the catalogue."""

    event: str
    resource_type: str
    identity: dict[str, str] = Field(min_length=1, max_length=4)
    effects: tuple[SuggestedEffect, ...] = Field(min_length=1, max_length=_PARAMETERS, strict=False)


Meaning: TypeAlias = Suggestion | Proposed
"""What a call is said to mean, apart from any record of it: as forced choices tell it, or as a catalogue entry does."""


class Suggested(NamedTuple):
    """Changes that somebody suggests a call to have made; `by` is who, for people."""

    call: Uncatalogued
    by: str
    changes: tuple[Change, ...]
    meaning: Meaning


def suggested(
    unknown: Sequence[Uncatalogued],
    state: StateIndex,
    recall: Recall | None,
    ask_model: AskModel | None,
    asking: Asking | None = None,
) -> list[Suggested]:
    """Memory is asked first, a model where memory knows nothing that fits: for an entry where `asking` is served, else
    by forced choices. A port that fails is asked no more.
    """
    found: list[Suggested] = []
    heard: list[Meaning] = []
    tried: set[str] = set()
    asked = [item for item in unknown if item.reason == NOT_IN_CATALOGUE and item.record][:_CALLS]
    for item in asked if recall or ask_model or asking else ():
        call = _Call(item, state)
        try:
            by, meaning = "memory", call.remembered(recall) if recall else None
            if meaning is None:
                # The same call again means the same, where that fits it.
                by, meaning = "a model", call.fitting(heard)
            if meaning is None and asking is not None and item.event.name not in tried:
                tried.add(item.event.name)
                meaning = call.proposed(asking)
            if meaning is None and ask_model:
                meaning = call.chosen(ask_model)
        except LampError:
            break
        if meaning is not None:
            heard += [meaning] if by != "memory" else []
            found.append(Suggested(item, by, call.changes(meaning), meaning))
    return found


def uncertain(
    hints: Sequence[Suggested], baseline: Baseline, found: Sequence[DriftItem]
) -> Iterator[DriftItem]:
    """The drift that suggested changes would be, where nothing certain is known of the same attribute."""
    certain = {(item.address, item.attribute) for item in found}
    for hint in hints:
        for item in match(net(hint.changes), baseline).items:
            if item.address is not None and (item.address, item.attribute) not in certain:
                confidence = min(item.confidence, CONFIDENCE)
                yield replace(item, confidence=confidence, suggested_by=hint.by)


def remember_confirmed(
    hints: Sequence[Suggested], certain: Sequence[DriftItem], baseline: Baseline, remember: Remember
) -> None:
    """Keeps what a model said of a call where all that it set is live: `certain` is drift that was seen in the cloud.

    A store that fails is given no more.
    """
    for hint in hints:
        items = match(net(hint.changes), baseline).items if hint.by != "memory" else []
        confirmed = bool(items) and all(any(_agree(item, one) for one in certain) for item in items)
        if confirmed:
            try:
                remember.remember(called(hint.call.event.name), hint.meaning.model_dump(mode="json"))
            except LampError:
                return


def _agree(item: DriftItem, other: DriftItem) -> bool:
    keys = (item.address, item.attribute, item.action) == (other.address, other.attribute, other.action)
    return keys and same(item.live_value, other.live_value)


def called(name: str) -> str:
    """By what is kept of a call is found again, whatever parameters it has."""
    return f"AWS API call {_name(name)}"


def reduced(name: str, record: Mapping[str, Any]) -> str:
    """A call in words that hold no value: its name, and its parameters' names and types."""
    parameters = ", ".join(f"{_name(path)} ({_kind(value)})" for path, value in _leaves(record))
    return f"{called(name)} with parameters {parameters or 'none'}"


class _Call:
    """One call: what can be said of it, by what the record and the state hold."""

    def __init__(self, call: Uncatalogued, state: StateIndex) -> None:
        self._call, self._state = call, state
        self._values = dict(_leaves(call.record or {}))
        self._question = reduced(call.event.name, call.record or {})

    def remembered(self, recall: Recall) -> Meaning | None:
        """What memory knows of the call and fits it."""
        for question in (self._question, called(self._call.event.name)):
            known: list[Meaning] = []
            for memory in recall.recall(question, _REMEMBERED):
                for form in (Suggestion, Proposed):
                    with suppress(ValidationError):
                        known.append(form.model_validate(memory))
            found = self.fitting(known)
            if found is not None:
                return found
        return None

    def fitting(self, known: Iterable[Meaning]) -> Meaning | None:
        """The first that is of this call, and says something of this record."""
        own = (one for one in known if one.event == self._call.event.name)
        return next((one for one in own if self.changes(one)), None)

    def proposed(self, asking: Asking) -> Meaning | None:
        """A catalogue entry; nobody is asked where the call names nothing that the state holds."""
        named = [
            (resource, attribute, path)
            for path, value in self._values.items()
            for resource, attribute in self._holders(value)
        ]
        if not named:
            return None
        refused = ""
        for _ in range(_ATTEMPTS):
            found = proposed(
                asking,
                self._call.event.name,
                [(_name(path), kind) for path, kind in _outline(self._call.record or {})],
                [(resource.type, attribute, _name(path)) for resource, attribute, path in named],
                {resource.type: sorted(resource.attributes) for resource, _, _ in named},
                refused,
            )
            fitting = self.fitting([found]) if found is not None else None
            if fitting is not None or asking.stopped:
                return fitting
            refused = "it names nothing that the state holds, or sets what that does not have"
            refused = refused if found is not None else "it is not of the form asked for"
        return None

    def chosen(self, ask: AskModel) -> Meaning | None:
        """Forced choices among what exists: first the resource, then the attribute of each other parameter."""
        named = {
            f"{resource.type} named by {_name(path)} as its {attribute}": (resource, attribute, path)
            for path, value in self._values.items()
            for resource, attribute in self._holders(value)
        }
        options = [*sorted(named), _NONE]
        answer = (
            ask.choose(f"Which resource does this call change? {self._question}", options) if named else None
        )
        if answer is None or answer not in named:
            return None
        resource, attribute, path = named[answer]
        effects: list[SuggestedEffect] = []
        others = [other for other in self._values if other != path]
        for other in others[:_QUESTIONS]:
            question = f"Which attribute of {resource.type} does {_name(other)} set? {self._question}"
            found = ask.choose(question, [*sorted(resource.attributes), _NONE])
            if found is not None and found in resource.attributes:
                effects.append(SuggestedEffect(attribute=found, value=other))
        if not effects:
            return None
        meaning = Suggestion(
            event=self._call.event.name,
            resource_type=resource.type,
            identity={attribute: path},
            effects=tuple(effects),
        )
        return self.fitting([meaning])

    def _holders(self, value: Any) -> Iterator[tuple[StateResource, str]]:
        """Resources of the state that have this text as a name of theirs, where no other of the type has it."""
        for kind in self._state.types() if isinstance(value, str) and value else ():
            for attribute in ("id", "arn", "name"):
                found = self._state.find([kind], {attribute: value})
                if len(found) == 1:
                    yield found[0], attribute
                    break

    def changes(self, meaning: Meaning) -> tuple[Change, ...]:
        """The changes, as far as they fit what exists; none where the resource does not."""
        match meaning:
            case Suggestion():
                return self._by_choice(meaning)
            case Proposed():
                made = meaning.changes(self._call.record or {}, Origin.PERSON)
                return tuple(change for change in made if self._fits(change))
            case _:
                assert_never(meaning)

    def _fits(self, change: Change) -> bool:
        held = self._state.find([*change.resource_types], dict(change.identity)) if change.identity else []
        whole = change.action == "delete" and not change.attribute
        return len(held) == 1 and (whole or change.attribute.partition(".")[0] in held[0].attributes)

    def _by_choice(self, suggestion: Suggestion) -> tuple[Change, ...]:
        identity = {name: self._values.get(path) for name, path in suggestion.identity.items()}
        texts = {name: value for name, value in identity.items() if isinstance(value, str) and value}
        held = self._state.find([suggestion.resource_type], texts) if len(texts) == len(identity) else []
        if len(held) != 1:
            return ()
        record = self._call.record or {}
        return tuple(
            Change(
                event=self._call.event,
                actor=self._call.actor,
                account=str(record.get("recipientAccountId", "")),
                region=str(record.get("awsRegion", "")),
                resource_types=(suggestion.resource_type,),
                identity=texts,
                action="set",
                attribute=effect.attribute,
                value=self._values[effect.value],
            )
            for effect in suggestion.effects
            if effect.value in self._values and effect.attribute.partition(".")[0] in held[0].attributes
        )


def _leaves(record: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """(path, value) of the parameters that are text, number, boolean or a list of those, in order."""
    found: list[tuple[str, Any]] = []
    waiting: list[tuple[str, Any, int]] = [("requestParameters", plain(record).get("requestParameters"), 0)]
    while waiting and len(found) < _PARAMETERS:
        path, value, depth = waiting.pop()
        if isinstance(value, Mapping) and depth < _DEPTH:
            names = [
                name for name in sorted(value, reverse=True) if isinstance(name, str) and "." not in name
            ]
            waiting += [(f"{path}.{name}", value[name], depth + 1) for name in names]
        elif _kind(value) is not None:
            found.append((path, value))
    return found


def _outline(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(path, type) of every parameter, those within lists of objects under `[]`, in order."""
    waiting: list[tuple[str, Any, int]] = [("requestParameters", plain(record).get("requestParameters"), 0)]
    count = 0
    while waiting and count < _PARAMETERS:
        path, value, depth = waiting.pop()
        kind = _kind(value)
        if isinstance(value, list) and kind is None:
            path, value = f"{path}[]", next((one for one in value if isinstance(one, Mapping)), None)
        if isinstance(value, Mapping) and depth < _DEPTH:
            names = [name for name in sorted(value, reverse=True) if isinstance(name, str)]
            waiting += [(f"{path}.{name}", value[name], depth + 1) for name in names if "." not in name]
        elif kind is not None:
            count += 1
            yield path, kind


def _kind(value: Any) -> Kind | None:
    match value:
        case bool():
            return "boolean"
        case str():
            return "text"
        case int() | float():
            return "number"
        case list() if not any(isinstance(item, dict | list) for item in value):
            return "list"
        case _:
            return None


def _name(text: str) -> str:
    return printable(redact(text.removeprefix("requestParameters.")), limit=100)
