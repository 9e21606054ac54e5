"""A project of two files that both drifted, and the trace of it, for `lamp drift fix` as a child process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.command import lamp
from tests.drift.code.world import call, resource, state_document

MAIN = 'resource "aws_sqs_queue" "jobs" {\n  name = "jobs"\n  delay_seconds = 5\n}\n'
OTHER = 'resource "aws_cloudwatch_log_group" "app" {\n  name = "app"\n  retention_in_days = 365\n}\n'
QUEUE = "https://sqs.eu-west-1.amazonaws.com/111122223333/jobs"
FIX = ("drift", "fix", "project", "--trace", "trace.json")


def make_home(folder: Path, below: str = "project") -> Path:
    """`folder` with the project in its folder `below`, and the trace of it."""
    project = folder / below
    project.mkdir(parents=True)
    (project / "main.tf").write_text(MAIN)
    (project / "logs.tf").write_text(OTHER)
    state = state_document(
        resource("aws_sqs_queue", "jobs", {"id": QUEUE, "url": QUEUE, "name": "jobs", "delay_seconds": 5}),
        resource("aws_cloudwatch_log_group", "app", {"id": "app", "name": "app", "retention_in_days": 365}),
    )
    (project / "terraform.tfstate").write_text(json.dumps(state))
    records = [
        call("sqs:SetQueueAttributes", {"queueUrl": QUEUE, "attributes": {"DelaySeconds": "900"}}),
        call("logs:PutRetentionPolicy", {"logGroupName": "app", "retentionInDays": 14}),
    ]
    (folder / "trace.json").write_text(json.dumps({"Records": records}))
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in (folder / "project").rglob("*")
        if path.is_file() and ".git" not in path.parts
    }


def fixed(folder: Path, *arguments: str) -> dict[str, Any]:
    done = lamp(folder, *FIX, *arguments, "--json")
    assert done.stdout, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


WRITTEN = {"main.tf": MAIN.replace("= 5", "= 900"), "logs.tf": OTHER.replace("365", "14")}


def assert_written(folder: Path) -> None:
    assert {name: (folder / "project" / name).read_text() for name in WRITTEN} == WRITTEN
