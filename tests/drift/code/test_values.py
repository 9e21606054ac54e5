"""Two ways to write one policy are one value; what is nested too deep to compare is never the same, and never fatal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lamplighter.drift.report import data, markdown, text
from lamplighter.drift.values import plain, same
from tests.drift.code.world import call, check, drifts, resource

ALLOW = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "x"}
ROOT = "arn:aws:iam::111122223333:root"


def document(**fields: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{**ALLOW, **fields}]}


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (document(Action=["s3:GetObject"]), True),
        (document(Action=["S3:getobject"]), True),
        (document(Resource=["x"]), True),
        (document(Principal={"AWS": "*"}), True),
        (document(Principal={"AWS": ["*"]}), True),
        ({"Version": "2012-10-17", "Statement": ALLOW}, True),
        (document(Action=["s3:GetObject", "s3:PutObject"]), False),
        (document(Action=["s3:*"]), False),
        (document(Resource=["X"]), False),
        (document(Principal={"Service": "*"}), False),
        (document(Principal={"AWS": ROOT}), False),
        (document(Effect="Deny"), False),
        (document(Condition={"Bool": {"aws:SecureTransport": "true"}}), False),
        ({"Version": "2012-10-17", "Statement": [ALLOW, ALLOW | {"Effect": "Deny"}]}, False),
    ],
)
def test_one_policy_has_many_forms(other: Any, expected: bool) -> None:
    assert same(json.dumps(document()), other) is expected
    assert same(other, document()) is expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ({"Principal": {"AWS": ROOT}}, {"Principal": {"AWS": ["111122223333"]}}, True),
        ({"Principal": {"AWS": ROOT}}, {"Principal": {"AWS": ["999922223333"]}}, False),
        (
            {"Condition": {"Bool": {"aws:SecureTransport": ["true"]}}},
            {"Condition": {"Bool": {"aws:SecureTransport": True}}},
            True,
        ),
        ({"NotAction": "s3:*"}, {"NotAction": ["s3:*"]}, True),
        ({"NotAction": "s3:*"}, {"NotResource": ["s3:*"]}, False),
    ],
)
def test_parts_of_a_statement(one: dict[str, Any], other: dict[str, Any], expected: bool) -> None:
    assert same(document(**one), json.dumps(document(**other))) is expected


def test_the_order_of_statements_written_differently_does_not_count() -> None:
    several = [{**ALLOW, "Sid": name, "Action": action} for name, action in (("a", "z:Z"), ("b", ["a:A"]))]
    turned = [{**several[1], "Action": "a:A"}, {**several[0], "Action": ["z:Z"]}]
    assert same({"Statement": several}, {"Statement": turned})


def test_only_policies_have_many_forms() -> None:
    assert not same({"Statement": {"a": 1}}, {"Statement": [{"a": 1}]})
    assert not same({"Action": "x"}, {"Action": ["x"]})
    assert plain({"Action": "X"}) == {"Action": "X"}


def nested(depth: int, innermost: Any = 1) -> dict[str, Any]:
    for _ in range(depth):
        innermost = [innermost]
    return {"Statement": innermost}


@pytest.mark.parametrize("depth", [90, 250, 350, 450, 600, 900])
@pytest.mark.parametrize("inside", ["text", "state", "code"])
def test_deep_policies_are_found_and_shown(tmp_path: Path, depth: int, inside: str) -> None:
    live = json.dumps(nested(depth))
    stored: Any = {"text": "{}", "state": nested(depth, 2), "code": json.dumps(nested(depth, 2))}[inside]
    written = f"assume_role_policy = jsonencode(jsondecode({json.dumps(stored)}))" if inside == "code" else ""
    role = resource("aws_iam_role", "r", {"id": "r", "name": "r", "assume_role_policy": stored})
    code = {"main.tf": f'resource "aws_iam_role" "r" {{\n  name = "r"\n  {written}\n}}\n'}
    changed = call(
        "iam:UpdateAssumeRolePolicy", {"roleName": "r", "policyDocument": live}, awsRegion="us-east-1"
    )
    report = check(tmp_path, code, [role], [changed])
    part = "assume_role_policy.Statement" if inside == "state" else "assume_role_policy"
    assert [row[:2] for row in drifts(report)] == [("aws_iam_role.r", part)]
    assert json.dumps(data(report)) and text(report) and markdown(report)


def test_too_deep_is_not_the_same() -> None:
    assert same(nested(90), nested(90)) and not same(nested(90), nested(90, 2))
    assert not same(json.dumps(nested(400)), json.dumps(nested(400, 2)))
    assert same(json.dumps(nested(400)), json.dumps(nested(400)))
