"""The fallback's evaluation on a few cases, and the scripted model that it is measured with."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path

import pytest

from lamplighter.drift import catalogue
from lamplighter.drift.patch.model import FileEdits, edits_between
from lamplighter.scenarios.drift import schema
from lamplighter.scenarios.evaluation import drift_fallback
from lamplighter.scenarios.evaluation.drift_fallback import FIRST, SECOND, Fallbacks, measure, measured
from lamplighter.scenarios.evaluation.fallback_model import (
    SHARES,
    Right,
    Scripted,
    answer_of,
    malformed,
    wrong,
)

CODE = 'resource "a" "b" {\n  x = 1\n  name = "n"\n}\n\nresource "a" "c" {\n  x = 1\n}\n'
SHOWN = {
    "passage": 1,
    "is": "resource",
    "file": "main.tf",
    "line": 6,
    "text": 'resource "a" "c" {\n  x = 1\n}',
}
FIRST_SHOWN = {**SHOWN, "passage": 2, "line": 1, "text": CODE.partition("\n\n")[0]}
RIGHT = Right(
    (
        FileEdits(
            "main.tf", edits_between(CODE.encode(), CODE.replace('"c" {\n  x = 1', '"c" {\n  x = 2').encode())
        ),
    ),
    {"main.tf": CODE.encode()},
)
ANSWER = [{"passage": 1, "old": "  x = 1", "new": "  x = 2"}]


@pytest.fixture(scope="module")
def few() -> Fallbacks:
    cases = [case for case in schema.scenarios("payments") if case.suite == "drift"]
    return measure(cases, seeds=1, most=6)


def test_on_a_few_cases_nothing_wrong_is_accepted_and_the_second_pass_costs_less(few: Fallbacks) -> None:
    assert few.metrics["fallback_wrong_accepted"] == 0
    assert (
        few.metrics["pass_at_1_left_out"]
        < few.metrics["fallback_pass_at_1"]
        <= few.metrics["pass_at_1_complete"]
    )
    assert 0 < few.metrics["tokens_second_pass"] < few.metrics["tokens_fallback"]
    ratio = few.metrics["tokens_other_cases_learnt"] / few.metrics["tokens_other_cases"]
    assert few.metrics["tokens_other_cases_ratio"] == pytest.approx(ratio, abs=1e-4)
    assert few.metrics["questions_second_pass"] < few.metrics["questions_fallback"]
    assert 0 < few.metrics["largest_question_tokens"] <= 1_000


def test_the_tables_name_each_pass_and_what_was_left_out(few: Fallbacks) -> None:
    passes, removed = few.tables
    assert {FIRST, SECOND} < {row[0] for row in passes["rows"]}
    assert all(len(row) == len(table["columns"]) for table in few.tables for row in table["rows"])
    assert removed["rows"][0][1] > 100 and removed["rows"][0][2]


def test_a_wrong_answer_that_is_accepted_would_be_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a judge that lets everything pass, what the model got wrong shows."""
    from lamplighter.drift.patch import patch
    from lamplighter.drift.patch.judge import Judgement

    monkeypatch.setattr(patch, "judge", lambda *_: Judgement(""))
    nothing = drift_fallback.Damage(catalogue.load(), ())
    monkeypatch.setattr(drift_fallback, "damaged", lambda *_: nothing)
    monkeypatch.setitem(SHARES, "right", 0)  # type: ignore[arg-type]
    monkeypatch.setitem(SHARES, "malformed", 0)  # type: ignore[arg-type]
    cases = [case for case in schema.scenarios("payments") if case.suite == "drift"]
    assert measure(cases, seeds=1, most=3).metrics["fallback_wrong_accepted"] > 0


def test_where_patches_are_not_asked_for_nothing_is_measured() -> None:
    assert measured([], "detect") == Fallbacks({}, ())


def test_the_right_answer_is_told_in_what_is_shown() -> None:
    assert answer_of(RIGHT, [FIRST_SHOWN, SHOWN]) == ANSWER
    assert answer_of(RIGHT, [FIRST_SHOWN]) is None


def test_a_wrong_answer_is_never_the_right_one() -> None:
    for number in range(40):
        found = wrong(ANSWER, [SHOWN, FIRST_SHOWN], random.Random(number))
        assert found and found != ANSWER


def test_the_shares_are_as_stated() -> None:
    data = {"address": "a.c", "attribute": "x", "action": "set", "passages": [SHOWN]}
    kinds = Counter[str]()
    for number in range(600):
        model = Scripted("seed")
        model.begin(f"case {number}", {("a.c", "x", "set"): RIGHT})
        text = model.complete("", f"<data>{json.dumps(data)}</data>", {}, 800).text
        kinds[model.given["a.c", "x", "set"]] += 1
        assert (text == json.dumps({"edits": ANSWER})) is (model.given["a.c", "x", "set"] == "right")
    assert all(abs(kinds[kind] / 6 - share) < 6 for kind, share in SHARES.items())


def test_a_malformed_answer_is_no_answer() -> None:
    from lamplighter.drift.patch.answer import AnswerRefused, edits_of
    from lamplighter.drift.patch.code import Code
    from lamplighter.drift.state import StateRead
    from tests.drift.patch.world import item

    before = Code({"main.tf": CODE.encode()}, (), StateRead())
    for number in range(20):
        text = malformed(json.dumps({"edits": ANSWER}), random.Random(number))
        with pytest.raises(AnswerRefused):
            edits_of(text, {}, item("aws_a.c", "x", 2), before)


def test_files_are_read_only(tmp_path: Path) -> None:
    """The projects' folders are as they were."""
    code = schema.base("payments").code
    before = {path: path.stat().st_mtime_ns for path in code.rglob("*")}
    measure([case for case in schema.scenarios("payments") if case.suite == "drift"][:2], seeds=1, most=1)
    assert {path: path.stat().st_mtime_ns for path in code.rglob("*")} == before
