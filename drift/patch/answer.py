"""What a model may answer, and nothing else: edits of the passages that were shown, closed in what they can bring in.

A plan with the answer is made before anybody has seen it, so it must not bring in what a plan runs or reads: data
sources, modules, providers, provisioners, functions that read files; nor what Terraform rejects (`closed`). Whether it
says what is live, and changes nothing else, is the judge's to say, as of any rule's candidate.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lamplighter.core.text import printable
from lamplighter.drift.hcl.functions import FUNCTIONS
from lamplighter.drift.hcl.syntax import Block, Body, HclSyntaxError, nodes, parse, source, tree
from lamplighter.drift.model import DriftItem
from lamplighter.drift.patch import closed, statements
from lamplighter.drift.patch.closed import Changed
from lamplighter.drift.patch.code import Code
from lamplighter.drift.patch.model import FileEdits, contents_between
from lamplighter.drift.patch.passages import NEW_VARIABLE, Passage
from lamplighter.drift.provider_schema import ProviderSchemas

if TYPE_CHECKING:
    pass

MOST_TOKENS = 800
"""Tokens of an answer."""
_MOST_BYTES = 12_000
_MOST_EDITS = 6
_FIXED = (
    "source",
    "version",
    "providers",
    "provider",
    "provisioner",
    "connection",
    "lifecycle",
    "depends_on",
)
"""What an answer leaves as it is: where code comes from, what runs, and what Terraform is told to leave alone. What a
resource has under one of these names is left to the rules, too."""
_DECLARED = frozenset(("type", "description", "default", "nullable"))
_TYPES = frozenset(("list", "set", "map", "object", "tuple", "optional"))


class AnswerRefused(ValueError):
    """Why an answer is no edit, in one line."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Edit(_Model):
    """`old` stands exactly once in the passage; it is empty where a new variable is declared."""

    passage: int = Field(ge=1, le=99)
    old: str = Field(max_length=6_000)
    new: str = Field(max_length=6_000)


class Answer(_Model):
    edits: tuple[Edit, ...] = Field(min_length=1, max_length=_MOST_EDITS, strict=False)


SCHEMA: Mapping[str, Any] = Answer.model_json_schema()


def edits_of(
    text: str,
    passages: Mapping[int, Passage],
    item: DriftItem,
    code: Code,
    schemas: ProviderSchemas | None = None,
) -> tuple[FileEdits, ...]:
    """The edits that an answer is. Raises AnswerRefused."""
    answer = _read(text)
    places: dict[str, list[tuple[int, int, bytes]]] = {}
    for edit in answer.edits:
        passage = passages.get(edit.passage)
        if passage is None:
            raise AnswerRefused(f"it edits passage {edit.passage}, which was not shown")
        places.setdefault(passage.file, []).append(_place(edit, passage, code))
    after = dict(code.contents)
    for file, found in places.items():
        after[file] = _edited(after[file], found)
    edits = contents_between(code.contents, after)
    if not edits:
        raise AnswerRefused("it edits nothing")
    declared_in = [passages[edit.passage].file for edit in _declaring(answer, passages)]
    require_closed(code, code.edited(edits), item, declared_in, schemas)
    return edits


def _declaring(answer: Answer, passages: Mapping[int, Passage]) -> list[Edit]:
    return [edit for edit in answer.edits if passages[edit.passage].role == NEW_VARIABLE]


def require_closed(
    code: Code,
    after: Code,
    item: DriftItem,
    declared_in: Sequence[str] = (),
    schemas: ProviderSchemas | None = None,
) -> None:
    """Raises AnswerRefused where an edit brings in more than statements inside of blocks, or what Terraform rejects;
    `declared_in` are the files at whose end it declares a new variable, one for each."""
    changed: dict[str, list[Changed]] = {}
    for file, content in after.contents.items():
        before = code.contents.get(file, b"")
        if content != before:
            declares = sum(one == file for one in declared_in)
            changed[file] = _require_closed(before, content, item, declares=declares)
            if declares:
                _require_undeclared(file, content, code)
    for file, blocks in changed.items():
        why = closed.refused(code, after, file, blocks, item, schemas)
        if why:
            raise AnswerRefused(why)


def _read(text: str) -> Answer:
    if len(text.encode("utf-8", "replace")) > _MOST_BYTES:
        raise AnswerRefused(f"it is longer than {_MOST_BYTES} bytes")
    try:
        return Answer.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        said = printable(f"{where}: {first['msg']}" if where else first["msg"], limit=120)
        raise AnswerRefused(f"it is not of the form asked for ({said})") from error


def _place(edit: Edit, passage: Passage, code: Code) -> tuple[int, int, bytes]:
    """Bytes [start, end) of the file, and what is to stand there."""
    content, (start, end) = code.contents[passage.file], passage.span
    new = edit.new.replace("\r\n", "\n")
    if b"\r\n" in content:
        new = new.replace("\n", "\r\n")
    if passage.role == NEW_VARIABLE:
        if edit.old:
            raise AnswerRefused("it replaces something where one new variable may be declared")
        lead = "" if not content.strip() else "\n" if content.endswith(b"\n") else "\n\n"
        return end, end, f"{lead}{new.strip()}\n".encode("utf-8", "replace")
    inner, old = content[start:end], edit.old.encode("utf-8", "replace")
    found = inner.count(old) if old else 0
    if found != 1:
        raise AnswerRefused(f"`old` stands {found} times in passage {edit.passage}, not once")
    if inner == old and not new.strip():
        # A block that goes takes its blank line and its comment along, as by a rule.
        gone = statements.removal(content, passage.span)
        return gone.start, gone.end, b""
    at = start + inner.index(old)
    return at, at + len(old), new.encode("utf-8", "replace")


def _edited(content: bytes, places: Sequence[tuple[int, int, bytes]]) -> bytes:
    pieces: list[bytes] = []
    position = 0
    for start, end, new in sorted(places):
        if start < position:
            raise AnswerRefused("two of its edits overlap")
        pieces += [content[position:start], new]
        position = end
    return b"".join([*pieces, content[position:]])


def _require_closed(before: bytes, after: bytes, item: DriftItem, *, declares: int) -> list[Changed]:
    """The file's blocks before and after. Raises AnswerRefused where more than statements inside of them came or
    went."""
    try:
        was, now = parse(before, ""), parse(after, "")
    except HclSyntaxError as error:
        raise AnswerRefused(f"it leaves what is not HCL: {error}") from error
    if declares > 1:
        raise AnswerRefused("it declares more than one variable")
    kept, new = now.blocks[: len(now.blocks) - declares], now.blocks[len(now.blocks) - declares :]
    old = [*was.blocks]
    if item.action == "delete" and len(kept) == len(old) - 1:
        old = _without_own(old, kept, item)
    if [_head(block) for block in old] != [_head(block) for block in kept]:
        raise AnswerRefused("blocks of the file would come or go")
    for block, other in zip(old, kept, strict=True):
        _require_fixed(block, other)
    for block in new:
        _require_variable(block)
    brought = _calls(after, declares) - _calls(before, declares)
    if brought:
        raise AnswerRefused(f"it calls {printable(min(brought), limit=60)}, which nothing here called")
    if _comments(after) - _comments(before):
        raise AnswerRefused("it brings in a comment, which may mean something to other tools")
    if set(now.attributes) - set(was.attributes):
        raise AnswerRefused("it sets what is in no block")
    pairs = [Changed(block, other) for block, other in zip(old, kept, strict=True)]
    return [*pairs, *(Changed(None, block) for block in new)]


def _without_own(old: list[Block], kept: Sequence[Block], item: DriftItem) -> list[Block]:
    """Without the block that is to go, where it is the one that went."""
    lost = next((at for at, block in enumerate(old) if at >= len(kept) or _head(block) != _head(kept[at])), 0)
    own = (item.address or "").rpartition("module.")[2].partition("[")[0]
    block = old[lost]
    if block.type == "resource" and own.endswith(".".join(block.labels)):
        return [*old[:lost], *old[lost + 1 :]]
    return old


def _head(block: Block) -> tuple[str, ...]:
    return (block.type, *block.labels)


def _require_fixed(was: Block, now: Block) -> None:
    inner = {part.type for block in (was, now) for part in block.body.blocks}
    names: set[str] = {*_FIXED}
    if was.type == "variable":
        # A check of what may be given, or that it is a secret, is nothing that a drift tells of.
        names = {*was.body.attributes, *now.body.attributes, *inner} - {"default"}
    for name in sorted(names):
        if _said(was.body, name) != _said(now.body, name):
            raise AnswerRefused(f"it changes {printable(name, limit=60)}")


def _said(body: Body, name: str) -> list[Any]:
    found = body.attributes.get(name)
    own = [source(found.expression.node)] if found is not None else []
    return [*own, *(_texts(block) for block in body.of_type(name))]


def _texts(block: Block) -> list[Any]:
    """All that a block says, in order."""
    own = [(name, source(found.expression.node)) for name, found in block.body.attributes.items()]
    return [*block.labels, own, [(inner.type, _texts(inner)) for inner in block.body.blocks]]


def _require_variable(block: Block) -> None:
    if block.type != "variable" or len(block.labels) != 1:
        raise AnswerRefused("it declares something else than one variable")
    if block.body.blocks or set(block.body.attributes) - _DECLARED:
        raise AnswerRefused("it declares a variable with more than type, description, default and nullable")


def _require_undeclared(file: str, after: bytes, code: Code) -> None:
    """Raises AnswerRefused where the module has the new variable, which stands last, already."""
    name = parse(after, file).blocks[-1].labels[0]
    modules = code.project.root.modules
    if name in modules[posixpath.dirname(file)].variables:
        raise AnswerRefused(f"the module has a variable {printable(name, limit=60)} already")


def _calls(content: bytes, declares: int) -> set[str]:
    """Calls of functions that do more than compute, as written."""
    pure = FUNCTIONS.keys() | (_TYPES if declares else set())
    calls = (node for node in nodes(tree(content)) if node.type == "function_call")
    return {source(node) for node in calls if source(node.children[0]) not in pure}


def _comments(content: bytes) -> set[str]:
    return {source(node).strip() for node in nodes(tree(content)) if node.type == "comment"}
