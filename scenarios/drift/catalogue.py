"""The catalogue of kinds: what can happen to a cloud, from public runbooks (`kinds.toml`)."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Class = Literal[
    "attached",
    "cost",
    "deleted",
    "detached",
    "dns",
    "encryption",
    "multi-step",
    "noise",
    "policy",
    "protection",
    "recreated",
    "retention",
    "reverted",
    "rules",
    "same",
    "scaling",
    "secret",
    "set",
    "single",
    "tags",
    "temporary",
    "twice",
    "unmanaged",
]


class Kind(BaseModel):
    """One kind of change, or of noise."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    title: str
    types: tuple[str, ...]
    """Terraform types it is aimed at; empty: any project."""
    class_: Class = Field(alias="class")
    outcome: Literal["drift", "unmanaged", "none"]
    risk: Literal["low", "medium", "high"]
    source: str = Field(min_length=10)
    """Title of the public page whose procedure it follows."""


@lru_cache
def kinds() -> dict[str, Kind]:
    """Every kind by its id, in the order of the file."""
    text = (Path(__file__).parent / "kinds.toml").read_text()
    found = [Kind.model_validate(row) for row in tomllib.loads(text)["kind"]]
    return {kind.id: kind for kind in found}
