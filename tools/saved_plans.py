"""Performs `ApplySavedPlan`: one saved Terraform plan file, applied as it is or not at all."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from lamplighter.core.errors import InputError
from lamplighter.core.operations import ApplySavedPlan, Operation
from lamplighter.core.ports import EffectResult
from lamplighter.core.results import Outcome
from lamplighter.tools.atomic import read_file
from lamplighter.tools.terraform import Terraform

_PLAN_LIMIT = 512 * 1024 * 1024


class SavedPlans:
    """The `Effect` of `apply_saved_plan`. Plans are files of `folder`; the version is the sha256 of the file.

    A plan that was applied or denied is deleted: it holds values in the clear.
    """

    def __init__(
        self,
        folder: Path,
        *,
        program: str = "terraform",
        seconds: float = 3600.0,
        env: dict[str, str] | None = None,
    ) -> None:
        self._folder = folder
        self._program = program
        self._seconds = seconds
        self._env = env

    def current_version(self, operation: Operation) -> str:
        """Raises InputError when the file is not there or cannot be read."""
        return hashlib.sha256(read_file(self._path(_apply(operation)), _PLAN_LIMIT)).hexdigest()

    def perform(self, operation: Operation, claim: str) -> EffectResult:
        apply = _apply(operation)
        path = self._path(apply)
        done = self._terraform(apply).apply(path, sha256=apply.target.version, claim=claim)
        if done.outcome is Outcome.DONE:
            path.unlink(missing_ok=True)
        return done

    def observe(self, operation: Operation, claim: str) -> EffectResult:
        """Done: a new plan over the same addresses has nothing to change. Terraform cannot tell whose work that is."""
        apply = _apply(operation)
        made = self._terraform(apply).planned(targets=apply.addresses)
        if made.data is None:
            return EffectResult(Outcome.UNKNOWN, f"it could not be looked at: {made.problem}")
        left = [
            str(entry.get("address"))
            for entry in made.data.get("resource_changes", [])
            if entry.get("change", {}).get("actions") not in (["no-op"], ["read"])
        ]
        if left:
            return EffectResult(Outcome.UNKNOWN, f"{left[0]} still differs from the code")
        return EffectResult(Outcome.DONE, "a new plan finds nothing to change there")

    def discard(self, operation: Operation) -> None:
        """Deletes the plan's file, where it is there: a plan that was denied is made anew, or never. Raises OSError."""
        self._path(_apply(operation)).unlink(missing_ok=True)

    def _terraform(self, apply: ApplySavedPlan) -> Terraform:
        """In the workspace of the plan, whichever is selected by now."""
        env = self._env
        if apply.workspace:
            # As the environment's own, which is looked for first: Terraform makes one that is gone.
            env = {**(os.environ if env is None else env), "TF_WORKSPACE": apply.workspace}
        return Terraform(Path(apply.target.context), program=self._program, seconds=self._seconds, env=env)

    def _path(self, apply: ApplySavedPlan) -> Path:
        if Path(apply.target.name).name != apply.target.name:
            raise InputError(apply.target.name, "is no name of a saved plan", "make the plan again")
        return self._folder / apply.target.name


def _apply(operation: Operation) -> ApplySavedPlan:
    if not isinstance(operation, ApplySavedPlan):
        raise TypeError(f"{operation.verb} is not an apply of a saved plan")
    return operation
