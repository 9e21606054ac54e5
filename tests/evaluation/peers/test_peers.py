"""Other tools beside ours: what their recorded outputs are worth on the scenario they were recorded on."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lamplighter.drift import check_directory
from lamplighter.scenarios.drift import schema
from lamplighter.scenarios.drift.inventory import resources
from lamplighter.scenarios.drift.schema import Scenario
from lamplighter.scenarios.evaluation.drift import evaluate
from lamplighter.scenarios.evaluation.drift_score import score
from lamplighter.scenarios.evaluation.peers import (
    compare,
    driftsentry,
    drifty,
    install,
    ours,
    terraform_plan,
    tfdrift,
)
from lamplighter.scenarios.evaluation.peers.model import UNTOLD, WHOLE, Place, Report, Tool, Unusable
from lamplighter.scenarios.evaluation.peers.scoring import tally
from lamplighter.scenarios.evaluation.registry import Request
from lamplighter.scenarios.world import MIRROR_VARIABLE

HERE = Path(__file__).parent
NOTIFY = 'module.function["notify"].aws_lambda_function.this'
QUEUE = 'module.queue["placed"].aws_sqs_queue'
STRAY = "aws_iam_role lambda-test-628"


@pytest.fixture(scope="module")
def case() -> Scenario:
    """What is true of the night on which the outputs beside this file were recorded: five drifts, one stray role.

    The sandbox lost a queue's policy then, which AWS would have kept; the tools were right to show it.
    """
    return Scenario.model_validate(recorded("orders-0071.json"))


@pytest.fixture(scope="module")
def addresses() -> Mapping[tuple[str, str], str]:
    return {(item.type, str(item.attributes["id"])): address for address, item in resources("orders").items()}


def recorded(name: str) -> Any:
    return json.loads((HERE / name).read_text())


def test_tfdrift_names_modules_twice_and_is_understood(case: Scenario) -> None:
    reports = list(tfdrift.reports(recorded("tfdrift.json"), ""))
    assert f"{QUEUE}.main" in {report.address for report in reports}
    got = tally(case, reports)
    assert (got.found, got.missed, got.attributed) == (5, (STRAY,), 0)
    assert got.false == tuple(
        f'module.function["{name}"].aws_lambda_alias.live' for name in ("notify", "report")
    )


def test_what_tfdrift_says_of_its_failure_is_the_reason() -> None:
    document: dict[str, Any] = {"workspaces": [{"error": "terraform init failed:\n no mirror"}]}
    with pytest.raises(Unusable, match="says: terraform init failed: no mirror"):
        list(tfdrift.reports(document, ""))


def test_tfdrift_tells_who_in_its_printed_table() -> None:
    printed = (
        "┃ Resource       ┃ Event ┃ Actor ┃ Time ┃ Source IP ┃\n"
        "│ aws_sns_topic.orders │ SetTopicAttributes │ Ops/jo │ 2026-11-23 22:46 │ 198.51.100.29 │\n"
        "│ aws_sqs_queue.other  │ —                  │ —      │ —                │ —             │\n"
    )
    changes = [{"attribute": "display_name"}]
    drifted = [
        {"address": f"aws_{name}", "action": "update", "changes": changes}
        for name in ("sns_topic.orders", "sqs_queue.other")
    ]
    document: dict[str, Any] = {"workspaces": [{"error": None, "drifted_resources": drifted}]}
    assert list(tfdrift.reports(document, printed)) == [
        Report("aws_sns_topic.orders", "display_name", "Ops/jo", "2026-11-23T22:46"),
        Report("aws_sqs_queue.other", "display_name"),
    ]


def test_drifty_is_read_by_ids(case: Scenario, addresses: Mapping[tuple[str, str], str]) -> None:
    reports = list(drifty.reports(recorded("drifty.json"), addresses))
    assert Report(f"{QUEUE}_policy.main", WHOLE) in [report._replace(who="", when="") for report in reports]
    got = tally(case, reports)
    assert (got.found, got.missed, got.false, got.attributed) == (5, (STRAY,), (), 4)


def test_driftsentry_is_read_by_ids(case: Scenario, addresses: Mapping[tuple[str, str], str]) -> None:
    reports = list(driftsentry.reports(recorded("driftsentry.json"), addresses))
    assert Report("aws_dynamodb_table.orders", UNTOLD) in reports
    got = tally(case, reports)
    assert (got.found, got.missed, got.attributed) == (6, (), 2)
    assert "aws_dynamodb_table.orders" in got.false and len(got.false) == 6


def test_our_own_findings_are_scored_alike(tmp_path: Path) -> None:
    case = schema.scenario("orders-0071")
    base = schema.base(case.project)
    case.write_trace(tmp_path / "trace")
    found = check_directory(base.code, [tmp_path / "trace"], base.write_state(tmp_path)).findings
    got, judged = tally(case, list(ours.reports(found))), score(case, found)
    assert (got.found, len(got.missed), got.attributed) == (judged.right, judged.missed, judged.attributed)
    assert got.found >= 5 and got.false == ()


def test_a_plan_is_read_entry_by_entry() -> None:
    def entry(address: str, actions: list[str], before: Any, after: Any) -> dict[str, Any]:
        return {"address": address, "change": {"actions": actions, "before": before, "after": after}}

    entries = [
        entry("a.same", ["no-op"], {"x": 1}, {"x": 1}),
        entry("a.set", ["update"], {"x": 1, "y": 2}, {"x": 3, "y": 2}),
        entry("a.gone", ["delete"], {"x": 1}, None),
    ]
    assert list(terraform_plan.reports(entries)) == [Report("a.set", "x"), Report("a.gone", WHOLE)]


@pytest.mark.parametrize(
    ("report", "found", "false", "attributed"),
    [
        (Report(NOTIFY, "layers"), 1, 0, 0),
        (Report(NOTIFY, "memory_size"), 0, 0, 0),
        (Report(NOTIFY, UNTOLD), 1, 0, 0),
        (Report(NOTIFY, WHOLE), 0, 0, 0),
        (Report(f"{QUEUE}.main", "policy"), 1, 0, 0),
        (Report("aws_sns_topic.orders", "tags"), 0, 1, 0),
        (Report("aws_iam_role.functions", "create_date"), 0, 0, 0),
        (Report("", STRAY), 1, 0, 0),
        (Report("", "aws_vpc vpc-1"), 0, 0, 0),
    ],
)
def test_one_report_counts_as_it_should(
    case: Scenario, report: Report, found: int, false: int, attributed: int
) -> None:
    got = tally(case, [report])
    assert (got.found, len(got.false), got.attributed) == (found, false, attributed)
    assert len(got.missed) == 6 - found


@pytest.mark.parametrize(
    ("shift", "who", "right"),
    [
        (lambda when: when, "", 1),
        (lambda when: when[:16], "", 1),
        (lambda when: when.replace("Z", "+00:00"), "", 1),
        (lambda when: when[:10], "", 0),
        (lambda when: "2026-01-01T00:00:00Z", "", 0),
        (lambda when: when, "somebody/else", 0),
    ],
)
def test_who_and_when_must_both_be_right(case: Scenario, shift: Any, who: str, right: int) -> None:
    truth = next(drift for drift in case.drifts if drift.address == NOTIFY).attribution
    report = Report(NOTIFY, "layers", who or truth.who, shift(truth.when))
    assert tally(case, [report]).attributed == right


def test_the_sample_spreads_over_kinds_and_projects() -> None:
    every = list(schema.scenarios())
    chosen = compare.spread(every, compare.CASES)
    assert len({case.id for case in chosen}) == compare.CASES
    assert {case.project for case in chosen} == set(schema.projects())
    plain = [case for case in every if case.suite == "drift"][: compare.CASES]
    assert len(_kinds(chosen)) > 2 * len(_kinds(plain))


def _kinds(cases: list[Scenario]) -> set[str]:
    return {drift.kind for case in cases for drift in case.drifts}


def _tool(script: str) -> Tool:
    def read(place: Place, done: Any) -> list[Report]:
        return [Report(NOTIFY, name) for name in json.loads(done.stdout)]

    return Tool("t", "1", "", lambda _: [sys.executable, "-c", script], read, frozenset({0}))


@pytest.mark.parametrize(
    ("script", "found", "failure"),
    [
        ("print('[\"layers\"]')", 1, ""),
        ("raise SystemExit('no such region')", 0, "ended with 1: no such region"),
        ("print('oops')", 0, "its output cannot be read"),
    ],
)
def test_a_run_that_fails_has_found_nothing(
    case: Scenario, tmp_path: Path, script: str, found: int, failure: str
) -> None:
    place = Place(tmp_path, tmp_path, tmp_path, {"PATH": "/usr/bin:/bin"}, ("eu-west-1",), {})
    got = compare.run(_tool(script), place, case)
    assert got.tally.found == found and len(got.tally.missed) == 6 - found
    assert got.failure.startswith(failure) and bool(got.failure) == bool(failure)


def test_a_peer_that_cannot_be_had_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_RETRIES": "0",
        "PIP_NO_CACHE_DIR": "1",
        "PIP_CONFIG_FILE": "/dev/null",
    }.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(Unusable, match=r"cannot be installed: .*drifty==0\.8\.0"):
        install.programs(drifty.TOOL, tmp_path)
    assert not (tmp_path / "drifty-0.8.0" / "installed").exists()


def test_an_installed_peer_is_not_installed_again(tmp_path: Path) -> None:
    folder = tmp_path / "drifty-0.8.0"
    folder.mkdir()
    (folder / "installed").touch()
    assert install.programs(drifty.TOOL, tmp_path) == folder / "bin"


def test_without_terraform_the_table_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(MIRROR_VARIABLE, raising=False)
    monkeypatch.setenv("PATH", "")
    tables = evaluate(Request(sample=2, peers=True)).tables
    assert tables[-1]["title"].endswith("not measured, terraform is not on PATH")
    assert not tables[-1]["rows"]
