"""What the code says of an address: modules, instances, variables, text forms, and what it cannot say."""

from __future__ import annotations

from typing import Any

import pytest

from lamplighter.drift.hcl.modules import StateValues
from tests.drift.code.world import project

QUEUE = """variable "seconds" {
  type    = number
  default = 30
}
resource "aws_sqs_queue" "main" {
  visibility_timeout_seconds = var.seconds
  delay_seconds              = 5
}
"""


def said(code: str, address: str, attribute: str, **more: Any) -> Any:
    """The known value; fails where it is not known."""
    found = project({"main.tf": code}, **more).locate(address, attribute)
    assert found is not None and found.known, found
    return found.value


def edited(content: str, new: str, address: str, attribute: str) -> str:
    found = project({"main.tf": content}).locate(address, attribute)
    assert found is not None and found.edit_range is not None
    start, end = found.edit_range
    raw = content.encode()
    return (raw[:start] + new.encode() + raw[end:]).decode()


def test_for_each_over_a_map_and_a_set() -> None:
    code = """
    locals { kept = { audit = 365, api = 30 } }
    resource "aws_x" "each" {
      for_each = local.kept
      days     = each.value
      name     = "${each.key} logs"
    }
    resource "aws_x" "set" {
      for_each = toset(["a", "b"])
      name     = "x-${each.value}"
    }
    """
    assert said(code, 'aws_x.each["audit"]', "days") == 365
    assert said(code, 'aws_x.each["api"]', "name") == "api logs"
    assert said(code, 'aws_x.set["b"]', "name") == "x-b"


def test_count() -> None:
    code = 'resource "aws_x" "n" {\n  count = 3\n  name = "n-${count.index + 1}"\n}\n'
    assert said(code, "aws_x.n[2]", "name") == "n-3"


def test_a_literal_of_several_instances_has_no_edit() -> None:
    code = 'resource "aws_x" "n" {\n  count = 2\n  days = 7\n}\n'
    found = project({"main.tf": code}).locate("aws_x.n[0]", "days")
    assert found is not None and (found.known, found.value, found.edit_range) == (True, 7, None)
    assert found.location.line == 3


def called(source: str = "./queue", more: str = "") -> str:
    return f'module "q" {{\n  source = "{source}"\n  seconds = 60\n  {more}\n}}\n'


def test_arguments_reach_into_a_module() -> None:
    read = project({"main.tf": called(), "queue/main.tf": QUEUE})
    found = read.locate("module.q.aws_sqs_queue.main", "visibility_timeout_seconds")
    assert found is not None and found.value == 60 and found.edit_range is None
    assert (found.location.file, found.location.line, found.text) == ("queue/main.tf", 6, "var.seconds")


@pytest.mark.parametrize(
    ("files", "address", "editable"),
    [
        ({"main.tf": called()}, "module.q.aws_sqs_queue.main", True),
        ({"main.tf": called(more="count = 1")}, "module.q[0].aws_sqs_queue.main", False),
        ({"main.tf": called(more='for_each = toset(["k"])')}, 'module.q["k"].aws_sqs_queue.main', False),
        ({"main.tf": called() + called().replace('"q"', '"r"')}, "module.q.aws_sqs_queue.main", False),
        (
            {"main.tf": called("./mid"), "mid/main.tf": called("../queue")},
            "module.q.module.q.aws_sqs_queue.main",
            True,
        ),
        (
            {"main.tf": called("./mid", "count = 1"), "mid/main.tf": called("../queue")},
            "module.q[0].module.q.aws_sqs_queue.main",
            False,
        ),
    ],
    ids=["once", "count", "for_each", "two calls", "nested", "nested in a repeated one"],
)
def test_only_a_module_used_once_may_be_edited(files: dict[str, str], address: str, editable: bool) -> None:
    found = project({**files, "queue/main.tf": QUEUE}).locate(address, "delay_seconds")
    assert found is not None and found.value == 5
    assert (found.edit_range is not None) == editable


def test_a_module_beside_the_root_is_not_edited() -> None:
    read = project({"main.tf": called("../queue"), "../queue/main.tf": QUEUE})
    found = read.locate("module.q.aws_sqs_queue.main", "delay_seconds")
    assert found is not None and found.value == 5 and found.edit_range is None


def test_modules_that_are_not_here_are_named() -> None:
    read = project({"main.tf": called("./gone") + called("registry/x/aws").replace('"q"', '"r"')})
    assert read.missing == [("q", "./gone")] and read.remote == [("r", "registry/x/aws")]
    assert read.locate("module.q.aws_sqs_queue.main", "x") is None


def test_outputs_of_modules() -> None:
    files = {
        "main.tf": called() + 'resource "aws_x" "a" {\n  name = module.q.named\n  key = module.q.hidden\n}\n',
        "queue/main.tf": QUEUE
        + 'output "named" {\n  value = "t-${var.seconds}"\n}\n'
        + 'output "hidden" {\n  value = "x"\n  sensitive = true\n}\n',
    }
    read = project(files)
    named, hidden = read.locate("aws_x.a", "name"), read.locate("aws_x.a", "key")
    assert named is not None and named.value == "t-60"
    assert hidden is not None and not hidden.known


VARIABLE = (
    'variable "days" {\n  type = number\n  default = 1\n}\nresource "aws_x" "a" {\n  days = var.days\n}\n'
)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"terraform.tfvars": "days = 2"}, 2),
        ({"terraform.tfvars": "days = 2", "terraform.tfvars.json": '{"days": 3}'}, 3),
        ({"terraform.tfvars": "days = 2", "a.auto.tfvars": "days = 4"}, 4),
        ({"a.auto.tfvars": 'days = "5"'}, 5),
    ],
)
def test_variables(files: dict[str, str], expected: int) -> None:
    assert said(VARIABLE, "aws_x.a", "days", variables=files) == expected


def test_a_sensitive_variable_is_not_known() -> None:
    code = VARIABLE.replace("default = 1", "default = 1\n  sensitive = true")
    found = project({"main.tf": code}).locate("aws_x.a", "days")
    assert found is not None and not found.known and found.value is None


def test_heredocs() -> None:
    plain, cut = "<<EOT\n  one $${x}\n\ttwo\nEOT\n", "<<-EOT\n    one\n      two\n    EOT\n"
    code = f'resource "aws_x" "a" {{\n  plain = {plain}  cut = {cut}}}\n'
    assert said(code, "aws_x.a", "plain") == "  one ${x}\n\ttwo\n"
    assert said(code, "aws_x.a", "cut") == "one\n  two\n"


def test_a_file_with_windows_line_ends_keeps_them() -> None:
    code = 'resource "aws_x" "a" {\r\n  days = 7 # höhe\r\n  text = <<EOT\r\none\r\nEOT\r\n}\r\n'
    assert said(code, "aws_x.a", "text") == "one\n"
    found = project({"main.tf": code}).locate("aws_x.a", "days")
    assert found is not None and found.location.line == 2
    assert edited(code, "14", "aws_x.a", "days") == code.replace("7", "14")


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("7", 7),
        ("-7", -7),
        ("1.5", 1.5),
        ("true", True),
        ('"text"', "text"),
        ('" spaced "', " spaced "),
        ('"$${x}"', "${x}"),
    ],
)
def test_literals_may_be_edited(written: str, value: Any) -> None:
    code = f'resource "aws_x" "a" {{\n  v = {written} // why\n}}\n'
    found = project({"main.tf": code}).locate("aws_x.a", "v")
    assert found is not None and found.known and found.value == value
    assert edited(code, '"new"', "aws_x.a", "v") == code.replace(written, '"new"', 1)


@pytest.mark.parametrize(
    "written",
    ["local.x", '"${local.x}"', "1 + 1", "(7)", "max(1, 7)", "true ? 7 : 8", "[7]", "{ a = 7 }", '"a${1}"'],
)
def test_what_is_no_literal_may_not(written: str) -> None:
    found = project({"main.tf": f'resource "aws_x" "a" {{\n  v = {written}\n}}\n'}).locate("aws_x.a", "v")
    assert found is not None and found.edit_range is None


def test_a_shared_local_has_no_edit() -> None:
    code = 'locals {\n  days = 7\n}\nresource "aws_x" "a" {\n  v = local.days\n}\n'
    found = project({"main.tf": code}).locate("aws_x.a", "v")
    assert found is not None and (found.value, found.edit_range) == (7, None)


def test_tags_in_place_and_merged() -> None:
    code = """locals { shared = { Team = "pay", Owner = "all" } }
resource "aws_x" "a" {
  tags = merge(local.shared, {
    "Owner" = "web"
    "a.b/c" = "dotted"
  })
}
"""
    assert said(code, "aws_x.a", "tags.Team") == "pay"
    assert said(code, "aws_x.a", "tags.Owner") == "web"
    assert said(code, "aws_x.a", "tags.a.b/c") == "dotted"
    assert edited(code, '"new"', "aws_x.a", "tags.Owner") == code.replace('"web"', '"new"')
    found = project({"main.tf": code}).locate("aws_x.a", "tags.Team")
    assert found is not None and found.edit_range is None


def test_nested_blocks() -> None:
    blocks = '  recovery {\n    enabled = true\n  }\n  dynamic "rule" {\n    for_each = []\n  }\n'
    code = f'resource "aws_x" "a" {{\n{blocks}}}\n'
    assert said(code, "aws_x.a", "recovery.enabled") is True
    read = project({"main.tf": code})
    whole, dynamic, absent = (
        read.locate("aws_x.a", name) for name in ("recovery", "rule.days", "recovery.days")
    )
    assert whole is not None and whole.location.line == 2 and not whole.known
    assert dynamic is not None and dynamic.location.line == 5 and not dynamic.known
    assert absent is not None and absent.location.line == 2 and not absent.known


def test_an_attribute_that_is_not_set_points_to_the_block() -> None:
    found = project({"main.tf": '\nresource "aws_x" "a" {}\n'}).locate("aws_x.a", "days")
    assert found is not None and (found.text, found.known, found.location.line) == ("", False, 2)


def test_references_to_other_resources_come_from_the_state() -> None:
    code = 'resource "aws_x" "a" {\n  v = aws_y.b.id\n  w = aws_y.c["k"].id\n  u = aws_y.gone.id\n}\n'
    state = StateValues([("aws_y.b", None, {"id": "b1"}), ("aws_y.c", "k", {"id": "c1"})])
    assert said(code, "aws_x.a", "v", state=state) == "b1"
    assert said(code, "aws_x.a", "w", state=state) == "c1"
    found = project({"main.tf": code}, state=state).locate("aws_x.a", "u")
    assert found is not None and not found.known


NAMES = ("days", "tags", "tags.Owner", "tags.Cost, Center", "rule.days")


@pytest.mark.parametrize(
    ("written", "ignored"),
    [
        ("all", set(NAMES)),
        ("[days]", {"days"}),
        ("[tags]", {"tags", "tags.Owner", "tags.Cost, Center"}),
        ('[tags["Owner"]]', {"tags.Owner"}),
        ("[\n      days, # why\n      tags.Owner,\n    ]", {"days", "tags.Owner"}),
        ("[\n  tags, # not days\n]", {"tags", "tags.Owner", "tags.Cost, Center"}),
        ('["days"]', {"days"}),
        ('[tags["Cost, Center"], rule[0].days]', {"tags.Cost, Center", "rule.days"}),
        ("[]", set[str]()),
        ("[day]", set[str]()),
    ],
)
def test_ignore_changes(written: str, ignored: set[str]) -> None:
    code = f'resource "aws_x" "a" {{\n  lifecycle {{\n    ignore_changes = {written}\n  }}\n}}\n'
    read = project({"main.tf": code})
    assert {name for name in NAMES if read.ignores("aws_x.a", name)} == ignored


def test_broken_files_are_named_and_the_rest_is_read() -> None:
    read = project({"a.tf": 'resource "aws_x" "a" {}', "b.tf": "x = 1\nresource {{{", "c.tf": ""})
    assert [(item.file, item.line) for item in read.broken] == [("b.tf", 2)]
    assert read.parsed == 2 and read.block("aws_x.a") is not None


def test_references_in_a_circle_end() -> None:
    code = 'locals {\n  a = local.b\n  b = local.a\n}\nresource "aws_x" "a" {\n  v = local.a\n}\n'
    found = project({"main.tf": code}).locate("aws_x.a", "v")
    assert found is not None and not found.known


def test_a_module_that_calls_itself_ends() -> None:
    files = {"main.tf": called("./queue"), "queue/main.tf": called("../queue") + QUEUE}
    address = "module.q." * 60 + "aws_sqs_queue.main"
    assert project(files).locate(address, "delay_seconds") is None


@pytest.mark.parametrize(
    "address",
    ["", "aws_x", "data.aws_x.a", "module.q", "aws_x.a.b", 'aws_x.a["k', "aws_x.a[", "aws_x.a.", "a..b"],
)
def test_what_is_no_address(address: str) -> None:
    assert project({"main.tf": 'resource "aws_x" "a" {}'}).locate(address) is None
