"""The simple JSONPaths of printer columns: `.a.b`, `.a[0]`, `.a[*].b`, `.a[?(@.type=="Ready")].status`."""

from __future__ import annotations

import re
from typing import Any

STEP = re.compile(
    r"""\.([\w$-]+)|\[(\d+)\]|\[(\*)\]|\[\?\(@\.([\w.]+)\s*==\s*["']([^"']*)["']\)\]|\['([^']+)'\]"""
)


def evaluate(value: Any, path: str) -> list[Any]:
    """All values at the path; none where it leads nowhere or cannot be read."""
    found, at = [value], 0
    path = path.strip("{}").replace("\\.", "\x00")
    while at < len(path):
        step = STEP.match(path, at)
        if step is None:
            return []
        at = step.end()
        found = [inner for item in found for inner in _step(item, step)]
    return found


def _step(item: Any, step: re.Match[str]) -> list[Any]:
    name = step[1] or step[6]
    if name is not None:
        key = name.replace("\x00", ".")
        return [item[key]] if isinstance(item, dict) and key in item else []
    if not isinstance(item, list):
        return []
    if step[2] is not None:
        return item[int(step[2]) : int(step[2]) + 1]
    if step[3]:
        return list(item)
    return [entry for entry in item if isinstance(entry, dict) and str(_inner(entry, step[4])) == step[5]]


def _inner(entry: Any, path: str) -> Any:
    for part in path.split("."):
        entry = entry.get(part) if isinstance(entry, dict) else None
    return entry
