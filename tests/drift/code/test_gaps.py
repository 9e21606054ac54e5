"""What was not looked at is said, and an answer with a gap never passes for a clean one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lamplighter.core.errors import InputError
from lamplighter.core.operations import EditHcl
from lamplighter.core.results import Outcome
from lamplighter.drift.report import markdown, text
from lamplighter.tools.files import FileEdits
from tests.drift.code.world import call, check, drifts, resource

CODE = 'resource "aws_sqs_queue" "q" {\n  delay_seconds = 5\n  visibility_timeout_seconds = 30\n}\n'
QUEUE = resource(
    "aws_sqs_queue", "q", {"id": "u", "name": "q", "delay_seconds": 5, "visibility_timeout_seconds": 30}
)
TWIN = resource("aws_sqs_queue", "twin", {"id": "u", "name": "q2"})
OTHER = {**resource("google_storage_bucket", "b", {}), "provider": "x"}
HARMLESS = call("logs:CreateLogStream", {"logGroupName": "/x"})
UNKNOWN = call("braket:CreateQuantumTask", {"x": 1})


@pytest.mark.parametrize(
    ("code", "resources", "calls", "words"),
    [
        (
            {"m.tf": 'module "m" {\n  source = "registry/x/aws"\n}\n'},
            [],
            [HARMLESS],
            "module m: its code registry/x",
        ),
        (
            {"m.tf": 'module "m" {\n  source = "./gone"\n}\n'},
            [],
            [HARMLESS],
            "module m: ./gone holds no code",
        ),
        ({"m.tf": "x {{{"}, [], [HARMLESS], "m.tf: line 1: not valid HCL"),
        ({"x.tf.json": "{}"}, [], [HARMLESS], "x.tf.json"),
        ({}, [OTHER], [HARMLESS], "provider google: its resources are not checked"),
        ({}, [TWIN], [HARMLESS], "u is claimed by aws_sqs_queue.q and aws_sqs_queue.twin"),
        ({}, [], [UNKNOWN], "braket:CreateQuantumTask by alice"),
        ({}, [], [], "the trace is empty"),
        (
            {"b.tf": 'terraform {\n  backend "s3" {\n    key = "k"\n  }\n}\n'},
            [],
            [HARMLESS],
            "the code keeps its state in the s3 backend",
        ),
        ({"b.tf": "terraform {\n  cloud {}\n}\n"}, [], [HARMLESS], "its state in the cloud backend"),
    ],
)
def test_a_gap_makes_it_incomplete(
    tmp_path: Path, code: dict[str, str], resources: list[Any], calls: list[Any], words: str
) -> None:
    report = check(tmp_path, {"main.tf": CODE, **code}, [QUEUE, *resources], calls)
    assert report.findings == () and report.incomplete
    assert any(words in line for line in report.not_checked), report.not_checked
    assert "incomplete" in text(report).splitlines()[0] and "incomplete" in markdown(report).splitlines()[0]


def test_without_a_gap_it_is_whole(tmp_path: Path) -> None:
    report = check(tmp_path, {"main.tf": CODE}, [QUEUE], [HARMLESS])
    assert not report.incomplete and text(report).startswith("0 drifts\n")


def test_a_local_backend_is_what_lies_beside_the_code(tmp_path: Path) -> None:
    code = {"main.tf": CODE, "b.tf": 'terraform {\n  backend "local" {}\n}\n'}
    assert not check(tmp_path, code, [QUEUE], [HARMLESS]).incomplete


def test_code_that_is_broken_throughout_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"main\.tf: line 2: not valid HCL"):
        check(tmp_path, {"main.tf": "\nx {{{"}, [QUEUE], [HARMLESS])


def test_all_edits_of_one_file_are_one_step(tmp_path: Path) -> None:
    attributes = {"DelaySeconds": "900", "VisibilityTimeout": "60"}
    event = call("sqs:SetQueueAttributes", {"queueUrl": "https://x/1/q", "attributes": attributes})
    report = check(tmp_path, {"main.tf": CODE}, [QUEUE], [event])
    assert report.plan is not None
    operations = [step.operation for step in report.plan.steps]
    assert [(item.attribute, len(item.edits)) for item in operations if isinstance(item, EditHcl)] == [
        ("delay_seconds, visibility_timeout_seconds", 2)
    ]
    for operation in operations:
        assert FileEdits().perform(operation, "claim").outcome is Outcome.DONE
    assert (tmp_path / "code/main.tf").read_text() == CODE.replace("5", "900").replace("30", "60")
    edited = (tmp_path / "code/main.tf").read_text()
    assert drifts(check(tmp_path, {"main.tf": edited}, [QUEUE], [event])) == []


def test_a_sensitive_id_is_shown_nowhere(tmp_path: Path) -> None:
    marks = [[{"type": "get_attr", "value": "id"}]]
    hidden = [
        resource(
            "aws_sqs_queue",
            name,
            {"id": "canary", "name": name, "delay_seconds": 5},
            sensitive_attributes=marks,
        )
        for name in ("q", "r")
    ]
    event = call("sqs:SetQueueAttributes", {"queueUrl": "https://x/1/q", "attributes": {"DelaySeconds": "9"}})
    report = check(tmp_path, {"main.tf": CODE}, hidden, [event])
    assert len(report.findings) == 1 and "canary" not in repr(report)
