"""What each metric is to reach, from `aims.toml`."""

from __future__ import annotations

import functools
import operator
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

FILE = Path(__file__).with_name("aims.toml")
_ONE_SIDED = re.compile(r"(>=|<=|>|<) (-?[0-9.]+)")
_RANGE = re.compile(r"(-?[0-9.]+) to (-?[0-9.]+)")
_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}


class Aim(NamedTuple):
    """`bounds` are one or two numbers; `text` is how the aim is written."""

    text: str
    relation: str
    bounds: tuple[float, ...]

    def met(self, value: float) -> bool:
        if self.relation == "to":
            return self.bounds[0] <= value <= self.bounds[1]
        return _COMPARE[self.relation](value, self.bounds[0])


def parse(text: str) -> Aim:
    """Raises ValueError for what is no aim."""
    if match := _ONE_SIDED.fullmatch(text):
        return Aim(text, match[1], (float(match[2]),))
    if match := _RANGE.fullmatch(text):
        return Aim(text, "to", (float(match[1]), float(match[2])))
    raise ValueError(f"{text!r} is not an aim")


def aim_of(evaluation: str, metric: str) -> Aim | None:
    """None where no aim is known. A metric of a bundle is called `evaluation.metric`."""
    aims = catalogue()
    inner, _, rest = metric.partition(".")
    return aims.get((evaluation, metric)) or aims.get((inner, rest))


@functools.cache
def catalogue() -> Mapping[tuple[str, str], Aim]:
    """Evaluation and metric, and its aim."""
    tables = tomllib.loads(FILE.read_text("utf-8"))
    return {
        (evaluation, metric): parse(text)
        for evaluation, metrics in tables.items()
        for metric, text in metrics.items()
    }
