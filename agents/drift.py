"""The drift agent: runs the engine read-only and answers with what the request asked about."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from lamplighter.agents.blobs import Blobs
from lamplighter.agents.budgets import BudgetSpent, Meter
from lamplighter.agents.reports import DomainAnswer, unchecked, worst_of
from lamplighter.agents.requests import Named, Parsed, is_of, may_name, without_keys
from lamplighter.agents.wiring import DriftAnswer, Wiring
from lamplighter.core.config import Config
from lamplighter.core.errors import LampError
from lamplighter.core.events import Event, Found, ToolCalled
from lamplighter.core.exits import Exit
from lamplighter.core.findings import Finding, Severity
from lamplighter.core.operations import EditHcl
from lamplighter.core.plans import Plan
from lamplighter.core.results import Status

_SHOWN = 3
"""Proposals in words that an answer shows."""


class Means(NamedTuple):
    """What the agent works with in one turn; `emit` shows an event to whoever asked."""

    wiring: Wiring
    meter: Meter
    blobs: Blobs
    emit: Callable[[Event], None]


async def known_names(text: str, means: Means) -> tuple[str, ...]:
    """The names to match a request against; none where they cannot be read, which is said and stops nothing."""
    wiring, meter, _, emit = means
    if wiring.inventory is None or not may_name(text):
        return ()
    query = f"resources declared in {wiring.config.project}"
    try:
        names, left_out = await meter.call_tool(wiring.inventory.names, "terraform_resource")
    except (LampError, BudgetSpent) as error:
        said = f"no names known: {error}"
        emit(ToolCalled(tool="inventory", query=query, status=Status.ERROR, left_out=(said,)))
        return ()
    status = Status.TRUNCATED if left_out else Status.OK if names else Status.NO_DATA
    emit(ToolCalled(tool="inventory", query=query, status=status, left_out=left_out))
    return names


async def investigate(parsed: Parsed, requested_by: str, means: Means) -> DomainAnswer:
    """One run of the engine, kept to the constraints of the request; what they leave out is counted and said."""
    wiring, meter, blobs, emit = means
    config = wiring.config
    query = query_of(parsed, config)
    try:
        answer = await meter.call_tool(wiring.check_drift, config.project, config.trace, config.state)
    except BudgetSpent as spent:
        return unchecked(f"drift: {spent}, nothing was checked")
    except LampError as error:
        emit(ToolCalled(tool="drift", query=query, status=Status.ERROR, left_out=(str(error),)))
        return unchecked(f"drift: {error}", error.exit_code)
    within = [finding for finding in answer.findings if matches(finding, parsed)]
    kept = called(within, parsed.words)
    words = [word for word in parsed.words if kept != within and _calls(word, kept)]
    unknown = nameless(answer.findings, kept, parsed)
    kept = [] if unknown and parsed.acts else kept
    not_reached = [*unknown, *beyond(parsed, answer.covered)]
    left_out = [*not_reached, *answer.not_checked]
    partial = answer.incomplete or bool(not_reached)
    status = Status.TRUNCATED if partial else Status.OK if kept else Status.NO_DATA
    emit(ToolCalled(tool="drift", query=query, status=status, left_out=tuple(left_out)))
    _emit_findings(kept, answer, emit)
    if parsed.verb == "revert" and not parsed.observe:
        plan, dropped = await _way_back(answer, kept, requested_by, means)
    else:
        plan, dropped = _proposed(answer, kept, parsed, wiring.policy.version, requested_by)
    said = "; ".join(_said(kept, len(answer.findings), query, parsed, words))
    return {
        "text": "\n".join([said, *dropped]),
        "findings": blobs.put([finding.model_dump(mode="json") for finding in kept]),
        "plan": blobs.put(plan.model_dump(mode="json")) if plan and plan.steps else "",
        "count": len(kept),
        "worst": worst_of(kept),
        "not_checked": left_out,
        "exit": int(Exit.INCOMPLETE if partial else Exit.CLEAN),
    }


def verified(answer: DomainAnswer, plan: Plan, steps: Collection[str], blobs: Blobs) -> DomainAnswer:
    """The answer once the plan's `steps` are done and verified: whether the goal holds, and what remains."""
    if "findings" not in answer:
        return answer
    found = [Finding.model_validate(row) for row in blobs.get(answer["findings"])]
    left = plan.remaining(found, steps)
    return {**answer, "remaining": len(left), "worst": worst_of(left)}


def _emit_findings(findings: Sequence[Finding], answer: DriftAnswer, emit: Callable[[Event], None]) -> None:
    known = {item.id: item for item in answer.evidence}
    for finding in sorted(findings, key=lambda finding: -finding.severity):
        cited = tuple(known[name] for name in finding.evidence if name in known)
        emit(Found(domain="drift", finding=finding, evidence=cited))


def _proposed(
    answer: DriftAnswer, kept: Sequence[Finding], parsed: Parsed, policy_version: str, requested_by: str
) -> tuple[Plan | None, list[str]]:
    """The plan for the findings kept, under the policy in force, and what to say of steps that cannot be applied."""
    # An edit that other findings share is made anew without them.
    whole = len(kept) == len(answer.findings) and not parsed.into_code
    plan = answer.plan if whole else answer.plan_for(kept, codify=parsed.into_code)
    if plan is None:
        return None, []
    narrowed = plan.under(policy_version, requested_by).narrowed(kept)
    rest = narrowed.executable()
    if not rest.steps and parsed.verb != "apply":
        # Nothing of it can be approved, but it can be shown.
        return narrowed, []
    careful = _made_permanent(kept, rest) if parsed.into_code else ""
    if careful:
        # With the plan itself: who approves it sees nothing else.
        rest = rest.model_copy(update={"rationale": f"{rest.rationale}; {careful}"})
    return rest, [*narrowed.dropped(rest), *_by_hand(narrowed)]


def _by_hand(plan: Plan) -> list[str]:
    """What is left to be written by hand, and why, as far as a few lines go."""
    words = [
        step.operation.proposal
        for step in plan.steps
        if isinstance(step.operation, EditHcl) and not step.operation.executable
    ]
    more = [f"by hand: {len(words) - _SHOWN} more, see `lamp drift fix`"] if len(words) > _SHOWN else []
    return [*(f"by hand: {text}" for text in words[:_SHOWN]), *more]


def _made_permanent(kept: Sequence[Finding], plan: Plan) -> str:
    """Who asks for the code to follow may not have thought of what else there is."""
    resolved = {name for step in plan.steps for name in step.resolves}
    severe = [one for one in kept if one.id in resolved and one.severity >= Severity.HIGH]
    names = ", ".join(dict.fromkeys(one.where for one in severe))
    said = f"careful: the code is to keep {len(severe)} change(s) of high or critical severity: {names}"
    return said if severe else ""


async def _way_back(
    answer: DriftAnswer, kept: Sequence[Finding], requested_by: str, means: Means
) -> tuple[Plan | None, list[str]]:
    """A saved Terraform plan over what was found, and what it leaves; why there is none, where there is none."""
    wiring, meter, _, emit = means
    if not kept:
        return None, []
    if wiring.plan_revert is None:
        return None, ["nothing here can set live values back: run `terraform apply`"]
    query = f"terraform plan of the way back, {len(kept)} finding(s)"
    try:
        plan, left = await meter.call_tool(wiring.plan_revert, wiring.config.project, answer, kept)
    except (LampError, BudgetSpent) as error:
        emit(ToolCalled(tool="terraform", query=query, status=Status.ERROR, left_out=(str(error),)))
        return None, [f"nothing can be reverted: {error}"]
    emit(ToolCalled(tool="terraform", query=query, status=Status.OK if plan else Status.NO_DATA))
    said = [f"left: {line}" for line in left]
    return (plan.under(wiring.policy.version, requested_by) if plan else None), said


def _said(kept: Sequence[Finding], total: int, query: str, parsed: Parsed, words: Sequence[str]) -> list[str]:
    said = [f"{len(kept)} drift finding(s)"] if kept else [f"no drift found by: {query}"]
    if parsed.window and kept:
        said.append(parsed.window.said)
    if total > len(kept):
        named = constraints(parsed) | ({"name": ",".join(words)} if words else {})
        by = ", ".join(
            "the window" if name == "window" and kept else f"{name} {value}" for name, value in named.items()
        )
        said.append(f"{total - len(kept)} of {total} finding(s) left out{f' by {by}' if by else ''}")
    return said


def query_of(parsed: Parsed, config: Config) -> str:
    """The exact question put to the engine, with every constraint that filtered its answer."""
    parts = [
        f"drift {config.project}",
        *(f"trace={path}" for path in config.trace),
        f"state={config.state or 'found in the directory'}",
    ]
    parts += [f"{name}={value}" for name, value in constraints(parsed).items()]
    return " ".join(parts)


def constraints(parsed: Parsed) -> dict[str, str]:
    """The constraints in force, by name, as the report words them."""
    named = {
        "window": parsed.window.said if parsed.window else "",
        "objects": ",".join(parsed.objects),
        "kind": ",".join(f"{name}*" for name in parsed.resources),
        "setting": ",".join(parsed.settings),
        "actor": parsed.actor,
        "tool": parsed.tool,
        "severity": ",".join(parsed.severities) or (f"{parsed.severity} or above" if parsed.severity else ""),
        "port": str(parsed.port) if parsed.port is not None else "",
        "source": "the world" if parsed.world else "",
        "except": ",".join(parsed.excluded.all),
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
        and _is_severe(finding.severity, parsed)
        and (not parsed.objects or any(_is_at(finding.where, name) for name in parsed.objects))
        and (not parsed.resources or is_of(_type(finding), parsed.resources))
        and (not parsed.settings or any(name in _setting(finding) for name in parsed.settings))
        and (parsed.port is None or _opens([details.get("live"), details.get("code")], parsed.port))
        and (not parsed.world or _to_the_world(details.get("live")))
        and not _is_left_out(finding, parsed.excluded)
    )


def _is_severe(severity: Severity, parsed: Parsed) -> bool:
    if parsed.severities:
        return severity.label in parsed.severities
    return not parsed.severity or severity >= Severity.parse(parsed.severity)


def _is_left_out(finding: Finding, excluded: Named) -> bool:
    return (
        any(_is_at(finding.where, name) for name in excluded.objects)
        or (bool(excluded.resources) and is_of(_type(finding), excluded.resources))
        or any(name in _setting(finding) for name in excluded.settings)
    )


def called(findings: Sequence[Finding], words: Sequence[str]) -> list[Finding]:
    """The findings that the words name, by their setting, by what has it and by who made it: all where none does."""
    kept = list(findings)
    for names in (_setting_names, _place_names, _actor_names):
        meant = {word for word in words if any(word in names(finding) for finding in findings)}
        kept = [finding for finding in kept if not meant or meant & names(finding)]
    return kept


def _calls(word: str, findings: Sequence[Finding]) -> bool:
    names = (_setting_names, _place_names, _actor_names)
    return any(word in of(finding) for finding in findings for of in names)


def _setting_names(finding: Finding) -> frozenset[str]:
    """The setting as a whole and its last part: a tag is called by its key."""
    setting = str(finding.details.get("attribute", "")).lower()
    return frozenset({setting, setting.rpartition(".")[2]}) - {""}


def _place_names(finding: Finding) -> frozenset[str]:
    """The address with and without index keys, its modules, name, keys and type, and the ends of what AWS calls it."""
    where, bare = finding.where.lower(), without_keys(finding.where)
    live = re.split(r"[/:]", str(finding.details.get("resource_id") or "").lower())[-1].split("-")
    ends = ("-".join(live[at:]) for at in range(len(live)))
    keys = re.findall(r"[\w.-]+", " ".join(re.findall(r"\[([^\]]*)\]", where)))
    return frozenset({where, bare, *bare.split("."), *keys, *ends, _type(finding)}) - {"", "module"}


def _actor_names(finding: Finding) -> frozenset[str]:
    actor = str(finding.details.get("actor") or "").lower()
    return frozenset({actor, *re.findall(r"\w+", actor), *re.findall(r"[\w.-]+", actor)}) - {""}


def nameless(findings: Sequence[Finding], kept: Sequence[Finding], parsed: Parsed) -> list[str]:
    """What the request names that nothing found is called: somebody, or, where something is to be done, a name."""
    said = list[str]()
    actors = sorted({str(finding.details.get("actor") or "unknown") for finding in findings})
    if parsed.actor and findings and not any(_names(actor, parsed.actor) for actor in map(str.lower, actors)):
        said.append(f"no finding is by '{parsed.actor}', but by {', '.join(actors)}: say who is meant")
    wanted = [word for word in parsed.wanted if parsed.acts and kept and not _calls(word, kept)]
    return [*said, *(f"nothing that was found is called '{word}': nothing is planned" for word in wanted)]


def _is_at(where: str, name: str) -> bool:
    """Whether an address is the one that is named; an index counts where the name has one."""
    if "[" not in name:
        return without_keys(where).endswith(name.lower())
    return re.search(rf"(?:^|\.){re.escape(name.lower())}(?:\[[^\]]*\])?$", where.lower()) is not None


def _type(finding: Finding) -> str:
    said = finding.details.get("resource_type")
    return str(said) if said else without_keys(finding.where).rpartition(".")[0].rpartition(".")[2]


def _setting(finding: Finding) -> str:
    """What drifted, with the type that it is of: encryption of a bucket is a resource of its own."""
    return f"{_type(finding)}.{finding.details.get('attribute', '')}"


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
