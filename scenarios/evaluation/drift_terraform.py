"""The drift scenarios with real Terraform: each case's cloud is put up again, and the check asks it.

A project's cloud is rebuilt once in a child process and forked for each of its cases; Terraform is initialised once,
and its provider, which takes longer to start than a plan to make, stays up for all of them. Not for a project that
configures the provider more than once: one process of it holds one configuration.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import re
import shutil
import socket
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from lamplighter.core.errors import InputError, Unavailable
from lamplighter.drift.provider_schema import ProviderSchemas, trimmed
from lamplighter.drift.refreshed import Refresh
from lamplighter.scenarios import people
from lamplighter.scenarios.drift import schema
from lamplighter.scenarios.drift.schema import Scenario
from lamplighter.scenarios.evaluation.drift_patch import Patched
from lamplighter.scenarios.evaluation.drift_score import Score, score, wrong_of
from lamplighter.scenarios.evaluation.patch_terraform import Plans, patched
from lamplighter.scenarios.recorder import Recorder
from lamplighter.scenarios.world import MIRROR_VARIABLE, served, terraform_environment
from lamplighter.tools import process
from lamplighter.tools.interrupt import ended_by
from lamplighter.tools.terraform import Terraform

WORKERS = 2
"""Cases at a time: each is a plan by Terraform and a cloud that answers it."""
_MODULE = "lamplighter.scenarios.evaluation.drift_terraform"
_SPLIT = 24
"""Cases of a project from which on more than one worker takes them: what a project costs once is then small."""
_CASE_SECONDS = 300.0
_FINDER = schema.SCENARIOS.parent / ".ci" / "terraform_mirror.py"


class Scored(NamedTuple):
    """The score of a case, whether Terraform answered, and how its patches did, where they were made."""

    score: Score
    answered: bool
    patched: tuple[Patched, ...] = ()


class _Share(NamedTuple):
    """Cases of one project for one child process."""

    project: str
    cases: tuple[str, ...]


def missing() -> str:
    """Why cases cannot be run with Terraform; empty where they can."""
    if shutil.which("terraform") is None:
        return "terraform is not on PATH"
    if importlib.util.find_spec("moto") is None:
        return "moto is not installed (it is in the sandbox extra)"
    return "" if mirror() else f"no provider mirror with hashicorp/aws: name one with {MIRROR_VARIABLE}"


def mirror() -> Path | None:
    """The folder of a provider mirror: the one that is named (none for an empty name), or one on this machine."""
    named = os.environ.get(MIRROR_VARIABLE)
    if named is None and _FINDER.is_file():
        named = process.run([sys.executable, str(_FINDER)], timeout_s=120).stdout.decode().strip()
    return Path(named) if named and Path(named).is_dir() else None


def with_terraform(cases: Sequence[Scenario], *, patches: bool) -> list[Scored]:
    """In the order of the cases; with `patches` those are made and judged too. Raises Unavailable when a child process
    ends before its cases do."""
    found = mirror()
    if found is None:
        raise Unavailable("terraform", missing(), "see scenarios/drift/README.md")
    with ThreadPoolExecutor(WORKERS) as pool:
        done = pool.map(lambda share: _in_child(share, found, patches=patches), _shares(cases))
        scored = {item.score.scenario: item for items in done for item in items}
    return [scored[case.id] for case in cases]


def _shares(cases: Sequence[Scenario]) -> list[_Share]:
    of_project: dict[str, list[str]] = defaultdict(list)
    for case in cases:
        of_project[case.project].append(case.id)
    shares: list[_Share] = []
    for project, names in of_project.items():
        count = WORKERS if len(names) >= _SPLIT else 1
        shares += [_Share(project, tuple(names[part::count])) for part in range(count)]
    return sorted(shares, key=lambda share: -len(share.cases))


def _in_child(share: _Share, mirror: Path, *, patches: bool) -> list[Scored]:
    with tempfile.TemporaryDirectory() as scratch, _provider(share.project, mirror, Path(scratch)) as shared:
        argv = [sys.executable, "-m", _MODULE, str(mirror), share.project, "patch" if patches else "detect"]
        limit = _CASE_SECONDS * (len(share.cases) + 1)
        done = process.run([*argv, *share.cases], env={**os.environ, **shared}, timeout_s=limit)
    if done.code != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
        raise Unavailable(f"cases of {share.project}", f"ended with {done.code}: {said[0]}", "mend it first")
    return [_scored(json.loads(line)) for line in done.stdout.decode().splitlines()]


def _scored(row: Mapping[str, Any]) -> Scored:
    fields = row["score"]
    told = tuple(map(wrong_of, fields["wrong"]))
    found = Score(**{**fields, "kinds": tuple(fields["kinds"]), "wrong": told})
    return Scored(found, row["answered"], tuple(map(Patched.of_row, row["patched"])))


_PORT = "LAMP_TEST_CLOUD_PORT"


@contextlib.contextmanager
def _provider(project: str, mirror: Path, folder: Path) -> Iterator[dict[str, str]]:
    """A provider that runs, and the variables by which the child finds it; none where it could not be shared."""
    program = next((path for path in mirror.rglob("terraform-provider-aws*") if path.is_file()), None)
    if program is None or program.suffix == ".zip" or _configurations(schema.PROJECTS / project) > 1:
        yield {}
        return
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    said, over = folder / "provider", threading.Event()
    environment = terraform_environment(folder, mirror, f"http://127.0.0.1:{port}", people.TERRAFORM)
    # The provider prints where it listens and then stays: its output goes to a file that can be read meanwhile.
    into = "import os, sys; os.dup2(os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT, 0o600), 1); "
    argv = [
        sys.executable,
        "-c",
        f"{into}os.execv(sys.argv[2], sys.argv[2:])",
        str(said),
        str(program),
        "-debug",
    ]

    def stay() -> None:
        with ended_by(over, 5.0):
            process.run(argv, env=environment, timeout_s=7200.0)

    thread = threading.Thread(target=stay, daemon=True)
    thread.start()
    try:
        yield {"TF_REATTACH_PROVIDERS": _address(said), _PORT: str(port)}
    finally:
        over.set()
        thread.join()


def _address(said: Path) -> str:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        text = said.read_text(errors="replace") if said.is_file() else ""
        if match := re.search(r"TF_REATTACH_PROVIDERS='([^']+)'", text):
            return match[1]
        time.sleep(0.2)
    raise Unavailable("terraform provider", "does not say where it listens", "check the mirror")


def _configurations(code: Path) -> int:
    text = "".join(path.read_text() for path in sorted(code.glob("*.tf")))
    return len(re.findall(r'^provider "aws"', text, re.MULTILINE))


class _Project(NamedTuple):
    """What the cases of a project have in common; `environment` is for Terraform, the endpoint of a case apart."""

    code: Path
    recorder: Recorder
    schemas: dict[str, Any]
    folder: Path
    mirror: Path

    def environment(self, endpoint: str) -> dict[str, str]:
        reattach = os.environ.get("TF_REATTACH_PROVIDERS")
        shared = {"TF_REATTACH_PROVIDERS": reattach} if reattach else {}
        return terraform_environment(self.folder, self.mirror, endpoint, people.TERRAFORM) | shared

    def scored(self, case: Scenario, *, patches: bool) -> Scored:
        """Makes the case's night in this process's cloud and asks it."""
        from lamplighter.drift import check_directory
        from lamplighter.scenarios.drift.live import left_by

        left_by(case, self.recorder)
        port = int(os.environ.get(_PORT, "0"))
        with served(self.recorder, port) as endpoint, tempfile.TemporaryDirectory() as scratch:
            case.write_trace(Path(scratch))
            environment = self.environment(endpoint)
            schemas = ProviderSchemas(self.schemas)
            refresh = Refresh(seconds=_CASE_SECONDS, env=environment, schemas=schemas)
            report = check_directory(self.code, [Path(scratch)], refresh=refresh)
            made: tuple[Patched, ...] = ()
            if patches:
                plans = Plans(self.code, environment, self.schemas, _CASE_SECONDS)
                made = tuple(patched(case, report, check_directory(self.code, [Path(scratch)]), plans))
        answered = report.live.source != "trace"
        return Scored(score(case, report.findings, incomplete=report.incomplete), answered, made)


@contextlib.contextmanager
def _project(name: str, mirror: Path) -> Iterator[_Project]:
    """A project's cloud in this process, and its code with its state in an initialised folder."""
    from lamplighter.scenarios.drift.worlds import prepared, rebuild

    recorder = rebuild(name)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        code = prepared(schema.PROJECTS / name, folder)
        schema.base(name).write_state(code)
        environment = terraform_environment(folder, mirror, "http://127.0.0.1:9", people.TERRAFORM)
        terraform = Terraform(code, env=environment, seconds=_CASE_SECONDS)
        started = terraform.init()
        described = terraform.schemas() if started.data is not None else started
        if not isinstance(described.data, dict):
            raise InputError(name, described.problem, "check the provider mirror")
        # Of the types that a patch may bring under the code too.
        types = {entry["type"] for entry in schema.base(name).state()["resources"]}
        types |= {loose.type for case in schema.scenarios(name) for loose in case.unmanaged}
        yield _Project(code, recorder, trimmed(described.data, types), folder, mirror)


def _row(done: Scored) -> dict[str, Any]:
    """What `_scored` reads."""
    return {
        "score": done.score._asdict(),
        "answered": done.answered,
        "patched": [item._asdict() for item in done.patched],
    }


def main(arguments: Sequence[str]) -> int:
    """`python -m ... MIRROR PROJECT STAGE CASE...`: a line of JSON for each case."""
    from lamplighter.scenarios.drift.worlds import forked

    mirror, name, stage, *wanted = arguments
    patches = stage == "patch"
    with _project(name, Path(mirror)) as project:
        for case in schema.scenarios(name):
            if case.id in wanted:
                done = forked(lambda case=case: project.scored(case, patches=patches))  # type: ignore[misc]
                print(json.dumps(_row(done)), flush=True)
    return 0


PORT, CASE_SECONDS, project, provider = _PORT, _CASE_SECONDS, _project, _provider
Project: TypeAlias = _Project

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
