"""What people did to the payments account on the night of 22 November 2026, by real SDK calls, and what it left.

Each drift names the events that made it and a reader of the live value; code values come from the state. Noise is
what a drift check must not report.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from lamplighter.scenarios import people
from lamplighter.scenarios.recorder import Event, Recorder
from lamplighter.scenarios.world import SandboxClock

ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"


@dataclass
class Drift:
    """One injected drift; `live` reads its value from the cloud, in Terraform's terms."""

    address: str
    path: str
    risk: str
    live: Callable[[], Any]
    events: list[Event] = field(default_factory=list)


@dataclass
class Account:
    """The sandbox account while it is being changed."""

    endpoint: str
    recorder: Recorder
    clock: SandboxClock
    state: dict[str, Any]
    drifts: list[Drift] = field(default_factory=list)
    noise: dict[str, list[str]] = field(default_factory=dict)

    def client(self, service: str, key: str = "unrecorded") -> Any:
        """A boto3 client of the holder of `key`; calls of an unknown key leave no record."""
        import boto3
        from botocore.config import Config

        return boto3.client(
            service,
            region_name="eu-west-1",
            endpoint_url=self.endpoint,
            aws_access_key_id=key,
            aws_secret_access_key="sandbox",
            config=Config(retries={"total_max_attempts": 1}),
        )

    def attributes(self, address: str) -> dict[str, Any]:
        """The state's attributes of a resource instance."""
        return instances(self.state)[address]

    @contextmanager
    def drift(self, when: str, address: str, path: str, risk: str, live: Callable[[], Any]) -> Iterator[None]:
        """Record the calls made inside as the cause of a drift."""
        self.clock.set(when)
        first = len(self.recorder.events)
        yield
        made = [event for event in self.recorder.events[first:] if not event["readOnly"]]
        self.drifts.append(Drift(address, path, risk, live, made))

    @contextmanager
    def no_drift(self, when: str, why: str) -> Iterator[None]:
        """Record the calls made inside as noise, under the reason why they are no drift."""
        self.clock.set(when)
        first = len(self.recorder.events)
        yield
        self.noise.setdefault(why, []).extend(event["eventID"] for event in self.recorder.events[first:])


def instances(state: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Attributes of every managed resource instance of a v4 state, by address."""
    found = {}
    for resource in state["resources"]:
        if resource["mode"] != "managed":
            continue
        prefix = f"{resource['module']}." if "module" in resource else ""
        for instance in resource["instances"]:
            key = instance.get("index_key")
            suffix = "" if key is None else f"[{json.dumps(key)}]"
            found[f"{prefix}{resource['type']}.{resource['name']}{suffix}"] = instance["attributes"]
    return found


def rule(port: int, cidr: str) -> list[dict[str, Any]]:
    """An EC2 IpPermissions list of one TCP rule."""
    return [{"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": cidr}]}]


def inject(account: Account) -> None:
    """Run the night: network and identity, storage, services, then noise in between."""
    _login(account)
    _network(account)
    _storage(account)
    _services(account)
    _noise(account)


def _login(account: Account) -> None:
    with account.no_drift("2026-11-22T21:58:02", "sign-in"):
        session = account.recorder.sessions[people.MARIA]
        account.recorder.add(
            {
                "eventVersion": "1.10",
                "userIdentity": dict(session.identity),
                "eventSource": "signin.amazonaws.com",
                "eventName": "ConsoleLogin",
                "awsRegion": "eu-west-1",
                "sourceIPAddress": session.source_ip,
                "userAgent": people.BROWSER,
                "requestParameters": None,
                "responseElements": {"ConsoleLogin": "Success"},
                "additionalEventData": {"MobileVersion": "No", "MFAUsed": "Yes"},
                "readOnly": False,
                "eventType": "AwsConsoleSignIn",
                "managementEvent": True,
                "recipientAccountId": people.ACCOUNT,
                "eventCategory": "Management",
            }
        )


def _network(account: Account) -> None:
    group = account.attributes("aws_security_group.web")["id"]
    ec2, live = account.client("ec2", people.MARIA), account.client("ec2")

    def ingress() -> list[dict[str, Any]]:
        rules = live.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]
        return [
            {
                "from_port": item["FromPort"],
                "to_port": item["ToPort"],
                "protocol": item["IpProtocol"],
                "cidr_blocks": sorted(block["CidrIp"] for block in item["IpRanges"]),
            }
            for item in sorted(rules, key=lambda item: item["FromPort"])
        ]

    with account.drift("2026-11-22T22:14:31", "aws_security_group.web", "ingress", "high", ingress):
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=rule(22, "0.0.0.0/0"))

    web = account.attributes('aws_instance.web["a"]')["id"]
    ec2 = account.client("ec2", people.JONAS)

    def instance_type() -> str:
        return str(
            live.describe_instances(InstanceIds=[web])["Reservations"][0]["Instances"][0]["InstanceType"]
        )

    with account.drift(
        "2026-11-23T01:05:10", 'aws_instance.web["a"]', "instance_type", "medium", instance_type
    ):
        ec2.stop_instances(InstanceIds=[web])
        account.clock.set("2026-11-23T01:07:44")
        ec2.modify_instance_attribute(InstanceId=web, InstanceType={"Value": "t3.large"})
        ec2.start_instances(InstanceIds=[web])

    other = account.attributes('aws_instance.web["b"]')["id"]

    def window() -> str | None:
        tags = live.describe_tags(Filters=[{"Name": "resource-id", "Values": [other]}])["Tags"]
        return next((tag["Value"] for tag in tags if tag["Key"] == "Schedule"), None)

    with account.drift("2026-11-23T02:00:03", 'aws_instance.web["b"]', "tags.Schedule", "low", window):
        account.client("ec2", people.SCRIPT).create_tags(
            Resources=[other], Tags=[{"Key": "Schedule", "Value": "stop-weekends"}]
        )

    role = account.attributes("aws_iam_role.api")["name"]

    def policies() -> list[str]:
        attached = account.client("iam").list_attached_role_policies(RoleName=role)["AttachedPolicies"]
        return sorted(item["PolicyArn"] for item in attached)

    with account.drift("2026-11-23T00:31:19", "aws_iam_role.api", "managed_policy_arns", "high", policies):
        account.client("iam", people.JONAS).attach_role_policy(RoleName=role, PolicyArn=ADMIN)


def _storage(account: Account) -> None:
    receipts = account.attributes('aws_s3_bucket.this["receipts"]')["bucket"]
    exports = account.attributes('aws_s3_bucket.this["exports"]')["bucket"]
    s3, live = account.client("s3", people.MARIA), account.client("s3")

    def blocked() -> dict[str, bool] | None:
        try:
            answer = live.get_public_access_block(Bucket=exports)
        except live.exceptions.ClientError:
            return None
        return dict(answer["PublicAccessBlockConfiguration"])

    with account.drift(
        "2026-11-22T22:41:07", 'aws_s3_bucket_public_access_block.this["exports"]', "", "high", blocked
    ):
        s3.delete_public_access_block(Bucket=exports)

    with account.drift(
        "2026-11-22T22:47:55",
        'aws_s3_bucket_versioning.this["receipts"]',
        "versioning_configuration.0.status",
        "medium",
        lambda: live.get_bucket_versioning(Bucket=receipts).get("Status"),
    ):
        s3.put_bucket_versioning(Bucket=receipts, VersioningConfiguration={"Status": "Suspended"})

    def tags() -> dict[str, str]:
        return {tag["Key"]: tag["Value"] for tag in live.get_bucket_tagging(Bucket=receipts)["TagSet"]}

    wanted = [{"Key": key, "Value": value} for key, value in (tags() | {"DataClass": "internal"}).items()]
    with account.drift(
        "2026-11-22T22:52:20",
        'aws_s3_bucket.this["receipts"]',
        "tags.DataClass",
        "low",
        lambda: tags().get("DataClass"),
    ):
        s3.put_bucket_tagging(Bucket=receipts, Tagging={"TagSet": wanted})


def _services(account: Account) -> None:
    queue = account.attributes("module.settlement.aws_sqs_queue.main")["url"]
    sqs = account.client("sqs")

    def visibility() -> int:
        wanted = ["VisibilityTimeout"]
        return int(sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=wanted)["Attributes"][wanted[0]])

    with account.drift(
        "2026-11-23T03:12:40",
        "module.settlement.aws_sqs_queue.main",
        "visibility_timeout_seconds",
        "low",
        visibility,
    ):
        account.client("sqs", people.DEPLOY).set_queue_attributes(
            QueueUrl=queue, Attributes={"VisibilityTimeout": "300"}
        )

    table = account.attributes("aws_dynamodb_table.ledger")["name"]
    dynamodb = account.client("dynamodb")

    def recovery() -> bool:
        backups = dynamodb.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
        return bool(backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED")

    with account.drift(
        "2026-11-23T02:00:09",
        "aws_dynamodb_table.ledger",
        "point_in_time_recovery.0.enabled",
        "high",
        recovery,
    ):
        account.client("dynamodb", people.SCRIPT).update_continuous_backups(
            TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False}
        )

    group = account.attributes('aws_cloudwatch_log_group.service["audit"]')["name"]
    logs = account.client("logs")
    with account.drift(
        "2026-11-23T02:00:15",
        'aws_cloudwatch_log_group.service["audit"]',
        "retention_in_days",
        "medium",
        lambda: logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0].get("retentionInDays"),
    ):
        account.client("logs", people.SCRIPT).put_retention_policy(logGroupName=group, retentionInDays=14)


def _noise(account: Account) -> None:
    ec2 = account.client("ec2", people.JONAS)
    database = account.attributes("aws_security_group.db")["id"]
    with account.no_drift("2026-11-22T22:10:02", "read only"):
        account.client("ec2", people.MARIA).describe_security_groups()
        account.client("s3", people.MARIA).list_buckets()
        account.client("iam", people.JONAS).list_roles()
    with account.no_drift("2026-11-22T23:20:00", "failed"):
        _refused(
            lambda: account.client("iam", people.JONAS).attach_role_policy(
                RoleName="payments-prod-ap", PolicyArn=ADMIN
            )
        )
        _refused(
            lambda: account.client("ec2", people.MARIA).authorize_security_group_ingress(
                GroupId=account.attributes("aws_security_group.web")["id"],
                IpPermissions=rule(443, "0.0.0.0/0"),
            )
        )
    with account.no_drift("2026-11-22T23:40:12", "reverted"):
        ec2.authorize_security_group_ingress(GroupId=database, IpPermissions=rule(5432, "198.51.100.44/32"))
        account.clock.set("2026-11-22T23:58:47")
        ec2.revoke_security_group_ingress(GroupId=database, IpPermissions=rule(5432, "198.51.100.44/32"))
        vpc = account.attributes("aws_vpc.main")
        for owner in ("jonas", vpc["tags"]["Owner"]):
            ec2.create_tags(Resources=[vpc["id"]], Tags=[{"Key": "Owner", "Value": owner}])
    with account.no_drift("2026-11-23T00:02:10", "created and deleted"):
        made = ec2.create_security_group(
            GroupName="jonas-debug", Description="temporary", VpcId=account.attributes("aws_vpc.main")["id"]
        )
        ec2.delete_security_group(GroupId=made["GroupId"])
    with account.no_drift("2026-11-23T00:05:33", "unmanaged, kept"):
        account.client("sqs", people.JONAS).create_queue(QueueName="payments-prod-replay-tmp")
    with account.no_drift("2026-11-23T04:30:00", "another Terraform run"):
        account.client("logs", people.OTHER_TERRAFORM).create_log_group(logGroupName="/search/prod/api")
    with account.no_drift("2026-11-23T04:45:00", "AWS service"):
        account.client("logs", people.SERVICE).create_log_stream(
            logGroupName=account.attributes('aws_cloudwatch_log_group.service["api"]')["name"],
            logStreamName="eni-1",
        )


def _refused(call: Callable[[], object]) -> None:
    from botocore.exceptions import ClientError

    try:
        call()
    except ClientError:
        return
    raise AssertionError("a call that had to fail was accepted: the noise would be a drift")
