"""The part of `lamp bench drift` that sets the check beside `terraform plan -refresh-only`, at three sizes.

Both answer the same question of the same drifted cloud, each as the process that a person would start: Terraform in an
initialised directory, with its provider's start; the check from code, state and trace alone.
"""

from __future__ import annotations

import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from lamplighter.core.errors import Unavailable
from lamplighter.core.exits import Exit
from lamplighter.drift.planned import read_plan
from lamplighter.scenarios import people
from lamplighter.scenarios.drift import sized
from lamplighter.scenarios.drift.sized import Key
from lamplighter.scenarios.drift.worlds import terraform
from lamplighter.scenarios.evaluation.registry import Request, Result
from lamplighter.scenarios.recorder import write_trail
from lamplighter.scenarios.world import OVERRIDE, mirror_or_why_not, served, terraform_environment
from lamplighter.tools import process

TITLE = "drift check beside terraform plan -refresh-only, median wall seconds"
COLUMNS = (
    "resources",
    "trace events",
    "plan seconds",
    "check seconds",
    "ratio",
    "changed",
    "plan found",
    "check found",
    "both, of what the plan shows",
)
_ROUNDS = 3
_REFRESH = ("plan", "-refresh-only", "-input=false", "-no-color")


class Pair(NamedTuple):
    """What was measured at one size: medians in seconds, and what each side found."""

    size: int
    events: int
    plan: float
    check: float
    changed: frozenset[Key]
    planned: frozenset[Key]
    checked: frozenset[Key]

    @property
    def ratio(self) -> float:
        return self.plan / self.check

    def row(self) -> list[Any]:
        both = len(self.planned & self.checked)
        return [
            self.size,
            self.events,
            round(self.plan, 2),
            round(self.check, 2),
            round(self.ratio, 1),
            len(self.changed),
            len(self.changed & self.planned),
            len(self.changed & self.checked),
            f"{both} of {len(self.planned)}",
        ]


def check_vs_plan(request: Request, sizes: Sequence[int] = sized.SIZES) -> Result:
    """Wall time of `terraform plan -refresh-only` over that of `lamp drift check`: the least of the sizes' ratios.

    Plan and check run in turn, `sample` rounds (3) after one of each that is not counted; medians. `plan_recall` is the
    share of the drifts shown by the plans that the checks found too, of all sizes together. Both are absent where
    there is no Terraform with a provider mirror; the table's title says why.
    """
    mirror, why = mirror_or_why_not()
    if mirror is None:
        return Result(
            {}, 0, (), ({"title": f"{TITLE}: not measured, {why}", "columns": COLUMNS, "rows": []},)
        )
    pairs = [_pair(size, mirror, request.sample or _ROUNDS) for size in sizes]
    shown = sum(len(pair.planned) for pair in pairs)
    metrics = {"check_vs_plan": round(min(pair.ratio for pair in pairs), 2)}
    if shown:
        metrics["plan_recall"] = round(sum(len(pair.planned & pair.checked) for pair in pairs) / shown, 4)
    table = {"title": TITLE, "columns": COLUMNS, "rows": [pair.row() for pair in pairs]}
    return Result(metrics, sum(pair.size for pair in pairs), ("real terraform", "emulated account"), (table,))


def _pair(size: int, mirror: Path, rounds: int) -> Pair:
    world = sized.world(size)
    recorder = world.rebuilt()
    with served(recorder) as endpoint, tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        code = world.write(folder / "project")
        plain = shutil.copytree(code, folder / "plain")
        (code / "sandbox_override.tf").write_text(OVERRIDE)
        environment = terraform_environment(folder, mirror, endpoint, people.TERRAFORM)
        terraform(["init", "-input=false", "-no-color"], code, environment)
        # A run before the change, as there is every day: its reads are in the trace.
        terraform([*_REFRESH], code, environment)
        changed = frozenset(sized.change(recorder, size, world.state()))
        planned = _planned(code, environment)
        events = list(recorder.events)
        write_trail(events, folder / "trace", people.ACCOUNT)
        argv = _check(plain, folder / "trace")
        checked = _findings(process.run(argv, timeout_s=300))
        seconds: dict[str, list[float]] = {"plan": [], "check": []}
        for _ in range(rounds):
            seconds["plan"].append(_timed(["terraform", *_REFRESH], code, environment))
            seconds["check"].append(_timed(argv, plain, None, Exit.FINDINGS))
    plan, check = (statistics.median(seconds[name]) for name in ("plan", "check"))
    return Pair(size, len(events), plan, check, changed, planned, checked)


def _planned(code: Path, environment: Mapping[str, str]) -> frozenset[Key]:
    terraform([*_REFRESH, "-out=seen"], code, environment)
    document = json.loads(terraform(["show", "-json", "seen"], code, environment))
    (code / "seen").unlink()
    return frozenset(_key(fact.address, fact.attribute) for fact in read_plan(document).facts)


def _check(code: Path, trace: Path) -> list[str]:
    state = code / "terraform.tfstate"
    argv = [sys.executable, "-m", "lamplighter", "drift", "check", str(code)]
    return [*argv, "--trace", str(trace), "--state", str(state), "--json"]


def _findings(done: process.Completed) -> frozenset[Key]:
    if done.code != Exit.FINDINGS:
        raise _ended(done)
    findings = json.loads(done.stdout)["findings"]
    return frozenset(_key(finding["where"], finding["details"].get("attribute", "")) for finding in findings)


def _key(address: str, attribute: str) -> Key:
    return address, attribute.partition(".")[0]


def _timed(
    argv: Sequence[str], code: Path, environment: Mapping[str, str] | None, expected: int = Exit.CLEAN
) -> float:
    started = time.monotonic()
    done = process.run(argv, cwd=code, env=environment, timeout_s=600)
    seconds = time.monotonic() - started
    if done.code != expected:
        raise _ended(done)
    return seconds


def _ended(done: process.Completed) -> Unavailable:
    last = " ".join(done.stderr.decode(errors="replace").strip().splitlines()[-1:])
    return Unavailable(done.argv[0], f"ended with {done.code} ({last})", "mend it before measuring it")
