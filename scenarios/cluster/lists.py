"""Lists: selectors, limit and continue, and the resourceVersions that a list may be asked for."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from lamplighter.scenarios.cluster import selectors
from lamplighter.scenarios.cluster.cluster import Cluster
from lamplighter.scenarios.cluster.errors import (
    ApiError,
    bad_request,
    expired,
    forbidden_field,
    internal,
    invalid,
)
from lamplighter.scenarios.cluster.http import Request
from lamplighter.scenarios.cluster.jsons import Json, labels_of, name_of, namespace_of
from lamplighter.scenarios.cluster.kinds import Kind

DIGITS = re.compile(r"[0-9]{1,19}")
SNAPSHOTS = 64
"""Lists whose continuation is kept; an older one gets 410, as after etcd's compaction."""


def filter_of(request: Request, kind: Kind, name: str = "") -> Callable[[Json], bool]:
    """A test for the selectors of a request. Raises 400."""
    labels = selectors.parse_labels(request.option("labelSelector"))
    fields = selectors.parse_fields(request.option("fieldSelector"), kind)
    if name:
        return lambda obj: name_of(obj) == name and selectors.matches(labels, labels_of(obj)) and fields(obj)
    if not labels and not request.option("fieldSelector"):
        return lambda obj: True
    return lambda obj: selectors.matches(labels, labels_of(obj)) and fields(obj)


def version_of(request: Request) -> int:
    """The resourceVersion of the query, 0 for none. Raises 500 for one that is no number, as the real server does."""
    text = request.option("resourceVersion")
    if not text:
        return 0
    if not DIGITS.fullmatch(text):
        raise internal(
            f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax'
        )
    return int(text)


class Lists:
    """Answers lists, and remembers those that are to be continued."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._snapshots: OrderedDict[int, tuple[str, list[Json]]] = OrderedDict()
        self._next = 0

    def page(self, kind: Kind, namespace: str | None, request: Request) -> tuple[list[Json], Json]:
        """(items, metadata of the list). Raises 400, 410, 504."""
        chosen = filter_of(request, kind)
        limit = request.number("limit")
        token = request.option("continue")
        if token:
            if request.option("resourceVersion"):
                raise bad_request("specifying resource version is not allowed when using continue")
            version, items, number = self._continued(token)
        else:
            self._check_version(request)
            version = str(self._cluster.store.version)
            items, number = [o for o in self._cluster.store.all(kind.key, namespace) if chosen(o)], 0
        if limit <= 0 or len(items) <= limit:
            return items, {"resourceVersion": version}
        self._next = number = self._next + 1
        self._snapshots[number] = (version, items[limit:])
        while len(self._snapshots) > SNAPSHOTS:
            self._snapshots.popitem(last=False)
        last = items[limit - 1]
        metadata: Json = {"resourceVersion": version, "continue": _token(version, last, number)}
        if not request.option("labelSelector") and not request.option("fieldSelector"):
            metadata["remainingItemCount"] = len(items) - limit
        return items[:limit], metadata

    def _continued(self, token: str) -> tuple[str, list[Json], int]:
        try:
            body = json.loads(base64.b64decode(token, validate=True))
            number = int(body["snapshot"])
        except binascii.Error:
            at = next(
                (i for i, mark in enumerate(token) if not (mark.isalnum() or mark in "+/-_=")),
                len(token) // 4 * 4,
            )
            text = f"continue key is not valid: illegal base64 data at input byte {at}"
            raise bad_request(f"invalid continue token: {text}") from None
        except (ValueError, KeyError, TypeError):
            raise bad_request(
                "invalid continue token: continue key is not valid: unrecognized encoded version"
            ) from None
        if number not in self._snapshots:
            raise expired(
                "The provided continue parameter is too old to display a consistent list result. You can start a new "
                "list without the continue parameter."
            )
        version, items = self._snapshots[number]
        return version, items, number

    def _check_version(self, request: Request) -> None:
        wanted = version_of(request)
        match = request.option("resourceVersionMatch")
        if match and not request.option("resourceVersion"):
            text = "resourceVersionMatch is forbidden unless resourceVersion is provided"
            raise invalid("ListOptions", "meta.k8s.io", "", [forbidden_field("resourceVersionMatch", text)])
        current = self._cluster.store.version
        if wanted > current:
            raise too_large(wanted, current)
        if match == "Exact" and wanted and wanted < self._cluster.store.oldest:
            raise expired(f"The provided resource version {wanted} is too old")


def too_large(wanted: int, current: int) -> ApiError:
    causes = [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]
    details: Json = {"causes": causes, "retryAfterSeconds": 1}
    text = f"Timeout: Too large resource version: {wanted}, current: {current}"
    return ApiError(504, "Timeout", text, details, {"Retry-After": "1"})


def _token(version: str, last: Json, number: int) -> str:
    start = f"{namespace_of(last)}/{name_of(last)}\u0000".lstrip("/")
    body: dict[str, Any] = {"v": "meta.k8s.io/v1", "rv": int(version), "start": start, "snapshot": number}
    return base64.b64encode(json.dumps(body, separators=(",", ":")).encode()).decode()


def listed(kind: Kind, items: list[Json], metadata: Json) -> Json:
    """A list object; items of built-in kinds do not repeat their kind."""
    shown = items if kind.custom is not None else [_bare(item) for item in items]
    return {"kind": f"{kind.kind}List", "apiVersion": kind.api_version, "metadata": metadata, "items": shown}


def _bare(item: Json) -> Json:
    return {key: value for key, value in item.items() if key not in ("kind", "apiVersion")}
