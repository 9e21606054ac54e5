"""What people make beside Terraform: new resources, and new parts of managed ones."""

from __future__ import annotations

import json

from lamplighter.scenarios.drift.injectors.base import ADMIN, injects, not_admin, pause, peers, rule
from lamplighter.scenarios.drift.inventory import Resource
from lamplighter.scenarios.drift.night import Night

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}}
        ],
    }
)
EVERYTHING = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
)


def _name(night: Night, stem: str) -> str:
    return f"{stem}-{night.draw.randint(100, 999)}"


@injects("stray-bucket")
def bucket(night: Night, target: Resource) -> None:
    s3 = night.client("s3", target)
    name = _name(night, "acme-tmp-export")
    where = (
        {}
        if target.region == "us-east-1"
        else {"CreateBucketConfiguration": {"LocationConstraint": target.region}}
    )
    s3.create_bucket(Bucket=name, **where)
    pause(night, 2, 20)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": [{"Key": "Owner", "Value": "jonas"}]})


@injects("stray-queue")
def queue(night: Night, target: Resource) -> None:
    sqs = night.client("sqs", target)
    url = sqs.create_queue(QueueName=_name(night, "replay"))["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "600"})


@injects("stray-security-group")
def group(night: Night, target: Resource) -> None:
    ec2 = night.client("ec2", target)
    vpc = next(found.attributes["id"] for found in peers(night, target, "aws_vpc"))
    made = ec2.create_security_group(GroupName=_name(night, "debug"), Description="temporary", VpcId=vpc)
    pause(night, 2, 30)
    ec2.authorize_security_group_ingress(GroupId=made["GroupId"], IpPermissions=rule(22, "0.0.0.0/0"))


@injects("stray-instance")
def instance(night: Night, target: Resource) -> None:
    subnet = peers(night, target, "aws_subnet")[0].attributes["id"]
    night.client("ec2", target).run_instances(
        ImageId="ami-12c6146b", MinCount=1, MaxCount=1, InstanceType="t3.micro", SubnetId=subnet
    )


@injects("stray-volume")
def volume(night: Night, target: Resource) -> None:
    night.client("ec2", target).create_volume(
        AvailabilityZone=f"{target.region}a", Size=night.draw.choice([20, 100]), VolumeType="gp3"
    )


@injects("stray-user-with-key")
def user(night: Night, target: Resource) -> None:
    iam = night.client("iam", target)
    name = _name(night, "contractor")
    iam.create_user(UserName=name)
    pause(night, 2, 40)
    iam.attach_user_policy(UserName=name, PolicyArn=ADMIN)
    iam.create_access_key(UserName=name)


@injects("stray-role")
def role(night: Night, target: Resource) -> None:
    iam = night.client("iam", target)
    name = _name(night, "lambda-test")
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)
    iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=EVERYTHING)


@injects("stray-role-attachment", not_admin)
def attachment(night: Night, target: Resource) -> None:
    night.client("iam", target).attach_role_policy(RoleName=target.attributes["name"], PolicyArn=ADMIN)


@injects("stray-role-inline")
def inline(night: Night, target: Resource) -> None:
    night.client("iam", target).put_role_policy(
        RoleName=target.attributes["name"], PolicyName="hotfix", PolicyDocument=EVERYTHING
    )


@injects("stray-user-attachment")
def user_attachment(night: Night, target: Resource) -> None:
    night.client("iam", target).attach_user_policy(UserName=target.attributes["name"], PolicyArn=ADMIN)


@injects("stray-access-key")
def access_key(night: Night, target: Resource) -> None:
    night.client("iam", target).create_access_key(UserName=target.attributes["name"])


@injects("stray-login-profile")
def login(night: Night, target: Resource) -> None:
    night.client("iam", target).create_login_profile(
        UserName=target.attributes["name"], Password="Made-up-4-the-sandbox", PasswordResetRequired=True
    )


@injects("stray-group-attachment")
def group_attachment(night: Night, target: Resource) -> None:
    night.client("iam", target).attach_group_policy(
        GroupName=target.attributes["name"], PolicyArn="arn:aws:iam::aws:policy/PowerUserAccess"
    )


@injects("stray-log-group")
def log_group(night: Night, target: Resource) -> None:
    logs = night.client("logs", target)
    name = f"/debug/{_name(night, 'session')}"
    logs.create_log_group(logGroupName=name)
    logs.put_retention_policy(logGroupName=name, retentionInDays=3)


@injects("stray-alarm")
def alarm(night: Night, target: Resource) -> None:
    night.client("cloudwatch", target).put_metric_alarm(
        AlarmName=_name(night, "by-hand"),
        ComparisonOperator="GreaterThanThreshold",
        EvaluationPeriods=1,
        MetricName="CPUUtilization",
        Namespace="AWS/EC2",
        Period=60,
        Statistic="Maximum",
        Threshold=95.0,
    )


@injects("stray-route", lambda night, target: not target.attributes["route"] or _apart(night, target))
def route(night: Night, target: Resource) -> None:
    gateways = peers(night, target, "aws_internet_gateway")
    gateway = next(item for item in gateways if item.attributes["vpc_id"] == target.attributes["vpc_id"])
    night.client("ec2", target).create_route(
        RouteTableId=target.attributes["id"],
        DestinationCidrBlock=f"172.{night.draw.randint(16, 31)}.0.0/16",
        GatewayId=gateway.attributes["id"],
    )


def _apart(night: Night, target: Resource) -> bool:
    return any(
        found.type == "aws_route" and found.attributes["route_table_id"] == target.attributes["id"]
        for found in night.world.inventory.resources.values()
    )


@injects("stray-dns-record")
def record(night: Night, target: Resource) -> None:
    night.client("route53", target).change_resource_record_sets(
        HostedZoneId=target.attributes["zone_id"],
        ChangeBatch={
            "Changes": [
                {
                    "Action": "CREATE",
                    "ResourceRecordSet": {
                        "Name": f"{_name(night, 'test')}.{target.attributes['name']}",
                        "Type": "CNAME",
                        "TTL": 60,
                        "ResourceRecords": [{"Value": "elsewhere.example"}],
                    },
                }
            ]
        },
    )


@injects("stray-lambda-permission")
def permission(night: Night, target: Resource) -> None:
    night.client("lambda", target).add_permission(
        FunctionName=target.attributes["function_name"],
        StatementId="partner",
        Action="lambda:InvokeFunction",
        Principal="210987654321",
    )


@injects("stray-parameter")
def parameter(night: Night, target: Resource) -> None:
    night.client("ssm", target).put_parameter(
        Name=f"/scratch/{_name(night, 'flag')}", Value="on", Type="SecureString"
    )


@injects("stray-table")
def table(night: Night, target: Resource) -> None:
    night.client("dynamodb", target).create_table(
        TableName=_name(night, "scratch"),
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )


@injects(
    "stray-bucket-cors", lambda night, target: not _part(night, target, "aws_s3_bucket_cors_configuration")
)
def bucket_cors(night: Night, target: Resource) -> None:
    night.client("s3", target).put_bucket_cors(
        Bucket=target.attributes["bucket"],
        CORSConfiguration={"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]},
    )


@injects("stray-bucket-policy", lambda night, target: not _part(night, target, "aws_s3_bucket_policy"))
def bucket_policy(night: Night, target: Resource) -> None:
    night.client("s3", target).put_bucket_policy(
        Bucket=target.attributes["bucket"],
        Policy=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"AWS": "arn:aws:iam::210987654321:root"},
                        "Action": "s3:GetObject",
                        "Resource": f"arn:aws:s3:::{target.attributes['bucket']}/*",
                    }
                ],
            }
        ),
    )


def _part(night: Night, target: Resource, kind: str) -> bool:
    return any(
        found.type == kind and found.attributes["bucket"] == target.attributes["bucket"]
        for found in night.world.inventory.resources.values()
    )


@injects("stray-event-rule")
def event_rule(night: Night, target: Resource) -> None:
    night.client("events", target).put_rule(
        Name=_name(night, "probe"), ScheduleExpression="rate(5 minutes)", State="ENABLED"
    )


@injects("stray-kms-alias")
def alias(night: Night, target: Resource) -> None:
    night.client("kms", target).create_alias(
        AliasName=f"alias/{_name(night, 'old')}", TargetKeyId=target.attributes["key_id"]
    )


@injects("stray-repository")
def repository(night: Night, target: Resource) -> None:
    night.client("ecr", target).create_repository(repositoryName=_name(night, "play/ground"))
