"""What patched code says, beside what is true of the cloud: the judge where there is no Terraform.

The patched files are read again from a folder of their own, computed as far as files and state tell, and compared with
the scenario's values. It shares the language's evaluation with the engine, and nothing that decides, edits or judges.
What cannot be computed is not judged, and a case in which that happens does not count as right.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lamplighter.drift.hcl.evaluate import UNKNOWN, is_known
from lamplighter.drift.patch.code import Code
from lamplighter.drift.state import read_resources
from lamplighter.drift.values import same
from lamplighter.scenarios.drift.schema import DriftTruth, UnmanagedTruth
from lamplighter.scenarios.evaluation.drift_score import Key, Truth, bare
from lamplighter.scenarios.evaluation.patch_plan import RULE_TYPES
from lamplighter.tools.terraform_files import StateFile, read_code

NOT_COMPUTED = "not judged: the code's value cannot be computed"


def read(directory: Path, state: StateFile) -> Code:
    """The code of a folder."""
    return Code.of(read_code(directory), read_resources(state))


def against(before: Code, after: Code, codified: Sequence[Truth]) -> list[tuple[Key, str]]:
    """What the patched code says that is not live, and what else it says otherwise than before."""
    if after.project.broken:
        return [(("", item.file), f"does not parse: {item.problem}") for item in after.project.broken]
    wrong = [(truth.key, said) for truth in codified if (said := _unsaid(truth.of, before, after))]
    return [*wrong, *_besides(before, after, codified)]


def _unsaid(truth: DriftTruth | UnmanagedTruth, before: Code, code: Code) -> str:
    """Why the code does not say what is true; empty where it does."""
    instances = code.written.instances
    if isinstance(truth, UnmanagedTruth):
        return "" if _brought(truth, before, code) else "is not brought under the code"
    address = code.project.written_as(truth.address)
    said = instances.get(address) if address else None
    match truth.action:
        case "delete":
            return "" if said is None else "the code still has it"
        case "create":
            return "" if said is not None else "the code has lost it"
        case _ if said is None:
            return "the code has lost it"
        case "add" | "remove" if not truth.path.startswith("tags."):
            return _members(_at(said.values, truth.path.split(".")), truth)
        case _:
            return _value(said.values, truth)


def _brought(truth: UnmanagedTruth, before: Code, code: Code) -> bool:
    wanted = {truth.id, truth.id.rpartition("/")[2]}
    for address, identity in code.written.imports.items():
        kind = code.written.instances[address].type if address in code.written.instances else ""
        if kind == RULE_TYPES.get(truth.type) or (kind == truth.type and identity in wanted):
            return True
    for other in truth.also:
        written, name = code.project.written_as(other.address), other.path.partition(".")[0]
        said = [of.written.instances.get(written or "") for of in (before, code)]
        was, now = (one.values.get(name) if one else None for one in said)
        if was != now:
            return True
    return False


def _value(values: Mapping[str, Any], truth: DriftTruth) -> str:
    top, _, key = truth.path.partition(".")
    found = _at(values, truth.path.split("."))
    if top == "tags" and found is None:
        inherited = values.get("tags_all", {})
        found = UNKNOWN if inherited is UNKNOWN else inherited.get(key)
    if not is_known(found):
        return NOT_COMPUTED
    return "" if same(found, truth.live) else "the code says something else"


def _members(found: Any, truth: DriftTruth) -> str:
    found = [] if found is None else found
    if not isinstance(found, list) or not is_known(found):
        return NOT_COMPUTED
    rows = [row for member in found for row in _rows(member)]
    if any(not any(_is(row, wanted) for row in rows) for wanted in truth.added):
        return "a member that is live is missing"
    if any(_is(row, gone) for row in rows for gone in truth.removed):
        return "a member that is gone is still there"
    return ""


def _rows(member: Any) -> Iterator[Any]:
    """A rule with several sources is as many rules with one."""
    sources = member.get("cidr_blocks") if isinstance(member, Mapping) else None
    if isinstance(sources, list) and len(sources) > 1:
        yield from ({**member, "cidr_blocks": [source]} for source in sources)
    else:
        yield member


def _is(row: Any, wanted: Any) -> bool:
    if isinstance(row, Mapping) and isinstance(wanted, Mapping):
        return all(same(row.get(name), value) for name, value in wanted.items())
    return same(row, wanted)


def _at(value: Any, parts: Sequence[str]) -> Any:
    """The value at a path; None where there is none."""
    if not parts or value is UNKNOWN:
        return value
    whole = ".".join(parts)
    if isinstance(value, Mapping):
        return value[whole] if whole in value else _at(value.get(parts[0]), parts[1:])
    if isinstance(value, list) and parts[0].isdecimal():
        return _at(value[int(parts[0])], parts[1:]) if int(parts[0]) < len(value) else None
    return None


def _besides(before: Code, after: Code, codified: Sequence[Truth]) -> Iterator[tuple[Key, str]]:
    was, now = before.written.instances, after.written.instances
    paths: dict[str, set[str]] = {}
    for truth in codified:
        own = [truth.key] if truth.key[0] else []
        for address, path in [*own, *((other.address, bare(other.path)) for other in truth.of.also)]:
            written = before.project.written_as(address) or address
            paths.setdefault(written, set()).add(path.partition(".")[0])
    for address in sorted(now.keys() - was.keys()):
        if address not in after.written.imports:
            yield (address, ""), "new in the code, and not imported"
    for address in sorted(was.keys() - now.keys()):
        if "" not in paths.get(address, ()):
            yield (address, ""), "gone from the code"
    for address in sorted(was.keys() & now.keys()):
        meant = paths.get(address, set())
        for name in sorted({*was[address].values, *now[address].values}):
            follows = name == "tags_all" and "tags" in meant
            if name not in meant and not follows and "" not in meant:
                one, other = was[address].values.get(name), now[address].values.get(name)
                if one != other and not same(one, other):
                    yield (address, name), "says something else than before"
