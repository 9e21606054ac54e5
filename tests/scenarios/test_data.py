"""The checked-in project, state, trace and truth belong together."""

import gzip
import json
import os
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from lamplighter.scenarios.injection import instances
from lamplighter.scenarios.world import MIRROR_VARIABLE, terraform_environment

ROOT = Path(__file__).resolve().parents[2] / "scenarios"
DATA = ROOT / "data" / "payments"


@pytest.fixture(scope="module")
def truth() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((DATA / "truth.json").read_text())
    return loaded


@pytest.fixture(scope="module")
def state() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((DATA / "terraform.tfstate").read_text())
    return loaded


@pytest.fixture(scope="module")
def events() -> list[dict[str, Any]]:
    files = sorted((DATA / "trace").rglob("*.json.gz"))
    return [event for path in files for event in json.loads(gzip.decompress(path.read_bytes()))["Records"]]


def test_every_drift_is_in_state_and_trace(
    truth: dict[str, Any], state: dict[str, Any], events: list[dict[str, Any]]
) -> None:
    known = {event["eventID"]: event for event in events}
    assert state["version"] == 4
    assert len(truth["drifts"]) >= 8
    for drift in truth["drifts"]:
        assert drift["address"] in instances(state)
        assert drift["code"] != drift["live"]
        assert drift["events"]
        assert all("errorCode" not in known[identity] for identity in drift["events"])
        assert drift["when"] in {known[identity]["eventTime"] for identity in drift["events"]}
    noise = {identity for identities in truth["noise"].values() for identity in identities}
    assert noise <= set(known)
    assert not noise & {identity for drift in truth["drifts"] for identity in drift["events"]}


def test_the_trace_has_what_real_trails_have(events: list[dict[str, Any]]) -> None:
    assert 2 in Counter(event["eventID"] for event in events).values()
    assert [event["eventTime"] for event in events] != sorted(event["eventTime"] for event in events)
    assert {event["userIdentity"]["type"] for event in events} >= {"IAMUser", "AssumedRole", "AWSService"}
    assert any("HashiCorp" in event["userAgent"] for event in events)
    assert any("errorCode" in event and not event["readOnly"] for event in events)


def test_data_is_small_and_names_no_machine() -> None:
    files = [path for path in DATA.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 1_000_000
    for path in files:
        text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        assert b"127.0.0.1" not in text
        assert b"/tmp" not in text


def test_terraform_accepts_the_project(tmp_path: Path) -> None:
    mirror = os.environ.get(MIRROR_VARIABLE)
    if not mirror or not shutil.which("terraform"):
        pytest.skip(f"needs terraform on PATH and a provider mirror named by {MIRROR_VARIABLE}")
    project = tmp_path / "project"
    shutil.copytree(ROOT / "projects" / "payments", project)
    environment = terraform_environment(tmp_path, Path(mirror), "http://127.0.0.1:9", "unused")
    for arguments in (["init", "-input=false"], ["validate"]):
        done = subprocess.run(
            ["terraform", *arguments, "-no-color"],
            cwd=project,
            env=environment,
            text=True,
            capture_output=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
