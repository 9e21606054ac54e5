"""Limits of one request: when one is reached, the rest is left undone and the report says so."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from time import monotonic
from typing import ParamSpec, TypeVar

from lamplighter.core.config import Budgets

_T = TypeVar("_T")
_P = ParamSpec("_P")


class BudgetSpent(Exception):
    """Caught by the graph, which goes on to a partial report."""


class Meter:
    """Counts one request's use of its budget; `elapsed` gives seconds on a clock that never goes back."""

    def __init__(self, budget: Budgets, elapsed: Callable[[], float] = monotonic) -> None:
        self._budget = budget
        self._elapsed = elapsed
        self._begun = elapsed()
        self._calls = 0

    async def call_tool(self, read: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """What `read` returns or raises, in a thread of its own; BudgetSpent instead of going over a limit.

        It must change nothing: when the seconds run out the thread is left behind, and dies with the process, which
        does not wait for it. Steps of the graph are counted by langgraph itself (`recursion_limit`).
        """
        if self._calls >= self._budget.tool_calls:
            raise BudgetSpent(f"budget of {self._budget.tool_calls} tool calls spent")
        self._calls += 1
        future = asyncio.wrap_future(_in_daemon(partial(read, *args, **kwargs)))
        try:
            await asyncio.wait([future], timeout=self.seconds_left)
            if not future.done():
                raise BudgetSpent(f"budget of {self._budget.seconds:g} seconds spent")
            return future.result()
        finally:
            future.cancel()

    @property
    def seconds_left(self) -> float:
        """Never below 0."""
        return max(0.0, self._budget.seconds - (self._elapsed() - self._begun))


def _in_daemon(read: Callable[[], _T]) -> Future[_T]:
    """`asyncio.to_thread` would have the interpreter wait at its exit until the thread has ended."""
    future: Future[_T] = Future()

    def run() -> None:
        try:
            future.set_result(read())
        except BaseException as error:  # noqa: BLE001 - raised again in whoever awaits the future
            future.set_exception(error)

    future.set_running_or_notify_cancel()
    threading.Thread(target=run, name="read", daemon=True).start()
    return future
