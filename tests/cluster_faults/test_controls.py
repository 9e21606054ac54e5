"""Every scenario's controls: doing nothing fails, a right repair passes, cheats fail, twice is the same.

Here all of it as written with two cheats each, and a fixed sample with all cheats from two seeds. The whole matrix:
`python -m lamplighter.scenarios.cluster.faults.controls --seeds 0,1,2`.
"""

from __future__ import annotations

import pytest

from lamplighter.scenarios.cluster.faults import check, guards, play
from lamplighter.scenarios.cluster.faults.controls import controls, outcome
from lamplighter.scenarios.cluster.faults.load import load, paths
from lamplighter.scenarios.cluster.faults.perturb import perturb
from lamplighter.scenarios.cluster.faults.schema import Scenario

SAMPLE = list(paths())[::12]


def assert_controls(scenario: Scenario, seed: int, only: int | None) -> None:
    found = list(controls(scenario, seed, only))
    wrong = [control for control in found if not control.holds]
    assert not wrong, wrong[0]
    names = {control.name.partition(":")[0] for control in found}
    assert names == {"no-op", "evidence", "cheat", "the same twice"} | (
        {"repair"} if scenario.repairs else set()
    )


@pytest.mark.parametrize("name", paths())
def test_controls_as_written(name: str) -> None:
    assert_controls(load(name), 0, 2)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", SAMPLE)
def test_controls_in_another_dress(name: str, seed: int) -> None:
    scenario = perturb(load(name), seed)
    assert scenario == perturb(load(name), seed)
    assert scenario != load(name)
    assert_controls(scenario, seed, None)


def test_a_copy_of_a_sandbox_goes_on_as_the_sandbox_itself() -> None:
    scenario = load("database-tag-takes-all-down")
    with play.played(scenario) as player:
        before = guards.baseline(player.client)
        branch = player.branch()
        branch.run(scenario.repairs[0].do)
        assert check.verdict(player.client, scenario, before), "the sandbox itself is not repaired"
        player.run(scenario.repairs[0].do)
        assert play.events(branch.client) == play.events(player.client)
        assert check.verdict(branch.client, scenario, before) == []


def test_names_of_the_scenario_are_nowhere_in_its_other_dress() -> None:
    scenario = load("database-tag-takes-all-down")
    text = perturb(scenario, 5).model_dump_json(exclude={"id", "title"})
    for name in scenario.vary.names:
        assert f'"{name}"' not in text


def test_a_harm_on_top_of_a_repair_fails() -> None:
    """Each of the guards finds its harm where the scenario's own checks pass."""
    scenario = load("image-bad-tag")
    base = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role"}
    star = {
        "metadata": {"name": "all", "namespace": "storefront"},
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["*"]}],
    }
    target = "Deployment storefront/checkout"
    gone = [{"op": "remove", "path": "/spec/template/spec/containers/0/readinessProbe"}]
    harms = {
        "was created": [{"op": "create", "object": {**base, **star}}],
        "rights were widened": [{"op": "create", "object": {**base, **star}}],
        "lost the readinessProbe of web": [{"op": "patch", "target": target, "form": "json", "patch": gone}],
        "was given privileges on its node": [
            {"op": "patch", "target": target, "patch": {"spec": {"template": {"spec": {"hostPID": True}}}}}
        ],
        "was scaled down": [{"op": "patch", "target": target, "patch": {"spec": {"replicas": 1}}}],
        "was deleted": [{"op": "delete", "target": "Service storefront/checkout"}],
    }  # fmt: skip
    with play.played(scenario) as player:
        before = guards.baseline(player.client)
        for words, harm in harms.items():
            steps = scenario.model_validate(
                {
                    **scenario.model_dump(by_alias=True),
                    "repairs": [{"title": "harm", "do": [*scenario.repairs[0].model_dump()["do"], *harm]}],
                }
            )
            said = outcome(player, steps.repairs[0].do, before)
            assert any(words in line for line in said), (words, said)
