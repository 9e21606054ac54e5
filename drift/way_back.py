"""The way back of some decisions, as every surface plans it: by the settings, and with the directory's own state."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lamplighter.core.config import Config, is_remote
from lamplighter.core.errors import Refused
from lamplighter.core.text import printable
from lamplighter.drift.patch.revert import Reverted, revert_plan
from lamplighter.tools.terraform import with_profile

if TYPE_CHECKING:
    from lamplighter.drift.patch.proposal import Proposal


def require_own_state(root: Path, given: str) -> None:
    """Raises Refused for a state that is not the one that Terraform would plan the way back with."""
    own = root / "terraform.tfstate"
    if given and (is_remote(given) or Path(given).resolve() != own.resolve()):
        raise Refused(
            f"state {printable(given, limit=200)}",
            "a way back is planned with the directory's own state",
            "leave --state out, and the setting `state`",
        )


def way_back(proposal: Proposal | None, root: Path, config: Config, *, state: str = "") -> Reverted:
    """`state` is the one that was checked with, where it is not the setting's. Raises as `require_own_state` and
    `revert_plan` do."""
    require_own_state(root, state or config.state)
    return revert_plan(
        proposal,
        root,
        config.state_dir / "plans",
        program=config.terraform_program,
        env=with_profile(config.aws_profile),
    )
