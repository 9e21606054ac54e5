"""The drift agent: runs the engine read-only and keeps what the request asked about."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lamplighter.agents.requests import Parsed
from lamplighter.core.canonical import canonical_json
from lamplighter.core.findings import Finding, Severity
from lamplighter.core.plans import Plan, Step

_RESOURCE = re.compile(r'^\s*resource\s+"([\w-]{1,100})"\s+"([\w-]{1,100})"', re.MULTILINE)
_MAX_FILE = 1_000_000


def declared_resources(directory: Path) -> tuple[str, ...]:
    """`type.name` of the resource blocks in the directory's own .tf files; names to match a request against."""
    found: set[str] = set()
    for path in sorted(directory.glob("**/*.tf")):
        if ".terraform" not in path.parts and path.is_file() and path.stat().st_size <= _MAX_FILE:
            found.update(".".join(pair) for pair in _RESOURCE.findall(path.read_text("utf-8", errors="replace")))
    return tuple(sorted(found))


def query_of(parsed: Parsed, directory: Path, traces: Sequence[Path], state: Path | None) -> str:
    """The exact question put to the engine, with every constraint that filtered its answer."""
    parts = [f"drift {directory}", *(f"trace={path}" for path in traces), f"state={state or 'found in the directory'}"]
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
    }
    return {name: value for name, value in named.items() if value}


def matches(finding: Finding, parsed: Parsed) -> bool:
    """Whether the finding is within every constraint; one that says no time is kept, since it may be."""
    details = finding.details
    time = str(details.get("time", ""))
    window = parsed.window
    return (
        not (window and time and not window.start <= time < window.end)
        and _holds(details.get("actor", ""), parsed.actor)
        and _holds(details.get("tool", "") or details.get("actor", ""), parsed.tool)
        and (not parsed.severity or finding.severity >= Severity.parse(parsed.severity))
        and (not parsed.objects or any(_bare(finding.where).endswith(_bare(name)) for name in parsed.objects))
        and (parsed.port is None or _mentions_number(details, parsed.port))
    )


def narrowed(plan: Plan, kept: Sequence[Finding], *, executable_only: bool, requested_by: str, policy: str) -> Plan:
    """The plan's steps for the kept findings; judged by policy version `policy` from here on."""
    addresses = {finding.where for finding in kept}
    steps: list[Step] = []
    for step in plan.steps:
        address = getattr(step.operation, "address", None)
        wanted = address in addresses and (step.operation.executable or not executable_only)
        if wanted and all(name in {earlier.id for earlier in steps} for name in step.after):
            steps.append(step)
    return Plan(
        steps=tuple(steps),
        rationale=plan.rationale,
        evidence=plan.evidence,
        requested_by=requested_by,
        policy_version=policy,
    )


def _bare(address: str) -> str:
    return re.sub(r"\[[^\]]*\]", "", address.lower())


def _holds(value: Any, part: str) -> bool:
    return not part or part in canonical_json(value).decode().lower()


def _mentions_number(value: Any, number: int) -> bool:
    return re.search(rf"(?<!\d){number}(?!\d)", canonical_json(value).decode()) is not None
