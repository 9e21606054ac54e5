"""Policies written as `aws_iam_policy_document`: the statement, and the part of it, that a step of their JSON is about.

Source: hashicorp/aws documentation, "Data Source: aws_iam_policy_document".
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from lamplighter.drift.hcl.address import Key
from lamplighter.drift.hcl.documents import MERGED, POLICY_DOCUMENT, document
from lamplighter.drift.hcl.syntax import Block, Body
from lamplighter.drift.patch.bodies import Nested, inserted, nested, of_body, removed, rewritten
from lamplighter.drift.patch.collections import Way
from lamplighter.drift.patch.provenance import Asked, Here, inside
from lamplighter.drift.patch.steps import JSON, At, Do, Path, Step, alike, likeness
from lamplighter.drift.patch.wording import text_of
from lamplighter.drift.patch.writing import aligned
from lamplighter.drift.patch.writing import block as block_text

_ATTRIBUTES = {
    "Sid": "sid",
    "Effect": "effect",
    "Action": "actions",
    "NotAction": "not_actions",
    "Resource": "resources",
    "NotResource": "not_resources",
}
_LISTED = frozenset(("actions", "not_actions", "resources", "not_resources"))
_PRINCIPALS = {"Principal": "principals", "NotPrincipal": "not_principals"}
_RULE = "policy document"


def of_document(path: Path, step: Step, here: Here) -> Iterator[Way | Asked]:
    """`data.aws_iam_policy_document.NAME.json`, or with a key before `json`."""
    if len(path) < 3 or path[0] != POLICY_DOCUMENT or not isinstance(path[1], str) or path[-1] != "json":
        return
    block = here.instance.module.data.get((POLICY_DOCUMENT, path[1]))
    if block is None or len(path) > 4 or step.path[:2] != (JSON, "Statement"):
        return
    key: Key = None
    if len(path) == 4:
        key = path[2].place if isinstance(path[2], At) else path[2]
    there = inside(here.code, here.instance, block, key, here.address)
    yield from _of_statements(block, step.at(step.path[2:]), there)


def is_merged(path: Path, here: Here) -> bool:
    """Whether a document is made of others too: which of them is to say it, a person has to tell."""
    block = here.instance.module.data.get((str(path[0]), str(path[1]))) if len(path) > 1 else None
    return block is not None and any(name in block.body.attributes for name in MERGED)


def _of_statements(block: Block, step: Step, here: Here) -> Iterator[Way | Asked]:
    found = nested(block, "statement", here)
    if not step.path:
        if step.do is Do.ADD and isinstance(step.value, Mapping):
            lines = statement_lines(step.value, here)
            if lines is not None:
                yield from _with_statement(block, lines, here)
        elif step.do is Do.DROP:
            gone = _statement(found, At(-1, step.value))
            if gone is not None and gone.of is None:
                yield from removed(gone.block.file, gone.block.span, here, _RULE)
        return
    head = step.path[0]
    chosen = _statement(found, head) if isinstance(head, At) else None
    if chosen is None:
        return
    if len(step.path) > 1:
        yield from _of_statement(chosen, step.at(step.path[1:]))


def _with_statement(block: Block, lines: list[str], here: Here) -> Iterator[Way]:
    yield from inserted(block, "statement", [lines], here, _RULE)
    if here.tests:
        over = f"for_each = {' && '.join(here.tests)} ? [1] : []"
        content = block_text("content", (), lines)
        made = [over, "", *content.split("\n")]
        for way in inserted(block, 'dynamic "statement"', [made], here, _RULE):
            yield way._replace(rule="condition on the key")


def _statement(found: list[Nested], at: At) -> Nested | None:
    said = [_said(one) for one in found]
    for one, statement in zip(found, said, strict=True):
        if statement is not None and alike(statement, at.was):
            return one
    if isinstance(at.was, Mapping):
        like = [likeness(statement, at.was) if statement else 0.0 for statement in said]
        if like and max(like) > 0:
            return found[like.index(max(like))]
    return found[at.place] if 0 <= at.place < len(found) else None


def _said(one: Nested) -> Mapping[str, Any] | None:
    """A statement as JSON has it; None where it is not known."""
    alone = Block("statement", (), one.block.body, one.block.line, one.block.file)
    text = document(Body({}, (alone,)), one.here.scope)
    statements = json.loads(text)["Statement"] if isinstance(text, str) else []
    return statements[0] if statements else None


def _of_statement(one: Nested, step: Step) -> Iterator[Way | Asked]:
    name, rest = step.path[0], step.path[1:]
    if not isinstance(name, str):
        return
    if name in _ATTRIBUTES:
        attribute = _ATTRIBUTES[name]
        if attribute in _LISTED and not rest and step.do is Do.SET and not isinstance(step.value, list):
            step = step._replace(value=[step.value])
        yield from of_body(one.block, _opened(step).at((attribute, *rest)), one.here)
    elif name in _PRINCIPALS:
        yield from _of_principals(one, _PRINCIPALS[name], step.at(rest))
    elif name == "Condition":
        yield from _of_conditions(one, step.at(rest))


def _of_principals(one: Nested, kind: str, step: Step) -> Iterator[Way | Asked]:
    found = nested(one.block, kind, one.here)
    if not step.path:
        wanted = step.value if isinstance(step.value, Mapping) else {"*": ["*"]}
        if step.do is Do.SET and len(wanted) == 1:
            ((of_all, names),) = wanted.items()
            lines = _lines({"type": of_all, "identifiers": _listed(names)}, one.here)
            if lines is not None and len(found) == 1:
                yield from rewritten(found[0], lines, _RULE)
            elif lines is not None and not found:
                yield from inserted(one.block, kind, [lines], one.here, _RULE)
        return
    of, rest = step.path[0], step.path[1:]
    chosen = next((item for item in found if _text(item, "type") == of), None)
    if chosen is not None and not rest and step.do is Do.GONE:
        if chosen.of is None:
            yield from removed(chosen.block.file, chosen.block.span, chosen.here, _RULE)
    elif chosen is not None:
        yield from of_body(chosen.block, step.at(("identifiers", *rest)), chosen.here)
    elif step.do is Do.SET and not rest:
        lines = _lines({"type": of, "identifiers": _listed(step.value)}, one.here)
        if lines is not None:
            yield from inserted(one.block, kind, [lines], one.here, _RULE)


def _of_conditions(one: Nested, step: Step) -> Iterator[Way | Asked]:
    found = nested(one.block, "condition", one.here)
    if len(step.path) < 2:
        wanted = {step.path[0]: step.value} if step.path else step.value
        if step.do is Do.SET and isinstance(wanted, Mapping):
            yield from _with_conditions(one, wanted)
        elif step.do is Do.GONE:
            there = _of_test(found, step.path[0]) if step.path else found
            if len(there) == 1 and there[0].of is None:
                yield from removed(there[0].block.file, there[0].block.span, one.here, _RULE)
        return
    test, name, rest = step.path[0], step.path[1], step.path[2:]
    chosen = next((item for item in _of_test(found, test) if _text(item, "variable") == name), None)
    if chosen is None:
        if step.do is Do.SET and not rest:
            yield from _with_conditions(one, {str(test): {str(name): step.value}})
    elif step.do is Do.GONE and not rest:
        if chosen.of is None:
            yield from removed(chosen.block.file, chosen.block.span, one.here, _RULE)
    else:
        yield from of_body(chosen.block, _opened(step).at(("values", *rest)), chosen.here)


def _of_test(found: list[Nested], test: Any) -> list[Nested]:
    return [item for item in found if _text(item, "test") == test]


def _with_conditions(one: Nested, wanted: Mapping[Any, Any]) -> Iterator[Way]:
    blocks = [
        _lines({"test": test, "variable": name, "values": _listed(values)}, one.here)
        for test, tests in wanted.items()
        if isinstance(tests, Mapping)
        for name, values in tests.items()
    ]
    written = [lines for lines in blocks if lines is not None]
    if written and len(written) == len(blocks):
        yield from inserted(one.block, "condition", written, one.here, _RULE)


def _text(one: Nested, name: str) -> Any:
    attribute = one.block.body.attributes.get(name)
    return one.here.value(attribute.expression.node) if attribute is not None else None


def statement_lines(statement: Mapping[str, Any], here: Here) -> list[str] | None:
    """A statement of JSON as the lines of a `statement` block; None for what the data source cannot say."""
    plain = {attribute: statement[name] for name, attribute in _ATTRIBUTES.items() if name in statement}
    plain = {name: _listed(value) if name in _LISTED else value for name, value in plain.items()}
    if plain.get("effect") == "Allow":
        del plain["effect"]
    lines = _lines(plain, here)
    if lines is None or statement.keys() - {*_ATTRIBUTES, *_PRINCIPALS, "Condition"}:
        return None
    inner: list[tuple[str, dict[str, Any]]] = []
    for name, kind in _PRINCIPALS.items():
        value = statement.get(name, {})
        told = value if isinstance(value, Mapping) else {"*": ["*"]}
        inner += [(kind, {"type": of, "identifiers": _listed(names)}) for of, names in told.items()]
    for test, tests in statement.get("Condition", {}).items():
        for name, values in tests.items():
            inner.append(("condition", {"test": test, "variable": name, "values": _listed(values)}))
    for kind, attributes in inner:
        within = _lines(attributes, here)
        if within is None:
            return None
        lines += ["", *block_text(kind, (), within).split("\n")]
    return lines


def _lines(attributes: Mapping[str, Any], here: Here) -> list[str] | None:
    return aligned({name: text_of(_open(value), here) for name, value in attributes.items()})


def _opened(step: Step) -> Step:
    return step._replace(value=_open(step.value))


def _open(value: Any) -> Any:
    """`${aws:username}` as the data source writes it."""
    if isinstance(value, list):
        return [_open(item) for item in value]
    return value.replace("${", "&{") if isinstance(value, str) else value


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
