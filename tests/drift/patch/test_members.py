"""Members that joined or left by hand go where the code holds the others, and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest

from lamplighter.drift.patch import members
from tests.drift.patch.cases import held, one, proposed
from tests.drift.patch.says import code_of, item

_GROUP = """\
resource "aws_security_group" "web" {
  name = "web"

  ingress {
    description = "HTTPS"
    from_port   = 443
    to_port     = 443
    protocol    = "tcp"
    cidr_blocks = ["0.0.0.0/0"]
  }

  # The offices.
  ingress {
    from_port   = 22
    to_port     = 22
    protocol    = "tcp"
    cidr_blocks = ["198.51.100.0/24", "203.0.113.0/26"] # VPN
  }

  tags = { Name = "web" }
}
"""
_STATE = {"aws_security_group.web": {"id": "sg-11112222", "name": "web", "ingress": []}}


def _rule(port: int, source: str) -> dict[str, Any]:
    return {"protocol": "tcp", "from_port": port, "to_port": port, "source": source}


@pytest.mark.parametrize(
    ("change", "rule", "was", "now"),
    [
        pytest.param(
            ("add", _rule(22, "192.0.2.7/32")),
            "list of a block",
            '["198.51.100.0/24", "203.0.113.0/26"] # VPN',
            '["198.51.100.0/24", "203.0.113.0/26", "192.0.2.7/32"] # VPN',
            id="one source more, where ports are equal and nothing is described",
        ),
        pytest.param(
            ("add", _rule(443, "192.0.2.7/32")),
            "block",
            "  tags = {",
            '  ingress {\n    from_port   = 443\n    to_port     = 443\n    protocol    = "tcp"\n'
            '    cidr_blocks = ["192.0.2.7/32"]\n  }\n\n  tags = {',
            id="a block of its own beside one that has a description",
        ),
        pytest.param(
            ("add", {**_rule(443, "sg-11112222")}),
            "block",
            "  tags = {",
            '  ingress {\n    from_port = 443\n    to_port   = 443\n    protocol  = "tcp"\n'
            "    self      = true\n  }\n\n  tags = {",
            id="from the group itself",
        ),
        pytest.param(
            ("remove", _rule(22, "198.51.100.0/24")),
            "list of a block",
            '["198.51.100.0/24", "203.0.113.0/26"]',
            '["203.0.113.0/26"]',
            id="one source less",
        ),
        pytest.param(
            ("remove", _rule(443, "0.0.0.0/0")),
            "block",
            _GROUP[_GROUP.index("  ingress") : _GROUP.index("  # The")],
            "",
            id="the last source of a block",
        ),
    ],
)
def test_rules_inside_of_a_group(change: tuple[Any, dict[str, Any]], rule: str, was: str, now: str) -> None:
    action, member = change
    drift = item(
        "aws_security_group.web",
        action,
        "ingress",
        was=member if action == "remove" else None,
        live=member if action == "add" else None,
    )
    found, changed = held(members.rules, drift, one(_GROUP, _STATE))
    assert found == rule
    assert changed == {"main.tf": _GROUP.replace(was, now, 1)}


def test_a_comment_goes_with_its_block() -> None:
    text = _GROUP.replace('["198.51.100.0/24", "203.0.113.0/26"]', '["198.51.100.0/24"]')
    drift = item("aws_security_group.web", "remove", "ingress", was=_rule(22, "198.51.100.0/24"))
    _, changed = held(members.rules, drift, one(text, _STATE))
    start, end = text.index("  # The offices"), text.index("  tags")
    assert changed == {"main.tf": text[:start] + text[end:]}


def test_line_ends_and_tabs_are_kept() -> None:
    text = _GROUP.replace("  ", "\t").replace("\n", "\r\n")
    drift = item("aws_security_group.web", "add", "ingress", live=_rule(443, "192.0.2.7/32"))
    code = one(text, _STATE)
    _, changed = held(members.rules, drift, code)
    made = changed["main.tf"]
    assert "\n" not in made.replace("\r\n", "")
    assert "\r\n\tingress {\r\n\t\tfrom_port   = 443\r\n" in made
    assert made.replace(made[made.index("\r\n\tingress {\r\n\t\tfrom_port   = 443") :], "") in text


_DENIED = {"action": "deny", "cidr": "192.0.2.0/24", "icmp_type": 0, "icmp_code": 0}

_APART = """\
resource "aws_security_group" "db" {
  name = "db"
}

resource "aws_vpc_security_group_ingress_rule" "postgres" {
  security_group_id = aws_security_group.db.id
  cidr_ipv4         = "10.0.0.0/16"
  from_port         = 5432
  to_port           = 5432
  ip_protocol       = "tcp"
}
"""
_APART_STATE = {
    "aws_security_group.db": {"id": "sg-33334444", "name": "db"},
    "aws_vpc_security_group_ingress_rule.postgres": {
        "id": "sgr-1",
        "security_group_id": "sg-33334444",
        "cidr_ipv4": "10.0.0.0/16",
        "from_port": 5432,
        "to_port": 5432,
        "ip_protocol": "tcp",
    },
}


def test_a_rule_of_its_own_beside_others() -> None:
    drift = item("aws_security_group.db", "add", "ingress", live=_rule(22, "sg-33334444"))
    rule, changed = held(members.rules, drift, one(_APART, _APART_STATE))
    assert rule == "resource of its own"
    assert changed["main.tf"] == _APART + (
        '\nresource "aws_vpc_security_group_ingress_rule" "db_tcp_22" {\n'
        "  security_group_id            = aws_security_group.db.id\n"
        "  referenced_security_group_id = aws_security_group.db.id\n"
        "  from_port                    = 22\n"
        "  to_port                      = 22\n"
        '  ip_protocol                  = "tcp"\n}\n'
    )


def test_the_answer_of_the_call_gives_id_and_description() -> None:
    drift = item("aws_security_group.db", "add", "ingress", live=_rule(22, "192.0.2.7/32"))
    answer = {"securityGroupRuleId": "sgr-99", "cidrIpv4": "192.0.2.7/32", "fromPort": 22, "toPort": 22}
    rules = {"securityGroupRuleSet": {"items": [{**answer, "description": 'until ${friday} "x"'}]}}
    code = code_of({"main.tf": _APART}, _APART_STATE)
    drift = item(
        "aws_security_group.db",
        "add",
        "ingress",
        live=_rule(22, "192.0.2.7/32"),
        events=(_event("e-1"),),
    )
    told = code.with_records({"e-1": {"responseElements": rules}})
    _, changed = held(members.rules, drift, told)
    assert r'description       = "until $${friday} \"x\""' in changed["main.tf"]
    assert changed["imports.tf"] == (
        'import {\n  to = aws_vpc_security_group_ingress_rule.db_tcp_22\n  id = "sgr-99"\n}\n'
    )
    untold = proposed(members.rules, drift, code)
    assert "the trace does not tell its id" in untold[0].note


def _event(identity: str) -> Any:
    from lamplighter.drift.model import EventRef

    return EventRef(identity, "ec2:AuthorizeSecurityGroupIngress", "2026-11-25T00:00:00Z")


_ATTACHED = """\
locals {
  policies = {
    read = "arn:aws:iam::aws:policy/ReadOnlyAccess"
  }
}

resource "aws_iam_role" "app" {
  name = "app"
}

resource "aws_iam_role_policy_attachment" "app" {
  for_each   = local.policies
  role       = aws_iam_role.app.name
  policy_arn = each.value
}
"""
_ROLE = {"aws_iam_role.app": {"id": "app", "name": "app"}}
_AUDIT = "arn:aws:iam::aws:policy/SecurityAudit"


def test_a_member_of_what_attachments_are_made_for() -> None:
    attached = {"role": "app", "policy_arn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}
    state = {**_ROLE, 'aws_iam_role_policy_attachment.app["read"]': attached}
    drift = item("aws_iam_role.app", "add", "managed_policy_arns", live=_AUDIT)
    rule, changed = held(members.rules, drift, one(_ATTACHED, state))
    assert rule == "for_each map member"
    was = '    read = "arn:aws:iam::aws:policy/ReadOnlyAccess"\n'
    column = " " * (len(_AUDIT) + 2 - len("read"))
    assert was.replace("read =", f"read{column} =") in changed["main.tf"].replace('"' + _AUDIT + '" ', "")


def test_a_member_of_a_set_with_what_stands_in_front_of_each() -> None:
    text = _ATTACHED.replace(
        _ATTACHED[: _ATTACHED.index("resource")],
        'locals {\n  policies = ["ReadOnlyAccess"]\n}\n\n',
    ).replace("local.policies", 'toset([for name in local.policies : "arn:aws:iam::aws:policy/${name}"])')
    attached = {"role": "app", "policy_arn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}
    state = {
        **_ROLE,
        'aws_iam_role_policy_attachment.app["arn:aws:iam::aws:policy/ReadOnlyAccess"]': attached,
    }
    drift = item("aws_iam_role.app", "add", "managed_policy_arns", live=_AUDIT)
    rule, changed = held(members.rules, drift, one(text, state))
    assert rule == "for_each list member"
    assert changed["main.tf"] == text.replace('["ReadOnlyAccess"]', '["ReadOnlyAccess", "SecurityAudit"]')


@pytest.mark.parametrize(
    ("block", "drift", "expected"),
    [
        pytest.param(
            'resource "aws_route_table" "main" {\n  vpc_id = "vpc-1"\n\n  route {\n'
            '    cidr_block = "0.0.0.0/0"\n    gateway_id = "igw-11111111"\n  }\n}\n',
            item("aws_route_table.main", "add", "route", live={"10.9.0.0/16": "pcx-12345678"}),
            '  }\n\n  route {\n    cidr_block                = "10.9.0.0/16"\n'
            '    vpc_peering_connection_id = "pcx-12345678"\n  }\n}\n',
            id="route",
        ),
        pytest.param(
            'resource "aws_route_table" "main" {\n  vpc_id = "vpc-1"\n}\n\nresource "aws_route" "out" {\n'
            '  route_table_id         = aws_route_table.main.id\n  destination_cidr_block = "0.0.0.0/0"\n'
            '  gateway_id             = "igw-11111111"\n}\n',
            item("aws_route_table.main", "add", "route", live={"10.9.0.0/16": "nat-12345678"}),
            '}\n\nresource "aws_route" "main_10_9_0_16" {\n  route_table_id         = aws_route_table.main.id\n'
            '  destination_cidr_block = "10.9.0.0/16"\n  nat_gateway_id         = "nat-12345678"\n}\n',
            id="route of its own",
        ),
        pytest.param(
            'resource "aws_network_acl" "main" {\n  vpc_id = "vpc-1"\n}\n',
            item(
                "aws_network_acl.main",
                "add",
                "ingress",
                live={"50": {"protocol": "tcp", "from_port": 22, "to_port": 22, **_DENIED}},
            ),
            '}\n\nresource "aws_network_acl_rule" "main_50" {\n  network_acl_id = aws_network_acl.main.id\n'
            '  egress         = false\n  rule_number    = 50\n  rule_action    = "deny"\n'
            '  protocol       = "tcp"\n  cidr_block     = "192.0.2.0/24"\n  from_port      = 22\n'
            "  to_port        = 22\n}\n",
            id="entry",
        ),
        pytest.param(
            'resource "aws_db_parameter_group" "main" {\n  name   = "main"\n  family = "postgres16"\n}\n',
            item(
                "aws_db_parameter_group.main", "add", "parameter", live={"log_min_duration_statement": "5000"}
            ),
            '  family = "postgres16"\n\n  parameter {\n    name  = "log_min_duration_statement"\n'
            '    value = "5000"\n  }\n}\n',
            id="parameter",
        ),
        pytest.param(
            'resource "aws_iam_group_membership" "main" {\n  name  = "m"\n  group = "g"\n'
            '  users = [\n    "ana", # lead\n    "bob",\n  ]\n}\n',
            item("aws_iam_group_membership.main", "add", "users", live="eva"),
            '    "bob",\n    "eva",\n  ]\n}\n',
            id="membership",
        ),
        pytest.param(
            'resource "aws_iam_group_membership" "main" {\n  name  = "m"\n  group = "g"\n'
            '  users = [\n    "ana", # lead\n    "bob"\n  ]\n}\n',
            item("aws_iam_group_membership.main", "add", "users", live="eva"),
            '    "bob",\n    "eva"\n  ]\n}\n',
            id="membership without a last comma",
        ),
        pytest.param(
            'resource "aws_iam_group_membership" "main" {\n  name  = "m"\n  group = "g"\n'
            '  users = [\n    "ana", # lead\n    "bob",\n  ]\n}\n',
            item("aws_iam_group_membership.main", "remove", "users", was="ana"),
            '  users = [\n    "bob",\n  ]\n}\n',
            id="membership that ended",
        ),
        pytest.param(
            'resource "aws_iam_role" "main" {\n  name                = "main"\n'
            '  managed_policy_arns = ["arn:aws:iam::aws:policy/ReadOnlyAccess"]\n}\n',
            item(
                "aws_iam_role.main",
                "remove",
                "managed_policy_arns",
                was="arn:aws:iam::aws:policy/ReadOnlyAccess",
            ),
            "  managed_policy_arns = []\n}\n",
            id="inline attachment that ended",
        ),
    ],
)
def test_other_sets(block: str, drift: Any, expected: str) -> None:
    attributes: dict[str, Any] = {"id": "thing-12345678", "name": "main", "users": ["ana", "bob"]}
    _, changed = held(members.rules, drift, one(block, {drift.address: attributes}))
    assert changed["main.tf"].endswith(expected), changed["main.tf"]


def test_an_exclusive_attachment_gets_one_more_name() -> None:
    text = (
        'resource "aws_iam_role" "app" {\n  name = "app"\n}\n\n'
        'resource "aws_iam_policy_attachment" "audit" {\n  name       = "audit"\n  roles      = ["other"]\n'
        f'  policy_arn = "{_AUDIT}"\n}}\n'
    )
    state = {**_ROLE, "aws_iam_policy_attachment.audit": {"roles": ["other"], "policy_arn": _AUDIT}}
    code = one(text, state)
    drift = item("aws_iam_role.app", "add", "managed_policy_arns", live=_AUDIT)
    first, *others = proposed(members.rules, drift, code)
    after = code.edited(first.edits).contents["main.tf"].decode()
    assert after == text.replace('["other"]', '["other", aws_iam_role.app.name]')
    assert all(other.rule != "resource of its own" for other in others)


_MODULE = """\
variable "name" {
  type = string
}

resource "aws_security_group" "this" {
  name = var.name

  ingress {
    from_port   = 443
    to_port     = 443
    protocol    = "tcp"
    cidr_blocks = ["0.0.0.0/0"]
  }
}
"""


def test_one_instance_of_a_module_gets_a_rule_by_a_variable() -> None:
    root = 'module "site" {\n  source   = "./m"\n  for_each = toset(["a", "b"])\n  name     = each.key\n}\n'
    state = {
        f'module.site["{key}"].aws_security_group.this': {"id": f"sg-0000000{key}", "ingress": []}
        for key in "ab"
    }
    code = code_of({"main.tf": root, "m/main.tf": _MODULE}, state)
    address = 'module.site["b"].aws_security_group.this'
    drift = item(address, "add", "ingress", live=_rule(22, "192.0.2.7/32"))
    rule, changed = held(members.rules, drift, code)
    assert rule == "dynamic block by a module variable"
    assert 'extra_ingress = each.key == "b" ? [{ from_port = 22, to_port = 22, ' in changed["main.tf"]
    assert 'variable "extra_ingress" {' in changed["m/main.tf"]


@pytest.mark.parametrize("name", ['a" b', "${x}", "../../etc", "-", "9", "é\n", "a" * 300, "this.that[0]"])
def test_hostile_names_stay_text(name: str) -> None:
    state = {"aws_iam_user.main": {"id": name, "name": name}}
    drift = item(
        "aws_iam_user.main",
        "add",
        "aws_iam_user_policy_attachment",
        live=f"arn:aws:iam::123456789012:policy/{name}",
        resource_type="aws_iam_user_policy_attachment",
    )
    code = one('resource "aws_iam_user" "main" {\n  name = "x"\n}\n', state)
    for candidate in proposed(members.rules, drift, code):
        assert len(code.edited(candidate.edits).project.instance(()).module.resources) == 2  # type: ignore[union-attr]
