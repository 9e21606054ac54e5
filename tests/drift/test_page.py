"""The HTML report: whole, without script, and nothing from outside is markup in it."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from lamplighter.drift.check import DriftReport
from lamplighter.drift.page import html, timeline
from tests.drift.code.world import call, check, resource

EVIL = "<script>alert(1)</script>\"'&\x1b[31m\u202e"
CODE = {"main.tf": 'resource "aws_sqs_queue" "q" {\n  name = "q"\n  tags = { Owner = "web" }\n}\n'}
QUEUE = resource("aws_sqs_queue", "q", {"id": "u", "name": "q", "tags": {"Owner": "web"}})


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        if tag not in ("meta", "line"):
            self.open.append(tag)
        assert all(not name.startswith("on") for name, _ in attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag != "line":
            assert self.open.pop() == tag


def report(folder: Path, *names: str) -> DriftReport:
    calls = [
        call(
            "sqs:TagQueue",
            {"queueUrl": "https://x/1/q", "tags": {name: name}},
            minute=minute,
            userIdentity={"type": "IAMUser", "userName": name},
        )
        for minute, name in enumerate(names)
    ]
    return check(folder, CODE, [QUEUE], calls)


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    page = html(report(tmp_path, EVIL))
    reader = _Reader()
    reader.feed(page)
    assert reader.open == [] and "script" not in reader.seen
    assert "alert(1)" in page and "\x1b" not in page and "\u202e" not in page


@pytest.mark.parametrize("names", [("ana",), ("ana", "ben"), ("ana", "ben", "ana2", "ana3")])
def test_the_picture_has_a_row_for_each_actor_and_a_mark_for_each_drift(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    findings = report(tmp_path, *names).findings
    picture = ElementTree.fromstring(timeline(findings))
    marks = [node for node in picture if node.tag == "circle"]
    assert len(marks) == len(findings) == len(names)
    assert {node.text for node in picture if node.tag == "text"} >= set(names)
    across = [float(node.attrib["cx"]) for node in marks]
    assert all(0 <= x <= 1000 for x in across) and len(set(across)) == len(names)


def test_a_clean_report_is_a_page_too(tmp_path: Path) -> None:
    page = html(check(tmp_path, CODE, [QUEUE], [call("logs:CreateLogStream", {"logGroupName": "/x"})]))
    assert "0 drifts" in page and "<svg" not in page and timeline(()) == ""
