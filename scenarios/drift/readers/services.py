"""Queues, topics, schedules, alarms, logs, parameters, interfaces, certificates, trails."""

from __future__ import annotations

from typing import Any

from lamplighter.scenarios.drift.readers.base import Attributes, Cloud, Policy, Whole, first, reads, tag_map

SERVICES = "services"


@reads("aws_sqs_queue")
def queue(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    client = cloud("sqs")
    found = client.get_queue_attributes(QueueUrl=a["url"], AttributeNames=["All"])["Attributes"]
    return {
        "visibility_timeout_seconds": int(found["VisibilityTimeout"]),
        "message_retention_seconds": int(found["MessageRetentionPeriod"]),
        "delay_seconds": int(found["DelaySeconds"]),
        "receive_wait_time_seconds": int(found["ReceiveMessageWaitTimeSeconds"]),
        "max_message_size": int(found["MaximumMessageSize"]),
        "redrive_policy": Policy(found.get("RedrivePolicy", "")),
        "tags": client.list_queue_tags(QueueUrl=a["url"]).get("Tags", {}),
    }


@reads("aws_sqs_queue_policy")
def queue_policy(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    found = cloud("sqs").get_queue_attributes(QueueUrl=a["queue_url"], AttributeNames=["All"])["Attributes"]
    return {"policy": Policy(found["Policy"])} if found.get("Policy") else None


@reads("aws_sns_topic")
def topic(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    client = cloud("sns")
    found = client.get_topic_attributes(TopicArn=a["arn"])["Attributes"]
    return {
        "display_name": found.get("DisplayName", ""),
        "kms_master_key_id": found.get("KmsMasterKeyId", ""),
        "tags": tag_map(client.list_tags_for_resource(ResourceArn=a["arn"])["Tags"]),
    }


@reads("aws_sns_topic_policy")
def topic_policy(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    found = cloud("sns").get_topic_attributes(TopicArn=a["arn"])["Attributes"]
    return {"policy": Policy(found["Policy"])}


@reads("aws_sns_topic_subscription")
def subscription(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    found = cloud("sns").get_subscription_attributes(SubscriptionArn=a["arn"])["Attributes"]
    return {
        "endpoint": found["Endpoint"],
        "raw_message_delivery": found.get("RawMessageDelivery", "false").lower() == "true",
    }


@reads("aws_cloudwatch_log_group")
def log_group(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    client = cloud("logs")
    groups = client.describe_log_groups(logGroupNamePrefix=a["name"])["logGroups"]
    found = first([group for group in groups if group["logGroupName"] == a["name"]])
    if found is None:
        return None
    arn = found["arn"].removesuffix(":*")
    return {
        "retention_in_days": found.get("retentionInDays", 0),
        "tags": client.list_tags_for_resource(resourceArn=arn)["tags"],
    }


@reads("aws_cloudwatch_log_metric_filter")
def metric_filter(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    answer = cloud("logs").describe_metric_filters(
        logGroupName=a["log_group_name"], filterNamePrefix=a["name"]
    )
    found = first([item for item in answer["metricFilters"] if item["filterName"] == a["name"]])
    return {"pattern": found["filterPattern"]} if found else None


@reads("aws_cloudwatch_metric_alarm")
def alarm(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    client = cloud("cloudwatch")
    found = first(client.describe_alarms(AlarmNames=[a["alarm_name"]])["MetricAlarms"])
    if found is None:
        return None
    return {
        "threshold": int(limit) if (limit := found["Threshold"]).is_integer() else limit,
        "period": found["Period"],
        "evaluation_periods": found["EvaluationPeriods"],
        "comparison_operator": found["ComparisonOperator"],
        "actions_enabled": found["ActionsEnabled"],
        "alarm_actions": Whole(sorted(found["AlarmActions"])),
        "tags": tag_map(client.list_tags_for_resource(ResourceARN=found["AlarmArn"])["Tags"]),
    }


@reads("aws_cloudwatch_dashboard")
def dashboard(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    found = cloud("cloudwatch").get_dashboard(DashboardName=a["dashboard_name"])
    return {"dashboard_body": Policy(found["DashboardBody"])}


@reads("aws_cloudwatch_event_rule")
def event_rule(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    client = cloud("events")
    found = client.describe_rule(Name=a["name"])
    return {
        "schedule_expression": found.get("ScheduleExpression", ""),
        "state": found["State"],
        "description": found.get("Description", ""),
        "tags": tag_map(client.list_tags_for_resource(ResourceARN=found["Arn"])["Tags"]),
    }


@reads("aws_cloudwatch_event_target")
def event_target(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    targets = cloud("events").list_targets_by_rule(Rule=a["rule"])["Targets"]
    found = first([target for target in targets if target["Id"] == a["target_id"]])
    return {"arn": found["Arn"], "input": found.get("Input", "")} if found else None


@reads("aws_scheduler_schedule")
def schedule(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    found = cloud("scheduler").get_schedule(Name=a["name"], GroupName=a["group_name"])
    return {"schedule_expression": found["ScheduleExpression"], "state": found["State"]}


@reads("aws_ssm_parameter")
def parameter(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    client = cloud("ssm")
    found = client.get_parameter(Name=a["name"], WithDecryption=True)["Parameter"]
    tags = client.list_tags_for_resource(ResourceType="Parameter", ResourceId=a["name"])["TagList"]
    return {"value": found["Value"], "type": found["Type"], "tags": tag_map(tags)}


@reads("aws_apigatewayv2_api")
def http_api(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    found = cloud("apigatewayv2").get_api(ApiId=a["id"])
    return {
        "name": found["Name"],
        "description": found.get("Description", ""),
        "disable_execute_api_endpoint": found.get("DisableExecuteApiEndpoint", False),
        "tags": found.get("Tags", {}),
    }


@reads("aws_apigatewayv2_stage")
def http_stage(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    found = cloud("apigatewayv2").get_stage(ApiId=a["api_id"], StageName=a["name"])
    return {"auto_deploy": found.get("AutoDeploy", False), "tags": found.get("Tags", {})}


@reads("aws_api_gateway_rest_api")
def rest_api(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    found = cloud("apigateway").get_rest_api(restApiId=a["id"])
    return {
        "name": found["name"],
        "description": found.get("description", ""),
        "tags": found.get("tags", {}),
    }


@reads("aws_api_gateway_resource")
def rest_resource(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    found = cloud("apigateway").get_resource(restApiId=a["rest_api_id"], resourceId=a["id"])
    return {"path_part": found["pathPart"]}


@reads("aws_api_gateway_method")
def rest_method(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    found = cloud("apigateway").get_method(
        restApiId=a["rest_api_id"], resourceId=a["resource_id"], httpMethod=a["http_method"]
    )
    return {"authorization": found["authorizationType"], "api_key_required": found["apiKeyRequired"]}


@reads("aws_acm_certificate")
def certificate(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    client = cloud("acm")
    client.describe_certificate(CertificateArn=a["arn"])
    return {"tags": tag_map(client.list_tags_for_certificate(CertificateArn=a["arn"])["Tags"])}


@reads("aws_cloudfront_origin_access_control")
def access_control(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    found = cloud("cloudfront").get_origin_access_control(Id=a["id"])["OriginAccessControl"]
    config = found["OriginAccessControlConfig"]
    return {
        "name": config["Name"],
        "description": config.get("Description", ""),
        "signing_behavior": config["SigningBehavior"],
        "signing_protocol": config["SigningProtocol"],
    }


@reads("aws_cloudtrail")
def trail(cloud: Cloud, a: Attributes) -> dict[str, Any] | None:
    client = cloud("cloudtrail")
    found = first(client.describe_trails(trailNameList=[a["name"]])["trailList"])
    if found is None:
        return None
    return {
        "enable_logging": client.get_trail_status(Name=a["name"])["IsLogging"],
        "enable_log_file_validation": found["LogFileValidationEnabled"],
        "include_global_service_events": found["IncludeGlobalServiceEvents"],
        "is_multi_region_trail": found["IsMultiRegionTrail"],
        "tags": tag_map(client.list_tags(ResourceIdList=[a["arn"]])["ResourceTagList"][0]["TagsList"]),
    }
