"""Attributes of the catalogue against the provider's schema, from the listing that `scripts/aws_schema.py` makes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lamplighter.drift import catalogue
from lamplighter.drift.members import keyed, sets

FOLDER = Path(__file__).parent / "provider"
LISTING = json.loads((FOLDER / "aws.json").read_text())
TYPES: dict[str, dict[str, str]] = LISTING["types"]
ENTRIES = [(name, entry) for name, entries in catalogue.load().events.items() for entry in entries]
CLEAN = (FOLDER / "clean.txt").read_text().split()
"""The resource types that the provider applies and re-plans without a difference against the sandbox's cloud."""


def _has(kind: str, attribute: str) -> bool:
    """Whether the schema has it; a set that only other resources hold is named by `members.toml` alone."""
    if attribute in TYPES[kind]:
        return True
    held = sets().get((kind, attribute))
    return held is not None and held.inline is None


def test_the_listing_names_its_provider() -> None:
    assert LISTING["provider"] == "hashicorp/aws 5.100.0"


@pytest.mark.parametrize(("name", "entry"), ENTRIES, ids=[name for name, _ in ENTRIES])
def test_every_attribute_is_in_the_schema_of_its_type(name: str, entry: catalogue.Event) -> None:
    attributes = {*entry.identity, *(effect.attribute for effect in entry.effects if effect.attribute)}
    unknown = [
        f"{kind}.{item}" for kind in entry.types if kind != "*" for item in attributes if not _has(kind, item)
    ]

    assert unknown == []


@pytest.mark.parametrize(("name", "entry"), ENTRIES, ids=[name for name, _ in ENTRIES])
def test_a_value_has_the_kind_that_the_schema_says(name: str, entry: catalogue.Event) -> None:
    for effect in entry.effects:
        kinds = {TYPES[kind].get(effect.attribute, "") for kind in entry.types if kind != "*"}
        if effect.key:
            assert keyed(entry.types, f"{effect.attribute}.x"), effect.attribute
        elif effect.action in ("add", "remove"):
            assert all(not kind or kind.startswith(("list", "set")) for kind in kinds), effect.attribute
        elif isinstance(effect.constant, bool):
            assert all(kind.startswith("bool") for kind in kinds), effect.attribute
        elif effect.spread:
            assert entry.types == ("*",) or all(kind.startswith("map") for kind in kinds), effect.attribute


@pytest.mark.parametrize("kind", CLEAN)
def test_a_type_is_made_changed_and_deleted_by_catalogued_calls(kind: str) -> None:
    entries = [entry for _, entry in ENTRIES if f"aws_{kind}" in entry.types]
    held = [one for one in sets().values() if any(holder.type == f"aws_{kind}" for holder in one.holders)]

    actions = {effect.action for entry in entries for effect in entry.effects}

    assert bool(actions & {"set", "add"} or held) != (kind in UNCHANGED)
    assert bool("delete" in actions or held) != (kind in UNDELETED)


UNCHANGED = {
    "flow_log",
    "key_pair",
    "lambda_layer_version",
    "lambda_permission",
    "volume_attachment",
}
"""Made anew for each change."""
UNDELETED = {
    "s3_bucket_notification",
    "s3_bucket_versioning",
    "secretsmanager_secret_version",
    "sns_topic_policy",
    "sqs_queue_policy",
}
"""Settings that a call can only set, to nothing at most."""


@pytest.mark.parametrize(("kind", "attribute"), sets())
def test_a_set_and_its_holders_are_in_the_schema(kind: str, attribute: str) -> None:
    one = sets()[kind, attribute]

    assert one.inline is None or attribute in TYPES[kind]
    for holder in one.holders:
        names = [name.partition("|")[0] for name in (*holder.atom.value, *holder.atom.key)]
        assert {*holder.link, *holder.where} <= TYPES[holder.type].keys()
        assert set(holder.link.values()) <= TYPES[kind].keys()
        assert not names or set(names) & TYPES[holder.type].keys()
