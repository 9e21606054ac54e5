"""What `terraform providers schema -json` says of resource types: which attributes are computed, which are sets.

Source: Terraform internals documentation, "Providers Schema Representation".
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from lamplighter.core.errors import InputError

_KEPT = ("type", "optional", "computed", "required", "sensitive", "nested_type")


class Nested(NamedTuple):
    """A block inside of a block; `nesting` is list, set, map, single or group."""

    block: Block
    nesting: str


class Block:
    """The attributes and blocks of a resource type, or of a block in one."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._attributes: Mapping[str, Any] = document.get("attributes") or {}
        self._blocks: Mapping[str, Any] = document.get("block_types") or {}

    def has(self, name: str) -> bool:
        return name in self._attributes or name in self._blocks

    def names(self) -> tuple[str, ...]:
        """Of attributes that a configuration can set, and of blocks."""
        own = [name for name in self._attributes if not self.is_computed(name)]
        return tuple(sorted({*own, *self._blocks}))

    def is_computed(self, name: str) -> bool:
        """Whether only the provider sets the attribute: no configuration can."""
        attribute = self._attributes.get(name, {})
        return bool(attribute.get("computed")) and not attribute.get("optional")

    def is_optional_computed(self, name: str) -> bool:
        """Whether the provider sets it where the configuration does not."""
        attribute = self._attributes.get(name, {})
        return bool(attribute.get("computed")) and bool(attribute.get("optional"))

    def is_sensitive(self, name: str) -> bool:
        return bool(self._attributes.get(name, {}).get("sensitive"))

    def type_of(self, name: str) -> Any:
        """The attribute's type as the schema writes it (`"string"`, `["set", "string"]`); None for no attribute."""
        return self._attributes.get(name, {}).get("type")

    def nested(self, name: str) -> Nested | None:
        """The block of a name, or the attribute that is made of attributes of its own."""
        if name in self._blocks:
            found = self._blocks[name]
            return Nested(Block(found.get("block") or {}), str(found.get("nesting_mode")))
        inner = self._attributes.get(name, {}).get("nested_type")
        if isinstance(inner, Mapping):
            return Nested(Block(inner), str(inner.get("nesting_mode")))
        return None


class ProviderSchemas:
    """The document that `Terraform.schemas` returns. Raises InputError when it is another one."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        providers = document.get("provider_schemas", {} if "format_version" in document else None)
        if not isinstance(providers, Mapping):
            remedy = "give the output of `terraform providers schema -json`"
            raise InputError("provider schema", "is not one", remedy)
        self._providers = providers

    def block(self, provider: str, resource_type: str) -> Block | None:
        """The schema of a resource type; None where the document does not have it."""
        schemas = self._providers.get(provider, {}).get("resource_schemas", {})
        found = schemas.get(resource_type)
        return Block(found.get("block") or {}) if isinstance(found, Mapping) else None

    def find(self, source: str, resource_type: str) -> Block | None:
        """The same for a provider as a state's resource names it: `hashicorp/aws`, of whichever registry."""
        names = (name for name in self._providers if f"/{name}".endswith(f"/{source}"))
        return next((block for name in names if (block := self.block(name, resource_type))), None)


def trimmed(document: Mapping[str, Any], types: Collection[str]) -> dict[str, Any]:
    """The same document with only these resource types and without descriptions: what is worth keeping of 14 MB."""
    providers = {
        name: {
            "resource_schemas": {
                kind: {"block": _trimmed_block(schema["block"])}
                for kind, schema in provider.get("resource_schemas", {}).items()
                if kind in types
            }
        }
        for name, provider in document.get("provider_schemas", {}).items()
    }
    return {"format_version": document.get("format_version", "1.0"), "provider_schemas": providers}


def _trimmed_block(block: Mapping[str, Any]) -> dict[str, Any]:
    attributes = {
        name: {key: value for key, value in attribute.items() if key in _KEPT}
        for name, attribute in (block.get("attributes") or {}).items()
    }
    blocks = {
        name: {
            "nesting_mode": inner.get("nesting_mode"),
            "block": _trimmed_block(inner.get("block") or {}),
        }
        for name, inner in (block.get("block_types") or {}).items()
    }
    return {"attributes": attributes, **({"block_types": blocks} if blocks else {})}
