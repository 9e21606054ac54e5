"""What the format's models leave open in a scenario: its manifests, its rules, and the kinds that it refers to."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lamplighter.scenarios.cluster import kinds
from lamplighter.scenarios.cluster.faults.schema import (
    Admits,
    Behave,
    Create,
    Delete,
    Issue,
    Json,
    May,
    Patch,
    Scenario,
    Step,
    Trust,
    ref_of,
)
from lamplighter.scenarios.cluster.jsons import at, name_of
from lamplighter.scenarios.cluster.kubelet.behaviour import rule_of

FORMS = ("image", "namespace", "pod", "container", "node", "given", "without")
"""The members of a rule that are regular expressions."""


def problem(scenario: Scenario) -> str:
    """What is wrong with the first part that is, "" where all can be played."""
    return next(_problems(scenario), "")


def _problems(scenario: Scenario) -> Iterator[str]:
    yield from _rules("rules", scenario.rules)
    for index, obj in enumerate(scenario.objects):
        yield from _manifest(f"objects.{index}", obj)
    known = {kind.kind for kind in kinds.load()} | {
        f"{at(obj, 'spec', 'names', 'kind')}.{at(obj, 'spec', 'group')}"
        for obj in scenario.objects
        if obj.get("kind") == "CustomResourceDefinition"
    }
    parts: list[tuple[str, tuple[Step, ...]]] = [("timeline", scenario.timeline)]
    parts += [(f"repairs.{index}.do", repair.do) for index, repair in enumerate(scenario.repairs)]
    parts += [(f"cheats.{index}.do", cheat.do) for index, cheat in enumerate(scenario.cheats)]
    for name, steps in parts:
        for index, step in enumerate(steps):
            yield from _step(f"{name}.{index}", step, known)
    for index, check in enumerate(scenario.check):
        match check:
            case Admits():
                yield from _manifest(f"check.{index}.object", check.object)
            case May():
                pass
            case _:
                yield from _target(f"check.{index}", check.target, known)


def _step(where: str, step: Step, known: set[str]) -> Iterator[str]:
    match step:
        case Create():
            yield from _manifest(f"{where}.object", step.object)
        case Patch() | Delete() | Issue() | Trust():
            yield from _target(where, step.target, known)
        case Behave():
            yield from _rules(f"{where}.rules", step.rules)
        case _:
            pass


def _target(where: str, target: str, known: set[str]) -> Iterator[str]:
    ref = ref_of(target)
    kind = f"{ref.kind}.{ref.group}" if ref.group else ref.kind
    if kind not in known:
        yield f"{where}.target: there is no kind {kind!r}"


def _manifest(where: str, obj: Json) -> Iterator[str]:
    for member in ("apiVersion", "kind"):
        if not isinstance(obj.get(member), str):
            yield f"{where}: a manifest needs the text {member!r}"
            return
    meta = obj.get("metadata")
    if not isinstance(meta, dict) or not name_of(obj):
        yield f"{where}: {obj['kind']} needs metadata.name"
        return
    wrong = [name for name in ("name", "namespace") if not isinstance(meta.get(name, ""), str)]
    wrong += [name for name in ("labels", "annotations") if not isinstance(meta.get(name, {}), dict)]
    if wrong:
        yield f"{where}: {obj['kind']} has a metadata.{wrong[0]} of the wrong type"
    if not isinstance(obj.get("spec", {}), dict):
        yield f"{where}: {obj['kind']} {name_of(obj)} has a spec that is no mapping"
    builtin = any((kind.api_version, kind.kind) == (obj["apiVersion"], obj["kind"]) for kind in kinds.load())
    group = obj["apiVersion"].rpartition("/")[0]
    if not builtin and ("." not in group or group.endswith(".k8s.io")):
        yield f"{where}: there is no kind {obj['kind']!r} in {obj['apiVersion']!r}"


def _rules(where: str, rules: tuple[Json, ...]) -> Iterator[str]:
    for index, entry in enumerate(rules):
        try:
            rule_of(entry)
            for name in FORMS:
                re.compile(str(entry.get(name, "")))
        except TypeError as error:
            said = str(error).removeprefix("Behaviour.__init__() ")
            yield f"{where}.{index}: {said}"
        except re.error as error:
            yield f"{where}.{index}: a regular expression is wrong: {error}"
