"""The bundle and the HTML page of an evaluation."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from lamplighter.scenarios.evaluation.report import page
from lamplighter.scenarios.world import MIRROR_VARIABLE
from tests.command import lamp

HOSTILE = '<script src="x">\x1b[31m\u202e&</script>'


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.names: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.names += [name for name, _ in attrs]


def result(
    metrics: dict[str, float], *tables: dict[str, Any], name: str = "drift", words: str = ""
) -> dict[str, Any]:
    rest = {"cases": 1, "labels": [words], "machine": words, "seconds": 1.0}
    return {"name": name, "metrics": metrics, "tables": list(tables), **rest}


def plots(text: str) -> list[ElementTree.Element]:
    """The plots of a page; each must be well-formed."""
    return [ElementTree.fromstring(found) for found in re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL)]


def rows(plot: ElementTree.Element) -> dict[str, dict[str, ElementTree.Element]]:
    """What a row says on hovering, and its boxes and line by kind."""
    return {
        str(group.findtext("title")): {part.get("class", ""): part for part in group}
        for group in plot.iter("g")
    }


def width(box: ElementTree.Element) -> float:
    return float(box.attrib["width"])


def test_the_page_escapes_what_was_measured_and_loads_nothing() -> None:
    table = {"title": HOSTILE, "columns": [HOSTILE, HOSTILE], "rows": [[HOSTILE, 0.5], [HOSTILE, 1]]}
    text = page(result({HOSTILE: 1.0}, table, name=HOSTILE, words=HOSTILE))
    tags = Tags(text)
    assert {"svg", "rect"} <= tags.seen and not {"script", "img", "link", "iframe"} & tags.seen
    assert not {"src", "href", "onload", "xlink:href"} & set(tags.names)
    assert "url(" not in text and "@import" not in text
    assert not any(char in text for char in "\x1b\u202e")
    for plot in plots(text):
        assert any(HOSTILE[:8] in (part.text or "") for part in plot.iter("text"))


def test_a_plot_says_in_words_what_it_shows() -> None:
    table = {"title": "by service", "columns": ["service", "events"], "rows": [["ec2", 4], ["s3", 1]]}
    drawn = plots(page(result({"detection_f1": 0.97, "false_findings": 0.0}, table)))
    assert [plot.findtext("title") for plot in drawn] == ["Metrics and their aims", "by service: events"]
    assert drawn[0].findtext("desc") == (
        "detection_f1: 0.97, aim >= 0.98, missed; false_findings: 0, aim <= 0, met"
    )
    for plot in drawn:
        named = [plot.find(tag) for tag in ("title", "desc")]
        assert plot.get("role") == "img"
        assert plot.attrib["aria-labelledby"].split() == [
            part.get("id") for part in named if part is not None
        ]
    written = [part.text for part in drawn[1].iter("text")]
    assert written == ["ec2", "s3", "events", "4", "1"]


def test_a_bar_is_as_long_as_its_value_and_its_aim_stands_where_it_belongs() -> None:
    (plot,) = plots(page(result({"detection_f1": 0.49})))
    ((_, row),) = rows(plot).items()
    assert width(row["bar missed"]) == pytest.approx(width(row["track"]) / 2, abs=0.1)
    end = float(row["track"].attrib["x"]) + width(row["track"])
    assert row["aim"].attrib["d"].startswith(f"M{end:.1f} ")


def test_a_bar_below_zero_ends_at_zero() -> None:
    table = {"title": "gain", "columns": ["case", "gain"], "rows": [["a", -1], ["b", 3]]}
    drawn = rows(plots(page(result({}, table)))[0])
    below, above = drawn["a: -1"]["bar"], drawn["b: 3"]["bar"]
    assert float(below.attrib["x"]) + width(below) == pytest.approx(float(above.attrib["x"]), abs=0.1)
    assert width(above) == pytest.approx(3 * width(below), abs=0.2)
    assert below.attrib["x"] == drawn["a: -1"]["track"].attrib["x"]


def test_each_column_of_numbers_has_its_own_scale_and_what_is_missing_is_said() -> None:
    columns, cells = ["case", "kind", "share", "bytes"], [["a", "x", 0.5, 1000], ["b", "y", None, 4000]]
    (plot,) = plots(page(result({}, {"title": "t", "columns": columns, "rows": cells})))
    drawn = rows(plot)
    assert width(drawn["a / x: 0.5"]["bar"]) == width(drawn["b / y: 4000"]["bar"])
    assert "bar" not in drawn["b / y: not measured"]


def test_rows_beyond_the_fortieth_are_in_the_table_only_and_the_page_says_so() -> None:
    table = {"title": "many", "columns": ["case", "n"], "rows": [[f"case {i}", i] for i in range(60)]}
    text = page(result({}, table))
    assert len(rows(plots(text)[0])) == 40
    assert "Not drawn: 20 more rows." in text
    assert "<td>case 59</td>" in text


def test_six_columns_are_two_plots_and_a_seventh_is_said_to_be_in_the_table_only() -> None:
    table = {"title": "wide", "columns": ["case", *"abcdefg"], "rows": [[case, *range(7)] for case in "xy"]}
    text = page(result({}, table))
    assert [plot.findtext("title") for plot in plots(text)] == ["wide: a, b, c", "wide: d, e, f"]
    assert "Not drawn: the column g." in text
    identifiers = re.findall(r' id="([^"]+)"', text)
    assert len(identifiers) == len(set(identifiers)) == 4


@pytest.mark.parametrize(
    "cells",
    [[["a", "b"], ["c", "d"]], [["a", 1]], [["a", True], ["b", False]], [[1, 2], [1, 3]], []],
    ids=["words", "one row", "yes and no", "no label", "no rows"],
)
def test_a_table_without_a_label_and_numbers_is_not_drawn(cells: list[list[Any]]) -> None:
    text = page(result({}, {"title": "t", "columns": ["x", "y"], "rows": cells}))
    assert plots(text) == []
    assert "<th>x</th>" in text


def test_smoke_prefixes_its_metrics_and_writes_the_page(tmp_path: Path) -> None:
    done = lamp(tmp_path, "eval", "smoke", "--report", "out", "--json", **{MIRROR_VARIABLE: ""})
    result = json.loads(done.stdout)
    assert done.code == 0, done.stderr
    assert {"drift.detection_f1_no_terraform", "drift.false_findings"} <= result["metrics"].keys()
    assert result["labels"] == ["own scenarios", "recorded"]
    assert "drift.detection_f1_no_terraform" in (tmp_path / "out" / "smoke.html").read_text()
