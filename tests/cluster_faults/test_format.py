"""The scenario files: all follow the format, use the whole vocabulary, and a wrong one is named in one line."""

from __future__ import annotations

import pytest

from lamplighter.scenarios.cluster.faults.load import ScenarioError, causes, load, load_all, parse, paths
from lamplighter.scenarios.cluster.faults.schema import Family, ref_of

GOOD = paths()["image-bad-tag"].read_text()


def test_there_are_enough_of_each_kind() -> None:
    found = load_all()
    healthy = [scenario for scenario in found.values() if scenario.healthy]
    assert len(healthy) >= 20
    assert len(found) - len(healthy) >= 60
    assert {scenario.family for scenario in found.values()} == set(Family.__args__)


def test_each_cause_is_expected_somewhere() -> None:
    used = {entry.cause for scenario in load_all().values() for entry in scenario.expect.diagnosis}
    assert used == set(causes())


def test_a_healthy_scenario_expects_nothing_to_be_done() -> None:
    for scenario in load_all().values():
        if scenario.healthy:
            assert not scenario.repairs, scenario.id
            assert scenario.allowed.model_dump(exclude_defaults=True) == {}, scenario.id
            assert scenario.family == "healthy"


def test_what_is_no_cause_is_not_named_as_one() -> None:
    for scenario in load_all().values():
        named = {text for entry in scenario.expect.diagnosis for text in entry.resources}
        others = {*scenario.expect.symptoms, *scenario.expect.red_herrings}
        assert not named & others, scenario.id


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("family: image", "family: picture", "family"),
        ("cause: image-not-found", "cause: image-is-sad", "'image-is-sad' is no cause of causes.toml"),
        ("title: A rollout", "titel: A rollout", "title: Field required"),
        ("{check: serves, target", "{check: answers, target", "check.1"),
        ("Service storefront/checkout}", "storefront/checkout}", "check.1"),
        ("repairs:\n", "other:\n", "other"),
        ("schema: lamplighter", "schema: [", "YAML"),
        ("  kind: Service\n", "", "objects.1: a manifest needs the text 'kind'"),
        ("kind: Service\n", "kind: Servant\n", "objects.1: there is no kind 'Servant' in 'v1'"),
        ("metadata: {name: checkout, namespace: storefront}", "metadata: {}", "Service needs metadata.name"),
        (
            "  spec: {selector: {app: checkout},",
            "  spec: [1]\n  more: {",
            "checkout has a spec that is no mapping",
        ),
        (
            "pull_error: not found",
            "pull_eror: not found",
            "rules.0: got an unexpected keyword argument 'pull_eror'",
        ),
        ('"checkout:2', '"(checkout:2', "rules.0: a regular expression is wrong"),
        (
            "  target: Deployment storefront",
            "  target: Deploymint storefront",
            "timeline.1.target: there is no kind",
        ),
        (
            "ready, target: Deployment",
            "ready, target: Deploymint",
            "check.0.target: there is no kind 'Deploymint'",
        ),
    ],
)
def test_a_wrong_file_is_named_in_one_line(old: str, new: str, words: str) -> None:
    assert old in GOOD
    with pytest.raises(ScenarioError) as error:
        parse(GOOD.replace(old, new), "some.yaml")
    assert str(error.value).startswith("some.yaml: ")
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_fault_without_a_repair_is_refused() -> None:
    with pytest.raises(ScenarioError, match="at least one right repair"):
        parse(GOOD[: GOOD.index("repairs:")] + GOOD[GOOD.index("vary:") :], "some.yaml")


def test_an_unknown_scenario_is_named() -> None:
    with pytest.raises(ScenarioError, match="no scenario 'nothing'"):
        load("nothing")


@pytest.mark.parametrize("text", ["Pod", "pod a/b", "Pod a/b/c", "Pod a b", ""])
def test_what_is_no_reference_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no reference"):
        ref_of(text)
