"""A cloud that people changed, asked by real Terraform: what is live, what cannot be asked, and nothing left behind."""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("moto", reason="the sandbox extra is not installed")

from lamplighter.drift import check_directory
from lamplighter.drift.refreshed import Refresh, refreshed
from lamplighter.scenarios.drift import schema
from lamplighter.scenarios.drift.live import LiveCloud, drifted_cloud
from lamplighter.scenarios.world import MIRROR_VARIABLE
from lamplighter.tools import process
from tests.command import ROOT

pytestmark = [
    pytest.mark.skipif(
        not os.environ.get(MIRROR_VARIABLE) or shutil.which("terraform") is None,
        reason=f"needs terraform on PATH and {MIRROR_VARIABLE}=FOLDER of a mirror with hashicorp/aws",
    ),
    pytest.mark.timeout(600),
]

CASE = schema.scenario("payments-0003")
LOCK = ".terraform.tfstate.lock.info"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveCloud]:
    with drifted_cloud(CASE, tmp_path_factory.mktemp("cloud"), Path(os.environ[MIRROR_VARIABLE])) as found:
        yield found


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    CASE.write_trace(tmp_path / "trace")
    return tmp_path / "trace"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def lamp(cloud: LiveCloud, home: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    env = {**cloud.environment, "HOME": str(home), "PYTHONPATH": str(ROOT)}
    argv = [sys.executable, "-m", "lamplighter", "drift", *arguments, "--json"]
    done = process.run(argv, cwd=home, env=env, timeout_s=300)
    assert b"Traceback" not in done.stderr, done.stderr
    return done.code, json.loads(done.stdout)


def test_a_locked_state_is_read_and_nothing_is_written(cloud: LiveCloud, trace: Path, tmp_path: Path) -> None:
    held = {"ID": "11111111-2222-3333-4444-555555555555", "Operation": "OperationTypeApply", "Who": "ci@host"}
    (cloud.code / LOCK).write_text(json.dumps(held))
    before = contents(cloud.code)
    try:
        _, report = lamp(cloud, tmp_path, "check", str(cloud.code), "--terraform", "--trace", str(trace))
    finally:
        (cloud.code / LOCK).unlink()
    assert report["live"] == {"source": "terraform", "version": report["live"]["version"]}
    found = {(each["where"], each["details"]["attribute"]): each for each in report["findings"]}
    wanted = {(drift.address, drift.path): drift for drift in CASE.drifts}
    assert found.keys() == wanted.keys()
    for key, finding in found.items():
        assert finding["details"]["live"] == wanted[key].live and finding["confidence"] == 1.0
        assert finding["details"]["events"] and wanted[key].attribution.event in finding["details"]["events"]
    assert {**contents(cloud.code), LOCK: before[LOCK]} == before


def test_without_a_call_the_drift_is_found_all_the_same(cloud: LiveCloud, tmp_path: Path) -> None:
    empty = tmp_path / "trace.json"
    empty.write_text('{"Records": []}')
    report = check_directory(cloud.code, [empty], refresh=Refresh(env=cloud.environment, seconds=300))
    assert {(item.address, item.attribute) for item in report.items} == {
        (drift.address, drift.path) for drift in CASE.drifts
    }
    assert {item.origin.value for item in report.items} == {"unattributed"} and report.incomplete
    plan = report.plan
    assert plan is not None and len(plan.steps) == len(CASE.drifts)


def test_a_state_that_is_another_one_drops_nothing(cloud: LiveCloud, trace: Path, tmp_path: Path) -> None:
    code = tmp_path / "code"
    shutil.copytree(cloud.code, code)
    (code / "terraform.tfstate").rename(tmp_path / "given.tfstate")
    asked = Refresh(env=cloud.environment, seconds=300)
    report = check_directory(code, [trace], tmp_path / "given.tfstate", refresh=asked)
    assert {(item.address, item.attribute) for item in report.items} == {
        (drift.address, drift.path) for drift in CASE.drifts
    }
    assert report.incomplete and any(
        "are not in the one that Terraform reads" in line for line in report.not_checked
    )


class TestFailures:
    """Each is one line with a remedy; the check itself goes on (tests/bad_input)."""

    def problem(self, code: Path, **asked: Any) -> str:
        answer = refreshed(code, Refresh(**asked))
        assert answer.plan is None and "\n" not in answer.problem
        return answer.problem

    def test_a_state_newer_than_the_program(self, cloud: LiveCloud, tmp_path: Path) -> None:
        code = tmp_path / "code"
        shutil.copytree(cloud.code, code)
        state = json.loads((code / "terraform.tfstate").read_text())
        (code / "terraform.tfstate").write_text(json.dumps({**state, "version": 5}))
        assert "the state has format 5" in self.problem(code, env=cloud.environment)

    def test_no_provider(self, cloud: LiveCloud, tmp_path: Path) -> None:
        config = tmp_path / "rc"
        (tmp_path / "mirror").mkdir()
        config.write_text(
            f'provider_installation {{\n  filesystem_mirror {{\n    path = "{tmp_path / "mirror"}"\n  }}\n}}\n'
        )
        problem = self.problem(cloud.code, env={**cloud.environment, "TF_CLI_CONFIG_FILE": str(config)})
        assert problem.startswith("terraform init: provider") and "mirror" in problem

    def test_an_endpoint_that_does_not_answer(self, cloud: LiveCloud) -> None:
        env = {**cloud.environment, "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"}
        assert self.problem(cloud.code, env=env, seconds=120.0).startswith("terraform plan: ")

    def test_no_time(self, cloud: LiveCloud) -> None:
        assert "was stopped" in self.problem(cloud.code, env=cloud.environment, seconds=1.0)

    def test_cancelled(self, cloud: LiveCloud) -> None:
        cancel = threading.Event()
        timer = threading.Timer(1.5, cancel.set)
        timer.start()
        assert "was cancelled" in self.problem(cloud.code, env=cloud.environment, cancel=cancel)
        timer.join()
