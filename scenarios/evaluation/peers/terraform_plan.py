"""`terraform plan` by itself, refresh-only and normal: what it shows as changed, unfiltered."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from lamplighter.scenarios.drift.worlds import terraform
from lamplighter.scenarios.evaluation.peers.model import WHOLE, Place, Report, Tool
from lamplighter.tools.process import Completed

_PLAN = ("terraform", "plan", "-input=false", "-no-color")


def _shown(name: str, place: Place) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(terraform(["show", "-json", name], place.code, place.environment))
    return shown


def reports(entries: list[Mapping[str, Any]]) -> Iterator[Report]:
    """`resource_drift` or `resource_changes` of a plan as JSON."""
    for entry in entries:
        change = entry["change"]
        if entry.get("mode") == "data" or change["actions"] in (["no-op"], ["read"]):
            continue
        before, after = change["before"] or {}, change["after"] or {}
        whole = change["actions"] != ["update"]
        names = {name for name in {*before, *after} if before.get(name) != after.get(name)}
        for name in {WHOLE} if whole else names:
            yield Report(entry["address"], name)


def _refresh_only(place: Place, _: Completed) -> list[Report]:
    return list(reports(_shown("refresh.tfplan", place).get("resource_drift", [])))


def _normal(place: Place, _: Completed) -> list[Report]:
    return list(reports(_shown("normal.tfplan", place).get("resource_changes", [])))


def tools(version: str) -> tuple[Tool, Tool]:
    """Both, as the Terraform of that version."""
    cannot = "attribution; unmanaged resources"
    codes = frozenset({0})
    return (
        Tool(
            "terraform plan -refresh-only",
            version,
            cannot,
            lambda _: [*_PLAN, "-refresh-only", "-out=refresh.tfplan"],
            _refresh_only,
            codes,
        ),
        Tool("terraform plan", version, cannot, lambda _: [*_PLAN, "-out=normal.tfplan"], _normal, codes),
    )
