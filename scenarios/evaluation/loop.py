"""Does the whole loop close? Plain language -> findings -> plan -> approval -> files -> a clean plan by Terraform.

Each case is a drifted cloud of its own, put up as `drift_terraform` does, and a copy of the project's directory. The
request goes through the graph; the plan is approved by its digest as a person would, and executed through the ledger.
What is clean is read here from Terraform's own `show -json`, and what was to become clean from what is true of the
cloud: no verdict of the engine counts.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import tempfile
import tomllib
import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from lamplighter.core.errors import LampError, Unavailable
from lamplighter.core.events import ApprovalNeeded, Event, Found, Proposed, Reported
from lamplighter.scenarios.drift import schema
from lamplighter.scenarios.drift.schema import Scenario
from lamplighter.scenarios.evaluation import drift_terraform as live
from lamplighter.scenarios.evaluation.registry import Request, Result
from lamplighter.tools import process
from lamplighter.tools.terraform import Terraform

if TYPE_CHECKING:
    from lamplighter.agents.wiring import Wiring
    from lamplighter.core.approvals import Approval

CASES = 32
"""Where no number is asked for: four of each project."""
_MODULE = "lamplighter.scenarios.evaluation.loop"
_WHO = "ann@laptop"
_UNNAMED = frozenset({"this", "main", "own", "self"})
"""Names of resources that nobody would say."""


class Wording(BaseModel):
    """A way to ask. `text` is filled with what the case has; `scope` is what the request is then about."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str
    scope: Literal["all", "name", "address"]


class Asked(NamedTuple):
    """A request, and the addresses that the code has to agree with once it is done."""

    text: str
    addresses: tuple[str, ...]


class Closed(NamedTuple):
    """How one case went. `stopped` is where the loop did not go on, empty where it came to its end; `differing` are
    the asked addresses that Terraform would still change, `beside` others that it would."""

    scenario: str
    project: str
    request: str
    stopped: str
    differing: tuple[str, ...]
    beside: tuple[str, ...]
    written_unapproved: bool
    done_twice: bool

    @property
    def clean(self) -> bool:
        return not (self.stopped or self.differing or self.beside)


def evaluate(request: Request) -> Result:
    """The share of cases whose loop closes; skipped, with the reason, where Terraform or its provider is missing."""
    chosen = spread(request.sample or CASES)
    if lacking := live.missing():
        row = {"title": "with Terraform", "columns": ["measured", "why"], "rows": [["no", lacking]]}
        return Result({}, 0, ("own scenarios",), (row,))
    done = closed(chosen)
    return Result(
        metrics={
            "loop_clean": round(sum(one.clean for one in done) / len(done), 4),
            "loop_written_unapproved": float(sum(one.written_unapproved for one in done)),
            "loop_done_twice": float(sum(one.done_twice for one in done)),
            "loop_beside": float(sum(len(one.beside) for one in done)),
        },
        cases=len(done),
        labels=("own scenarios", "real terraform"),
        tables=tuple(_tables(done)),
        sampled=True,
    )


def spread(count: int) -> list[Scenario]:
    """As many cases of each project as of any other, spread evenly over its nights in which managed things drifted."""
    nights = {name: [case for case in schema.scenarios(name) if case.drifts] for name in schema.projects()}
    nights = {name: cases for name, cases in nights.items() if cases}
    shares = {name: count // len(nights) + (at < count % len(nights)) for at, name in enumerate(nights)}
    return [
        cases[index * len(cases) // shares[name]]
        for name, cases in nights.items()
        for index in range(min(shares[name], len(cases)))
    ]


@cache
def wordings() -> tuple[Wording, ...]:
    """Those of loop.toml; pydantic's ValidationError where it breaks its schema."""
    rows = tomllib.loads(Path(__file__).with_name("loop.toml").read_text("utf-8"))["wording"]
    return tuple(Wording.model_validate(row) for row in rows)


def asked(case: Scenario) -> Asked:
    """The request of a case: one of the wordings for which it has all words, always the same."""
    said = _words(case)
    fitting = [one for one in wordings() if all(said[name] for name in said if f"{{{name}}}" in one.text)]
    wording = fitting[zlib.crc32(case.id.encode()) % len(fitting)]
    first = case.drifts[0]
    about = {
        "all": [drift.address for drift in case.drifts],
        "name": [
            drift.address
            for drift in case.drifts
            if _name(drift.address) == said["name"] and drift.type == first.type
        ],
        "address": [first.address],
    }
    return Asked(wording.text.format_map(said), tuple(dict.fromkeys(about[wording.scope])))


def _words(case: Scenario) -> dict[str, str]:
    from lamplighter.agents.requests import vocabulary

    first = case.drifts[0]
    name = _name(first.address)
    spoken = vocabulary().kinds.get(first.type, ())
    return {
        "project": case.project,
        "address": first.address,
        "name": "" if len(name) < 4 or name in _UNNAMED else name,
        "word": spoken[-1] if spoken else "",
    }


def _name(address: str) -> str:
    return (
        address.rpartition("[")[0].rpartition(".")[2] if address.endswith("]") else address.rpartition(".")[2]
    )


def closed(cases: Sequence[Scenario]) -> list[Closed]:
    """In the order of the cases. Raises Unavailable when a child process ends before its cases do."""
    found = live.mirror()
    if found is None:
        raise Unavailable("terraform", live.missing(), "see scenarios/drift/README.md")
    of_project: dict[str, list[str]] = defaultdict(list)
    for case in cases:
        of_project[case.project].append(case.id)
    with ThreadPoolExecutor(live.WORKERS) as pool:
        done = pool.map(lambda share: _in_child(share[0], share[1], found), of_project.items())
        by_id = {one.scenario: one for share in done for one in share}
    return [by_id[case.id] for case in cases]


def _in_child(project: str, cases: Sequence[str], mirror: Path) -> list[Closed]:
    with tempfile.TemporaryDirectory() as scratch, live.provider(project, mirror, Path(scratch)) as shared:
        argv = [sys.executable, "-m", _MODULE, str(mirror), project, *cases]
        limit = live.CASE_SECONDS * (len(cases) + 1)
        done = process.run(argv, env={**os.environ, **shared}, timeout_s=limit)
    if done.code != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
        raise Unavailable(f"loops of {project}", f"ended with {done.code}: {said[0]}", "mend it first")
    return [_read(json.loads(line)) for line in done.stdout.decode().splitlines()]


def _read(row: Mapping[str, Any]) -> Closed:
    return Closed(**{**row, "differing": tuple(row["differing"]), "beside": tuple(row["beside"])})


def loop(case: Scenario, request: Asked, directory: Path, scratch: Path, env: Mapping[str, str]) -> Closed:
    """One case in `directory`, an initialised copy with its state, in whose cloud the night has been."""
    trace = scratch / "trace"
    case.write_trace(trace)
    wiring = _wired(case, directory, trace, scratch / "state")
    before = _files(directory)
    events = asyncio.run(_ask(wiring, request.text))
    outcome = Closed(case.id, case.project, request.text, "", (), (), _files(directory) != before, False)
    if stopped := _lacking(events, request):
        return outcome._replace(stopped=stopped)
    digest = next(event.digest for event in events if isinstance(event, Proposed))
    try:
        executed = _approved(wiring, digest, events)
    except LampError as error:
        return outcome._replace(stopped=f"not executed: {error}")
    if executed:
        return outcome._replace(stopped=executed)
    written = _files(directory)
    outcome = outcome._replace(done_twice=_again(wiring, digest) or _files(directory) != written)
    made = Terraform(directory, seconds=live.CASE_SECONDS, env=dict(env)).planned()
    if made.data is None:
        return outcome._replace(stopped=f"terraform plan: {made.problem}")
    changed = set(changing(made.data))
    drifted = {drift.address for drift in case.drifts}
    return outcome._replace(
        differing=tuple(sorted(changed & {*request.addresses})), beside=tuple(sorted(changed - drifted))
    )


def changing(document: Mapping[str, Any]) -> Iterator[str]:
    """The addresses that the plan (as `terraform show -json` prints it) would change."""
    for entry in document.get("resource_changes", []):
        if entry["change"]["actions"] not in (["no-op"], ["read"]):
            yield entry["address"]


def _wired(case: Scenario, directory: Path, trace: Path, state_dir: Path) -> Wiring:
    from lamplighter.agents.wiring import build
    from lamplighter.core.config import Config

    end = datetime.fromisoformat(case.window[1]).astimezone(UTC) + timedelta(minutes=1)
    return build(Config(project=directory, trace=(trace,), state_dir=state_dir), clock=_Fixed(end))


class _Fixed(NamedTuple):
    """The morning after, for the words that tell of a time."""

    moment: datetime

    def now(self) -> datetime:
        return self.moment


async def _ask(wiring: Wiring, text: str) -> list[Event]:
    from lamplighter.agents.session import Session

    async with Session.open(wiring, thread="loop", channel="cli", identity=_WHO) as session:
        return [event async for event in session.ask(text)]


def _lacking(events: Sequence[Event], request: Asked) -> str:
    """Why there is nothing to approve, or what was not found; empty where all is there."""
    found = {event.finding.where for event in events if isinstance(event, Found)}
    if missed := [address for address in request.addresses if address not in found]:
        return f"not found: {', '.join(missed)}"
    if any(isinstance(event, Proposed) for event in events):
        return ""
    (said,) = (event.text for event in events if isinstance(event, Reported))
    return f"no plan: {said}"


def _approved(wiring: Wiring, digest: str, events: Sequence[Event]) -> str:
    """Approves that plan, in the conversation where it waits there, else as `lamp plan approve` does, and executes it.

    Returns what step did not end as done and verified; empty for none.
    """
    if any(isinstance(event, ApprovalNeeded) for event in events):
        asyncio.run(_decide(wiring, digest))
        approval = _approval(wiring, digest)
    else:
        with wiring.open_ledger() as ledger:
            # What is proposed in words cannot be approved; the edits can.
            plan = ledger.find_plan(digest)
            edits = plan.executable()
            if not edits.steps:
                return "a proposal in words only"
            ledger.request_approval(edits, requested_by=_WHO, channel="cli", policy=wiring.policy)
            approval = ledger.decide(
                edits.digest, approve=True, approver=_WHO, channel="cli", policy=wiring.policy
            )
        wiring.execute(approval.id)
    ended = wiring.execute(approval.id)
    wrong = [f"{step.step}: {step.result.detail}" for step in ended.steps if not step.verified]
    return "; ".join([*wrong, ended.stopped]).strip("; ")


async def _decide(wiring: Wiring, digest: str) -> None:
    from lamplighter.agents.session import Session

    async with Session.open(wiring, thread="loop", channel="cli", identity=_WHO) as session:
        async for _event in session.decide(digest, "approve"):
            pass


def _approval(wiring: Wiring, digest: str) -> Approval:
    with wiring.open_ledger() as ledger:
        return ledger.approvals_of(digest)[-1]


def _again(wiring: Wiring, digest: str) -> bool:
    """Whether executing the same plan once more does anything."""
    with wiring.open_ledger() as ledger:
        known = [row for row in ledger.approvals() if row.digest == digest] or ledger.approvals()
    return wiring.execute(known[-1].id).recorded_at is None


def _files(directory: Path) -> dict[str, tuple[int, bytes]]:
    """Every file but Terraform's own, with its inode: a file that is written anew has another one."""
    return {
        str(path.relative_to(directory)): (path.stat().st_ino, path.read_bytes())
        for path in sorted(directory.rglob("*"))
        if path.is_file() and ".terraform" not in path.relative_to(directory).parts
    }


def _tables(done: Sequence[Closed]) -> Iterator[dict[str, Any]]:
    by_project: dict[str, list[Closed]] = defaultdict(list)
    for one in done:
        by_project[one.project].append(one)
    yield {
        "title": "by project",
        "columns": ["project", "loops", "clean"],
        "rows": [[name, len(group), sum(one.clean for one in group)] for name, group in by_project.items()],
    }
    yield {
        "title": "failures",
        "columns": ["scenario", "request", "stopped", "still differs", "changed beside"],
        "rows": [
            [one.scenario, one.request, one.stopped, " ".join(one.differing), " ".join(one.beside)]
            for one in done
            if not one.clean
        ],
    }


def main(arguments: Sequence[str]) -> int:
    """`python -m ... MIRROR PROJECT CASE...`: a line of JSON for each case."""
    # Loaded once, here: each case is a fork.
    import lamplighter.agents.session  # noqa: F401  # pyright: ignore[reportUnusedImport]
    from lamplighter.scenarios.drift.worlds import forked

    mirror, name, *wanted = arguments
    with live.project(name, Path(mirror)) as project:
        for case in schema.scenarios(name):
            if case.id in wanted:
                done = forked(lambda case=case: _forked(case, project))  # type: ignore[misc]
                print(json.dumps(done._asdict()), flush=True)
    return 0


def _forked(case: Scenario, project: live.Project) -> Closed:
    """Makes the case's night in this process's cloud, and closes its loop in a copy of the directory."""
    from lamplighter.scenarios.drift.live import left_by
    from lamplighter.scenarios.world import served

    left_by(case, project.recorder)
    with (
        served(project.recorder, int(os.environ.get(live.PORT, "0"))) as endpoint,
        tempfile.TemporaryDirectory() as scratch,
    ):
        directory = Path(scratch, case.project)
        shutil.copytree(project.code, directory, symlinks=True)
        return loop(case, asked(case), directory, Path(scratch), project.environment(endpoint))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
