"""The catalogue of drift kinds, its injectors and the stored scenarios belong together."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("moto", reason="the sandbox extra is not installed")

from lamplighter.scenarios.drift import schema
from lamplighter.scenarios.drift.catalogue import kinds
from lamplighter.scenarios.drift.injectors import INJECTORS
from lamplighter.scenarios.drift.readers import READERS

FOLDER = Path(schema.__file__).parent
BY_ITSELF = {"another-terraform-root"}
"""Made by real runs of `projects/search`, not by an injector."""


def test_every_kind_has_one_injector_and_no_injector_is_without_a_kind() -> None:
    assert set(INJECTORS) == set(kinds()) - BY_ITSELF


def test_the_catalogue_is_wide() -> None:
    outcomes = Counter(kind.outcome for kind in kinds().values())
    assert outcomes["drift"] >= 100 and outcomes["unmanaged"] >= 20 and outcomes["none"] >= 15
    assert len({kind.class_ for kind in kinds().values()}) >= 20


def test_kinds_are_aimed_at_types_that_can_be_read_back() -> None:
    aimed = {name for kind in kinds().values() for name in kind.types}
    assert aimed <= set(READERS) | {"aws_vpc"}


def test_every_kind_happens_in_some_scenario() -> None:
    happened = {name for case in schema.scenarios() for name in case.kinds}
    with_runs = {case.id for case in schema.scenarios() if "another-terraform-root" in case.features}
    assert set(kinds()) - BY_ITSELF <= happened
    assert with_runs


def test_a_kind_leaves_what_the_catalogue_says() -> None:
    """Of a scenario of one kind: a drift, an unmanaged resource, or nothing."""
    wrong = []
    for case in schema.scenarios():
        loud = [name for name in case.kinds if kinds()[name].outcome != "none"]
        if len(loud) == 1:
            outcome = kinds()[loud[0]].outcome
            if (outcome == "drift" and not case.drifts) or (outcome == "unmanaged" and not case.unmanaged):
                wrong.append(case.id)
    assert wrong == []


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.py")), ids=lambda path: path.name)
def test_nothing_that_builds_worlds_knows_the_engine_that_is_judged(path: Path) -> None:
    tree = ast.parse(path.read_text())
    imported = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    assert not {name for name in imported if name.startswith("lamplighter.drift")}
