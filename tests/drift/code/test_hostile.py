"""Secrets are shown nowhere, and names from outside are harmless wherever they are shown."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from lamplighter.drift.check import DriftReport
from lamplighter.drift.report import data, markdown, text
from tests.drift.code.world import call, check, drifts, resource

CANARIES = ("canary-in-state", "canary-in-code", "canary-live")


def everywhere(report: DriftReport) -> str:
    plan = report.plan.model_dump_json() if report.plan else ""
    diffs = "\n".join(step.operation.diff() for step in report.plan.steps) if report.plan else ""
    shown = [json.dumps(data(report), ensure_ascii=False), text(report), markdown(report), plan, diffs]
    return "\n".join([*shown, repr(report)])


def tagged(name: str, value: str, minute: int = 0) -> dict[str, Any]:
    return call("sqs:TagQueue", {"queueUrl": "https://sqs/1/main", "tags": {name: value}}, minute=minute)


def queue(tags: dict[str, str], **more: Any) -> dict[str, Any]:
    return resource(
        "aws_sqs_queue", "main", {"id": "https://sqs/1/main", "name": "main", "tags": tags}, **more
    )


def code(name: str, value: str) -> dict[str, str]:
    return {
        "main.tf": f'resource "aws_sqs_queue" "main" {{\n  name = "main"\n  tags = {{ "{name}" = "{value}" }}\n}}\n'
    }


MARKED = {"sensitive_attributes": [[{"type": "get_attr", "value": "tags"}]]}


@pytest.mark.parametrize("live", ["canary-live", ""])
@pytest.mark.parametrize(
    ("name", "marks"),
    [("Plain", MARKED), ("db_password", {}), ("ApiToken", {}), ("client_secret", {}), ("CREDENTIALS", {})],
)
def test_secrets_are_shown_nowhere(tmp_path: Path, name: str, marks: dict[str, Any], live: str) -> None:
    state = queue({name: "canary-in-state"}, **marks)
    report = check(tmp_path, code(name, "canary-in-code"), [state], [tagged(name, live)])
    assert [row[1] for row in drifts(report)] == [f"tags.{name}"]
    shown = everywhere(report)
    assert [canary for canary in CANARIES if canary in shown] == []
    assert "(sensitive)" in shown


def test_user_data_is_shown_nowhere(tmp_path: Path) -> None:
    attributes = {"id": "i-1", "user_data": "canary-in-state", "instance_type": "t3.small"}
    changed = {
        "instanceId": "i-1",
        "userData": {"value": "canary-live"},
        "instanceType": {"value": "t3.large"},
    }
    written = (
        'resource "aws_instance" "a" {\n  user_data = "canary-in-code"\n  instance_type = "t3.small"\n}\n'
    )
    resources = [resource("aws_instance", "a", attributes)]
    report = check(tmp_path, {"main.tf": written}, resources, [call("ec2:ModifyInstanceAttribute", changed)])
    assert report.findings
    shown = everywhere(report)
    assert [canary for canary in CANARIES if canary in shown] == []


HOSTILE = {
    "escape": "\x1b]0;owned\x07\x1b[2J",
    "bidi": "\u202egnp.exe\u2066",
    "command": "x\n::error::owned",
    "separator": "x\u2028::error::owned\r\n##[error]owned",
    "markup": "[click](https://evil.example) <img src=x> @channel `code` | cell",
}


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("place", ["actor", "tag", "key", "agent", "uncatalogued"])
def test_hostile_names_are_escaped(tmp_path: Path, name: str, place: str) -> None:
    event = tagged(name if place == "key" else "Owner", name if place == "tag" else "web")
    if place == "actor":
        event["userIdentity"] = {**event["userIdentity"], "userName": name}
    elif place == "agent":
        event["userAgent"] = name
    elif place == "uncatalogued":
        event["eventName"] = name
    report = check(tmp_path, code("Team", "pay"), [queue({"Team": "pay"})], [event])
    assert report.findings or report.incomplete
    for shown in (text(report), markdown(report)):
        assert all(character.isprintable() for line in shown.split("\n") for character in line)
        lines = [line.strip() for line in shown.splitlines()]
        assert not any(line.startswith(("::", "##[")) for line in lines)
    cells = re.sub(r"\\.", "", markdown(report))
    assert not re.search(r"\]\(http|<img|`code`|@channel", cells)
    rows = [line for line in cells.split("\n") if line.startswith("|")]
    assert all(line.count("|") == 6 for line in rows)


def test_a_hostile_tag_is_never_code(tmp_path: Path) -> None:
    value = '${file("/etc/passwd")}'
    report = check(tmp_path, code("Owner", "web"), [queue({"Owner": "web"})], [tagged("Owner", value)])
    assert report.plan is not None
    (step,) = report.plan.steps
    (edit,) = step.operation.edits  # type: ignore[union-attr]
    assert edit.new == '"$${file(\\"/etc/passwd\\")}"'
