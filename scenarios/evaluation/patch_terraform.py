"""The patches of one night with real Terraform: verified as the command does it, then judged by plans of our own.

What the engine's verification planned in its own copy is not taken on trust: the patched files go into a fresh copy of
the code and are planned there. Only the plan without a patch is shared, because its input is the same.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lamplighter.core.results import Status, ToolResult
from lamplighter.drift.check import DriftReport
from lamplighter.drift.patch.model import Decision
from lamplighter.drift.patch.patch import Patch
from lamplighter.drift.patch.verify import Verified, unverified, verified
from lamplighter.scenarios.drift.schema import Scenario
from lamplighter.scenarios.evaluation.drift_patch import (
    CODIFY_ALL,
    DECIDED,
    NO_TERRAFORM,
    PLANS,
    Against,
    Aim,
    Patched,
    copied,
    judged,
    managed,
)
from lamplighter.scenarios.evaluation.drift_score import Wrong
from lamplighter.scenarios.evaluation.patch_plan import Planned, against, planned
from lamplighter.tools.terraform import Terraform
from lamplighter.tools.terraform_trial import Trial, trial


class Plans:
    """The plans of one case, in a cloud that is up. `code` is an initialised folder, `schemas` what the providers say.

    `made` counts the plans; the same code is planned once.
    """

    def __init__(
        self, code: Path, environment: Mapping[str, str], schemas: dict[str, Any], seconds: float
    ) -> None:
        self.code = code
        self.made = 0
        self.unpatched: ToolResult[dict[str, Any]] | None = None
        self.schemas = ToolResult(Status.OK, "terraform providers schema", schemas)
        self._environment = environment
        self._seconds = seconds
        self._known: dict[tuple[tuple[str, bytes], ...], Planned | str] = {}

    def verified(self, decisions: Sequence[Decision], before: Patch) -> Verified:
        """As `lamp drift fix --terraform` does it; `before` has the code."""
        with trial(self.code, seconds=self._seconds, env=self._environment) as ready:
            if ready.data is None:
                return unverified(before, ready.problem)
            return verified(decisions, before.before, _Planner(self, ready.data))

    def judge(self, patch: Patch, aim: Aim) -> Against:
        """What two plans have against a patch; see `patch_plan.against`."""
        before = self.made
        base, now = self._base(patch), self._planned(patch)
        plans = self.made - before
        problems = [one for one in (base, now) if isinstance(one, str)]
        if isinstance(base, str) or isinstance(now, str):
            return Against([(("", ""), f"no plan: {problems[0]}")], PLANS, plans)
        return Against(against(base, now, aim.intent), PLANS, plans)

    def _base(self, patch: Patch) -> Planned | str:
        if self.unpatched is None:
            return self._planned(replace(patch, edits=(), after=patch.before))
        return _read(self.unpatched)

    def _planned(self, patch: Patch) -> Planned | str:
        key = tuple((edit.file, patch.after.contents[edit.file]) for edit in patch.edits)
        if key not in self._known:
            with tempfile.TemporaryDirectory() as scratch:
                folder = copied(self.code, Path(scratch) / "code", patch)
                environment = {**self._environment, "TF_DATA_DIR": str(self.code / ".terraform")}
                self.made += 1
                made = Terraform(folder, env=environment, seconds=self._seconds).planned()
            self._known[key] = _read(made)
        return self._known[key]


class _Planner:
    """A trial that counts, and that plans the code without a patch once for all who ask."""

    def __init__(self, plans: Plans, ready: Trial) -> None:
        self._plans = plans
        self._trial = ready

    def planned(self, contents: Mapping[str, bytes]) -> ToolResult[dict[str, Any]]:
        if not contents and self._plans.unpatched is not None:
            return self._plans.unpatched
        self._plans.made += 1
        made = self._trial.planned(contents)
        if not contents:
            self._plans.unpatched = made
        return made

    def schemas(self) -> ToolResult[dict[str, Any]]:
        return self._plans.schemas

    def formatted(self, content: str) -> ToolResult[str]:
        return self._trial.formatted(content)


def patched(case: Scenario, asked: DriftReport, unasked: DriftReport, plans: Plans) -> Iterator[Patched]:
    """One case in each way: `asked` is the check with Terraform, `unasked` the one without."""
    proposal, alone = asked.proposal, unasked.proposal
    for way, decisions in (
        (DECIDED, proposal.decisions if proposal else ()),
        (CODIFY_ALL, managed(proposal) if proposal else ()),
    ):
        if proposal is None or not decisions:
            if way == DECIDED or case.drifts:
                yield judged(case, (), None, plans.code, way, plans.judge)
            continue
        before = plans.made
        made = plans.verified(decisions, proposal.patch)
        done = judged(case, decisions, made.patch, plans.code, way, plans.judge)
        yield _with_doubts(done, made)._replace(plans=plans.made - before)
    yield judged(
        case,
        alone.decisions if alone else (),
        alone.patch if alone else None,
        plans.code,
        NO_TERRAFORM,
        plans.judge,
    )


def _with_doubts(done: Patched, made: Verified) -> Patched:
    """A patch that is handed out without Terraform's agreement is not a verified one."""
    if made.by_plan or not made.patch.edits:
        return done
    said = "; ".join(made.notes) or "Terraform did not agree"
    doubt = Wrong(done.scenario, done.kinds, ("", ""), f"not verified: {said}")
    return done._replace(wrong=(*done.wrong, doubt))


def _read(made: ToolResult[dict[str, Any]]) -> Planned | str:
    if made.data is None:
        return made.problem or "Terraform said nothing"
    if made.data.get("errored"):
        return "the plan is not a whole one"
    return planned(made.data)
