"""Replays recorded calls over HTTPS and says what differs.

A wanted value is contained in the one that came: objects by key, lists item by item, and `<...>` stands for any text.
"""

from __future__ import annotations

import json
import re
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

Json = dict[str, Any]
CASES = Path(__file__).parent / "conformance"
TOKENS = {
    "admin": "admin-token", "restricted": "restricted-token", "viewer": "viewer-token", "bad": "no-such-token",
    "anonymous": "",
}  # fmt: skip
LETTERS = "[bcdfghjklmnpqrstvwxz2456789]"
ADDRESSES = {"podIP", "ip", "clusterIP", "hostIP", "clusterIPs", "podIPs"}
WHOLE = {"uid": "uid", "nodeName": "node", "containerID": "containerID", "imageID": "imageID", "token": "token",
         "continue": "continue", "topology.kubernetes.io/zone": "zone"}  # fmt: skip
UID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")
REWRITES = (
    (re.compile(r"\bkube-api-access-[a-z0-9]{5}\b"), "kube-api-access-<sfx>"),
    (re.compile(r"too old resource version: \d+ \(\d+\)"), "too old resource version: <rv>"),
    (re.compile(r'(resourceVersion: )"\d+"'), r'\1"<rv>"'),
    (re.compile(rf"\b([a-z0-9-]+?)-{LETTERS}{{8,10}}-{LETTERS}{{5}}\b"), r"\1-<rs>-<sfx>"),
    (re.compile(rf"(?<![\w-])(web|app|crash|bad)-{LETTERS}{{8,10}}(?![\w-])"), r"\1-<rs>"),
)
CELL_FORMS = ((r"(\d+[smhdy]){1,2}", "age"), (r"10\.\d+\.\d+\.\d+", "ip"), (r"h3-node-\d", "node"))
WAIT_SECONDS = 20.0
"""Most that a step waits for."""
SPEED = 4.0
"""How much faster than in the recording time goes by in the sandbox that is replayed on; sleeps are as much shorter."""


@dataclass
class Difference:
    """What one recorded call answers otherwise; `paths` are the places, in words."""

    case: str
    step: str
    paths: list[str]


@dataclass
class Client:
    """Sends recorded requests to one server."""

    url: str
    authority: Path

    def send(self, request: Json, user: str, timeout: float = 30.0) -> tuple[HTTPSConnection, HTTPResponse]:
        parts = urlsplit(self.url)
        context = ssl.create_default_context(cafile=str(self.authority))
        connection = HTTPSConnection(parts.hostname or "", parts.port, timeout=timeout, context=context)
        headers = {"Accept": "application/json", **(request.get("headers") or {})}
        if TOKENS[user]:
            headers["Authorization"] = f"Bearer {TOKENS[user]}"
        body = request.get("body")
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
            body = body if isinstance(body, str) else json.dumps(body)
        query = urlencode(request.get("query") or {})
        path = quote(request["path"], safe="/?=&%") + (f"?{query}" if query else "")
        connection.request(request["method"], path, body.encode() if body is not None else None, headers)
        return connection, connection.getresponse()

    def call(self, request: Json, user: str) -> tuple[int, dict[str, str], Any]:
        connection, response = self.send(request, user)
        text = response.read()
        connection.close()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return response.status, headers, _parsed(text, headers.get("content-type", ""))


def _parsed(text: bytes, media: str) -> Any:
    if "json" in media:
        return json.loads(text)
    return text.decode(errors="replace")


def at(value: Any, path: str) -> Any:
    """What stands at `a.b[0].c`; a "~" in a key stands for a dot."""
    for part in filter(None, re.split(r"\.(?![^\[]*\])", path)):
        found = re.fullmatch(r"(.*?)((?:\[\d+\])*)", part)
        assert found is not None
        if found[1]:
            value = value.get(found[1].replace("~", ".")) if isinstance(value, dict) else None
        for index in re.findall(r"\d+", found[2]):
            value = value[int(index)] if isinstance(value, list) and int(index) < len(value) else None
    return value


def filled(value: Any, variables: Json) -> Any:
    """The value with its {{variables}} filled in."""
    if isinstance(value, str):
        return re.sub(r"\{\{(\w+)\}\}", lambda found: str(variables.get(found[1], found[0])), value)
    if isinstance(value, dict):
        return {filled(key, variables): filled(item, variables) for key, item in value.items()}
    return [filled(item, variables) for item in value] if isinstance(value, list) else value


def normalised(value: Any, key: str = "", captured: Json | None = None) -> Any:
    """The value with what differs from run to run replaced by the placeholders of the recordings."""
    if isinstance(value, dict):
        out = {}
        for name, item in value.items():
            found = "<nonResourceRules>" if name == "nonResourceRules" else normalised(item, name, captured)
            out[name] = _sorted(name, found) if isinstance(found, list) else found
        return out
    if isinstance(value, list):
        return [normalised(item, key, captured) for item in value]
    return _text(value, key, captured or {}) if isinstance(value, str) else value


def _sorted(name: str, items: list[Any]) -> list[Any]:
    """Rules have no order; managers are ordered by the second of their last change, then by name."""
    if name == "resourceRules":
        return sorted(items, key=lambda rule: json.dumps(rule, sort_keys=True))
    return sorted(items, key=lambda entry: str(entry["manager"])) if name == "managedFields" else items


def _text(value: str, key: str, captured: Json) -> str:
    if key in WHOLE and value:
        return f"<{WHOLE[key]}>"
    if key == "resourceVersion" and value not in ("", "0"):
        return "<rv>"
    if key in ADDRESSES and re.fullmatch(r"[\d.]+", value):
        return "<ip>"
    if "BEGIN CERTIFICATE" in value:
        return "<pem>"
    if TIME.match(value):
        return "<time>"
    if key == "reason" and value.startswith("RBAC: allowed by"):
        return "RBAC: allowed by <binding>"
    if key == "cells":
        value = next((f"<{name}>" for form, name in CELL_FORMS if re.fullmatch(form, value)), value)
    value = UID.sub("<uid>", value)
    for form, replacement in REWRITES:
        value = form.sub(replacement, value)
    if key == "message" and len(value) > 600:
        value = value[:80] + "<long>"
    for name, text in captured.items():
        if isinstance(text, str) and len(text) > 3:
            value = value.replace(text, f"<{name}>")
    return value


def differences(want: Any, got: Any, path: str = "") -> Iterator[str]:
    """Where what came does not hold what was wanted."""
    if isinstance(want, str) and re.fullmatch(r"<.*>", want):
        if got in (None, ""):
            yield f"{path}: missing"
    elif isinstance(want, dict):
        for name, item in want.items():
            if not isinstance(got, dict) or name not in got:
                if item != "<managedFields>":
                    yield f"{path}.{name}: missing"
            elif item != "<managedFields>":
                yield from differences(item, got[name], f"{path}.{name}")
    elif isinstance(want, list):
        if not isinstance(got, list) or len(want) != len(got):
            yield f"{path}: want {len(want)} items, got {len(got) if isinstance(got, list) else got!r}"
        else:
            for index, (one, other) in enumerate(zip(want, got, strict=True)):
                yield from differences(one, other, f"{path}[{index}]")
    elif isinstance(want, str) and isinstance(got, str) and "<" in want:
        form = re.sub(r"<\w+>", ".+", re.escape(want).replace(r"\<", "<").replace(r"\>", ">"))
        if want != got and re.fullmatch(form, got, re.DOTALL) is None:
            yield f"{path}: want {want!r}, got {got!r}"
    elif want != got or isinstance(want, bool) != isinstance(got, bool):
        yield f"{path}: want {want!r}, got {got!r}"


@dataclass
class Run:
    """One case on its way. `checks` counts the recorded calls that were compared."""

    client: Client
    case: Json
    variables: Json = field(default_factory=dict)
    captured: Json = field(default_factory=dict)
    checks: int = 0
    found: list[Difference] = field(default_factory=list)

    def play(self) -> None:
        self.variables["ns"] = self.case.get("ns") or f"conf-{self.case['id']}"
        try:
            for step in self.case["steps"]:
                self._step(step)
        finally:
            for request in self.case.get("cleanup", []):
                self.client.call(filled(request, self.variables), "admin")

    def _step(self, step: Json) -> None:
        if "sleep" in step:
            time.sleep(step["sleep"] / SPEED)
        elif "wait" in step:
            self._wait(step)
        elif "watch" in step:
            self._watch(step)
        else:
            self._call(step)

    def _note(self, step: Json, problems: list[str]) -> None:
        self.checks += 1
        request = step["request"]
        if problems:
            name = step.get("id") or f"{request['method']} {request['path']}"
            self.found.append(Difference(self.case["id"], name, problems))

    def _capture(self, step: Json, body: Any) -> None:
        for name, path in (step.get("capture") or {}).items():
            self.variables[name] = self.captured[name] = at(body, path)

    def _wait(self, step: Json) -> None:
        request, wait = filled(step["request"], self.variables), step["wait"]
        wanted, end, value = filled(wait.get("equals"), self.variables), time.monotonic() + WAIT_SECONDS, None
        while time.monotonic() < end:
            status, _, body = self.client.call(request, step.get("as", "admin"))
            value = at(body, wait["path"]) if "path" in wait else status
            if (value == wanted) if "equals" in wait else value:
                self._capture(step, body)
                return
            time.sleep(0.05)
        self._note(step, [f"waited in vain for {wait}: {value!r}"])

    def _call(self, step: Json) -> None:
        request = filled(step["request"], self.variables)
        status, headers, body = self.client.call(request, step.get("as", "admin"))
        self._capture(step, body)
        want = step["response"]
        problems = _status(want, status)
        if not step.get("setup"):
            problems += self._compared(step, want, headers, body)
        self._note(step, problems)

    def _compared(self, step: Json, want: Json, headers: dict[str, str], body: Any) -> Iterator[str]:
        for name in ("Retry-After", "Warning"):
            if name in want.get("headers", {}) and name.lower() not in headers:
                yield f"header {name} missing"
        for path, wanted in (want.get("selected") or {}).items():
            key = re.sub(r"\[\d+\]$", "", path.rsplit(".", 1)[-1].replace("~", "."))
            yield from differences(wanted, normalised(at(body, path), key, self.captured), path)
        if "body" in want:
            yield from differences(want["body"], normalised(body, captured=self.captured), "body")

    def _watch(self, step: Json) -> None:
        want, events = step["response"], list[Json]()
        request = filled(step["request"], self.variables)
        connection, response = self.client.send(request, step.get("as", "admin"))
        problems = (
            []
            if want["status"] == response.status
            else [f"status: want {want['status']}, got {response.status}"]
        )
        if response.status == 200 and "events" in want:
            most = step.get("max_events", len(want["events"]))
            reader = threading.Thread(target=_read_events, args=(response, events, most))
            reader.start()
            time.sleep(0.2)
            for inner in step.get("during", []):
                self._step(inner)
            reader.join(step.get("watch_timeout", 12))
            problems += self._events(
                want["events"], [normalised(event, captured=self.captured) for event in events]
            )
        else:
            problems += differences(want.get("body"), normalised(json.loads(response.read())), "body")
        connection.close()
        self._note(step, problems)

    def _events(self, want: list[Json], got: list[Json]) -> Iterator[str]:
        kinds = [[event.get("type") or event.get("kind") for event in events] for events in (want, got)]
        yield from differences(*kinds, "events")
        for wanted, event in zip(want, got, strict=False):
            if wanted.get("type") == "DELETED":
                yield from differences(
                    wanted["object"]["metadata"]["name"], event["object"]["metadata"]["name"], "event"
                )
            else:
                yield from differences(wanted, event, "event")


def _status(want: Json, status: int) -> list[str]:
    return [] if want["status"] == status else [f"status: want {want['status']}, got {status}"]


def _read_events(response: HTTPResponse, events: list[Json], most: int) -> None:
    while len(events) < most and (line := response.readline()):
        events.append(json.loads(line))


def load(name: str) -> Json:
    """A recorded case by its id. FileNotFoundError for one that is missing."""
    found: Json = json.loads((CASES / f"{name}.json").read_text())
    return found


def index() -> list[str]:
    """The ids of all cases."""
    return [case["id"] for case in json.loads((CASES / "INDEX.json").read_text())["cases"]]
