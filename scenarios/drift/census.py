"""Everything an account holds, managed or not, by Terraform type and import id.

Compared before and after a call, it shows what the call made or removed. Only kinds that a night can make are listed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple


class Item(NamedTuple):
    """One thing in the cloud."""

    type: str
    id: str
    region: str
    account: str


Lister = Callable[[Any], Iterator[tuple[str, str]]]
LISTERS: dict[str, Lister] = {}
GLOBAL = frozenset({"iam", "s3", "route53"})
"""Services that are listed once for an account."""


def lists(service: str) -> Callable[[Lister], Lister]:
    """Register the lister of a service: from an SDK client to types and import ids."""

    def register(lister: Lister) -> Lister:
        LISTERS[service] = lister
        return lister

    return register


def census(
    client: Callable[[str, str, str], Any], places: set[tuple[str, str]], services: set[str]
) -> set[Item]:
    """The items of `services` in these regions and accounts; `client(service, region, account)` gives SDK clients."""
    found = set()
    for service in services & LISTERS.keys():
        seen = set()
        for region, account in sorted(places):
            if service in GLOBAL:
                if account in seen:
                    continue
                seen.add(account)
            for kind, identity in LISTERS[service](client(service, region, account)):
                found.add(Item(kind, identity, region, account))
    return found


def _missing(call: Callable[[], Any]) -> bool:
    from botocore.exceptions import ClientError

    try:
        call()
    except ClientError:
        return True
    return False


@lists("s3")
def _s3(s3: Any) -> Iterator[tuple[str, str]]:
    parts = {
        "aws_s3_bucket_policy": s3.get_bucket_policy,
        "aws_s3_bucket_cors_configuration": s3.get_bucket_cors,
        "aws_s3_bucket_website_configuration": s3.get_bucket_website,
        "aws_s3_bucket_lifecycle_configuration": s3.get_bucket_lifecycle_configuration,
        "aws_s3_bucket_public_access_block": s3.get_public_access_block,
        "aws_s3_bucket_server_side_encryption_configuration": s3.get_bucket_encryption,
        "aws_s3_bucket_ownership_controls": s3.get_bucket_ownership_controls,
    }
    for bucket in s3.list_buckets()["Buckets"]:
        name = bucket["Name"]
        yield "aws_s3_bucket", name
        if s3.get_bucket_versioning(Bucket=name).get("Status"):
            yield "aws_s3_bucket_versioning", name
        if s3.get_bucket_logging(Bucket=name).get("LoggingEnabled"):
            yield "aws_s3_bucket_logging", name
        for kind, getter in parts.items():
            if not _missing(lambda getter=getter, name=name: getter(Bucket=name)):  # type: ignore[misc]
                yield kind, name


@lists("sqs")
def _sqs(sqs: Any) -> Iterator[tuple[str, str]]:
    for url in sqs.list_queues().get("QueueUrls", ()):
        yield "aws_sqs_queue", url
        if (
            sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])
            .get("Attributes", {})
            .get("Policy")
        ):
            yield "aws_sqs_queue_policy", url


@lists("sns")
def _sns(sns: Any) -> Iterator[tuple[str, str]]:
    for topic in sns.list_topics()["Topics"]:
        yield "aws_sns_topic", topic["TopicArn"]
    for item in sns.list_subscriptions()["Subscriptions"]:
        yield "aws_sns_topic_subscription", item["SubscriptionArn"]


@lists("iam")
def _iam(iam: Any) -> Iterator[tuple[str, str]]:
    for role in iam.list_roles(MaxItems=1000)["Roles"]:
        name = role["RoleName"]
        yield "aws_iam_role", name
        for item in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
            yield "aws_iam_role_policy_attachment", f"{name}/{item['PolicyArn']}"
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
            yield "aws_iam_role_policy", f"{name}:{policy}"
    for user in iam.list_users(MaxItems=1000)["Users"]:
        yield from _iam_user(iam, user["UserName"])
    for group in iam.list_groups(MaxItems=1000)["Groups"]:
        name = group["GroupName"]
        yield "aws_iam_group", name
        for item in iam.list_attached_group_policies(GroupName=name)["AttachedPolicies"]:
            yield "aws_iam_group_policy_attachment", f"{name}/{item['PolicyArn']}"
    for item in iam.list_policies(Scope="Local", MaxItems=1000)["Policies"]:
        yield "aws_iam_policy", item["Arn"]


def _iam_user(iam: Any, name: str) -> Iterator[tuple[str, str]]:
    yield "aws_iam_user", name
    for item in iam.list_attached_user_policies(UserName=name)["AttachedPolicies"]:
        yield "aws_iam_user_policy_attachment", f"{name}/{item['PolicyArn']}"
    for policy in iam.list_user_policies(UserName=name)["PolicyNames"]:
        yield "aws_iam_user_policy", f"{name}:{policy}"
    for key in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
        yield "aws_iam_access_key", key["AccessKeyId"]
    if not _missing(lambda: iam.get_login_profile(UserName=name)):
        yield "aws_iam_user_login_profile", name


@lists("ec2")
def _ec2(ec2: Any) -> Iterator[tuple[str, str]]:
    for group in ec2.describe_security_groups()["SecurityGroups"]:
        if group["GroupName"] != "default":
            yield "aws_security_group", group["GroupId"]
    for rule in ec2.describe_security_group_rules()["SecurityGroupRules"]:
        side = "egress" if rule["IsEgress"] else "ingress"
        yield f"aws_vpc_security_group_{side}_rule", rule["SecurityGroupRuleId"]
    for table in ec2.describe_route_tables()["RouteTables"]:
        for route in table["Routes"]:
            if route.get("GatewayId") != "local" and route.get("DestinationCidrBlock"):
                yield "aws_route", f"{table['RouteTableId']}_{route['DestinationCidrBlock']}"
    for group in ec2.describe_instances()["Reservations"]:
        for instance in group["Instances"]:
            if instance["State"]["Name"] not in {"terminated", "shutting-down"}:
                yield "aws_instance", instance["InstanceId"]
    for volume in ec2.describe_volumes()["Volumes"]:
        if not any(item.get("Device") == "/dev/sda1" for item in volume["Attachments"]):
            yield "aws_ebs_volume", volume["VolumeId"]
    for address in ec2.describe_addresses()["Addresses"]:
        yield "aws_eip", address["AllocationId"]
    for subnet in ec2.describe_subnets()["Subnets"]:
        yield "aws_subnet", subnet["SubnetId"]
    for vpc in ec2.describe_vpcs()["Vpcs"]:
        yield "aws_vpc", vpc["VpcId"]
    for pair in ec2.describe_key_pairs()["KeyPairs"]:
        yield "aws_key_pair", pair["KeyName"]


@lists("logs")
def _logs(logs: Any) -> Iterator[tuple[str, str]]:
    for group in logs.describe_log_groups()["logGroups"]:
        name = group["logGroupName"]
        yield "aws_cloudwatch_log_group", name
        for item in logs.describe_metric_filters(logGroupName=name)["metricFilters"]:
            yield "aws_cloudwatch_log_metric_filter", f"{name}:{item['filterName']}"


@lists("cloudwatch")
def _cloudwatch(cloudwatch: Any) -> Iterator[tuple[str, str]]:
    for alarm in cloudwatch.describe_alarms()["MetricAlarms"]:
        yield "aws_cloudwatch_metric_alarm", alarm["AlarmName"]
    for board in cloudwatch.list_dashboards()["DashboardEntries"]:
        yield "aws_cloudwatch_dashboard", board["DashboardName"]


@lists("lambda")
def _lambda(client: Any) -> Iterator[tuple[str, str]]:
    import json

    for function in client.list_functions()["Functions"]:
        name = function["FunctionName"]
        yield "aws_lambda_function", name
        if not _missing(lambda name=name: client.get_policy(FunctionName=name)):  # type: ignore[misc]
            for statement in json.loads(client.get_policy(FunctionName=name)["Policy"])["Statement"]:
                yield "aws_lambda_permission", f"{name}/{statement['Sid']}"


@lists("dynamodb")
def _dynamodb(dynamodb: Any) -> Iterator[tuple[str, str]]:
    for name in dynamodb.list_tables()["TableNames"]:
        yield "aws_dynamodb_table", name


@lists("ssm")
def _ssm(ssm: Any) -> Iterator[tuple[str, str]]:
    for parameter in ssm.describe_parameters()["Parameters"]:
        yield "aws_ssm_parameter", parameter["Name"]


@lists("secretsmanager")
def _secrets(client: Any) -> Iterator[tuple[str, str]]:
    for secret in client.list_secrets()["SecretList"]:
        yield "aws_secretsmanager_secret", secret["ARN"]


@lists("route53")
def _route53(route53: Any) -> Iterator[tuple[str, str]]:
    for zone in route53.list_hosted_zones()["HostedZones"]:
        identity = zone["Id"].rsplit("/", 1)[-1]
        yield "aws_route53_zone", identity
        for record in route53.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]:
            if record["Type"] not in {"NS", "SOA"}:
                yield "aws_route53_record", f"{identity}_{record['Name'].rstrip('.')}_{record['Type']}"


@lists("ecr")
def _ecr(ecr: Any) -> Iterator[tuple[str, str]]:
    for repository in ecr.describe_repositories()["repositories"]:
        yield "aws_ecr_repository", repository["repositoryName"]


@lists("kms")
def _kms(kms: Any) -> Iterator[tuple[str, str]]:
    for key in kms.list_keys()["Keys"]:
        yield "aws_kms_key", key["KeyId"]
    for alias in kms.list_aliases()["Aliases"]:
        if not alias["AliasName"].startswith("alias/aws/"):
            yield "aws_kms_alias", alias["AliasName"]


@lists("events")
def _events(events: Any) -> Iterator[tuple[str, str]]:
    for rule in events.list_rules()["Rules"]:
        yield "aws_cloudwatch_event_rule", rule["Name"]
        for target in events.list_targets_by_rule(Rule=rule["Name"])["Targets"]:
            yield "aws_cloudwatch_event_target", f"{rule['Name']}/{target['Id']}"


@lists("kinesis")
def _kinesis(kinesis: Any) -> Iterator[tuple[str, str]]:
    for name in kinesis.list_streams()["StreamNames"]:
        yield "aws_kinesis_stream", name


@lists("ecs")
def _ecs(ecs: Any) -> Iterator[tuple[str, str]]:
    for arn in ecs.list_clusters()["clusterArns"]:
        yield "aws_ecs_cluster", arn.rsplit("/", 1)[1]
