"""Every entry of the registry can be found, and a wrong name is answered with the right ones."""

from __future__ import annotations

import pytest

from lamplighter.core.errors import ConfigError
from lamplighter.scenarios.evaluation.bundles import EVERYTHING, SMOKE
from lamplighter.scenarios.evaluation.registry import BENCHES, EVALS, find


def test_every_entry_is_a_function() -> None:
    for table in (EVALS, BENCHES):
        for name in table:
            assert callable(find(table, name))


def test_the_bundle_of_everything_leaves_nothing_out() -> None:
    assert set(EVERYTHING) == set(EVALS) - {"smoke", "all"}
    assert set(SMOKE) <= set(EVERYTHING)


def test_a_wrong_name_is_answered_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match="'drfit': is not known; there are: all, drift, loop, smoke"):
        find(EVALS, "drfit")
