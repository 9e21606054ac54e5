"""Worlds of a chosen size: so many resources of one project, applied once for real, and a known few of them changed.

A world is stored as the requests and the state of its apply (`data/sized/SIZE`) and put up again by replay, as the
projects' are. Its types are those that an emulated account makes fast and that plan clean against it.
"""

from __future__ import annotations

import gzip
import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from lamplighter.scenarios import people
from lamplighter.scenarios.drift.hands import Hands
from lamplighter.scenarios.drift.schema import DATA
from lamplighter.scenarios.drift.worlds import APPLIED, applied, written
from lamplighter.scenarios.recorder import Recorder, Request
from lamplighter.scenarios.world import MIRROR_VARIABLE, SandboxClock, SandboxError, new_cloud

SIZES = (20, 100, 500)
TEAM = 10
"""Managed resources a team has: every size is a multiple of it."""
FEWEST_CHANGES = 8
REGION = "eu-west-1"
NIGHT = datetime(2026, 11, 22, 22, 40, tzinfo=UTC)

CODE = """terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.0"
    }
  }
}

provider "aws" {
  region = "eu-west-1"
}

variable "teams" {
  type    = number
  default = TEAMS
}

locals {
  names = [for number in range(var.teams) : format("team-%02d", number)]
  teams = toset(local.names)
}

resource "aws_cloudwatch_log_group" "app" {
  for_each          = local.teams
  name              = "/app/${each.key}"
  retention_in_days = 30
}

resource "aws_cloudwatch_log_group" "audit" {
  count             = var.teams
  name              = "/audit/${local.names[count.index]}"
  retention_in_days = 365
}

resource "aws_ssm_parameter" "endpoint" {
  for_each = local.teams
  name     = "/${each.key}/endpoint"
  type     = "String"
  value    = "https://${each.key}.acme.example"
}

resource "aws_ssm_parameter" "limit" {
  count = var.teams
  name  = "/${local.names[count.index]}/limit"
  type  = "String"
  value = "100"
}

resource "aws_iam_role" "app" {
  for_each = local.teams
  name     = "${each.key}-app"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ec2.amazonaws.com" } }]
  })
}

resource "aws_iam_role_policy" "app" {
  for_each = local.teams
  name     = "read"
  role     = aws_iam_role.app[each.key].name
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "s3:GetObject", Resource = "arn:aws:s3:::acme-${each.key}-data/*" }]
  })
}

resource "aws_s3_bucket" "data" {
  count  = var.teams
  bucket = "acme-${local.names[count.index]}-data"
  tags = {
    team = local.names[count.index]
  }
}

resource "aws_security_group" "app" {
  for_each    = local.teams
  name        = "${each.key}-app"
  description = "Application of ${each.key}"
}

resource "aws_vpc_security_group_ingress_rule" "https" {
  for_each          = local.teams
  security_group_id = aws_security_group.app[each.key].id
  cidr_ipv4         = "10.0.0.0/8"
  from_port         = 443
  to_port           = 443
  ip_protocol       = "tcp"
}

resource "aws_sns_topic" "events" {
  count        = var.teams
  name         = "${local.names[count.index]}-events"
  display_name = "Events of ${local.names[count.index]}"
}
"""

Key = tuple[str, str]
"""An address, and the first part of an attribute's path: empty for a resource that is gone."""


class World(NamedTuple):
    """A stored apply."""

    size: int
    data: Path

    def write(self, folder: Path) -> Path:
        """Write the project and its state into `folder`, which is made; `folder`."""
        write_project(folder, self.size)
        (folder / "terraform.tfstate").write_bytes(self._read("terraform.tfstate.gz"))
        return folder

    def state(self) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads(self._read("terraform.tfstate.gz"))
        return loaded

    def rebuilt(self) -> Recorder:
        """The cloud as the apply left it, in this process; the recorder has the records of the apply."""
        recorder = new_cloud(dict(people.SESSIONS), SandboxClock(APPLIED))
        lines = self._read("recording.jsonl.gz").decode().splitlines()
        recorder.replay(Request.of(json.loads(line)) for line in lines)
        return recorder

    def _read(self, name: str) -> bytes:
        return gzip.decompress((self.data / name).read_bytes())


def world(size: int) -> World:
    """The stored world of that size; KeyError where there is none."""
    data = DATA / "sized" / str(size)
    if not data.is_dir():
        raise KeyError(f"no world of {size} resources is recorded")
    return World(size, data)


def write_project(folder: Path, size: int) -> Path:
    """Write the Terraform code of `size` managed resources into `folder`, which is made; `folder`."""
    if size % TEAM or size <= 0:
        raise ValueError(f"{size} is no multiple of {TEAM}")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "main.tf").write_text(CODE.replace("TEAMS", str(size // TEAM)))
    return folder


def managed(state: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Attributes of every managed resource instance of a state without modules, by address."""
    return {
        f"{block['type']}.{block['name']}[{json.dumps(instance['index_key'])}]": instance["attributes"]
        for block in state["resources"]
        if block["mode"] == "managed"
        for instance in block["instances"]
    }


def change(recorder: Recorder, size: int, state: Mapping[str, Any]) -> list[Key]:
    """Change one resource a team (at least FEWEST_CHANGES in all) as a person at a console does; what was changed."""
    hands, known = Hands(recorder), managed(state)
    recorder.clock = SandboxClock(NIGHT)
    teams = size // TEAM
    return [
        CHANGES[number % len(CHANGES)](_Team(hands, known, number % teams))
        for number in range(max(teams, FEWEST_CHANGES))
    ]


class _Team(NamedTuple):
    """One team's resources and somebody who may change them."""

    hands: Hands
    known: Mapping[str, Mapping[str, Any]]
    number: int

    @property
    def name(self) -> str:
        return f"team-{self.number:02}"

    def client(self, service: str) -> Any:
        return self.hands.client(service, REGION, people.MARIA)

    def one(self, block: str) -> tuple[str, Mapping[str, Any]]:
        """Address and attributes of the team's instance of a block."""
        named, numbered = f'{block}["{self.name}"]', f"{block}[{self.number}]"
        address = named if named in self.known else numbered
        return address, self.known[address]


def _retention(team: _Team) -> Key:
    address, group = team.one("aws_cloudwatch_log_group.app")
    team.client("logs").put_retention_policy(logGroupName=group["name"], retentionInDays=3)
    return address, "retention_in_days"


def _parameter(team: _Team) -> Key:
    address, parameter = team.one("aws_ssm_parameter.limit")
    team.client("ssm").put_parameter(Name=parameter["name"], Value="5000", Type="String", Overwrite=True)
    return address, "value"


def _trust(team: _Team) -> Key:
    address, role = team.one("aws_iam_role.app")
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": people.ACCOUNT}}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    team.client("iam").update_assume_role_policy(RoleName=role["name"], PolicyDocument=document)
    return address, "assume_role_policy"


def _tags(team: _Team) -> Key:
    address, bucket = team.one("aws_s3_bucket.data")
    tags = [{"Key": "team", "Value": team.name}, {"Key": "keep", "Value": "yes"}]
    team.client("s3").put_bucket_tagging(Bucket=bucket["bucket"], Tagging={"TagSet": tags})
    return address, "tags"


def _rule(team: _Team) -> Key:
    address, rule = team.one("aws_vpc_security_group_ingress_rule.https")
    team.client("ec2").revoke_security_group_ingress(
        GroupId=rule["security_group_id"], SecurityGroupRuleIds=[rule["security_group_rule_id"]]
    )
    return address, ""


def _topic(team: _Team) -> Key:
    address, topic = team.one("aws_sns_topic.events")
    team.client("sns").set_topic_attributes(
        TopicArn=topic["arn"], AttributeName="DisplayName", AttributeValue="do not page"
    )
    return address, "display_name"


def _inline_policy(team: _Team) -> Key:
    address, policy = team.one("aws_iam_role_policy.app")
    document = json.loads(policy["policy"])
    document["Statement"][0]["Action"] = "s3:*"
    team.client("iam").put_role_policy(
        RoleName=policy["role"], PolicyName=policy["name"], PolicyDocument=json.dumps(document)
    )
    return address, "policy"


def _audit(team: _Team) -> Key:
    address, group = team.one("aws_cloudwatch_log_group.audit")
    team.client("logs").delete_log_group(logGroupName=group["name"])
    return address, ""


CHANGES: tuple[Callable[[_Team], Key], ...] = (
    _retention,
    _parameter,
    _trust,
    _tags,
    _rule,
    _topic,
    _inline_policy,
    _audit,
)


def record(size: int, mirror: Path) -> str:
    """Apply the project for real and store the world; what was stored."""
    with tempfile.TemporaryDirectory() as scratch:
        made = applied(write_project(Path(scratch) / "code", size), mirror)
    data = DATA / "sized" / str(size)
    written(made, data)
    return f"{size}: {len(managed(world(size).state()))} resources, {len(made.requests)} requests"


def main(arguments: list[str]) -> int:
    """`python -m lamplighter.scenarios.drift.sized SIZE...`: record the worlds of these sizes."""
    mirror = os.environ.get(MIRROR_VARIABLE)
    if not arguments or not mirror or not all(argument.isdecimal() for argument in arguments):
        print(f"usage: {MIRROR_VARIABLE}=FOLDER python -m lamplighter.scenarios.drift.sized SIZE...")
        return 64
    for argument in arguments:
        try:
            print(record(int(argument), Path(mirror)), flush=True)
        except (SandboxError, ValueError) as error:
            print(f"{argument}: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
