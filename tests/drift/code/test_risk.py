"""The table of risks, row by row."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest

from lamplighter.drift.items import reassessed
from lamplighter.drift.model import Action
from lamplighter.drift.risk import Rule, assess, rules
from tests.drift.patch.world import item

ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"
ALL = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
PUBLIC = {"Statement": {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}}
SMALL = {"Statement": [{"Effect": "Allow", "Action": "s3:GetObject"}, {"Effect": "Deny", "Action": "*"}]}


def rule(first: int, last: int, protocol: str = "tcp", source: str = "0.0.0.0/0") -> dict[str, Any]:
    return {"protocol": protocol, "from_port": first, "to_port": last, "source": source}


def acl(cidr: str, action: str = "allow") -> dict[str, Any]:
    return {"protocol": "tcp", "action": action, "cidr": cidr, "from_port": 22, "to_port": 22}


def trust(principal: Any, **more: Any) -> dict[str, Any]:
    return {"Statement": [{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", **more}]}


def act(action: Any, resource: Any = "*", effect: str = "Allow") -> dict[str, Any]:
    return {"Statement": [{"Effect": effect, "Action": action, "Resource": resource}]}


OWN, OTHER = "arn:aws:iam::111122223333:root", "arn:aws:iam::444455556666:role/x"
WEAK, STRONG = "ELBSecurityPolicy-TLS-1-0-2015-04", "ELBSecurityPolicy-TLS13-1-2-2021-06"
ALL_USERS = [{"grantee": [{"uri": "http://acs.amazonaws.com/groups/global/AllUsers"}], "permission": "READ"}]
ONE_USER = [{"grantee": [{"id": "a1"}], "permission": "READ"}]


Row = tuple[str, Action, str, Any, Any, str]
ROWS: list[Row] = [
    ("aws_security_group", "add", "ingress", None, rule(22, 22), "critical"),
    ("aws_security_group", "add", "ingress", None, rule(0, 65535, source="::/0"), "critical"),
    ("aws_security_group", "add", "ingress", None, rule(0, 0, "-1"), "critical"),
    ("aws_security_group", "add", "ingress", None, rule(443, 443), "high"),
    ("aws_security_group", "add", "ingress", None, rule(22, 22, source="10.0.0.0/8"), "low"),
    ("aws_security_group", "add", "ingress", None, rule(22, 22, source="84.17.3.9/32"), "high"),
    ("aws_security_group", "add", "ingress", None, rule(0, 0, "-1", source="84.17.3.9/32"), "high"),
    ("aws_security_group", "add", "ingress", None, rule(443, 443, source="84.17.3.9/32"), "high"),
    ("aws_security_group", "add", "ingress", None, rule(443, 443, source="sg-0a1b2c"), "low"),
    ("aws_security_group", "add", "ingress", None, rule(3389, 3389, source="192.0.2.77/32"), "high"),
    ("aws_security_group", "add", "ingress", None, rule(22, 22, source="fd12::/64"), "low"),
    ("aws_security_group", "remove", "ingress", rule(22, 22), None, "low"),
    ("aws_security_group", "add", "egress", None, rule(0, 0, "-1"), "low"),
    ("aws_iam_role", "set", "assume_role_policy", SMALL, ALL, "critical"),
    ("aws_s3_bucket_policy", "set", "policy", SMALL, PUBLIC, "critical"),
    ("aws_s3_bucket_policy", "set", "policy", ALL, ALL, "high"),
    ("aws_s3_bucket_policy", "set", "policy", ALL, SMALL, "high"),
    ("aws_iam_role", "add", "managed_policy_arns", None, ADMIN, "critical"),
    ("aws_iam_role", "add", "managed_policy_arns", None, "arn:aws:iam::aws:policy/ReadOnlyAccess", "high"),
    ("aws_iam_role", "remove", "managed_policy_arns", ADMIN, None, "low"),
    ("aws_s3_bucket_public_access_block", "delete", "", "present", None, "high"),
    ("aws_s3_bucket_public_access_block", "set", "block_public_acls", True, False, "high"),
    ("aws_s3_bucket_public_access_block", "set", "block_public_acls", False, True, "low"),
    ("aws_s3_bucket_server_side_encryption_configuration", "delete", "", "present", None, "high"),
    ("aws_cloudwatch_log_group", "set", "kms_key_id", "arn", "", "high"),
    ("aws_cloudwatch_log_group", "set", "kms_key_id", "arn", "other", "medium"),
    ("aws_instance", "set", "disable_api_termination", True, False, "high"),
    ("aws_instance", "set", "disable_api_termination", False, True, "low"),
    ("aws_s3_bucket_versioning", "set", "versioning_configuration.status", "Enabled", "Suspended", "medium"),
    ("aws_s3_bucket_versioning", "set", "versioning_configuration.status", "Disabled", "Enabled", "low"),
    ("aws_dynamodb_table", "set", "point_in_time_recovery.enabled", True, False, "high"),
    ("aws_sqs_queue", "delete", "", "present", None, "high"),
    ("aws_sqs_queue", "create", "", None, None, "info"),
    ("aws_instance", "set", "instance_type", "t3.small", "t3.large", "medium"),
    ("aws_cloudwatch_log_group", "set", "retention_in_days", 365, 14, "medium"),
    ("aws_cloudwatch_log_group", "set", "retention_in_days", 14, 365, "low"),
    # 0 is "never expires".
    ("aws_cloudwatch_log_group", "set", "retention_in_days", 14, 0, "low"),
    ("aws_cloudwatch_log_group", "set", "retention_in_days", 0, 14, "medium"),
    ("aws_instance", "set", "tags.Owner", "a", "b", "low"),
    # Opened to the world.
    ("aws_network_acl", "set", "ingress.100", None, acl("0.0.0.0/0"), "high"),
    ("aws_network_acl", "add", "ingress", None, {"100": acl("::/0")}, "high"),
    ("aws_network_acl", "set", "ingress", {"100": acl("10.0.0.0/8")}, {"100": acl("0.0.0.0/0")}, "high"),
    ("aws_network_acl", "add", "ingress", None, {"100": acl("10.0.0.0/8")}, "low"),
    ("aws_network_acl_rule", "set", "", acl("10.0.0.0/8"), acl("0.0.0.0/0"), "medium"),
    ("aws_network_acl_rule", "set", "", acl("10.0.0.0/8"), acl("10.1.0.0/16"), "low"),
    ("aws_route_table", "set", "route", {"0.0.0.0/0": "nat-1"}, {"0.0.0.0/0": "igw-1"}, "high"),
    ("aws_network_acl", "set", "ingress.100", None, acl("0.0.0.0/0", "deny"), "low"),
    ("aws_network_acl", "set", "ingress.100", None, acl("10.0.0.0/8"), "low"),
    ("aws_network_acl", "set", "egress.100", None, acl("0.0.0.0/0"), "low"),
    ("aws_vpc_security_group_ingress_rule", "set", "cidr_ipv4", "10.0.0.0/8", "0.0.0.0/0", "high"),
    ("aws_vpc_security_group_egress_rule", "set", "cidr_ipv4", "10.0.0.0/8", "0.0.0.0/0", "low"),
    ("aws_vpc_security_group_ingress_rule", "set", "cidr_ipv4", "10.40.1.0/24", "10.0.0.0/8", "high"),
    ("aws_vpc_security_group_ingress_rule", "set", "cidr_ipv4", "10.0.0.0/8", "10.40.1.0/24", "low"),
    ("aws_vpc_security_group_ingress_rule", "set", "cidr_ipv4", "10.0.0.0/8", "fd00::/8", "low"),
    ("aws_vpc_security_group_ingress_rule", "set", "cidr_ipv4", "10.0.0.0/8", "none", "low"),
    ("aws_vpc_security_group_ingress_rule", "set", "ip_protocol", "tcp", "-1", "high"),
    ("aws_network_acl", "set", "ingress.90", acl("203.0.113.0/24", "deny"), "", "high"),
    ("aws_network_acl", "set", "ingress", {"90": acl("203.0.113.0/24", "deny")}, "", "high"),
    ("aws_network_acl", "set", "ingress.90", acl("10.0.0.0/8"), "", "low"),
    ("aws_instance", "add", "vpc_security_group_ids", None, "sg-0a1b2c", "high"),
    ("aws_lb_listener", "set", "port", 443, 8443, "high"),
    ("aws_cloudfront_origin_access_control", "set", "signing_behavior", "always", "no-override", "high"),
    ("aws_lambda_event_source_mapping", "set", "enabled", True, False, "high"),
    ("aws_lambda_function", "set", "code_sha256", "a", "b", "high"),
    (
        "aws_s3_bucket_server_side_encryption_configuration",
        "set",
        "rule.apply_server_side_encryption_by_default.sse_algorithm",
        "aws:kms",
        "AES256",
        "high",
    ),
    ("aws_db_instance", "set", "publicly_accessible", False, True, "critical"),
    ("aws_db_instance", "set", "publicly_accessible", True, False, "low"),
    ("aws_s3_bucket_acl", "set", "acl", "private", "public-read", "critical"),
    ("aws_s3_bucket_acl", "set", "acl", "public-read", "private", "low"),
    ("aws_s3_bucket_acl", "set", "access_control_policy.grant", [], ALL_USERS, "critical"),
    ("aws_s3_bucket_acl", "set", "access_control_policy.grant", [], ONE_USER, "low"),
    (
        "aws_s3_bucket_ownership_controls",
        "set",
        "rule.object_ownership",
        "BucketOwnerEnforced",
        "ObjectWriter",
        "medium",
    ),
    ("aws_codebuild_project", "set", "project_visibility", "PRIVATE", "PUBLIC_READ", "high"),
    ("aws_lambda_function_url", "set", "authorization_type", "AWS_IAM", "NONE", "critical"),
    ("aws_api_gateway_method", "set", "authorization", "AWS_IAM", "NONE", "critical"),
    ("aws_api_gateway_method", "set", "authorizer_id", "a", "b", "high"),
    ("aws_lambda_permission", "set", "principal", "s3.amazonaws.com", "*", "critical"),
    ("aws_ami_launch_permission", "create", "", None, None, "high"),
    ("aws_ami_launch_permission", "set", "group", None, "all", "critical"),
    ("aws_snapshot_create_volume_permission", "create", "", None, None, "high"),
    ("aws_db_snapshot", "add", "shared_accounts", None, "444455556666", "high"),
    ("aws_db_snapshot", "remove", "shared_accounts", "444455556666", None, "low"),
    ("aws_subnet", "set", "map_public_ip_on_launch", False, True, "high"),
    ("aws_apigatewayv2_api", "set", "cors_configuration.allow_origins", ["https://a"], ["*"], "medium"),
    # Policies of resources and of principals.
    ("aws_sns_topic_policy", "set", "policy", SMALL, PUBLIC, "critical"),
    ("aws_sqs_queue", "set", "policy", "", PUBLIC, "critical"),
    ("aws_kms_key", "set", "policy", trust({"AWS": OWN}), trust({"AWS": "*"}), "critical"),
    ("aws_iam_role", "set", "assume_role_policy", trust({"AWS": OWN}), trust("*"), "critical"),
    (
        "aws_iam_role",
        "set",
        "assume_role_policy",
        trust({"AWS": OWN}),
        trust("*", Condition={"Bool": {}}),
        "high",
    ),
    ("aws_iam_role", "set", "assume_role_policy", trust({"AWS": OWN}), trust({"AWS": [OWN, OTHER]}), "high"),
    ("aws_iam_policy", "set", "policy", act("s3:GetObject"), act("*"), "critical"),
    ("aws_iam_policy", "set", "policy", act("s3:GetObject"), act(["*:*"]), "critical"),
    ("aws_iam_policy", "set", "policy", act("s3:GetObject"), act("*", "arn:aws:s3:::a/*"), "high"),
    ("aws_iam_policy", "set", "policy", act("s3:GetObject"), act("*", "*", "Deny"), "high"),
    ("aws_cloudwatch_log_resource_policy", "set", "policy_document", SMALL, PUBLIC, "critical"),
    ("aws_ecr_lifecycle_policy", "set", "policy", {}, {"rules": []}, "medium"),
    # Rights.
    ("aws_iam_user", "add", "managed_policy_arns", None, ADMIN, "critical"),
    ("aws_iam_group_membership", "add", "users", None, "bob", "high"),
    ("aws_iam_group_membership", "remove", "users", "bob", None, "low"),
    ("aws_iam_role", "set", "permissions_boundary", "arn:x", "", "critical"),
    ("aws_iam_role", "set", "permissions_boundary", "arn:x", "arn:y", "high"),
    ("aws_iam_access_key", "create", "", None, None, "high"),
    ("aws_iam_access_key", "set", "status", "Inactive", "Active", "medium"),
    ("aws_iam_access_key", "set", "status", "Active", "Inactive", "low"),
    ("aws_iam_user", "create", "", None, None, "medium"),
    ("aws_kms_grant", "create", "", None, None, "medium"),
    ("aws_instance", "set", "iam_instance_profile", "web", "admin", "high"),
    ("aws_lambda_function", "set", "role", "arn:a", "arn:b", "high"),
    ("aws_instance", "set", "metadata_options.http_tokens", "required", "optional", "high"),
    ("aws_instance", "set", "metadata_options.http_tokens", "optional", "required", "low"),
    ("aws_cognito_user_pool", "set", "mfa_configuration", "ON", "OFF", "high"),
    ("aws_cognito_user_pool", "set", "mfa_configuration", "OFF", "ON", "low"),
    ("aws_cognito_user_pool", "set", "password_policy.minimum_length", 12, 8, "high"),
    ("aws_cognito_user_pool", "set", "password_policy.minimum_length", 8, 12, "low"),
    ("aws_cognito_user_pool", "set", "password_policy.require_symbols", True, False, "high"),
    # Encryption, keys, transport.
    ("aws_dynamodb_table", "set", "server_side_encryption.enabled", True, False, "high"),
    ("aws_sqs_queue", "set", "sqs_managed_sse_enabled", True, False, "high"),
    ("aws_kinesis_stream", "set", "encryption_type", "KMS", "NONE", "high"),
    ("aws_sns_topic", "set", "kms_master_key_id", "alias/a", "", "high"),
    ("aws_kms_key", "delete", "", "present", None, "critical"),
    ("aws_kms_key", "set", "is_enabled", True, False, "high"),
    ("aws_kms_key", "set", "enable_key_rotation", True, False, "medium"),
    ("aws_kms_key", "set", "enable_key_rotation", False, True, "low"),
    ("aws_kms_alias", "set", "target_key_id", "a", "b", "high"),
    ("aws_lb_listener", "set", "ssl_policy", STRONG, WEAK, "high"),
    ("aws_lb_listener", "set", "ssl_policy", WEAK, STRONG, "medium"),
    ("aws_lb_listener", "set", "protocol", "HTTPS", "HTTP", "high"),
    # Logs, alarms, backups.
    ("aws_cloudtrail", "set", "enable_logging", True, False, "critical"),
    ("aws_cloudtrail", "set", "enable_logging", False, True, "low"),
    ("aws_cloudtrail", "delete", "", "present", None, "critical"),
    ("aws_cloudtrail", "set", "is_multi_region_trail", True, False, "high"),
    ("aws_cloudtrail", "set", "event_selector", [], [1], "high"),
    ("aws_flow_log", "delete", "", "present", None, "high"),
    ("aws_lb", "set", "access_logs.enabled", True, False, "high"),
    ("aws_s3_bucket_logging", "set", "target_bucket", "logs", "", "high"),
    ("aws_s3_bucket_logging", "set", "target_bucket", "", "logs", "low"),
    ("aws_db_instance", "remove", "enabled_cloudwatch_logs_exports", "audit", None, "medium"),
    ("aws_cloudwatch_metric_alarm", "set", "actions_enabled", True, False, "high"),
    ("aws_cloudwatch_metric_alarm", "set", "alarm_actions", ["arn:a"], [], "high"),
    ("aws_cloudwatch_metric_alarm", "set", "threshold", 80, 99, "medium"),
    ("aws_cloudwatch_event_rule", "set", "state", "ENABLED", "DISABLED", "medium"),
    ("aws_db_instance", "set", "backup_retention_period", 7, 0, "high"),
    ("aws_db_instance", "set", "backup_retention_period", 7, 3, "medium"),
    ("aws_db_instance", "set", "backup_retention_period", 3, 7, "low"),
    ("aws_kinesis_stream", "set", "retention_period", 168, 24, "medium"),
    ("aws_backup_vault_lock_configuration", "delete", "", "present", None, "high"),
    ("aws_s3_bucket_lifecycle_configuration", "set", "rule", [], [1], "medium"),
    ("aws_efs_backup_policy", "set", "backup_policy.status", "ENABLED", "DISABLED", "high"),
    ("aws_ecr_repository", "set", "image_tag_mutability", "IMMUTABLE", "MUTABLE", "medium"),
    ("aws_ecr_repository", "set", "image_scanning_configuration.scan_on_push", True, False, "medium"),
    ("aws_db_instance", "set", "deletion_protection", True, False, "high"),
    ("aws_cognito_user_pool", "set", "deletion_protection", "ACTIVE", "INACTIVE", "high"),
    ("aws_lb", "set", "enable_deletion_protection", True, False, "high"),
    # What runs, where it goes, what it costs.
    ("aws_lambda_function", "set", "source_code_hash", "a", "b", "high"),
    ("aws_lambda_function", "set", "layers", [], ["arn:l"], "high"),
    ("aws_route53_record", "set", "records", ["1.2.3.4"], ["5.6.7.8"], "high"),
    ("aws_route_table", "set", "route.0.0.0.0/0", "nat-1", "igw-1", "high"),
    ("aws_route", "set", "gateway_id", "igw-1", "igw-2", "high"),
    ("aws_secretsmanager_secret_version", "set", "version_stages", ["a"], ["b"], "medium"),
    ("aws_db_instance", "set", "instance_class", "db.t3.micro", "db.r6g.4xlarge", "medium"),
    ("aws_autoscaling_group", "set", "desired_capacity", 2, 9, "medium"),
    ("aws_autoscaling_group", "set", "desired_capacity", 9, 2, "low"),
    ("aws_db_instance", "set", "allocated_storage", 20, 500, "medium"),
    ("aws_cloudtrail", "set", "enable_log_file_validation", True, False, "high"),
    ("aws_s3_bucket_logging", "delete", "", "present", None, "high"),
    ("aws_iam_openid_connect_provider", "add", "client_id_list", None, "a", "high"),
    ("aws_cognito_user_pool", "set", "user_pool_add_ons.advanced_security_mode", "ENFORCED", "OFF", "medium"),
    ("aws_codebuild_project", "set", "artifacts.encryption_disabled", False, True, "high"),
    (
        "aws_s3_bucket_versioning",
        "set",
        "versioning_configuration.mfa_delete",
        "Enabled",
        "Disabled",
        "medium",
    ),
    (
        "aws_s3_bucket_server_side_encryption_configuration",
        "set",
        "rule.bucket_key_enabled",
        True,
        False,
        "medium",
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: " ".join(map(str, row)))
def test_risk(row: Row) -> None:
    kind, action, attribute, code, live, expected = row
    found = assess(kind, action, attribute, code, live)
    assert found.severity == expected and found.reason


@pytest.mark.parametrize("odd", ["text", 3, [], {"Statement": 3}, {"Statement": [3]}, {"Statement": None}])
def test_odd_policies_are_no_error(odd: Any) -> None:
    assert assess("aws_iam_role", "set", "assume_role_policy", odd, odd).severity == "high"


def test_the_reason_says_what_happened() -> None:
    assert (
        assess("aws_cloudtrail", "set", "enable_logging", True, False).reason
        == "the trail of API calls was stopped"
    )
    assert (
        "444455556666"
        in assess(
            "aws_iam_role", "set", "assume_role_policy", trust({"AWS": OWN}), trust({"AWS": OTHER})
        ).reason
    )


def test_a_policy_as_text_is_read() -> None:
    assert (
        assess("aws_iam_policy", "set", "policy", json.dumps(SMALL), json.dumps(ALL)).severity == "critical"
    )


GIVEN = {assess(*row[:5]) for row in ROWS}


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.reason)
def test_a_rule_is_exercised_and_well_formed(rule: Rule) -> None:
    assert rule.severity in {"info", "low", "medium", "high", "critical"}
    assert set(rule.actions) <= set(get_args(Action))
    assert rule.change in ("", "gone", "less", "more") and not (rule.live and rule.change)
    assert (rule.severity, rule.reason) in GIVEN


@pytest.mark.parametrize("action", get_args(Action))
def test_there_is_a_rule_for_anything(action: Action) -> None:
    assert assess("aws_unheard_of", action, "unheard.of", object(), object()).reason


def test_a_rule_in_the_place_of_a_wider_one_opens_nothing() -> None:
    wide, narrow = rule(22, 22, source="84.17.3.0/24"), rule(22, 22, source="84.17.3.9/32")
    gone = item("aws_security_group.a", "ingress", None, was=wide, action="remove")
    new = item("aws_security_group.a", "ingress", narrow, action="add", risk="high")
    assert [one.risk for one in reassessed([gone, new])] == ["low", "low"]
    other = item("aws_security_group.b", "ingress", narrow, action="add", risk="high")
    wider = item("aws_security_group.a", "ingress", wide, action="add", risk="high")
    port = item(
        "aws_security_group.a", "ingress", rule(23, 23, source="84.17.3.9/32"), action="add", risk="high"
    )
    narrower = item("aws_security_group.a", "ingress", None, was=narrow, action="remove")
    assert [one.risk for one in reassessed([gone, other, port])][1:] == ["high", "high"]
    assert [one.risk for one in reassessed([narrower, wider])][1:] == ["high"]
