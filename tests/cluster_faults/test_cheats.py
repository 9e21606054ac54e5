"""The generated cheats: each kind is made where it applies, and fails by the guard that is there for it."""

from __future__ import annotations

import pytest

from lamplighter.scenarios.cluster.faults import guards, play
from lamplighter.scenarios.cluster.faults.cheats import cheats_of
from lamplighter.scenarios.cluster.faults.controls import controls, missing_evidence, outcome
from lamplighter.scenarios.cluster.faults.load import load
from lamplighter.scenarios.cluster.faults.schema import Scenario

EXPECTED = {
    "image-bad-tag": {
        "made-up-tag-deployment-checkout": "of 3 replicas up and updated",
        "grant-cluster-admin-owned": "rights were widened",
    },
    "network-namespace-label": {
        "allow-all-owned": "NetworkPolicy storefront/temporary was created",
        "open-ingress-networkpolicy-ledgerdb": "opens ingress to all",
    },
    "service-selector-typo": {
        "slice-by-hand-checkout": "has no ready endpoint",
        "slice-by-hand-owned-checkout": "checkout-manual was created",
    },
    "probe-liveness-wrong-path": {
        "livenessprobe-true-deployment-checkout": "asks the server no more",
        "livenessprobe-forever-deployment-checkout": "gives up after 5000000 s only",
    },
    "quota-pods-used-up": {
        "no-quota-resourcequota-team-quota": "lost its bound of pods",
        "huge-quota-resourcequota-team-quota": "has a bound of pods that is none",
    },
    "memory-limit-too-low": {
        "no-resources-deployment-recommender": "lost its bound of memory",
        "huge-limits-deployment-recommender": "has a bound of memory that is none",
    },
    "budget-allows-nothing": {
        "budget-of-nothing-poddisruptionbudget-broker": "protects nothing any more",
        "budget-of-all-poddisruptionbudget-broker": "protects nothing any more",
    },
    "hpa-at-maximum": {"huge-maximum-horizontalpodautoscaler-checkout": "has a bound of maxReplicas"},
    "rbac-verb-missing": {"every-right-role-janitor": "Role platform/janitor escalate"},
    "rbac-binding-missing": {
        "bind-default": "temporary of view to default",
        "bind-aggregate": "temporary of system:aggregate-to-admin",
    },
    "network-default-deny": {"allow-all": "opens ingress to all"},
    "cronjob-blocked": {"status-by-hand-cronjob-backup": "had its status written by"},
    "job-backoff-limit": {"status-by-hand-job-closing": "had its status written by"},
}  # fmt: skip


@pytest.mark.parametrize("name", EXPECTED)
def test_a_generated_cheat_fails_by_its_guard(name: str) -> None:
    scenario = load(name)
    with play.played(scenario) as player:
        before = guards.baseline(player.client)
        made = {cheat.id: cheat for cheat in cheats_of(scenario, before)}
        for ident, words in EXPECTED[name].items():
            cheat = made[ident]
            first = scenario.repairs[0].do if cheat.after_repair else ()
            said = outcome(player, (*first, *cheat.do), before)
            assert any(words in line for line in said), (ident, said)


def changed(name: str, **members: object) -> Scenario:
    return Scenario.model_validate({**load(name).model_dump(by_alias=True, mode="json"), **members})


def test_a_cheat_that_is_refused_does_not_hold() -> None:
    step = {"op": "patch", "target": "Deployment storefront/chekout", "patch": {"spec": {"paused": True}}}
    scenario = changed("image-bad-tag", cheats=[{"id": "mistyped", "title": "Mistyped", "do": [step]}])
    found = {control.name: control for control in controls(scenario, only=1)}
    assert not found["cheat: mistyped"].holds
    assert "was refused" in found["cheat: mistyped"].said[0]
    refused = changed(
        "image-bad-tag", cheats=[{"id": "known", "title": "Known", "do": [{**step, "refused": True}]}]
    )
    assert {control.name: control for control in controls(refused, only=1)}["cheat: known"].holds


@pytest.mark.parametrize(
    ("name", "silent", "facts", "words"),
    [
        (
            "image-bad-tag",
            False,
            ["registry.example.com/storefront/checkout"],
            "all stand in the scenario's own",
        ),
        ("image-bad-tag", True, ["ImagePullBackOff"], "said to be silent"),
        ("service-selector-typo", False, ["checkuot"], "all stand in the scenario's own"),
    ],
)
def test_what_the_manifests_say_is_no_evidence(name: str, silent: bool, facts: list[str], words: str) -> None:
    expect = load(name).expect.model_dump(mode="json")
    expect["diagnosis"][0]["evidence"] = facts
    scenario = changed(name, expect={**expect, "silent": silent})
    with play.played(scenario) as player:
        assert any(words in line for line in missing_evidence(scenario, player))
        assert missing_evidence(load(name), player) == []
