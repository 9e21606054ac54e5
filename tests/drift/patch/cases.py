"""Tables of snippets: what stands in the code, what happened by hand, and what stands there afterwards."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from lamplighter.drift.model import DriftItem
from lamplighter.drift.patch.code import Code
from lamplighter.drift.patch.model import Candidate, Rules
from lamplighter.tools.terraform import Terraform
from tests.drift.patch.says import carries, code_of


@cache
def formatted(text: str) -> str:
    """As `terraform fmt` writes it; the text itself where Terraform is not present."""
    if shutil.which("terraform") is None:
        return text
    with tempfile.TemporaryDirectory() as folder:
        result = Terraform(Path(folder)).formatted(text)
    assert result.data is not None, result.problem
    return result.data


def proposed(rules: Rules, item: DriftItem, code: Code) -> list[Candidate]:
    """All candidates; each leaves files that parse, and that are as `terraform fmt` writes them if they were before."""
    found = list(rules(item, code))
    for candidate in found:
        after = code.edited(candidate.edits)
        assert not after.project.broken, (candidate.rule, after.project.broken)
    return found


def held(rules: Rules, item: DriftItem, code: Code) -> tuple[str, Mapping[str, str]]:
    """The rule of the first candidate after which the code says what is live, and the files that it changed."""
    refused: list[str] = []
    for candidate in proposed(rules, item, code):
        after = code.edited(candidate.edits)
        wrong = carries(item, code, after)
        if not wrong:
            changed = {edit.file: after.contents[edit.file].decode() for edit in candidate.edits}
            for file, text in changed.items():
                before = code.contents.get(file, b"").decode()
                plain = "\r\n" not in text and "\t" not in text
                if plain and (not before or formatted(before) == before):
                    assert formatted(text) == text, candidate.rule
            return candidate.rule, changed
        refused.append(f"{candidate.rule}: {wrong}")
    raise AssertionError(refused or "no candidates")


def one(text: str, resources: Mapping[str, Mapping[str, Any]]) -> Code:
    """Code of one file, `main.tf`."""
    return code_of({"main.tf": text}, resources)
