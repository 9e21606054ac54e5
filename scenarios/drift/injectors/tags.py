"""Tags, by each service's own call."""

from __future__ import annotations

from lamplighter.scenarios.drift.injectors.base import injects
from lamplighter.scenarios.drift.inventory import Resource
from lamplighter.scenarios.drift.night import Night

BY_ARN = {
    "aws_acm_certificate": (
        "acm",
        "add_tags_to_certificate",
        "remove_tags_from_certificate",
        "CertificateArn",
    ),
    "aws_db_instance": ("rds", "add_tags_to_resource", "remove_tags_from_resource", "ResourceName"),
    "aws_dynamodb_table": ("dynamodb", "tag_resource", "untag_resource", "ResourceArn"),
    "aws_ecr_repository": ("ecr", "tag_resource", "untag_resource", "resourceArn"),
    "aws_ecs_cluster": ("ecs", "tag_resource", "untag_resource", "resourceArn"),
    "aws_sns_topic": ("sns", "tag_resource", "untag_resource", "ResourceArn"),
    "aws_cloudwatch_metric_alarm": ("cloudwatch", "tag_resource", "untag_resource", "ResourceARN"),
    "aws_cloudwatch_event_rule": ("events", "tag_resource", "untag_resource", "ResourceARN"),
    "aws_secretsmanager_secret": ("secretsmanager", "tag_resource", "untag_resource", "SecretId"),
    "aws_lb": ("elbv2", "add_tags", "remove_tags", "ResourceArns"),
    "aws_lb_target_group": ("elbv2", "add_tags", "remove_tags", "ResourceArns"),
}
"""Service, the two calls, and what names the resource in them."""

EC2 = (
    "aws_instance",
    "aws_vpc",
    "aws_subnet",
    "aws_security_group",
    "aws_internet_gateway",
    "aws_route_table",
    "aws_network_acl",
    "aws_ebs_volume",
    "aws_nat_gateway",
    "aws_eip",
)
LOWER = ("aws_ecs_cluster",)


def tags_of(target: Resource) -> dict[str, str]:
    """What the code says, default tags included."""
    return dict(target.attributes.get("tags_all") or target.attributes.get("tags") or {})


def put(night: Night, target: Resource, changed: dict[str, str]) -> None:
    """Set some tags, as the resource's service does it."""
    a = target.attributes
    rows = [{"Key": key, "Value": value} for key, value in changed.items()]
    if target.type in EC2:
        night.client("ec2", target).create_tags(Resources=[a["id"]], Tags=rows)
    elif target.type == "aws_s3_bucket":
        whole = tags_of(target) | changed
        night.client("s3", target).put_bucket_tagging(
            Bucket=a["bucket"],
            Tagging={"TagSet": [{"Key": key, "Value": value} for key, value in whole.items()]},
        )
    elif target.type == "aws_iam_role":
        night.client("iam", target).tag_role(RoleName=a["name"], Tags=rows)
    elif target.type == "aws_iam_user":
        night.client("iam", target).tag_user(UserName=a["name"], Tags=rows)
    elif target.type == "aws_iam_policy":
        night.client("iam", target).tag_policy(PolicyArn=a["arn"], Tags=rows)
    elif target.type == "aws_sqs_queue":
        night.client("sqs", target).tag_queue(QueueUrl=a["url"], Tags=changed)
    elif target.type == "aws_lambda_function":
        night.client("lambda", target).tag_resource(Resource=a["arn"], Tags=changed)
    elif target.type == "aws_cloudwatch_log_group":
        night.client("logs", target).tag_resource(resourceArn=a["arn"], tags=changed)
    elif target.type == "aws_kms_key":
        rows = [{"TagKey": key, "TagValue": value} for key, value in changed.items()]
        night.client("kms", target).tag_resource(KeyId=a["key_id"], Tags=rows)
    elif target.type == "aws_ssm_parameter":
        night.client("ssm", target).add_tags_to_resource(
            ResourceType="Parameter", ResourceId=a["name"], Tags=rows
        )
    else:
        service, call, _, name = BY_ARN[target.type]
        if target.type in LOWER:
            rows = [{"key": row["Key"], "value": row["Value"]} for row in rows]
        field = "tags" if name.startswith("resource") else "Tags"
        identity = [a["arn"]] if name.endswith("s") else a["arn"]
        getattr(night.client(service, target), call)(**{name: identity, field: rows})


def drop(night: Night, target: Resource, key: str) -> None:
    """Remove a tag."""
    a = target.attributes
    if target.type in EC2:
        night.client("ec2", target).delete_tags(Resources=[a["id"]], Tags=[{"Key": key}])
    elif target.type == "aws_s3_bucket":
        rest = [{"Key": name, "Value": value} for name, value in tags_of(target).items() if name != key]
        night.client("s3", target).put_bucket_tagging(Bucket=a["bucket"], Tagging={"TagSet": rest})
    elif target.type == "aws_iam_role":
        night.client("iam", target).untag_role(RoleName=a["name"], TagKeys=[key])
    elif target.type == "aws_iam_user":
        night.client("iam", target).untag_user(UserName=a["name"], TagKeys=[key])
    elif target.type == "aws_iam_policy":
        night.client("iam", target).untag_policy(PolicyArn=a["arn"], TagKeys=[key])
    elif target.type == "aws_sqs_queue":
        night.client("sqs", target).untag_queue(QueueUrl=a["url"], TagKeys=[key])
    elif target.type == "aws_lambda_function":
        night.client("lambda", target).untag_resource(Resource=a["arn"], TagKeys=[key])
    elif target.type == "aws_cloudwatch_log_group":
        night.client("logs", target).untag_resource(resourceArn=a["arn"], tagKeys=[key])
    elif target.type == "aws_kms_key":
        night.client("kms", target).untag_resource(KeyId=a["key_id"], TagKeys=[key])
    elif target.type == "aws_ssm_parameter":
        night.client("ssm", target).remove_tags_from_resource(
            ResourceType="Parameter", ResourceId=a["name"], TagKeys=[key]
        )
    elif target.type == "aws_acm_certificate":
        night.client("acm", target).remove_tags_from_certificate(CertificateArn=a["arn"], Tags=[{"Key": key}])
    else:
        service, _, call, name = BY_ARN[target.type]
        field = "tagKeys" if name.startswith("resource") else "TagKeys"
        identity = [a["arn"]] if name.endswith("s") else a["arn"]
        getattr(night.client(service, target), call)(**{name: identity, field: [key]})


def own(target: Resource) -> list[str]:
    """Keys the resource itself sets."""
    return sorted(target.attributes.get("tags") or {})


def default(target: Resource) -> list[str]:
    """Keys that come from the provider's default tags only."""
    return sorted(set(target.attributes.get("tags_all") or {}) - set(target.attributes.get("tags") or {}))


@injects("tag-added")
def added(night: Night, target: Resource) -> None:
    key, value = night.draw.choice(
        [
            ("Schedule", "stop-weekends"),
            ("Ticket", "OPS-1182"),
            ("auto:keep", "true"),
            ("Reviewed", "2026-11"),
        ]
    )
    put(night, target, {key: value})


@injects("tags-added-two", lambda _, target: target.type != "aws_s3_bucket")
def added_two(night: Night, target: Resource) -> None:
    put(night, target, {"Backup": "nightly", "Window": "02:00-04:00"})


@injects("tag-changed", lambda _, target: bool(own(target)))
def changed(night: Night, target: Resource) -> None:
    key = night.draw.choice(own(target))
    put(night, target, {key: tags_of(target)[key] + "-old"})


@injects("tag-removed", lambda _, target: bool(own(target)))
def removed(night: Night, target: Resource) -> None:
    drop(night, target, night.draw.choice(own(target)))


@injects("default-tag-removed", lambda _, target: bool(default(target)))
def default_removed(night: Night, target: Resource) -> None:
    drop(night, target, night.draw.choice(default(target)))


@injects("default-tag-changed", lambda _, target: bool(default(target)))
def default_changed(night: Night, target: Resource) -> None:
    put(night, target, {night.draw.choice(default(target)): "unknown"})
