"""The recorder's records have the keys and the nesting of published CloudTrail records.

`published.json` holds, for each event, where its shape was published, a call of the SDK, and the published shape with
values of our own. What is compared is which keys there are, how they nest, and which are null: requestParameters
exactly; of responseElements what is listed must be there, and null must be null.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("moto", reason="the sandbox extra is not installed")

from botocore.exceptions import ClientError

from lamplighter.scenarios import people
from lamplighter.scenarios.drift.hands import Hands
from lamplighter.scenarios.world import SandboxClock, new_cloud

ROWS: list[dict[str, Any]] = json.loads((Path(__file__).parent / "published.json").read_text())
TIME = re.compile(
    r"^[A-Z][a-z]{2} \d{1,2}, \d{4},? \d{1,2}:\d{2}:\d{2} [AP]M$|^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}"
)
REGION = "eu-west-1"


def archive() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as made:
        made.writestr("handler.py", "def main(event, context): ...")
    return packed.getvalue()


@pytest.fixture(scope="module")
def hands() -> Hands:
    return Hands(new_cloud(dict(people.SESSIONS), SandboxClock(datetime(2026, 11, 22, tzinfo=UTC))))


@pytest.fixture(scope="module")
def names(hands: Hands) -> dict[str, str]:
    """What the calls of the fixtures act on, made by calls that leave no record."""

    def client(service: str) -> Any:
        return hands.client(service, REGION, people.reader(people.ACCOUNT))

    def zone(name: str) -> str:
        made = client("route53").create_hosted_zone(Name=name, CallerReference=name)["HostedZone"]
        return str(made["Id"].rsplit("/", 1)[1])

    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    ec2, iam, s3 = client("ec2"), client("iam"), client("s3")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.9.{n}.0/24", AvailabilityZone=f"{REGION}{'ab'[n]}")[
            "Subnet"
        ]
        for n in (0, 1)
    ]
    role = iam.create_role(RoleName="published", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    iam.create_user(UserName="published")
    iam.create_group(GroupName="published")
    s3.create_bucket(Bucket="published", CreateBucketConfiguration={"LocationConstraint": REGION})
    acl = ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"]
    ec2.create_network_acl_entry(
        NetworkAclId=acl,
        RuleNumber=100,
        Protocol="-1",
        RuleAction="allow",
        Egress=False,
        CidrBlock="0.0.0.0/0",
    )
    client("lambda").create_function(
        FunctionName="published", Runtime="python3.12", Role=role, Handler="h.h", Code={"ZipFile": archive()}
    )
    client("logs").create_log_group(logGroupName="/published")
    client("logs").create_log_stream(logGroupName="/published", logStreamName="s")
    return {
        "group": ec2.create_security_group(GroupName="published", Description="d", VpcId=vpc)["GroupId"],
        "instance": ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1)["Instances"][0][
            "InstanceId"
        ],
        "acl": acl,
        "subnet": subnets[0]["SubnetId"],
        "subnet2": subnets[1]["SubnetId"],
        "role": role,
        "topic": client("sns").create_topic(Name="published")["TopicArn"],
        "queue": client("sqs").create_queue(QueueName="published")["QueueUrl"],
        "key": client("kms").create_key()["KeyMetadata"]["KeyId"],
        "zone": zone("published.example"),
        "zone2": zone("other.example"),
        "api": client("apigatewayv2").create_api(Name="published", ProtocolType="HTTP")["ApiId"],
        "filesystem": client("efs").create_file_system(CreationToken="published")["FileSystemId"],
    }


def filled(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: filled(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [filled(item, names) for item in value]
    if value == "<zip>":
        return archive()
    return value.format(**names) if isinstance(value, str) and re.fullmatch(r"\{\w+\}", value) else value


def shape(value: Any, path: str = "") -> Iterator[str]:
    """Paths of every key; members of a list share one path, and say that there is a list."""
    if isinstance(value, dict):
        yield path + "{}"
        for key, item in value.items():
            yield from shape(item, f"{path}.{key}")
    elif isinstance(value, list):
        yield path + "[]"
        for item in value:
            yield from shape(item, path + "[]")
    elif isinstance(value, str) and TIME.match(value):
        # Some services write a second comma (a newer Java): that is their affair.
        yield f"{path} {'words' if value[0].isalpha() else 'ISO'}"
    else:
        yield path


@pytest.mark.parametrize("row", ROWS, ids=[row["event"] + " " + row["service"] for row in ROWS])
def test_record_has_the_published_shape(row: dict[str, Any], hands: Hands, names: dict[str, str]) -> None:
    client = hands.client(row["service"], REGION, people.JONAS)
    before = len(hands.recorder.events)
    try:
        getattr(client, row["call"])(**filled(row["parameters"], names))
    except ClientError:
        assert "responseElements" not in row, "the shape of an answer can only be compared where there is one"
    (event,) = hands.recorder.events[before:]
    assert event["eventName"] == row["event"]
    assert event["eventSource"] == row.get("eventSource", f"{row['service']}.amazonaws.com")
    assert set(shape(event["requestParameters"])) == set(shape(row["requestParameters"]))
    if "responseElements" in row:
        published, recorded = set(shape(row["responseElements"])), set(shape(event["responseElements"]))
        assert published <= recorded, sorted(published - recorded)
        assert (row["responseElements"] is None) == (event["responseElements"] is None)


def test_enough_events_of_enough_services_are_compared() -> None:
    assert len({row["event"] for row in ROWS}) >= 60
    assert len({row["service"] for row in ROWS}) >= 15
    assert all(len(row["source"]) > 20 for row in ROWS)
