"""Tables: what `kubectl get` shows of each kind (the printers of Kubernetes 1.36)."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from importlib.resources import files
from typing import Any

from lamplighter.scenarios.cluster import schema
from lamplighter.scenarios.cluster.jsonpath import evaluate
from lamplighter.scenarios.cluster.jsons import Json, name_of
from lamplighter.scenarios.cluster.kinds import Kind
from lamplighter.scenarios.cluster.rows import CELLS, since


@lru_cache(1)
def _columns() -> dict[str, list[str]]:
    text = files("lamplighter.scenarios.cluster").joinpath("data/columns.toml").read_text()
    return tomllib.loads(text)


@lru_cache(None)
def definitions_of(key: str) -> tuple[Json, ...]:
    """The column definitions of a built-in kind."""
    return tuple(
        _column(line) for line in _columns().get(key, ["Name", "Created At | 0 | @meta.creationTimestamp"])
    )


def _column(line: str) -> Json:
    head, _, rest = line.partition(" | ")
    priority, _, text = rest.partition(" |")
    name, _, kind = head.partition(":")
    text = text.strip()
    if name in ("Name", "Age"):
        text = "@meta.name" if name == "Name" else "@meta.creationTimestamp"
    form = "name" if name == "Name" else ""
    return {
        "name": name,
        "type": kind or "string",
        "format": form,
        "description": _described(text),
        "priority": int(priority or 0),
    }


def _described(text: str) -> str:
    if not text.startswith("@"):
        return text
    if text.startswith("@meta."):
        return schema.description(schema.META + "ObjectMeta", text[6:])
    definition, _, field = text[1:].rpartition(".")
    return schema.description(f"io.k8s.api.{definition}", field)


def table(kind: Kind, items: list[Json], metadata: Json, now: float, include: str = "Metadata") -> Json:
    """A Table of the items. `include` is Metadata, None or Object: what of each object goes with its row."""
    columns = custom_columns(kind) if kind.custom is not None else list(definitions_of(kind.key))
    rows = [{"cells": _cells(kind, item, now), **_object(item, include)} for item in items]
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": columns,
        "rows": rows,
    }


def _object(item: Json, include: str) -> Json:
    if include == "None":
        return {"object": None}
    return {"object": item if include == "Object" else partial(item)}


def partial(item: Json) -> Json:
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": item["metadata"]}


def custom_columns(kind: Kind) -> list[Json]:
    found = [_column("Name")]
    listed = (kind.custom or {}).get("additionalPrinterColumns") or [
        {
            "name": "Age",
            "type": "date",
            "jsonPath": ".metadata.creationTimestamp",
            "description": _described("@meta.creationTimestamp"),
        }
    ]
    for entry in listed:
        text = (
            entry.get("description")
            or f"Custom resource definition column (in JSONPath format): {entry['jsonPath']}"
        )
        found.append(
            {
                "name": entry["name"],
                "type": entry["type"],
                "format": entry.get("format", ""),
                "description": text,
                "priority": entry.get("priority", 0),
            }
        )
    return found


def _cells(kind: Kind, obj: Json, now: float) -> list[Any]:
    if kind.custom is not None:
        listed = kind.custom.get("additionalPrinterColumns") or [
            {"type": "date", "jsonPath": ".metadata.creationTimestamp"}
        ]
        return [name_of(obj), *(_custom_cell(obj, entry, now) for entry in listed)]
    if kind.key in CELLS:
        return CELLS[kind.key](obj, now)
    return [name_of(obj), obj["metadata"].get("creationTimestamp")]


def _custom_cell(obj: Json, entry: Json, now: float) -> Any:
    found = evaluate(obj, entry["jsonPath"])
    if not found:
        return None
    return since(found[0], now) if entry["type"] == "date" else found[0]
