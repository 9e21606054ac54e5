"""Drift that Terraform is to leave alone: `ignore_changes` of a resource."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from lamplighter.drift.hcl.address import quote
from lamplighter.drift.hcl.modules import is_repeated
from lamplighter.drift.members import sets
from lamplighter.drift.model import DriftItem, StateResource
from lamplighter.drift.patch import statements
from lamplighter.drift.patch.code import Code
from lamplighter.drift.patch.model import Candidate
from lamplighter.drift.patch.origins import collection
from lamplighter.drift.patch.statements import Draft
from lamplighter.drift.patch.writing import block as block_text


def rules(item: DriftItem, code: Code) -> Iterator[Candidate]:
    """What tells Terraform not to look at the item's attribute; nothing for what comes or goes as a whole."""
    seen = code.project.seen(item.address) if item.address else None
    resource = code.stored.get(item.address or "")
    if seen is None or resource is None or item.action in ("create", "delete"):
        return
    path = spelt(resource, item.attribute)
    if not path or code.project.ignores(resource.address, item.attribute):
        return
    block, instance, _ = seen
    draft, content = Draft(code), code.contents[block.file]
    settings = block.body.of_type("lifecycle")
    listed = settings[0].body.attributes.get("ignore_changes") if settings else None
    node = collection(listed.expression.node) if listed is not None else None
    if node is not None and node.type == "tuple":
        draft.put(block.file, statements.listed(content, node, path))
    elif listed is not None:
        return
    elif settings:
        draft.put(block.file, statements.attribute(content, settings[0], "ignore_changes", f"[{path}]"))
    else:
        text = block_text("lifecycle", (), [f"ignore_changes = [{path}]"])
        draft.put(block.file, statements.inside(content, block, text))
    shared = is_repeated(block) or not instance.exclusive
    candidate = draft.candidate("ignore_changes", "holds for every instance of the block" if shared else "")
    if candidate is not None:
        yield candidate


def spelt(resource: StateResource, attribute: str) -> str:
    """An attribute path as `ignore_changes` takes it: `tags["Owner"]`, `scaling_config[0].desired_size`.

    A member of a set cannot be named: the set is then. Empty for what is no attribute of the resource: a setting or a
    member that has a resource of its own.
    """
    top, dot, rest = attribute.partition(".")
    known = sets().get((resource.type, top))
    if (
        top.startswith("aws_")
        or not re.fullmatch(r"[a-z_][a-z0-9_]*", top)
        or (known and known.inline is None)
    ):
        return ""
    value = resource.attributes.get(top)
    if not dot or known is not None:
        return top
    if top in ("tags", "tags_all") or (isinstance(value, Mapping) and rest in value):
        return f"{top}[{quote(rest)}]"
    written = top
    for part in rest.split("."):
        if isinstance(value, list):
            if len(value) > 1 or not re.fullmatch(r"\w+", part):
                return top
            written, value = f"{written}[0]", value[0] if value else None
        elif not isinstance(value, Mapping) and value is not None:
            return top
        written += f".{part}" if re.fullmatch(r"[A-Za-z_]\w*", part) else f"[{quote(part)}]"
        value = value.get(part) if isinstance(value, Mapping) else None
    return written
