"""A secret planted wherever the trace, the code or a person can put one is found on no surface and in no store."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.command import lamp
from tests.drift.code.world import call, resource, state_document

WORD = "Kanarie7"
"""A part of every secret below."""
POSTGRES = f"postgres://svc:{WORD}pg@db.example/payments"
HTTPS = f"https://bot:{WORD}tok@git.example/x"
PAIR = f"AKIA{WORD.upper()}QQQQQQQQ {WORD}/wJalrXUtnFEMI/K7MDENG/bPxRfi+YE"
BEARER = f"Bearer {WORD}.abcdefgh"
PEM = f"-----BEGIN RSA PRIVATE KEY-----\nMII{WORD}\n{WORD}\n-----END RSA PRIVATE KEY-----"
NAMED = f"db_password={WORD}"
QUEUE = "https://sqs.eu-west-1.amazonaws.com/111122223333/main"

CODE = f"""resource "aws_sqs_queue" "main" {{
  name          = "main"
  delay_seconds = 5
  tags = {{
    "Db"     = "none"
    "Pair"   = "none"
    "Auth"   = "none"
    "Pem"    = "none"
    "Note"   = "none"
    "Was"    = "{POSTGRES}"
    "Plain"  = "before"
  }}
}}
"""
TAGS = {
    "Db": POSTGRES,
    "Pair": PAIR,
    "Auth": BEARER,
    "Pem": PEM,
    "Note": NAMED,
    "Was": "gone",
    "Plain": "after",
}
POLICY = {
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": "*",
            "Action": "sqs:*",
            "Condition": {"StringEquals": {"aws:Referer": HTTPS, "aws:UserAgent": POSTGRES}},
        }
    ]
}


def records() -> Iterator[dict[str, Any]]:
    yield call("sqs:TagQueue", {"queueUrl": QUEUE, "tags": TAGS})
    attributes = {"Policy": json.dumps(POLICY)}
    yield call(
        "sqs:SetQueueAttributes",
        {"queueUrl": QUEUE, "attributes": attributes},
        userAgent=f"{HTTPS}/1.0 {BEARER}",
    )
    named = {"type": "IAMUser", "userName": NAMED, "arn": f"arn:aws:iam::111122223333:user/{NAMED}"}
    yield call(
        "sqs:SetQueueAttributes", {"queueUrl": QUEUE, "attributes": {"DelaySeconds": "9"}}, userIdentity=named
    )
    # A call and a resource that nothing here knows, by names that hold a secret.
    yield call(f"braket:Create {POSTGRES}", {"x": PEM}, userIdentity=named, sourceIPAddress=HTTPS)
    yield call("sqs:CreateQueue", {"queueName": POSTGRES}, responseElements={"queueUrl": POSTGRES})


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "main.tf").write_text(CODE)
    tags = {"Was": POSTGRES, "Plain": "before"} | {
        name: "none" for name in TAGS if name not in ("Was", "Plain")
    }
    attributes = {"id": QUEUE, "url": QUEUE, "name": "main", "delay_seconds": 5, "tags": tags, "policy": ""}
    state = state_document(resource("aws_sqs_queue", "main", attributes))
    (tmp_path / "state.json").write_text(json.dumps(state))
    (tmp_path / "trace.json").write_text(json.dumps({"Records": list(records())}))
    (tmp_path / "lamp.toml").write_text('project = "code"\ntrace = "trace.json"\nstate = "state.json"\n')
    return tmp_path


def require_clean(said: bytes, *, of: object) -> None:
    at = said.lower().find(WORD.lower().encode())
    assert at < 0, (of, said[max(at - 60, 0) : at + 60])


def test_no_surface_and_no_store_holds_a_secret(project: Path) -> None:
    check = ("drift", "check")
    report = json.loads(lamp(project, *check, "--save-plan", "-o", "json").stdout)
    assert len(report["findings"]) >= 9
    commands = [
        *((*check, "-o", form) for form in ("text", "json", "jsonl", "markdown")),
        (*check, "--save-plan"),
        *(("drift", "explain", row["id"], "-o", "text") for row in report["findings"]),
        ("drift", "explain", report["findings"][0]["id"], "-o", "json"),
        *(
            ("drift", "trace", "explain", "--all", "-o", form)
            for form in ("text", "json", "jsonl", "markdown")
        ),
        *(("plan", "show", report["plan"], "-o", form) for form in ("text", "json", "markdown")),
        *(("ask", f"what drift is there? {NAMED} {HTTPS}", "-o", form) for form in ("text", "jsonl")),
        ("ask", "--thread", "t1", f"fix the drift, {BEARER}"),
        ("freeze", "--reason", PEM),
        ("plan", "approve", report["plan"]),
        ("plan", "apply", report["plan"]),
        ("unfreeze",),
        ("plan", "apply", report["plan"], "--json"),
        ("pending", "--json"),
        ("audit", "tail", "-n", "100"),
        ("audit", "tail", "--json"),
        ("audit", "export"),
        ("config", "show", "--json"),
    ]
    for command in commands:
        done = lamp(project, *command)
        assert done.code in (0, 2, 3, 4), (command, done)
        require_clean(done.stdout + done.stderr, of=command)
    stores = [path for path in (project / ".local").rglob("*") if path.is_file()]
    assert {"ledger.db", "blobs.db", "threads.db"} <= {path.name for path in stores}
    for path in stores:
        require_clean(path.read_bytes(), of=path)


def test_the_same_mark_stands_everywhere(project: Path) -> None:
    forms = {
        form: lamp(project, "drift", "check", "-o", form).stdout.decode()
        for form in ("text", "json", "jsonl")
    }
    for mark in (
        "postgres://<credentials>@db.example/payments",
        "<aws-access-key>",
        "<private-key>",
        "<secret>",
    ):
        assert all(mark in text for text in forms.values()), mark
    found = {row["details"]["attribute"]: row for row in json.loads(forms["json"])["findings"]}
    assert found["tags.Db"]["details"]["live"] == "postgres://<credentials>@db.example/payments"
    assert found["tags.Pem"]["details"]["live"] == "<private-key>"
    live = found["policy"]["details"]["live"]
    policy = json.loads(live) if isinstance(live, str) else live
    assert (
        policy["Statement"][0]["Condition"]["StringEquals"]["aws:Referer"]
        == "https://<credentials>@git.example/x"
    )


def test_an_edit_that_would_write_a_secret_is_a_proposal_in_words(project: Path) -> None:
    from lamplighter.drift import check_directory

    plan = check_directory(project / "code", [project / "trace.json"], project / "state.json").plan
    assert plan is not None
    edits = {getattr(step.operation, "attribute", ""): step.operation for step in plan.steps}
    executable = {name for name, operation in edits.items() if operation.executable}
    assert executable == {"delay_seconds, tags.Plain"}
    assert "postgres://<credentials>@db.example" in edits["tags.Db"].diff()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("drift", "check", "--trace", HTTPS), 1),
        (("drift", "check", "--state", NAMED), 1),
        (("drift", "check", "-o", f"json=/no/{NAMED}"), 1),
        (("plan", "show", POSTGRES), 1),
        (("--config", HTTPS, "pending"), 64),
        (("drift", "check", "-o", POSTGRES), 64),
        (("ask", "--thread", POSTGRES, "drift"), 1),
    ],
)
def test_no_error_shows_a_secret(project: Path, arguments: tuple[str, ...], code: int) -> None:
    for more in ((), ("--json",)):
        done = lamp(project, *arguments, *(more if "--config" not in arguments else ()))
        assert done.code == code
        assert done.stderr
        require_clean(done.stdout + done.stderr, of=arguments)


def test_broken_code_and_settings_show_no_secret(project: Path) -> None:
    (project / "code" / "broken.tf").write_text(f'x "{POSTGRES}" {{ = {NAMED}\n')
    require_clean(lamp(project, "drift", "check").stdout, of="broken code")
    (project / "lamp.toml").write_text(f'fail_on = "{POSTGRES}"\n')
    done = lamp(project, "drift", "check")
    assert done.code == 64
    require_clean(done.stderr, of="broken settings")
