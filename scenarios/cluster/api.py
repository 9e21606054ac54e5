"""The API server without HTTP, one request in, one answer out: authentication, authorization, routing."""

from __future__ import annotations

from collections.abc import Callable

from lamplighter.scenarios.cluster import authn, discovery, media, openapi, rbac
from lamplighter.scenarios.cluster.cluster import Cluster
from lamplighter.scenarios.cluster.errors import ApiError, PlainError, forbidden, internal, unknown_resource
from lamplighter.scenarios.cluster.http import Request, Response, Target, access_of, target_of
from lamplighter.scenarios.cluster.jsons import Json
from lamplighter.scenarios.cluster.media import Form
from lamplighter.scenarios.cluster.rbac import User
from lamplighter.scenarios.cluster.resources import Resources

TEXT = "text/plain; charset=utf-8"
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
HEALTH = ("/healthz", "/livez", "/readyz")
VERSION: Json = {
    "major": "1",
    "minor": "36",
    "emulationMajor": "1",
    "emulationMinor": "36",
    "minCompatibilityMajor": "1",
    "minCompatibilityMinor": "35",
    "gitVersion": "v1.36.2+lamplighter.sandbox",
    "gitCommit": "simulated",
    "gitTreeState": "clean",
    "buildDate": "2026-01-01T00:00:00Z",
    "goVersion": "none (Python)",
    "compiler": "none",
    "platform": "linux/amd64",
}
"""Kubernetes' version in semver, with build metadata that says what this is."""


class Api:
    """Answers requests on a cluster. `address` is what discovery tells clients."""

    def __init__(self, cluster: Cluster, address: str = "127.0.0.1:6443") -> None:
        self.cluster = cluster
        self.address = address
        self.resources = Resources(cluster)

    def handle(self, request: Request) -> Response:
        """The answer to any request; an error of ours is 500, and the server lives on."""
        try:
            with self.cluster.lock:
                return self._handle(request)
        except PlainError as error:
            return Response(error.code, error.text.encode(), TEXT)
        except ApiError as error:
            return refused(error)
        except Exception as error:  # noqa: BLE001 the server's edge: one bad request must not end the others
            return refused(internal(f"the sandbox failed: {type(error).__name__}: {error}"))

    def _handle(self, request: Request) -> Response:
        target = target_of(request.path)
        access = access_of(request, target)
        user = self.cluster.authenticator.authenticate(
            request.headers.get("authorization", ""), request.certificate, self.cluster.clock.now()
        )
        user = authn.impersonated(self.cluster.store, user, request.headers, access)
        allowed, _ = rbac.authorize(self.cluster.store, user, access)
        if not allowed and target is None:
            raise ApiError(403, "Forbidden", f"forbidden: {rbac.denial(user, access)}", {})
        if not allowed:
            raise forbidden(
                access.resource, access.group, target.name if target else "", rbac.denial(user, access)
            )
        if target is None:
            return self._plain(request)
        return self._resource(request, target, user)

    def _resource(self, request: Request, target: Target, user: User) -> Response:
        registry = self.cluster.registry
        if (target.group and not registry.versions(target.group)) or not registry.resources(
            target.group, target.version
        ):
            raise not_there()
        kind = registry.find(target.group, target.version, target.resource)
        if kind is None or (target.subresource and target.subresource not in kind.subresources):
            raise unknown_resource()
        if kind.namespaced and target.name and not target.namespace:
            raise unknown_resource()
        return self.resources.handle(request, target, kind, user)

    def _plain(self, request: Request) -> Response:
        path = request.path.rstrip("/") or "/"
        if path in HEALTH or path.startswith(tuple(f"{name}/" for name in HEALTH)):
            return Response(200, b"ok", TEXT)
        if request.method not in ("GET", "HEAD"):
            raise not_there()
        if path.startswith("/openapi/v3"):
            return self._openapi(path)
        if path == "/openapi/v2":
            raise not_there()
        make = self._document(path, "as=APIGroupDiscoveryList" in request.headers.get("accept", ""))
        if make is None:
            raise not_there()
        body, form = make()
        return Response(200, media.dumps(body), form)

    def _document(self, path: str, aggregated: bool) -> Callable[[], tuple[Json, str]] | None:
        """What makes a discovery document of a path."""
        registry, parts = self.cluster.registry, [part for part in path.split("/") if part]
        match parts:
            case ["version"]:
                return lambda: (VERSION, media.JSON)
            case ["api"] if aggregated:
                return lambda: (discovery.aggregated(registry, [""]), AGGREGATED)
            case ["apis"] if aggregated:
                return lambda: (discovery.aggregated(registry, registry.groups()), AGGREGATED)
            case ["api"]:
                return lambda: (discovery.core_versions(self.address), media.JSON)
            case ["apis"]:
                return lambda: (discovery.groups(registry), media.JSON)
            case ["api", version] if registry.resources("", version):
                return lambda: (discovery.resource_list(registry, "", version), media.JSON)
            case ["apis", group] if registry.versions(group):
                return lambda: (discovery.group_of(registry, group), media.JSON)
            case ["apis", group, version] if registry.resources(group, version):
                return lambda: (discovery.resource_list(registry, group, version), media.JSON)
            case []:
                paths = ["/api", "/apis", "/healthz", "/livez", "/openapi/v3", "/readyz", "/version"]
                return lambda: ({"paths": paths}, media.JSON)
            case _:
                return None

    def _openapi(self, path: str) -> Response:
        parts = path.split("/")[3:]
        if not parts:
            return Response(200, media.dumps(openapi.index(self.cluster.registry)), TEXT)
        group, version = (parts[1], parts[2]) if len(parts) == 3 else ("", parts[-1])
        found = openapi.document(self.cluster.registry, group, version)
        if found is None:
            raise not_there()
        return Response(200, media.dumps(found))


def not_there() -> PlainError:
    return PlainError(404, "404 page not found\n")


def refused(error: ApiError) -> Response:
    return Response(error.code, media.dumps(error.body()), Form().media, dict(error.headers))
