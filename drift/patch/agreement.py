"""When code says what is live, to Terraform: the order of a list counts unless it is a set, and text is compared
letter by letter unless the attribute is JSON.

Stricter than `lamplighter.drift.values.same`, which finds drift: a trace and a state write one setting in different
orders and forms, and what only looks different must not be reported. What is written into code must be right as it is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from lamplighter.drift.members import sets
from lamplighter.drift.patch.blocks import DOCUMENTS, MAPS
from lamplighter.drift.patch.steps import document_of
from lamplighter.drift.values import ABSENT, same


def agree(left: Any, right: Any, kind: str = "", path: str = "") -> bool:
    """Whether two known values at an attribute path of a resource type say the same. Without a type, only attributes
    that are a set wherever they occur are one."""
    if left in ABSENT and right in ABSENT:
        return left == right or not _is_member(path)
    if left is None or right is None:
        return same(left, right)
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        keys = {*left, *right}
        return all(agree(left.get(key), right.get(key), kind, f"{path}.{key}") for key in keys)
    if isinstance(left, list) and isinstance(right, list):
        return _lists_agree(left, right, kind, path)
    if is_document(path) or isinstance(left, Mapping | list) or isinstance(right, Mapping | list):
        return documents_agree(left, right)
    return left == right if isinstance(left, str) and isinstance(right, str) else same(left, right)


def documents_agree(left: Any, right: Any) -> bool:
    """Whether two JSON documents, as text or as what it holds, are the same one: a policy of permissions by what it
    permits, any other with its order."""
    one, other = (document_of(side) if isinstance(side, str) else side for side in (left, right))
    if one is None or other is None:
        return bool(left == right)
    if all(isinstance(side, Mapping) and "Statement" in side for side in (one, other)):
        return same(one, other)
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def is_document(path: str) -> bool:
    """Whether the attribute at a path is JSON text by its name; the member of a map never is."""
    return bool(DOCUMENTS.search(path.rpartition(".")[2])) and not _is_member(path)


def is_set(kind: str, path: str) -> bool:
    """Whether the lists at a path are sets to the provider, as far as is known: `path` may have indices of blocks."""
    bare = ".".join(part for part in path.split(".") if not part.isdecimal())
    if (kind, bare) in sets():
        return True
    names, paths = _known_sets()
    return bare.rpartition(".")[2] in names or f"{kind}.{bare}" in paths


def _is_member(path: str) -> bool:
    return any(part in MAPS for part in path.split(".")[:-1])


def _lists_agree(left: list[Any], right: list[Any], kind: str, path: str) -> bool:
    left, right = ([item for item in side if item not in ABSENT] for side in (left, right))
    if len(left) != len(right):
        return False
    if not is_set(kind, path):
        return all(agree(one, other, kind, path) for one, other in zip(left, right, strict=True))
    rest = [*right]
    for one in left:
        found = next((index for index, other in enumerate(rest) if agree(one, other, kind, path)), None)
        if found is None:
            return False
        rest.pop(found)
    return True


@cache
def _known_sets() -> tuple[frozenset[str], frozenset[str]]:
    """Names that are sets wherever they occur, and `TYPE.PATH` of the sets whose name is a list's elsewhere."""
    known = json.loads((files("lamplighter.drift.patch") / "sets.json").read_text("utf-8"))
    return frozenset(known["names"]), frozenset(known["paths"])
