"""What containers wrote: the log of the container that runs, and of the one before it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

Line: TypeAlias = tuple[float, str]
"""When a line was written (seconds since the epoch), and its text."""


class Records:
    """Logs by pod uid and container."""

    def __init__(self) -> None:
        self._logs: dict[str, dict[str, list[list[Line]]]] = {}

    def begin(self, uid: str, container: str) -> None:
        """A new run of the container: its log so far becomes the previous one."""
        runs = self._logs.setdefault(uid, {}).setdefault(container, [])
        runs.append([])
        del runs[:-2]

    def write(self, uid: str, container: str, moment: float, text: str) -> None:
        self._logs.setdefault(uid, {}).setdefault(container, [[]])[-1].append((moment, text))

    def log(self, uid: str, container: str) -> list[Line]:
        runs = self._logs.get(uid, {}).get(container)
        return list(runs[-1]) if runs else []

    def previous_log(self, uid: str, container: str) -> list[Line]:
        runs = self._logs.get(uid, {}).get(container) or []
        return list(runs[-2]) if len(runs) > 1 else self.log(uid, container)

    def everything(self) -> Iterator[list[Line]]:
        """What is kept of all containers, run by run."""
        for containers in self._logs.values():
            for runs in containers.values():
                yield from runs

    def forget(self, uid: str) -> None:
        self._logs.pop(uid, None)
