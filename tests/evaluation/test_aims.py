"""Every aim can be read, met and missed."""

from __future__ import annotations

import pytest

from lamplighter.scenarios.evaluation.aims import Aim, aim_of, catalogue, parse
from lamplighter.scenarios.evaluation.registry import EVALS, Request, find
from lamplighter.scenarios.world import MIRROR_VARIABLE


@pytest.mark.parametrize(
    ("text", "met", "missed"),
    [
        (">= 0.98", [0.98, 1], [0.9799]),
        ("<= 0", [0, -1], [0.0001]),
        ("> 0", [0.001], [0, -1]),
        ("< 1", [0.999], [1]),
        ("0.88 to 0.99", [0.88, 0.9, 0.99], [0.87, 1]),
    ],
)
def test_an_aim_at_its_bounds(text: str, met: list[float], missed: list[float]) -> None:
    aim = parse(text)
    assert all(aim.met(value) for value in met)
    assert not any(aim.met(value) for value in missed)


@pytest.mark.parametrize("aim", catalogue().values(), ids=lambda aim: aim.text)
def test_every_aim_of_the_catalogue_can_be_met_and_missed(aim: Aim) -> None:
    outcomes = {aim.met(bound + step) for bound in aim.bounds for step in (-0.005, 0, 0.005)}
    assert outcomes == {True, False}


@pytest.mark.parametrize("text", ["0.98", "=> 1", ">= many", ">= 1 to 2", ""])
def test_what_is_no_aim_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not an aim"):
        parse(text)


def test_a_bundle_names_the_evaluation_in_the_metric() -> None:
    assert aim_of("smoke", "drift.detection_f1") == aim_of("drift", "detection_f1") == parse(">= 0.98")
    assert aim_of("smoke", "detection_f1") is None
    assert aim_of("drift", "unheard_of") is None


def test_every_metric_of_the_drift_evaluation_has_an_aim(monkeypatch: pytest.MonkeyPatch) -> None:
    # The metrics with Terraform have tests of their own, minutes long.
    monkeypatch.setenv(MIRROR_VARIABLE, "")
    measured = find(EVALS, "drift")(Request(sample=24, stage="detect")).metrics
    assert all(aim_of("drift", metric) for metric in measured)
