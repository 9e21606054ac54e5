"""Each form of an expression, changed where its value comes from: cases of `placing/`, as files before and after.

A case is `## name`, the item, and files: `--- path` as it is, `+++ path` as the first that holds makes it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lamplighter.core.results import Status
from lamplighter.drift.hcl.address import parse
from lamplighter.drift.model import DriftItem
from lamplighter.drift.patch import values
from lamplighter.drift.patch.code import Code
from lamplighter.drift.patch.judge import judge
from lamplighter.tools.terraform import Terraform
from tests.drift.code.world import resource
from tests.drift.patch.world import code, goal, item

_FOLDER = Path(__file__).parent / "placing"


@dataclass
class Case:
    name: str
    action: str = ""
    attribute: str = ""
    address: str = ""
    was: Any = None
    live: Any = None
    rule: str = ""
    state: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    before: dict[str, str] = field(default_factory=dict[str, str])
    after: dict[str, str] = field(default_factory=dict[str, str])

    def read(self) -> tuple[Code, DriftItem]:
        own = {"id": "https://q", "arn": "arn:aws:sqs:eu:1:q"}
        held = {**self.state, self.address: {**own, **self.state.get(self.address, {})}}
        given = {path: text for path, text in self.before.items() if ".tfvars" in path}
        files = {path: text for path, text in self.before.items() if path not in given}
        drifted = item(self.address, self.attribute, self.live, was=self.was, action=self.action)  # type: ignore[arg-type]
        return code(files, *(_entry(*pair) for pair in held.items()), variables=given), drifted


def _entry(address: str, attributes: dict[str, Any]) -> dict[str, Any]:
    parsed = parse(address)
    assert parsed is not None
    module = address.partition(f"{parsed.type}.{parsed.name}")[0].removesuffix(".")
    more = {"module": module} if module else {}
    return resource(parsed.type, parsed.name, attributes, key=parsed.key, **more)


def cases() -> Iterator[Case]:
    for path in sorted(_FOLDER.glob("*.txt")):
        for text in path.read_bytes().decode().split("## ")[1:]:
            yield _case(text)


def _case(text: str) -> Case:
    name, *lines = text.split("\n")
    case, into, at = Case(name), None, ""
    for line in lines:
        word, _, rest = line.partition(" ")
        if word in ("---", "+++"):
            into, at = (case.before if word == "---" else case.after), rest
            into[at] = ""
        elif into is not None:
            into[at] += f"{line}\n"
        elif word in ("set", "add", "remove"):
            case.action, (case.attribute, _, case.address) = word, rest.split(" ")
        elif word == "rule":
            case.rule = rest
        elif word in ("was", "live", "state"):
            setattr(case, word, json.loads(rest))
    for files in (case.before, case.after):
        files.update({path: f"{content.rstrip(chr(10))}\n" for path, content in files.items()})
    return case


CASES = [*cases()]


def _held(case: Case) -> tuple[str, Code]:
    before, drifted = case.read()
    for candidate in values.rules(drifted, before):
        after = before.edited(candidate.edits)
        if not judge([goal(drifted)], before, after).reason:
            return candidate.rule, after
    pytest.fail("no candidate holds")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_first_candidate_that_holds(case: Case) -> None:
    rule, after = _held(case)
    assert {path: text.decode() for path, text in after.contents.items()} == {**case.before, **case.after}
    assert rule == case.rule


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_candidate_is_hcl_and_keeps_the_comments_around(case: Case) -> None:
    before, drifted = case.read()
    candidates = [*values.rules(drifted, before)]
    assert candidates
    for candidate in candidates:
        after = before.edited(candidate.edits)
        assert not after.project.broken, candidate
        kept = {
            path: text for path, text in after.contents.items() if b"# kept" in before.contents.get(path, b"")
        }
        assert all(b"# kept" in text for text in kept.values()), candidate


@pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed")
def test_what_was_formatted_stays_so(tmp_path: Path) -> None:
    terraform = Terraform(tmp_path)
    pairs = [
        (case.before[path], text)
        for case in CASES
        for path, text in case.after.items()
        if path.endswith(".tf") and path in case.before and "\r" not in text
    ]
    was = _formatted(terraform, [before for before, _ in pairs])
    kept = [after for (before, after), text in zip(pairs, was, strict=True) if text == before]
    assert len(kept) > 60
    assert _formatted(terraform, kept) == kept


def _formatted(terraform: Terraform, texts: list[str]) -> list[str]:
    """Many files in one run, a line between each two."""
    mark = "# ---- next\n"
    found = terraform.formatted(mark.join(texts))
    assert found.status is Status.OK and found.data is not None
    return found.data.split(mark)


NOTHING = 'resource "aws_sqs_queue" "q" {\n  name = "a"\n}\n'


@pytest.mark.parametrize(
    ("files", "drifted"),
    [
        pytest.param(NOTHING, item("aws_sqs_queue.q", "name", "(hidden by the trace)"), id="hidden"),
        pytest.param(NOTHING, item("aws_sqs_queue.q", "name", "AKIAIOSFODNN7EXAMPLE"), id="a secret"),
        pytest.param(NOTHING, item("aws_sqs_queue.q", "name", "$${x}"), id="no sure way to write it"),
        pytest.param(NOTHING, item("aws_sqs_queue.q", "unique_id", "b"), id="the provider's alone"),
        pytest.param(NOTHING, item("aws_sqs_queue.other", "name", "b"), id="not in the code"),
        pytest.param(NOTHING, item("aws_sqs_queue.q", "", "b", action="delete"), id="no value"),
        pytest.param(
            'data "aws_iam_policy_document" "d" {\n  source_policy_documents = [var.x]\n}\n'
            'resource "aws_sqs_queue" "q" {\n  policy = data.aws_iam_policy_document.d.json\n}\n',
            item(
                "aws_sqs_queue.q", "policy", '{"Statement": []}', was='{"Statement": [{"Effect": "Allow"}]}'
            ),
            id="a policy merged of others",
        ),
    ],
)
def test_nothing_is_proposed(files: str, drifted: DriftItem) -> None:
    own = resource("aws_sqs_queue", "q", {"id": "https://q"})
    assert not [*values.rules(drifted, code({"main.tf": files}, own))]
