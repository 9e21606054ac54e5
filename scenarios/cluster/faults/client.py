"""Requests to a sandbox's API inside the process: the same path as over HTTPS, without the connection."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from lamplighter.scenarios.cluster.api import Api
from lamplighter.scenarios.cluster.faults.schema import Json, Ref
from lamplighter.scenarios.cluster.http import Request
from lamplighter.scenarios.cluster.jsons import name_of, namespace_of
from lamplighter.scenarios.cluster.kinds import Kind

PATCHES = {
    "strategic": "application/strategic-merge-patch+json",
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
}
PREFERRED = ("v2", "v1")


class Reply(NamedTuple):
    """A status code and the JSON body."""

    code: int
    body: Json

    @property
    def ok(self) -> bool:
        return self.code < 400

    @property
    def message(self) -> str:
        return str(self.body.get("message", ""))


class Client:
    """Speaks to the API as the user of a bearer token."""

    def __init__(self, api: Api, token: str) -> None:
        self.api = api
        self._token = token

    @property
    def now(self) -> float:
        """The sandbox's time in seconds since the epoch."""
        return self.api.cluster.clock.now()

    def kind(self, ref: Ref) -> Kind:
        """The kind that a reference means. Raises KeyError for one that is not served."""
        registry = self.api.cluster.registry
        for version in PREFERRED:
            groups = [ref.group] if ref.group else ["", *(group for group in registry.groups() if group)]
            for group in groups:
                found = registry.of_kind(f"{group}/{version}" if group else version, ref.kind)
                if found is not None and found.group != "events.k8s.io":
                    return found
        raise KeyError(f"no kind {ref.kind}")

    def path(self, kind: Kind, namespace: str, name: str = "", subresource: str = "") -> str:
        base = f"/apis/{kind.group}/{kind.version}" if kind.group else f"/api/{kind.version}"
        space = f"/namespaces/{namespace}" if kind.namespaced and namespace else ""
        tail = "".join(f"/{part}" for part in (name, subresource) if part)
        return f"{base}{space}/{kind.plural}{tail}"

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        query: Mapping[str, str] | None = None,
        media: str = "application/json",
    ) -> Reply:
        headers = {
            "authorization": f"Bearer {self._token}",
            "content-type": media,
            "accept": "application/json",
        }
        data = b"" if body is None else json.dumps(body).encode()
        asked = Request(method, path, {key: [value] for key, value in (query or {}).items()}, headers, data)
        response = self.api.handle(asked)
        try:
            return Reply(response.code, json.loads(response.body or b"{}"))
        except json.JSONDecodeError:
            return Reply(response.code, {"message": response.body.decode(errors="replace")})

    def get(self, ref: Ref) -> Json | None:
        """The object, None where it is not there or its kind is not served."""
        try:
            kind = self.kind(ref)
        except KeyError:
            return None
        reply = self.request("GET", self.path(kind, ref.namespace, ref.name))
        return reply.body if reply.ok else None

    def listed(self, kind: Kind, namespace: str = "") -> list[Json]:
        """Objects of a kind in one namespace or, for "", in all; each with its kind and apiVersion."""
        found = self.request("GET", self.path(kind, namespace)).body.get("items") or []
        return [{"apiVersion": kind.api_version, "kind": kind.kind, **entry} for entry in found]

    def of(self, name: str, namespace: str = "") -> list[Json]:
        """`listed` by the name of a kind."""
        return self.listed(self.kind(Ref(name, namespace, "")), namespace)

    def create(self, obj: Json, dry_run: bool = False) -> Reply:
        kind = self.api.cluster.registry.of_kind(obj["apiVersion"], obj["kind"])
        if kind is None:
            return Reply(404, {"message": f"no kind {obj['kind']} in {obj['apiVersion']}"})
        query = {"dryRun": "All"} if dry_run else {}
        space = namespace_of(obj) or ("default" if kind.namespaced else "")
        return self.request("POST", self.path(kind, space), obj, {"fieldValidation": "Strict", **query})

    def patch(self, ref: Ref, body: Any, form: str = "strategic", subresource: str = "") -> Reply:
        try:
            kind = self.kind(ref)
        except KeyError:
            return Reply(404, {"message": f"no kind {ref.kind}"})
        path = self.path(kind, ref.namespace, ref.name, subresource)
        return self.request("PATCH", path, body, media=PATCHES[form])

    def delete(self, ref: Ref, grace: int | None = None) -> Reply:
        options: Json = {"propagationPolicy": "Background"}
        if grace is not None:
            options["gracePeriodSeconds"] = grace
        try:
            kind = self.kind(ref)
        except KeyError:
            return Reply(404, {"message": f"no kind {ref.kind}"})
        return self.request("DELETE", self.path(kind, ref.namespace, ref.name), options)


def ref_to(obj: Json) -> Ref:
    """The reference to an object; its group where its kind is a custom one."""
    group = obj["apiVersion"].rpartition("/")[0]
    builtin = not group or "." not in group or group.endswith(".k8s.io")
    return Ref(obj["kind"], namespace_of(obj), name_of(obj), "" if builtin else group)
