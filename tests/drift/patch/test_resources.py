"""What was made by hand becomes a block with its import; settings become blocks that refer to what they are of."""

from __future__ import annotations

from typing import Any

import pytest

from lamplighter.drift.model import EventRef
from lamplighter.drift.patch import resources
from lamplighter.drift.patch.blocks import root_of
from lamplighter.drift.patch.creation import creations
from lamplighter.drift.patch.importing import forms, import_id, takes_import_blocks
from tests.drift.patch.cases import held, one, proposed
from tests.drift.patch.says import code_of, instances, item

_BUCKET = 'resource "aws_s3_bucket" "logs" {\n  bucket = "acme-logs"\n}\n'
_STATE = {"aws_s3_bucket.logs": {"id": "acme-logs", "bucket": "acme-logs", "arn": "arn:aws:s3:::acme-logs"}}
_POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "x"}],
}


def _setting(attribute: str, live: Any) -> Any:
    kind = attribute.partition(".")[0]
    return item(
        "aws_s3_bucket.logs", "set", attribute, live=live, resource_type=kind, resource_id="acme-logs"
    )


def test_a_policy_of_a_bucket() -> None:
    drift = _setting("aws_s3_bucket_policy.policy", _POLICY)
    _, changed = held(resources.rules, drift, one(_BUCKET, _STATE))
    assert changed["imports.tf"] == 'import {\n  to = aws_s3_bucket_policy.logs\n  id = "acme-logs"\n}\n'
    assert changed["main.tf"] == _BUCKET + (
        '\nresource "aws_s3_bucket_policy" "logs" {\n  bucket = aws_s3_bucket.logs.id\n'
        '  policy = jsonencode({\n    Version = "2012-10-17"\n    Statement = [\n      {\n'
        '        Effect    = "Allow"\n        Principal = "*"\n        Action    = "s3:GetObject"\n'
        '        Resource  = "x"\n      },\n    ]\n  })\n}\n'
    )


def test_settings_that_come_one_by_one_are_one_block() -> None:
    code = one(_BUCKET, _STATE)
    told = {"block_public_acls": True, "block_public_policy": False, "restrict_public_buckets": True}
    for name, live in told.items():
        drift = _setting(f"aws_s3_bucket_public_access_block.{name}", live)
        code = code.edited(proposed(resources.rules, drift, code)[0].edits)
    assert code.contents["main.tf"].decode() == _BUCKET + (
        '\nresource "aws_s3_bucket_public_access_block" "logs" {\n'
        "  bucket                  = aws_s3_bucket.logs.id\n  block_public_acls       = true\n"
        "  block_public_policy     = false\n  restrict_public_buckets = true\n}\n"
    )
    assert code.contents["imports.tf"].count(b"import {") == 1


def test_settings_within_a_block() -> None:
    code = one(_BUCKET, _STATE)
    kind = "aws_s3_bucket_server_side_encryption_configuration"
    inner = f"{kind}.rule.apply_server_side_encryption_by_default"
    for attribute, live in ((f"{inner}.sse_algorithm", "aws:kms"), (f"{inner}.kms_master_key_id", "k")):
        drift = _setting(attribute, live)
        code = code.edited(proposed(resources.rules, drift, code)[0].edits)
    said = instances(code)[f"{kind}.logs"]
    expected = {"sse_algorithm": "aws:kms", "kms_master_key_id": "k"}
    assert said["rule"] == [{"apply_server_side_encryption_by_default": [expected]}]


def test_a_setting_in_a_module_of_several_instances_goes_to_the_root() -> None:
    root = 'module "zone" {\n  source   = "./m"\n  for_each = toset(["a", "b"])\n  name     = each.key\n}\n'
    module = (
        'variable "name" {\n  type = string\n}\n\nresource "aws_s3_bucket" "this" {\n  bucket = var.name\n}\n\n'
        'output "bucket" {\n  value = aws_s3_bucket.this.id\n}\n'
    )
    state = {f'module.zone["{key}"].aws_s3_bucket.this': {"id": key, "bucket": key} for key in "ab"}
    code = code_of({"main.tf": root, "m/main.tf": module}, state)
    drift = item(
        'module.zone["b"].aws_s3_bucket.this',
        "set",
        "aws_s3_bucket_policy.policy",
        live=_POLICY,
        resource_type="aws_s3_bucket_policy",
        resource_id="b",
    )
    _, changed = held(resources.rules, drift, code)
    assert set(changed) == {"main.tf", "imports.tf"}
    assert 'bucket = module.zone["b"].bucket\n' in changed["main.tf"]


def _made(name: str, parameters: dict[str, Any], answer: dict[str, Any] | None = None) -> dict[str, Any]:
    service, _, call = name.partition(":")
    return {
        "eventID": "e-1",
        "eventName": call,
        "eventSource": f"{service}.amazonaws.com",
        "eventTime": "2026-11-25T00:00:00Z",
        "awsRegion": "eu-west-1",
        "recipientAccountId": "123456789012",
        "userIdentity": {"type": "IAMUser", "userName": "eva", "arn": "arn:aws:iam::123456789012:user/eva"},
        "userAgent": "console.amazonaws.com",
        "sourceIPAddress": "192.0.2.1",
        "requestParameters": parameters,
        "responseElements": answer,
    }


def _new(kind: str, identity: str, name: str, **more: Any) -> Any:
    events = (EventRef("e-1", name, "2026-11-25T00:00:00Z"),)
    return item(
        None, "create", live="present", resource_type=kind, resource_id=identity, events=events, **more
    )


_PROVIDER = 'provider "aws" {\n  region = "eu-west-1"\n}\n'


@pytest.mark.parametrize(
    ("kind", "identity", "record", "block", "imported"),
    [
        pytest.param(
            "aws_sqs_queue",
            "replay",
            _made("sqs:CreateQueue", {"queueName": "replay", "attributes": {"VisibilityTimeout": "60"}}),
            '  name                       = "replay"\n  visibility_timeout_seconds = 60\n\n'
            "  lifecycle {\n    ignore_changes = [max_message_size]\n  }\n",
            "https://sqs.eu-west-1.amazonaws.com/123456789012/replay",
            id="queue",
        ),
        pytest.param(
            "aws_security_group",
            "sg-12345678",
            _made(
                "ec2:CreateSecurityGroup",
                {"groupName": "debug", "groupDescription": "x", "vpcId": "vpc-12345678"},
            ),
            '  name        = "debug"\n  description = "x"\n  vpc_id      = aws_vpc.main.id\n',
            "sg-12345678",
            id="security group in a managed network",
        ),
        pytest.param(
            "aws_dynamodb_table",
            "scratch",
            _made(
                "dynamodb:CreateTable",
                {
                    "tableName": "scratch",
                    "billingMode": "PAY_PER_REQUEST",
                    "keySchema": [{"attributeName": "id", "keyType": "HASH"}],
                    "attributeDefinitions": [{"attributeName": "id", "attributeType": "S"}],
                },
            ),
            '  name         = "scratch"\n  billing_mode = "PAY_PER_REQUEST"\n  hash_key     = "id"\n\n'
            '  attribute {\n    name = "id"\n    type = "S"\n  }\n',
            "scratch",
            id="table with blocks",
        ),
        pytest.param(
            "aws_ssm_parameter",
            "/x/y",
            _made(
                "ssm:PutParameter",
                {"name": "/x/y", "type": "SecureString", "value": "HIDDEN_DUE_TO_SECURITY_REASONS"},
            ),
            '  name  = "/x/y"\n  type  = "SecureString"\n  value = "kept outside of the code"\n\n'
            "  lifecycle {\n    ignore_changes = [value]\n  }\n",
            "/x/y",
            id="a value that the trace hides",
        ),
        pytest.param(
            "aws_lambda_permission",
            "report partner",
            _made(
                "lambda:AddPermission20150331v2",
                {
                    "functionName": "report",
                    "statementId": "partner",
                    "action": "lambda:Invoke",
                    "principal": "1",
                },
            ),
            '  statement_id  = "partner"\n  action        = "lambda:Invoke"\n  function_name = "report"\n'
            '  principal     = "1"\n',
            "report/partner",
            id="a call with a date in its name",
        ),
    ],
)
def test_a_new_resource(kind: str, identity: str, record: dict[str, Any], block: str, imported: str) -> None:
    vpc = 'resource "aws_vpc" "main" {\n  cidr_block = "10.0.0.0/16"\n}\n'
    code = code_of({"main.tf": f"{_PROVIDER}\n{vpc}"}, {"aws_vpc.main": {"id": "vpc-12345678"}})
    drift = _new(kind, identity, f"{record['eventSource'].partition('.')[0]}:{record['eventName']}")
    _, changed = held(resources.rules, drift, code.with_records({"e-1": record}))
    assert f'resource "{kind}" "' in changed["main.tf"]
    assert f" {{\n{block}}}\n" in changed["main.tf"]
    assert f'  id = "{imported}"\n' in changed["imports.tf"]


def test_without_records_there_is_a_reason_and_no_guess() -> None:
    code, drift = one(_PROVIDER, {}), _new("aws_sqs_queue", "replay", "sqs:CreateQueue")
    assert not list(resources.rules(drift, code))
    assert "records" in resources.obstacle(drift, code)


def test_another_region_needs_a_provider_of_it() -> None:
    record = _made("sqs:CreateQueue", {"queueName": "replay"})
    drift = _new("aws_sqs_queue", "replay", "sqs:CreateQueue", region="us-east-1")
    code = one(_PROVIDER, {}).with_records({"e-1": record})
    assert not list(resources.rules(drift, code))
    assert "no provider" in resources.obstacle(drift, code)
    west = 'provider "aws" {\n  alias  = "virginia"\n  region = "us-east-1"\n}\n'
    code = one(f"{_PROVIDER}\n{west}", {}).with_records({"e-1": record})
    (candidate,) = proposed(resources.rules, drift, code)
    assert b"  provider = aws.virginia\n" in code.edited(candidate.edits).contents["main.tf"]


def test_one_more_of_what_the_code_makes_several_of() -> None:
    text = (
        f'{_PROVIDER}\nresource "aws_sqs_queue" "work" {{\n  for_each                   = local.queues\n'
        '  name                       = "work-${each.key}"\n  visibility_timeout_seconds = each.value\n'
        "  max_message_size           = 1024\n}\n\nlocals {\n  queues = {\n    mail = 30\n  }\n}\n"
    )
    record = _made(
        "sqs:CreateQueue",
        {
            "queueName": "work-reports",
            "attributes": {"VisibilityTimeout": "60", "MaximumMessageSize": "1024"},
        },
    )
    code = one(text, {}).with_records({"e-1": record})
    rule, changed = held(resources.rules, _new("aws_sqs_queue", "work-reports", "sqs:CreateQueue"), code)
    assert rule == "for_each map member"
    assert "    mail    = 30\n    reports = 60\n" in changed["main.tf"]
    assert 'to = aws_sqs_queue.work["reports"]' in changed["imports.tf"]


@pytest.mark.parametrize("name", ['a" {\n}\nresource "x" "y', "${file(1)}", "%{if}", "7", "", "é", "a" * 300])
def test_hostile_names(name: str) -> None:
    record = _made("sqs:CreateQueue", {"queueName": name})
    code = one(_PROVIDER, {}).with_records({"e-1": record})
    for candidate in proposed(resources.rules, _new("aws_sqs_queue", name, "sqs:CreateQueue"), code):
        after = code.edited(candidate.edits)
        home = root_of(after)
        assert home is not None
        (block,) = home.instance.module.resources.values()
        assert block.labels[1].isidentifier() and len(block.labels[1]) <= 60


def test_import_blocks_need_terraform_1_5() -> None:
    def code(constraint: str) -> Any:
        return one(f'terraform {{\n  required_version = "{constraint}"\n}}\n', {})

    assert all(
        takes_import_blocks(code(text)) for text in (">= 1.5", "~> 1.9.0", ">= 1.3, >= 1.7", "> 1.5.2")
    )
    assert not any(
        takes_import_blocks(code(text)) for text in (">= 1.3", "~> 1.4", ">= 0.13, < 2.0", "1.4.6")
    )


def test_tables_are_whole() -> None:
    """Every type that a call makes has an import id; every form takes the values that it names and nothing else."""
    assert {creation.type for creation in creations().values()} <= set(forms())
    assert import_id("aws_iam_role_policy", {"role": "r", "name": "n"}) == "r:n"
    assert import_id("aws_iam_role_policy", {"role": "r"}) == ""
    assert import_id("aws_unknown", {"id": "x"}) == ""
