"""`lamp doctor`: what is there, what is missing and what it would be for; only this machine is asked."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
import shutil
import socket
from collections.abc import Iterator
from typing import NamedTuple

import click

from lamplighter.cli.context import Invocation
from lamplighter.cli.output import Answer, answers
from lamplighter.core.config import Config
from lamplighter.core.errors import LampError
from lamplighter.core.exits import Exit
from lamplighter.core.text import log_line
from lamplighter.tools import process
from lamplighter.tools.credentials import problems

_PACKAGES = ("langgraph", "openai", "kubernetes", "chromadb", "pydantic", "textual", "tree-sitter-hcl")
_PROGRAMS: dict[str, tuple[str, tuple[str, ...]]] = {
    "kubectl": ("trying the cluster by hand", ("version", "--client")),
    "psql": ("looking into a ledger kept in Postgres", ("--version",)),
    "pg_ctl": ("testing with a Postgres of one's own", ("--version",)),
}
"""Program -> what it would be needed for, and the arguments that make it print its version."""
_MODEL_PORTS = {11434: "Ollama", 8080: "llama.cpp", 8000: "vLLM"}
"""Where model servers listen on this machine, as their documentation has it."""
_CONNECT_SECONDS = 0.2


class Check(NamedTuple):
    """`state` is ok, missing (optional, nothing breaks) or bad (to be mended)."""

    name: str
    state: str
    detail: str


@click.command()
@answers
@click.pass_obj
def doctor(invocation: Invocation) -> Answer:
    """Say what is missing or wrong, with the remedy; exit code 1 when something is wrong."""
    checks = [*_installed(), _terraform(invocation), _model_server(), *_own(invocation)]
    code = Exit.FAILED if any(check.state == "bad" for check in checks) else Exit.CLEAN

    def text() -> str:
        return "\n".join(
            f"{check.state:8}{log_line(check.name):17} {log_line(check.detail)}" for check in checks
        )

    data = {"checks": [check._asdict() for check in checks]}
    return Answer("lamplighter/doctor/v1", data, text, code)


def _installed() -> Iterator[Check]:
    yield Check("python", "ok", platform.python_version())
    for name in _PACKAGES:
        try:
            yield Check(name, "ok", importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            yield Check(name, "bad", "is not installed; install lamplighter again")
    for name, (purpose, arguments) in _PROGRAMS.items():
        path = shutil.which(name)
        if path:
            yield Check(name, "ok", f"{_version(path, arguments)}  {path}")
        else:
            yield Check(name, "missing", f"would be needed for {purpose}")


def _terraform(invocation: Invocation) -> Check:
    """Which program would run, and whether a check of drift asks it."""
    try:
        config = invocation.resolved.config
    except LampError:
        config = Config()  # the settings have a line of their own that says what is wrong
    name = config.terraform_program
    path = shutil.which(name)
    if path is None:
        state = "bad" if config.terraform else "missing"
        other = "set terraform_program, " if name != "terraform" else ""
        remedy = f"; {other}install it or put it on PATH" if config.terraform else ""
        return Check(
            "terraform", state, f"{name} is not found, would be needed for exact live values{remedy}"
        )
    used = "asked by every drift check" if config.terraform else "asked by `lamp drift check --terraform`"
    return Check("terraform", "ok", f"{_version(path, ('version',))}  {path}, {used}")


def _version(path: str, arguments: tuple[str, ...]) -> str:
    """The first line a program prints about itself."""
    try:
        done = process.run([path, *arguments], timeout_s=5.0, env=os.environ | {"CHECKPOINT_DISABLE": "1"})
    except LampError as error:
        return error.problem
    lines = done.stdout.decode(errors="replace").splitlines()
    return lines[0] if done.code == 0 and lines else "does not say its version"


def _model_server() -> Check:
    """Whether something listens where local model servers do; nothing is asked of it."""
    found = []
    for port, usual in _MODEL_PORTS.items():
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), _CONNECT_SECONDS):
            found.append(f"127.0.0.1:{port} (the port of {usual})")
    if found:
        return Check("model server", "ok", f"something listens on {', '.join(found)}")
    return Check("model server", "missing", "none on this machine; everything works by rules without one")


def _own(invocation: Invocation) -> Iterator[Check]:
    try:
        _ = invocation.resolved
        yield Check("settings", "ok", "all keys known")
        yield Check(
            "policy", "ok", f"mode {invocation.policy.mode.value}, version {invocation.policy.version[:12]}"
        )
    except LampError as error:
        yield Check("settings", "bad", str(error))
        return
    try:
        with invocation.ledger() as ledger:
            report = ledger.verify()
            freeze = ledger.frozen()
        yield Check(
            "ledger", "ok" if report.ok else "bad", report.problem or f"{report.records} audit records, whole"
        )
        yield Check("freeze", "ok", f"frozen by {freeze.by}: {freeze.reason}" if freeze else "not frozen")
    except LampError as error:
        yield Check("ledger", "bad", str(error))
    yield from _contexts(invocation)


def _contexts(invocation: Invocation) -> Iterator[Check]:
    """What a session would be pinned to, and what would keep a call to it from working."""
    pins = invocation.pins
    for name, title in (("kubernetes", "cluster context"), ("aws_account", "aws account")):
        # Each problem has a line of its own below.
        said = "" if pins[name].problem else f": {pins[name].origin}"
        yield Check(title, "ok", f"{pins[name].shown}{said}")
    found = [pin.problem for pin in pins.values() if pin.problem]
    profile = invocation.resolved.config.aws_profile
    found += problems(os.environ, cluster=pins["kubernetes"].value, profile=profile)
    for line, error in {str(error): error for error in found}.items():
        yield Check(error.subject, "bad", line.removeprefix(f"{error.subject}: "))
