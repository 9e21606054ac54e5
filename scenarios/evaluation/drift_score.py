"""The score of one drift scenario: findings against what is true of the cloud, key by key.

The truth was read from the cloud itself and from the sessions' own log (`scenarios/drift/README.md`); nothing of it
was derived by the engine that is judged.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from lamplighter.core.findings import Finding
from lamplighter.core.redaction import redact
from lamplighter.drift.items import SENSITIVE
from lamplighter.scenarios.drift.schema import Attribution, DriftTruth, Scenario, UnmanagedTruth

Key: TypeAlias = tuple[str, str]
"""An address and an attribute's path, block indices left out; an unmanaged resource is `("", TYPE ID)`."""


class Wrong(NamedTuple):
    """One thing the engine got wrong, and what."""

    scenario: str
    kinds: tuple[str, ...]
    key: Key
    cause: str


def wrong_of(row: Sequence[Any]) -> Wrong:
    """From what JSON makes of one."""
    scenario, kinds, (address, attribute), cause = row
    return Wrong(scenario, tuple(kinds), (address, attribute), cause)


class Score(NamedTuple):
    """Of one scenario: counts, and what was wrong."""

    scenario: str
    project: str
    kinds: tuple[str, ...]
    right: int
    false: int
    missed: int
    attributed: int
    incomplete: bool
    wrong: tuple[Wrong, ...]


class Truth(NamedTuple):
    """What is wanted at a key. Not `needed` where the value only follows from another drift of the same call."""

    key: Key
    of: DriftTruth | UnmanagedTruth
    needed: bool

    @property
    def kind(self) -> str:
        return self.of.kind

    @property
    def attribution(self) -> Attribution:
        return self.of.attribution


class Matched(NamedTuple):
    """What is true and the findings of it, both by the truth's key; `false` are those of nothing true, by their own."""

    truths: Mapping[Key, Truth]
    found: Mapping[Key, Sequence[Finding]]
    false: Mapping[Key, Finding]

    @property
    def needed(self) -> dict[Key, Truth]:
        return {key: truth for key, truth in self.truths.items() if truth.needed}


def matched(case: Scenario, findings: Iterable[Finding]) -> Matched:
    """Each finding goes to one truth, under whichever of its keys it was found."""
    wanted = _wanted(case)
    found: dict[Key, list[Finding]] = {}
    false: dict[Key, Finding] = {}
    for finding in findings:
        truths = [truth for key in _keys(finding, wanted) for truth in wanted[key]]
        if truths:
            found.setdefault(_meant(finding, truths).key, []).append(finding)
        else:
            false[names_of(finding)[0]] = finding
    by_key = {truth.key: truth for group in wanted.values() for truth in group}
    return Matched(by_key, found, false)


def score(case: Scenario, findings: Iterable[Finding], *, incomplete: bool = False) -> Score:
    """Each true drift and each unmanaged resource counts once."""
    pairs = matched(case, findings)
    needed, found, false = pairs.needed, pairs.found, pairs.false
    missed = needed.keys() - found.keys()
    blamed = {
        key: _misattributed(found[key], truth.attribution) for key, truth in needed.items() if key in found
    }
    wrong = [
        *(
            Wrong(case.id, case.kinds, key, f"false: {finding.summary[:120]}")
            for key, finding in false.items()
        ),
        *(Wrong(case.id, (needed[key].kind,), key, "missed") for key in missed),
        *(Wrong(case.id, (needed[key].kind,), key, f"wrong {what}") for key, what in blamed.items() if what),
    ]
    return Score(
        scenario=case.id,
        project=case.project,
        kinds=case.kinds,
        right=len(blamed),
        false=len(false),
        missed=len(missed),
        attributed=sum(not what for what in blamed.values()),
        incomplete=incomplete,
        wrong=tuple(sorted(wrong)),
    )


def metrics(scores: Sequence[Score], suffix: str = "") -> dict[str, float]:
    """`detection_f1` and `attribution_accuracy` are absent where there is nothing to be right about."""
    right, false, missed = (
        sum(getattr(item, name) for item in scores) for name in ("right", "false", "missed")
    )
    measured: dict[str, float] = {}
    if right + missed:
        measured[f"detection_f1{suffix}"] = round(2 * right / (2 * right + false + missed), 4)
    if right:
        attributed = sum(item.attributed for item in scores)
        measured[f"attribution_accuracy{suffix}"] = round(attributed / right, 4)
    return measured


def bare(path: str) -> str:
    """A path without the indices of blocks: `rule.0.days` and `rule.days` are the same attribute."""
    return ".".join(part for part in path.split(".") if not part.isdecimal())


def _wanted(case: Scenario) -> dict[Key, list[Truth]]:
    """A key may stand for several truths: a role that lost one policy and gained another."""
    wanted: dict[Key, list[Truth]] = defaultdict(list)
    for drift in case.drifts:
        truth = Truth((drift.address, bare(drift.path)), drift, not drift.cause)
        for key in {truth.key, *((other.address, bare(other.path)) for other in drift.also)}:
            wanted[key].append(truth)
    for loose in case.unmanaged:
        # Ids that are secrets are shown by nobody.
        identity = redact(loose.id)
        truth = Truth(("", f"{loose.type} {identity}"), loose, needed=True)
        # A queue's id is its URL; by its name it is as well told.
        names = {identity, identity.rpartition("/")[2]}
        also = {(other.address, bare(other.path)) for other in loose.also}
        for key in {*(("", f"{loose.type} {name}") for name in names), *also}:
            wanted[key].append(truth)
    return wanted


def _meant(finding: Finding, truths: Sequence[Truth]) -> Truth:
    """Of several truths under one key the one whose call the finding names."""
    events = finding.details.get("events", [])
    return next((truth for truth in truths if truth.attribution.event in events), truths[0])


def _keys(finding: Finding, wanted: Mapping[Key, Sequence[Truth]]) -> list[Key]:
    """The keys of the truth that the finding may stand for, the most exact first."""
    exact = [key for key in names_of(finding) if key in wanted]
    address, attribute = names_of(finding)[0]
    near = [key for key in wanted if key[0] == address and key[1] and attribute]
    if exact or not near:
        return exact
    # The truth has a set of blocks as one; a part of one of them is the same drift, told closer.
    closer = [key for key in near if attribute.startswith(f"{key[1]}.")]
    # A trace that hides a map's values hides which of them were set.
    hidden = finding.details.get("live") == SENSITIVE
    return closer or [key for key in near if hidden and key[1].startswith(f"{attribute}.")]


def names_of(finding: Finding) -> list[Key]:
    details = finding.details
    attribute = bare(str(details.get("attribute", "")))
    names = _names(str(details.get("resource_id")))
    if finding.kind == "unmanaged":
        return [("", f"{details.get('resource_type')} {name}") for name in names]
    keys = [(finding.where, attribute)]
    # A setting that is a resource of its own in Terraform: `aws_s3_bucket_policy.policy` of a bucket.
    kind, _, _ = attribute.partition(".")
    if kind.startswith("aws_"):
        keys += [("", f"{kind} {name}") for name in names]
    return keys


def _names(identity: str) -> list[str]:
    """An id that several names make up is spelt in as many ways as there are import ids."""
    parts = identity.split()
    return list(dict.fromkeys([identity, *(joint.join(parts) for joint in ":/_"), *parts]))


def _misattributed(findings: Sequence[Finding], truth: Attribution) -> str:
    """Which part of the attribution no finding of this drift has right; empty when one has all of it."""
    return min((_mistake(finding.details, truth) for finding in findings), key=len)


def _mistake(details: Mapping[str, object], truth: Attribution) -> str:
    # The truth has the whole ARN, a finding the name by which people know the session: both end alike.
    who = str(details.get("actor", "")).rpartition("/")[2] == truth.who.rpartition("/")[2].rpartition(":")[2]
    events = details.get("events")
    parts = {
        "who": who,
        "when": details.get("time") == truth.when,
        "from where": details.get("source_ip") == truth.source_ip,
        "tool": truth.tool in ("sdk", "service") or details.get("tool") == truth.tool,
        "event": isinstance(events, list) and truth.event in events,
    }
    return ", ".join(name for name, right in parts.items() if not right)
