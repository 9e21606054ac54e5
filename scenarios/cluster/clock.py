"""The one clock of a sandbox: wall time, or time that stands still until it is stepped."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
"""When a stepped clock begins, so that two runs show the same times: a Monday morning."""


class Clock:
    """Seconds since the epoch and the API's spellings of them. A stepped clock moves only by `advance`.

    One that goes by wall time may go `speed` times as fast, from the moment on at which it was made or released.
    """

    def __init__(self, stepped: bool = False, start: datetime = START, speed: float = 1.0) -> None:
        self.stepped = stepped
        self.speed = speed
        self._now = start.timestamp()
        self._origin = time.time()

    def now(self) -> float:
        return self._now if self.stepped else self._origin + (time.time() - self._origin) * self.speed

    def advance(self, seconds: float) -> None:
        """Move a stepped clock; a real one cannot be moved (RuntimeError)."""
        if not self.stepped:
            raise RuntimeError("only a stepped clock can be advanced")
        self._now += seconds

    def release(self) -> None:
        """Go by wall time from here on."""
        self.stepped = False
        self._origin = time.time()

    def stamp(self) -> str:
        """metav1.Time: whole seconds."""
        return stamp(self.now())

    def micro(self) -> str:
        """metav1.MicroTime."""
        return datetime.fromtimestamp(self.now(), UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def seconds_of(text: str | None) -> float | None:
    """Seconds since the epoch of an RFC 3339 time, None for none."""
    if not text:
        return None
    return datetime.fromisoformat(text).timestamp()


def age(seconds: float) -> str:
    """A duration as kubectl shows it (k8s.io/apimachinery duration.HumanDuration)."""
    whole = int(seconds)
    if whole < 0:
        return "<invalid>" if whole < -1 else "0s"
    span = timedelta(seconds=whole)
    minutes, hours, days = whole // 60, whole // 3600, span.days
    if whole < 120:
        return f"{whole}s"
    if minutes < 10:
        return _two(minutes, "m", whole % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    if hours < 192:
        return _two(days, "d", hours % 24, "h")
    if days < 730:
        return f"{days}d"
    years = days // 365
    return _two(years, "y", days % 365, "d") if years < 8 else f"{years}y"


def _two(first: int, unit: str, second: int, part: str) -> str:
    return f"{first}{unit}{second}{part}" if second else f"{first}{unit}"
