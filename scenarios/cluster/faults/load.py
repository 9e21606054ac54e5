"""The scenarios that there are, by id, read from `data/` and checked."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lamplighter.scenarios.cluster.faults.schema import Scenario
from lamplighter.scenarios.cluster.faults.valid import problem
from lamplighter.scenarios.cluster.media import load_yaml

FOLDER = Path(__file__).parent
DATA = FOLDER / "data"


class ScenarioError(Exception):
    """A scenario that is not there, does not follow the format, or cannot be played; the text names it and why."""


class CauseKind(BaseModel):
    """A kind of root cause (`causes.toml`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    title: str
    shows: str
    """What the cluster shows of it, in its own words."""


@cache
def causes() -> dict[str, CauseKind]:
    """The closed vocabulary of root causes, by id."""
    rows = tomllib.loads((FOLDER / "causes.toml").read_text())["cause"]
    found = [CauseKind.model_validate(row) for row in rows]
    return {kind.id: kind for kind in found}


@cache
def paths() -> dict[str, Path]:
    """The file of each scenario, by id, in order of family and id."""
    return {path.stem: path for path in sorted(DATA.glob("*/*.yaml"))}


def parse(text: str, name: str) -> Scenario:
    """The scenario in a text; `name` is how an error calls it. Raises ScenarioError."""
    try:
        scenario = Scenario.model_validate(load_yaml(text.encode()))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ScenarioError(f"{name}: {where}: {first['msg']}") from None
    except ValueError as error:
        raise ScenarioError(f"{name}: {' '.join(str(error).split())}") from None
    wrong = problem(scenario)
    if wrong:
        raise ScenarioError(f"{name}: {wrong}")
    unknown = [entry.cause for entry in scenario.expect.diagnosis if entry.cause not in causes()]
    if unknown:
        raise ScenarioError(f"{name}: {unknown[0]!r} is no cause of causes.toml")
    if not scenario.healthy and not scenario.repairs:
        raise ScenarioError(f"{name}: a fault needs at least one right repair")
    return scenario


@cache
def load(name: str) -> Scenario:
    """The scenario with that id. Raises ScenarioError."""
    path = paths().get(name)
    if path is None:
        raise ScenarioError(
            f"no scenario {name!r}: README.md in scenarios/cluster/faults lists how they are named"
        )
    scenario = parse(path.read_text(), str(path.relative_to(FOLDER)))
    if (scenario.id, scenario.family) != (path.stem, path.parent.name):
        raise ScenarioError(f"{path.relative_to(FOLDER)}: id and family are not those of the path")
    return scenario


def load_all() -> dict[str, Scenario]:
    """Every scenario by id. Raises ScenarioError for the first that is wrong."""
    return {name: load(name) for name in paths()}
