"""Recorded plans of real Terraform: nothing but what people changed comes out of them, and each filter is needed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from lamplighter.core.canonical import canonical_json
from lamplighter.drift import planned
from lamplighter.drift.plan_filters import filters
from lamplighter.drift.plan_values import normal
from lamplighter.drift.planned import PlannedFact, PlanRead, read_plan
from lamplighter.drift.provider_schema import ProviderSchemas
from lamplighter.drift.state import read_resources
from lamplighter.tools.terraform_files import StateFile
from tests.drift.planned.changes import Expected, payments_facts, shadows_facts
from tests.drift.planned.world import DATA

CASES = ("orders-0037", "orders-0042")
"""Scenarios whose plans are recorded too; tests/drift/planned/record.py makes them."""
EXPECTED = {"payments": payments_facts, "shadows": shadows_facts}


@cache
def document(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))
    return loaded


def schemas() -> ProviderSchemas:
    return ProviderSchemas(document("schema"))


def read(name: str) -> PlanRead:
    return read_plan(document(name), schemas())


def comparable(facts: list[Expected]) -> Counter[bytes]:
    return Counter(canonical_json([*fact[:3], normal(fact[3]), normal(fact[4])]) for fact in facts)


def rows(read: PlanRead, source: str = "drift") -> list[Expected]:
    return [
        (fact.address, fact.action, fact.attribute, fact.before, fact.after)
        for fact in read.facts
        if fact.source == source
    ]


def expected(project: str) -> list[Expected]:
    prior = document(f"{project}-applied")["prior_state"]
    known = {item.address: item.attributes for item in read_resources(StateFile("", "show", prior)).resources}
    return EXPECTED[project](known.__getitem__)


@pytest.mark.parametrize("project", EXPECTED)
def test_a_refresh_right_after_an_apply_says_nothing(project: str) -> None:
    applied = document(f"{project}-applied")
    assert len(applied["resource_drift"]) > 5, "Terraform itself lists changes here"
    result = read(f"{project}-applied")
    assert result.facts == ()
    assert result.problems == ()
    assert result.terraform_version.startswith("1.")


@pytest.mark.parametrize("project", EXPECTED)
@pytest.mark.parametrize("plan", ["changed", "changed-normal"])
def test_changes_by_hand_are_all_there_and_nothing_else_is(project: str, plan: str) -> None:
    assert comparable(rows(read(f"{project}-{plan}"))) == comparable(expected(project))


@pytest.mark.parametrize("project", EXPECTED)
@pytest.mark.parametrize("plan", ["applied", "changed", "changed-normal"])
def test_without_a_schema_the_facts_are_the_same_and_it_is_said(project: str, plan: str) -> None:
    without = read_plan(document(f"{project}-{plan}"))
    assert without.facts == read(f"{project}-{plan}").facts
    assert any("schema" in problem for problem in without.problems)


@pytest.mark.parametrize("project", EXPECTED)
def test_a_normal_plan_undoes_what_the_code_says_otherwise(project: str) -> None:
    """What the code sets is in both halves of a normal plan, and the live side is the same in both."""
    facts = read(f"{project}-changed-normal").facts
    sets = {
        source: {
            (fact.address, fact.attribute): fact
            for fact in facts
            if fact.source == source and fact.action == "set"
        }
        for source in ("drift", "change")
    }
    assert sets["change"]
    for place, change in sets["change"].items():
        drift = sets["drift"][place]
        assert normal(change.live) == normal(drift.live)
        assert normal(change.after) == normal(drift.before)
    opposite = {"add": "remove", "remove": "add", "create": "delete", "delete": "create"}
    members = [fact for fact in facts if fact.source == "change" and fact.action in opposite]
    assert members
    for fact in members:
        assert any(
            (other.address, other.attribute, other.action, other.before)
            == (fact.address, fact.attribute, opposite[fact.action], fact.after)
            for other in facts
            if other.source == "drift"
        )


def test_secret_values_are_not_in_the_facts() -> None:
    text = json.dumps(document("shadows-changed"))
    assert "tok-first" in text and "tok-second" in text
    result = read("shadows-changed")
    assert "tok-" not in repr(result)
    fact = next(fact for fact in result.facts if fact.address == "aws_ssm_parameter.token")
    assert fact.sensitive and (fact.before, fact.after) == ("(sensitive)", "(sensitive)")


def test_a_setting_says_which_resource_could_hold_it() -> None:
    settings = {
        (fact.address, fact.attribute): fact.setting
        for fact in read("payments-changed").facts
        if fact.setting
    }
    assert settings['aws_s3_bucket.this["receipts"]', "policy"] == "aws_s3_bucket_policy"
    assert settings["aws_iam_role.api", "managed_policy_arns"] == "aws_iam_role_policy_attachment"


def facts_with(monkeypatch: pytest.MonkeyPatch, **changed: Any) -> set[tuple[str, PlannedFact]]:
    """All facts of the recordings under other tables, without a schema, which would stand in for some of them."""
    tables = replace(filters(), **changed)
    monkeypatch.setattr(planned, "filters", lambda: tables)
    names = [f"{project}-{plan}" for project in EXPECTED for plan in ("applied", "changed", "changed-normal")]
    names += CASES
    return {(name, fact) for name in names for fact in _hashable(read_plan(document(name)).facts)}


def _hashable(facts: tuple[PlannedFact, ...]) -> list[PlannedFact]:
    return [
        fact._replace(before=canonical_json(fact.before), after=canonical_json(fact.after)) for fact in facts
    ]


@pytest.mark.parametrize("index", range(len(filters().shadows)), ids=lambda i: str(filters().shadows[i][:3]))
def test_each_shadow_entry_takes_something_out(index: int, monkeypatch: pytest.MonkeyPatch) -> None:
    shadows = filters().shadows
    baseline = facts_with(monkeypatch)
    assert facts_with(monkeypatch, shadows=shadows[:index] + shadows[index + 1 :]) - baseline


@pytest.mark.parametrize("index", range(len(filters().derived)), ids=lambda i: str(filters().derived[i][:3]))
def test_each_derived_entry_takes_something_out(index: int, monkeypatch: pytest.MonkeyPatch) -> None:
    derived = filters().derived
    baseline = facts_with(monkeypatch)
    assert facts_with(monkeypatch, derived=derived[:index] + derived[index + 1 :]) - baseline


@pytest.mark.parametrize("entry", filters().unset, ids=str)
def test_each_unset_entry_takes_something_out(
    entry: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    baseline = facts_with(monkeypatch)
    others = {key: value for key, value in filters().unset.items() if key != entry}
    assert facts_with(monkeypatch, unset=others) - baseline


def test_every_entry_says_why() -> None:
    tables = filters()
    reasons = [
        *(reason for _, reason in tables.unset.values()),
        *(rule.reason for rule in (*tables.shadows, *tables.derived)),
        *tables.rules.values(),
        *tables.computed.values(),
    ]
    assert all(len(reason.split()) >= 4 or reason == "computed by the provider" for reason in reasons)


def settable(schema: Mapping[str, Any]) -> set[tuple[str, str]]:
    """(type, attribute) that a configuration can set."""
    return {
        (kind, name)
        for provider in schema["provider_schemas"].values()
        for kind, resource in provider["resource_schemas"].items()
        for name, attribute in resource["block"]["attributes"].items()
        if attribute.get("optional") or attribute.get("required")
    }


def test_no_attribute_that_a_configuration_can_set_is_called_computed() -> None:
    can_be_set = settable(document("schema"))
    for kind, name in filters().computed:
        if name != "id":
            assert not any(name == other and kind in ("*", of_type) for of_type, other in can_be_set), name
