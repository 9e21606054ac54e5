"""Where the members of a set stand: in the resource, in resources of their own, or in both."""

from __future__ import annotations

from typing import Any

import pytest

from lamplighter.drift.members import held, held_elsewhere, keyed
from lamplighter.drift.state import StateIndex
from tests.drift.code.world import resource, resources_of, state_document

POLICY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
TCP = {"protocol": "tcp", "from_port": 443, "to_port": 443}


def index(*resources: tuple[str, dict[str, Any]]) -> StateIndex:
    """Resources `(type, attributes)` named after their place, the first being the one with the set."""
    document = state_document(
        *(resource(kind, f"r{number}", attributes) for number, (kind, attributes) in enumerate(resources))
    )
    return StateIndex(resources_of(document).resources)


def found(state: StateIndex, attribute: str) -> list[tuple[Any, str, str]]:
    """(member, key, name of the holder) of the first resource's set."""
    owner = next(item for item in state.resources if item.name == "r0")
    return [(item.value, item.key, item.holder.name) for item in held(state, owner, attribute)]


def entry(**more: Any) -> dict[str, Any]:
    rule = {
        "action": "allow",
        "cidr": "10.0.0.0/8",
        "from_port": 53,
        "to_port": 53,
        "icmp_type": 0,
        "icmp_code": 0,
    }
    return {"protocol": "udp", **rule, **more}


ROWS: list[tuple[str, list[tuple[str, dict[str, Any]]], list[tuple[Any, str, str]]]] = [
    (
        "ingress",
        [
            (
                "aws_security_group",
                {"id": "sg-1", "ingress": [{**TCP, "protocol": "6", "cidr_blocks": ["10.0.0.0/8"]}]},
            ),
            (
                "aws_vpc_security_group_ingress_rule",
                {"security_group_id": "sg-1", "ip_protocol": "-1", "cidr_ipv6": "::/0"},
            ),
            (
                "aws_security_group_rule",
                {"security_group_id": "sg-1", "type": "ingress", **TCP, "protocol": "58", "self": True},
            ),
            ("aws_security_group_rule", {"security_group_id": "sg-1", "type": "egress", **TCP, "self": True}),
            (
                "aws_security_group_rule",
                {"security_group_id": "sg-2", "type": "ingress", **TCP, "self": True},
            ),
        ],
        [
            ({"protocol": "-1", "from_port": 0, "to_port": 0, "source": "::/0"}, "", "r1"),
            ({**TCP, "protocol": "icmpv6", "source": "sg-1"}, "", "r2"),
            ({**TCP, "source": "10.0.0.0/8"}, "", "r0"),
        ],
    ),
    (
        "route",
        [
            (
                "aws_route_table",
                {
                    "id": "rtb-1",
                    "route": [
                        {
                            "cidr_block": "10.0.0.0/8",
                            "ipv6_cidr_block": "",
                            "gateway_id": "",
                            "nat_gateway_id": "nat-1",
                        }
                    ],
                },
            ),
            (
                "aws_route",
                {
                    "route_table_id": "rtb-1",
                    "destination_ipv6_cidr_block": "::/0",
                    "egress_only_gateway_id": "eigw-1",
                },
            ),
        ],
        [("eigw-1", "::/0", "r1"), ("nat-1", "10.0.0.0/8", "r0")],
    ),
    (
        "ingress",
        [
            (
                "aws_network_acl",
                {
                    "id": "acl-1",
                    "ingress": [
                        {
                            "rule_no": 90,
                            "protocol": "17",
                            "action": "allow",
                            "cidr_block": "10.0.0.0/8",
                            "from_port": 53,
                            "to_port": 53,
                        }
                    ],
                },
            ),
            (
                "aws_network_acl_rule",
                {
                    "network_acl_id": "acl-1",
                    "egress": False,
                    "rule_number": 100,
                    "protocol": "-1",
                    "rule_action": "deny",
                    "ipv6_cidr_block": "::/0",
                    "from_port": None,
                },
            ),
            ("aws_network_acl_rule", {"network_acl_id": "acl-1", "egress": True, "rule_number": 100}),
        ],
        [
            (entry(protocol="-1", action="deny", cidr="::/0", from_port=0, to_port=0), "100", "r1"),
            (entry(), "90", "r0"),
        ],
    ),
    (
        "managed_policy_arns",
        [
            ("aws_iam_user", {"name": "bob"}),
            ("aws_iam_user_policy_attachment", {"user": "bob", "policy_arn": POLICY}),
            ("aws_iam_policy_attachment", {"users": ["ann", "bob"], "roles": [], "policy_arn": "arn:x"}),
            ("aws_iam_policy_attachment", {"users": ["ann"], "roles": ["bob"], "policy_arn": "arn:y"}),
        ],
        [(POLICY, "", "r1"), ("arn:x", "", "r2")],
    ),
    (
        "managed_policy_arns",
        [
            ("aws_iam_group", {"name": "ops"}),
            ("aws_iam_group_policy_attachment", {"group": "ops", "policy_arn": POLICY}),
            (
                "aws_iam_group_policy_attachments_exclusive",
                {"group_name": "ops", "policy_arns": ["arn:x", "arn:y"]},
            ),
        ],
        [(POLICY, "", "r1"), ("arn:x", "", "r2"), ("arn:y", "", "r2")],
    ),
    (
        "users",
        [
            ("aws_iam_group_membership", {"group": "ops", "users": ["ann"]}),
            ("aws_iam_user_group_membership", {"user": "bob", "groups": ["ops", "dev"]}),
        ],
        [("bob", "", "r1"), ("ann", "", "r0")],
    ),
    (
        "tag",
        [
            (
                "aws_autoscaling_group",
                {"name": "web", "tag": [{"key": "Owner", "value": "web", "propagate_at_launch": True}]},
            )
        ],
        [("web", "Owner", "r0")],
    ),
    (
        "replica",
        [
            (
                "aws_secretsmanager_secret",
                {"id": "arn:s", "replica": [{"region": "eu-central-1", "kms_key_id": "k"}]},
            )
        ],
        [("eu-central-1", "", "r0")],
    ),
    # An attribute that the table does not name is a list in the resource.
    (
        "client_id_list",
        [("aws_iam_openid_connect_provider", {"client_id_list": ["a", "b"]})],
        [("a", "", "r0"), ("b", "", "r0")],
    ),
    ("client_id_list", [("aws_iam_openid_connect_provider", {"client_id_list": None})], []),
]


@pytest.mark.parametrize(("attribute", "resources", "expected"), ROWS, ids=lambda row: str(row)[:40])
def test_members(attribute: str, resources: list[tuple[str, dict[str, Any]]], expected: list[Any]) -> None:
    assert found(index(*resources), attribute) == expected


def test_a_route_says_which_attribute_its_target_is() -> None:
    state = index(
        ("aws_route_table", {"id": "rtb-1", "route": []}),
        (
            "aws_route",
            {"route_table_id": "rtb-1", "destination_cidr_block": "0.0.0.0/0", "gateway_id": "igw-1"},
        ),
    )

    (member,) = held(state, state.of_type("aws_route_table")[0], "route")

    assert (member.key, member.attribute, member.value) == ("0.0.0.0/0", "gateway_id", "igw-1")


def test_members_of_a_resource_that_another_state_holds() -> None:
    state = index(
        (
            "aws_route",
            {"route_table_id": "rtb-9", "destination_cidr_block": "0.0.0.0/0", "gateway_id": "igw-1"},
        )
    )
    types = ("aws_route_table", "aws_default_route_table")

    assert [item.value for item in held_elsewhere(state, types, {"id": "rtb-9"}, "route")] == ["igw-1"]
    assert held_elsewhere(state, types, {"id": "rtb-8"}, "route") == []
    assert held_elsewhere(state, ("aws_sqs_queue",), {"id": "rtb-9"}, "route") == []


@pytest.mark.parametrize(
    ("kind", "attribute", "expected"),
    [
        ("aws_route_table", "route.2001:db8::/32", ("route", "2001:db8::/32")),
        ("aws_db_parameter_group", "parameter.rds.force_ssl", ("parameter", "rds.force_ssl")),
        ("aws_network_acl", "ingress.100", ("ingress", "100")),
        ("aws_route_table", "route", None),
        ("aws_security_group", "ingress.100", None),
        ("aws_instance", "tags.Owner", None),
    ],
)
def test_the_key_of_a_keyed_set(kind: str, attribute: str, expected: tuple[str, str] | None) -> None:
    assert keyed((kind,), attribute) == expected
