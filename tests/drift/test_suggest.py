"""Calls that the catalogue does not know: who is asked, with what, and what becomes of the answer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from lamplighter.agents.wiring import build
from lamplighter.core.config import Budgets, Config
from lamplighter.core.errors import Unavailable
from lamplighter.core.ports import Completion
from lamplighter.drift import catalogue, check_directory
from lamplighter.drift.asking import Asking
from lamplighter.drift.check import DriftReport, load
from lamplighter.drift.compare import Baseline
from lamplighter.drift.heard import hear
from lamplighter.drift.patch import proposal
from lamplighter.drift.report import text
from lamplighter.drift.state import StateIndex
from lamplighter.drift.suggest import Suggested, remember_confirmed, suggested, uncertain
from lamplighter.tools.cloudtrail import TraceFiles
from tests.drift.code.world import call, check, drifts, resource

EVENT = "sqs:TuneQueue"
URL = "https://sqs.eu-west-1.amazonaws.com/111122223333/orders"
QUEUE = resource(
    "aws_sqs_queue",
    "orders",
    {"id": URL, "url": URL, "name": "orders", "visibility_timeout_seconds": 30, "delay_seconds": 0},
)
CODE = 'resource "aws_sqs_queue" "orders" {\n  name = "orders"\n  visibility_timeout_seconds = 30\n}\n'
SECRET = "AKIAIOSFODNN7EXAMPLE"
TUNED = {"queueUrl": URL, "timeout": 45, "password": "hunter2", "note": SECRET, "deep": {"list": ["s3cr3t"]}}
GAP = f"{EVENT} by alice at 2026-03-01T10:00:00Z: not in the catalogue, "
MAPPING: dict[str, Any] = {
    "event": EVENT,
    "resource_type": "aws_sqs_queue",
    "identity": {"url": "requestParameters.queueUrl"},
    "effects": [{"attribute": "visibility_timeout_seconds", "value": "requestParameters.timeout"}],
}


class Remembering:
    """Answers every question with the same memories."""

    def __init__(self, *memories: Mapping[str, Any]) -> None:
        self.memories, self.asked = memories, list[str]()

    def recall(self, question: str, limit: int) -> Sequence[Mapping[str, Any]]:
        self.asked.append(question)
        return self.memories[:limit]


class Choosing:
    """Chooses the first option that begins with one of its words, else nothing."""

    def __init__(self, *words: str) -> None:
        self.words, self.asked = words, list[str]()

    def choose(self, question: str, options: Sequence[str]) -> str | None:
        self.asked += [question, *options]
        asked = question.partition("? ")[0]
        for word in self.words:
            about, _, wanted = word.rpartition(":")
            if about in asked:
                return next((option for option in options if option.startswith(wanted)), wanted)
        return None


class Failing:
    def recall(self, question: str, limit: int) -> Sequence[Mapping[str, Any]]:
        raise Unavailable("memory", "is not there")

    def choose(self, question: str, options: Sequence[str]) -> str | None:
        raise Unavailable("model", "is not there")


def tuned(**fields: Any) -> dict[str, Any]:
    return call(EVENT, TUNED, **fields)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    check(tmp_path, {"main.tf": CODE}, [QUEUE], [tuned()])
    return tmp_path


def answered(folder: Path, **ports: Any) -> DriftReport:
    return check_directory(folder / "code", [folder / "trace.json"], **ports)


def gap(report: DriftReport) -> str:
    (line,) = [line for line in report.not_checked if EVENT in line]
    return line


def test_the_catalogue_does_not_know_the_call() -> None:
    assert EVENT not in catalogue.load().events and EVENT not in catalogue.load().ignored


def test_with_nobody_to_ask_it_is_unmapped(folder: Path) -> None:
    report = answered(folder)
    assert not report.findings and report.incomplete and gap(report).startswith(GAP + "unmapped (event ")


def test_what_memory_knows_is_a_suggestion_and_the_gap_stays(folder: Path) -> None:
    report = answered(folder, recall=Remembering({"unrelated": 1}, MAPPING))
    assert drifts(report) == [("aws_sqs_queue.orders", "visibility_timeout_seconds", "set", 30, 45)]
    (finding,) = report.findings
    assert finding.confidence <= 0.5 and finding.details["suggested_by"] == "memory"
    assert "suggested by memory" in finding.summary and "suggested by memory" in text(report)
    assert report.incomplete and gap(report).startswith(GAP + "mapped only as suggested by memory (event ")
    assert report.plan is None


def test_only_names_and_types_are_asked(folder: Path) -> None:
    memory, model = Remembering(), Choosing("resource:aws_sqs_queue named by queueUrl as its id")
    answered(folder, recall=memory, ask_model=model)
    assert memory.asked and "timeout (number)" in memory.asked[0] and "password (text)" in memory.asked[0]
    assert "deep.list (list)" in memory.asked[0] and EVENT in memory.asked[0] and len(model.asked) > 2
    said = " ".join([*memory.asked, *model.asked])
    assert not any(value in said for value in (SECRET, "hunter2", "s3cr3t", "45", URL, "111122223333"))


def test_a_model_chooses_among_what_exists(folder: Path) -> None:
    model = Choosing("resource:aws_sqs_queue named by queueUrl as its id", "timeout set:visibility")
    report = answered(folder, recall=Remembering(), ask_model=model)
    assert drifts(report) == [("aws_sqs_queue.orders", "visibility_timeout_seconds", "set", 30, 45)]
    assert report.findings[0].details["suggested_by"] == "a model" and report.findings[0].confidence <= 0.5
    assert report.incomplete and "suggested by a model" in gap(report)


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("resource:aws_iam_role.admin",),
        ("resource:none of these",),
        ("resource:aws_sqs_queue named by queueUrl as its id", "timeout set:policy"),
        ("resource:aws_sqs_queue named by queueUrl as its id", "timeout set:none of these"),
    ],
)
def test_a_model_that_abstains_or_invents_is_ignored(folder: Path, words: tuple[str, ...]) -> None:
    report = answered(folder, ask_model=Choosing(*words))
    assert not report.findings and GAP + "unmapped" in gap(report)


@pytest.mark.parametrize(
    "changed",
    [
        {"event": "sqs:Other"},
        {"resource_type": "aws_sns_topic"},
        {"identity": {"url": "requestParameters.timeout"}},
        {"identity": {"url": "requestParameters.nothing"}},
        {"identity": {"region": "requestParameters.queueUrl"}},
        {"identity": {}},
        {"effects": []},
        {"effects": [{"attribute": "no_such", "value": "requestParameters.timeout"}]},
        {"effects": [{"attribute": "delay_seconds", "value": "requestParameters.timeout|number"}]},
        {"effects": [{"attribute": "delay_seconds", "value": "userIdentity.arn"}]},
        {"effects": [{"attribute": 7, "value": "requestParameters.timeout"}]},
        {"effects": "all of them"},
        {"identity": "queueUrl"},
    ],
)
def test_a_memory_that_does_not_fit_is_ignored(folder: Path, changed: dict[str, Any]) -> None:
    report = answered(folder, recall=Remembering({**MAPPING, **changed}))
    assert not report.findings and report.incomplete and GAP + "unmapped" in gap(report)


class Keeping(Remembering):
    """Remembers too, by the question."""

    def __init__(self) -> None:
        super().__init__()
        self.kept = dict[str, Mapping[str, Any]]()

    def recall(self, question: str, limit: int) -> Sequence[Mapping[str, Any]]:
        super().recall(question, limit)
        return [self.kept[question]] if question in self.kept else []

    def remember(self, question: str, memory: Mapping[str, Any]) -> None:
        self.kept[question] = memory


def hinted(folder: Path, **ports: Any) -> tuple[list[Suggested], Baseline]:
    """What is suggested of the folder's trace, and what it is compared with."""
    loaded = load(folder / "code")
    heard = hear(TraceFiles([folder / "trace.json"]), keep_unknown=True)
    baseline = Baseline(StateIndex(loaded.state.resources, loaded.layout), loaded.project, {})
    ways = (ports.get("recall"), ports.get("ask_model"), ports.get("asking"))
    found = suggested(heard.extraction.uncatalogued, baseline.state, *ways)
    return found, baseline


MODEL = ("resource:aws_sqs_queue named by queueUrl as its id", "timeout set:visibility")


@pytest.mark.parametrize(("live", "kept"), [(45, 1), (44, 0), (None, 0)])
def test_what_a_model_said_is_kept_where_the_cloud_has_it(folder: Path, live: int | None, kept: int) -> None:
    store, model = Keeping(), Choosing(*MODEL)
    hints, baseline = hinted(folder, recall=store, ask_model=model)
    certain = [replace(one, live_value=live, suggested_by="") for one in uncertain(hints, baseline, ())]
    remember_confirmed(hints, certain if live is not None else [], baseline, store)
    assert len(store.kept) == kept and len(certain) == 1
    again = Choosing(*MODEL)
    report = answered(folder, recall=store, ask_model=again)
    by = "memory" if kept else "a model"
    assert [finding.details["suggested_by"] for finding in report.findings] == [by]
    assert bool(again.asked) is not bool(kept) and SECRET not in json.dumps([*store.kept.items()])


def test_without_the_cloud_s_word_nothing_is_kept(folder: Path) -> None:
    store = Keeping()
    report = answered(folder, recall=store, remember=store, ask_model=Choosing(*MODEL))
    assert report.findings and store.kept == {}


def test_the_same_call_again_is_asked_about_once(tmp_path: Path) -> None:
    calls = [tuned(), tuned(eventTime="2026-03-01T10:20:00Z")]
    check(tmp_path, {"main.tf": CODE}, [QUEUE], calls)
    once, model = Choosing(*MODEL), Choosing(*MODEL)
    check(tmp_path / "one", {"main.tf": CODE}, [QUEUE], [tuned()])
    answered(tmp_path / "one", ask_model=once)
    report = answered(tmp_path, ask_model=model)
    assert len(model.asked) == len(once.asked) > 0 and report.findings


def test_a_suggestion_never_stands_against_what_is_certain(tmp_path: Path) -> None:
    known = {"queueUrl": URL, "attributes": {"VisibilityTimeout": "60"}}
    calls = [call("sqs:SetQueueAttributes", known), tuned(eventTime="2026-03-01T10:30:00Z")]
    check(tmp_path, {"main.tf": CODE}, [QUEUE], calls)
    report = answered(tmp_path, recall=Remembering(MAPPING))
    assert drifts(report) == [("aws_sqs_queue.orders", "visibility_timeout_seconds", "set", 30, 60)]
    (finding,) = report.findings
    assert finding.confidence == 1 and "suggested_by" not in finding.details and report.plan is not None


def test_a_port_that_fails_leaves_it_unmapped(folder: Path) -> None:
    report = answered(folder, recall=Failing(), ask_model=Failing())
    assert not report.findings and GAP + "unmapped" in gap(report)


ENTRY: dict[str, Any] = {
    "types": ["aws_sqs_queue"],
    "identity": {"url": "requestParameters.queueUrl"},
    "effects": [
        {"action": "set", "attribute": "delay_seconds", "value": "requestParameters.deep.wait|number"}
    ],
}


@dataclass
class Entering:
    """A model that answers one text, and keeps what it was sent."""

    text: str
    asked: list[str] = field(default_factory=list[str])

    def complete(self, instructions: str, material: str, *_: Any) -> Completion:
        self.asked.append(material)
        return Completion(self.text, 500, 100)


def entering(*entries: Any, event: str = EVENT) -> Entering:
    return Entering(json.dumps({"event": event, "entries": entries}))


def deep(tmp_path: Path, *, times: int = 1) -> Path:
    parameters = {**TUNED, "deep": {"wait": "60", "list": [{"token": SECRET, "size": 1}]}}
    calls = [call(EVENT, parameters, minute=minute) for minute in range(times)]
    check(tmp_path, {"main.tf": CODE}, [QUEUE], calls)
    return tmp_path


def test_an_entry_is_read_as_the_catalogue_s_own_and_stays_a_suggestion(tmp_path: Path) -> None:
    model = entering(ENTRY)
    report = answered(deep(tmp_path), complete=model, tokens=10_000)
    assert drifts(report) == [("aws_sqs_queue.orders", "delay_seconds", "set", 0, 60)]
    (finding,) = report.findings
    assert finding.details["suggested_by"] == "a model" and finding.confidence <= 0.5 and report.plan is None


def test_an_entry_is_asked_for_by_names_and_types_alone(tmp_path: Path) -> None:
    model = entering(ENTRY)
    answered(deep(tmp_path), complete=model, tokens=10_000)
    (asked,) = model.asked
    data = json.loads(asked.removeprefix("<data>").removesuffix("</data>"))
    assert data["parameters"]["deep.list[].token"] == "text" and data["parameters"]["timeout"] == "number"
    assert data["named"][0] == {"type": "aws_sqs_queue", "attribute": "id", "by": "queueUrl"}
    assert not any(value in asked for value in (SECRET, "hunter2", URL, "111122223333", '"60"'))


def test_a_call_is_asked_about_once_and_again_where_that_was_no_answer(tmp_path: Path) -> None:
    folder = deep(tmp_path, times=3)
    for answer, times in ((entering(ENTRY), 1), (entering(), 2)):
        answered(folder, complete=answer, tokens=10_000)
        assert len(answer.asked) == times
        assert all("not of the form" in again for again in answer.asked[1:])
    poor = entering(ENTRY)
    assert not answered(folder, complete=poor, tokens=500).findings and poor.asked == []


@pytest.mark.parametrize(
    "changed",
    [
        {"identity": {"url": "userIdentity.arn"}},
        {"identity": {"url": "requestParameters.queueUrl|shell"}},
        {"identity": {"url": "requestParameters.nothing"}},
        {"identity": {}},
        {"types": ["aws_sns_topic"]},
        {"types": []},
        {"effects": [{"action": "set", "attribute": "no_such", "value": "requestParameters.deep.wait"}]},
        {"effects": [{"action": "set", "attribute": "delay_seconds", "value": "__import__('os')"}]},
        {"effects": [{"action": "create"}]},
        {"effects": [{"action": "set", "attribute": "delay_seconds", "refers": "requestParameters.deep"}]},
        {"effects": [{**ENTRY["effects"][0]}] * 40},
        {"more": 1},
    ],
)
def test_an_entry_that_says_more_than_it_may_or_fits_nothing_is_ignored(
    tmp_path: Path, changed: dict[str, Any]
) -> None:
    report = answered(deep(tmp_path), complete=entering({**ENTRY, **changed}), tokens=10_000)
    assert not report.findings and GAP + "unmapped" in gap(report)


@pytest.mark.parametrize(
    "text", ["it sets the delay", "[" * 9_000, "{}", '{"event": "sqs:TuneQueue"}', "x" * 99_000]
)
def test_what_is_no_entry_is_ignored(tmp_path: Path, text: str) -> None:
    report = answered(deep(tmp_path), complete=Entering(text), tokens=10_000)
    assert not report.findings and GAP + "unmapped" in gap(report)
    other = answered(tmp_path, complete=entering(ENTRY, event="sqs:Other"), tokens=10_000)
    assert not other.findings


def test_an_entry_that_the_cloud_bears_out_is_recalled_for_other_parameters(tmp_path: Path) -> None:
    store, model = Keeping(), entering(ENTRY)
    folder = deep(tmp_path / "one")
    hints, baseline = hinted(folder, recall=store, asking=Asking(model, 10_000))
    certain = [replace(one, suggested_by="") for one in uncertain(hints, baseline, ())]
    remember_confirmed(hints, certain, baseline, store)
    assert len(store.kept) == 1 and SECRET not in json.dumps([*store.kept.items()])
    calls = [call(EVENT, {"queueUrl": URL, "deep": {"wait": 90}})]
    check(tmp_path / "two", {"main.tf": CODE}, [QUEUE], calls)
    again = entering(ENTRY)
    report = answered(tmp_path / "two", recall=store, complete=again, tokens=10_000)
    assert drifts(report) == [("aws_sqs_queue.orders", "delay_seconds", "set", 0, 90)] and again.asked == []


class Refusing:
    """A model whose every answer is an edit, and wrong."""

    def __init__(self) -> None:
        self.count = 0

    def complete(self, *_: Any) -> Completion:
        self.count += 1
        return Completion('{"edits": []}', 10, 5)


def test_the_wiring_hands_the_model_on_and_caps_its_tokens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proposal, "RULES", ())
    calls = [call("sqs:SetQueueAttributes", {"queueUrl": URL, "attributes": {"VisibilityTimeout": "60"}})]
    check(tmp_path, {"main.tf": CODE}, [QUEUE], calls)
    for tokens, asked in ((100_000, 2), (0, 0)):
        model = Refusing()
        budget = Budgets(tokens=tokens)
        config = Config(project=tmp_path / "code", state_dir=tmp_path / "s", budgets=budget)
        answer = build(config, complete=model).check_drift(tmp_path / "code", [tmp_path / "trace.json"])
        assert answer.findings and model.count == 0
        assert answer.plan is not None and model.count == asked


def test_the_wiring_hands_its_ports_on(folder: Path, tmp_path: Path) -> None:
    memory = Remembering(MAPPING)
    wiring = build(Config(project=folder / "code", state_dir=tmp_path / "s"), recall=memory)
    answer = wiring.check_drift(folder / "code", [folder / "trace.json"])
    assert wiring.recall is memory and memory.asked and answer.findings[0].confidence <= 0.5
    assert json.dumps(answer.findings[0].model_dump(mode="json")).count("suggested by memory") == 1
