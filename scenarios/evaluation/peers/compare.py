"""Runs every tool on the same drifted clouds, one after the other, and sets what they found side by side."""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from lamplighter.core.errors import LampError
from lamplighter.scenarios.drift.inventory import PLACES, resources
from lamplighter.scenarios.drift.live import LiveCloud, drifted_cloud
from lamplighter.scenarios.drift.schema import Scenario
from lamplighter.scenarios.drift.worlds import terraform
from lamplighter.scenarios.evaluation.peers import driftsentry, drifty, install, ours, terraform_plan, tfdrift
from lamplighter.scenarios.evaluation.peers.model import Place, Report, Tool, Unusable
from lamplighter.scenarios.evaluation.peers.scoring import Tally, nothing, tally
from lamplighter.scenarios.world import SandboxError, mirror_or_why_not
from lamplighter.tools import process

CASES = 24
"""How many scenarios are compared where no number is asked for: a real plan takes seconds, and there are several."""
PEERS = (tfdrift.TOOL, drifty.TOOL, driftsentry.TOOL)
TITLE = (
    "beside other tools, on the same {cases} drifted clouds (found by address and first part of the attribute,"
    " by address where a tool tells none; false: addresses where nothing was changed; attributed: who and when)"
)
COLUMNS = ("tool", "version", "found", "missed", "false", "attributed", "seconds", "failed runs", "cannot")
_SECONDS = 600.0


class Run(NamedTuple):
    """One tool on one scenario. `failure` is the reason of a run that did not go well, which has found nothing."""

    case: str
    tally: Tally
    seconds: float
    failure: str = ""


def spread(cases: Sequence[Scenario], count: int) -> list[Scenario]:
    """`count` scenarios with something to find, in their order: the most kinds of drift, then of projects, first."""
    left = [case for case in cases if case.suite == "drift"]
    chosen: list[Scenario] = []
    seen: set[str] = set()
    used: Counter[str] = Counter()
    while left and len(chosen) < count:
        new = [(len(_kinds(case) - seen), -used[case.project]) for case in left]
        best = left.pop(new.index(max(new)))
        used[best.project] += 1
        chosen.append(best)
        seen |= _kinds(best)
    return sorted(chosen, key=lambda case: (case.project, case.id))


def _kinds(case: Scenario) -> set[str]:
    return {drift.kind for drift in case.drifts} | {loose.kind for loose in case.unmanaged}


def tables(cases: Sequence[Scenario], count: int | None = None) -> Iterator[dict[str, Any]]:
    """The table of tools, and one of runs that failed. Without Terraform and a mirror, one that says so."""
    mirror, why = mirror_or_why_not()
    chosen = spread(cases, count or CASES)
    title = TITLE.format(cases=len(chosen))
    if mirror is None:
        yield {"title": f"{title}: not measured, {why}", "columns": list(COLUMNS), "rows": []}
        return
    tools, missing = _tools()
    runs: dict[str, list[Run]] = {tool.name: [] for tool in tools}
    for case in chosen:
        for name, run in _on(case, tools, mirror):
            runs[name].append(run)
    rows = [_row(tool, runs[tool.name]) for tool in tools]
    rows += [[tool.name, tool.version, *[""] * 6, why] for tool, why in missing]
    yield {"title": title, "columns": list(COLUMNS), "rows": rows}
    failures = [
        [name, run.case, run.failure] for name, several in runs.items() for run in several if run.failure
    ]
    yield {
        "title": "beside other tools: failed runs, counted as having found nothing",
        "columns": ["tool", "scenario", "reason"],
        "rows": failures,
    }


def _tools() -> tuple[list[Tool], list[tuple[Tool, str]]]:
    """Those that can be run, and those that cannot with the reason. A peer's command has its program's full path."""
    version = json.loads(process.run(["terraform", "version", "-json"]).stdout)["terraform_version"]
    usable = [*ours.tools(), *terraform_plan.tools(version)]
    missing = []
    for tool in PEERS:
        try:
            usable.append(_installed(tool, install.programs(tool, install.cache())))
        except Unusable as error:
            missing.append((tool, f"{error}; {tool.cannot}"))
    return usable, missing


def _installed(tool: Tool, programs: Path) -> Tool:
    def command(place: Place) -> list[str]:
        program, *arguments = tool.command(place)
        return [str(programs / program), *arguments]

    return tool._replace(command=command)


def _on(case: Scenario, tools: Iterable[Tool], mirror: Path) -> Iterator[tuple[str, Run]]:
    with tempfile.TemporaryDirectory() as scratch, drifted_cloud(case, Path(scratch), mirror) as cloud:
        place = _place(case, cloud, Path(scratch))
        terraform(["init", "-input=false", "-no-color"], cloud.code, place.environment)
        for tool in tools:
            yield tool.name, run(tool, place, case)


def _place(case: Scenario, cloud: LiveCloud, scratch: Path) -> Place:
    regions = tuple(dict.fromkeys(region for region, _ in PLACES[case.project].values()))
    case.write_trace(scratch / "trace")
    return Place(
        code=cloud.code,
        trace=scratch / "trace",
        scratch=scratch,
        environment=_environment(cloud.environment, scratch, regions[0]),
        regions=regions,
        addresses={
            (item.type, str(item.attributes.get("id"))): item.address
            for item in resources(case.project).values()
        },
    )


def _environment(environment: Mapping[str, str], scratch: Path, region: str) -> dict[str, str]:
    """What a person at a terminal has besides: a default profile, a home, a wide window."""
    profile = scratch / "aws"
    key, secret = environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"]
    profile.write_text(
        f"[default]\nregion = {region}\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n"
    )
    return {
        **environment,
        "AWS_CONFIG_FILE": str(profile),
        "AWS_SHARED_CREDENTIALS_FILE": str(profile),
        "AWS_DEFAULT_REGION": region,
        "HOME": str(scratch),
        "COLUMNS": "400",
        "NO_COLOR": "1",
    }


def run(tool: Tool, place: Place, case: Scenario) -> Run:
    """One run of a tool, timed from start to end of its process."""
    started = time.monotonic()
    try:
        done = process.run(
            tool.command(place),
            cwd=place.code,
            env=place.environment,
            timeout_s=_SECONDS,
            max_output=256 * 1024 * 1024,
        )
        seconds = time.monotonic() - started
        return Run(case.id, tally(case, _reports(tool, place, done)), seconds)
    except (Unusable, LampError, SandboxError) as error:
        return Run(case.id, nothing(case), time.monotonic() - started, str(error))


def _reports(tool: Tool, place: Place, done: process.Completed) -> Sequence[Report]:
    if done.timed_out:
        raise Unusable(f"took longer than {_SECONDS:g} s")
    if done.code not in tool.codes:
        last = (done.stderr or done.stdout).decode("utf-8", "replace").strip().splitlines()[-1:]
        raise Unusable(f"ended with {done.code}: {' '.join(last)[:200]}")
    try:
        return tool.read(place, done)
    except (ValueError, KeyError, TypeError, OSError) as error:
        last = (done.stderr or done.stdout).decode("utf-8", "replace").strip().splitlines()[-1:]
        raise Unusable(f"its output cannot be read ({error!r:.120}): {' '.join(last)[:160]}") from error


def _row(tool: Tool, runs: Sequence[Run]) -> list[Any]:
    return [
        tool.name,
        tool.version,
        sum(run.tally.found for run in runs),
        sum(len(run.tally.missed) for run in runs),
        sum(len(run.tally.false) for run in runs),
        sum(run.tally.attributed for run in runs),
        round(statistics.median(run.seconds for run in runs), 2) if runs else "",
        sum(bool(run.failure) for run in runs),
        tool.cannot,
    ]
