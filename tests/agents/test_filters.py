"""Which findings a request keeps: each constraint reads its own field."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from lamplighter.agents.drift import beyond, matches
from lamplighter.agents.requests import parse
from lamplighter.core.findings import Finding, Severity

NOW = datetime(2026, 3, 5, 9, 30, tzinfo=UTC)
ADDRESS = "aws_security_group.api"


def finding(attribute: str = "ingress", where: str = ADDRESS, member: str = "", **details: Any) -> Finding:
    return Finding(
        id=f"dr-{where}-{attribute}{member}",
        kind="drift",
        where=where,
        summary="port 22 was opened by mallory with the console",
        severity=Severity.HIGH,
        details={"attribute": attribute, **details},
    )


def rule(first: int | None, last: int | None, protocol: str = "tcp") -> dict[str, Any]:
    return {"protocol": protocol, "from_port": first, "to_port": last, "source": "0.0.0.0/0"}


@pytest.mark.parametrize(
    ("details", "kept"),
    [
        ({"live": rule(22, 22)}, True),
        ({"code": rule(22, 22), "live": None}, True),
        ({"live": rule(20, 30)}, True),
        ({"live": [rule(80, 80), rule(22, 22)]}, True),
        ({"live": rule(0, 0, "-1")}, True),
        ({"live": rule(2200, 2299)}, False),
        ({"live": rule(443, 443), "account": "22", "source_ip": "10.22.0.22"}, False),
        ({"live": rule(None, None)}, False),
        ({"live": 22}, False),
        ({}, False),
    ],
)
def test_port(details: dict[str, Any], kept: bool) -> None:
    assert matches(finding(**details), parse("drift on port 22", now=NOW)) is kept


@pytest.mark.parametrize(
    ("request_text", "details", "kept"),
    [
        ("drift by alice", {"actor": "alice"}, True),
        ("drift by alice", {"actor": "role/Alice@example.com"}, True),
        ("drift by alice", {"actor": "malice"}, False),
        ("drift by alice", {"actor": "bob", "tool": "alice", "source_ip": "alice"}, False),
        ("drift by alice", {}, False),
        ("drift from the console", {"tool": "console"}, True),
        ("drift from the console", {"tool": "aws-cli", "actor": "console"}, False),
        ("drift with the aws cli", {"tool": "aws-cli"}, True),
        ("drift with boto3", {"tool": "boto3"}, True),
        ("drift with boto3", {}, False),
        ("critical drift", {}, False),
        ("high drift", {}, True),
        ("drift last night", {"time": "2026-03-04T20:00:00Z"}, True),
        ("drift last night", {"time": "2026-03-04T12:00:00Z"}, False),
        ("drift last night", {}, True),
    ],
)
def test_fields(request_text: str, details: dict[str, Any], kept: bool) -> None:
    assert matches(finding(**details), parse(request_text, now=NOW)) is kept


@pytest.mark.parametrize(
    ("where", "kept"),
    [
        (ADDRESS, True),
        (f'module.web["a.b"].{ADDRESS}', True),
        (f"{ADDRESS}[0]", True),
        (f"{ADDRESS}_2", False),
    ],
)
def test_objects(where: str, kept: bool) -> None:
    asked = parse("drift of aws_security_group.api", now=NOW, inventory=(ADDRESS,))
    assert matches(finding(where=where), asked) is kept


def test_a_window_beyond_the_trace_is_said_to_be_unchecked() -> None:
    parsed = parse("what changed in drift last night", now=datetime(2026, 11, 24, 9, tzinfo=UTC))
    assert beyond(parsed, ("2026-11-20T00:00:00Z", "2026-11-24T05:50:00Z")) == []
    for covered in [
        ("", ""),
        ("2026-11-20T00:00:00Z", "2026-11-23T23:00:00Z"),
        ("2026-11-24T00:00:00Z", "2026-11-24T08:00:00Z"),
    ]:
        assert "was not checked" in beyond(parsed, covered)[0]
