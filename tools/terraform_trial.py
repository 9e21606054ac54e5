"""What Terraform says of code that is not written yet: in a copy of links, with edited files in place of the real ones.

Nothing is written into the project, no lock is taken, and a copy can never be applied.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lamplighter.core.results import Status, ToolResult
from lamplighter.core.text import printable
from lamplighter.tools.terraform import Terraform
from lamplighter.tools.terraform_scratch import Place, name_modules_by_path, place_for, put

_LOCAL_BACKEND = b'terraform {\n  backend "local" {}\n}\n'
_OVERRIDE = "lamplighter_override.tf"


class Trial:
    """One copy, for any number of attempts. The results' `problem` is one line."""

    def __init__(self, terraform: Terraform, place: Place) -> None:
        self._terraform = terraform
        self._place = place
        self._schemas: ToolResult[dict[str, Any]] | None = None
        self._originals: dict[str, Path | None] = {}
        """What stood for a file before an attempt put another in its place; None where there was none."""

    def planned(self, contents: Mapping[str, bytes]) -> ToolResult[dict[str, Any]]:
        """The plan as JSON with these files (path relative to the directory) in place: validated first. Raises
        InputError for a path outside of the directory."""
        for path, original in self._originals.items():
            place = self._place.folder / path
            place.unlink()
            if original is not None:
                place.symlink_to(original)
        self._originals.clear()
        for path, content in contents.items():
            place = self._place.folder / path
            original = place.resolve() if place.exists() else None
            put(self._place.folder, path, content)
            self._originals[path] = original
        checked = self._terraform.validate()
        if checked.data is None:
            return checked
        wrong = [item for item in checked.data.get("diagnostics", []) if item.get("severity") == "error"]
        if wrong:
            return ToolResult(Status.ERROR, checked.query, problem=f"not valid: {_diagnostic(wrong[0])}")
        return self._terraform.planned()

    def schemas(self) -> ToolResult[dict[str, Any]]:
        """Of every provider; asked once."""
        self._schemas = self._schemas or self._terraform.schemas()
        return self._schemas

    def formatted(self, content: str) -> ToolResult[str]:
        """The text of a file as `terraform fmt` writes it."""
        return self._terraform.formatted(content)


@contextlib.contextmanager
def trial(
    directory: Path,
    *,
    state: bytes | None = None,
    program: str = "terraform",
    seconds: float = 300.0,
    env: Mapping[str, str] | None = None,
    cancel: threading.Event | None = None,
) -> Iterator[ToolResult[Trial]]:
    """A copy that is ready to be planned in, or why there is none. `state` (the bytes of one) is used in place of what
    the code's backend holds. Raises InputError for what is no directory, Unavailable without the program."""
    given = dict(os.environ if env is None else env)
    contents = {_OVERRIDE: _LOCAL_BACKEND, "terraform.tfstate": state} if state is not None else {}
    with place_for(directory, given, contents) as place:
        data = place.private / "data" if state is not None else place.data
        terraform = Terraform(
            place.folder,
            program=program,
            seconds=seconds,
            env={**given, "TF_DATA_DIR": str(data)},
            cancel=cancel,
            scratch=place.private,
            mirrored=True,
        )
        if data is not None and not data.is_dir():
            ready = terraform.init()
            if ready.status is not Status.OK:
                yield ToolResult(ready.status, ready.query, problem=ready.problem)
                return
            name_modules_by_path(data, directory.resolve())
        yield ToolResult(Status.OK, "terraform init", Trial(terraform, place))


def _diagnostic(item: Mapping[str, Any]) -> str:
    place = item.get("range") or {}
    line = (place.get("start") or {}).get("line", "")
    where = f"{place.get('filename', '')} line {line}: " if place else ""
    return printable(f"{where}{item.get('summary', '')}", limit=300)
