"""The parts of a plan: what is kept of it for some findings, what can be executed, what is left afterwards."""

from __future__ import annotations

from lamplighter.core.findings import Finding, Severity
from lamplighter.core.operations import ByteEdit, EditHcl, Target
from lamplighter.core.plans import Plan, Step

ADDRESS = "aws_security_group.api"


def finding(attribute: str = "ingress", where: str = ADDRESS, member: str = "") -> Finding:
    return Finding(
        id=f"dr-{where}-{attribute}{member}", kind="drift", where=where, summary="", severity=Severity.HIGH
    )


def step(
    number: int, attribute: str, *, words: bool = False, after: tuple[str, ...] = (), member: str = ""
) -> Step:
    target = Target(context="/p", kind="terraform_file", name="main.tf", version="v")
    edits = () if words else (ByteEdit(start=0, end=1, old="a", new="b"),)
    operation = EditHcl(target=target, address=ADDRESS, attribute=attribute, proposal="p", edits=edits)
    resolves = (finding(attribute, member=member).id,)
    return Step(id=f"s{number}", operation=operation, after=after, resolves=resolves)


PLAN = Plan(
    steps=(
        step(1, "ingress"),
        step(2, "egress"),
        step(3, "tags", words=True),
        step(4, "name", after=("s3",)),
    ),
    rationale="drift",
)


def test_a_plan_is_narrowed_to_the_findings_kept() -> None:
    plan = PLAN.under("v1", "ann").narrowed([finding("egress")])
    assert [kept.id for kept in plan.steps] == ["s2"]
    assert (plan.requested_by, plan.policy_version) == ("ann", "v1")
    assert PLAN.narrowed([finding(where="aws_s3_bucket.b")]).steps == ()


def test_two_findings_of_one_attribute_have_their_own_steps() -> None:
    plan = Plan(steps=(step(1, "ingress", member="+22"), step(2, "ingress", member="-443")), rationale="")
    opened, closed = finding(member="+22"), finding(member="-443")
    kept = plan.narrowed([closed])
    assert [item.id for item in kept.steps] == ["s2"]
    assert plan.remaining([opened, closed], {"s2"}) == [opened]


def test_a_finding_remains_until_each_of_its_steps_is_verified() -> None:
    found = [finding("ingress"), finding("egress"), finding("nothing resolves this")]
    plan = Plan(steps=(step(1, "ingress"), step(2, "ingress"), step(3, "egress")), rationale="")
    assert plan.remaining(found, {"s1", "s3"}) == [found[0], found[2]]
    assert plan.remaining(found, {"s1", "s2"}) == [found[1], found[2]]
    assert plan.remaining(found, set()) == found


def test_words_are_dropped_with_what_comes_after_them() -> None:
    rest = PLAN.executable()
    assert [kept.id for kept in rest.steps] == ["s1", "s2"]
    (line,) = PLAN.dropped(rest)
    assert line.startswith("2 of 4 step(s)")
    assert rest.rationale == f"drift; {line}"
    assert rest.dropped(rest) == []
