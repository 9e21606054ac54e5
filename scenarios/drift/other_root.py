"""Runs of another Terraform root in the same account (`projects/search`), recorded from real applies.

Its requests name everything by names, not by ids, so that they can be sent again into any project's cloud.
"""

from __future__ import annotations

import gzip
import json
import os
import sys
import tempfile
from pathlib import Path

from lamplighter.scenarios import people
from lamplighter.scenarios.drift.night import Night
from lamplighter.scenarios.drift.schema import DATA, PROJECTS
from lamplighter.scenarios.drift.worlds import APPLIED, prepared, terraform
from lamplighter.scenarios.recorder import Request, send
from lamplighter.scenarios.world import SandboxClock, new_cloud, served, terraform_environment

RUNS = DATA / "search" / "runs.jsonl.gz"


def record(mirror: Path) -> int:
    """Apply the root, apply it again with another value, destroy it; store each run's requests. Their number."""
    recorder = new_cloud(dict(people.SESSIONS), SandboxClock(APPLIED))
    rows = []
    with served(recorder) as endpoint, tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        environment = terraform_environment(folder, mirror, endpoint, people.OTHER_TERRAFORM)
        code = prepared(PROJECTS / "search", folder)
        terraform(["init", "-no-color", "-input=false"], code, environment)
        run = ["apply", "-auto-approve", "-no-color", "-input=false"]
        for number, arguments in enumerate((run, [*run, "-var", "days=30"], [*run, "-destroy"])):
            before = len(recorder.requests)
            terraform(arguments, code, environment)
            rows += [[number, request.row()] for request in recorder.requests[before:]]
    RUNS.parent.mkdir(parents=True, exist_ok=True)
    text = "\n".join(json.dumps(row, separators=(",", ":")) for row in rows)
    RUNS.write_bytes(gzip.compress(text.encode(), mtime=0))
    return len(rows)


def runs() -> list[list[Request]]:
    """The requests of each run, in order: apply, change, destroy."""
    rows = [json.loads(line) for line in gzip.decompress(RUNS.read_bytes()).decode().splitlines()]
    return [[Request.of(row) for number, row in rows if number == wanted] for wanted in range(3)]


def happen(night: Night, most: int) -> None:
    """Let the first `most` runs happen, in a step each."""
    for requests in runs()[:most]:
        with night.step("another-terraform-root", people.OTHER_TERRAFORM):
            for request in requests:
                send(night.recorder, request)
                night.look()
                night.clock.forward(night.draw.choice([0, 0, 1]))
        night.clock.forward(night.draw.randint(300, 3000))


if __name__ == "__main__":
    print(record(Path(os.environ["LAMP_TEST_TF_MIRROR"])), "requests", file=sys.stderr)
