"""The drift agent: runs the engine read-only and keeps what the request asked about."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from lamplighter.agents.requests import Parsed
from lamplighter.core.findings import Finding, Severity


def query_of(parsed: Parsed, directory: Path, traces: Sequence[Path], state: Path | None) -> str:
    """The exact question put to the engine, with every constraint that filtered its answer."""
    parts = [
        f"drift {directory}",
        *(f"trace={path}" for path in traces),
        f"state={state or 'found in the directory'}",
    ]
    parts += [f"{name}={value}" for name, value in constraints(parsed).items()]
    return " ".join(parts)


def constraints(parsed: Parsed) -> dict[str, str]:
    """The constraints in force, by name, as the report words them."""
    named = {
        "window": parsed.window.said if parsed.window else "",
        "objects": ",".join(parsed.objects),
        "actor": parsed.actor,
        "tool": parsed.tool,
        "severity": f"{parsed.severity} or above" if parsed.severity else "",
        "port": str(parsed.port) if parsed.port is not None else "",
        "source": "the world" if parsed.world else "",
    }
    return {name: value for name, value in named.items() if value}


def beyond(parsed: Parsed, covered: tuple[str, str]) -> list[str]:
    """What of the wanted window the trace does not reach: nothing was found there because nobody looked."""
    window, (first, last) = parsed.window, covered
    if window is None:
        return []
    # CloudTrail delivers within about 15 minutes: a window that ends now is never covered to the second.
    late = timedelta(minutes=15)
    if first and first <= window.start and _moment(window.end) <= _moment(last) + late:
        return []
    reach = f"from {first} to {last}" if first else "over no time at all"
    return [f"the trace speaks {reach}; the rest of the window was not checked ({window.said})"]


def _moment(time: str) -> datetime:
    return datetime.fromisoformat(time)


def matches(finding: Finding, parsed: Parsed) -> bool:
    """Whether the finding is within every constraint; one that says no time is kept, since it may be."""
    details = finding.details
    time = str(details.get("time", ""))
    window = parsed.window
    return (
        not (window and time and not window.start <= time < window.end)
        and _names(details.get("actor"), parsed.actor)
        and _names(details.get("tool"), parsed.tool)
        and (not parsed.severity or finding.severity >= Severity.parse(parsed.severity))
        and (not parsed.objects or any(_bare(finding.where).endswith(_bare(name)) for name in parsed.objects))
        and (parsed.port is None or _opens([details.get("live"), details.get("code")], parsed.port))
        and (not parsed.world or _to_the_world(details.get("live")))
    )


def _bare(address: str) -> str:
    return re.sub(r"\[[^\]]*\]", "", address.lower())


def _names(field: Any, name: str) -> bool:
    """Whether the field holds `name` as a whole part: `alice` names `role/alice@example.com`, not `malice`."""
    return not name or re.search(rf"(?<!\w){re.escape(name)}(?!\w)", str(field or "").lower()) is not None


_WORLD = frozenset({"0.0.0.0/0", "::/0"})


def _to_the_world(value: Any) -> bool:
    """Whether an address range of everybody stands anywhere in `value` (plain JSON of any depth)."""
    if isinstance(value, dict):
        return any(_to_the_world(item) for item in value.values())
    if isinstance(value, list):
        return any(_to_the_world(item) for item in value)
    return value in _WORLD


def _opens(value: Any, port: int) -> bool:
    """Whether a rule in `value` (plain JSON of any depth) covers `port`; protocol -1 is every port."""
    if isinstance(value, list):
        return any(_opens(item, port) for item in value)
    if not isinstance(value, dict):
        return False
    first, last = value.get("from_port"), value.get("to_port")
    if isinstance(first, int) and isinstance(last, int):
        return str(value.get("protocol")) in ("-1", "all") or first <= port <= last
    return any(_opens(item, port) for item in value.values())
