"""The drift engine: what was changed behind Terraform's back, by whom, and what would carry it into the code.

`check_directory` is the face of it; data flows trace -> changes -> netted changes -> drift items -> findings and a
plan, one module a step (`trace`, `intents`, `netting`, `match`, `joined`, `patch`). All of it is pure but `refreshed`
and `patch.revert`, which run Terraform through `tools`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lamplighter.core.policy import DriftRule
    from lamplighter.core.ports import AskModel, Complete, Recall, Remember, TraceSource
    from lamplighter.drift.check import DriftReport
    from lamplighter.drift.refreshed import Refresh
    from lamplighter.tools.state_sources import StateSource
    from lamplighter.tools.terraform_files import StateFile

__all__ = ["check_directory"]


def check_directory(
    directory: Path,
    trace: Sequence[Path] | TraceSource,
    state: StateFile | StateSource | Path | None = None,
    *,
    principals: Sequence[str] = (),
    rules: Sequence[DriftRule] = (),
    covers: Sequence[str] = (),
    refresh: Refresh | None = None,
    recall: Recall | None = None,
    ask_model: AskModel | None = None,
    remember: Remember | None = None,
    complete: Complete | None = None,
    tokens: int = 0,
    ledger: Path | None = None,
) -> DriftReport:
    """See `lamplighter.drift.check.check_directory`; loaded at the first call, so that `lamp --help` stays light."""
    from lamplighter.drift.check import check_directory as check

    return check(
        directory,
        trace,
        state,
        principals=principals,
        rules=rules,
        covers=covers,
        refresh=refresh,
        recall=recall,
        ask_model=ask_model,
        remember=remember,
        complete=complete,
        tokens=tokens,
        ledger=ledger,
    )
