"""Which accounts and regions a root module works in, and which calls are on a resource of another of its providers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lamplighter.core.trace import Place
from lamplighter.drift.places import Layout
from lamplighter.drift.provider_blocks import Provider
from tests.drift.code.world import PROVIDER, call, check, resource, resources_of, state_document

ONE, TWO = "111111111111", "222222222222"
ROLE = f"arn:aws:iam::{TWO}:role/terraform"
HERE = Provider("aws", region="eu-west-1")
WEST = Provider("aws", "west", "us-west-2", (TWO,), (ROLE,))


def layout(*resources: dict[str, Any], providers: tuple[Provider, ...] = (HERE, WEST)) -> Layout:
    return Layout(providers, resources_of(state_document(*resources)).resources)


def held(kind: str, name: str, alias: str = "", **attributes: Any) -> dict[str, Any]:
    provider = f"{PROVIDER}.{alias}" if alias else PROVIDER
    return {**resource(kind, name, attributes), "provider": provider}


def queue(account: str, region: str, alias: str = "") -> dict[str, Any]:
    return held("aws_sqs_queue", f"q{alias}", alias, arn=f"arn:aws:sqs:{region}:{account}:q", id="u")


@pytest.mark.parametrize(
    ("resources", "providers", "places"),
    [
        ([], (), [("", "")]),
        ([], (HERE,), [("", "eu-west-1")]),
        ([], (HERE, WEST), [("", "eu-west-1"), (TWO, "us-west-2")]),
        ([queue(ONE, "eu-west-1")], (HERE, WEST), [(ONE, "eu-west-1"), (TWO, "us-west-2")]),
        ([queue(ONE, "eu-north-1")], (), [(ONE, "eu-north-1")]),
        ([held("aws_iam_role", "r", arn=f"arn:aws:iam::{ONE}:role/r")], (), [(ONE, "us-east-1")]),
        (
            [queue(ONE, "eu-west-1"), held("aws_s3_bucket", "b", region="eu-south-1", arn="arn:aws:s3:::b")],
            (),
            [(ONE, "eu-south-1"), (ONE, "eu-west-1")],
        ),
        # What the target of a rule is says nothing of where the rule is.
        ([held("aws_cloudwatch_event_target", "t", arn=f"arn:aws:sqs:eu-west-1:{TWO}:q")], (), [("", "")]),
        (
            [queue(ONE, "eu-west-1")],
            (Provider("aws", region="eu-west-1", accounts=(ONE, TWO)),),
            [(ONE, "eu-west-1")],
        ),
        (
            [held("aws_lambda_permission", "p", "west", id="p")],
            (HERE, WEST),
            [("", "eu-west-1"), (TWO, "us-west-2")],
        ),
    ],
)
def test_places(resources: list[Any], providers: tuple[Provider, ...], places: list[tuple[str, str]]) -> None:
    found = layout(*resources, providers=providers).places()
    assert sorted(found) == [Place(*place) for place in places]


@pytest.mark.parametrize(
    ("kind", "alias", "account", "region", "beyond"),
    [
        ("aws_lambda_permission", "west", TWO, "us-west-2", False),
        ("aws_lambda_permission", "west", TWO, "eu-west-1", True),
        ("aws_lambda_permission", "", ONE, "us-west-2", True),
        ("aws_lambda_permission", "west", ONE, "us-west-2", True),
        # No provider of this root works there, so it is not said where such a call belongs.
        ("aws_lambda_permission", "west", TWO, "ap-south-1", False),
        ("aws_iam_role_policy", "", ONE, "us-west-2", False),
        ("aws_iam_role_policy", "west", ONE, "us-east-1", True),
    ],
)
def test_a_name_is_another_s_where_another_provider_works(
    kind: str, alias: str, account: str, region: str, beyond: bool
) -> None:
    made = layout(queue(ONE, "eu-west-1"), held(kind, "x", alias, id="x"))
    (item,) = resources_of(state_document(held(kind, "x", alias, id="x"))).resources
    assert made.beyond(item, account, region) is beyond


@pytest.mark.parametrize(("region", "found"), [("us-west-2", 1), ("eu-west-1", 0)])
def test_a_call_is_matched_with_what_lives_where_it_was_made(tmp_path: Path, region: str, found: int) -> None:
    text = """
provider "aws" {
  region = "eu-west-1"
}
provider "aws" {
  alias  = "west"
  region = "us-west-2"
}
resource "aws_lambda_permission" "p" {
  provider      = aws.west
  function_name = "f"
  statement_id  = "s"
}
"""
    entry = held("aws_lambda_permission", "p", "west", id="s", function_name="f", statement_id="s")
    taken = call(
        "lambda:RemovePermission20150331v2", {"functionName": "f", "statementId": "s"}, awsRegion=region
    )
    assert len(check(tmp_path, {"main.tf": text}, [entry], [taken]).findings) == found


def test_a_state_that_does_not_tell_the_provider_decides_nothing() -> None:
    shown = {
        "format_version": "1.0",
        "values": {
            "root_module": {
                "resources": [
                    {
                        "address": "aws_lambda_permission.p",
                        "type": "aws_lambda_permission",
                        "name": "p",
                        "mode": "managed",
                        "provider_name": "registry.terraform.io/hashicorp/aws",
                        "values": {"id": "p"},
                    }
                ]
            }
        },
    }
    (item,) = resources_of(shown, "show").resources
    assert item.alias is None and not layout().beyond(item, TWO, "us-west-2")


@pytest.mark.parametrize(
    ("text", "alias"),
    [
        (PROVIDER, ""),
        (f"{PROVIDER}.west", "west"),
        (f"module.a.{PROVIDER}.west", "module.a.west"),
        (f"module.a.{PROVIDER}", "module.a."),
        ("provider.aws", ""),
        ("provider.aws.west", "west"),
        ("", None),
        (7, None),
    ],
)
def test_the_provider_as_a_state_names_it(text: Any, alias: str | None) -> None:
    entry = {**resource("aws_sqs_queue", "q", {"id": "u"}), "provider": text}
    (item,) = resources_of(state_document(entry)).resources
    assert item.alias == alias
