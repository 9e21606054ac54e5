"""A Terraform plan as JSON -> plain facts: what is live and not as recorded, or not as written. Pure; calls nothing.

`resource_drift` of a plan compares the state with what is live, `resource_changes` what is live with the code. Both are
judged by their values, never by the exit code of `plan` or by the listed actions: right after an apply a refresh shows
settings that other resources hold, blocks of defaults and computed values as changes. What planned.toml takes out is in
`left_out`, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from lamplighter.core.canonical import canonical_json
from lamplighter.core.errors import InputError
from lamplighter.core.text import printable
from lamplighter.drift.items import SENSITIVE, is_secret
from lamplighter.drift.model import Action
from lamplighter.drift.plan_differences import Difference, Sides, added_and_removed, differences
from lamplighter.drift.plan_filters import Filters, filters
from lamplighter.drift.plan_holders import Holders, Source, resource_of
from lamplighter.drift.plan_values import is_absent
from lamplighter.drift.provider_schema import ProviderSchemas


class PlannedFact(NamedTuple):
    """One difference. `source` says between what: `drift`, from what the state recorded to what is live; `change`, from
    what is live to what the code says. `live` is the live side of either.

    `action` and `attribute` are the engine's (drift/model.py): set a whole attribute, add or remove one member of a
    set, create or delete the resource (`attribute` is empty then and the values are "present" or None). In a `change`
    the action is what an apply would do: a rule added by hand is one to remove. What is sensitive, by Terraform's marks
    or by its name, shows as `SENSITIVE`; `unknown` values (known after apply) are None. `setting` is the resource type
    that could hold the attribute instead (`aws_s3_bucket_policy` for `policy` of a bucket), where the state has none
    that does. `replaces`: the apply would make the resource anew.
    """

    source: Source
    address: str
    resource_type: str
    action: Action
    attribute: str
    before: Any
    after: Any
    sensitive: bool = False
    unknown: bool = False
    replaces: bool = False
    setting: str = ""

    @property
    def live(self) -> Any:
        return self.after if self.source == "drift" else self.before


class LeftOut(NamedTuple):
    """A difference that a plan lists and that is no change of its own."""

    source: Source
    address: str
    attribute: str
    reason: str


@dataclass(frozen=True, slots=True)
class PlanRead:
    """`facts` in the order of addresses; `problems` are one-line texts of what the plan does not cover.

    `covered` are the addresses of the state that Terraform read; `partial` says that the plan does not tell of all of
    them.
    """

    facts: tuple[PlannedFact, ...]
    left_out: tuple[LeftOut, ...] = ()
    problems: tuple[str, ...] = ()
    terraform_version: str = ""
    covered: frozenset[str] = frozenset()
    partial: bool = False


def read_plan(document: Mapping[str, Any], schemas: ProviderSchemas | None = None) -> PlanRead:
    """`document` is what `terraform show -json PLAN` prints; `schemas` tell sets and computed attributes exactly.

    A refresh-only plan gives facts of source `drift`; a normal one those too, and `change`. Raises InputError when the
    document is no plan, or of a format that is not known.
    """
    _check(document)
    reading = _Reading(schemas, Holders(document), filters())
    reading.take_all("drift", document.get("resource_drift"))
    reading.take_all("change", document.get("resource_changes"))
    partial = [*_parts(document), *reading.problems]
    return PlanRead(
        facts=tuple(sorted(reading.facts, key=_order)),
        left_out=tuple(sorted(set(reading.left_out))),
        problems=(*partial, *_limits(schemas)),
        terraform_version=printable(str(document.get("terraform_version", "")), limit=40),
        covered=reading.holders.addresses,
        partial=bool(partial),
    )


def _check(document: Mapping[str, Any]) -> None:
    remedy = "give the output of `terraform show -json PLANFILE`"
    if "format_version" not in document:
        raise InputError("plan", "is not a plan as JSON", remedy)
    if not any(
        key in document for key in ("resource_changes", "resource_drift", "planned_values", "errored")
    ):
        raise InputError("plan", "is a state, not a plan", remedy)
    version = str(document["format_version"])
    if version.partition(".")[0] not in ("0", "1"):
        raise InputError(
            "plan", f"format {printable(version, limit=20)} is not supported", "use Terraform 1.x"
        )


def _parts(document: Mapping[str, Any]) -> Iterator[str]:
    if document.get("errored") is True:
        yield "the plan ended with an error: it does not cover everything"
    elif document.get("complete") is False:
        yield "the plan covers a part only: it was limited to targets, or changes are deferred"


def _limits(schemas: ProviderSchemas | None) -> Iterator[str]:
    if schemas is None:
        yield "no provider schema was given: computed attributes are told by their names, sets by their form"


@dataclass
class _Reading:
    schemas: ProviderSchemas | None
    holders: Holders
    filters: Filters
    facts: list[PlannedFact] = field(default_factory=list[PlannedFact])
    left_out: list[LeftOut] = field(default_factory=list[LeftOut])
    problems: list[str] = field(default_factory=list[str])

    def take_all(self, source: Source, entries: object) -> None:
        for entry in entries if isinstance(entries, list) else []:
            change = entry.get("change") if isinstance(entry, Mapping) else None
            if not isinstance(entry, Mapping) or not isinstance(change, Mapping):
                self.problems.append("an entry of the plan is not as a plan has it")
            elif entry.get("mode") == "managed":
                try:
                    self._take(source, entry, change)
                except RecursionError:
                    self.problems.append(f"{_address(entry)}: nested too deep to be compared")
                except ValueError:
                    self.problems.append(f"{_address(entry)}: holds a number that is none")

    def _take(self, source: Source, entry: Mapping[str, Any], change: Mapping[str, Any]) -> None:
        address, kind = _address(entry), str(entry.get("type", ""))
        match change.get("actions"):
            case ["no-op"] | ["read"] | ["forget"]:
                return
            case _ if entry.get("deposed"):
                self.left_out.append(LeftOut(source, address, "", "an object that a replacement left behind"))
            case ["create"]:
                self.facts.append(PlannedFact(source, address, kind, "create", "", None, "present"))
            case ["delete"]:
                self.facts.append(PlannedFact(source, address, kind, "delete", "", "present", None))
            case ["update"]:
                self._update(source, entry, _sides(change))
            case ["delete", "create"] | ["create", "delete"]:
                self._update(source, entry, _sides(change), replaces=True)
            case other:
                self.problems.append(
                    f"{address}: its actions are not known ({printable(str(other), limit=60)})"
                )

    def _update(
        self, source: Source, entry: Mapping[str, Any], sides: Sides, *, replaces: bool = False
    ) -> None:
        address, kind = _address(entry), str(entry.get("type", ""))
        schema = self.schemas.block(str(entry.get("provider_name")), kind) if self.schemas else None
        found = differences(sides, schema, self.filters.sets(kind))
        found = [item for item in found if (kind, item.attribute.partition(".")[0]) not in self.filters.rules]
        reasons = [(item, self._noise(source, kind, sides, item)) for item in found]
        kept = [item for item, reason in reasons if not reason]
        kept += self._rules(source, address, kind, sides)
        others = frozenset(item.attribute for item in kept)
        reasons += [(item, self._derived(kind, item.attribute, others)) for item in kept]
        self.left_out += [LeftOut(source, address, item.attribute, why) for item, why in reasons if why]
        self.facts += [
            self._fact(source, address, kind, item, replaces)
            for item in kept
            if not self._derived(kind, item.attribute, others)
        ]

    def _noise(self, source: Source, kind: str, sides: Sides, item: Difference) -> str:
        """Why a difference is no change of its own; empty when it is one."""
        if item.computed:
            return "computed: only the provider sets it"
        if item.unknown and (item.chosen or (self.schemas is None and is_absent(item.before))):
            return "not set in the code: the provider will choose it"
        unset = self.filters.why_unset(kind, item.attribute, (item.before, item.after))
        if unset:
            return unset
        for shadow in self.filters.shadows_of(kind, item.attribute):
            if self.holders.holds(shadow, sides, item, source):
                return shadow.reason
        return self.filters.why_computed(kind, item.attribute)

    def _derived(self, kind: str, attribute: str, others: frozenset[str]) -> str:
        rules = self.filters.derived
        return next((rule.reason for rule in rules if rule.explains(kind, attribute, others)), "")

    def _rules(self, source: Source, address: str, kind: str, sides: Sides) -> Iterator[Difference]:
        """The rules of a security group, one a source; a rule that a resource of its own holds is that one's."""
        for (of_type, attribute), reason in self.filters.rules.items():
            if of_type != kind:
                continue
            before, after = (
                self.holders.inline_rules(kind, group, attribute) for group in (sides.before, sides.after)
            )
            added, removed = added_and_removed(before, after)
            own = self.holders.separate_rules(kind, sides, attribute, source, "add")
            gained, _ = added_and_removed(own, added)
            own = self.holders.separate_rules(kind, sides, attribute, source, "remove")
            lost, _ = added_and_removed(own, removed)
            if len(gained) + len(lost) < len(added) + len(removed):
                self.left_out.append(LeftOut(source, address, attribute, reason))
            yield from (Difference(attribute, "remove", item, None) for item in lost)
            yield from (Difference(attribute, "add", None, item) for item in gained)

    def _fact(self, source: Source, address: str, kind: str, item: Difference, replaces: bool) -> PlannedFact:
        before, after = item.before, item.after
        sensitive = item.sensitive or is_secret(resource_of(kind, {}), item.attribute)
        if sensitive:
            before, after = (None if value is None else SENSITIVE for value in (before, after))
        setting = next((rule.held_by for rule in self.filters.shadows_of(kind, item.attribute)), "")
        return PlannedFact(
            source,
            address,
            kind,
            item.action,
            item.attribute,
            before,
            after,
            sensitive,
            item.unknown,
            replaces,
            setting,
        )


def _address(entry: Mapping[str, Any]) -> str:
    return printable(str(entry.get("address", "")), limit=1000)


def _sides(change: Mapping[str, Any]) -> Sides:
    return Sides(
        change.get("before"),
        change.get("after"),
        change.get("after_unknown", False),
        change.get("before_sensitive", False),
        change.get("after_sensitive", False),
    )


def _order(fact: PlannedFact) -> tuple[str, str, str, str, bytes]:
    return fact.address, fact.attribute, fact.source, fact.action, canonical_json([fact.before, fact.after])
