"""What a request is about: kinds, settings and addresses narrow it, and words that only sound like names do not."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from lamplighter.agents.drift import matches
from lamplighter.agents.requests import Parsed, parse, vocabulary
from lamplighter.core.findings import Finding, Severity

NOW = datetime(2026, 3, 5, 9, 30, tzinfo=UTC)
INVENTORY = (
    "aws_sqs_queue.jobs",
    "aws_instance.web",
    "aws_security_group.web",
    "aws_iam_policy.own",
    "aws_dynamodb_table.orders",
    "aws_lambda_alias.live",
    "aws_vpc_security_group_egress_rule.all",
)


def meant(text: str, place: str = "shop") -> Parsed:
    return parse(text, now=NOW, inventory=INVENTORY, place=place)


def found(where: str, attribute: str = "", **details: str) -> Finding:
    return Finding(
        id="drift-1",
        kind="drift",
        where=where,
        summary="s",
        severity=Severity.LOW,
        details={"attribute": attribute, **details},
    )


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("put the queue's delay into the code", "resources", ("aws_sqs_queue",)),
        ("put the queue's delay into the code", "settings", ("delay",)),
        (
            "undo the change to the security group",
            "resources",
            ("aws_security_group", "aws_vpc_security_group_"),
        ),
        ("revert the tag change", "settings", ("tag",)),
        ("codify the visibility timeout", "settings", ("visibility",)),
        ("codify the timeout", "settings", ("timeout",)),
        ("codify the web instance", "objects", ("aws_instance.web",)),
        ("codify web", "objects", ("aws_instance.web", "aws_security_group.web")),
        # A name says it closer than its kind.
        ("codify the jobs queue", "resources", ()),
        ("changes by user alice", "resources", ()),
        ("which rules changed", "resources", ()),
        ("please codify all drift", "objects", ()),
        ("bring the code up to what is live", "objects", ()),
        ('codify aws_instance.web["a"]', "objects", ('aws_instance.web["a"]',)),
        ('codify module.t["x"].aws_iam_policy.own', "objects", ('module.t["x"].aws_iam_policy.own',)),
    ],
)
def test_what_is_meant(text: str, field: str, value: object) -> None:
    assert getattr(meant(text), field) == value


def test_the_directory_is_no_resource_of_its_name() -> None:
    assert meant("bring the code of orders up to date", "orders").objects == ()
    assert meant("bring the code of orders up to date").objects == ("aws_dynamodb_table.orders",)
    for text in ("codify the orders-table", "codify aws_dynamodb_table.orders"):
        assert meant(text, "orders").objects == ("aws_dynamodb_table.orders",)


@pytest.mark.parametrize(
    "text",
    [
        "bring the code of payments up to what is live",
        "update the code to say what is live",
        "adopt the change",
        "codify the change",
        "put the lambda's memory into the code",
    ],
)
def test_into_the_code_whatever_would_be_proposed_otherwise(text: str) -> None:
    parsed = meant(text)
    assert parsed.into_code and parsed.domains == ("drift",) and parsed.verb in ("propose", "apply")


@pytest.mark.parametrize(
    ("where", "name", "expected"),
    [
        ('aws_instance.web["a"]', "aws_instance.web", True),
        ('aws_instance.web["a"]', 'aws_instance.web["a"]', True),
        ('aws_instance.web["b"]', 'aws_instance.web["a"]', False),
        ('module.m["x"].aws_iam_policy.own', 'module.m["x"].aws_iam_policy.own', True),
        ('module.m["x"].aws_iam_policy.own[0]', 'module.m["x"].aws_iam_policy.own', True),
        ('module.m["y"].aws_iam_policy.own', 'module.m["x"].aws_iam_policy.own', False),
        ('module.m["y"].aws_iam_policy.own', "module.m.aws_iam_policy.own", True),
        ("module.m.aws_instance.web", "aws_instance.web", True),
    ],
)
def test_an_address_is_as_close_as_it_is_written(where: str, name: str, expected: bool) -> None:
    assert matches(found(where), Parsed(objects=(name,))) is expected


@pytest.mark.parametrize(
    ("finding", "parsed", "expected"),
    [
        (found("aws_s3_bucket_versioning.a"), Parsed(resources=("aws_s3_bucket",)), True),
        (found("aws_sqs_queue x", resource_type="aws_sqs_queue"), Parsed(resources=("aws_sqs_queue",)), True),
        (found('module.q["a.b"].aws_sqs_queue.main[0]'), Parsed(resources=("aws_sqs_queue",)), True),
        (found("aws_instance.web"), Parsed(resources=("aws_sqs_queue",)), False),
        (found("aws_sqs_queue.a", "delay_seconds"), Parsed(settings=("delay",)), True),
        (found("aws_sqs_queue.a", "tags.delay"), Parsed(settings=("timeout",)), False),
        (found("aws_s3_bucket_lifecycle_configuration.a"), Parsed(settings=("lifecycle",)), True),
    ],
)
def test_kinds_and_settings_keep_their_own(finding: Finding, parsed: Parsed, expected: bool) -> None:
    assert matches(finding, parsed) is expected


@pytest.mark.parametrize("table", ["resources", "settings"])
def test_every_word_is_exercised(table: str) -> None:
    for meaning, phrases in getattr(vocabulary(), table).items():
        for phrase in phrases:
            parsed = parse(f"codify the {phrase}", now=NOW)
            assert meaning in getattr(parsed, table), phrase


def test_words_that_name_nothing() -> None:
    for word in vocabulary().common:
        if len(word) >= 3:
            assert parse(f"drift {word}", now=NOW, inventory=(f"aws_x.{word}",)).objects == (), word


def test_the_iam_role_is_a_role_only() -> None:
    assert meant("revert the iam role").resources == ("aws_iam_role",)
    assert meant("revert the iam changes").resources == ("aws_iam_",)
