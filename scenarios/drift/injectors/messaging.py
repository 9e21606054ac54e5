"""Queues, topics, schedules, logs, alarms, parameters, interfaces."""

from __future__ import annotations

import json
from typing import Any

from lamplighter.scenarios.drift.injectors.base import edited, injects, other, pause
from lamplighter.scenarios.drift.inventory import Resource
from lamplighter.scenarios.drift.night import Night


def _attribute(night: Night, target: Resource, name: str, value: Any) -> None:
    night.client("sqs", target).set_queue_attributes(
        QueueUrl=target.attributes.get("url") or target.attributes["queue_url"], Attributes={name: str(value)}
    )


@injects("sqs-visibility-changed")
def visibility(night: Night, target: Resource) -> None:
    _attribute(
        night,
        target,
        "VisibilityTimeout",
        other(night, target.attributes["visibility_timeout_seconds"], [5, 120, 300, 900]),
    )


@injects("sqs-retention-changed")
def retention(night: Night, target: Resource) -> None:
    _attribute(
        night,
        target,
        "MessageRetentionPeriod",
        other(night, target.attributes["message_retention_seconds"], [60, 86400, 604800]),
    )


@injects("sqs-visibility-set-twice")
def twice(night: Night, target: Resource) -> None:
    _attribute(night, target, "VisibilityTimeout", 7)
    pause(night)
    _attribute(night, target, "VisibilityTimeout", night.draw.choice([450, 1200]))


@injects("sqs-redrive-changed", lambda _, target: bool(target.attributes["redrive_policy"]))
def redrive(night: Night, target: Resource) -> None:
    policy = json.loads(target.attributes["redrive_policy"])
    policy["maxReceiveCount"] = other(night, policy["maxReceiveCount"], [1, 50, 100])
    _attribute(night, target, "RedrivePolicy", json.dumps(policy))


@injects("sqs-policy-opened")
def queue_policy(night: Night, target: Resource) -> None:
    def anyone(document: dict[str, Any]) -> None:
        document["Statement"][0]["Principal"] = "*"

    _attribute(night, target, "Policy", edited(target.attributes["policy"], anyone))


@injects("sqs-queue-deleted")
def queue_deleted(night: Night, target: Resource) -> None:
    night.client("sqs", target).delete_queue(QueueUrl=target.attributes["url"])


@injects("sns-display-name")
def display(night: Night, target: Resource) -> None:
    night.client("sns", target).set_topic_attributes(
        TopicArn=target.attributes["arn"], AttributeName="DisplayName", AttributeValue="PAUSED"
    )


@injects("sns-policy-opened")
def topic_policy(night: Night, target: Resource) -> None:
    def partner(document: dict[str, Any]) -> None:
        document["Statement"].append(
            {
                "Sid": "Partner",
                "Effect": "Allow",
                "Principal": {"AWS": "arn:aws:iam::210987654321:root"},
                "Action": "sns:Subscribe",
                "Resource": target.attributes["arn"],
            }
        )

    night.client("sns", target).set_topic_attributes(
        TopicArn=target.attributes["arn"],
        AttributeName="Policy",
        AttributeValue=edited(target.attributes["policy"], partner),
    )


@injects("sns-unsubscribed")
def unsubscribed(night: Night, target: Resource) -> None:
    night.client("sns", target).unsubscribe(SubscriptionArn=target.attributes["arn"])


@injects("sns-raw-delivery-off", lambda _, target: bool(target.attributes["raw_message_delivery"]))
def raw(night: Night, target: Resource) -> None:
    night.client("sns", target).set_subscription_attributes(
        SubscriptionArn=target.attributes["arn"], AttributeName="RawMessageDelivery", AttributeValue="false"
    )


@injects("logs-retention-changed")
def log_retention(night: Night, target: Resource) -> None:
    night.client("logs", target).put_retention_policy(
        logGroupName=target.attributes["name"],
        retentionInDays=other(night, target.attributes["retention_in_days"], [1, 7, 14, 60, 180, 400]),
    )


@injects("logs-retention-removed")
def log_forever(night: Night, target: Resource) -> None:
    night.client("logs", target).delete_retention_policy(logGroupName=target.attributes["name"])


@injects("logs-group-deleted", lambda night, target: not _filtered(night, target))
def log_deleted(night: Night, target: Resource) -> None:
    night.client("logs", target).delete_log_group(logGroupName=target.attributes["name"])


@injects("logs-group-recreated", lambda night, target: not _filtered(night, target))
def log_again(night: Night, target: Resource) -> None:
    logs = night.client("logs", target)
    logs.delete_log_group(logGroupName=target.attributes["name"])
    pause(night)
    # With its tags, but without its retention: who makes it again by hand forgets that.
    tags = dict(target.attributes["tags_all"] or {})
    logs.create_log_group(logGroupName=target.attributes["name"], **({"tags": tags} if tags else {}))


def _filtered(night: Night, target: Resource) -> bool:
    return any(
        found.type == "aws_cloudwatch_log_metric_filter"
        and found.attributes["log_group_name"] == target.attributes["name"]
        for found in night.world.inventory.resources.values()
    )


@injects("logs-filter-changed")
def metric_filter(night: Night, target: Resource) -> None:
    transformation = target.attributes["metric_transformation"][0]
    logs = night.client("logs", target)
    logs.delete_metric_filter(
        logGroupName=target.attributes["log_group_name"], filterName=target.attributes["name"]
    )
    pause(night, 2, 60)
    logs.put_metric_filter(
        logGroupName=target.attributes["log_group_name"],
        filterName=target.attributes["name"],
        filterPattern="?ERROR ?WARN",
        metricTransformations=[
            {
                "metricName": transformation["name"],
                "metricNamespace": transformation["namespace"],
                "metricValue": transformation["value"],
            }
        ],
    )


@injects("logs-filter-deleted")
def filter_deleted(night: Night, target: Resource) -> None:
    night.client("logs", target).delete_metric_filter(
        logGroupName=target.attributes["log_group_name"], filterName=target.attributes["name"]
    )


@injects("alarm-threshold-changed")
def threshold(night: Night, target: Resource) -> None:
    a = target.attributes
    night.client("cloudwatch", target).put_metric_alarm(
        AlarmName=a["alarm_name"],
        ComparisonOperator=a["comparison_operator"],
        EvaluationPeriods=a["evaluation_periods"],
        MetricName=a["metric_name"],
        Namespace=a["namespace"],
        Period=a["period"],
        Statistic=a["statistic"],
        Threshold=float(a["threshold"] * night.draw.choice([4, 20])),
        ActionsEnabled=True,
        AlarmActions=list(a["alarm_actions"] or ()),
        TreatMissingData=a["treat_missing_data"],
        Dimensions=[{"Name": key, "Value": value} for key, value in (a["dimensions"] or {}).items()],
    )


@injects("alarm-actions-disabled")
def silenced(night: Night, target: Resource) -> None:
    night.client("cloudwatch", target).disable_alarm_actions(AlarmNames=[target.attributes["alarm_name"]])


@injects("alarm-deleted")
def alarm_deleted(night: Night, target: Resource) -> None:
    night.client("cloudwatch", target).delete_alarms(AlarmNames=[target.attributes["alarm_name"]])


@injects("dashboard-edited")
def dashboard(night: Night, target: Resource) -> None:
    body = json.loads(target.attributes["dashboard_body"])
    body["widgets"][0]["width"] = night.draw.choice([6, 18, 24])
    night.client("cloudwatch", target).put_dashboard(
        DashboardName=target.attributes["dashboard_name"], DashboardBody=json.dumps(body)
    )


@injects("event-rule-disabled")
def rule_off(night: Night, target: Resource) -> None:
    night.client("events", target).disable_rule(Name=target.attributes["name"])


@injects("event-rule-rescheduled")
def rule_moved(night: Night, target: Resource) -> None:
    night.client("events", target).put_rule(
        Name=target.attributes["name"],
        Description=target.attributes["description"],
        ScheduleExpression=f"cron({night.draw.randint(0, 59)} {night.draw.randint(3, 9)} * * ? *)",
        State="ENABLED",
    )


@injects("event-target-removed")
def target_removed(night: Night, target: Resource) -> None:
    night.client("events", target).remove_targets(
        Rule=target.attributes["rule"], Ids=[target.attributes["target_id"]]
    )


@injects("event-target-input-added")
def target_input(night: Night, target: Resource) -> None:
    night.client("events", target).put_targets(
        Rule=target.attributes["rule"],
        Targets=[
            {
                "Id": target.attributes["target_id"],
                "Arn": target.attributes["arn"],
                "Input": json.dumps({"dry_run": True}),
            }
        ],
    )


@injects("schedule-changed")
def schedule(night: Night, target: Resource) -> None:
    a = target.attributes
    night.client("scheduler", target).update_schedule(
        Name=a["name"],
        GroupName=a["group_name"],
        ScheduleExpression=f"rate({night.draw.choice([1, 12, 24])} hours)",
        FlexibleTimeWindow={"Mode": "OFF"},
        State=night.draw.choice(["ENABLED", "DISABLED"]),
        Target={"Arn": a["target"][0]["arn"], "RoleArn": a["target"][0]["role_arn"]},
    )


@injects("parameter-value-changed")
def parameter(night: Night, target: Resource) -> None:
    night.client("ssm", target).put_parameter(
        Name=target.attributes["name"],
        Value=f"{target.attributes['value']}{night.draw.randint(0, 9)}",
        Type=target.attributes["type"],
        Overwrite=True,
    )


@injects("parameter-deleted")
def parameter_deleted(night: Night, target: Resource) -> None:
    night.client("ssm", target).delete_parameter(Name=target.attributes["name"])


@injects("http-api-endpoint-disabled")
def http_api(night: Night, target: Resource) -> None:
    night.client("apigatewayv2", target).update_api(
        ApiId=target.attributes["id"], DisableExecuteApiEndpoint=True
    )


@injects("rest-api-description")
def rest_api(night: Night, target: Resource) -> None:
    night.client("apigateway", target).update_rest_api(
        restApiId=target.attributes["id"],
        patchOperations=[{"op": "replace", "path": "/description", "value": "retired in March"}],
    )


@injects("cloudfront-signing-changed")
def signing(night: Night, target: Resource) -> None:
    client = night.client("cloudfront", target)
    found = client.get_origin_access_control(Id=target.attributes["id"])
    config = found["OriginAccessControl"]["OriginAccessControlConfig"]
    client.update_origin_access_control(
        Id=target.attributes["id"],
        IfMatch=found["ETag"],
        OriginAccessControlConfig=config | {"SigningBehavior": "no-override"},
    )
