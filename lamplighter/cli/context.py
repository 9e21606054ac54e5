"""What every command of one call of `lamp` shares; click hands it on as its context object."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from lamplighter.core.config import Resolved, load_config, load_policy
from lamplighter.core.ledger import Ledger
from lamplighter.core.policy import Policy

if TYPE_CHECKING:
    from lamplighter.tools.contexts import Pin


class Invocation:
    """The settings (read once, when first needed), quietness, and the local user."""

    def __init__(self, config_file: Path | None, quiet: bool) -> None:
        self.config_file = config_file
        self.quiet = quiet

    @cached_property
    def resolved(self) -> Resolved:
        return load_config(self.config_file)

    @cached_property
    def policy(self) -> Policy:
        return load_policy(self.resolved.config)

    @cached_property
    def identity(self) -> str:
        """`user@host` of the process, as the audit log names the local user; no variable can change it."""
        import pwd
        import socket

        try:
            user = pwd.getpwuid(os.getuid()).pw_name
        except KeyError:
            user = str(os.getuid())
        return f"{user}@{socket.gethostname()}"

    @property
    def pins(self) -> dict[str, Pin]:
        """What a session that begins now would be pinned to."""
        from lamplighter.tools.contexts import pins

        config = self.resolved.config
        return pins(os.environ, kube_context=config.kube_context, aws_profile=config.aws_profile)

    def ledger(self) -> Ledger:
        return Ledger.open(self.resolved.config.ledger_path)
