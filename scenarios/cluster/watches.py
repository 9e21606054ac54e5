"""Watches: the changes of a kind as they happen, from a resourceVersion on, filtered by selectors."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from typing import NamedTuple

from lamplighter.scenarios.cluster import media, tables
from lamplighter.scenarios.cluster.cluster import Cluster
from lamplighter.scenarios.cluster.conversion import shown
from lamplighter.scenarios.cluster.errors import expired, forbidden_field, invalid
from lamplighter.scenarios.cluster.http import Request
from lamplighter.scenarios.cluster.jsons import Json
from lamplighter.scenarios.cluster.kinds import Kind
from lamplighter.scenarios.cluster.lists import filter_of, version_of
from lamplighter.scenarios.cluster.media import Form
from lamplighter.scenarios.cluster.store import Change

BOOKMARK_SECONDS = 60.0
LONGEST_SECONDS = 1800.0
MOST_WAITING = 20_000
"""Changes that a watcher may be behind; a slower one is cut off and has to list again."""


class Watched(NamedTuple):
    """What a watch is of."""

    kind: Kind
    namespace: str | None
    chosen: Callable[[Json], bool]


class Watcher:
    """The changes that one client has yet to get."""

    def __init__(self, watched: Watched) -> None:
        self.watched = watched
        self.waiting: deque[Change] = deque()
        self.ready = threading.Event()
        self.lost = False

    def __call__(self, change: Change) -> None:
        """A listener of the store."""
        if change.key != self.watched.kind.key:
            return
        if (
            self.watched.namespace is not None
            and change.obj["metadata"].get("namespace", "") != self.watched.namespace
        ):
            return
        if len(self.waiting) >= MOST_WAITING:
            self.lost = True
        else:
            self.waiting.append(change)
        self.ready.set()


def event_of(change: Change, chosen: Callable[[Json], bool]) -> tuple[str, Json] | None:
    """What a watch with that selector shows of a change: an object that comes to match is ADDED to it."""
    now = change.type != "DELETED" and chosen(change.obj)
    before = change.before is not None and chosen(change.before)
    if now:
        return ("MODIFIED" if before else "ADDED"), change.obj
    if before and change.before is not None:
        meta = {**change.before["metadata"], "resourceVersion": change.obj["metadata"]["resourceVersion"]}
        return "DELETED", {**change.before, "metadata": meta}
    return None


def check(request: Request) -> None:
    """Raises 422 for options that do not go together."""
    match = request.option("resourceVersionMatch")
    if request.flag("sendInitialEvents") and match != "NotOlderThan":
        text = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
        raise invalid("ListOptions", "meta.k8s.io", "", [forbidden_field("resourceVersionMatch", text)])
    if match and not request.option("sendInitialEvents"):
        text = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
        raise invalid("ListOptions", "meta.k8s.io", "", [forbidden_field("resourceVersionMatch", text)])


def watch(
    cluster: Cluster, kind: Kind, namespace: str | None, request: Request, form: Form, name: str = ""
) -> Generator[bytes]:
    """The events of a watch, one line each. The checks are done before this returns; the caller holds the lock."""
    check(request)
    wanted = version_of(request)
    watched = Watched(kind, namespace, filter_of(request, kind, name))
    watcher = Watcher(watched)
    stream = _Stream(cluster, watcher, form, request.option("includeObject", "Metadata"))
    first: list[bytes] = []
    initial = request.flag("sendInitialEvents") or wanted == 0
    if initial:
        objects = [obj for obj in cluster.store.all(kind.key, namespace) if watched.chosen(obj)]
        first = [stream.line("ADDED", obj) for obj in objects]
        if request.flag("sendInitialEvents") and request.flag("allowWatchBookmarks"):
            first.append(stream.bookmark(ended=True))
    else:
        missed = cluster.store.since(wanted)
        if missed is None:
            error = expired(f"too old resource version: {wanted} ({cluster.store.oldest})")
            return _once(media.dumps({"type": "ERROR", "object": error.body()}) + b"\n")
        for change in missed:
            watcher(change)
    cluster.store.listeners.append(watcher)
    seconds = float(request.number("timeoutSeconds")) or LONGEST_SECONDS
    pieces = stream.run(first, seconds, request.flag("allowWatchBookmarks"))
    next(
        pieces
    )  # from here on closing it takes the watcher away, also where the client left before the answer
    return pieces


def _once(line: bytes) -> Generator[bytes]:
    yield line


class _Stream:
    def __init__(self, cluster: Cluster, watcher: Watcher, form: Form, include: str) -> None:
        self.cluster = cluster
        self.watcher = watcher
        self.form = form
        self.include = include
        self.kind = watcher.watched.kind

    def run(self, first: list[bytes], seconds: float, bookmarks: bool) -> Generator[bytes]:
        """Lines until the time is up; b"" now and then, so that a client that is gone is noticed."""
        end, marked = time.monotonic() + seconds, time.monotonic()
        try:
            yield b""
            if first:
                yield b"".join(first)
            while (left := end - time.monotonic()) > 0:
                self.watcher.ready.wait(min(left, 1.0))
                self.watcher.ready.clear()
                lines = list(self._lines())
                if lines:
                    yield b"".join(lines)
                elif bookmarks and time.monotonic() - marked > BOOKMARK_SECONDS:
                    marked = time.monotonic()
                    yield self.bookmark()
                else:
                    yield b""
                if self.watcher.lost:
                    error = expired("too old resource version: the watch is too far behind")
                    yield media.dumps({"type": "ERROR", "object": error.body()}) + b"\n"
                    return
        finally:
            with self.cluster.lock:
                self.cluster.store.listeners.remove(self.watcher)

    def _lines(self) -> Iterator[bytes]:
        while self.watcher.waiting:
            found = event_of(self.watcher.waiting.popleft(), self.watcher.watched.chosen)
            if found is not None:
                yield self.line(*found)

    def line(self, kind: str, obj: Json) -> bytes:
        obj = shown(self.kind, obj)
        version = {"resourceVersion": obj["metadata"]["resourceVersion"]}
        if self.form.shape == "Table":
            obj = tables.table(self.kind, [obj], version, self.cluster.clock.now(), self.include)
        elif self.form.shape:
            obj = tables.partial(obj)
        return media.dumps({"type": kind, "object": obj}) + b"\n"

    def bookmark(self, ended: bool = False) -> bytes:
        meta: Json = {"resourceVersion": str(self.cluster.store.version), "creationTimestamp": None}
        if ended:
            meta["annotations"] = {"k8s.io/initial-events-end": "true"}
        body: Json = {"kind": self.kind.kind, "apiVersion": self.kind.api_version, "metadata": meta}
        if self.form.shape == "Table":
            body = tables.table(self.kind, [], meta, self.cluster.clock.now())
        return media.dumps({"type": "BOOKMARK", "object": body}) + b"\n"
