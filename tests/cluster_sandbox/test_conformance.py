"""The sandbox answers as a real control plane did: every recorded call is replayed over HTTPS."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lamplighter.scenarios.cluster.sandbox import Sandbox
from tests.cluster_sandbox import replay

ROOT = Path(__file__).parents[2]
ORPHAN = "DELETE /apis/apps/v1/namespaces/{{ns}}/deployments/orph"
READY = r"body\.status\.conditions\[[23]\]\.(reason|message): missing"
KNOWN = {
    ("delete", ORPHAN): r"""status\.conditions\[1\]\.message: want 'ReplicaSet "orph-""",
    ("version-health", "GET /version"): r"body\.(gitVersion|gitCommit|goVersion|compiler): ",
    ("version-health", "GET /version/"): r"body\.(gitVersion|gitCommit|goVersion|compiler): ",
    ("deployment-rollout", "GET /apis/apps/v1/namespaces/{{ns}}/replicasets"): r"\S+\.pod-template-hash: ",
    ("deployment-rollout", "GET /api/v1/namespaces/{{ns}}/pods"): r"\S+\.(pod-template-hash|generateName): ",
    ("delete", "DELETE /api/v1/namespaces/{{ns}}/pods/p1"): READY,
    ("pod-defaults", "GET /api/v1/namespaces/{{ns}}/pods/p1"): READY,
}
"""Differences that stay, each with its reason in docs/sandbox.md: the words that they may have."""
CALLS = 294
"""Recorded calls that INDEX.json counts; steps of preparation come on top."""


def differing(recorded: Sandbox, name: str) -> tuple[int, list[replay.Difference]]:
    run = replay.Run(replay.Client(recorded.url, recorded.ca_file), replay.load(name))
    run.play()
    return run.checks, run.found


def is_known(difference: replay.Difference) -> bool:
    allowed = KNOWN.get((difference.case, difference.step))
    return allowed is not None and all(re.match(allowed, path) for path in difference.paths)


def test_the_recordings_are_whole() -> None:
    names = replay.index()
    assert len(names) == 37
    steps = [step for name in names for step in replay.load(name)["steps"]]
    watched = [inner for step in steps for inner in step.get("during", [])]
    assert sum("response" in step for step in steps + watched) >= CALLS


@pytest.mark.parametrize("name", replay.index())
def test_a_case_is_answered_as_recorded(recorded: Sandbox, name: str) -> None:
    checks, found = differing(recorded, name)
    assert checks > 0
    assert [difference for difference in found if not is_known(difference)] == []


def test_a_difference_is_seen() -> None:
    want = {"status": "Failure", "code": 409, "details": {"causes": [{"field": "spec"}]}, "uid": "<uid>"}
    got = {"status": "Failure", "code": 404, "details": {"causes": []}, "uid": ""}
    assert list(replay.differences(want, got)) == [
        ".code: want 409, got 404",
        ".details.causes: want 1 items, got 0",
        ".uid: missing",
    ]


def test_each_known_difference_has_its_reason_in_the_docs() -> None:
    text = (ROOT / "docs" / "sandbox.md").read_text()
    assert {case for case, _ in KNOWN} <= set(re.findall(r"`([a-z-]+)`", text))
