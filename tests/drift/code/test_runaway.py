"""No expression makes the reader raise, or work without end: it is unknown, and the place is named."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from lamplighter.drift.hcl.functions import FUNCTIONS
from lamplighter.drift.model import CodeAttribute
from tests.drift.code.world import call, check, project, resource


def doubled(first: str, step: str, times: int) -> str:
    """locals l0 to lN, each made of the one before, which `step` names as L."""
    lines = [f"  l0 = {first}", *(f"  l{n + 1} = {step.replace('L', f'local.l{n}')}" for n in range(times))]
    return "\n".join(lines) + f"\n  x = local.l{times}\n"


TEN = "[for i in range(1000): i]"
BOMBS = {
    "loops": "  x = [for a in range(1000): [for b in range(1000): [for c in range(1000): a]]]\n",
    "lines": "  x = 1 == 1 ? [for a in range(1000): [for b in range(1000): [\n for c in range(1000): a]]] : []\n",
    "members": doubled('["a"]', "concat(L, L)", 40),
    "nested lists": doubled('["a"]', "[L, L]", 80),
    "splat": doubled(TEN, f"[for i in {TEN}: L]", 3) + "  y = local.x[*][*][*][*]\n",
    "digits": doubled("9" * 300, "L * L", 25),
    "text": doubled('"' + "a" * 1000 + '"', 'replace(L, "a", L)', 2),
    "between": doubled('"' + "a" * 1000 + '"', 'replace(L, "", L)', 3),
    "template": doubled('"' + "a" * 1000 + '"', '"${L}${L}"', 40),
    "join": doubled('"' + "a" * 900000 + '"', f"join(L, {TEN})", 1),
    "split": doubled('"' + "," * 900000 + '"', 'split(",", L)', 1),
    "format": doubled('"' + "%0999d" * 5000 + '"', f"format(L, concat({', '.join([TEN] * 5)})...)", 1),
    "texts": "  x = [for a in range(1024): [for b in range(1024): format(\"%0999d\", a)]]\n",
    "encoded": doubled('"' + "a" * 900000 + '"', f"jsonencode([for i in {TEN}: L])", 1),
    "decoded": doubled('"[' + "0," * 400000 + '0]"', "jsondecode(L)", 1),
    "merged": doubled(
        '{ a = 1 }', 'merge(L, { for k in keys(L): "${k}a" => 1 }, { for k in keys(L): "${k}b" => 1 })', 30
    ),
}  # fmt: skip
STATE = [resource("aws_sqs_queue", "q", {"id": "https://sqs/1/q", "name": "q", "delay_seconds": 5})]
DELAYED = call("sqs:SetQueueAttributes", {"queueUrl": "https://sqs/1/q", "attributes": {"DelaySeconds": "9"}})


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS.keys())
def test_what_runs_away_is_unknown_and_named(tmp_path: Path, bomb: str) -> None:
    whole = "y" if "  y = " in bomb else "x"
    shown = f'jsonencode(local.{whole}) == "" ? 9 : 9'
    code = (
        f'locals {{\n{bomb}}}\nresource "aws_sqs_queue" "q" {{\n  name = "q"\n  delay_seconds = {shown}\n}}\n'
    )
    report = check(tmp_path, {"main.tf": code}, STATE, [DELAYED])
    assert [(item.details["code"], item.details["live"]) for item in report.findings] == [(5, 9)]
    (line,) = (line for line in report.not_checked if "too costly" in line)
    assert report.incomplete and line.startswith("main.tf:")
    assert 2 <= int(line.split(":")[1]) < len(code.splitlines())


def test_modules_in_modules_end() -> None:
    def nested(name: str) -> str:
        called = f'module "m" {{\n  source = "../{name}"\n  count = 9000\n}}\n'
        return called + 'output "o" {\n  value = module.m[*].o\n}\n'

    files = {
        "main.tf": nested("a").replace("../", "./") + 'resource "aws_x" "q" {\n  v = module.m[*].o\n}\n',
        "a/a.tf": nested("b"),
        "b/b.tf": nested("c"),
        "c/c.tf": 'output "o" {\n  value = 1\n}\n',
    }
    read = project(files)
    found = read.locate("aws_x.q", "v")
    assert found is not None and not found.known and read.excess is not None


DEEP = {
    "conditional": "x ? 1 : " * 4000 + "1",
    "sum": "1 + " * 4000 + "1",
    "brackets": "(" * 2000 + "1" + ")" * 2000,
    "lists": "[" * 2000 + "]" * 2000,
    "index": "local.x" + "[0]" * 4000,
    "splats": "local.x" + "[*]" * 4000,
    "not": "!" * 4000 + "true",
    "templates": '"${' * 400 + "1" + '}"' * 400,
    "decoded": f'jsondecode("{"[" * 900}{"]" * 900}") == jsondecode("{"[" * 900}{"]" * 900}")',
}


def located(expression: str) -> CodeAttribute | None:
    code = f'locals {{\n  x = [[1]]\n}}\nresource "aws_x" "a" {{\n  v = {expression}\n}}\n'
    return project({"main.tf": code}).locate("aws_x.a", "v")


@pytest.mark.parametrize("expression", DEEP.values(), ids=DEEP.keys())
def test_deep_expressions_end(expression: str) -> None:
    located(expression)


ODD = ["null", "true", "-1", "1.5", '"x"', '"/x/"', "[]", '[1, "a", null]', "{ a = [1] }", "[[1], {}]"]


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_functions_take_anything(name: str) -> None:
    given = [", ".join(values) for count in range(4) for values in itertools.product(ODD, repeat=count)]
    lines = [f"  v{number} = {name}({values})" for number, values in enumerate(given)]
    read = project({"main.tf": 'resource "aws_x" "a" {\n' + "\n".join(lines) + "\n}\n"})
    for number in range(len(given)):
        assert read.locate("aws_x.a", f"v{number}") is not None
    assert read.excess is None


@pytest.mark.parametrize(
    "expression",
    [
        '[for v in zipmap([1, "a"], [1, 2]): v]',
        '"\\ud800"',
        "{ (zipmap([1], [2])) = 1 }",
        '"${1 * format("%d", 9)}"',
        "9" * 308 + ".5 * 1000",
    ],
)
def test_odd_values_end(expression: str) -> None:
    found = located(expression)
    assert found is not None
    str(found.value).encode()


def test_many_instances_share_one_evaluation_of_their_map() -> None:
    code = """locals { kept = { for i in range(1000): "k${i}" => { days = i, name = "n${i}" } } }
    resource "aws_x" "a" {
      for_each = { for key, value in local.kept: key => value if value.days >= 0 }
      days     = each.value.days
    }
    module "m" {
      source   = "./m"
      for_each = { for key, value in local.kept: key => value if value.days >= 0 }
      days     = each.value.days
    }
    """
    inner = 'variable "days" {}\nresource "aws_x" "a" {\n  days = var.days\n}\n'
    read = project({"main.tf": code, "m/main.tf": inner})
    for number in range(1000):
        for address in (f'aws_x.a["k{number}"]', f'module.m["k{number}"].aws_x.a'):
            found = read.locate(address, "days")
            assert found is not None and found.value == number
    assert read.excess is None
