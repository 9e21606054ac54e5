"""Events in lines for people: every kind of them, escaped, and told the same wherever they are shown."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from lamplighter.cli.events import finding_lines, lines
from lamplighter.core.events import Event, parse_event
from lamplighter.core.findings import Finding, Severity
from lamplighter.core.policy import Policy
from tests.core.world import make_plan

EVIL = "x\x1b[31m"
PLAN = make_plan(Policy())
FINDING = {
    "id": "dr-1",
    "kind": "drift",
    "where": EVIL,
    "summary": EVIL,
    "severity": "high",
    "location": EVIL,
}
EVENTS: dict[str, dict[str, Any]] = {
    "started": {"thread": "t-1", "request": EVIL, "mode": "propose", "context": {"directory": EVIL}},
    "routed": {"domains": ["drift"], "reason": EVIL},
    "asked": {"question": EVIL, "options": [EVIL], "thread": "t-1"},
    "tool_called": {"tool": "drift", "query": EVIL, "status": "error", "left_out": [EVIL]},
    "found": {"domain": "drift", "finding": FINDING | {"details": {"actor": EVIL, "tool": EVIL}}},
    "proposed": {
        "digest": PLAN.digest,
        "plan": PLAN.model_dump(mode="json"),
        "verdicts": [verdict.model_dump(mode="json") for verdict in Policy().judge(PLAN)],
    },
    "approval_needed": {"digest": PLAN.digest, "approval_id": "ap-1", "expires_at": "2026-01-01T00:00:00Z"},
    "step_finished": {"digest": PLAN.digest, "step": "s1", "outcome": "done", "detail": EVIL},
    "reported": {"text": f"{EVIL}\n{EVIL}", "not_checked": [EVIL]},
    "failed": {"message": EVIL},
}


def test_every_kind_of_event_has_an_example() -> None:
    members = get_args(get_args(Event)[0])
    assert set(EVENTS) == {member.model_fields["type"].default for member in members}


@pytest.mark.parametrize("kind", sorted(EVENTS))
def test_an_event_is_shown_in_harmless_lines(kind: str) -> None:
    shown = lines(parse_event({"type": kind, **EVENTS[kind]}), "lamp")
    assert bool(shown) is (kind != "step_finished")
    assert all(line.isprintable() for line in shown)


def test_what_to_go_on_with_is_shown_where_the_command_is_known() -> None:
    for kind in ("asked", "proposed", "approval_needed"):
        event = parse_event({"type": kind, **EVENTS[kind]})
        assert "lamp --config x" in "\n".join(lines(event, "lamp --config x"))
        assert "lamp" not in "\n".join(lines(event))


def test_a_finding_says_where_it_is_and_by_whom_as_far_as_that_is_known() -> None:
    found = Finding(id="1", kind="drift", where="a.b", summary="s", severity=Severity.LOW, location="m.tf:3")
    assert finding_lines(found) == ["LOW      a.b  m.tf:3", "         s"]
    details = {"actor": "ann", "tool": "console", "source_ip": "192.0.2.1", "time": "T", "intent": "a test"}
    (*_, by) = finding_lines(found.model_copy(update={"details": details}))
    assert by == "         by ann with console from 192.0.2.1 at T (a test)"
    (*_, by) = finding_lines(found.model_copy(update={"details": {"actor": "ann", "time": "T"}}))
    assert by == "         by ann at T"
