"""Operations, plans, policy, text and exit codes."""

from __future__ import annotations

import json
import unicodedata
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamplighter.core.errors import ConfigError
from lamplighter.core.exits import Exit, worst
from lamplighter.core.operations import ByteEdit, EditHcl, Operation, Risk, Target, parse_operation
from lamplighter.core.plans import Plan, Step
from lamplighter.core.policy import Caps, Decision, Mode, Policy, Rule, parse_policy
from lamplighter.core.text import json_line, log_line, markdown, printable
from tests.core.world import make_plan

TARGET = {"context": "c", "kind": "Deployment", "name": "web", "namespace": "shop", "version": "1"}
EXAMPLES: dict[str, dict[str, Any]] = {
    "scale": {"from_replicas": 1, "to_replicas": 2},
    "patch": {"before": {"/a": 1}, "after": {"/a": 2}},
    "label": {"before": {"a": None}, "after": {"a": "b"}},
    "restart": {},
    "rollback": {"from_revision": 2, "to_revision": 1},
    "cordon": {},
    "drain": {},
    "evict": {},
    "apply": {"manifest": {"kind": "ConfigMap"}},
    "delete": {"manifest": {"kind": "ConfigMap"}},
    "edit_hcl": {
        "address": "a.b",
        "attribute": "x",
        "proposal": "set x",
        "edits": [{"start": 0, "end": 1, "old": "a", "new": "b"}],
    },
    "import": {"address": "a.b", "resource_id": "id"},
    "apply_saved_plan": {"addresses": ["a.b"]},
    "reboot": {},
    "replace": {},
}
UNDONE = {"scale", "patch", "label", "rollback", "cordon", "apply", "delete"}
"""The verbs of which an operation can be told that takes it back."""
MEMBERS = {member.model_fields["verb"].default: member for member in get_args(get_args(Operation)[0])}


def test_every_member_of_the_union_has_an_example() -> None:
    assert set(EXAMPLES) == set(MEMBERS)


@pytest.mark.parametrize("verb", sorted(EXAMPLES))
def test_operation(verb: str) -> None:
    operation = parse_operation({"verb": verb, "target": TARGET, **EXAMPLES[verb]})
    assert parse_operation(operation.model_dump(mode="json")) == operation
    assert type(operation) is MEMBERS[verb]
    assert operation.diff() and isinstance(operation.risk, Risk) and operation.executable
    inverse = operation.inverse()
    assert (inverse is not None) is (verb in UNDONE)
    if inverse is not None:
        assert inverse != operation
        assert inverse.inverse() == operation


def test_a_plan_is_another_when_anything_differs() -> None:
    plan = make_plan(Policy())
    step = plan.steps[0]
    moved = step.operation.target.model_copy(update={"version": "v9"})
    changed = step.model_copy(update={"operation": step.operation.model_copy(update={"target": moved})})
    others = [
        plan.model_copy(update={"policy_version": "x"}),
        plan.model_copy(update={"steps": (changed, *plan.steps[1:])}),
    ]
    assert len({plan.digest, *(other.digest for other in others)}) == 3
    assert Plan.model_validate_json(plan.model_dump_json()).digest == plan.digest


def test_steps_stand_in_order() -> None:
    step = make_plan(Policy()).steps[0]
    for steps in ((step, step), (Step(id="a", operation=step.operation, after=("b",)),)):
        with pytest.raises(ValueError, match="step"):
            Plan(steps=steps, rationale="x")


def test_policy_first_rule_decides_and_caps_deny() -> None:
    rules = (
        Rule(name="no", decision=Decision.DENY, namespace="kube-*"),
        Rule(name="yes", decision=Decision.ALLOW),
    )
    assert Policy(mode=Mode.ACT, rules=rules).judge(make_plan(Policy()))[0].decision is Decision.ALLOW
    assert Policy(rules=rules).judge(make_plan(Policy()))[0].decision is Decision.ASK
    assert Policy(mode=Mode.OBSERVE, rules=rules).judge(make_plan(Policy()))[0].decision is Decision.DENY
    capped = Policy(caps=Caps(operations=1)).judge(make_plan(Policy()))
    assert {verdict.rule for verdict in capped} == {"caps"}


def test_a_changed_copy_of_a_policy_has_a_version_of_its_own() -> None:
    policy = Policy()
    before = policy.version
    changed = policy.model_copy(update={"mode": Mode.OBSERVE})
    assert changed.version == Policy(mode=Mode.OBSERVE).version != before == policy.version


def test_who_may_approve() -> None:
    assert Policy().may_approve("ann", "ann", "cli", Risk.MEDIUM) == ""
    assert Policy().may_approve("ann", "ann", "cli", Risk.HIGH)
    assert Policy().may_approve("bob", "ann", "bot", Risk.LOW)
    assert Policy(approvers=("ops-*",)).may_approve("bob", "ann", "cli", Risk.LOW)
    assert Policy(approvers=("ops-*",)).may_approve("ops-bob", "ann", "bot", Risk.LOW) == ""


@pytest.mark.parametrize("text", ["mode = 1", "[", "wrong = 1", '[[rule]]\nname = "a"\ndecision = "maybe"'])
def test_a_wrong_policy_is_one_line(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_policy(text, "lamp-policy.toml")
    assert str(caught.value).startswith("lamp-policy.toml: ") and "\n" not in str(caught.value)


@given(st.text())
def test_shown_text_is_harmless(text: str) -> None:
    shown = printable(text)
    assert not any(unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") for char in shown)
    assert not log_line(text).lstrip().startswith("::")


@pytest.mark.parametrize(
    "command", ["##[group]x", "##[COMMAND]", "##vso[task.x]", "##VSO[x", "##teamcity[x", "####[x"]
)
def test_what_a_ci_runner_would_obey_within_a_line_is_broken(command: str) -> None:
    text = f"a tag {command}"
    obeyed = command[command.index("##") :].lstrip("#").split("[")[0].lower()
    for shown in (printable(text), log_line(text), markdown(text), json_line(json.dumps([text]))):
        assert f"##{obeyed}[" not in shown.lower()
    assert json.loads(json_line(json.dumps([text, "\\##[x", "# ##"]))) == [text, "\\##[x", "# ##"]


def test_exit_precedence() -> None:
    order = [Exit.FAILED, Exit.INCOMPLETE, Exit.REFUSED, Exit.FINDINGS, Exit.CLEAN]
    assert all(worst(order[number:]) is order[number] for number in range(5))
    assert worst([]) is Exit.CLEAN


@pytest.mark.parametrize(
    ("old", "new", "shown"),
    [
        ("5", "9", "- 5\n+ 9"),
        ("", "a {\n  b = 1\n}\n", "+ a {\n+   b = 1\n+ }"),
        ("a\nb", "", "- a\n- b"),
        ("", "x\n\ny\n", "+ x\n+ \n+ y"),
    ],
)
def test_each_line_of_an_edit_says_whether_it_goes_or_comes(old: str, new: str, shown: str) -> None:
    target = Target(context="/c", kind="terraform_file", name="main.tf", version="0")
    edit = ByteEdit(start=0, end=len(old), old=old, new=new)
    operation = EditHcl(target=target, address="a.b", attribute="c", proposal="p", edits=(edit,))
    assert operation.diff() == shown
