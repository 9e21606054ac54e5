"""One request and one answer, as plain data: what the core and the HTTP server hand each other."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from lamplighter.scenarios.cluster.errors import bad_request
from lamplighter.scenarios.cluster.rbac import Access

NUMBER = re.compile(r"[+-]?[0-9]{1,20}")


@dataclass(frozen=True)
class Request:
    """A request as it came: header names are lower case; several Impersonate-Group headers are joined by newlines."""

    method: str
    path: str
    query: Mapping[str, list[str]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    certificate: Mapping[str, Any] | None = None

    def option(self, name: str, default: str = "") -> str:
        """The first value of a query parameter."""
        found = self.query.get(name)
        return found[0] if found else default

    def number(self, name: str) -> int:
        """The whole number of a query parameter, 0 for none. Raises 400."""
        text = self.option(name)
        if not text:
            return 0
        if not NUMBER.fullmatch(text):
            raise bad_request(f'strconv.ParseInt: parsing "{text[:40]}": invalid syntax')
        if not -(2**63) <= int(text) < 2**63:
            raise bad_request(f'strconv.ParseInt: parsing "{text}": value out of range')
        return int(text)

    def flag(self, name: str) -> bool:
        return self.option(name).lower() in ("1", "true")


@dataclass
class Response:
    """An answer: a body, or a stream of pieces that are sent as they come."""

    code: int
    body: bytes = b""
    media: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    stream: Generator[bytes] | None = None


class Target(NamedTuple):
    """What a path of the API names."""

    group: str
    version: str
    resource: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    rest: str = ""
    legacy_watch: bool = False


def target_of(path: str) -> Target | None:
    """The resource that a path names; None for a path that is no resource."""
    parts = [part for part in path.split("/") if part]
    if len(parts) >= 3 and parts[0] == "api":
        group, version, rest = "", parts[1], parts[2:]
    elif len(parts) >= 4 and parts[0] == "apis":
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return None
    legacy = rest[0] == "watch" and len(rest) > 1
    rest = rest[1:] if legacy else rest
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2 and not _of_namespace(rest):
        namespace, rest = rest[1], rest[2:]
    name, subresource = ([*rest[1:], "", ""])[:2]
    return Target(group, version, rest[0], namespace, name, subresource, "/".join(rest[3:]), legacy)


def _of_namespace(rest: list[str]) -> bool:
    """Whether `namespaces/NAME/WORD` names a subresource of the namespace itself."""
    return len(rest) == 3 and rest[2] in ("status", "finalize")


VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


def access_of(request: Request, target: Target | None) -> Access:
    """What the request asks to be allowed."""
    if target is None:
        return Access(request.method.lower(), path=request.path)
    verb = VERBS.get(request.method, "get")
    if request.method in ("GET", "HEAD"):
        watching = request.flag("watch") or target.legacy_watch
        verb = "get" if target.name and not target.legacy_watch else "watch" if watching else "list"
    elif verb == "delete" and not target.name:
        verb = "deletecollection"
    namespace = target.namespace
    if target.resource == "namespaces" and not target.group:
        namespace = target.name
    return Access(verb, target.group, target.resource, target.subresource, target.name, namespace)
