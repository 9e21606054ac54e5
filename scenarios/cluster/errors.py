"""Refusals of the API as Status objects: HTTP code, reason, details and causes (k8s.io/apimachinery api/errors)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from lamplighter.scenarios.cluster.jsons import Json, quoted


class ApiError(Exception):
    """An answer that is a Status of failure; `headers` are sent with it."""

    def __init__(
        self, code: int, reason: str, message: str, details: Json | None = None, headers: Json | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details
        self.headers = headers or {}

    def body(self) -> Json:
        out: Json = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        out["message"] = self.message
        if self.reason:
            out["reason"] = self.reason
        if self.details is not None:
            out["details"] = self.details
        out["code"] = self.code
        return out


class PlainError(Exception):
    """An answer outside of the API proper, in plain text."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class Cause(NamedTuple):
    """One field error: the path of the field, the reason of the cause, and its text without the path."""

    field: str
    reason: str
    message: str


def invalid_value(field: str, value: Any, why: str) -> Cause:
    return Cause(field, "FieldValueInvalid", f"Invalid value: {quoted(value)}: {why}")


def required(field: str, why: str = "") -> Cause:
    return Cause(field, "FieldValueRequired", f"Required value: {why}" if why else "Required value")


def forbidden_field(field: str, why: str) -> Cause:
    return Cause(field, "FieldValueForbidden", f"Forbidden: {why}")


def unsupported(field: str, value: Any, supported: Sequence[str]) -> Cause:
    names = ", ".join(quoted(name) for name in supported)
    return Cause(
        field, "FieldValueNotSupported", f"Unsupported value: {quoted(value)}: supported values: {names}"
    )


def duplicate(field: str, value: Any) -> Cause:
    return Cause(field, "FieldValueDuplicate", f"Duplicate value: {quoted(value)}")


def named(name: str = "", group: str = "", kind: str = "", **more: Any) -> Json:
    """Details of a Status, without what is empty."""
    found = {"name": name, "group": group, "kind": kind, **more}
    return {key: value for key, value in found.items() if value not in ("", None)}


def qualified(resource: str, group: str) -> str:
    return f"{resource}.{group}" if group else resource


def not_found(resource: str, group: str, name: str) -> ApiError:
    text = f'{qualified(resource, group)} "{name}" not found'
    return ApiError(404, "NotFound", text, named(name, group, resource))


def unknown_resource() -> ApiError:
    return ApiError(404, "NotFound", "the server could not find the requested resource", {})


def already_exists(resource: str, group: str, name: str) -> ApiError:
    text = f'{qualified(resource, group)} "{name}" already exists'
    return ApiError(409, "AlreadyExists", text, named(name, group, resource))


def conflict(resource: str, group: str, name: str, why: str) -> ApiError:
    text = f'Operation cannot be fulfilled on {qualified(resource, group)} "{name}": {why}'
    return ApiError(409, "Conflict", text, named(name, group, resource))


def modified(resource: str, group: str, name: str) -> ApiError:
    why = "the object has been modified; please apply your changes to the latest version and try again"
    return conflict(resource, group, name, why)


def bad_request(why: str) -> ApiError:
    return ApiError(400, "BadRequest", why)


def internal(why: str) -> ApiError:
    """What the real server answers with code 500 and no reason."""
    return ApiError(500, "", why)


def not_simulated(what: str) -> ApiError:
    """An honest refusal of what the sandbox does not do."""
    return ApiError(501, "NotImplemented", f"the sandbox does not simulate {what}", {})


def invalid(kind: str, group: str, name: str, causes: Sequence[Cause]) -> ApiError:
    """422 with all causes; the message names each distinct one once."""
    texts = list(dict.fromkeys(f"{cause.field}: {cause.message}" for cause in causes))
    listed = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    found = [{"reason": cause.reason, "message": cause.message, "field": cause.field} for cause in causes]
    text = f'{qualified(kind, group)} "{name}" is invalid: {listed}'
    return ApiError(422, "Invalid", text, named(name, group, kind, causes=found))


def forbidden(resource: str, group: str, name: str, why: str, causes: Sequence[Json] = ()) -> ApiError:
    target = f'{qualified(resource, group)} "{name}"' if name else qualified(resource, group)
    details = named(name, group, resource)
    if causes:
        details["causes"] = list(causes)
    return ApiError(403, "Forbidden", f"{target} is forbidden: {why}", details)


def expired(why: str) -> ApiError:
    return ApiError(410, "Expired", why)


def success(resource: str = "", group: str = "", name: str = "", uid: str = "", code: int = 0) -> Json:
    """A Status of success."""
    out: Json = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
    if name:
        out["details"] = named(name, group, resource, uid=uid)
    if code:
        out["code"] = code
    return out
