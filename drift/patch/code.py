"""The code as it stands while a patch is being made: bytes in, parsed once for each version of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from lamplighter.drift.hcl.project import Project
from lamplighter.drift.patch.model import FileEdits, applied
from lamplighter.drift.state import StateIndex, StateRead
from lamplighter.tools.terraform_files import CodeFiles


@dataclass(frozen=True)
class Code:
    """`contents` are all files of the code by path relative to the root directory (`../` for modules beside it),
    `variables` those of them that give values to variables, in the order in which they count, the last one most.
    `records` are the trace's, by event id, as far as they are at hand: they tell what a new resource was made with.
    """

    contents: Mapping[str, bytes]
    variables: tuple[str, ...]
    state: StateRead
    records: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])

    @classmethod
    def of(cls, files: CodeFiles, state: StateRead) -> Code:
        contents = {file.path: file.content for file in (*files.files, *files.variables)}
        return cls(contents, tuple(file.path for file in files.variables), state)

    @cached_property
    def project(self) -> Project:
        """As the current bytes say."""
        files = [(path, content) for path, content in self.contents.items() if path not in self.variables]
        return Project(files, [(path, self.contents[path]) for path in self.variables], self.state.values())

    @cached_property
    def index(self) -> StateIndex:
        return StateIndex(self.state.resources)

    def with_records(self, records: Mapping[str, Mapping[str, Any]]) -> Code:
        """The same code, with records of the trace by event id."""
        return replace(self, records=records)

    def edited(self, edits: Iterable[FileEdits]) -> Code:
        """The code with the edits made; a file that is not there is one of no bytes. Raises ValueError where an edit's
        `old` is not what stands there."""
        contents = dict(self.contents)
        for edit in edits:
            contents[edit.file] = applied(contents.get(edit.file, b""), edit.edits)
        return replace(self, contents=contents)
