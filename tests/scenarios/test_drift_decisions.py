"""The expected decisions are data that decides every truth, each rule for a reason that the scenarios bear out."""

from __future__ import annotations

from collections import defaultdict
from ipaddress import ip_network

import pytest

from lamplighter.scenarios.drift import schema
from lamplighter.scenarios.drift.catalogue import kinds
from lamplighter.scenarios.drift.expected import Rule, rule_for, rules
from lamplighter.scenarios.drift.schema import DriftTruth, UnmanagedTruth


def _truths() -> dict[Rule, list[DriftTruth | UnmanagedTruth]]:
    found: dict[Rule, list[DriftTruth | UnmanagedTruth]] = defaultdict(list)
    for case in schema.scenarios():
        for truth in (*case.drifts, *case.unmanaged):
            found[rule_for(truth)].append(truth)
    return found


def test_every_truth_is_decided_and_every_rule_decides_some() -> None:
    assert set(_truths()) == set(rules())


def test_the_rules_are_of_the_catalogue() -> None:
    known = kinds()
    for rule in rules():
        assert rule.kinds <= set(known)
        assert rule.classes <= {kind.class_ for kind in known.values()}


def test_a_source_that_was_replaced_lies_within_the_old_ones() -> None:
    replaced = [truth for group in _truths().values() for truth in group if "ingress-replaced" in truth.kind]
    assert replaced
    for truth in replaced:
        assert isinstance(truth, DriftTruth)
        old = [ip_network(source) for row in truth.removed for source in row["cidr_blocks"]]
        new = [ip_network(source) for row in truth.added for source in row["cidr_blocks"]]
        assert all(any(one.subnet_of(of) for of in old) for one in new), truth  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "decision"),
    [
        ("stray-bucket", "ask"),
        ("stray-role-attachment", "revert"),
        ("sg-egress-opened", "codify"),
        ("kms-key-disabled", "revert"),
        ("logs-filter-deleted", "revert"),
        ("tag-changed", "codify"),
        ("parameter-value-changed", "ask"),
        ("lambda-environment-changed", "ask"),
    ],
)
def test_the_policy_of_some_kinds(kind: str, decision: str) -> None:
    found = [rule for rule, group in _truths().items() for truth in group if truth.kind == kind]
    assert {rule.decision for rule in found} == {decision}
