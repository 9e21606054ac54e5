"""The bundle and the HTML page of an evaluation."""

from __future__ import annotations

import json
import os
import sys
from html.parser import HTMLParser
from pathlib import Path

from lamplighter.scenarios.evaluation.report import page
from lamplighter.tools import process

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = '<script src="x">\x1b[31m\u202e&</script>'


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.links += [name for name, _ in attrs if name in ("src", "href")]


def test_the_page_escapes_what_was_measured_and_loads_nothing() -> None:
    table = {"title": HOSTILE, "columns": [HOSTILE], "rows": [[HOSTILE, 0.5]]}
    data = {
        "name": HOSTILE,
        "metrics": {HOSTILE: 1.0},
        "tables": [table],
        "cases": 1,
        "labels": [HOSTILE],
        "machine": HOSTILE,
        "seconds": 1.0,
    }
    text = page(data)
    tags = Tags(text)
    assert "script" not in tags.seen and tags.links == []
    assert not any(char in text for char in "\x1b\u202e")
    assert text.count("&lt;script") == 8


def test_smoke_prefixes_its_metrics_and_writes_the_page(tmp_path: Path) -> None:
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    argv = [sys.executable, "-m", "lamplighter", "eval", "smoke", "--report", "out", "--json"]
    done = process.run(argv, cwd=tmp_path, env=env)
    result = json.loads(done.stdout)
    assert done.code == 0, done.stderr
    assert {"drift.detection_f1", "drift.false_findings"} <= result["metrics"].keys()
    assert result["labels"] == ["own scenarios", "recorded"]
    assert "drift.detection_f1" in (tmp_path / "out" / "smoke.html").read_text()
