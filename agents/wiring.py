"""The one composition root: which part serves which port. It loads no langgraph and no engine until one is used."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from lamplighter.core.config import Config, load_policy
from lamplighter.core.events import Event
from lamplighter.core.execution import ExecutionReport, execute
from lamplighter.core.findings import Evidence, Finding
from lamplighter.core.ledger import Ledger
from lamplighter.core.plans import Plan
from lamplighter.core.policy import DriftRule, Policy
from lamplighter.core.ports import (
    AskModel,
    Clock,
    Complete,
    Compress,
    Effect,
    Inventory,
    Keeps,
    Names,
    Recall,
    Remember,
    SystemClock,
)
from lamplighter.tools.files import FileEdits
from lamplighter.tools.saved_plans import SavedPlans
from lamplighter.tools.terraform import with_profile

if TYPE_CHECKING:
    from lamplighter.drift.patch.proposal import Proposal


class DriftAnswer(Protocol):
    """What the drift engine returns, as far as the graph uses it."""

    @property
    def findings(self) -> Sequence[Finding]: ...
    @property
    def evidence(self) -> Sequence[Evidence]: ...
    @property
    def plan(self) -> Plan | None: ...
    @property
    def not_checked(self) -> Sequence[str]: ...
    @property
    def incomplete(self) -> bool:
        """Whether a part of `not_checked` may hide drift."""
        ...

    @property
    def covered(self) -> tuple[str, str]:
        """First and last time that the trace speaks of, ISO 8601 in UTC; empty for an empty trace."""
        ...

    def plan_for(self, findings: Iterable[Finding], /, *, codify: bool = False) -> Plan | None:
        """The plan of these findings alone; with `codify` the code is to say all of them, as a person wants it."""
        ...


class CheckDrift(Protocol):
    """The drift engine: a directory, trace files and where the state is (empty: the directory's own) -> what drifted.

    Raises LampError.
    """

    def __call__(self, directory: Path, trace_paths: Sequence[Path], state: str = "", /) -> DriftAnswer: ...


class PlanRevert(Protocol):
    """The way back of some findings of an answer: a plan, and what it leaves, in one line each. Raises LampError."""

    def __call__(
        self, directory: Path, answer: DriftAnswer, findings: Sequence[Finding], /
    ) -> tuple[Plan | None, Sequence[str]]: ...


@dataclass(frozen=True)
class Wiring:
    """Everything a surface needs, filled once. A port that is None has no part serving it yet."""

    config: Config
    policy: Policy
    check_drift: CheckDrift
    effects: Mapping[str, Effect] = field(default_factory=dict[str, Effect])
    clock: Clock = field(default_factory=SystemClock)
    plan_revert: PlanRevert | None = None
    inventory: Inventory | None = None
    ask_model: AskModel | None = None
    complete: Complete | None = None
    recall: Recall | None = None
    remember: Remember | None = None
    compress: Compress | None = None

    def contexts(self) -> dict[str, str]:
        """What is in force now: the directory, the cluster context, the AWS profile and its account; see `Started`."""
        from lamplighter.tools.contexts import pins

        config = self.config
        found = pins(os.environ, kube_context=config.kube_context, aws_profile=config.aws_profile)
        profile = {"aws_profile": config.aws_profile} if config.aws_profile else {}
        return {"directory": str(config.project), **profile} | {
            name: pin.shown for name, pin in found.items()
        }

    def discard(self, plan: Plan) -> None:
        """Takes away what was kept for a plan that is denied; what cannot be taken away is left, and is never run."""
        for step in plan.steps:
            effect = self.effects.get(step.operation.verb)
            if isinstance(effect, Keeps):
                with contextlib.suppress(OSError):
                    effect.discard(step.operation)

    def open_ledger(self) -> Ledger:
        """A context manager; raises LedgerError."""
        return Ledger.open(self.config.ledger_path, self.clock)

    def execute(
        self, approval_id: str, emit: Callable[[Event], None] = lambda _event: None
    ) -> ExecutionReport:
        """What one approval allows, in the one execution path; raises what `core.execution.execute` raises."""
        with self.open_ledger() as ledger:
            return execute(approval_id, ledger=ledger, policy=self.policy, effects=self.effects, emit=emit)


def build(
    config: Config,
    *,
    clock: Clock | None = None,
    recall: Recall | None = None,
    remember: Remember | None = None,
    ask_model: AskModel | None = None,
    complete: Complete | None = None,
) -> Wiring:
    """Raises ConfigError when the policy file cannot be read."""
    policy = load_policy(config)
    models = _Models(recall, remember, ask_model, complete)
    return Wiring(
        config=config,
        policy=policy,
        check_drift=_drift_engine(config, policy.drift, models),
        effects=_effects(config),
        clock=clock or SystemClock(),
        plan_revert=_plan_revert(config),
        inventory=_TerraformNames(config.project),
        **models._asdict(),
    )


class _Models(NamedTuple):
    """Who remembers and who answers, by the names that an engine has for them; None where nobody does."""

    recall: Recall | None
    remember: Remember | None
    ask_model: AskModel | None
    complete: Complete | None


def _drift_engine(config: Config, rules: Sequence[DriftRule], models: _Models) -> CheckDrift:
    def check(directory: Path, trace_paths: Sequence[Path], state: str = "", /) -> DriftAnswer:
        from lamplighter.drift import check_directory
        from lamplighter.drift.states import state_for

        workspace = os.environ.get("TF_WORKSPACE", "")
        source = state_for(directory, state, workspace=workspace, profile=config.aws_profile)
        refresh = None
        if config.terraform:
            from lamplighter.drift.refreshed import Refresh

            refresh = Refresh.of(config)
        report = check_directory(
            directory,
            trace_paths,
            source,
            principals=config.terraform_principals,
            rules=rules,
            covers=config.trace_covers,
            refresh=refresh,
            ledger=config.ledger_path,
            tokens=config.budgets.tokens,
            **models._asdict(),
        )
        if refresh is None:
            return report

        def confirm(proposal: Proposal) -> Proposal:
            from lamplighter.drift.confirmed import confirmed

            found = confirmed(proposal, directory, config, refresh, state=state)
            return proposal.with_patch(found.patch)

        return replace(report, confirm=confirm)

    return check


def _plan_revert(config: Config) -> PlanRevert:
    def plan(
        directory: Path, answer: DriftAnswer, findings: Sequence[Finding], /
    ) -> tuple[Plan | None, Sequence[str]]:
        from lamplighter.drift.check import DriftReport
        from lamplighter.drift.patch.model import Verdict
        from lamplighter.drift.way_back import way_back

        if not isinstance(answer, DriftReport) or answer.proposal is None:
            return None, ()
        wanted = {finding.id for finding in findings}
        made = way_back(answer.proposal.narrowed(wanted, Verdict.REVERT), directory, config)
        return made.plan, made.left

    return plan


@dataclass(frozen=True)
class _TerraformNames:
    """Serves `Inventory` from the code of one directory."""

    directory: Path

    def names(self, kind: Literal["terraform_resource"]) -> Names:
        from lamplighter.drift.inventory import addresses

        return addresses(self.directory)


def _effects(config: Config) -> dict[str, Effect]:
    plans = SavedPlans(
        config.state_dir / "plans", program=config.terraform_program, env=with_profile(config.aws_profile)
    )
    return {"edit_hcl": FileEdits(), "apply_saved_plan": plans}
