"""Cron schedules of five fields, and when one is next due (the syntax of robfig/cron's standard parser)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 6))
MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
WORDS = {name: i for i, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))} | {
    name: i + 1
    for i, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
    )
}
YEARS_AHEAD = 5


class CronError(ValueError):
    """A schedule that cannot be read."""


def parse(text: str) -> list[set[int]]:
    """The admitted values of each field. Raises CronError."""
    parts = MACROS.get(text, text).split()
    if len(parts) != 5:
        raise CronError(f"expected exactly 5 fields, found {len(parts)}: [{' '.join(parts)}]")
    return [_field(part, low, high) for part, (_, low, high) in zip(parts, FIELDS, strict=True)]


def _field(text: str, low: int, high: int) -> set[int]:
    found: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"(\*|\?|\w+)(?:-(\w+))?(?:/(\d+))?", part)
        if match is None:
            raise CronError(f"failed to parse int from {part}")
        first, last, step = match[1], match[2], int(match[3] or 1)
        start = low if first in "*?" else _number(first)
        end = _number(last) if last else high if first in "*?" or match[3] else start
        if start < low or end > high or step == 0 or start > end:
            raise CronError(f"end of range ({end}) above maximum ({high}): {part}")
        found |= set(range(start, end + 1, step))
    return found


def _number(text: str) -> int:
    if text.isdigit():
        return int(text)
    if text.lower() in WORDS:
        return WORDS[text.lower()]
    raise CronError(f'failed to parse int from {text}: strconv.Atoi: parsing "{text}": invalid syntax')


def next_after(text: str, seconds: float) -> float | None:
    """The first due time after `seconds` (since the epoch, UTC); None where there is none within five years."""
    minutes, hours, days, months, weekdays = parse(text)
    any_day = MACROS.get(text, text).split()[2] in "*?" or MACROS.get(text, text).split()[4] in "*?"
    moment = datetime.fromtimestamp(seconds, UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
    end = moment + timedelta(days=366 * YEARS_AHEAD)
    while moment < end:
        in_month, on_weekday = moment.day in days, (moment.weekday() + 1) % 7 in weekdays
        day = in_month and on_weekday if any_day else in_month or on_weekday
        if moment.month not in months or not day:
            moment = moment.replace(hour=0, minute=0) + timedelta(days=1)
        elif moment.hour not in hours:
            moment = moment.replace(minute=0) + timedelta(hours=1)
        elif moment.minute not in minutes:
            moment += timedelta(minutes=1)
        else:
            return moment.timestamp()
    return None
