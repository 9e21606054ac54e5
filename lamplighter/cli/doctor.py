"""`lamp doctor`: what is there, what is missing and what it would be needed for; no network call."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
from collections.abc import Iterator
from typing import NamedTuple

import click

from lamplighter.cli.output import Answer, Session, deliver, output_options
from lamplighter.core.errors import LampError
from lamplighter.core.exits import Exit
from lamplighter.core.text import log_line
from lamplighter.tools.credentials import problems

_PACKAGES = ("langgraph", "openai", "kubernetes", "chromadb", "pydantic", "textual", "tree-sitter-hcl")
_PROGRAMS = {
    "terraform": "proving that a patch plans to no change",
    "kubectl": "trying the cluster by hand",
}


class Check(NamedTuple):
    """`state` is ok, missing (optional, nothing breaks) or bad (to be mended)."""

    name: str
    state: str
    detail: str


@click.command()
@output_options
@click.pass_obj
def doctor(session: Session, outputs: tuple[str, ...], as_json: bool) -> Exit:
    """Say what is missing or wrong, with the remedy; exit code 1 when something is wrong."""
    checks = [*_installed(), *_own(session)]
    code = Exit.FAILED if any(check.state == "bad" for check in checks) else Exit.CLEAN

    def text() -> str:
        return "\n".join(f"{check.state:8}{check.name:18}{log_line(check.detail)}" for check in checks)

    data = {"checks": [check._asdict() for check in checks]}
    return deliver(Answer("lamplighter/doctor/v1", data, text, code), outputs, as_json)


def _installed() -> Iterator[Check]:
    yield Check("python", "ok", platform.python_version())
    for name in _PACKAGES:
        try:
            yield Check(name, "ok", importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            yield Check(name, "bad", "is not installed; install lamplighter again")
    for name, purpose in _PROGRAMS.items():
        path = shutil.which(name)
        yield Check(name, "ok", path) if path else Check(name, "missing", f"would be needed for {purpose}")


def _own(session: Session) -> Iterator[Check]:
    try:
        config = session.resolved.config
        yield Check("settings", "ok", "all keys known")
        yield Check(
            "policy", "ok", f"mode {session.policy.mode.value}, version {session.policy.version[:12]}"
        )
    except LampError as error:
        yield Check("settings", "bad", str(error))
        return
    try:
        with session.ledger() as ledger:
            report = ledger.audit.verify()
            freeze = ledger.frozen()
        yield Check(
            "ledger", "ok" if report.ok else "bad", report.problem or f"{report.records} audit records, whole"
        )
        yield Check("freeze", "ok", f"frozen by {freeze.by}: {freeze.reason}" if freeze else "not frozen")
    except LampError as error:
        yield Check("ledger", "bad", str(error))
    yield Check("cluster context", "ok", config.kube_context or "none pinned")
    yield Check("aws profile", "ok", config.aws_profile or "none pinned")
    for name, problem in problems(
        os.environ, kube_context=config.kube_context, aws_profile=config.aws_profile
    ):
        yield Check(name, "bad", problem)
