"""Asks Terraform what is live: one plan, and what went wrong where there is none. Nothing is written in the directory.

One plan of mode `normal`, not a refresh-only one. Measured with hashicorp/aws 5.100 on a project of 27 resources: 5.7 s
of CPU for refresh-only, 6.1 s for normal, and two runs are twice that, since starting the provider is most of it. The
normal plan alone tells what the state has taken over already (a change that is due), what the code says by now
(a difference from the state that no apply would touch), and values of code that the files alone do not tell.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, TypeVar

from lamplighter.core.config import Config
from lamplighter.core.errors import LampError
from lamplighter.core.results import ToolResult
from lamplighter.core.text import printable
from lamplighter.drift.planned import PlanRead, read_plan
from lamplighter.drift.provider_schema import ProviderSchemas
from lamplighter.tools.terraform import Terraform, opened, with_profile

_T = TypeVar("_T")
_SHARE = 0.8
"""Of a request's time: what is left is for the trace's own answer, which is given where Terraform takes too long."""


@dataclass(frozen=True)
class Refresh:
    """How Terraform is to be asked. `seconds` of wall time for all of it; `cancel`, set by any thread, ends it.

    `schemas` are those of the providers where they are at hand: they take as long to print as a small plan to make.
    """

    program: str = "terraform"
    seconds: float = 600.0
    env: Mapping[str, str] | None = None
    cancel: threading.Event | None = None
    schemas: ProviderSchemas | None = None
    workspace: str = ""
    """One that exists; the selected one where it is empty."""

    @classmethod
    def of(cls, config: Config) -> Refresh:
        """With the program, the time limit and the AWS profile of the settings."""
        return cls(
            program=config.terraform_program,
            seconds=_SHARE * config.budgets.seconds,
            env=with_profile(config.aws_profile),
        )

    @property
    def name(self) -> str:
        """The program as it is called in a line of text."""
        return printable(Path(self.program).name, limit=40)


class Refreshed(NamedTuple):
    """`plan` is None where Terraform could not answer, and `problem` says in one line why and what helps."""

    plan: PlanRead | None
    schemas: ProviderSchemas | None = None
    problem: str = ""


def refreshed(directory: Path, refresh: Refresh) -> Refreshed:
    """What Terraform sees in the accounts of a root module, whatever happens to it on the way. Takes no lock."""
    try:
        with opened(
            directory,
            program=refresh.program,
            seconds=refresh.seconds,
            env=refresh.env,
            cancel=refresh.cancel,
        ) as terraform:
            return _asked(terraform, refresh)
    except LampError as error:
        return Refreshed(None, problem=str(error))


class _Failed(Exception):
    """A step did not answer; the text is the whole line."""


def _asked(terraform: Terraform, refresh: Refresh) -> Refreshed:
    until = time.monotonic() + refresh.seconds

    def step(name: str, call: Callable[[], ToolResult[_T]]) -> _T:
        terraform.seconds = max(1.0, until - time.monotonic())
        result = call()
        if result.data is None:
            raise _Failed(f"{refresh.name} {name}: {result.problem}")
        return result.data

    try:
        if terraform.mirrored:
            step("init", terraform.init)
        if refresh.workspace:
            terraform = terraform.in_workspace(refresh.workspace)
        document = step("plan", terraform.planned)
    except _Failed as failure:
        return Refreshed(None, problem=str(failure))
    try:
        schemas = refresh.schemas
        if schemas is None:
            described = step("providers schema", terraform.schemas)
            schemas = ProviderSchemas(described)
    except _Failed as failure:
        # The plan is worth having without: what is computed and what is a set is then told by name and form.
        plan = read_plan(document)
        return Refreshed(replace(plan, problems=(*plan.problems, str(failure))))
    return Refreshed(read_plan(document, schemas), schemas)
