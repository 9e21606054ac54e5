"""A project's cloud: recorded once from a real apply, rebuilt from the recording, forked for each scenario."""

from __future__ import annotations

import gzip
import json
import os
import pickle
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from lamplighter.scenarios import people
from lamplighter.scenarios.drift.schema import DATA, PROJECTS, base
from lamplighter.scenarios.recorder import Recorder, Request
from lamplighter.scenarios.world import (
    OVERRIDE,
    SandboxClock,
    SandboxError,
    new_cloud,
    served,
    terraform_environment,
)
from lamplighter.tools import process

Answer = TypeVar("Answer")
APPLIED = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


def override(code: Path) -> str:
    """Provider settings for the sandbox, for the default provider and every alias of the root module."""
    text = "".join(path.read_text() for path in sorted(code.glob("*.tf")))
    blocks = re.findall(r'^provider "aws" \{.*?^\}', text, flags=re.DOTALL | re.MULTILINE)
    aliases = [found[1] for block in blocks if (found := re.search(r'alias\s*=\s*"(\w+)"', block))]
    head = 'provider "aws" {\n'
    return OVERRIDE + "".join(OVERRIDE.replace(head, f'{head}  alias = "{name}"\n') for name in aliases)


def prepared(source: Path, folder: Path) -> Path:
    """A copy of the root module `source` in `folder`, with the sandbox's provider settings."""
    copy = folder / "project"
    shutil.copytree(source, copy)
    (copy / "sandbox_override.tf").write_text(override(copy))
    return copy


def terraform(
    arguments: list[str], code: Path, environment: Mapping[str, str], accepted: tuple[int, ...] = (0,)
) -> bytes:
    """Run Terraform in `code`; its output. SandboxError with its own words for another exit code."""
    done = process.run(
        ["terraform", *arguments], cwd=code, env=environment, timeout_s=1200, max_output=256 * 1024 * 1024
    )
    if done.code not in accepted:
        words = (done.stderr or done.stdout).decode(errors="replace").strip()
        raise SandboxError(f"terraform {arguments[0]} ended with {done.code}: {words[-6000:]}")
    return done.stdout


class Applied(NamedTuple):
    """What an apply left: the state file, and the requests that changed something."""

    state: bytes
    requests: list[Request]


def applied(source: Path, mirror: Path) -> Applied:
    """Apply a copy of the root module `source` for real in an empty cloud, and see that it plans clean.

    SandboxError where it does not.
    """
    recorder = new_cloud(dict(people.SESSIONS), SandboxClock(APPLIED))
    with served(recorder) as endpoint, tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        environment = terraform_environment(folder, mirror, endpoint, people.TERRAFORM)
        code = prepared(source, folder)
        terraform(["init", "-no-color", "-input=false"], code, environment)
        terraform(["apply", "-auto-approve", "-no-color", "-input=false"], code, environment)
        # A second apply stores what a refresh fills in (attachments in roles); it must change nothing.
        before = len(recorder.requests)
        terraform(["apply", "-auto-approve", "-no-color", "-input=false"], code, environment)
        if len(recorder.requests) != before:
            again = [f"{item.method} {item.path} {item.body[:300]!r}" for item in recorder.requests[before:]]
            raise SandboxError(f"the second apply changed something: {again}")
        terraform(["plan", "-detailed-exitcode", "-no-color", "-input=false"], code, environment)
        return Applied(
            (code / "terraform.tfstate").read_bytes(), [_owned(item) for item in recorder.requests]
        )


def written(made: Applied, data: Path) -> None:
    """Store an apply in the folder `data`, which is made."""
    data.mkdir(parents=True, exist_ok=True)
    _write(data / "terraform.tfstate.gz", made.state)
    rows = [json.dumps(request.row(), separators=(",", ":")) for request in made.requests]
    _write(data / "recording.jsonl.gz", "\n".join(rows).encode())


def record_base(project: str, mirror: Path) -> str:
    """Apply the project for real and store state, requests and records under `data/`."""
    made = applied(PROJECTS / project, mirror)
    written(made, DATA / project / "base")
    write_apply(project)
    resources = [item for item in json.loads(made.state)["resources"] if item["mode"] == "managed"]
    count = sum(len(item["instances"]) for item in resources)
    return f"{project}: {count} resources, {len(made.requests)} requests"


def _owned(request: Request) -> Request:
    """The request under a key that a later process knows: a role session's key is made at random."""
    if request.headers["HTTP_X_MOTO_ACCOUNT_ID"] == people.ACCOUNT:
        return request
    signature = re.sub(
        r"Credential=[^/]+", f"Credential={people.SPOKE_TERRAFORM}", request.headers["HTTP_AUTHORIZATION"]
    )
    return request._replace(headers={**request.headers, "HTTP_AUTHORIZATION": signature})


def write_apply(project: str) -> None:
    """Write the apply's records again from its requests, for a recorder that spells them differently."""
    recorder = new_cloud(dict(people.SESSIONS), SandboxClock(APPLIED))
    recorder.replay(recording(project))
    made = [json.dumps(event, separators=(",", ":")) for event in recorder.events]
    _write(DATA / project / "base" / "apply.jsonl.gz", "\n".join(made).encode())


def rebuild(project: str, clock: Callable[[], datetime] | None = None) -> Recorder:
    """The cloud of a project as its apply left it, in this process; the recorder has no events yet."""
    recorder = new_cloud(dict(people.SESSIONS), clock or SandboxClock(APPLIED))
    recorder.replay(recording(project))
    recorder.events.clear()
    return recorder


def recording(project: str) -> list[Request]:
    """The requests of the project's apply that changed something."""
    text = gzip.decompress((base(project).data / "recording.jsonl.gz").read_bytes()).decode()
    return [Request.of(json.loads(line)) for line in text.splitlines()]


def forked(work: Callable[[], Answer]) -> Answer:
    """Do `work` in a fork of this process and return its answer: the cloud here stays as it is.

    The process must have no other thread, and the answer must pickle. RuntimeError with the fork's traceback.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _in_the_fork(work, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        sent = pipe.read()
    os.waitpid(child, 0)
    if not sent:
        raise RuntimeError("the fork ended without an answer")
    failed, answer = pickle.loads(sent)
    if failed:
        raise RuntimeError(f"in the fork: {failed}")
    return answer  # type: ignore[no-any-return]


def _in_the_fork(work: Callable[[], Any], writing: int) -> None:
    import traceback

    sent = b""
    try:
        sent = pickle.dumps(("", work()))
    except Exception:  # noqa: BLE001 - a fork has no caller above it: the parent raises what is sent here
        sent = pickle.dumps((traceback.format_exc(), None))
    finally:
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(sent)
        os._exit(0)


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(gzip.compress(content, mtime=0))


def main(arguments: list[str]) -> int:
    """`python -m lamplighter.scenarios.drift.worlds PROJECT...`: record the bases of these projects."""
    mirror = os.environ.get("LAMP_TEST_TF_MIRROR")
    if not arguments or not mirror:
        print("usage: LAMP_TEST_TF_MIRROR=FOLDER python -m lamplighter.scenarios.drift.worlds PROJECT...")
        return 64
    for project in arguments:
        try:
            print(record_base(project, Path(mirror)), flush=True)
        except SandboxError as error:
            print(f"{project}: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
