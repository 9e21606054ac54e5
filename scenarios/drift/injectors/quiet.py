"""What leaves nothing behind: reads, refusals, reverts, temporary things, services, other Terraform roots."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamplighter.scenarios import people
from lamplighter.scenarios.drift.injectors import tags
from lamplighter.scenarios.drift.injectors.base import ADMIN, injects, not_admin, pause, peers, rule
from lamplighter.scenarios.drift.inventory import Resource
from lamplighter.scenarios.drift.night import Night


def refused(call: Callable[[], Any]) -> None:
    """Make a call that AWS must refuse."""
    from botocore.exceptions import ClientError

    try:
        call()
    except ClientError:
        return
    raise AssertionError("a call that had to fail was accepted: the noise would be a drift")


@injects("reads")
def reads(night: Night, target: Resource) -> None:
    calls: list[tuple[str, str]] = [
        ("ec2", "describe_security_groups"),
        ("ec2", "describe_instances"),
        ("ec2", "describe_vpcs"),
        ("s3", "list_buckets"),
        ("iam", "list_roles"),
        ("iam", "list_users"),
        ("sqs", "list_queues"),
        ("logs", "describe_log_groups"),
        ("dynamodb", "list_tables"),
        ("lambda", "list_functions"),
        ("kms", "list_keys"),
        ("cloudwatch", "describe_alarms"),
        ("sts", "get_caller_identity"),
    ]
    for service, name in night.draw.sample(calls, night.draw.randint(2, 5)):
        getattr(night.client(service, target), name)()


@injects("refused-calls")
def refusals(night: Night, target: Resource) -> None:
    calls: list[Callable[[], Any]] = [
        lambda: night.client("iam", target).attach_role_policy(RoleName="no-such-role", PolicyArn=ADMIN),
        lambda: night.client("iam", target).delete_user(UserName="somebody-gone"),
        lambda: night.client("ec2", target).authorize_security_group_ingress(
            GroupId="sg-0123456789abcdef0", IpPermissions=rule(22, "0.0.0.0/0")
        ),
        lambda: night.client("ec2", target).modify_instance_attribute(
            InstanceId="i-0123456789abcdef0", InstanceType={"Value": "t3.large"}
        ),
        lambda: night.client("s3", target).put_bucket_versioning(
            Bucket="acme-no-such-bucket-at-all", VersioningConfiguration={"Status": "Suspended"}
        ),
        lambda: night.client("logs", target).put_retention_policy(
            logGroupName="/no/such/group", retentionInDays=1
        ),
        lambda: night.client("dynamodb", target).update_table(
            TableName="no-such-table", DeletionProtectionEnabled=False
        ),
        lambda: night.client("sqs", target).set_queue_attributes(
            QueueUrl=f"https://sqs.{target.region}.amazonaws.com/{target.account}/gone",
            Attributes={"VisibilityTimeout": "1"},
        ),
    ]
    for call in night.draw.sample(calls, night.draw.randint(1, 3)):
        refused(call)


@injects("access-denied")
def denied(night: Night, target: Resource) -> None:
    """A denial has no answer to read: the record is written as AWS would, for a call on a managed resource."""
    session = night.recorder.sessions[night.steps[-1].session]
    arn = str(session.identity.get("arn", ""))
    for name, service, parameters in denials(target):
        night.add_event(
            {
                "eventVersion": "1.10",
                "eventSource": f"{service}.amazonaws.com",
                "eventName": name,
                "awsRegion": "us-east-1" if service == "iam" else target.region,
                "userAgent": session.user_agent,
                "errorCode": "Client.UnauthorizedOperation" if service == "ec2" else "AccessDenied",
                "errorMessage": f"User: {arn} is not authorized to perform: {service}:{name}",
                "requestParameters": parameters,
                "responseElements": None,
                "readOnly": False,
                "eventType": "AwsApiCall",
                "managementEvent": True,
                "recipientAccountId": target.account,
                "eventCategory": "Management",
            },
            session,
            night.steps[-1].session,
        )


def denials(target: Resource) -> list[tuple[str, str, dict[str, Any] | None]]:
    """Calls on the target that the session may not make: event name, service, parameters.

    EC2 shows the parameters of a call it denies; IAM and CloudWatch Logs do not.
    """
    a = target.attributes
    rows: dict[str, list[tuple[str, str, dict[str, Any] | None]]] = {
        "aws_instance": [
            ("StopInstances", "ec2", {"instancesSet": {"items": [{"instanceId": a["id"]}]}, "force": False}),
            (
                "ModifyInstanceAttribute",
                "ec2",
                {"instanceId": a["id"], "instanceType": {"value": "m5.large"}},
            ),
        ],
        "aws_security_group": [
            (
                "AuthorizeSecurityGroupIngress",
                "ec2",
                {
                    "groupId": a["id"],
                    "ipPermissions": {
                        "items": [
                            {
                                "ipProtocol": "tcp",
                                "fromPort": 22,
                                "toPort": 22,
                                "groups": {},
                                "ipRanges": {"items": [{"cidrIp": "0.0.0.0/0"}]},
                                "ipv6Ranges": {},
                                "prefixListIds": {},
                            }
                        ]
                    },
                },
            )
        ],
        "aws_iam_role": [("AttachRolePolicy", "iam", None)],
        "aws_cloudwatch_log_group": [("PutRetentionPolicy", "logs", None)],
    }
    return rows[target.type]


@injects("tag-reverted", lambda _, target: bool(tags.own(target)))
def tag_reverted(night: Night, target: Resource) -> None:
    key = night.draw.choice(tags.own(target))
    before = tags.tags_of(target)[key]
    tags.put(night, target, {key: "trial"})
    pause(night, 60, 1800)
    tags.put(night, target, {key: before})


@injects("tag-added-and-removed", lambda _, target: target.type != "aws_s3_bucket")
def tag_there_and_gone(night: Night, target: Resource) -> None:
    tags.put(night, target, {"Temp": "yes"})
    pause(night, 60, 1800)
    tags.drop(night, target, "Temp")


@injects("rule-opened-and-closed")
def rule_reverted(night: Night, target: Resource) -> None:
    ec2 = night.client("ec2", target)
    permissions = rule(night.draw.choice([2222, 5005, 9999]), f"198.51.100.{night.draw.randint(1, 250)}/32")
    ec2.authorize_security_group_ingress(GroupId=target.attributes["id"], IpPermissions=permissions)
    pause(night, 60, 3600)
    ec2.revoke_security_group_ingress(GroupId=target.attributes["id"], IpPermissions=permissions)


@injects("instance-resized-and-back")
def resized_and_back(night: Night, target: Resource) -> None:
    ec2 = night.client("ec2", target)
    identity = target.attributes["id"]
    for size in ("m5.large", target.attributes["instance_type"]):
        ec2.stop_instances(InstanceIds=[identity])
        pause(night)
        ec2.modify_instance_attribute(InstanceId=identity, InstanceType={"Value": size})
        pause(night, 1, 10)
        ec2.start_instances(InstanceIds=[identity])
        pause(night, 600, 3600)


@injects("retention-changed-and-back")
def retention_and_back(night: Night, target: Resource) -> None:
    logs = night.client("logs", target)
    for days in (1, target.attributes["retention_in_days"]):
        logs.put_retention_policy(logGroupName=target.attributes["name"], retentionInDays=days)
        pause(night)


@injects("queue-visibility-and-back")
def visibility_and_back(night: Night, target: Resource) -> None:
    sqs = night.client("sqs", target)
    for seconds in (1, target.attributes["visibility_timeout_seconds"]):
        sqs.set_queue_attributes(
            QueueUrl=target.attributes["url"], Attributes={"VisibilityTimeout": str(seconds)}
        )
        pause(night)


@injects("policy-attached-and-detached", not_admin)
def attached_and_back(night: Night, target: Resource) -> None:
    iam = night.client("iam", target)
    iam.attach_role_policy(RoleName=target.attributes["name"], PolicyArn=ADMIN)
    pause(night, 300, 3600)
    iam.detach_role_policy(RoleName=target.attributes["name"], PolicyArn=ADMIN)


@injects(
    "bucket-versioning-and-back",
    lambda _, target: target.attributes["versioning_configuration"][0]["status"] == "Enabled",
)
def versioning_and_back(night: Night, target: Resource) -> None:
    s3 = night.client("s3", target)
    for status in ("Suspended", "Enabled"):
        s3.put_bucket_versioning(
            Bucket=target.attributes["bucket"], VersioningConfiguration={"Status": status}
        )
        pause(night)


@injects("lambda-memory-and-back")
def memory_and_back(night: Night, target: Resource) -> None:
    client = night.client("lambda", target)
    for size in (3008, target.attributes["memory_size"]):
        client.update_function_configuration(FunctionName=target.attributes["function_name"], MemorySize=size)
        pause(night)


@injects("same-value-put")
def same_value(night: Night, target: Resource) -> None:
    night.client("logs", target).put_retention_policy(
        logGroupName=target.attributes["name"], retentionInDays=target.attributes["retention_in_days"]
    )


@injects("tag-set-to-what-it-is", lambda _, target: bool(tags.own(target)))
def same_tag(night: Night, target: Resource) -> None:
    key = tags.own(target)[0]
    tags.put(night, target, {key: tags.tags_of(target)[key]})


@injects("temporary-group")
def temporary_group(night: Night, target: Resource) -> None:
    ec2 = night.client("ec2", target)
    vpc = peers(night, target, "aws_vpc")[0].attributes["id"]
    made = ec2.create_security_group(GroupName="debug-now", Description="temporary", VpcId=vpc)
    pause(night, 60, 1800)
    ec2.delete_security_group(GroupId=made["GroupId"])


@injects("temporary-queue")
def temporary_queue(night: Night, target: Resource) -> None:
    sqs = night.client("sqs", target)
    url = sqs.create_queue(QueueName=f"drain-{night.draw.randint(10, 99)}")["QueueUrl"]
    pause(night, 60, 1800)
    sqs.delete_queue(QueueUrl=url)


@injects("temporary-user")
def temporary_user(night: Night, target: Resource) -> None:
    iam = night.client("iam", target)
    iam.create_user(UserName="smoke-test")
    pause(night, 10, 300)
    iam.delete_user(UserName="smoke-test")


@injects("service-at-work", lambda _, target: target.account == people.ACCOUNT)
def service(night: Night, target: Resource) -> None:
    logs = night.client("logs", target, people.SERVICE)
    for number in range(night.draw.randint(1, 3)):
        logs.create_log_stream(
            logGroupName=target.attributes["name"],
            logStreamName=f"eni-{night.draw.randint(1, 10**6)}-{number}",
        )


@injects("sign-in")
def sign_in(night: Night, target: Resource) -> None:
    key = night.steps[-1].session
    session = night.recorder.sessions[key]
    night.add_event(
        {
            "eventVersion": "1.10",
            "eventSource": "signin.amazonaws.com",
            "eventName": "ConsoleLogin",
            "awsRegion": "us-east-1" if session.identity["type"] == "Root" else target.region,
            "userAgent": people.BROWSER,
            "requestParameters": None,
            "responseElements": {"ConsoleLogin": "Success"},
            "additionalEventData": {"MobileVersion": "No", "MFAUsed": "Yes"},
            "readOnly": False,
            "eventType": "AwsConsoleSignIn",
            "managementEvent": True,
            "recipientAccountId": target.account,
            "eventCategory": "Management",
        },
        session,
        key,
    )
