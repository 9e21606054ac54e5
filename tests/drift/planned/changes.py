"""What people do behind Terraform's back in the two projects, and the facts that must come of it: no more, no less."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from tests.drift.planned.world import World

ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"
KEY = "arn:aws:kms:eu-west-1:123456789012:key/11111111-1111-1111-1111-111111111111"
ENCRYPTION = "server_side_encryption_configuration.rule.apply_server_side_encryption_by_default.sse_algorithm"

Expected = tuple[str, str, str, Any, Any]
"""address, action, attribute, before, after: compared by what they say, not by how it is spelled."""
Recorded = Callable[[str], Mapping[str, Any]]
"""The attributes that the state recorded of an address."""


def policy(action: str, resource: str = "*", **more: Any) -> str:
    statement = {"Effect": "Allow", **more, "Action": action, "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def rule(port: int, cidr: str) -> list[dict[str, Any]]:
    return [{"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": cidr}]}]


def source(port: int, cidr: str) -> dict[str, Any]:
    return {"protocol": "tcp", "from_port": port, "to_port": port, "source": cidr}


def change_payments(world: World) -> None:
    """A night of changes by hand, 19 kinds."""
    ec2, s3, iam = world.client("ec2"), world.client("s3"), world.client("iam")
    web, database = (world.attributes(f"aws_security_group.{name}")["id"] for name in ("web", "db"))
    ec2.authorize_security_group_ingress(GroupId=web, IpPermissions=rule(22, "0.0.0.0/0"))
    ec2.authorize_security_group_ingress(GroupId=database, IpPermissions=rule(5432, "198.51.100.44/32"))
    ec2.revoke_security_group_ingress(GroupId=database, IpPermissions=rule(5432, "10.40.2.0/24"))
    network = world.attributes("aws_vpc.main")["id"]
    ec2.create_tags(
        Resources=[network], Tags=[{"Key": "Owner", "Value": "jonas"}, {"Key": "New", "Value": "x"}]
    )
    ec2.delete_tags(Resources=[network], Tags=[{"Key": "Project"}])
    machine = world.attributes('aws_instance.web["a"]')["id"]
    ec2.stop_instances(InstanceIds=[machine])
    ec2.modify_instance_attribute(InstanceId=machine, InstanceType={"Value": "t3.large"})
    ec2.start_instances(InstanceIds=[machine])
    receipts, exports = (
        world.attributes(f'aws_s3_bucket.this["{name}"]')["bucket"] for name in ("receipts", "exports")
    )
    s3.put_bucket_versioning(Bucket=receipts, VersioningConfiguration={"Status": "Suspended"})
    s3.put_bucket_policy(
        Bucket=receipts, Policy=policy("s3:GetObject", f"arn:aws:s3:::{receipts}/*", Principal="*")
    )
    for bucket, algorithm in ((receipts, {"KMSMasterKeyID": KEY}), (exports, {})):
        default = {"SSEAlgorithm": "aws:kms", **algorithm}
        rules = {"Rules": [{"ApplyServerSideEncryptionByDefault": default}]}
        s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=rules)
    s3.delete_public_access_block(Bucket=exports)
    role = world.attributes("aws_iam_role.api")["name"]
    iam.attach_role_policy(RoleName=role, PolicyArn=ADMIN)
    iam.put_role_policy(RoleName=role, PolicyName="send-settlements", PolicyDocument=policy("sqs:*"))
    iam.put_role_policy(RoleName=role, PolicyName="debug", PolicyDocument=policy("s3:*"))
    iam.update_assume_role_policy(
        RoleName=role,
        PolicyDocument=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}],
            }
        ),
    )
    iam.create_policy_version(
        PolicyArn=world.attributes("aws_iam_policy.ledger_read")["arn"],
        PolicyDocument=policy("dynamodb:*"),
        SetAsDefault=True,
    )
    world.client("sqs").set_queue_attributes(
        QueueUrl=world.attributes("module.settlement.aws_sqs_queue.main")["url"],
        Attributes={"VisibilityTimeout": "300"},
    )
    world.client("dynamodb").update_continuous_backups(
        TableName=world.attributes("aws_dynamodb_table.ledger")["name"],
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False},
    )
    audit, api = (
        world.attributes(f'aws_cloudwatch_log_group.service["{name}"]')["name"] for name in ("audit", "api")
    )
    world.client("logs").put_retention_policy(logGroupName=audit, retentionInDays=14)
    world.client("logs").delete_log_group(logGroupName=api)


def payments_facts(recorded: Recorded) -> list[Expected]:
    ledger = recorded("aws_dynamodb_table.ledger")["arn"]
    queue = recorded("module.settlement.aws_sqs_queue.main")["arn"]
    receipts = recorded('aws_s3_bucket.this["receipts"]')["arn"]
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole"}
    service = {
        "Statement": [{**trust, "Principal": {"Service": "ec2.amazonaws.com"}}],
        "Version": "2012-10-17",
    }
    anyone = {"Statement": [{**trust, "Principal": {"AWS": "*"}}], "Version": "2012-10-17"}
    read = policy("", ledger)
    listed = json.loads(read)
    listed["Statement"][0]["Action"] = ["dynamodb:GetItem", "dynamodb:Query"]
    encryption = "aws_s3_bucket_server_side_encryption_configuration.receipts"
    default = "rule.apply_server_side_encryption_by_default"
    return [
        ('aws_cloudwatch_log_group.service["api"]', "delete", "", "present", None),
        ('aws_cloudwatch_log_group.service["audit"]', "set", "retention_in_days", 365, 14),
        ("aws_dynamodb_table.ledger", "set", "point_in_time_recovery.enabled", True, False),
        ("aws_iam_policy.ledger_read", "set", "policy", json.dumps(listed), policy("dynamodb:*")),
        ("aws_iam_role.api", "set", "assume_role_policy", json.dumps(service), json.dumps(anyone)),
        ("aws_iam_role.api", "add", "inline_policy", None, {"name": "debug", "policy": policy("s3:*")}),
        ("aws_iam_role.api", "add", "managed_policy_arns", None, ADMIN),
        ("aws_iam_role_policy.api_queue", "set", "policy", policy("sqs:SendMessage", queue), policy("sqs:*")),
        ('aws_instance.web["a"]', "set", "instance_type", "t3.small", "t3.large"),
        ('aws_s3_bucket.this["exports"]', "set", ENCRYPTION, None, "aws:kms"),
        (
            'aws_s3_bucket.this["receipts"]',
            "set",
            "policy",
            "",
            policy("s3:GetObject", f"{receipts}/*", Principal="*"),
        ),
        ('aws_s3_bucket_public_access_block.this["exports"]', "delete", "", "present", None),
        (encryption, "set", f"{default}.kms_master_key_id", "", KEY),
        (encryption, "set", f"{default}.sse_algorithm", "AES256", "aws:kms"),
        (
            'aws_s3_bucket_versioning.this["receipts"]',
            "set",
            "versioning_configuration.status",
            "Enabled",
            "Suspended",
        ),
        ("aws_security_group.db", "add", "ingress", None, source(5432, "198.51.100.44/32")),
        ("aws_security_group.web", "add", "ingress", None, source(22, "0.0.0.0/0")),
        ("aws_vpc.main", "set", "tags.New", None, "x"),
        ("aws_vpc.main", "set", "tags.Owner", "team-payments", "jonas"),
        ("aws_vpc.main", "set", "tags.Project", "payments", None),
        ('aws_vpc_security_group_ingress_rule.db_postgres["b"]', "delete", "", "present", None),
        ("module.settlement.aws_sqs_queue.main", "set", "visibility_timeout_seconds", 60, 300),
    ]


def change_shadows(world: World) -> None:
    """Changes of what stands in two resources of the state, and of settings that none of them holds."""
    s3, iam, ec2 = world.client("s3"), world.client("iam"), world.client("ec2")
    _change_bucket(s3)
    _change_messages(world)
    _change_network(world, ec2)
    iam.attach_role_policy(RoleName="fn", PolicyArn=ADMIN)
    iam.put_role_policy(RoleName="fn", PolicyName="fn", PolicyDocument=policy("logs:*"))
    iam.put_role_policy(RoleName="fn", PolicyName="more", PolicyDocument=policy("s3:*"))
    iam.remove_user_from_group(GroupName="ops", UserName="ci")
    world.client("ssm").put_parameter(Name="/token", Value="tok-second", Type="SecureString", Overwrite=True)
    world.client("events").put_rule(Name="tick", ScheduleExpression="rate(1 minute)")
    world.client("kms").enable_key_rotation(KeyId=world.attributes("aws_kms_key.main")["key_id"])
    world.client("dynamodb").update_time_to_live(
        TableName="t", TimeToLiveSpecification={"Enabled": True, "AttributeName": "until"}
    )
    records = {
        "Name": "www.acme.example",
        "Type": "A",
        "TTL": 60,
        "ResourceRecords": [{"Value": "192.0.2.1"}, {"Value": "203.0.113.9"}],
    }
    world.client("route53").change_resource_record_sets(
        HostedZoneId=world.attributes("aws_route53_zone.z")["zone_id"],
        ChangeBatch={"Changes": [{"Action": "UPSERT", "ResourceRecordSet": records}]},
    )


def _change_bucket(s3: Any) -> None:
    s3.put_bucket_policy(
        Bucket="acme-site", Policy=policy("s3:*", "arn:aws:s3:::acme-site/*", Principal={"AWS": "*"})
    )
    s3.put_bucket_versioning(Bucket="acme-site", VersioningConfiguration={"Status": "Suspended"})
    cors = {"AllowedMethods": ["GET", "PUT"], "AllowedOrigins": ["https://example.com"]}
    s3.put_bucket_cors(Bucket="acme-site", CORSConfiguration={"CORSRules": [cors]})
    old = {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 7}}
    s3.put_bucket_lifecycle_configuration(Bucket="acme-site", LifecycleConfiguration={"Rules": [old]})
    s3.put_bucket_website(Bucket="acme-site", WebsiteConfiguration={"IndexDocument": {"Suffix": "home.html"}})
    s3.put_bucket_logging(
        Bucket="acme-site",
        BucketLoggingStatus={"LoggingEnabled": {"TargetBucket": "acme-logs", "TargetPrefix": "other/"}},
    )
    s3.put_bucket_versioning(Bucket="acme-logs", VersioningConfiguration={"Status": "Enabled"})


def _change_messages(world: World) -> None:
    sqs = world.client("sqs")
    jobs, dead, retry = (world.attributes(f"aws_sqs_queue.{name}") for name in ("jobs", "dead", "retry"))
    redrive = json.dumps({"deadLetterTargetArn": dead["arn"], "maxReceiveCount": 9})
    send = {"Sid": "s", "Principal": "*"}
    sqs.set_queue_attributes(QueueUrl=retry["url"], Attributes={"RedrivePolicy": redrive})
    for queue in (jobs, dead):
        everything = policy("sqs:*", queue["arn"], **send)
        sqs.set_queue_attributes(QueueUrl=queue["url"], Attributes={"Policy": everything})
    topic = world.attributes("aws_sns_topic.alerts")["arn"]
    world.client("sns").set_topic_attributes(
        TopicArn=topic,
        AttributeName="Policy",
        AttributeValue=policy("sns:*", topic, Sid="s", Principal={"AWS": "123456789012"}),
    )


def _change_network(world: World, ec2: Any) -> None:
    table, gateway = (
        world.attributes(f"aws_{name}")["id"] for name in ("route_table.own", "internet_gateway.main")
    )
    ec2.delete_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0")
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="198.51.100.0/24", GatewayId=gateway)
    ec2.create_network_acl_entry(
        NetworkAclId=world.attributes("aws_network_acl.own")["id"],
        RuleNumber=200,
        Protocol="6",
        RuleAction="allow",
        Egress=False,
        CidrBlock="0.0.0.0/0",
        PortRange={"From": 22, "To": 22},
    )
    old = world.attributes("aws_security_group.old")["id"]
    ec2.authorize_security_group_ingress(GroupId=old, IpPermissions=rule(22, "0.0.0.0/0"))
    ec2.revoke_security_group_ingress(
        GroupId=old,
        IpPermissions=[
            {"IpProtocol": "tcp", "FromPort": 9000, "ToPort": 9010, "UserIdGroupPairs": [{"GroupId": old}]}
        ],
    )
    network, subnet = (world.attributes(f"aws_{name}")["id"] for name in ("vpc.main", "subnet.a"))
    ec2.create_tags(Resources=[network], Tags=[{"Key": "Team", "Value": "other"}])
    ec2.delete_tags(Resources=[subnet], Tags=[{"Key": "Team"}])
    ec2.modify_instance_attribute(
        InstanceId=world.attributes("aws_instance.box")["id"], DisableApiTermination={"Value": True}
    )


def shadows_facts(recorded: Recorded) -> list[Expected]:
    bucket = recorded("aws_s3_bucket.site")["arn"]
    jobs, dead = (recorded(f"aws_sqs_queue.{name}")["arn"] for name in ("jobs", "dead"))
    topic = recorded("aws_sns_topic.alerts")["arn"]
    sender = {"Sid": "s", "Principal": "*"}
    publisher = {"Sid": "s", "Principal": {"AWS": "123456789012"}}
    gateway = recorded("aws_internet_gateway.main")["id"]
    entry = {
        "action": "allow",
        "cidr_block": "0.0.0.0/0",
        "from_port": 22,
        "protocol": "6",
        "rule_no": 200,
        "to_port": 22,
    }
    return [
        ("aws_cloudwatch_event_rule.tick", "set", "schedule_expression", "rate(5 minutes)", "rate(1 minute)"),
        ("aws_dynamodb_table.t", "set", "ttl.attribute_name", "", "until"),
        ("aws_dynamodb_table.t", "set", "ttl.enabled", False, True),
        ("aws_iam_group_membership.ops", "remove", "users", "ci", None),
        ("aws_iam_role.fn", "add", "inline_policy", None, {"name": "more", "policy": policy("s3:*")}),
        ("aws_iam_role.fn", "add", "managed_policy_arns", None, ADMIN),
        ("aws_iam_role_policy.fn", "set", "policy", policy("logs:PutLogEvents"), policy("logs:*")),
        ("aws_instance.box", "set", "disable_api_termination", False, True),
        ("aws_kms_key.main", "set", "enable_key_rotation", False, True),
        ("aws_network_acl.own", "add", "ingress", None, entry),
        ("aws_route.out", "delete", "", "present", None),
        ("aws_route53_record.www", "add", "records", None, "203.0.113.9"),
        ("aws_route53_record.www", "remove", "records", "192.0.2.2", None),
        (
            "aws_route_table.own",
            "add",
            "route",
            None,
            {"cidr_block": "198.51.100.0/24", "gateway_id": gateway},
        ),
        ("aws_s3_bucket.logs", "set", "versioning.enabled", False, True),
        ("aws_s3_bucket_cors_configuration.site", "add", "cors_rule.allowed_methods", None, "PUT"),
        ("aws_s3_bucket_lifecycle_configuration.site", "set", "rule.expiration.days", 30, 7),
        ("aws_s3_bucket_logging.site", "set", "target_prefix", "site/", "other/"),
        (
            "aws_s3_bucket_policy.site",
            "set",
            "policy",
            policy("s3:GetObject", f"{bucket}/*", Principal="*"),
            policy("s3:*", f"{bucket}/*", Principal={"AWS": "*"}),
        ),
        ("aws_s3_bucket_versioning.site", "set", "versioning_configuration.status", "Enabled", "Suspended"),
        (
            "aws_s3_bucket_website_configuration.site",
            "set",
            "index_document.suffix",
            "index.html",
            "home.html",
        ),
        ("aws_security_group.old", "add", "ingress", None, source(22, "0.0.0.0/0")),
        ("aws_security_group_rule.self", "delete", "", "present", None),
        (
            "aws_sns_topic_policy.alerts",
            "set",
            "policy",
            policy("sns:Publish", topic, **publisher),
            policy("sns:*", topic, **publisher),
        ),
        ("aws_sqs_queue.dead", "set", "policy", "", policy("sqs:*", dead, **sender)),
        (
            "aws_sqs_queue_policy.jobs",
            "set",
            "policy",
            policy("sqs:SendMessage", jobs, **sender),
            policy("sqs:*", jobs, **sender),
        ),
        (
            "aws_sqs_queue_redrive_policy.retry",
            "set",
            "redrive_policy",
            json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 4}),
            json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 9}),
        ),
        ("aws_ssm_parameter.token", "set", "value", "(sensitive)", "(sensitive)"),
        ("aws_subnet.a", "set", "tags_all.Team", "platform", None),
        ("aws_vpc.main", "set", "tags.Team", None, "other"),
    ]
