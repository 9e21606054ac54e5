"""Resources that are gone leave the code, with what was only theirs; what still needs them is named instead."""

from __future__ import annotations

import pytest

from lamplighter.drift.patch import removing
from tests.drift.patch.cases import held, one, proposed
from tests.drift.patch.says import code_of, instances, item

_TABLE = """\
# All of the ledger's storage.

resource "aws_sns_topic" "alerts" {
  name = "alerts"
}

# Kept for the auditors.
resource "aws_dynamodb_table" "ledger" {
  name = "ledger"
}

output "table" {
  value = aws_dynamodb_table.ledger.arn
}

import {
  to = aws_dynamodb_table.ledger
  id = "ledger"
}

resource "aws_sns_topic" "other" {
  name       = "other"
  depends_on = [aws_sns_topic.alerts, aws_dynamodb_table.ledger]
}
"""


def test_a_block_goes_with_its_comment_output_and_import() -> None:
    code = one(_TABLE, {"aws_dynamodb_table.ledger": {"id": "ledger"}})
    rule, changed = held(removing.rules, item("aws_dynamodb_table.ledger", "delete"), code)
    kept = _TABLE[: _TABLE.index("# Kept")] + _TABLE[_TABLE.index('resource "aws_sns_topic" "other"') :]
    assert rule == "resource block"
    assert changed == {"main.tf": kept.replace(", aws_dynamodb_table.ledger]", "]")}
    candidate = proposed(removing.rules, item("aws_dynamodb_table.ledger", "delete"), code)[0]
    assert candidate.note == "with it: output.table"


@pytest.mark.parametrize(
    "user",
    [
        'resource "aws_sns_topic" "x" {\n  name = aws_dynamodb_table.ledger.name\n}\n',
        'locals {\n  arns = ["${aws_dynamodb_table.ledger.arn}/*"]\n}\n',
        'data "aws_iam_policy_document" "x" {\n  source_json = aws_dynamodb_table.ledger.arn\n}\n',
    ],
)
def test_what_still_needs_it_is_named(user: str) -> None:
    code = one(f"{_TABLE}\n{user}", {"aws_dynamodb_table.ledger": {"id": "ledger"}})
    gone = item("aws_dynamodb_table.ledger", "delete")
    assert not list(removing.rules(gone, code))
    assert "the code still needs it" in removing.obstacle(gone, code)


def test_attachments_go_along() -> None:
    text = (
        'resource "aws_iam_policy" "own" {\n  name = "own"\n}\n\n'
        'resource "aws_iam_role_policy_attachment" "own" {\n  role       = "app"\n'
        "  policy_arn = aws_iam_policy.own.arn\n}\n"
    )
    code = one(text, {"aws_iam_policy.own": {"id": "p", "arn": "arn:aws:iam::1:policy/own"}})
    (candidate,) = proposed(removing.rules, item("aws_iam_policy.own", "delete"), code)
    assert candidate.note == "with it: resource.aws_iam_role_policy_attachment.own"
    assert not instances(code.edited(candidate.edits))


def test_made_again_has_no_candidate_but_a_reason() -> None:
    code = one(_TABLE, {"aws_dynamodb_table.ledger": {"id": "ledger"}})
    again = item("aws_dynamodb_table.ledger", "delete", live="made again outside Terraform")
    assert not list(removing.rules(again, code))
    assert "`import` takes no address that is in the state" in removing.obstacle(again, code)


_LOGS = 'resource "aws_cloudwatch_log_group" "x" {\n  for_each = FOR_EACH\n  name     = each.key\n}\n'
_KEYED = 'aws_cloudwatch_log_group.x["b"]'


@pytest.mark.parametrize(
    ("files", "rule", "file", "was", "now"),
    [
        pytest.param(
            {"main.tf": _LOGS.replace("FOR_EACH", 'toset(["a", "b"])')},
            "for_each list member",
            "main.tf",
            '["a", "b"]',
            '["a"]',
            id="set",
        ),
        pytest.param(
            {
                "main.tf": _LOGS.replace("FOR_EACH", "local.all")
                + '\nlocals {\n  all = { a = 1, "b" : 2, c = 3 }\n}\n'
            },
            "for_each map member",
            "main.tf",
            '"b" : 2, ',
            "",
            id="map of a local",
        ),
        pytest.param(
            {
                "main.tf": _LOGS.replace("FOR_EACH", "var.all")
                + '\nvariable "all" {\n  type = map(number)\n}\n',
                "terraform.tfvars": "all = {\n  a = 1\n  # Two.\n  b      = 2 # weeks\n  longer = 3\n}\n",
            },
            "for_each map member",
            "terraform.tfvars",
            "  a = 1\n  # Two.\n  b      = 2 # weeks\n",
            "  a      = 1\n",
            id="map of a variable file",
        ),
        pytest.param(
            {
                "main.tf": _LOGS.replace("FOR_EACH", "local.all")
                + "\nlocals {\n  all = { a = 1, b = 2 }\n}\n\n"
                + 'resource "aws_sns_topic" "x" {\n  for_each = local.all\n  name     = each.key\n}\n'
            },
            "for_each with a condition",
            "main.tf",
            "for_each = local.all\n  name     = each.key\n}\n\nlocals",
            'for_each = { for key, value in local.all : key => value if key != "b" }\n'
            "  name     = each.key\n}\n\nlocals",
            id="a map that something else goes through too",
        ),
        pytest.param(
            {
                "main.tf": _LOGS.replace("FOR_EACH", "local.all")
                + '\nlocals {\n  all = toset(["b"])\n}\n\n'
                + 'resource "aws_sns_topic" "x" {\n  name = "x"\n}\n'
            },
            "resource block",
            "main.tf",
            _LOGS.replace("FOR_EACH", "local.all") + "\n",
            "",
            id="the only one",
        ),
    ],
)
def test_one_of_several(files: dict[str, str], rule: str, file: str, was: str, now: str) -> None:
    code = code_of(files, {_KEYED: {"id": "b"}})
    found, changed = held(removing.rules, item(_KEYED, "delete"), code)
    assert (found, changed) == (rule, {file: files[file].replace(was, now, 1)})


def test_only_the_last_of_a_count_can_go() -> None:
    text = 'resource "aws_instance" "x" {\n  count = var.number\n}\n\nvariable "number" {\n  default = 2\n}\n'
    code = one(text, {f"aws_instance.x[{index}]": {"id": f"i-{index}"} for index in (0, 1)})
    rule, changed = held(removing.rules, item("aws_instance.x[1]", "delete"), code)
    assert (rule, changed) == ("count", {"main.tf": text.replace("default = 2", "default = 1")})
    assert not list(removing.rules(item("aws_instance.x[0]", "delete"), code))
    assert "not the last" in removing.obstacle(item("aws_instance.x[0]", "delete"), code)


def test_a_plain_resource_of_a_shared_module_is_counted_and_moved() -> None:
    root = 'module "site" {\n  source   = "./m"\n  for_each = toset(["a", "b"])\n  name     = each.key\n}\n'
    module = (
        'variable "name" {\n  type = string\n}\n\n'
        'resource "aws_cloudwatch_log_group" "audit" {\n  name = var.name\n}\n\n'
        'output "group" {\n  value = aws_cloudwatch_log_group.audit.arn\n}\n'
    )
    state = {f'module.site["{key}"].aws_cloudwatch_log_group.audit': {"id": key, "arn": key} for key in "ab"}
    code = code_of({"main.tf": root, "m/main.tf": module}, state)
    gone = 'module.site["b"].aws_cloudwatch_log_group.audit'
    rule, changed = held(removing.rules, item(gone, "delete"), code)
    assert rule == "count by a module variable"
    assert 'with_audit_cloudwatch_log_group = each.key != "b"\n' in changed["main.tf"]
    assert (
        "  count = var.with_audit_cloudwatch_log_group ? 1 : 0\n  name  = var.name\n" in changed["m/main.tf"]
    )
    assert "value = one(aws_cloudwatch_log_group.audit[*].arn)" in changed["m/main.tf"]
    assert (
        "moved {\n  from = aws_cloudwatch_log_group.audit\n  to   = aws_cloudwatch_log_group.audit[0]\n}\n"
        in changed["m/main.tf"]
    )
