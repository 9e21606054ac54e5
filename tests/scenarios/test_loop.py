"""The whole loop, from a request in words to a clean plan by Terraform, and how it is judged."""

from __future__ import annotations

import pytest

from lamplighter.scenarios.drift import schema
from lamplighter.scenarios.evaluation import drift_terraform, loop
from lamplighter.scenarios.evaluation.loop import Closed, asked, changing, closed, evaluate, spread, wordings
from lamplighter.scenarios.evaluation.registry import Request
from lamplighter.scenarios.world import MIRROR_VARIABLE

EVERYDAY = ("payments-0001", "website-0001")
DONE = Closed("a-1", "a", "codify", "", (), (), written_unapproved=False, done_twice=False)


@pytest.mark.timeout(900)
def test_two_loops_close_with_terraform() -> None:
    if lacking := drift_terraform.missing():
        pytest.skip(lacking)
    for one in closed([schema.scenario(name) for name in EVERYDAY]):
        assert one.clean, one
        assert not (one.written_unapproved or one.done_twice)


def test_without_terraform_it_is_skipped_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MIRROR_VARIABLE, "")
    result = evaluate(Request())
    assert result.metrics == {} and result.cases == 0
    (table,) = result.tables
    assert table["rows"][0][0] == "no" and table["rows"][0][1]


def test_thirty_and_more_over_all_projects() -> None:
    cases = spread(loop.CASES)
    projects = [case.project for case in cases]
    assert len({case.id for case in cases}) == len(cases) >= 30
    assert {projects.count(name) for name in projects} == {4} and len({*projects}) == 8
    assert all(case.drifts for case in cases)


def test_every_wording_is_used_and_says_what_it_is_about() -> None:
    cases = spread(loop.CASES)
    requests = [asked(case) for case in cases]
    for wording in wordings():
        head = wording.text.partition("{")[0]
        assert any(request.text.startswith(head) for request in requests), wording
    for case, request in zip(cases, requests, strict=True):
        every = {drift.address for drift in case.drifts}
        assert "{" not in request.text and request.addresses and every.issuperset(request.addresses)


@pytest.mark.parametrize(
    "wrong", [{"stopped": "no plan"}, {"differing": ("aws_x.y",)}, {"beside": ("aws_x.z",)}]
)
def test_what_is_clean(wrong: dict[str, object]) -> None:
    assert DONE.clean and not DONE._replace(**wrong).clean


def test_what_terraform_would_change() -> None:
    actions = {"a": ["no-op"], "b": ["read"], "c": ["update"], "d": ["create"], "e": ["delete", "create"]}
    changes = [{"address": name, "change": {"actions": verbs}} for name, verbs in actions.items()]
    assert [*changing({"resource_changes": changes})] == ["c", "d", "e"]
    assert [*changing({})] == []
