"""What a session is pinned to when it begins, and what moves the pin afterwards."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lamplighter.agents.wiring import Wiring
from lamplighter.core.events import Started
from tests.agents.world import last_report, turn
from tests.tools.machine import Machine, kubeconfig


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    (tmp_path / "home").mkdir()
    machine = Machine(tmp_path / "home")
    for name in ("KUBECONFIG", "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_CONFIG_FILE", "AWS_ACCESS_KEY_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(machine.home))
    return machine


def context(wiring: Wiring, thread: str = "t1") -> dict[str, str]:
    (started,) = [event for event in turn(wiring, "show drift", thread) if isinstance(event, Started)]
    return started.context


def settings(wiring: Wiring, **changed: str) -> Wiring:
    return replace(wiring, config=wiring.config.model_copy(update=changed))


def test_a_changed_kubeconfig_moves_no_pin_of_a_session_that_has_begun(
    wiring: Wiring, machine: Machine
) -> None:
    machine.write(".kube/config", kubeconfig("dev", "prod", current="dev"))
    assert context(wiring)["kubernetes"] == "dev"
    machine.write(".kube/config", kubeconfig("dev", "prod", current="prod"))
    assert context(wiring)["kubernetes"] == "dev"
    (machine.home / ".kube/config").unlink()
    assert context(wiring)["kubernetes"] == "dev"
    machine.write(".kube/config", kubeconfig("dev", "prod", current="prod"))
    assert context(wiring, "t2")["kubernetes"] == "prod"


def test_the_account_stays_too_and_a_setting_moves_both(wiring: Wiring, machine: Machine) -> None:
    machine.write(".aws/config", "[default]\nsso_account_id = 111111111111\n")
    assert context(wiring)["aws_account"] == "111111111111"
    profiles = "[default]\nsso_account_id = 222222222222\n[profile p]\nsso_account_id = 333333333333\n"
    machine.write(".aws/config", profiles)
    assert context(wiring)["aws_account"] == "111111111111"
    moved = context(settings(wiring, kube_context="prod", aws_profile="p"))
    assert (moved["kubernetes"], moved["aws_profile"], moved["aws_account"]) == ("prod", "p", "333333333333")


def test_what_could_not_be_pinned_is_pinned_when_it_can(wiring: Wiring, machine: Machine) -> None:
    assert context(wiring) == {
        "directory": str(wiring.config.project),
        "kubernetes": "not pinned",
        "aws_account": "not pinned",
    }
    machine.write(".kube/config", kubeconfig("dev", current="dev"))
    assert context(wiring)["kubernetes"] == "dev"


@pytest.mark.parametrize("content", ["contexts: {]", "\x00", "[" * 30_000])
def test_a_broken_kubeconfig_keeps_no_drift_from_being_answered(
    wiring: Wiring, machine: Machine, content: str
) -> None:
    machine.write(".kube/config", content)
    machine.write(".aws/config", content)
    events = turn(wiring, "show drift")
    assert isinstance(events[0], Started) and events[0].context["kubernetes"] == "not pinned"
    assert last_report(events).exit_code == 2
