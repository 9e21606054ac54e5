"""Order of lists, and text that looks like JSON: what is written says what is live as the provider reads it."""

from __future__ import annotations

from typing import Any

import pytest

from lamplighter.drift.patch.agreement import agree, is_set
from lamplighter.drift.patch.code import Code
from lamplighter.drift.patch.judge import judge
from lamplighter.drift.patch.model import Decision, Verdict
from lamplighter.drift.patch.patch import patch_of
from tests.drift.code.world import resource
from tests.drift.patch.world import changed, code, goal, item


def one(kind: str, body: str, **state: Any) -> Code:
    text = f'resource "{kind}" "x" {{\n{body}\n}}\n'
    return code({"main.tf": text}, resource(kind, "x", {"id": "x", **state}))


def codified(before: Code, attribute: str, live: Any, was: Any = None) -> str:
    kind = before.index.resources[0].type
    made = patch_of([Decision(item(f"{kind}.x", attribute, live, was=was), Verdict.CODIFY, "")], before)
    assert [placed.item.attribute for placed in made.placed] == [attribute], made.unplaced
    return made.after.contents["main.tf"].decode()


@pytest.mark.parametrize(
    ("kind", "path", "expected"),
    [
        ("aws_lb", "subnets", True),
        ("aws_lambda_function", "layers", False),
        ("aws_lambda_function", "image_config.0.command", False),
        ("aws_security_group", "ingress", True),
        ("aws_cloudfront_distribution", "ordered_cache_behavior", False),
        ("acme_thing", "made_up_names", False),
    ],
)
def test_order_counts_unless_the_provider_has_a_set(kind: str, path: str, expected: bool) -> None:
    assert is_set(kind, path) is expected
    assert agree(["a", "b"], ["b", "a"], kind, path) is expected
    assert agree(["a", "b"], ["a", "b"], kind, path)


@pytest.mark.parametrize(
    ("kind", "body", "attribute", "was", "live", "line"),
    [
        (
            "aws_lambda_function",
            '  layers = ["a", "b"]',
            "layers",
            ["a", "b"],
            ["new", "b", "a"],
            'layers = ["new", "b", "a"]',
        ),
        (
            "aws_vpc_dhcp_options",
            '  domain_name_servers = ["a", "b"]',
            "domain_name_servers",
            ["a", "b"],
            ["b", "a"],
            'domain_name_servers = ["b", "a"]',
        ),
        (
            "aws_lambda_function",
            '  image_config {\n    command = ["serve", "--port"]\n  }',
            "image_config.0.command",
            ["serve", "--port"],
            ["tini", "serve", "--port"],
            'command = ["tini", "serve", "--port"]',
        ),
        (
            "aws_ssm_parameter",
            "  value = jsonencode([1, 2, 3])",
            "value",
            "[1,2,3]",
            "[2,1,3]",
            "value = jsonencode([2, 1, 3])",
        ),
        ("aws_lb", '  subnets = ["b", "a"]', "subnets", ["a", "b"], ["a", "b", "c"], '["b", "a", "c"]'),
    ],
)
def test_a_list_is_written_in_its_live_order(
    kind: str, body: str, attribute: str, was: Any, live: Any, line: str
) -> None:
    assert line in codified(one(kind, body), attribute, live, was)


def test_a_new_first_block_stands_first() -> None:
    body = '  ordered_cache_behavior {\n    path_pattern = "/a"\n  }'
    live = [{"path_pattern": "/new"}, {"path_pattern": "/a"}]
    before = one("aws_cloudfront_distribution", body, ordered_cache_behavior=live[1:])
    text = codified(before, "ordered_cache_behavior", live, live[1:])
    assert text.index("/new") < text.index("/a")


def test_another_order_of_another_list_is_a_change() -> None:
    before = one(
        "aws_lambda_function", '  memory_size = 1\n  layers = ["a", "b"]\n  architectures = ["c", "d"]'
    )
    drifted = goal(item("aws_lambda_function.x", "memory_size", 2, was=1))
    right = changed(before, "memory_size = 1", "memory_size = 2")
    assert judge([drifted], before, right).reason == ""
    turned = changed(right, '"a", "b"', '"b", "a"')
    assert judge([drifted], before, turned).reason == "layers of aws_lambda_function.x would change too"


@pytest.mark.parametrize(
    ("live", "written"),
    [
        ('{"b": 1.0, "a": 2}', r'"{\"b\": 1.0, \"a\": 2}"'),
        ('{"b":1.0}', r'"{\"b\":1.0}"'),
        ('{"a":1,"a":2}', r'"{\"a\":1,\"a\":2}"'),
        ('{"a":"<b>"}', r'"{\"a\":\"<b>\"}"'),
        ("{ }", '"{ }"'),
        ('{"a":"1"}', 'jsonencode({\n      a = "1"\n    })'),
    ],
)
@pytest.mark.parametrize("code_says", ['"{}"', "jsonencode({ a = 1 })"])
def test_free_text_that_looks_like_json_keeps_every_letter(live: str, written: str, code_says: str) -> None:
    assert written in codified(one("aws_vpc", f"  tags = {{\n    Cfg = {code_says}\n  }}"), "tags.Cfg", live)


def test_a_policy_is_written_with_jsonencode_whatever_its_white_space() -> None:
    live = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}'
    assert "policy = jsonencode({" in codified(one("aws_sqs_queue", '  name = "x"'), "policy", live)


@pytest.mark.parametrize(
    ("extra", "path"),
    [
        ("ingress = []", "ingress"),
        ('tags = { Env = "prod", X = "" }', "tags.X"),
        ("managed_policy_arns = []", "managed_policy_arns"),
        ('description = ""', "description"),
    ],
)
def test_an_explicit_empty_is_not_what_is_left_out(extra: str, path: str) -> None:
    before = one("aws_security_group", '  name = "x"\n  tags = { Env = "dev" }')
    drifted = goal(item("aws_security_group.x", "tags.Env", "prod", was="dev"))
    right = changed(before, '"dev"', '"prod"')
    assert judge([drifted], before, right).reason == ""
    assert judge([drifted], before, changed(right, 'name = "x"', 'name = "x"\n  policy = null')).reason == ""
    if extra.startswith("tags"):
        wrong = changed(right, 'tags = { Env = "prod" }', extra)
    else:
        wrong = changed(right, 'name = "x"', f'name = "x"\n  {extra}')
    assert judge([drifted], before, wrong).reason == f"{path} of aws_security_group.x would change too"


def test_an_object_where_text_is_due_is_refused_without_an_old_text() -> None:
    before = one("aws_iam_role", '  name = "x"')
    live = '{"Version":"2012-10-17","Statement":[]}'
    drifted = goal(item("aws_iam_role.x", "assume_role_policy", live))
    document = '{ Version = "2012-10-17", Statement = [] }'
    text = changed(before, 'name = "x"', f'name = "x"\n  assume_role_policy = jsonencode({document})')
    assert judge([drifted], before, text).reason == ""
    bare = changed(before, 'name = "x"', f'name = "x"\n  assume_role_policy = {document}')
    assert "is text, and would be written as something else" in judge([drifted], before, bare).reason
