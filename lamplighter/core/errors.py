"""The few errors a surface may show, each one line that names the input and the remedy.

Library code raises these; only a surface (CLI, TUI, bot) turns them into text and an exit code.
"""

from __future__ import annotations

from typing import ClassVar

from lamplighter.core.exits import Exit
from lamplighter.core.redaction import redact


class LampError(Exception):
    """Base of all errors that a user is meant to read.

    `subject` names the input (a path, a setting, an endpoint), `problem` says what is wrong with it and
    `remedy` what to do about it. Secrets in them are taken out.
    """

    exit_code: ClassVar[Exit] = Exit.FAILED

    def __init__(self, subject: str, problem: str, remedy: str = "") -> None:
        self.subject = redact(subject)
        self.problem = redact(problem)
        self.remedy = redact(remedy)
        super().__init__(str(self))

    def __str__(self) -> str:
        line = f"{self.subject}: {self.problem}"
        return f"{line}; {self.remedy}" if self.remedy else line


class InputError(LampError):
    """An input that cannot be read at all: malformed, unreadable, or of a form that is not supported."""


class IncompleteInput(LampError):
    """The work was possible only in part, so the answer must not be taken for a clean one."""

    exit_code = Exit.INCOMPLETE


class ConfigError(LampError):
    """A setting, or a policy file, that is unknown or has a wrong value."""

    exit_code = Exit.USAGE


class Refused(LampError):
    """The policy, a missing approval, a freeze or a changed target forbids what was asked."""

    exit_code = Exit.REFUSED


class LedgerError(LampError):
    """The ledger or the audit log cannot be trusted or written; nothing is executed then."""


class Unavailable(LampError):
    """Something outside (a program, a cluster, an endpoint, a credential) is missing or does not answer."""
