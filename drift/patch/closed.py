"""What an answer may not bring in though it is HCL: what Terraform rejects, and what would tie the code to more.

Each check compares the code before and after, so that what was there already, right or wrong, refuses no answer.
Sources: Terraform language documentation, "References to Named Values", "Input Variables", "Type Constraints" and
"Modules"; names of a resource are those of the provider's schema and of the state.
"""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from lamplighter.core.text import printable
from lamplighter.drift.hcl.modules import Module, local_source
from lamplighter.drift.hcl.syntax import Attribute, Block, Body, nodes, source, tree
from lamplighter.drift.model import DriftItem
from lamplighter.drift.patch.code import Code
from lamplighter.drift.provider_schema import Block as Schema
from lamplighter.drift.provider_schema import ProviderSchemas

if TYPE_CHECKING:
    from tree_sitter import Node

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_KEYWORDS = frozenset(("string", "number", "bool", "any"))
_OF_ONE = frozenset(("list", "set", "map"))
_NOT_VARIABLES = frozenset(
    ("source", "version", "providers", "count", "for_each", "lifecycle", "depends_on", "locals")
)
"""Terraform keeps these for the calls of modules."""
_REPEATS = {"each": "for_each", "count": "count"}


class Changed(NamedTuple):
    """One top-level block before and after; `was` is None where it is new."""

    was: Block | None
    now: Block


def refused(
    before: Code,
    after: Code,
    file: str,
    changed: Sequence[Changed],
    item: DriftItem,
    schemas: ProviderSchemas | None,
) -> str:
    """Why a file as it is `after` is refused, in one line; empty where it is not."""
    was, now = before.contents.get(file, b""), after.contents[file]
    new = _unprintable(now) - _unprintable(was)
    if new:
        return f"it brings in a character that is not shown ({min(new)!a})"
    odd = {name for name in _names(now) - _names(was) if not _NAME.fullmatch(name)}
    if odd:
        return f"it brings in the name {printable(min(odd), limit=60)!a}, which is not plain"
    twice = _repeated(now) - _repeated(was)
    if twice:
        return f"it sets {printable(min(twice), limit=60)} twice in one place"
    if file in after.variables:
        return "" if _is_constant(tree(now)) else "it gives a variable something else than a constant"
    module = after.project.root.modules.get(posixpath.dirname(file))
    for one in changed:
        why = _of_block(one, module, before, after, file, item, schemas)
        if why:
            return why
    return ""


def _unprintable(content: bytes) -> Counter[str]:
    text = content.decode("utf-8", "replace").removeprefix("\ufeff").replace("\r\n", "\n")
    return Counter(char for char in text if not char.isprintable() and char not in "\n\t")


def _names(content: bytes) -> set[str]:
    return {
        source(node)
        for node in nodes(tree(content))
        if node.type == "identifier" and "::" not in source(node)
    }


def _repeated(content: bytes) -> Counter[str]:
    """Attributes of one body, and keys of one object, that are there more than once."""
    found: Counter[str] = Counter()
    for node in nodes(tree(content)):
        kind = {"body": "attribute", "object": "object_elem"}.get(node.type)
        names = [source(child.children[0]).strip('"') for child in node.children if child.type == kind]
        found.update(name for name, count in Counter(names).items() if kind is not None and count > 1)
    return found


def _of_block(
    changed: Changed,
    module: Module | None,
    before: Code,
    after: Code,
    file: str,
    item: DriftItem,
    schemas: ProviderSchemas | None,
) -> str:
    was, now = changed
    old = _text(was, before, file) if was is not None else b""
    new = _text(now, after, file)
    if old == new:
        return ""
    if now.type == "variable":
        return _of_variable(now, file, after) if was is None else _of_default(now)
    why = _of_references(_references(new) - _references(old), now, module)
    if why:
        return why
    match now.type, was:
        case "resource", Block():
            return _of_names(was, now, item, before, schemas)
        case "module", Block():
            return _of_arguments(was, now, file, after)
        case "locals", _:
            itself = (name for name, said in now.body.attributes.items() if _is_of_itself(name, said))
            name = next(itself, None)
            return f"local.{printable(name, limit=60)} would refer to itself" if name is not None else ""
        case _:
            return ""


def _text(block: Block, code: Code, file: str) -> bytes:
    return code.contents[file][slice(*block.span)]


def _of_references(new: set[tuple[str, ...]], block: Block, module: Module | None) -> str:
    for chain in sorted(new):
        said = printable(".".join(chain), limit=80)
        match chain:
            case ("var", name, *_):
                if module is None or name not in module.variables:
                    return f"it refers to {said}, and the module has no such variable"
            case ("local", name, *_):
                if module is None or name not in module.locals:
                    return f"it refers to {said}, and the module has no such local"
            case ("each" | "count", *_):
                repeat = _REPEATS[chain[0]]
                if repeat not in block.body.attributes:
                    return f"it refers to {said} where there is no {repeat}"
            case _:
                return f"it refers to {said}, which nothing here referred to"
    return ""


def _references(content: bytes) -> set[tuple[str, ...]]:
    """What expressions refer to, without what they bind themselves: (root, attribute, ...)."""
    found: set[tuple[str, ...]] = set()
    waiting: list[tuple[Node, frozenset[str]]] = [(tree(content), frozenset())]
    while waiting:
        node, bound = waiting.pop()
        bound |= _bound(node)
        children = list(node.children)
        if node.type == "object_elem" and _is_key(children[0]):
            children = children[1:]
        chain = _chain(children)
        if chain and chain[0] not in bound:
            found.add(chain)
        waiting += [(child, bound) for child in children]
    return found


def _is_of_itself(name: str, said: Attribute) -> bool:
    chains = _references(f"x = {said.expression.text}\n".encode())
    return any(chain[:2] == ("local", name) for chain in chains)


def _is_key(node: Node) -> bool:
    """Whether a key is a name that stands for itself."""
    inner = node.children
    return len(inner) == 1 and inner[0].type == "variable_expr"


def _chain(children: Sequence[Node]) -> tuple[str, ...]:
    if not children or children[0].type != "variable_expr":
        return ()
    names = [source(children[0])]
    for child in children[1:]:
        if child.type == "get_attr":
            names.append(source(child.children[-1]))
        elif child.type not in ("index", "splat"):
            break
    return tuple(names)


def _bound(node: Node) -> frozenset[str]:
    if node.type in ("for_tuple_expr", "for_object_expr"):
        intro = (child for child in node.children if child.type == "for_intro")
        return frozenset(source(one) for part in intro for one in part.children if one.type == "identifier")
    if node.type == "block" and source(node.children[0]) == "dynamic" and len(node.children) > 1:
        bodies = (child for child in node.children if child.type == "body")
        statements = (child for body in bodies for child in body.children if child.type == "attribute")
        own = {source(one.children[-1]) for one in statements if source(one.children[0]) == "iterator"}
        # The iterator's own name is a bare name there.
        return frozenset({source(node.children[1]).strip('"'), *own})
    return frozenset()


def _of_variable(block: Block, file: str, after: Code) -> str:
    """Of a new variable: it must be one, and every call of its module must do."""
    name = block.labels[0]
    if not _NAME.fullmatch(name) or name in _NOT_VARIABLES:
        return f"{printable(name, limit=60)} is no name of a variable"
    kind = block.body.attributes.get("type")
    if kind is not None and not _is_type(kind.expression.node):
        return f"{printable(kind.expression.text, limit=60)} is no type of a variable"
    for said in ("default", "description", "nullable"):
        statement = block.body.attributes.get(said)
        if statement is not None and not _is_constant(statement.expression.node):
            return f"the {said} of a variable must be a constant"
    if "default" in block.body.attributes:
        return ""
    directory = posixpath.dirname(file)
    for where, module in after.project.root.modules.items():
        for call in module.calls.values():
            if _called(call, where) == directory and name not in call.body.attributes:
                return f"the variable {name} has no default, and a call of its module does not give it"
    return ""


def _of_default(block: Block) -> str:
    statement = block.body.attributes.get("default")
    fine = statement is None or _is_constant(statement.expression.node)
    return "" if fine else "the default of a variable must be a constant"


def _called(call: Block, where: str) -> str | None:
    """The directory of a called module; None for one from elsewhere."""
    return local_source(call, where)


def _is_constant(root: Node) -> bool:
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if node.type in ("variable_expr", "function_call", "template_interpolation", "template_directive"):
            return False
        children = list(node.children)
        if node.type == "object_elem" and _is_key(children[0]):
            children = children[1:]
        waiting += children
    return True


def _is_type(node: Node) -> bool:
    """Whether an expression is a type constraint."""
    inner = [child for child in node.children if child.type != "comment"]
    if len(inner) != 1:
        return False
    (one,) = inner
    if one.type == "variable_expr":
        return source(one) in _KEYWORDS
    if one.type != "function_call":
        return False
    kind, given = source(one.children[0]), _arguments(one)
    if len(given) != 1:
        return False
    if kind in _OF_ONE:
        return _is_type(given[0])
    if kind == "object":
        return _is_object_type(given[0])
    parts = _collection(given[0], "tuple")
    return kind == "tuple" and parts is not None and all(map(_is_type, _expressions(parts)))


def _is_object_type(node: Node) -> bool:
    parts = _collection(node, "object")
    if parts is None:
        return False
    values = [child.children[-1] for child in parts.children if child.type == "object_elem"]
    return all(_is_type(value) or _is_optional(value) for value in values)


def _is_optional(node: Node) -> bool:
    inner = node.children
    if len(inner) != 1 or inner[0].type != "function_call" or source(inner[0].children[0]) != "optional":
        return False
    given = _arguments(inner[0])
    return 1 <= len(given) <= 2 and _is_type(given[0]) and all(map(_is_constant, given[1:]))


def _arguments(call: Node) -> list[Node]:
    return [
        one for child in call.children if child.type == "function_arguments" for one in _expressions(child)
    ]


def _expressions(node: Node) -> list[Node]:
    return [child for child in node.children if child.type == "expression"]


def _collection(node: Node, kind: str) -> Node | None:
    while len(node.children) == 1:
        node = node.children[0]
        if node.type == kind:
            return node
    return None


def _of_arguments(was: Block, now: Block, file: str, after: Code) -> str:
    """Of a call: it gives only what the module has a variable for."""
    new = now.body.attributes.keys() - was.body.attributes.keys()
    if now.body.blocks != () and {one.type for one in now.body.blocks} - {
        one.type for one in was.body.blocks
    }:
        return "it brings a block into the call of a module"
    called = _called(now, posixpath.dirname(file))
    module = after.project.root.modules.get(called) if called is not None else None
    lacks = sorted(name for name in new if module is None or name not in module.variables)
    return f"the called module has no variable {printable(lacks[0], limit=60)}" if lacks else ""


def _of_names(was: Block, now: Block, item: DriftItem, code: Code, schemas: ProviderSchemas | None) -> str:
    """Of a resource: it has only what the provider's schema, or the state of one of its type, has."""
    kind = now.labels[0]
    schema = schemas.find("hashicorp/aws", kind) if schemas is not None else None
    held = [one.attributes for one in code.stored.values() if one.type == kind]
    own = item.attribute.split(".") if item.resource_type == kind else []
    return _unknown(was.body, now.body, schema, held, [step for step in own if not step.isdecimal()])


def _unknown(
    was: Body | None, now: Body, schema: Schema | None, held: Sequence[Mapping[str, Any]], own: Sequence[str]
) -> str:
    known = (
        {name for one in held for name in one}
        | set(schema.names() if schema is not None else ())
        | {*own[:1]}
    )
    before = _parts(was) if was is not None else {}
    for name, bodies in _parts(now).items():
        earlier = before.get(name)
        if earlier is None and name not in known:
            return f"it sets {printable(name, limit=60)}, which neither the state nor the provider has there"
        inner = [part for one in held for part in _objects(one.get(name))]
        nested = schema.nested(name) if schema is not None else None
        if not inner and nested is None:
            # Nobody can tell what is in it: the judge says whether it may be there.
            continue
        rest = own[1:] if own[:1] == [name] else []
        for at, body in enumerate(bodies):
            old = earlier[min(at, len(earlier) - 1)] if earlier else None
            why = _unknown(old, body, nested.block if nested is not None else None, inner, rest)
            if why:
                return why
    return ""


def _parts(body: Body) -> dict[str, list[Body]]:
    """Attributes and blocks by name, those that are made over a collection like the others."""
    found: dict[str, list[Body]] = {name: [] for name in body.attributes}
    for block in body.blocks:
        if block.type == "dynamic" and block.labels:
            found.setdefault(block.labels[0], []).extend(one.body for one in block.body.of_type("content"))
        else:
            found.setdefault(block.type, []).append(block.body)
    return found


def _objects(value: Any) -> Iterator[Mapping[str, Any]]:
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, Mapping):
            yield one
