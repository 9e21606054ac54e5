"""Which evaluations and benchmarks there are, by name; a module is imported when its entry is run."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from lamplighter.core.errors import ConfigError


class Request(NamedTuple):
    """`sample` is how many cases or repetitions at most (None: all); `seeds` how many seeds, from 0.

    `stage` is the last stage to run (None: all there are). `peers`: run other tools on the same cases too.
    """

    sample: int | None = None
    seeds: int = 1
    stage: str | None = None
    peers: bool = False


class Result(NamedTuple):
    """What was measured. A metric that could not be measured is absent, never 0 or 1.

    Each of `tables` has a `title`, `columns` and `rows` (lists of as many plain values as there are columns).
    """

    metrics: Mapping[str, float]
    cases: int
    labels: tuple[str, ...]
    tables: tuple[Mapping[str, Any], ...] = ()
    seeds: tuple[int, ...] = ()
    sampled: bool = False


EVALS: dict[str, str] = {
    "drift": "lamplighter.scenarios.evaluation.drift:evaluate",
    "loop": "lamplighter.scenarios.evaluation.loop:evaluate",
    "smoke": "lamplighter.scenarios.evaluation.bundles:smoke",
    "all": "lamplighter.scenarios.evaluation.bundles:everything",
}
BENCHES: dict[str, str] = {
    "cli": "lamplighter.scenarios.bench_cli:measure",
    "drift": "lamplighter.scenarios.bench_drift:measure",
    "sandbox": "lamplighter.scenarios.bench_sandbox:measure",
}


def find(table: Mapping[str, str], name: str) -> Callable[[Request], Result]:
    """Raises ConfigError naming those there are."""
    if name not in table:
        raise ConfigError(repr(name), "is not known", f"there are: {', '.join(sorted(table)) or 'none yet'}")
    module, _, function = table[name].partition(":")
    found: Callable[[Request], Result] = getattr(importlib.import_module(module), function)
    return found
