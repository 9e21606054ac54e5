"""Terraform's word on a proposal, as every surface asks for it: by the settings, in a copy, with the state that was
checked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from lamplighter.core.config import Config
from lamplighter.drift.patch.verify import Verified, unverified, verified
from lamplighter.drift.states import state_for
from lamplighter.tools.state_sources import fetch_state
from lamplighter.tools.terraform_trial import trial

if TYPE_CHECKING:
    from lamplighter.drift.patch.proposal import Proposal
    from lamplighter.drift.refreshed import Refresh


def confirmed(
    proposal: Proposal, root: Path, config: Config, refresh: Refresh | None, *, state: str = ""
) -> Verified:
    """The patch as far as Terraform agrees with it; without `refresh`, or where it cannot plan, as it is, saying so.

    `state` is the one that was checked with, where it is not the setting's. Raises what the state's source raises.
    """
    if refresh is None:
        return unverified(proposal.patch)
    if not proposal.patch.edits:
        return Verified(proposal.patch, False, 0)
    given = _state_bytes(root, config, state)
    if given is not None and not given:
        return unverified(proposal.patch, "what `show -json` prints is no state that Terraform plans with")
    with trial(
        root,
        state=given,
        program=refresh.program,
        seconds=refresh.seconds,
        env=refresh.env,
        cancel=refresh.cancel,
    ) as ready:
        if ready.data is None:
            return unverified(proposal.patch, ready.problem)
        return verified(proposal.decisions, proposal.patch.before, ready.data, last=proposal.last)


def _state_bytes(root: Path, config: Config, named: str) -> bytes | None:
    """The state that is named; None where none is, empty where it is one that Terraform does not take."""
    source = (
        state_for(root, named or config.state, profile=config.aws_profile) if named or config.state else None
    )
    if source is None:
        return None
    read = fetch_state(source)
    return json.dumps(read.document).encode() if read.form == "v4" else b""
