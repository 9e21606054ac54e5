"""A sample of the drift scenarios, each cloud asked by real Terraform, and the patches of some."""

from __future__ import annotations

import os

import pytest

from lamplighter.scenarios.drift import schema
from lamplighter.scenarios.evaluation import drift_terraform
from lamplighter.scenarios.evaluation.bundles import SAMPLE
from lamplighter.scenarios.evaluation.drift import evaluate
from lamplighter.scenarios.evaluation.drift_patch import CODIFY_ALL, DECIDED, NO_TERRAFORM, NONE, PLANS
from lamplighter.scenarios.evaluation.registry import Request

PATCHES = bool(os.environ.get("LAMP_TEST_PATCHES"))
"""Whether the sample is whole, and patched too: minutes more, so only where somebody asks for it, as CI does."""
CASES = SAMPLE if PATCHES else SAMPLE // 3


@pytest.mark.timeout(1800)
def test_the_sample_is_found_and_attributed_with_terraform() -> None:
    if lacking := drift_terraform.missing():
        pytest.skip(lacking)
    result = evaluate(Request(stage=None if PATCHES else "detect", sample=CASES))
    assert result.metrics["terraform_answered"] == 1.0
    assert result.metrics["detection_f1"] >= 0.98
    assert result.metrics["attribution_accuracy"] >= 0.98
    assert result.metrics["false_findings"] == 0
    assert "real terraform" in result.labels
    titles = [table["title"] for table in result.tables]
    assert "with Terraform, by project" in titles and "with Terraform, failures" in titles
    if PATCHES:
        assert result.metrics["pass_at_1"] >= 0.85
        assert result.metrics["pass_at_1_no_terraform"] >= 0.85
        assert result.metrics["tokens"] == 0


@pytest.mark.timeout(1800)
def test_patches_are_verified_and_then_judged_by_plans_of_our_own() -> None:
    if lacking := drift_terraform.missing():
        pytest.skip(lacking)
    value, tag, opened, loose = names = ("payments-0037", "payments-0046", "payments-0024", "payments-0050")
    done = drift_terraform.with_terraform([schema.scenario(name) for name in names], patches=True)
    made = {(one.scenario, one.way): one for case in done for one in case.patched}
    for case in (value, tag):
        for way in (DECIDED, CODIFY_ALL, NO_TERRAFORM):
            assert not made[case, way].wrong and made[case, way].judge == PLANS
        # The plan without a patch, the engine's with it, and the judge's.
        assert made[case, DECIDED].plans == 3
    # What is opened to the world is set back, and what no code holds is asked about: no patch, and no plan for one.
    for case in (opened, loose):
        assert not made[case, DECIDED].wrong and not made[case, DECIDED].items
        assert (made[case, DECIDED].judge, made[case, DECIDED].plans) == (NONE, 0)
    assert not made[opened, CODIFY_ALL].wrong and made[opened, CODIFY_ALL].items
    assert (loose, CODIFY_ALL) not in made
