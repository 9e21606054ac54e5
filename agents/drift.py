"""The drift agent: runs the engine read-only and keeps what the request asked about."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from lamplighter.agents.requests import Parsed
from lamplighter.core.findings import Finding, Severity
from lamplighter.core.plans import Plan, Step

_RESOURCE = re.compile(r'^\s*resource\s+"([\w-]{1,100})"\s+"([\w-]{1,100})"', re.MULTILINE)
_MAX_FILE = 1_000_000


def declared_resources(directory: Path) -> tuple[str, ...]:
    """`type.name` of the resource blocks in the directory's own .tf files; names to match a request against."""
    found: set[str] = set()
    for path in sorted(directory.glob("**/*.tf")):
        if ".terraform" not in path.parts and path.is_file() and path.stat().st_size <= _MAX_FILE:
            found.update(
                ".".join(pair) for pair in _RESOURCE.findall(path.read_text("utf-8", errors="replace"))
            )
    return tuple(sorted(found))


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


def narrowed(plan: Plan, kept: Sequence[Finding], *, requested_by: str, policy: str) -> Plan:
    """The plan's steps for the kept findings; judged by policy version `policy` from here on."""
    wanted = {finding.id for finding in kept}
    steps = [step for step in plan.steps if wanted.intersection(step.resolves)]
    return _with_steps(plan.under(policy, requested_by), steps)


def remaining(findings: Sequence[Finding], plan: Plan, verified: Collection[str]) -> list[Finding]:
    """The findings that are left once the steps named in `verified` are done: those that no step resolves, and those
    of which a step is not verified."""
    resolved = {name for step in plan.steps if step.id in verified for name in step.resolves}
    unresolved = {name for step in plan.steps if step.id not in verified for name in step.resolves}
    return [finding for finding in findings if finding.id not in resolved - unresolved]


def executable(plan: Plan) -> Plan:
    """The plan without its proposals in words; its rationale tells an approver of them."""
    rest = _with_steps(plan, [step for step in plan.steps if step.operation.executable])
    said = "; ".join([plan.rationale, *dropped(plan, rest)])
    return _with_steps(plan.model_copy(update={"rationale": said}), rest.steps)


def dropped(whole: Plan, rest: Plan) -> list[str]:
    """What to say of the steps that `rest` no longer has; empty where it has all."""
    count = len(whole.steps) - len(rest.steps)
    if not count:
        return []
    said = f"{count} of {len(whole.steps)} step(s) not put up for approval: proposals in words, to be written by hand"
    return [said if rest.steps else f"nothing can be applied: {said}"]


def _with_steps(plan: Plan, steps: Sequence[Step]) -> Plan:
    """A step whose predecessor is not among `steps` is left out with it."""
    whole: dict[str, Step] = {}
    for step in steps:
        if all(name in whole for name in step.after):
            whole[step.id] = step
    return Plan(
        steps=tuple(whole.values()),
        rationale=plan.rationale,
        evidence=plan.evidence,
        requested_by=plan.requested_by,
        policy_version=plan.policy_version,
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
