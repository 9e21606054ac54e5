"""Names and paths of the catalogue against the service models: a misspelt one would be a change that is never seen."""

from __future__ import annotations

import pytest

from lamplighter.drift import catalogue
from tests.drift.trace.spelling import (
    EC2_LISTS,
    RENAMED,
    UNPUBLISHED,
    Tree,
    holds,
    leaves,
    operations,
    request_tree,
    response_tree,
)
from tests.drift.trace.test_catalogue import TABLES

KNOWN = catalogue.load()
EVENTS = sorted(KNOWN.events)


@pytest.mark.parametrize("name", [*EVENTS, *sorted(KNOWN.ignored)])
def test_a_call_is_an_operation_of_its_service(name: str) -> None:
    assert operations(name) or name in UNPUBLISHED


@pytest.mark.parametrize("name", RENAMED)
def test_a_renaming_is_needed(name: str) -> None:
    event = name.partition(":")[2]

    assert name in KNOWN.events or name in KNOWN.ignored
    assert RENAMED[name] != event


@pytest.mark.parametrize("name", EVENTS)
def test_every_path_is_in_the_shape_of_its_operation(name: str) -> None:
    trees = {"requestParameters": request_tree(name), "responseElements": response_tree(name)}

    paths = [path.partition(".") for entry in KNOWN.events[name] for path in entry.paths]

    assert [f"{root}.{rest}" for root, _, rest in paths if rest and not holds(trees[root], rest)] == []


@pytest.mark.parametrize("name", EVENTS)
def test_every_parameter_of_the_operation_is_accounted_for(name: str) -> None:
    assert _unaccounted(name, request_tree(name)) == []


def _unaccounted(name: str, tree: Tree) -> list[str]:
    """The parameters that no entry, `[parameters]` or `[unread]` of the call's service names."""
    entries = KNOWN.events[name]
    if any(entry.whole for entry in entries):
        return []
    service, _, call = name.partition(":")
    tables = TABLES[service]
    listed = (*tables.get("parameters", {}), *tables.get("unread", {}))
    known = {path.removeprefix("requestParameters.") for entry in entries for path in entry.paths}
    known |= {path.removeprefix(f"{call}.") for path in listed}
    return [leaf for leaf in leaves(tree) if not _is_known(leaf, known)]


def _is_known(leaf: str, known: set[str]) -> bool:
    """Itself, what it is in, or, for a map of the caller's own words, one of its keys."""
    parts = leaf.split(".")
    above = {".".join(parts[:length]) for length in range(1, len(parts) + 1)}
    return bool(above & known) or any(path.startswith(f"{leaf}.") for path in known)


@pytest.mark.parametrize("tree", [{"unheard": None}, {"attributes": None, "nested": {"unheard": None}}])
def test_a_parameter_that_is_nowhere_is_found_out(tree: Tree) -> None:
    assert _unaccounted("sqs:SetQueueAttributes", tree)


@pytest.mark.parametrize("section", ["parameters", "unread"])
@pytest.mark.parametrize("service", TABLES)
def test_a_listed_parameter_is_one_of_its_call(service: str, section: str) -> None:
    for path in TABLES[service].get(section, {}):
        call, _, rest = path.partition(".")
        own = [name for name in EVENTS if name in (f"{service}:{call}", *([] if rest else [name]))]
        own = [name for name in own if name.startswith(f"{service}:")]
        name = (rest or path).partition("=")[0]
        assert any(holds(request_tree(event), name) for event in own), path


@pytest.mark.parametrize("event", EC2_LISTS)
def test_a_list_with_a_name_of_its_own_is_catalogued(event: str) -> None:
    assert f"ec2:{event}" in KNOWN.events
