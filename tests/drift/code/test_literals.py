"""Values from the trace, written into code: text stays text, or there is no edit."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamplighter.drift.hcl.evaluate import Scope, value_of
from lamplighter.drift.hcl.modules import Instance, Module, StateValues, World
from lamplighter.drift.hcl.syntax import parse
from lamplighter.drift.hcl.work import Work
from lamplighter.drift.patch.writing import hcl_literal

HOSTILE = [
    "${aws_iam_role.admin.arn}",
    "%{ if true }x%{ endif }",
    'quote" }\n resource "null_resource" "x" {}',
    "$${x}",
    "$$${x}",
    "$",
    "a$",
    "%",
    "${",
    "$ {",
    "\\",
    "\\${x}",
    "\\u0041",
    "<<EOT",
    "# no comment",
    "/* no comment",
    "\x1b]0;title\x07",
    "\u202egnp.exe",
    "\u2028",
    "\x00",
    "\ud800",
    "höhe ≠ 𝒳",
    "",
    " ",
]


def said(literal: str) -> Any:
    """What the file `x = literal` says; the literal must be all of it."""
    body = parse(f"x = {literal}\ny = 1\n".encode(), "main.tf")
    assert set(body.attributes) == {"x", "y"} and body.blocks == ()
    expression = body.attributes["x"].expression
    assert expression.text == literal
    nothing = Instance(Module(""), "", {}, World({}, StateValues(())), exclusive=False)
    return value_of(expression, Scope(nothing, Work()))


def check(value: Any) -> None:
    literal = hcl_literal(value)
    if literal is None:
        return
    assert literal.isprintable() and "\n" not in literal
    found = said(literal)
    assert found == value and isinstance(found, bool) == isinstance(value, bool)


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_text(value: str) -> None:
    check(value)
    assert (hcl_literal(value) is not None) == (value.isprintable() and "$${" not in value)


@given(st.text(alphabet=st.one_of(st.sampled_from('${}%"\\~#/<-'), st.characters()), max_size=30))
def test_any_text(value: str) -> None:
    check(value)


@given(st.one_of(st.booleans(), st.integers(-(10**30), 10**30), st.floats()))
def test_any_number(value: bool | int | float) -> None:
    check(value)


def test_what_is_no_scalar_has_no_literal() -> None:
    assert [hcl_literal(value) for value in (None, [1], {"a": 1}, float("nan"), float("inf"))] == [None] * 5
