"""Code as a patch sees it, and drift items, from a few lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lamplighter.drift.model import Action, Actor, DriftItem, EventRef
from lamplighter.drift.patch.code import Code
from lamplighter.drift.patch.judge import Goal
from lamplighter.drift.patch.model import Candidate, FileEdits, Verdict, edits_between
from tests.drift.code.world import resources_of, state_document

ALICE = Actor("alice", "IAMUser", "console", "198.51.100.1")


def code(
    files: Mapping[str, str], *resources: Mapping[str, Any], variables: Mapping[str, str] | None = None
) -> Code:
    given = variables or {}
    contents = {path: text.encode() for path, text in {**files, **given}.items()}
    return Code(contents, tuple(given), resources_of(state_document(*resources)))


def item(
    address: str | None,
    attribute: str,
    live: Any,
    *,
    was: Any = None,
    action: Action = "set",
    kind: str = "",
    ident: str = "",
    risk: str = "low",
    **more: Any,
) -> DriftItem:
    bare = (address or kind).rpartition("module.")[2]
    of_type = kind or next(part for part in bare.split(".") if "_" in part)
    values: dict[str, Any] = {
        "actor": ALICE,
        "time": "2026-03-01T10:00:00Z",
        "events": (EventRef("e-1", "Put", "2026-03-01T10:00:00Z"),),
        "account": "111122223333",
        "region": "eu-west-1",
        "risk_reason": "a setting was changed",
        "location": None,
        **more,
    }
    return DriftItem(
        address=address,
        resource_type=of_type,
        resource_id=ident,
        attribute=attribute,
        action=action,
        code_value=was,
        live_value=live,
        risk=risk,
        **values,
    )


def goal(drifted: DriftItem, verdict: Verdict = Verdict.CODIFY) -> Goal:
    return Goal(drifted, verdict)


def changed(before: Code, old: str, new: str, file: str = "main.tf", count: int = 1) -> Code:
    """The code with a text of a file replaced."""
    return before.edited(edits_of(before, old, new, file, count))


def edits_of(
    before: Code, old: str, new: str, file: str = "main.tf", count: int = 1
) -> tuple[FileEdits, ...]:
    content = before.contents.get(file, b"")
    assert old.encode() in content
    return (FileEdits(file, edits_between(content, content.replace(old.encode(), new.encode(), count))),)


def candidate(before: Code, old: str, new: str, file: str = "main.tf", rule: str = "test") -> Candidate:
    return Candidate(rule, edits_of(before, old, new, file))
