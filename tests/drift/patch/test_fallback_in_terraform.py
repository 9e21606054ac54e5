"""Real Terraform has the last word on what a model answered, and what it agrees with is kept."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lamplighter.core.ports import Completion
from lamplighter.drift import check_directory
from lamplighter.drift.asking import Asking
from lamplighter.drift.model import DriftItem
from lamplighter.drift.patch.code import Code
from lamplighter.drift.patch.fallback import RULE, Fallback
from lamplighter.drift.patch.model import Decision, Verdict
from lamplighter.drift.patch.patch import patch_of
from lamplighter.drift.patch.rule_candidates import RULE as LEARNT
from lamplighter.drift.patch.verify import verified
from lamplighter.drift.state import read_resources
from lamplighter.memory.learnt import Learnt
from lamplighter.tools.terraform_files import read_code, read_state
from lamplighter.tools.terraform_trial import trial

MIRROR = os.environ.get("LAMP_TEST_TF_MIRROR", "")
pytestmark = [
    pytest.mark.skipif(
        not MIRROR or not shutil.which("terraform"),
        reason="needs terraform on PATH and a provider mirror named by LAMP_TEST_TF_MIRROR",
    ),
    pytest.mark.timeout(600),
]


class Knowing:
    """Answers with the edits that the rules would make."""

    def __init__(self, items: list[DriftItem], code: Code) -> None:
        from lamplighter.scenarios.evaluation.fallback_model import Right

        self.rights: dict[str, Right] = {}
        for item in items:
            for placed in patch_of([Decision(item, Verdict.CODIFY, "")], code).placed:
                if placed.candidate is not None:
                    edits = Right(placed.candidate.edits, code.contents)
                    self.rights[f"{item.address} {item.attribute or '(the resource itself)'}"] = edits

    def complete(self, _: str, material: str, __: Mapping[str, Any], ___: int) -> Completion:
        from lamplighter.scenarios.evaluation.fallback_model import answer_of

        data = json.loads(material.removeprefix("<data>").removesuffix("</data>"))
        right = self.rights[f"{data['address']} {data['attribute']}"]
        return Completion(json.dumps({"edits": answer_of(right, data["passages"])}))


def test_terraform_agrees_with_an_answer_which_is_kept(tmp_path: Path) -> None:
    pytest.importorskip("moto", reason="the sandbox extra is not installed")
    from lamplighter.scenarios.drift import live, schema

    case = next(schema.scenarios("website"))
    case.write_trace(tmp_path / "trace")
    store = Learnt(tmp_path / "learnt.jsonl")
    (tmp_path / "cloud").mkdir()
    with live.drifted_cloud(case, tmp_path / "cloud", Path(MIRROR)) as cloud:
        items = [*check_directory(cloud.code, [tmp_path / "trace"]).items]
        now = Code.of(read_code(cloud.code), read_resources(read_state(cloud.code)))
        decisions = [Decision(item, Verdict.CODIFY, "") for item in items]
        with trial(cloud.code, env=cloud.environment) as ready:
            assert ready.data is not None, ready.problem
            asked = Fallback(Asking(Knowing(items, now), 100_000), store, store)
            first = verified(decisions, now, ready.data, [], asked)
    assert first.by_plan and first.attempts == 1 and asked.asking.questions >= 1
    second = patch_of(decisions, now, [], Fallback(recall=store))
    for patch, rule in ((first.patch, RULE), (second, LEARNT)):
        assert not patch.unplaced and patch.edits == second.edits
        assert {one.candidate.rule for one in patch.placed if one.candidate is not None} == {rule}
