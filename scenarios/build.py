"""Build the checked-in data of a project: `python -m lamplighter.scenarios.build payments`.

Needs `terraform` on PATH and a filesystem mirror of hashicorp/aws named by LAMP_TEST_TF_MIRROR.
"""

import json
import os
import random
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lamplighter.scenarios import people
from lamplighter.scenarios.injection import Account, Drift, inject, instances
from lamplighter.scenarios.recorder import Event, write_trail
from lamplighter.scenarios.world import (
    MIRROR_VARIABLE,
    SandboxClock,
    SandboxError,
    apply,
    cloud,
    terraform_environment,
)

HERE = Path(__file__).resolve().parent


def build(name: str, mirror: Path) -> None:
    """Apply the project, change the account, read it back; write state, trace and truth under `data/`."""
    clock = SandboxClock(datetime(2026, 11, 20, 9, 30, tzinfo=UTC))
    with (
        cloud(dict(people.SESSIONS), clock) as (recorder, endpoint),
        tempfile.TemporaryDirectory() as scratch,
    ):
        folder = Path(scratch)
        environment = terraform_environment(folder, mirror, endpoint, people.TERRAFORM)
        state = apply(HERE / "projects" / name, folder, environment)
        account = Account(endpoint, recorder, clock, json.loads(state.read_text()))
        inject(account)
        truth = {
            "schema": "lamplighter/drift-truth/v1",
            "project": name,
            "account": people.ACCOUNT,
            "drifts": [entry(drift, account.state) for drift in account.drifts],
            "noise": account.noise,
        }
        data = HERE / "data" / name
        shutil.rmtree(data / "trace", ignore_errors=True)
        data.mkdir(parents=True, exist_ok=True)
        shutil.copy(state, data / "terraform.tfstate")
    write_trail(delivered(recorder.events), data / "trace", people.ACCOUNT)
    duplicate(account.drifts[0].events[0], data / "trace")
    (data / "truth.json").write_text(json.dumps(truth, indent=2, sort_keys=True) + "\n")


def entry(drift: Drift, state: dict[str, Any]) -> dict[str, Any]:
    """A drift as truth.json has it: the last event that changed the value says who, when, how and from where."""
    cause = next(event for event in reversed(drift.events) if event["eventName"] != "StartInstances")
    identity = cause["userIdentity"]
    return {
        "address": drift.address,
        "path": drift.path,
        "risk": drift.risk,
        "code": code_value(instances(state), drift.address, drift.path),
        "live": drift.live(),
        "who": identity["arn"],
        "when": cause["eventTime"],
        "tool": cause["userAgent"],
        "source_ip": cause["sourceIPAddress"],
        "events": [event["eventID"] for event in drift.events],
    }


def code_value(known: dict[str, dict[str, Any]], address: str, path: str) -> Any:
    """The state's value at a dotted path; "" is the resource itself, shown by its id; None for what is not there."""
    attributes = known[address]
    if path == "managed_policy_arns":
        # The role's own list is from before its attachments were made; they are resources of their own.
        return sorted(
            item["policy_arn"]
            for name, item in known.items()
            if name.startswith("aws_iam_role_policy_attachment.") and item["role"] == attributes["name"]
        )
    if not path:
        return {"id": attributes["id"]}
    if path == "ingress":
        kept = ("from_port", "to_port", "protocol", "cidr_blocks")
        return sorted(
            ({key: item[key] for key in kept} for item in attributes[path]),
            key=lambda item: item["from_port"],
        )
    value: Any = attributes
    for part in path.split("."):
        value = value[int(part)] if isinstance(value, list) else (value or {}).get(part)
    return value


def delivered(events: list[Event]) -> list[Event]:
    """Events as a trail delivers them: not in order of time inside a file. The shuffle is seeded."""
    shuffled = list(events)
    random.Random(20261122).shuffle(shuffled)
    return shuffled


def duplicate(event: Event, root: Path) -> None:
    """Deliver one event a second time in a file of its own, as a second trail on the same bucket does."""
    write_trail([event], root, people.ACCOUNT, minutes=1)


def main(arguments: list[str]) -> int:
    """Command line; 64 for a wrong call, 1 where Terraform or its mirror is missing."""
    if len(arguments) != 1 or not (HERE / "projects" / arguments[0]).is_dir():
        print(
            "usage: python -m lamplighter.scenarios.build PROJECT (a folder of scenarios/projects)",
            file=sys.stderr,
        )
        return 64
    mirror = os.environ.get(MIRROR_VARIABLE)
    if not mirror or not shutil.which("terraform"):
        print(
            f"build: needs terraform on PATH and {MIRROR_VARIABLE}=FOLDER of a provider mirror",
            file=sys.stderr,
        )
        return 1
    try:
        build(arguments[0], Path(mirror))
    except SandboxError as error:
        print(f"build: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
