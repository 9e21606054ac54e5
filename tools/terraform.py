"""Terraform, as far as it is needed now: its version, `validate` and `show -json`.

python-terraform spells the argument list; `tools.process` runs it, because the library itself has no time limit, no
cancellation and re-reads the whole state after each call.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lamplighter.core.errors import InputError, Unavailable
from lamplighter.core.results import Status, ToolResult
from lamplighter.core.text import printable
from lamplighter.tools import process

_QUIET = {"TF_IN_AUTOMATION": "1", "TF_INPUT": "0", "CHECKPOINT_DISABLE": "1"}


class Terraform:
    """The `terraform` program in one directory. `seconds` limits each call."""

    def __init__(
        self,
        directory: Path,
        *,
        program: str = "terraform",
        seconds: float = 120.0,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.directory = directory
        self.program = program
        self.seconds = seconds
        self.env = {**(os.environ if env is None else env), **_QUIET}

    def version(self) -> str:
        """`1.11.4`. Raises Unavailable when Terraform is missing or does not say."""
        done = self._run("version", json=True)
        try:
            return str(json.loads(done.stdout)["terraform_version"])
        except (ValueError, KeyError, TypeError) as error:
            raise Unavailable(
                self.program, "does not tell its version", "check the program on PATH"
            ) from error

    def validate(self) -> ToolResult[dict[str, Any]]:
        """`terraform validate -json`: OK with its report (`valid`, `diagnostics`), or ERROR."""
        return self._json("validate")

    def show_json(self, path: Path | None = None) -> ToolResult[dict[str, Any]]:
        """`terraform show -json [path]` of a state or saved plan; with none, of the directory's state."""
        return self._json("show", *([str(path)] if path else []))

    def _json(self, verb: str, *arguments: str) -> ToolResult[dict[str, Any]]:
        done = self._run(verb, *arguments, json=True)
        query = " ".join(done.argv)
        try:
            data = json.loads(done.stdout)
        except ValueError:
            data = None
        if isinstance(data, dict):
            return ToolResult(Status.OK, query, data)
        reason = (
            "took too long"
            if done.timed_out
            else printable(done.stderr.decode("utf-8", "replace"), limit=300)
        )
        return ToolResult(Status.ERROR, query, problem=reason or f"exit code {done.code}")

    def _run(self, verb: str, *arguments: str, **options: object) -> process.Completed:
        argv = self.arguments(verb, *arguments, **options)
        return process.run(
            argv, cwd=self.directory, env=self.env, timeout_s=self.seconds, cpu_s=int(self.seconds) * 4
        )

    def arguments(self, verb: str, *arguments: str, **options: object) -> list[str]:
        """The argument list, program first. Raises InputError on an argument that would be read as an option."""
        from python_terraform import IsFlagged
        from python_terraform import Terraform as Speller

        for argument in arguments:
            if argument.startswith("-"):
                raise InputError(printable(argument), "starts with a dash", "give the path as ./NAME")
        # Only its spelling is used; it quotes nothing, so no value may come from outside except checked paths.
        speller = Speller(working_dir=str(self.directory), terraform_bin_path=self.program)
        flags = {name: IsFlagged if value is True else value for name, value in options.items()}
        defaults = {"no_color": IsFlagged} if verb != "version" else {}
        spelled: list[str] = speller.generate_cmd_string(verb, *arguments, **defaults, **flags)
        return spelled
