"""The recorder's events have the field shapes of published CloudTrail records.

Shapes after the AWS guides: EC2 "Log Amazon EC2 API calls using AWS CloudTrail"; S3 "Logging Amazon S3 API calls using
AWS CloudTrail" and "Amazon S3 CloudTrail events"; IAM "Logging IAM and AWS STS API calls with AWS CloudTrail"; SQS
"Logging Amazon SQS API calls using AWS CloudTrail"; DynamoDB "Logging DynamoDB operations by using AWS CloudTrail";
CloudWatch Logs "Logging API and console operations in AWS CloudTrail".
"""

import ast
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("moto", reason="the sandbox extra is not installed")

from lamplighter.scenarios import people, recorder
from lamplighter.scenarios.injection import Account, rule
from lamplighter.scenarios.world import SandboxClock, cloud

TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})
SEND = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}],
    }
)


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    clock = SandboxClock(datetime(2026, 11, 20, tzinfo=UTC))
    with cloud(dict(people.SESSIONS), clock) as (recorded, endpoint):
        yield Account(endpoint, recorded, clock, {})


def last(account: Account) -> dict[str, Any]:
    return account.recorder.events[-1]


def test_ec2_shapes(account: Account) -> None:
    ec2 = account.client("ec2", people.MARIA)
    group = ec2.create_security_group(GroupName="g", Description="d")["GroupId"]
    assert last(account)["responseElements"]["groupId"] == group
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=rule(22, "0.0.0.0/0"))
    event = last(account)
    assert (
        event["eventName"] == "AuthorizeSecurityGroupIngress" and event["eventSource"] == "ec2.amazonaws.com"
    )
    item = event["requestParameters"]["ipPermissions"]["items"][0]
    assert event["requestParameters"]["groupId"] == group
    assert (item["ipProtocol"], item["fromPort"], item["toPort"]) == ("tcp", 22, 22)
    assert item["ipRanges"] == {"items": [{"cidrIp": "0.0.0.0/0"}]}
    assert event["responseElements"]["requestId"] == event["requestID"]

    run = ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1, InstanceType="t3.small")
    instance = run["Instances"][0]["InstanceId"]
    assert last(account)["requestParameters"]["instancesSet"]["items"][0]["imageId"] == "ami-12c6146b"
    assert last(account)["responseElements"]["instancesSet"]["items"][0]["instanceId"] == instance
    ec2.stop_instances(InstanceIds=[instance])
    assert last(account)["requestParameters"]["instancesSet"] == {"items": [{"instanceId": instance}]}
    ec2.modify_instance_attribute(InstanceId=instance, InstanceType={"Value": "t3.large"})
    assert last(account)["requestParameters"] == {
        "instanceId": instance,
        "instanceType": {"value": "t3.large"},
    }
    ec2.create_tags(Resources=[instance], Tags=[{"Key": "k", "Value": "v"}])
    assert last(account)["requestParameters"] == {
        "resourcesSet": {"items": [{"resourceId": instance}]},
        "tagSet": {"items": [{"key": "k", "value": "v"}]},
    }


def test_s3_shapes_and_event_names(account: Account) -> None:
    s3 = account.client("s3", people.MARIA)
    s3.create_bucket(Bucket="receipts", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    assert last(account)["eventName"] == "CreateBucket"
    s3.put_bucket_versioning(Bucket="receipts", VersioningConfiguration={"Status": "Enabled"})
    event = last(account)
    assert event["eventName"] == "PutBucketVersioning" and event["responseElements"] is None
    assert event["requestParameters"]["bucketName"] == "receipts"
    assert event["requestParameters"]["VersioningConfiguration"]["Status"] == "Enabled"
    assert event["userAgent"].startswith("[") and event["userAgent"].endswith("]")
    s3.put_bucket_tagging(Bucket="receipts", Tagging={"TagSet": [{"Key": "k", "Value": "v"}]})
    assert last(account)["requestParameters"]["Tagging"]["TagSet"]["Tag"] == {"Key": "k", "Value": "v"}
    s3.put_public_access_block(Bucket="receipts", PublicAccessBlockConfiguration={"BlockPublicAcls": True})
    assert last(account)["eventName"] == "PutBucketPublicAccessBlock"
    assert last(account)["requestParameters"]["PublicAccessBlockConfiguration"]["BlockPublicAcls"] is True
    s3.delete_public_access_block(Bucket="receipts")
    assert last(account)["eventName"] == "DeleteBucketPublicAccessBlock"
    s3.put_bucket_policy(Bucket="receipts", Policy=TRUST)
    assert last(account)["requestParameters"]["bucketPolicy"] == json.loads(TRUST)


def test_iam_sqs_dynamodb_and_logs_shapes(account: Account) -> None:
    iam = account.client("iam", people.JONAS)
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)
    event = last(account)
    assert (
        event["awsRegion"] == "us-east-1" and event["requestParameters"]["assumeRolePolicyDocument"] == TRUST
    )
    assert event["responseElements"]["role"]["assumeRolePolicyDocument"].startswith("%7B%22Version")
    iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=SEND)
    assert last(account)["requestParameters"] == {"roleName": "r", "policyName": "p", "policyDocument": SEND}
    assert last(account)["responseElements"] is None

    sqs = account.client("sqs", people.JONAS)
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    assert url == f"https://sqs.eu-west-1.amazonaws.com/{people.ACCOUNT}/q"
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "300"})
    assert last(account)["requestParameters"] == {"queueUrl": url, "attributes": {"VisibilityTimeout": "300"}}

    logs = account.client("logs", people.SCRIPT)
    logs.create_log_group(logGroupName="/g")
    logs.put_retention_policy(logGroupName="/g", retentionInDays=14)
    assert last(account)["requestParameters"] == {"logGroupName": "/g", "retentionInDays": 14}

    dynamodb = account.client("dynamodb", people.SCRIPT)
    dynamodb.create_table(
        TableName="t",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
    assert last(account)["requestParameters"]["billingMode"] == "PAY_PER_REQUEST"
    dynamodb.update_continuous_backups(
        TableName="t", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False}
    )
    assert last(account)["requestParameters"] == {
        "tableName": "t",
        "pointInTimeRecoverySpecification": {"pointInTimeRecoveryEnabled": False},
    }


def test_failures_reads_and_identity(account: Account) -> None:
    iam = account.client("iam", people.JONAS)
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.delete_role(RoleName="absent")
    event = last(account)
    assert event["errorCode"] == "NoSuchEntityException" and event["readOnly"] is False
    assert event["responseElements"] is None and event["userIdentity"]["userName"] == "jonas.weber"
    account.client("ec2", people.MARIA).describe_instances()
    event = last(account)
    assert event["readOnly"] is True
    assert event["userIdentity"]["sessionContext"]["sessionIssuer"]["userName"].startswith("AWSReservedSSO_")
    before = len(account.recorder.events)
    account.client("ec2").describe_instances()
    assert len(account.recorder.events) == before
    ids = [item["eventID"] for item in account.recorder.events]
    assert len(ids) == len(set(ids))


def test_the_trail_is_written_the_same_twice(account: Account, tmp_path: Path) -> None:
    first = recorder.write_trail(account.recorder.events, tmp_path / "a", people.ACCOUNT)
    second = recorder.write_trail(account.recorder.events, tmp_path / "b", people.ACCOUNT)
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


@pytest.mark.parametrize("name", ["recorder.py", "wire.py", "world.py", "people.py", "injection.py"])
def test_what_makes_the_trace_knows_nothing_of_the_engine_that_reads_it(name: str) -> None:
    source = (Path(recorder.__file__).parent / name).read_text()
    imported = {node.module or "" for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)}
    imported |= {
        item.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import)
        for item in node.names
    }
    assert not {module for module in imported if "drift" in module.split(".")}


def test_an_objects_body_is_not_read_as_xml(account: Account) -> None:
    s3 = account.client("s3", people.MARIA)
    place = {"CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}}
    s3.create_bucket(Bucket="bodies", **place)
    for body in (b"{}", b"", b"<not xml", b"\x00\xff"):
        s3.put_object(Bucket="bodies", Key="a/b.json", Body=body)
        assert s3.get_object(Bucket="bodies", Key="a/b.json")["Body"].read() == body
    s3.copy_object(Bucket="bodies", Key="copy", CopySource="bodies/a/b.json")
    assert s3.get_object(Bucket="bodies", Key="copy")["Body"].read() == b"\x00\xff"
    upload = s3.create_multipart_upload(Bucket="bodies", Key="parts")["UploadId"]
    part = {"Bucket": "bodies", "Key": "parts", "UploadId": upload, "PartNumber": 1}
    assert s3.upload_part(**part, Body=b"<part")["ETag"]
    assert s3.upload_part_copy(**part, CopySource="bodies/copy")["CopyPartResult"]["ETag"]


def test_what_a_call_does_not_name_stays_as_it_was(account: Account) -> None:
    sqs = account.client("sqs", people.MARIA)
    url = sqs.create_queue(QueueName="kept", Attributes={"Policy": SEND})["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "5"})
    held = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert held["VisibilityTimeout"] == "5" and json.loads(held["Policy"]) == json.loads(SEND)
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
    assert "Policy" not in sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]


def test_a_changed_subnet_group_is_still_there(account: Account) -> None:
    ec2, rds = account.client("ec2", people.MARIA), account.client("rds", people.MARIA)
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.9.{number}.0/24")["Subnet"]["SubnetId"]
        for number in range(3)
    ]
    rds.create_db_subnet_group(DBSubnetGroupName="kept", DBSubnetGroupDescription="d", SubnetIds=subnets[:2])
    rds.modify_db_subnet_group(DBSubnetGroupName="kept", SubnetIds=subnets)
    (group,) = rds.describe_db_subnet_groups(DBSubnetGroupName="kept")["DBSubnetGroups"]
    assert len(group["Subnets"]) == 3
