"""What of the code, of the state and of an item is nobody's to read, and text of the code without it.

Secret are: what Terraform is told is (`sensitive`, `ephemeral`, the state's marks, the provider's schema), what a name
says is, and what `core/redaction` knows by its form. A secret of no known form under a harmless name is not recognised.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from lamplighter.core.redaction import redact, redact_value
from lamplighter.drift.hcl.syntax import Block, nodes, source, tree
from lamplighter.drift.items import is_secret_name
from lamplighter.drift.model import DriftItem
from lamplighter.drift.patch.code import Code
from lamplighter.drift.provider_schema import ProviderSchemas

if TYPE_CHECKING:
    from tree_sitter import Node

MARK = "<secret>"
_LEAST = 6
"""Characters of a secret value below which it is taken out only where a name says it: `5` and `prod` stand anywhere."""
_MOST = 400
_WORDS = re.compile(r"(?:^|[^a-z])(?:pg)?(?:pass|pwd|auth|creds?|key_base)\d*$")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_CHAIN = re.compile(r"(?<![\w.-])[A-Za-z_][\w-]*(?:\[[^\]]*\])?(?:\.[A-Za-z_*][\w-]*(?:\[[^\]]*\])?)+")
_REFERENCE = re.compile(r"[A-Za-z_][\w-]*(?:\.[\w-]+)+")
_TITLES = ("name", "key")


def is_secret_named(name: str) -> bool:
    """Whether what has the name is a secret by it: `DB_PASS`, `apiToken`, `SECRET_KEY_BASE`."""
    words = _CAMEL.sub("_", name).lower()
    by_name: Mapping[str, str] = redact_value({name: "x"})
    return _WORDS.search(words) is not None or is_secret_name(name) or by_name.get(name) != "x"


class Secrets(NamedTuple):
    """`variables` and `outputs` are the names of those marked, in whichever module; `values` what they and the state's
    marked attributes hold, the longest first."""

    variables: frozenset[str]
    outputs: frozenset[str]
    values: tuple[str, ...]

    def is_variable(self, name: str) -> bool:
        return name in self.variables or is_secret_named(name)

    def without(self, text: str) -> str:
        """A text without the values, and without what has the form of a secret."""
        for value in self.values:
            text = text.replace(value, MARK)
        return redact(text)

    def without_value(self, value: Any) -> Any:
        """Plain JSON of the same shape: also without what its own names say is one."""
        match value:
            case str():
                return self.without(value)
            case Mapping():
                hidden: Mapping[str, Any] = redact_value(value)
                return {
                    self.without(str(key)): MARK if _is_hidden(key, item) else self.without_value(hidden[key])
                    for key, item in value.items()
                    if key in hidden
                }
            case list() | tuple():
                return [self.without_value(item) for item in value]
            case _:
                return value


def _is_hidden(name: Any, value: Any) -> bool:
    return value not in (None, "", True, False) and is_secret_named(str(name))


def secrets_of(code: Code) -> Secrets:
    modules = code.project.root.modules.values()
    blocks = [(name, block) for module in modules for name, block in module.variables.items()]
    marked = frozenset(name for name, block in blocks if _is_marked(block))
    outputs = frozenset(
        name for module in modules for name, block in module.outputs.items() if _is_marked(block)
    )
    found = [text for name, block in blocks if name in marked for text in _literals_of(block, "default")]
    for file in code.variables:
        found += _given(code, file, marked)
    for module in modules:
        for call in module.calls.values():
            found += [text for name in marked for text in _literals_of(call, name)]
    for resource in code.stored.values():
        for name in resource.sensitive:
            found += _leaves(resource.attributes.get(name))
    long = {text for text in found if len(text) >= _LEAST}
    return Secrets(marked, outputs, tuple(sorted(long, key=len, reverse=True)[:_MOST]))


def _is_marked(block: Block) -> bool:
    said = (block.body.attributes.get(name) for name in ("sensitive", "ephemeral"))
    return any(one is not None and one.expression.text.strip() != "false" for one in said)


def _given(code: Code, file: str, names: Iterable[str]) -> Iterator[str]:
    if not file.endswith(".json"):
        for name, statement in code.body(file).attributes.items():
            if name in names:
                yield from _texts(statement.expression.node)
        return
    try:
        read = json.loads(code.contents[file])
    except (ValueError, RecursionError):
        return
    for name in names:
        yield from _leaves(read.get(name) if isinstance(read, Mapping) else None)


def _literals_of(block: Block, name: str) -> Iterator[str]:
    statement = block.body.attributes.get(name)
    yield from _texts(statement.expression.node) if statement is not None else ()


def _texts(node: Node) -> Iterator[str]:
    kinds = ("template_literal", "numeric_lit")
    yield from (source(one).strip() for one in nodes(node) if one.type in kinds)


def _leaves(value: Any) -> Iterator[str]:
    waiting = [value]
    while waiting:
        part = waiting.pop()
        match part:
            case Mapping():
                waiting += part.values()
            case list():
                waiting += part
            case str():
                yield part.strip()
            case bool() | None:
                pass
            case _:
                yield str(part)


def is_secret_item(item: DriftItem, code: Code, secrets: Secrets, schemas: ProviderSchemas | None) -> bool:
    """Whether a value of the item is one, by its names, its form, the state's marks or the provider's schema."""
    steps = [step for step in item.attribute.split(".") if step and not step.isdecimal()]
    if any(is_secret_named(step) for step in steps) or is_secret_name(".".join(steps)):
        return True
    stored = code.stored.get(item.address or "")
    if stored is not None and steps and steps[0] in stored.sensitive:
        return True
    told = (item.live_value, item.code_value)
    if any(secrets.without_value(value) != _plain(value) for value in told):
        return True
    schema = schemas.find("hashicorp/aws", item.resource_type) if schemas is not None else None
    for step in steps:
        if schema is None:
            return False
        if schema.is_sensitive(step):
            return True
        nested = schema.nested(step)
        schema = nested.block if nested is not None else None
    return False


def _plain(value: Any) -> Any:
    match value:
        case Mapping():
            return {str(key): _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case _:
            return value


def refers_to_secret(text: str, secrets: Secrets) -> bool:
    """Whether an expression, as written, refers to a secret by name; what that refers to is for the caller to
    follow."""
    for found in _CHAIN.finditer(text):
        kind, *rest = re.sub(r"\[[^\]]*\]", "", found[0]).split(".")
        match kind:
            case "var" | "local":
                secret = secrets.is_variable(rest[0]) if kind == "var" else is_secret_named(rest[0])
            case "module":
                secret = len(rest) > 1 and (rest[1] in secrets.outputs or is_secret_named(rest[1]))
            case "data":
                secret = any(is_secret_named(step) for step in rest[2:])
            case _:
                # A secret's ARN is none: of the type of a resource only a password counts.
                secret = "password" in kind or any(is_secret_named(step) for step in rest[1:])
        if secret or any(is_secret_named(step) for step in rest[1:] if kind in ("var", "local")):
            return True
    return re.search(r"\b(?:sensitive|ephemeralasnull)\s*\(", text) is not None


def masked(text: str, role: str, secrets: Secrets) -> str | None:
    """Text of a passage with a mark for each secret; None for what is not HCL. `role` is the passage's: an argument of
    a call, and a value of a variable, is one where the variable is."""
    content = text.encode()
    root = tree(content)
    if root.has_error:
        return None
    given = role.startswith(("call ", "value "))
    spans = sorted(_spans(root, secrets, given=given))
    pieces: list[bytes] = []
    position = 0
    for start, end in spans:
        if start >= position:
            pieces += [content[position:start], f'"{MARK}"'.encode()]
            position = end
    return secrets.without(b"".join([*pieces, content[position:]]).decode())


def _spans(root: Node, secrets: Secrets, *, given: bool) -> Iterator[tuple[int, int]]:
    for node in nodes(root):
        match node.type:
            case "attribute" | "object_elem":
                name, value = _named(node)
                by_variable = given and name in secrets.variables
                hidden = by_variable or is_secret_named(name) or _is_titled(node, name)
                if (hidden or _is_environment(node)) and not _is_plain(source(value)):
                    yield value.start_byte, value.end_byte
            case "block" if source(node.children[0]) == "variable" and len(node.children) > 1:
                label = source(node.children[1]).strip('"')
                for part in _statements(node):
                    name, value = _named(part)
                    if name == "default" and secrets.is_variable(label) and not _is_plain(source(value)):
                        yield value.start_byte, value.end_byte
            case _:
                pass


def within(node: Node, steps: Sequence[str]) -> Node:
    """The value at these keys of an object that is written out; the last one that is, where one is not."""
    for step in steps:
        objects = [one for one in _own(node) if one.type == "object"]
        elements = [child for one in objects for child in one.children if child.type == "object_elem"]
        found = next((value for name, value in map(_named, elements) if name == step), None)
        if found is None:
            break
        node = found
    return node


def _own(node: Node) -> Iterator[Node]:
    """A node and what alone is in it."""
    yield node
    while len(node.children) == 1:
        node = node.children[0]
        yield node


def _named(node: Node) -> tuple[str, Node]:
    inner = [child for child in node.children if child.type in ("identifier", "expression")]
    return source(inner[0]).strip('"()'), inner[-1]


def _is_plain(text: str) -> bool:
    """What says no secret itself: a reference, a switch, nothing."""
    return text in ("true", "false", "null", '""') or _REFERENCE.fullmatch(text) is not None


def _is_titled(node: Node, name: str) -> bool:
    """`name = "DB_PASSWORD"` beside `value = "x"`."""
    if name != "value" or node.parent is None:
        return False
    beside = (_named(child) for child in node.parent.children if child.type == node.type)
    return any(
        one in _TITLES and is_secret_named(source(value).strip('"'))
        for one, value in beside
        if one != "value"
    )


def _is_environment(node: Node) -> bool:
    """Whether it is a variable in an `environment` block: nobody knows what those hold."""
    if node.type != "object_elem":
        return False
    names: list[str] = []
    above = node.parent
    while above is not None:
        if above.type == "attribute" or above.type == "block":
            names.append(source(above.children[0]))
        above = above.parent
    return names[:2] == ["variables", "environment"]


def _statements(block: Node) -> Iterator[Node]:
    for child in block.children:
        if child.type == "body":
            yield from (one for one in child.children if one.type == "attribute")
