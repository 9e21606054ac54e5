"""The drift as the trace tells it, with what Terraform sees where it is asked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from lamplighter.drift.compare import Baseline
from lamplighter.drift.model import DriftItem

if TYPE_CHECKING:
    from lamplighter.drift.refreshed import Refresh

_NOT_ASKED = "live values were taken from the trace; the cloud itself was not asked"


class LiveValues(NamedTuple):
    """Where the live values of managed resources are from. `version` is that of the program that told them."""

    source: Literal["trace", "terraform", "terraform and trace"]
    version: str = ""

    @property
    def said(self) -> str:
        """In one phrase; empty where Terraform told none of them, which is among what was not checked."""
        match self.source:
            case "trace":
                return ""
            case "terraform":
                return f"as Terraform {self.version} sees them"
            case "terraform and trace":
                return f"as Terraform {self.version} sees them; what it does not show is from the trace"


class Seen(NamedTuple):
    """The drift, where its live values are from, and what that does not cover."""

    items: Sequence[DriftItem]
    live: LiveValues
    gaps: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()


def seen(directory: Path, told: Sequence[DriftItem], baseline: Baseline, refresh: Refresh | None) -> Seen:
    """`told` are the items of the trace; where Terraform is not asked, or cannot tell, they are the answer."""
    alone = Seen(told, LiveValues("trace"), limits=(_NOT_ASKED,))
    if refresh is None:
        return alone
    from lamplighter.drift import joined as joining
    from lamplighter.drift import refreshed

    answer = refreshed.refreshed(directory, refresh)
    if answer.plan is None:
        problem = f"Terraform was asked what is live and could not tell: {answer.problem}"
        return alone._replace(gaps=(problem,))
    joined = joining.join(told, answer.plan, baseline, answer.schemas)
    whole = not (answer.plan.partial or joined.from_trace or joined.elsewhere)
    return Seen(
        joined.items,
        LiveValues("terraform" if whole else "terraform and trace", answer.plan.terraform_version),
        tuple(joining.gaps(joined, answer.plan)),
        tuple(joining.limits(joined, answer.plan)),
    )
