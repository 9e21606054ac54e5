"""The recorded payments project: what its truth says is found, as it happened, and nothing else."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest

from lamplighter.core.findings import Finding
from lamplighter.core.results import Outcome
from lamplighter.drift import check_directory
from lamplighter.drift.check import DriftReport
from lamplighter.drift.report import data, markdown, text
from lamplighter.tools.files import FileEdits
from tests.conftest import ROOT

CODE = ROOT / "scenarios/projects/payments"
RECORDED = ROOT / "scenarios/data/payments"
STATE = RECORDED / "terraform.tfstate"
TRUTH: dict[str, Any] = json.loads((RECORDED / "truth.json").read_text())
DRIFTS: list[dict[str, Any]] = TRUTH["drifts"]
TOOLS = {"mozilla/": "console", "aws-cli/": "aws-cli", "boto3/": "boto3"}


def path_of(drift: Mapping[str, Any]) -> str:
    return str(drift["path"]).replace(".0", "")


def tool_of(drift: Mapping[str, Any]) -> str:
    agent = str(drift["tool"]).lstrip("[").lower()
    return next(tool for start, tool in TOOLS.items() if agent.startswith(start))


def records() -> Iterable[dict[str, Any]]:
    for path in sorted((RECORDED / "trace").rglob("*.json.gz")):
        yield from json.loads(gzip.decompress(path.read_bytes()))["Records"]


def write_trace(path: Path, chosen: Iterable[Mapping[str, Any]]) -> Path:
    path.write_text(json.dumps({"Records": list(chosen)}))
    return path


@pytest.fixture(scope="module")
def report() -> DriftReport:
    return check_directory(CODE, [RECORDED / "trace"], STATE)


def drifts(report: DriftReport) -> dict[tuple[str, str], Finding]:
    found = [finding for finding in report.findings if finding.kind == "drift"]
    named = {(finding.where, finding.details["attribute"]): finding for finding in found}
    assert len(named) == len(found)
    return named


def test_nothing_but_the_truth(report: DriftReport) -> None:
    assert set(drifts(report)) == {(drift["address"], path_of(drift)) for drift in DRIFTS}
    assert not report.incomplete


@pytest.mark.parametrize("drift", DRIFTS, ids=lambda drift: f"{drift['address']}:{drift['path']}")
def test_each_drift_as_it_happened(report: DriftReport, drift: dict[str, Any]) -> None:
    details = drifts(report)[drift["address"], path_of(drift)].details
    assert drift["who"].endswith("/" + details["actor"])
    assert (details["time"], details["tool"], details["source_ip"]) == (
        drift["when"],
        tool_of(drift),
        drift["source_ip"],
    )
    assert set(details["events"]) & set(drift["events"])
    if details["action"] == "set":
        assert (details["code"], details["live"]) == (drift["code"], drift["live"])


def test_a_finding_stands_where_the_code_does(report: DriftReport) -> None:
    for finding in drifts(report).values():
        assert finding.location is not None
        file, _, line = finding.location.partition(":")
        lines = (CODE / file).read_text().splitlines()
        assert 1 <= int(line) <= len(lines)
        name = finding.details["attribute"].rpartition(".")[2]
        resource = finding.where.rpartition("aws_")[2].partition(".")[2].partition("[")[0]
        assert (
            name in lines[int(line) - 1]
            or "tags" in lines[int(line) - 1]
            or f'"{resource}"' in lines[int(line) - 1]
        )


def test_no_drift_rests_on_noise(report: DriftReport) -> None:
    noise = {event for events in TRUTH["noise"].values() for event in events}
    assert noise <= {record["eventID"] for record in records()}
    cited = {event for finding in drifts(report).values() for event in finding.details["events"]}
    assert not cited & noise


def test_what_was_created_outside_is_not_called_drift(report: DriftReport) -> None:
    kept = [finding for finding in report.findings if finding.kind != "drift"]
    assert {event for finding in kept for event in finding.details["events"]} == set(
        TRUTH["noise"]["unmanaged, kept"]
    )


def test_evidence_is_whole(report: DriftReport) -> None:
    known = {piece.id: piece for piece in report.evidence}
    for finding in report.findings:
        queries = {known[piece].query for piece in finding.evidence}
        assert queries == {f"eventID={event}" for event in finding.details["events"]}
    assert report.plan is not None and set(report.plan.evidence) <= set(known)


def test_same_bytes_again_and_in_any_order(report: DriftReport, tmp_path: Path) -> None:
    expected = orjson.dumps(data(report))
    again = check_directory(CODE, [RECORDED / "trace"], STATE)
    assert orjson.dumps(data(again)) == expected
    assert (text(again), markdown(again)) == (text(report), markdown(report))
    backwards = write_trace(tmp_path / "trace.json", reversed(list(records())))
    other = data(check_directory(CODE, [backwards], STATE))
    assert other["findings"] == data(report)["findings"] and other["plan"] == data(report)["plan"]


def test_a_project_that_only_terraform_touched_is_clean(tmp_path: Path) -> None:
    own = [record for record in records() if "HashiCorp/" in str(record.get("userAgent"))]
    assert len(own) > 20
    clean = check_directory(CODE, [write_trace(tmp_path / "trace.json", own)], STATE)
    assert (clean.findings, clean.plan, clean.incomplete) == ((), None, False)
    assert text(clean).startswith("0 drifts\n")


def test_an_edit_of_the_plan_ends_its_drift(report: DriftReport, tmp_path: Path) -> None:
    code = tmp_path / "code"
    shutil.copytree(CODE, code)
    copied = check_directory(code, [RECORDED / "trace"], STATE)
    assert copied.plan is not None
    steps = [step for step in copied.plan.steps if step.operation.executable]
    assert steps
    for operation in (step.operation for step in steps):
        assert FileEdits().current_version(operation) == operation.target.version
        assert FileEdits().perform(operation, "claim").outcome is Outcome.DONE
    after = drifts(check_directory(code, [RECORDED / "trace"], STATE))
    resolved = {name for step in steps for name in step.resolves}
    ended = {
        (finding.where, finding.details["attribute"]) for finding in report.findings if finding.id in resolved
    }
    assert ended
    assert set(after) == set(drifts(report)) - ended


def test_an_empty_trace_is_not_a_clean_answer(tmp_path: Path) -> None:
    nothing = check_directory(CODE, [write_trace(tmp_path / "trace.json", [])], STATE)
    assert nothing.findings == () and nothing.incomplete
