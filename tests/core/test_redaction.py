"""What is taken for a secret and what is not; where it is taken out for every surface at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lamplighter.core.canonical import fingerprint
from lamplighter.core.errors import InputError
from lamplighter.core.events import Failed, Proposed, Reported, parse_event, shown
from lamplighter.core.findings import Evidence, Finding, Severity
from lamplighter.core.ledger import Ledger
from lamplighter.core.operations import ByteEdit, EditHcl, Patch, Target
from lamplighter.core.plans import Plan, Step
from lamplighter.core.redaction import redact, redact_value
from lamplighter.core.text import log_line, markdown, printable

# Put together here, so that no scanner takes this file for a leak; the one of AWS is that of its documentation.
ACCESS_KEY = "AKIA" + "Q" * 16
SECRET_KEY = "wJalrXUtnFEMI/K7MDENG/" + "bPxRfiCYEXAMPLEKEY"
OTHER_KEY = "gX3vT9/kPq2LmZ8wRb5Y" + "nC4dHs7JfU1oEa6VtBiD"
KEY = "-----BEGIN {0}PRIVATE KEY-----\nMIIabc\n-----END {0}PRIVATE KEY-----"
JWT = "eyJhbGciOi" + ".eyJzdWIi.sig"

SECRETS = {
    f"key {ACCESS_KEY} used": "key <aws-access-key> used",
    f"{ACCESS_KEY}:{SECRET_KEY}": "<aws-access-key>:<aws-secret-key>",
    f"{SECRET_KEY} of {ACCESS_KEY}": "<aws-secret-key> of <aws-access-key>",
    f"x {OTHER_KEY} y": "x <aws-secret-key> y",
    "Authorization: Bearer abcdefgh.ijkl": "Authorization: Bearer <credential>",
    "Basic dXNlcjpwYXNzd29yZA==": "Basic <credential>",
    f"x {JWT} y": "x <jwt> y",
    f"token={JWT}": "token=<jwt>",
    "password=hunter22, user=ann": "password=<secret>, user=ann",
    "password=<x>y": "password=<secret>",
    '{"db_password": "a b"}': '{"db_password": "<secret>"}',
    r'{"db_password": "a\"b"}': '{"db_password": "<secret>"}',
    r'"{\"db_password\": \"a b\"}"': r'"{\"db_password\": \"<secret>\"}"',
    '"token": "cut off': '"token": "<secret>"',
    '{"name":"DB_PASSWORD","value":"x y"}': '{"name":"DB_PASSWORD","value":"<secret>"}',
    r"{\"Key\": \"api-key\", \"Value\": \"x\"}": r"{\"Key\": \"api-key\", \"Value\": \"<secret>\"}",
    "postgres://u:p@host/db": "postgres://<credentials>@host/db",
    "postgres://u:p@ss@host/db": "postgres://<credentials>@host/db",
    "postgres://u:p/ss@host/db": "postgres://<credentials>@host/db",
    "/x/https:/u:p@host/db: cannot be read": "/x/https:/<credentials>@host/db: cannot be read",
    "redis://:pw@host": "redis://<credentials>@host",
    "https://x/y?sig=abc%2B&z=1": "https://x/y?sig=<signature>&z=1",
    "https://hooks.slack.com/services/"
    + "T0/B0/abcdefghij": "https://hooks.slack.com/services/<slack-token>",
    "gh" + "p_" + "a" * 30: "<github-token>",
    "x" + "oxb-" + "1234567890": "<slack-token>",
    "sk" + "_live_" + "a" * 20: "<api-key>",
    KEY.format("RSA "): "<private-key>",
    KEY.format("").replace("\n", r"\n"): "<private-key>",
    KEY.format("")[:40]: "<private-key>",
}
HARMLESS = [
    "pod shop/web restarted",
    "basic monitoring was turned off; bearer authentication is required",
    "http://host:8080/a@b",
    "ssh://git@github.com/x.git",
    "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "lambda/Payments2/handler/processRefundV1",
    "arn:aws:iam::123456789012:role/AWSReservedSSO_PowerUser_4f1c2d3e5a6b7c8d/maria@acme.example",
    'token = null, password = "", api_key = env:NAME, secret: (sensitive)',
    "$DB_TOKEN: is not set, and a setting refers to it",
    "api_key: holds a secret itself",
    "aws_access_key_id = x",
]


@pytest.mark.parametrize(("text", "expected"), SECRETS.items())
def test_a_secret_becomes_its_mark(text: str, expected: str) -> None:
    assert redact(text) == expected
    assert redact(expected) == expected


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text


@given(
    st.lists(
        st.sampled_from(
            [
                *SECRETS,
                *HARMLESS,
                *"\"'\\<=:,/@&? \n",
                "password",
                "token",
                "basic ",
                "bearer ",
                "?sig=",
                '"name":',
            ]
        ),
        max_size=8,
    )
)
@example(["basic ", "postgres://u:p@host/db"])
@example(["bearer ", "/x/https:/u:p@host/db"])
@settings(max_examples=500)
def test_redacting_twice_changes_nothing_more(parts: list[str]) -> None:
    once = redact("".join(parts))
    assert redact(once) == once


def test_a_plan_kept_by_a_version_that_took_less_out_is_still_the_plan_of_its_digest(tmp_path: Path) -> None:
    step = Step(id="s", operation=operation().model_copy(update={"proposal": URL, "address": URL}))
    plan = Plan(steps=(step,), rationale="").model_copy(update={"rationale": URL})
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        ledger.save_plan(plan)
        assert ledger.find_plan(plan.digest) == plan


def test_values_keep_their_shape() -> None:
    value = {
        "environment": [{"name": "DB_PASSWORD", "value": "x"}, {"name": "MODE", "value": "x"}],
        "db": {"Password": "x", "port": 5432, "tls": True, "api_key": "env:NAME", "ca": None},
        "urls": ["postgres://u:p@host/db", 1.5],
    }
    assert redact_value(value) == {
        "environment": [{"name": "DB_PASSWORD", "value": "<secret>"}, {"name": "MODE", "value": "x"}],
        "db": {"Password": "<secret>", "port": 5432, "tls": True, "api_key": "env:NAME", "ca": None},
        "urls": ["postgres://<credentials>@host/db", 1.5],
    }
    assert redact_value({"api_key": "LAMP_KEY", "a": "redis://:p@h"}, by_name=False) == {
        "api_key": "LAMP_KEY",
        "a": "redis://<credentials>@h",
    }


URL = "postgres://svc:canary@host/db"


@pytest.mark.parametrize("show", [printable, log_line, markdown])
def test_shown_text_has_no_secret_even_where_it_is_cut_or_escaped(show: Callable[..., str]) -> None:
    for text in (
        URL,
        f"{'x' * 30} {URL}",
        KEY.format("").replace("MII", "canary"),
        f"password=\u202ecanary {URL}",
    ):
        for limit in (20, 45, 2000):
            assert "canary" not in show(text, limit=limit)


def operation(edits: tuple[ByteEdit, ...] = ()) -> EditHcl:
    target = Target(context="/x", kind="terraform_file", name="main.tf", version="0" * 64)
    return EditHcl(
        target=target, address=f'a["{URL}"]', attribute=URL, proposal=f"set it to {URL}", edits=edits
    )


def test_nothing_that_is_made_holds_a_secret_and_ids_are_of_what_was_read() -> None:
    evidence = Evidence.of("trace", f"by {URL}", f"seen {URL}")
    assert evidence.id == f"ev-{fingerprint('trace', f'by {URL}', f'seen {URL}')}"
    finding = Finding(
        id="f", kind="drift", where=URL, summary=URL, severity=Severity.LOW, details={"live": {URL: [URL]}}
    )
    plan = Plan(steps=(Step(id="s", operation=operation()),), rationale=URL)
    made = [
        evidence,
        finding,
        plan,
        Reported(text=URL, not_checked=(URL,), data={"a": URL}),
        Failed(message=URL),
    ]
    for item in made:
        assert "canary" not in item.model_dump_json()
        assert "postgres://<credentials>@host/db" in item.model_dump_json()
    assert "canary" not in str(InputError(URL, URL, URL))
    assert Plan.model_validate_json(plan.model_dump_json()).digest == plan.digest


def test_a_plan_with_a_secret_is_executed_as_it_is_and_shown_without() -> None:
    patch = Patch(
        target=Target(context="c", kind="deployment", name="web"),
        before={"/a": URL, "/spec": {"password": "canary"}},
        after={
            "/a": f"{URL}2",
            "/spec": {"password": "canary2"},
            "/key": KEY.format("").replace("MII", "canary"),
        },
    )
    edit = operation((ByteEdit(start=0, end=1, old=URL, new=f"{URL}2"),))
    plan = Plan(steps=(Step(id="s", operation=patch), Step(id="t", operation=edit)), rationale="")
    event = Proposed(digest=plan.digest, plan=plan, verdicts=())
    again = parse_event(json.loads(event.model_dump_json()))
    assert isinstance(again, Proposed) and again.plan.digest == plan.digest
    plain: dict[str, Any] = shown(event)
    assert "canary" not in json.dumps(plain) and plain["digest"] == plan.digest
    assert "canary" not in patch.diff() + edit.diff()
    assert patch.diff().splitlines()[0] == "- /a: postgres://<credentials>@host/db"
