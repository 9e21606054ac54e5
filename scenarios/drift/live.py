"""Put up the cloud of a scenario as it was left, on a free local port, with Terraform pointed at it. Needs moto."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from lamplighter.scenarios import people
from lamplighter.scenarios.drift.schema import PROJECTS, Scenario, base
from lamplighter.scenarios.drift.worlds import override, rebuild
from lamplighter.scenarios.event_history import EventHistory
from lamplighter.scenarios.recorder import Recorder, Request
from lamplighter.scenarios.world import served, terraform_environment


class LiveCloud(NamedTuple):
    """A drifted cloud that can be asked."""

    endpoint: str
    """URL of every AWS service; `people.reader(account)` is a key that chooses the account."""
    code: Path
    """A copy of the project with its state and the sandbox's provider settings."""
    environment: dict[str, str]
    """For Terraform runs in `code`. Without a mirror there is none to install a provider from."""
    recorder: Recorder


def drifted(case: Scenario) -> Recorder:
    """The cloud of a scenario, rebuilt in this process: the apply's requests, then the night's. One a process."""
    return left_by(case, rebuild(case.project))


def left_by(case: Scenario, recorder: Recorder) -> Recorder:
    """The rebuilt cloud of the case's project, with the calls of its night made in it."""
    recorder.seed = f"{recorder.seed}/{case.seed}"
    recorder.replay(Request.of(row) for row in case.calls)
    recorder.events.clear()
    return recorder


@contextmanager
def drifted_cloud(case: Scenario, folder: Path, mirror: Path | None = None) -> Iterator[LiveCloud]:
    """Serve the cloud of `case`; `folder` is an empty one for the project's copy. `mirror`: a provider mirror.

    The account has the event history of that night, as it was a minute after the last event.
    """
    recorder = drifted(case)
    accounts = {key: session.account for key, session in recorder.sessions.items()}
    end = datetime.fromisoformat(case.window[1]) + timedelta(minutes=1)
    with served(EventHistory(recorder, case.events, accounts, end)) as endpoint:
        code = folder / "project"
        shutil.copytree(PROJECTS / case.project, code)
        (code / "sandbox_override.tf").write_text(override(code))
        base(case.project).write_state(code)
        environment = terraform_environment(folder, mirror or folder, endpoint, people.TERRAFORM)
        yield LiveCloud(endpoint, code, environment, recorder)
