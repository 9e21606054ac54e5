"""Limits of one request: when one is reached, the rest is left undone and the report says so."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from lamplighter.core.config import Budgets


class BudgetSpent(Exception):
    """Caught by the graph, which goes on to a partial report."""


class Meter:
    """Counts one request's use of its budget; `elapsed` gives seconds on a clock that never goes back."""

    def __init__(self, budget: Budgets, elapsed: Callable[[], float] = monotonic) -> None:
        self._budget = budget
        self._elapsed = elapsed
        self._begun = elapsed()
        self._used = {"steps": 0, "tool_calls": 0, "tokens": 0}

    def spend(self, kind: str, amount: int = 1) -> None:
        """`kind` is steps, tool_calls or tokens; raises BudgetSpent instead of going over a limit."""
        seconds = self._elapsed() - self._begun
        if seconds > self._budget.seconds:
            raise BudgetSpent(f"budget of {self._budget.seconds:g} seconds spent")
        limit = getattr(self._budget, kind)
        if self._used[kind] + amount > limit:
            raise BudgetSpent(f"budget of {limit} {kind.replace('_', ' ')} spent")
        self._used[kind] += amount

    @property
    def seconds_left(self) -> float:
        """Never below 0."""
        return max(0.0, self._budget.seconds - (self._elapsed() - self._begun))
