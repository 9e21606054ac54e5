"""What refers to a resource, and how to refer to one: ids, ARNs and names as references where the code can see them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from lamplighter.drift.hcl import address as addresses
from lamplighter.drift.hcl.address import ModuleStep, index, quote
from lamplighter.drift.hcl.evaluate import UNKNOWN
from lamplighter.drift.hcl.modules import Instance
from lamplighter.drift.hcl.syntax import source, tree
from lamplighter.drift.model import StateResource
from lamplighter.drift.patch.code import Code
from lamplighter.drift.patch.writing import Reference

if TYPE_CHECKING:
    from tree_sitter import Node

_SHORTEST = 6
"""Characters of an id that is taken for one wherever it stands; a shorter text may mean anything."""

_NAMED = {
    "bucket": ("aws_s3_bucket", "bucket"),
    "cluster": ("aws_ecs_cluster", "id"),
    "function_name": ("aws_lambda_function", "function_name"),
    "group": ("aws_iam_group", "name"),
    "key_name": ("aws_key_pair", "key_name"),
    "log_group_name": ("aws_cloudwatch_log_group", "name"),
    "repository": ("aws_ecr_repository", "name"),
    "role": ("aws_iam_role", "name"),
    "rule": ("aws_cloudwatch_event_rule", "name"),
    "target_key_id": ("aws_kms_key", "key_id"),
    "user": ("aws_iam_user", "name"),
    "zone_id": ("aws_route53_zone", "zone_id"),
}
"""Attributes that name another resource by something that is no id for certain, and which."""


class Use(NamedTuple):
    """A reference to a resource; `block` is the labels of the block at the top of the file that it stands in, its type
    first, `rest` the accessors behind the resource's name as written: `["k"].arn`, `attribute` the statement of that
    block it stands in (empty within an inner block), and `lists` the `tuple` nodes around it.
    """

    file: str
    span: tuple[int, int]
    block: tuple[str, ...]
    block_span: tuple[int, int]
    rest: str
    attribute: str
    lists: tuple[Node, ...]


def uses(code: Code, directory: str, kind: str, name: str) -> list[Use]:
    """Every reference to `kind.name` in the files of a module, but for those in the resource itself."""
    found: list[Use] = []
    for path, content in sorted(code.contents.items()):
        if path in code.variables or path.rpartition("/")[0] != directory:
            continue
        for block in code.body(path).blocks:
            text = content[slice(*block.span)]
            if (block.type, *block.labels) == ("resource", kind, name) or kind.encode() not in text:
                continue
            for start, end, rest, lists in _referring(tree(content), block.span, kind, name, ()):
                held = (
                    item for item in block.body.attributes.values() if item.span[0] <= start < item.span[1]
                )
                attribute = next((item.name for item in held), "")
                labels = (block.type, *block.labels)
                found.append(Use(path, (start, end), labels, block.span, rest, attribute, lists))
    return found


def _referring(
    node: Node, span: tuple[int, int], kind: str, name: str, lists: tuple[Node, ...]
) -> Iterator[tuple[int, int, str, tuple[Node, ...]]]:
    for position, child in enumerate(node.children):
        if child.end_byte <= span[0] or child.start_byte >= span[1]:
            continue
        if child.type == "variable_expr" and source(child) == kind and len(node.children) > position + 1:
            following = node.children[position + 1 :]
            if following[0].type == "get_attr" and source(following[0].children[-1]) == name:
                chain: list[Node] = []
                for part in following[1:]:
                    if part.type not in ("get_attr", "index", "splat"):
                        break
                    chain.append(part)
                end = chain[-1].end_byte if chain else following[0].end_byte
                yield child.start_byte, end, "".join(source(part) for part in chain), lists
        if child.children:
            around = (*lists, child) if child.type == "tuple" else lists
            yield from _referring(child, span, kind, name, around)


def to_attribute(
    code: Code, modules: Sequence[ModuleStep], resource: StateResource, attribute: str
) -> Reference | None:
    """An attribute of a managed resource as the module instance `modules` can say it; None where it cannot."""
    parsed = addresses.parse(resource.address)
    value = resource.attributes.get(attribute)
    if parsed is None or code.project.seen(resource.address) is None:
        return None
    if tuple(parsed.modules) == tuple(modules):
        return Reference(f"{parsed.type}.{parsed.name}{index(parsed.key)}.{attribute}")
    depth = len(modules)
    if len(parsed.modules) != depth + 1 or tuple(parsed.modules[:depth]) != tuple(modules):
        return None
    child = code.project.instance(parsed.modules)
    step = parsed.modules[depth]
    return _output(child, f"module.{step.name}{index(step.key)}", value) if child is not None else None


def to_value(code: Code, modules: Sequence[ModuleStep], value: Any) -> Reference | None:
    """The managed resource whose id or ARN a value is, as the module instance `modules` can say it."""
    if not isinstance(value, str) or len(value) < _SHORTEST:
        return None
    for attribute in ("id", "arn"):
        owners = [item for item in code.index.resources if item.attributes.get(attribute) == value]
        owners = [item for item in owners if attribute == "arn" or _by_id(item, value)]
        for owner in owners:
            found = to_attribute(code, modules, owner, attribute)
            if found is not None:
                return found
    return None


def to_named(code: Code, modules: Sequence[ModuleStep], attribute: str, value: Any) -> Reference | None:
    """The managed resource that an attribute of another one names, by its id, its ARN or what the attribute means."""
    kind, name = _NAMED.get(attribute, ("", ""))
    for owner in code.index.of_type(kind):
        if value not in (None, "") and owner.attributes.get(name) == value:
            found = to_attribute(code, modules, owner, name)
            if found is not None:
                return found
    return to_value(code, modules, value)


def _by_id(resource: StateResource, value: str) -> bool:
    """Whether an id is one that AWS gives and nothing else has: a name would be that of several things."""
    return "-" in value or value.startswith("arn:") or resource.attributes.get("arn") == value


def _output(child: Instance, name: str, value: Any) -> Reference | None:
    for output in sorted(child.module.outputs):
        said = child.output(output)
        if said is UNKNOWN or value in (None, ""):
            continue
        if said == value:
            return Reference(f"{name}.{output}")
        if isinstance(said, list) and value in said:
            return Reference(f"{name}.{output}[{said.index(value)}]")
        if isinstance(said, dict) and value in said.values():
            key = next(key for key, item in said.items() if item == value)
            return Reference(f"{name}.{output}[{quote(key)}]")
    return None
