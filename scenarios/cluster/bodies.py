"""The bodies and options of requests: what is read, checked and turned into the types of the kind."""

from __future__ import annotations

from typing import Any

from lamplighter.scenarios.cluster import media, patching, schema
from lamplighter.scenarios.cluster.errors import (
    ApiError,
    bad_request,
    internal,
    invalid,
    unsupported,
)
from lamplighter.scenarios.cluster.http import Request, Target
from lamplighter.scenarios.cluster.jsons import Json, compact, copied
from lamplighter.scenarios.cluster.kinds import Kind, Registry
from lamplighter.scenarios.cluster.rbac import User
from lamplighter.scenarios.cluster.writes import Options

APPLY = "application/apply-patch+yaml"
MERGE, JSON_PATCH = "application/merge-patch+json", "application/json-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
OPTION_KINDS = {
    "POST": "CreateOptions",
    "PUT": "UpdateOptions",
    "PATCH": "PatchOptions",
    "DELETE": "DeleteOptions",
}


def write_options(request: Request, user: User, subresource: str = "") -> Options:
    """The write options of a request. Raises 422."""
    kind = OPTION_KINDS[request.method]
    dry = request.query.get("dryRun") or []
    if any(value != "All" for value in dry):
        raise invalid(kind, "meta.k8s.io", "", [unsupported("dryRun", dry, ["All"])])
    manager = request.option("fieldManager")
    validation = request.option("fieldValidation")
    if validation and validation not in ("Ignore", "Warn", "Strict"):
        cause = unsupported("fieldValidation", validation, ["Ignore", "Warn", "Strict"])
        raise invalid(kind, "meta.k8s.io", "", [cause])
    agent = request.headers.get("user-agent", "").partition("/")[0] or "unknown"
    return Options(manager or agent, bool(dry), user, subresource)


def body_of(registry: Registry, request: Request, kind: Kind) -> tuple[Json, dict[str, str]]:
    """(the object in the body, headers of warnings). Raises 400, 415."""
    body = media.body_of(request.body, request.headers.get("content-type", ""), kind)
    _check_kind(registry, body, kind)
    return _typed(body, kind, request)


def _check_kind(registry: Registry, body: Json, kind: Kind) -> None:
    api_version = body.setdefault("apiVersion", kind.api_version)
    name = body.setdefault("kind", kind.kind)
    if (api_version, name) == (kind.api_version, kind.kind):
        return
    for member, value in (("apiVersion", api_version), ("kind", name)):
        if not isinstance(value, str):
            why = (
                f"couldn't get version/kind; json parse error: json: cannot unmarshal {type(value).__name__}"
            )
            raise bad_request(f"{why} into Go struct field .{member} of type string")
    prefix = f'{name} in version "{kind.version}" cannot be handled as a {kind.kind}: '
    if registry.of_kind(api_version, name) is None:
        scheme = 'scheme "pkg/api/legacyscheme/scheme.go:30"'
        raise bad_request(f'{prefix}no kind "{name}" is registered for version "{api_version}" in {scheme}')
    group = kind.group.partition(".")[0] or "core"
    if name == kind.kind:
        raise bad_request(
            f"the API version in the data ({api_version}) does not match the expected API version "
            f"({kind.api_version})"
        )
    raise bad_request(
        f"{prefix}converting ({kind.version}.{name}) to ({group}.{kind.kind}): unknown conversion"
    )


def _typed(body: Json, kind: Kind, request: Request) -> tuple[Json, dict[str, str]]:
    prefix = f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: '
    try:
        read, unknown = schema.read(body, kind)
    except schema.DecodeError as error:
        raise bad_request(f"{prefix}{error}") from None
    unknown = [path for path in unknown if path not in ("stringData",)]
    mode = request.option("fieldValidation", "Warn")
    found = [f'unknown field "{path}"' for path in unknown]
    if found and mode == "Strict":
        raise bad_request(f"{prefix}strict decoding error: {', '.join(found)}")
    return read, warnings(found) if mode == "Warn" else {}


def warnings(texts: list[str]) -> dict[str, str]:
    """The header that shows them to whoever sent the request."""
    return {"Warning": ", ".join(f"299 - {compact(text)}" for text in texts)} if texts else {}


def check_name(body: Json, target: Target) -> None:
    """Raises 400 for a name or namespace that is not that of the path."""
    meta = body.setdefault("metadata", {})
    if not isinstance(meta, dict):
        raise bad_request("json: cannot unmarshal into Go struct field .metadata of type v1.ObjectMeta")
    name = meta.setdefault("name", target.name)
    if name != target.name:
        raise bad_request(
            f"the name of the object ({name}) does not match the name on the URL ({target.name})"
        )
    space = meta.get("namespace")
    if space and space != target.namespace:
        raise bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )


def delete_options(request: Request) -> Json:
    """DeleteOptions of the body and of the query. Raises 400, 415."""
    found: Json = {}
    if request.body.strip():
        media_type = request.headers.get("content-type", "")
        options = Kind("", "v1", "DeleteOptions", "", "", schema=schema.META + "DeleteOptions")
        found = media.body_of(request.body, media_type, options)
    for name in ("propagationPolicy", "gracePeriodSeconds"):
        if request.option(name):
            found.setdefault(
                name, request.number(name) if name == "gracePeriodSeconds" else request.option(name)
            )
    return found


def patch_of(request: Request, kind: Kind, media_type: str) -> Any:
    """The patch in the body. Raises 400, 415."""
    known = [JSON_PATCH, MERGE, APPLY] if kind.custom is not None else [JSON_PATCH, MERGE, STRATEGIC, APPLY]
    if media_type not in known:
        if media_type in (STRATEGIC,):
            raise media.unsupported_media(", ".join(known))
        raise ApiError(415, "UnsupportedMediaType", "415: Unsupported Media Type", {})
    try:
        return media.loads(request.body)
    except media.BadJson as error:
        raise bad_request(f"error decoding patch: {error}") from None


def merged(old: Json, patch: Any, media_type: str, node: Json) -> Json:
    """An object with the patch applied. Raises 400, 422."""
    if media_type == JSON_PATCH:
        return patching.json_patch(old, patch)
    if not isinstance(patch, dict):
        raise bad_request(
            "error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}"
        )
    merged = patching.merge(old, patch) if media_type == MERGE else patching.strategic(old, patch, node)
    out: Json = copied(merged)
    return out


def applied_body(registry: Registry, request: Request, target: Target, kind: Kind) -> Json:
    """The object of a server-side apply. Raises 400, 500."""
    try:
        body = media.load_yaml(request.body)
    except ValueError as error:
        raise bad_request(f"error decoding YAML: {error}") from None
    if not isinstance(body, dict) or not body.get("kind") or not body.get("apiVersion"):
        found = body if isinstance(body, dict) else {}
        raise bad_request(
            f"invalid object type: /{found.get('apiVersion', '')}, Kind={found.get('kind', '')}"
        )
    check_name(body, target)
    if body["metadata"].get("managedFields"):
        raise bad_request("metadata.managedFields must be nil")
    _check_kind(registry, body, kind)
    try:
        read, unknown = schema.read(body, kind)
    except schema.DecodeError as error:
        raise bad_request(
            f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: {error}'
        ) from None
    if unknown:
        name = f"(/{target.name}; {kind.group}/{kind.version}, Kind={kind.kind})"
        raise internal(
            f"failed to create typed patch object {name}: .{unknown[0]}: field not declared in schema"
        )
    return read


def loose_body(request: Request, name: str) -> Json:
    """The body of a subresource of another kind."""
    schemas = {
        "eviction": "io.k8s.api.policy.v1.Eviction",
        "token": "io.k8s.api.authentication.v1.TokenRequest",
        "binding": "io.k8s.api.core.v1.Binding",
        "scale": "io.k8s.api.autoscaling.v1.Scale",
    }
    shown = Kind(
        "", "v1", name.capitalize(), "", "", schema=schemas.get(name, "io.k8s.api.core.v1.Namespace")
    )
    return media.body_of(request.body, request.headers.get("content-type", ""), shown)
