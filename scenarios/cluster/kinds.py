"""The kinds that the API serves, by group, version and resource; custom ones join while their definition stands."""

from __future__ import annotations

import hashlib
import tomllib
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.resources import files
from typing import Any

from lamplighter.scenarios.cluster.jsons import Json

VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
CUSTOM_VERBS = ("delete", "deletecollection", "get", "list", "patch", "create", "update", "watch")
PREFERRED = ("v2", "v1", "v1beta1")


@dataclass(frozen=True)
class Kind:
    """One resource of one group and version. `schema` names its OpenAPI definition; `custom` is the version of the
    CustomResourceDefinition that it comes from. `stored` is the key under which the store keeps its objects."""

    group: str
    version: str
    kind: str
    plural: str
    singular: str
    namespaced: bool = True
    short: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    verbs: tuple[str, ...] = VERBS
    stored: str = ""
    schema: str = ""
    custom: Json | None = field(default=None, hash=False, compare=False)

    @cached_property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @cached_property
    def key(self) -> str:
        """Under which the store keeps the objects: `pods`, `deployments.apps`."""
        return self.stored or (f"{self.plural}.{self.group}" if self.group else self.plural)

    @cached_property
    def storage_hash(self) -> str:
        text = f"{self.group}/{self.version}/{self.kind}"
        return b64encode(hashlib.sha256(text.encode()).digest()[:8]).decode()

    def __deepcopy__(self, memo: object) -> Kind:
        return self


class Registry:
    """What is served now."""

    def __init__(self, metrics: bool = True) -> None:
        self._kinds: dict[tuple[str, str, str], Kind] = {}
        self._groups: dict[str, None] = {}
        for entry in load():
            if metrics or entry.group != "metrics.k8s.io":
                self.add(entry)

    def add(self, kind: Kind) -> None:
        self._kinds[kind.group, kind.version, kind.plural] = kind
        self._groups.setdefault(kind.group)

    def remove(self, group: str, plural: str) -> None:
        for key in [key for key in self._kinds if key[0] == group and key[2] == plural]:
            del self._kinds[key]
        if not any(key[0] == group for key in self._kinds):
            self._groups.pop(group, None)

    def find(self, group: str, version: str, plural: str) -> Kind | None:
        return self._kinds.get((group, version, plural))

    def of_kind(self, api_version: str, kind: str) -> Kind | None:
        group, _, version = api_version.rpartition("/")
        found = (k for k in self._kinds.values() if (k.group, k.version, k.kind) == (group, version, kind))
        return next(found, None)

    def of_key(self, key: str) -> Kind:
        """The kind in whose shape the store keeps the objects of `key`."""
        return next(kind for kind in self._kinds.values() if kind.key == key and not kind.stored)

    def groups(self) -> list[str]:
        """Named groups, as discovery orders them."""
        return [group for group in self._groups if group]

    def versions(self, group: str) -> list[str]:
        found = {version for name, version, _ in self._kinds if name == group}
        return sorted(found, key=lambda v: (PREFERRED.index(v) if v in PREFERRED else len(PREFERRED), v))

    def resources(self, group: str, version: str) -> list[Kind]:
        """Sorted by name, as discovery lists them."""
        found = [kind for kind in self._kinds.values() if (kind.group, kind.version) == (group, version)]
        return sorted(found, key=lambda kind: kind.plural)

    def stored(self) -> Iterator[Kind]:
        """The kinds whose objects the store keeps, one a key."""
        for kind in self._kinds.values():
            if not kind.stored and "create" in kind.verbs and "get" in kind.verbs:
                yield kind


@cache
def load() -> tuple[Kind, ...]:
    """The kinds of `data/kinds.toml`."""
    text = files("lamplighter.scenarios.cluster").joinpath("data/kinds.toml").read_text()
    return tuple(_kind(entry) for entry in tomllib.loads(text)["kinds"])


def _kind(entry: dict[str, Any]) -> Kind:
    plural = entry["plural"]
    singular = entry.get("singular", entry["kind"].lower() if plural != entry["kind"].lower() else plural)
    options: dict[str, Any] = {
        name: tuple(entry[name]) for name in ("short", "categories", "subresources", "verbs") if name in entry
    }
    options.update({name: entry[name] for name in ("namespaced", "stored", "schema") if name in entry})
    return Kind(entry["group"], entry["version"], entry["kind"], plural, singular, **options)


def custom_kinds(definition: Json) -> Iterator[Kind]:
    """The kinds that a CustomResourceDefinition serves."""
    spec = definition["spec"]
    names = spec["names"]
    storage = next(v["name"] for v in spec["versions"] if v.get("storage"))
    for version in spec["versions"]:
        if not version.get("served"):
            continue
        stored = "" if version["name"] == storage else f"{names['plural']}.{spec['group']}"
        yield Kind(
            spec["group"],
            version["name"],
            names["kind"],
            names["plural"],
            names.get("singular") or names["kind"].lower(),
            spec["scope"] == "Namespaced",
            tuple(names.get("shortNames") or ()),
            tuple(names.get("categories") or ()),
            tuple(sorted(version.get("subresources") or {})),
            CUSTOM_VERBS,
            stored,
            "",
            version,
        )
