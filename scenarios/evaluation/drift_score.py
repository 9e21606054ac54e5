"""The score of one drift scenario: findings against what is true of the cloud, key by key.

The truth was read from the cloud itself and from the sessions' own log (`scenarios/drift/README.md`); nothing of it
was derived by the engine that is judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from lamplighter.core.findings import Finding
from lamplighter.scenarios.drift.schema import Attribution, Scenario

Key: TypeAlias = tuple[str, str]
"""An address and an attribute's path, block indices left out; an unmanaged resource is `("", TYPE ID)`."""


class Wrong(NamedTuple):
    """One thing the engine got wrong, and what."""

    scenario: str
    kinds: tuple[str, ...]
    key: Key
    cause: str


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


class _Truth(NamedTuple):
    """What is wanted at a key. Not `needed` where the value only follows from another drift of the same call."""

    key: Key
    kind: str
    attribution: Attribution
    needed: bool


def score(case: Scenario, findings: Iterable[Finding], *, incomplete: bool = False) -> Score:
    """Each true drift and each unmanaged resource counts once, under whichever of its keys it was found."""
    wanted = _wanted(case)
    found: dict[Key, list[Finding]] = {}
    false: dict[Key, Finding] = {}
    for finding in findings:
        truth = next((wanted[key] for key in _keys(finding) if key in wanted), None)
        if truth is None:
            false[_keys(finding)[0]] = finding
        else:
            found.setdefault(truth.key, []).append(finding)
    needed = {truth.key: truth for truth in wanted.values() if truth.needed}
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


def _wanted(case: Scenario) -> dict[Key, _Truth]:
    wanted: dict[Key, _Truth] = {}
    for drift in case.drifts:
        truth = _Truth((drift.address, bare(drift.path)), drift.kind, drift.attribution, not drift.cause)
        for other in drift.also:
            wanted.setdefault((other.address, bare(other.path)), truth)
        wanted[truth.key] = truth
    for loose in case.unmanaged:
        truth = _Truth(("", f"{loose.type} {loose.id}"), loose.kind, loose.attribution, needed=True)
        # A queue's id is its URL; by its name it is as well told.
        wanted.setdefault(("", f"{loose.type} {loose.id.rpartition('/')[2]}"), truth)
        for other in loose.also:
            wanted.setdefault((other.address, bare(other.path)), truth)
        wanted[truth.key] = truth
    return wanted


def _keys(finding: Finding) -> list[Key]:
    """Every key a finding may stand for, the most exact first."""
    details = finding.details
    attribute = bare(str(details.get("attribute", "")))
    if finding.kind == "unmanaged":
        return [
            ("", f"{details.get('resource_type')} {name}") for name in _names(str(details.get("resource_id")))
        ]
    keys = [(finding.where, attribute)]
    # A setting that is a resource of its own in Terraform: `aws_s3_bucket_policy.policy` of a bucket.
    kind, _, _ = attribute.partition(".")
    if kind.startswith("aws_"):
        keys += [("", f"{kind} {name}") for name in _names(str(details.get("resource_id")))]
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
