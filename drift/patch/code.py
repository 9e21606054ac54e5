"""The code as it stands while a patch is being made: bytes in, parsed once for each version of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, final

from lamplighter.drift.hcl import syntax
from lamplighter.drift.hcl.modules import StateValues
from lamplighter.drift.hcl.project import Project
from lamplighter.drift.hcl.syntax import Body, HclSyntaxError
from lamplighter.drift.model import StateResource
from lamplighter.drift.patch.model import FileEdits, applied
from lamplighter.drift.patch.written import Said, Written
from lamplighter.drift.state import StateIndex, StateRead
from lamplighter.tools.terraform_files import CodeFiles

_VERSIONS = 8
"""Versions of one file that are kept as parsed."""


class _Kept:
    """What all versions of the code share: the state as tables, and files parsed before."""

    def __init__(self, state: StateRead) -> None:
        self._state = state
        self._bodies: dict[str, dict[bytes, Body]] = defaultdict(dict)
        self.said: dict[str, dict[tuple[str, str, bytes], Said]] = {}
        """What blocks were found to say before; see `Written.of`."""

    def body(self, content: bytes, file: str) -> Body:
        """Raises HclSyntaxError."""
        known = self._bodies[file]
        if content not in known:
            known[content] = syntax.parse(content, file)
            if len(known) > _VERSIONS:
                del known[next(iter(known))]
        return known[content]

    def referring(self, values: StateValues) -> _Kept:
        """The same files and state, but for what references come to."""
        made = _Kept(self._state)
        made._bodies, made.values, made.index = self._bodies, values, self.index
        return made

    @cached_property
    def values(self) -> StateValues:
        return self._state.values(data=True)

    @cached_property
    def index(self) -> StateIndex:
        return StateIndex(self._state.resources)

    @cached_property
    def stored(self) -> Mapping[str, StateResource]:
        return {resource.address: resource for resource in self._state.resources}


@final
@dataclass(frozen=True)
class Code:
    """`contents` are all files of the code by path relative to the root directory (`../` for modules beside it),
    `variables` those of them that give values to variables, in the order in which they count, the last one most.
    `records` are the trace's, by event id, as far as they are at hand: they tell what a new resource was made with.
    """

    contents: Mapping[str, bytes]
    variables: tuple[str, ...]
    state: StateRead
    kept: _Kept | None = field(default=None, compare=False, repr=False)
    records: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])

    @classmethod
    def of(cls, files: CodeFiles, state: StateRead) -> Code:
        contents = {file.path: file.content for file in (*files.files, *files.variables)}
        return cls(contents, tuple(file.path for file in files.variables), state)

    @cached_property
    def _shared(self) -> _Kept:
        return self.kept or _Kept(self.state)

    @cached_property
    def project(self) -> Project:
        """As the current bytes say."""
        files = [(path, content) for path, content in self.contents.items() if path not in self.variables]
        variables = [(path, self.contents[path]) for path in self.variables]
        return Project(files, variables, self._shared.values, parse=self._shared.body)

    @cached_property
    def written(self) -> Written:
        """All that the current bytes say of every instance."""
        return Written.of(self.project, self.index, self.contents, self.variables, self._shared.said)

    def body(self, path: str) -> Body:
        """A file of the code as parsed; an empty one for JSON, and for what is not HCL."""
        try:
            return Body() if path.endswith(".json") else self._shared.body(self.contents[path], path)
        except HclSyntaxError:
            return Body()

    @property
    def index(self) -> StateIndex:
        return self._shared.index

    @property
    def stored(self) -> Mapping[str, StateResource]:
        """The state's resources by address."""
        return self._shared.stored

    @property
    def values(self) -> StateValues:
        """What references to resources come to."""
        return self._shared.values

    def referring(self, values: StateValues) -> Code:
        """The same code, with references to resources coming to other values than the state's."""
        return replace(self, kept=self._shared.referring(values))

    def with_records(self, records: Mapping[str, Mapping[str, Any]]) -> Code:
        """The same code, with records of the trace by event id."""
        return replace(self, records=records, kept=self._shared)

    def edited(self, edits: Iterable[FileEdits]) -> Code:
        """The code with the edits made; a file that is not there is one of no bytes. Raises ValueError where an edit's
        `old` is not what stands there."""
        contents = dict(self.contents)
        for edit in edits:
            contents[edit.file] = applied(contents.get(edit.file, b""), edit.edits)
        return replace(self, contents=contents, kept=self._shared)
