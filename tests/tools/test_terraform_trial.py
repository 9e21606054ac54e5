"""Code that is not written yet, planned in a copy: each attempt starts from what the project holds."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lamplighter.tools.terraform_trial import trial

pytestmark = pytest.mark.skipif(not shutil.which("terraform"), reason="needs terraform on PATH")


def test_an_attempt_leaves_nothing_for_the_next(tmp_path: Path) -> None:
    code = tmp_path / "project"
    module = code / "modules" / "one"
    module.mkdir(parents=True)
    (code / "main.tf").write_text('module "one" {\n  source = "./modules/one"\n}\n')
    (module / "main.tf").write_text('resource "terraform_data" "here" {\n  input = "a"\n}\n')
    more = b'resource "terraform_data" "more" {\n}\n'
    inside = b'resource "terraform_data" "here" {\n  input = "b"\n}\n'

    with trial(code) as ready:
        assert ready.data is not None, ready.problem

        def planned(contents: dict[str, bytes]) -> dict[str, object]:
            assert ready.data is not None
            made = ready.data.planned(contents)
            assert made.data is not None, made.problem
            changes = made.data["resource_changes"]
            return {change["address"]: change["change"]["after"].get("input") for change in changes}

        plain: dict[str, object] = {"module.one.terraform_data.here": "a"}
        assert planned({}) == plain
        both = {"more.tf": more, "modules/one/main.tf": inside}
        assert planned(both) == {"module.one.terraform_data.here": "b", "terraform_data.more": None}
        assert planned({"more.tf": more}) == {**plain, "terraform_data.more": None}
        assert planned({}) == plain
    assert (module / "main.tf").read_text().count('"a"') == 1 and not (code / "more.tf").exists()
