"""What makes the world move: controllers that look at what changed, and timers on the cluster's clock.

Everything is done in one order (first changed, first looked at), so that a run on a stepped clock is deterministic.
"""

from __future__ import annotations

import heapq
import threading
from collections.abc import Iterable, Sequence
from typing import Any, Protocol, TypeAlias

from lamplighter.scenarios.cluster.cluster import Cluster
from lamplighter.scenarios.cluster.errors import ApiError
from lamplighter.scenarios.cluster.store import Change

Key: TypeAlias = tuple[str, ...]
"""What a controller looks at: mostly (namespace, name)."""
MOST_IN_A_ROW = 200_000
"""Looks without a pause after which controllers must be fighting each other."""
BATCH = 50
RETRY_SECONDS = 1.0


class Controller(Protocol):
    """One controller. `reconcile` looks at the world anew each time and says in how many seconds to look again."""

    def keys(self, change: Change) -> Iterable[Key]:
        """What has to be looked at after a change."""
        ...

    def reconcile(self, key: Key) -> float | None:
        """Bring one thing closer to what is wanted; seconds until the next look, None for when something changes."""
        ...


class Engine:
    """Runs the controllers: stepped by `advance`, or by a thread of its own after `start`."""

    def __init__(self, cluster: Cluster, controllers: Sequence[Controller]) -> None:
        self.cluster = cluster
        self._controllers = controllers
        self._queue: dict[tuple[int, Key], None] = {}
        self._timers: list[tuple[float, int, int, Key]] = []
        self._due: dict[tuple[int, Key], float] = {}
        self._sequence = 0
        self._wake = threading.Event()
        self._stopping = False
        self._thread: threading.Thread | None = None
        cluster.store.listeners.append(self._changed)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_wake": None, "_thread": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _wake=threading.Event())

    def _changed(self, change: Change) -> None:
        for index, controller in enumerate(self._controllers):
            for key in controller.keys(change):
                self._queue[index, key] = None
        self._wake.set()

    def settle(self) -> None:
        """Look at everything that changed until nothing changes any more; time stands still."""
        for _ in range(MOST_IN_A_ROW):
            if not self._look():
                return
        raise RuntimeError(f"controllers do not come to rest: {list(self._queue)[:5]}")

    def _look(self) -> bool:
        with self.cluster.lock:
            if not self._queue:
                return False
            entry = next(iter(self._queue))
            del self._queue[entry]
            index, key = entry
            try:
                again = self._controllers[index].reconcile(key)
            except ApiError:
                again = RETRY_SECONDS  # refused by admission or overtaken by another writer: looked at anew
            if again is not None:
                self._schedule(index, key, self.cluster.clock.now() + max(again, 0.001))
            return True

    def _schedule(self, index: int, key: Key, when: float) -> None:
        known = self._due.get((index, key))
        if known is not None and known <= when and known > self.cluster.clock.now():
            return
        self._sequence += 1
        self._due[index, key] = when
        heapq.heappush(self._timers, (when, self._sequence, index, key))

    def _fire(self) -> float | None:
        """Queue what is due; when the next timer is, None for no timer."""
        now = self.cluster.clock.now()
        while self._timers and self._timers[0][0] <= now + 1e-6:
            when, _, index, key = heapq.heappop(self._timers)
            if self._due.get((index, key)) == when:
                del self._due[index, key]
                self._queue[index, key] = None
        return self._timers[0][0] if self._timers else None

    def advance(self, seconds: float) -> None:
        """Let that much time pass on a stepped clock, event by event."""
        clock = self.cluster.clock
        end = clock.now() + seconds
        self.settle()
        while self._timers and self._timers[0][0] <= end:
            clock.advance(max(0.0, self._timers[0][0] - clock.now()))
            self._fire()
            self.settle()
        clock.advance(max(0.0, end - clock.now()))

    def start(self) -> None:
        """Run in a thread, on wall time."""
        self._thread = threading.Thread(target=self._run, name="sandbox-engine", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._stopping:
            with self.cluster.lock:
                following = self._fire()
            if any(self._look() for _ in range(BATCH)):
                continue
            clock = self.cluster.clock
            wait = 5.0 if following is None else max(0.0, following - clock.now()) / clock.speed
            self._wake.wait(min(wait, 5.0))
            self._wake.clear()
