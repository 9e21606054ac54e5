"""A sample of the drift scenarios, each cloud asked by real Terraform."""

from __future__ import annotations

import pytest

from lamplighter.scenarios.evaluation import drift_terraform
from lamplighter.scenarios.evaluation.bundles import SAMPLE
from lamplighter.scenarios.evaluation.drift import evaluate
from lamplighter.scenarios.evaluation.registry import Request


@pytest.mark.timeout(1800)
def test_the_sample_is_found_and_attributed_with_terraform() -> None:
    if lacking := drift_terraform.missing():
        pytest.skip(lacking)
    result = evaluate(Request(stage="detect", sample=SAMPLE))
    assert result.metrics["terraform_answered"] == 1.0
    assert result.metrics["detection_f1"] >= 0.98
    assert result.metrics["attribution_accuracy"] >= 0.98
    assert result.metrics["false_findings"] == 0
    assert "real terraform" in result.labels
    titles = [table["title"] for table in result.tables]
    assert "with Terraform, by project" in titles and "with Terraform, failures" in titles
