"""A real account (moto) with a real project applied by real Terraform, and its plans: for tests and recordings."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lamplighter.core.results import Outcome
from lamplighter.scenarios import people
from lamplighter.scenarios.world import MIRROR_VARIABLE, OVERRIDE, SandboxClock, cloud, terraform_environment
from lamplighter.tools.terraform import PlanMode, Terraform

HERE = Path(__file__).parent
DATA = HERE / "data"
PROJECTS = {
    "payments": HERE.parents[2] / "scenarios" / "projects" / "payments",
    "shadows": HERE / "shadows",
}

needs_terraform = pytest.mark.skipif(
    not os.environ.get(MIRROR_VARIABLE) or shutil.which("terraform") is None,
    reason=f"needs terraform on PATH and {MIRROR_VARIABLE}=FOLDER of a mirror with hashicorp/aws",
)


class World:
    """One applied project. `folder` holds its code and state, `terraform` runs there."""

    def __init__(self, folder: Path, endpoint: str, environment: dict[str, str]) -> None:
        self.folder = folder
        self.endpoint = endpoint
        self.environment = environment
        self.terraform = Terraform(folder, env=environment, seconds=300)
        self.state: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        """A boto3 client of a person, who is not Terraform."""
        import boto3

        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name="eu-west-1",
            aws_access_key_id=people.MARIA,
            aws_secret_access_key="sandbox",
        )

    def attributes(self, address: str) -> dict[str, Any]:
        """What the state recorded of an address after the apply."""
        for entry in self.state["resources"]:
            module = f"{entry['module']}." if entry.get("module") else ""
            for instance in entry["instances"]:
                key = instance.get("index_key")
                found = f"{module}{entry['type']}.{entry['name']}" + (f'["{key}"]' if key is not None else "")
                if found == address:
                    return dict(instance["attributes"])
        raise KeyError(address)

    def plan(self, mode: PlanMode = "refresh-only") -> dict[str, Any]:
        result = self.terraform.planned(mode=mode)
        assert result.data is not None, result.problem
        return result.data

    def schemas(self) -> dict[str, Any]:
        result = self.terraform.schemas()
        assert result.data is not None, result.problem
        return result.data


@contextmanager
def applied(name: str, scratch: Path) -> Iterator[World]:
    """The project `name` in an account of its own, just applied."""
    clock = SandboxClock(datetime(2026, 11, 20, 9, 30, tzinfo=UTC))
    with cloud(dict(people.SESSIONS), clock) as (_, endpoint):
        environment = terraform_environment(
            scratch, Path(os.environ[MIRROR_VARIABLE]), endpoint, people.TERRAFORM
        )
        folder = scratch / name
        shutil.copytree(PROJECTS[name], folder)
        (folder / "sandbox_override.tf").write_text(OVERRIDE)
        world = World(folder, endpoint, environment)
        started = world.terraform.init()
        assert started.data is not None, started.problem
        made = world.terraform.plan(scratch / "plan")
        assert made.data is not None, made.problem
        done = world.terraform.apply(made.data)
        assert done.outcome is Outcome.DONE, done.detail
        state = world.terraform.pull_state()
        assert state.data is not None, state.problem
        world.state = json.loads(state.data)
        yield world
