"""Random edits of values over the files of projects: what comes out is HCL, and nothing beside the edit changed."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache

import pytest

from lamplighter.drift.hcl.evaluate import is_known
from lamplighter.drift.model import DriftItem
from lamplighter.drift.patch import values
from lamplighter.drift.patch.code import Code
from lamplighter.drift.state import read_resources
from lamplighter.scenarios.drift import schema
from lamplighter.tools.terraform_files import read_code, state_of
from tests.drift.patch.world import item

_EDITS = 1_000
_PROJECTS = schema.projects()
_FORMS = ("as written", "CRLF", "tabs")
_COMMENT = re.compile(rb"^[ \t]*#[^\r\n]*", re.MULTILINE)


@cache
def _code(project: str, form: str) -> Code:
    base = schema.base(project)
    state = read_resources(state_of(project, json.dumps(base.state()).encode()))
    code = Code.of(read_code(base.code), state)
    return Code({path: _in(form, text) for path, text in code.contents.items()}, code.variables, state)


def _in(form: str, content: bytes) -> bytes:
    if form == "CRLF":
        return content.replace(b"\n", b"\r\n")
    if form == "tabs":
        return re.sub(rb"^(?:  )+", lambda found: b"\t" * (len(found[0]) // 2), content, flags=re.MULTILINE)
    return content


def _wanted(value: object, draw: random.Random) -> object:
    match value:
        case bool():
            return not value
        case int() | float():
            return value + draw.randrange(1, 500)
        case str():
            return draw.choice(
                [f"{value}-{draw.randrange(99)}", 'ünïcode "quoted" ${x}', value.upper() + "x", ""]
            )
        case _:
            return None


def _items(code: Code, draw: random.Random) -> Iterator[DriftItem]:
    said = [*code.written.instances.values()]
    while True:
        one = draw.choice(said)
        named = [
            name
            for name, value in one.values.items()
            if is_known(value) and name not in ("lifecycle", "provider")
        ]
        if not named:
            continue
        name = draw.choice(named)
        value = one.values[name]
        path, now = name, value
        if isinstance(value, dict) and value and name == "tags":
            key = draw.choice(sorted(value))
            path, now = f"tags.{key}", value[key]
        live = _wanted(now, draw)
        is_document = isinstance(now, str) and now.startswith(("{", "["))
        if live != now and live is not None and not is_document:
            yield item(one.address, path, live, was=now, kind=one.type)


def _outside(content: bytes, edits: tuple[tuple[int, int], ...]) -> bytes:
    pieces, position = [], 0
    for start, end in sorted(edits):
        pieces.append(content[position:start])
        position = end
    return b"".join([*pieces, content[position:]])


@pytest.mark.parametrize("form", _FORMS)
@pytest.mark.parametrize("project", _PROJECTS)
def test_random_edits_leave_the_rest_alone(project: str, form: str) -> None:
    code = _code(project, form)
    draw = random.Random(f"{project} {form}")
    items = _items(code, draw)
    count = -(-_EDITS // (len(_PROJECTS) * len(_FORMS)))
    made = 0
    while made < count:
        drifted = next(items)
        for number, candidate in enumerate(values.rules(drifted, code)):
            after = code.edited(candidate.edits)
            assert not after.project.broken, (drifted, candidate)
            _assert_kept(code, after, candidate.rule)
            made += number == 0
            if number == 3:
                break


def _assert_kept(code: Code, after: Code, rule: str) -> None:
    for path, content in after.contents.items():
        was = code.contents.get(path, b"")
        if content == was:
            continue
        assert b"\r" not in content.replace(b"\r\n", b""), rule
        if b"\r\n" in was:
            assert b"\n" not in content.replace(b"\r\n", b""), rule
        lost = Counter(_COMMENT.findall(was)) - Counter(_COMMENT.findall(content))
        assert rule == "without the setting" or not lost, (rule, lost)
        lines, now = was.splitlines(), content.splitlines()
        stripped = Counter(re.sub(rb"\s+", b" ", line) for line in now)
        gone = Counter(re.sub(rb"\s+", b" ", line) for line in lines) - stripped
        # One value is one statement: but for a document written anew, a line or two.
        assert sum(gone.values()) <= 2 or b"<<" in was, (rule, gone)
