"""Bad input of `lamp drift check`, through a child process: one clear line, a documented code, no traceback."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lamplighter.tools import process
from tests.command import lamp

# U+202E turns the direction of what follows; it is written as an escape so that it steers no editor either.
HOSTILE = "x\x1b]0;owned\x07\u202e\n::error::pwned\n##[error]pwned"


class Case:
    """A directory with a small project, its state and a trace, one of which a test then spoils."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.project = folder / "project"
        self.project.mkdir()
        self.code = self.project / "main.tf"
        self.state = self.project / "terraform.tfstate"
        self.trace = folder / "trace.json"
        self.write_code('resource "aws_sqs_queue" "q" {\n  name                       = "q"\n}\n')
        self.write_state(queue_state())
        self.write_trace([queue_event()])

    def write_code(self, text: str) -> None:
        self.code.write_text(text)

    def write_state(self, state: Any) -> None:
        self.state.write_text(json.dumps(state))

    def write_trace(self, records: Any) -> None:
        self.trace.write_text(json.dumps({"Records": records}))

    def run(self, *more: str) -> process.Completed:
        return lamp(self.folder, "drift", "check", "project", "--trace", self.trace.name, *more)


def queue_state(name: str = "q") -> dict[str, Any]:
    url = f"https://sqs.eu-west-1.amazonaws.com/123456789012/{name}"
    attributes = {"id": url, "url": url, "name": name, "visibility_timeout_seconds": 30, "tags": {}}
    return {
        "version": 4,
        "terraform_version": "1.11.4",
        "serial": 1,
        "lineage": "b2c7a0de-0f0f-4a5b-8a3c-000000000001",
        "outputs": {},
        "resources": [
            {
                "mode": "managed",
                "type": "aws_sqs_queue",
                "name": "q",
                "provider": 'provider["registry.terraform.io/hashicorp/aws"]',
                "instances": [{"schema_version": 0, "attributes": attributes, "sensitive_attributes": []}],
            }
        ],
    }


def queue_event(**changed: Any) -> dict[str, Any]:
    url = "https://sqs.eu-west-1.amazonaws.com/123456789012/q"
    return {
        "eventVersion": "1.11",
        "eventID": "00000000-0000-4000-8000-000000000001",
        "eventTime": "2026-11-23T03:12:40Z",
        "eventSource": "sqs.amazonaws.com",
        "eventName": "SetQueueAttributes",
        "awsRegion": "eu-west-1",
        "sourceIPAddress": "203.0.113.9",
        "userAgent": "aws-cli/2.31.4",
        "userIdentity": {
            "type": "IAMUser",
            "userName": "jo",
            "arn": "arn:aws:iam::123456789012:user/jo",
            "accountId": "123456789012",
        },
        "requestParameters": {"queueUrl": url, "attributes": {"VisibilityTimeout": "45"}},
        "responseElements": None,
        "readOnly": False,
        "eventType": "AwsApiCall",
        "recipientAccountId": "123456789012",
        **changed,
    }


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path)


def malformed_code(case: Case) -> None:
    case.write_code('resource "aws_sqs_queue" "q" {\n  name = = "q"\n')


def no_code(case: Case) -> None:
    shutil.rmtree(case.project)
    case.project.mkdir()


def missing_directory(case: Case) -> None:
    shutil.rmtree(case.project)


def truncated_gzip(case: Case) -> None:
    whole = gzip.compress(json.dumps({"Records": [queue_event()]}).encode() * 50)
    case.trace.write_bytes(whole[: len(whole) // 2])


def not_json(case: Case) -> None:
    case.trace.write_text('{"Records": [')


def missing_trace(case: Case) -> None:
    case.trace.unlink()


def huge_line(case: Case) -> None:
    with case.trace.open("wb") as stream:
        stream.write(b'{"Records": [{"eventID": "')
        stream.truncate(200 * 1024 * 1024)


def old_state(case: Case) -> None:
    case.write_state({"version": 3, "terraform_version": "0.11.14", "modules": []})


def new_state(case: Case) -> None:
    case.write_state({**queue_state(), "version": 5})


def state_no_object(case: Case) -> None:
    case.write_state(["not", "a", "state"])


def state_no_json(case: Case) -> None:
    case.state.write_text("\x1b[2J not json")


def missing_state(case: Case) -> None:
    case.state.unlink()


def directory_as_state(case: Case) -> None:
    case.state.unlink()
    case.state.mkdir()


FATAL: list[tuple[Callable[[Case], None], str]] = [
    (malformed_code, "main.tf"),
    (no_code, "project"),
    (missing_directory, "project"),
    (truncated_gzip, "trace.json"),
    (not_json, "trace.json"),
    (missing_trace, "trace.json"),
    (huge_line, "trace.json"),
    (old_state, "terraform.tfstate"),
    (new_state, "terraform.tfstate"),
    (state_no_object, "terraform.tfstate"),
    (state_no_json, "terraform.tfstate"),
    (missing_state, "project"),
    (directory_as_state, "terraform.tfstate"),
]


@pytest.mark.parametrize(("spoil", "named"), FATAL, ids=lambda value: getattr(value, "__name__", None))
def test_one_line_names_the_file_and_the_remedy(
    case: Case, spoil: Callable[[Case], None], named: str
) -> None:
    spoil(case)
    done = case.run()
    lines = done.stderr.decode().splitlines()
    assert done.code == 1, done.stderr
    assert len(lines) == 1
    assert named in lines[0]
    assert "; " in lines[0], "the remedy follows the problem"
    assert "internal error" not in lines[0] and "\x1b" not in lines[0]
    assert done.stdout == b""


def test_an_unreadable_file_is_named(case: Case) -> None:
    case.trace.unlink()
    # A loop of links cannot be opened by anybody; permissions do not stop root.
    case.trace.symlink_to(case.trace.name)
    done = case.run()
    assert done.code == 1
    assert b"trace.json" in done.stderr and b"internal error" not in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_case_itself_is_sound(case: Case) -> None:
    done = case.run("--json")
    (finding,) = json.loads(done.stdout)["findings"]
    assert done.code == 2, done.stderr
    assert finding["details"]["attribute"] == "visibility_timeout_seconds"


@pytest.mark.parametrize(
    "changed",
    [
        {"eventTime": 17},
        {"eventName": ["SetQueueAttributes"]},
        {"eventSource": None},
        {"userIdentity": "jo"},
        {"userIdentity": {"type": 4, "arn": {}, "sessionContext": []}},
        {"requestParameters": "queueUrl"},
        {"requestParameters": {"queueUrl": 5, "attributes": ["VisibilityTimeout"]}},
        {"requestParameters": {"queueUrl": {}, "attributes": {"VisibilityTimeout": {"a": []}}}},
        {"responseElements": 3},
        {"readOnly": "maybe"},
        {"eventID": {}},
        {"awsRegion": []},
        {"recipientAccountId": 5.5},
        {"sourceIPAddress": [], "userAgent": {}},
        {"errorCode": {}},
    ],
    ids="-".join,
)
def test_wrong_types_in_a_record_are_never_a_clean_answer(case: Case, changed: dict[str, Any]) -> None:
    case.write_trace([queue_event(**changed)])
    done = case.run("--json")
    assert b"internal error" not in done.stderr and b"Traceback" not in done.stderr
    report = json.loads(done.stdout)
    said = report.get("findings") or report.get("not_checked") or report.get("error")
    assert said
    assert done.code in (1, 2, 4), done.stdout


@pytest.mark.parametrize("record", [None, 5, "text", [], {}], ids=repr)
def test_a_record_that_is_none_is_counted_and_the_others_are_read(case: Case, record: Any) -> None:
    case.write_trace([record, queue_event()])
    done = case.run("--json")
    report = json.loads(done.stdout)
    assert done.code == 4, done.stderr
    assert report["incomplete"] and report["not_checked"]
    assert len(report["findings"]) == 1


def test_hostile_names_steer_no_terminal_and_no_ci_job(case: Case) -> None:
    state = queue_state()
    instance = state["resources"][0]["instances"][0]
    instance["index_key"] = HOSTILE
    case.write_state(state)
    case.write_code(
        'resource "aws_sqs_queue" "q" {\n  for_each = toset(var.names)\n  name     = each.key\n}\n'
    )
    url = instance["attributes"]["url"]
    identity = {"type": "IAMUser", "userName": HOSTILE, "arn": f"arn:aws:iam::123456789012:user/{HOSTILE}"}
    parameters = {"queueUrl": url, "attributes": {"KmsMasterKeyId": HOSTILE}, HOSTILE: HOSTILE}
    event = queue_event(
        requestParameters=parameters, userIdentity=identity, userAgent=HOSTILE, sourceIPAddress=HOSTILE
    )
    case.write_trace([event, queue_event(eventName=HOSTILE, eventID="2")])
    for form in ("text", "markdown", "json", "jsonl"):
        done = case.run("-o", form)
        shown = done.stdout.decode() + done.stderr.decode()
        assert "pwned" in shown, "the names are shown, escaped"
        assert not any(char in shown for char in "\x1b\x07\u202e")
        assert not [line for line in shown.splitlines() if line.lstrip().startswith(("::", "##["))]
        assert "Traceback" not in shown and "internal error" not in shown


def test_a_place_that_is_none_is_one_line_and_a_declared_one_is_said(case: Case) -> None:
    done = case.run("--covers", "everywhere")
    (line,) = done.stderr.decode().splitlines()
    assert done.code == 64 and line.startswith("lamp: covers everywhere: is no ACCOUNT/REGION")
    shown = case.run("--covers", "123456789012/*", "--covers", "*/us-east-1").stdout.decode()
    assert "covered: 123456789012/*: declared with `covers`, not proven by the trace" in shown
    assert "covered: */us-east-1: declared" in shown
