"""The judge: an edit holds when the code says what is live and every other value of every instance is as before."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lamplighter.drift.patch.code import Code
from lamplighter.drift.patch.judge import Goal, Judgement, judge
from lamplighter.drift.patch.model import Decision, Verdict
from lamplighter.drift.patch.patch import patch_of
from tests.drift.code.world import resource
from tests.drift.patch.world import changed, code, goal, item

LOGS = """
variable "days" {
  default = 30
}
locals {
  short = var.days
  names = { web = 7, api = 7 }
}
resource "aws_cloudwatch_log_group" "app" {
  name              = "app"
  retention_in_days = local.short
}
resource "aws_cloudwatch_log_group" "audit" {
  name              = "audit"
  retention_in_days = 365
}
resource "aws_cloudwatch_log_group" "each" {
  for_each          = local.names
  name              = each.key
  retention_in_days = each.value
}
"""


def group(name: str, days: int, **more: Any) -> dict[str, Any]:
    return resource(
        "aws_cloudwatch_log_group",
        name if "key" not in more else "each",
        {"id": name, "name": name, "retention_in_days": days, "tags_all": {}},
        **more,
    )


LOG_STATE = [group("app", 30), group("audit", 365), group("web", 7, key="web"), group("api", 7, key="api")]
APP = goal(item("aws_cloudwatch_log_group.app", "retention_in_days", 14, was=30))
AUDIT = goal(item("aws_cloudwatch_log_group.audit", "retention_in_days", 14, was=365))
WEB = goal(item('aws_cloudwatch_log_group.each["web"]', "retention_in_days", 14, was=7))
API = goal(item('aws_cloudwatch_log_group.each["api"]', "retention_in_days", 14, was=7))


@pytest.fixture
def logs() -> Code:
    return code({"main.tf": LOGS}, *LOG_STATE)


def said(before: Code, after: Code, *goals: Goal) -> str:
    return judge(goals, before, after).reason


def test_a_literal_or_a_default_that_only_the_item_rests_on(logs: Code) -> None:
    assert judge([AUDIT], logs, changed(logs, "365", "14")) == Judgement("")
    assert judge([APP], logs, changed(logs, "default = 30", "default = 14")) == Judgement("")


def test_another_value_is_not_the_live_one(logs: Code) -> None:
    assert "does not say retention_in_days" in said(logs, changed(logs, "365", "15"), AUDIT)


def test_what_else_rests_on_the_value_is_named(logs: Code) -> None:
    both = changed(logs, "retention_in_days = each.value", "retention_in_days = 14")
    assert said(logs, both, WEB) == (
        'retention_in_days of aws_cloudwatch_log_group.each["api"] would change too'
    )
    assert not said(logs, both, WEB, API)
    assert not said(logs, changed(logs, "web = 7", "web = 14"), WEB)


def test_an_instance_that_comes_or_goes_is_named(logs: Code) -> None:
    renamed = changed(logs, "web = 7", "site = 14")
    assert "no aws_cloudwatch_log_group.each" in said(logs, renamed, WEB)
    fewer = changed(changed(logs, "365", "14"), ", api = 7", "")
    assert said(logs, fewer, AUDIT) == 'aws_cloudwatch_log_group.each["api"] would vanish from the code'
    more = changed(changed(logs, "365", "14"), "api = 7", "api = 7, new = 7")
    assert said(logs, more, AUDIT) == 'aws_cloudwatch_log_group.each["new"] would appear in the code'


def test_code_that_is_none(logs: Code) -> None:
    assert said(logs, changed(logs, "365", "14 }"), AUDIT).startswith("main.tf line ")


def test_a_variable_that_is_given_elsewhere_is_not_put_right_by_its_default() -> None:
    before = code({"main.tf": LOGS}, group("app", 90), *LOG_STATE[1:])
    live = goal(item("aws_cloudwatch_log_group.app", "retention_in_days", 14, was=90))
    assert "var.days, whose value is given elsewhere" in said(
        before, changed(before, "default = 30", "default = 14"), live
    )


def test_a_file_of_variables_counts_more_than_a_default() -> None:
    before = code({"main.tf": LOGS}, *LOG_STATE, variables={"terraform.tfvars": "days = 30\n"})
    assert "does not say" in said(before, changed(before, "default = 30", "default = 14"), APP)
    assert not said(before, changed(before, "days = 30", "days = 14", "terraform.tfvars"), APP)


RULES = """
resource "aws_security_group" "web" {
  name = "web"
  dynamic "ingress" {
    for_each = toset(["443"])
    content {
      protocol    = "tcp"
      from_port   = ingress.value
      to_port     = ingress.value
      cidr_blocks = ["10.0.0.0/8"]
    }
  }
}
"""
HTTPS = {"protocol": "tcp", "from_port": 443, "to_port": 443, "cidr_blocks": ["10.0.0.0/8"]}
SSH = {"protocol": "tcp", "from_port": 22, "to_port": 22, "source": "10.0.0.0/8"}


def web() -> Code:
    state = resource("aws_security_group", "web", {"id": "sg-1", "name": "web", "ingress": [HTTPS]})
    return code({"main.tf": RULES}, state)


def test_a_member_of_a_set_by_a_dynamic_block() -> None:
    before, opened = web(), goal(item("aws_security_group.web", "ingress", SSH, action="add"))
    assert not said(before, changed(before, '["443"]', '["443", "22"]'), opened)
    assert "does not have the member" in said(before, changed(before, '["443"]', '["443", "23"]'), opened)
    # One member more than is live, and one that was there lost on the way.
    assert "would change too" in said(before, changed(before, '["443"]', '["443", "22", "80"]'), opened)
    assert "would change too" in said(before, changed(before, '["443"]', '["22"]'), opened)


def test_a_member_by_a_resource_of_its_own_needs_its_import() -> None:
    before, opened = web(), goal(item("aws_security_group.web", "ingress", SSH, action="add"))
    block = """
resource "aws_vpc_security_group_ingress_rule" "ssh" {
  security_group_id = aws_security_group.web.id
  ip_protocol       = "tcp"
  from_port         = 22
  to_port           = 22
  cidr_ipv4         = "10.0.0.0/8"
}
"""
    new = changed(before, RULES, RULES + block)
    assert said(before, new, opened) == (
        "aws_vpc_security_group_ingress_rule.ssh would be made anew: nothing imports what is there"
    )
    imported = 'import {\n  to = aws_vpc_security_group_ingress_rule.ssh\n  id = "sgr-1"\n}\n'
    assert not said(before, changed(before, RULES, RULES + block + imported), opened)
    wider = block.replace("10.0.0.0/8", "0.0.0.0/0")
    assert "does not have the member" in said(
        before, changed(before, RULES, RULES + wider + imported), opened
    )


TWO_RULES = """
resource "aws_security_group" "web" {
  name = "web"
}
resource "aws_vpc_security_group_ingress_rule" "https" {
  security_group_id = aws_security_group.web.id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = "10.0.0.0/8"
}
"""
RULE_STATE = {
    "id": "sgr-1",
    "security_group_id": "sg-1",
    "ip_protocol": "tcp",
    "from_port": 443,
    "to_port": 443,
    "cidr_ipv4": "10.0.0.0/8",
}
SSH_RULE = """resource "aws_vpc_security_group_ingress_rule" "ssh" {
  security_group_id = aws_security_group.web.id
  ip_protocol       = "tcp"
  from_port         = 22
  to_port           = 22
  cidr_ipv4         = "10.0.0.0/8"
}
import {
  to = aws_vpc_security_group_ingress_rule.ssh
  id = "sgr-2"
}
"""


def test_several_drifts_of_one_set_hold_together_and_nothing_more() -> None:
    before = code(
        {"main.tf": TWO_RULES},
        resource("aws_security_group", "web", {"id": "sg-1", "name": "web"}),
        resource("aws_vpc_security_group_ingress_rule", "https", RULE_STATE),
    )
    https = "aws_vpc_security_group_ingress_rule.https"
    opened = goal(item("aws_security_group.web", "ingress", SSH, action="add"))
    closed = goal(item(https, "", None, was="present", action="delete"))
    own = TWO_RULES.partition('resource "aws_vpc')[2]
    both = changed(before, 'resource "aws_vpc' + own, SSH_RULE)
    assert not said(before, both, opened, closed)
    assert said(before, both, opened) == f"{https} would vanish from the code"
    wider = goal(item(https, "cidr_ipv4", "0.0.0.0/0", was="10.0.0.0/8"))
    all_open = changed(before, "10.0.0.0/8", "0.0.0.0/0")
    with_ssh = changed(all_open, 'resource "aws_vpc', f'{SSH_RULE}resource "aws_vpc')
    assert not said(before, with_ssh, opened, wider)
    assert said(before, with_ssh, opened) == f"cidr_ipv4 of {https} would change too"


CORS = """
resource "aws_s3_bucket_cors_configuration" "a" {
  bucket = aws_s3_bucket.b["a"].id
  cors_rule {
    allowed_methods = ["GET"]
    allowed_origins = ["*"]
  }
}
import {
  to = aws_s3_bucket_cors_configuration.a
  id = "a"
}
"""


def test_a_setting_with_a_resource_of_its_own_is_looked_for_there() -> None:
    buckets = 'resource "aws_s3_bucket" "b" {\n  for_each = toset(["a", "c"])\n  bucket = each.key\n}\n'
    state = [
        resource("aws_s3_bucket", "b", {"id": key, "bucket": key, "arn": f"arn:{key}"}, key=key)
        for key in "ac"
    ]
    before = code({"main.tf": buckets}, *state)
    rule = {"allowed_methods": ["GET"], "allowed_origins": ["*"]}
    kind = "aws_s3_bucket_cors_configuration"
    live = goal(item('aws_s3_bucket.b["a"]', f"{kind}.cors_rule", [rule], kind=kind, ident="a"))
    assert said(before, before, live) == f"the code has no {kind} for it"
    assert not said(before, changed(before, buckets, buckets + CORS), live)
    other = CORS.replace('["a"]', '["c"]')
    assert "no aws_s3_bucket_cors" in said(before, changed(before, buckets, buckets + other), live)
    wider = CORS.replace('"GET"', '"PUT"')
    assert "does not say cors_rule" in said(before, changed(before, buckets, buckets + wider), live)
    # No block of the bucket has such a name: what stands there is nothing.
    inside = buckets.replace("= each.key\n", f"= each.key\n  {kind} {{\n    cors_rule {{}}\n  }}\n")
    assert "no aws_s3_bucket_cors" in said(before, changed(before, buckets, inside), live)
    (made,) = patch_of([Decision(live.item, Verdict.CODIFY, "")], before).placed
    assert made.candidate is not None and made.candidate.rule == "setting of its own"


def test_a_resource_that_is_gone_and_one_that_is_new() -> None:
    before = web()
    gone = goal(item("aws_security_group.web", "", None, was="present", action="delete"))
    assert said(before, before, gone) == "the code still has aws_security_group.web"
    assert not said(before, changed(before, RULES, ""), gone)
    queue = 'resource "aws_sqs_queue" "q" {\n  name = "jobs"\n}\n'
    made = goal(item(None, "", "present", action="create", kind="aws_sqs_queue", ident="https://sqs/jobs"))
    there = changed(before, RULES, RULES + queue)
    assert "no import block" in said(before, there, made)
    imported = 'import {\n  to = aws_sqs_queue.q\n  id = "https://sqs/jobs"\n}\n'
    assert not said(before, changed(before, RULES, RULES + queue + imported), made)
    assert "no import block" in said(
        before, changed(before, RULES, RULES + queue + imported.replace("jobs", "other")), made
    )


POLICY = """
data "aws_iam_policy_document" "read" {
  statement {
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.logs.arn}/*"]
  }
}
resource "aws_s3_bucket" "logs" {
  bucket = "logs"
  tags   = { Owner = "a" }
}
resource "aws_iam_policy" "read" {
  name   = "read"
  policy = data.aws_iam_policy_document.read.json
}
"""


def document(*actions: str) -> str:
    allowed = {"Effect": "Allow", "Action": list(actions), "Resource": "arn:aws:s3:::logs/*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [allowed]})


def test_a_policy_document_is_read_as_the_json_it_makes() -> None:
    state = [
        resource(
            "aws_s3_bucket", "logs", {"id": "logs", "arn": "arn:aws:s3:::logs", "tags_all": {"Owner": "a"}}
        ),
        resource("aws_iam_policy", "read", {"id": "arn:p", "policy": document("s3:GetObject")}),
    ]
    before = code({"main.tf": POLICY}, *state)
    wider = goal(
        item(
            "aws_iam_policy.read",
            "policy",
            document("s3:GetObject", "s3:PutObject"),
            was=document("s3:GetObject"),
        )
    )
    assert not said(before, changed(before, '"s3:GetObject"', '"s3:GetObject", "s3:PutObject"'), wider)
    assert "does not say policy" in said(before, changed(before, "s3:GetObject", "s3:PutObject"), wider)


def test_a_policy_stays_text() -> None:
    """An object says what the text says, and Terraform takes no object for it."""
    text = 'resource "aws_sqs_queue" "q" {\n  policy = jsonencode({ Version = "a" })\n}\n'
    before = code({"main.tf": text}, resource("aws_sqs_queue", "q", {"id": "q", "policy": '{"Version":"a"}'}))
    live = goal(item("aws_sqs_queue.q", "policy", {"Version": "b"}, was='{"Version":"a"}'))
    assert not said(before, changed(before, '"a"', '"b"'), live)
    assert said(before, changed(before, 'jsonencode({ Version = "a" })', '{ Version = "b" }'), live) == (
        "policy of aws_sqs_queue.q is text, and would be written as something else"
    )


def test_tags_that_a_provider_gives_to_all() -> None:
    text = 'provider "aws" {\n  default_tags {\n    tags = { Env = "prod" }\n  }\n}\n' + POLICY
    state = [
        resource(
            "aws_s3_bucket",
            "logs",
            {
                "id": "logs",
                "arn": "arn:aws:s3:::logs",
                "tags": {"Owner": "a"},
                "tags_all": {"Owner": "a", "Env": "prod"},
            },
        ),
        resource(
            "aws_iam_policy",
            "read",
            {"id": "arn:p", "policy": document("s3:GetObject"), "tags_all": {"Env": "prod"}},
        ),
    ]
    before = code({"main.tf": text}, *state)
    live = goal(item("aws_s3_bucket.logs", "tags.Env", "test", was="prod"))
    assert said(before, changed(before, '"prod"', '"test"'), live) == (
        "tags_all.Env of aws_iam_policy.read would change too"
    )
    assert not said(before, changed(before, '{ Owner = "a" }', '{ Owner = "a", Env = "test" }'), live)


def test_what_cannot_be_computed_is_refused_where_it_is_written_otherwise_and_named_where_it_may_move() -> (
    None
):
    text = LOGS + (
        'resource "aws_instance" "one" {\n  user_data = templatefile("x", { days = var.days })\n  ami = "a"\n}\n'
    )
    before = code({"main.tf": text}, *LOG_STATE, resource("aws_instance", "one", {"id": "i-1", "ami": "a"}))
    moved = judge([APP], before, changed(before, "default = 30", "default = 14"))
    assert moved == Judgement("", ("not derived: user_data of aws_instance.one",))
    rewritten = changed(changed(before, "365", "14"), '"x", {', '"y", {')
    assert said(before, rewritten, AUDIT) == (
        "user_data of aws_instance.one is written otherwise, and cannot be computed here"
    )


def test_an_attribute_that_terraform_is_to_leave_alone(logs: Code) -> None:
    ignoring = "retention_in_days = 365\n  lifecycle {\n    ignore_changes = [retention_in_days]\n  }"
    after = changed(logs, "retention_in_days = 365", ignoring)
    assert not said(logs, after, AUDIT._replace(verdict=Verdict.IGNORE))
    assert "does not say" in said(logs, after, AUDIT)
    assert "does not name" in said(logs, logs, AUDIT._replace(verdict=Verdict.IGNORE))


def test_a_default_that_is_spelled_out_changes_nothing(logs: Code) -> None:
    spelled = 'retention_in_days = 14\n  tags = { Owner = "a" }'
    assert said(logs, changed(logs, "retention_in_days = 365", spelled), AUDIT) == (
        "tags.Owner of aws_cloudwatch_log_group.audit would change too"
    )
    stored = code({"main.tf": LOGS}, *[{**LOG_STATE[0]}, tagged(), *LOG_STATE[2:]])
    assert not said(stored, changed(stored, "retention_in_days = 365", spelled), AUDIT)


def tagged() -> dict[str, Any]:
    attributes = {"id": "audit", "name": "audit", "retention_in_days": 365, "tags": {"Owner": "a"}}
    return resource("aws_cloudwatch_log_group", "audit", attributes)


def test_a_switch_that_is_left_out_is_not_off() -> None:
    text = 'resource "aws_kms_key" "k" {\n  description = "k"\n}\n'
    before = code({"main.tf": text}, resource("aws_kms_key", "k", {"id": "k", "is_enabled": True}))
    off = goal(item("aws_kms_key.k", "is_enabled", False, was=True))
    assert "does not say is_enabled" in said(before, before, off)
    switched = changed(before, '"k"\n}', '"k"\n  is_enabled = false\n}')
    assert not said(before, switched, off)
    renamed = goal(item("aws_kms_key.k", "description", "x", was="k"))
    both = changed(switched, 'description = "k"', 'description = "x"')
    assert said(before, both, renamed) == "is_enabled of aws_kms_key.k would change too"
    spelled = changed(before, 'description = "k"', 'description = "x"\n  is_enabled = true')
    assert not said(before, spelled, renamed)


def test_a_secret_is_never_written(logs: Code) -> None:
    secret = goal(item("aws_cloudwatch_log_group.audit", "retention_in_days", "(sensitive)", was=365))
    assert "secret" in said(logs, changed(logs, "365", '"(sensitive)"'), secret)


MOVED = """
locals { names = ["a"] }
resource "aws_sqs_queue" "old" {
  for_each = toset(local.names)
  name     = each.key
}
resource "aws_sqs_queue" "one" { name = "one" }
module "jobs" { source = "./jobs" }
"""
JOBS = 'resource "aws_sqs_queue" "q" {\n  name = "q"\n}\n'
AUDIT_LOG = 'resource "aws_cloudwatch_log_group" "audit" {\n  retention_in_days = %d\n}\n'


def moving(*blocks: tuple[str, str], **texts: str) -> tuple[Code, Code]:
    """Code before and after: texts of `MOVED` replaced, `moved` blocks added, and one value as it is live."""
    queues = [
        resource("aws_sqs_queue", "old", {"id": "a", "name": "a"}, key="a"),
        resource("aws_sqs_queue", "one", {"id": "one", "name": "one"}),
        resource("aws_sqs_queue", "q", {"id": "q", "name": "q"}, module="module.jobs"),
        resource("aws_cloudwatch_log_group", "audit", {"id": "audit", "retention_in_days": 365}),
    ]
    before = code({"main.tf": MOVED + AUDIT_LOG % 365, "jobs/main.tf": JOBS}, *queues)
    after = changed(before, "= 365", "= 14")
    for old, new in texts.values():
        after = changed(after, old, new)
    added = "".join(f"moved {{\n  from = {old}\n  to   = {new}\n}}\n" for old, new in blocks)
    return before, changed(after, "locals {", f"{added}locals {{")


@pytest.mark.parametrize(
    ("blocks", "texts"),
    [
        # All instances of a resource, each with its key.
        ([("aws_sqs_queue.old", "aws_sqs_queue.new")], [('" "old"', '" "new"')]),
        # One after another.
        (
            [("aws_sqs_queue.one", "aws_sqs_queue.two"), ("aws_sqs_queue.two", "aws_sqs_queue.three[0]")],
            [('"one" { name', '"three" {\n  count = 1\n  name'), ('"one" }', '"one"\n}')],
        ),
        # To another key, which is the name besides: said to be the same name in another way.
        (
            [('aws_sqs_queue.old["a"]', 'aws_sqs_queue.old["b"]')],
            [('["a"]', '["b"]'), ("= each.key", '= "a"')],
        ),
        ([("module.jobs", "module.work")], [('module "jobs"', 'module "work"')]),
        (
            [("module.jobs", 'module.jobs["x"]')],
            [('source = "./jobs" }', 'source = "./jobs"\n  for_each = toset(["x"])\n}')],
        ),
        (
            [("module.jobs", "module.work"), ("module.work.aws_sqs_queue.q", "aws_sqs_queue.one[0]")],
            [
                ('module "jobs" { source = "./jobs" }', ""),
                ('resource "aws_sqs_queue" "one" { name = "one" }', ""),
                ("locals {", 'resource "aws_sqs_queue" "one" {\n  count = 1\n  name = "q"\n}\nlocals {'),
            ],
        ),
    ],
)
def test_what_a_moved_block_carries_elsewhere_is_no_change(
    blocks: list[tuple[str, str]], texts: list[tuple[str, str]]
) -> None:
    goals = [AUDIT]
    if len(texts) == 3:
        goals.append(goal(item("aws_sqs_queue.one", "", None, was="present", action="delete")))
    before, after = moving(*blocks, **{str(number): pair for number, pair in enumerate(texts)})
    assert not said(before, after, *goals)
    without = moving(**{str(number): pair for number, pair in enumerate(texts)})[1]
    assert "would vanish from" in said(before, without, *goals) or "appear in" in said(
        before, without, *goals
    )


def test_what_was_moved_still_has_to_say_what_it_said() -> None:
    to_new = ("aws_sqs_queue.one", "aws_sqs_queue.two")
    before, after = moving(to_new, name=('"one" { name = "one"', '"two" { name = "two"'))
    assert said(before, after, AUDIT) == "name of aws_sqs_queue.two would change too"


def test_nothing_moves_to_an_address_that_is_taken() -> None:
    onto = ("aws_sqs_queue.one", 'aws_sqs_queue.old["a"]')
    before, after = moving(onto, name=('resource "aws_sqs_queue" "one" { name = "one" }', ""))
    assert said(before, after, AUDIT) == "aws_sqs_queue.one would vanish from the code"


def test_an_index_on_one_side_of_a_moved_block_means_one_instance() -> None:
    # `old["a"]` is no instance without an index: the block moves nothing of it.
    one = ("aws_sqs_queue.old", "aws_sqs_queue.new[0]")
    before, after = moving(one, name=('" "old"', '" "new"'))
    assert 'aws_sqs_queue.new["a"] would appear in' in said(before, after, AUDIT)


def test_a_value_that_is_known_in_part_is_judged_by_the_parts_that_are() -> None:
    function = """
variable "z" {}
variable "layers" {}
resource "aws_lambda_function" "f" {
  memory_size = 128
  layers      = ["a", var.layers]
  environment {
    variables = {
      X = var.z
    }
  }
}
"""
    state = {"id": "f", "memory_size": 128, "environment": [{"variables": {"X": "1"}}]}
    before = code({"main.tf": function}, resource("aws_lambda_function", "f", state))
    memory = goal(item("aws_lambda_function.f", "memory_size", 256, was=128))
    assert said(before, changed(before, "128", "256"), memory) == ""
    worse = changed(changed(before, "128", "256"), "X = var.z", "X = var.z\n      Y = 2")
    assert "environment.variables.Y" in said(before, worse, memory)
