"""Commands run in containers over a WebSocket (v4 and v5.channel.k8s.io), with answers that the scenario scripts."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from io import BufferedIOBase
from typing import NamedTuple

from lamplighter.scenarios.cluster import pods
from lamplighter.scenarios.cluster.api import Api, refused
from lamplighter.scenarios.cluster.errors import ApiError, bad_request
from lamplighter.scenarios.cluster.http import Request, Response, target_of
from lamplighter.scenarios.cluster.jsons import at
from lamplighter.scenarios.cluster.kubelet.behaviour import Answer, behaviour_of, run_in
from lamplighter.scenarios.cluster.kubelet.facts import facts_of

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
STDOUT, STDERR, ERROR = 1, 2, 3
BINARY, CLOSE = 2, 8
MOST_FRAME = 1024 * 1024
"""Bytes of a frame that is read; kubectl sends 32 KiB at most."""


class Session(NamedTuple):
    """An exec that was let through: what it answers, and the protocol."""

    answer: Answer
    protocol: str
    key: str


def wants_upgrade(request: Request) -> bool:
    return "upgrade" in request.headers.get("connection", "").lower() and request.path.endswith("/exec")


def prepare(api: Api, request: Request) -> Response | Session:
    """The session, or the answer that refuses it. The checks are those of any request."""
    plain = api.handle(
        Request(
            request.method,
            request.path,
            request.query,
            {**request.headers, "connection": ""},
            b"",
            request.certificate,
        )
    )
    if plain.code != 400 or b"Upgrade request required" not in plain.body:
        return plain
    offered = [name.strip() for name in request.headers.get("sec-websocket-protocol", "").split(",")]
    chosen = next((name for name in PROTOCOLS if name in offered), None)
    if request.headers.get("upgrade", "").lower() != "websocket" or chosen is None:
        return refused(
            bad_request("the sandbox speaks WebSocket only: v5.channel.k8s.io or v4.channel.k8s.io")
        )
    try:
        return Session(_answer(api, request), chosen, request.headers.get("sec-websocket-key", ""))
    except ApiError as error:
        return refused(error)


def _answer(api: Api, request: Request) -> Answer:
    target = target_of(request.path)
    assert target is not None
    with api.cluster.lock:
        pod = api.cluster.store.get("pods", target.namespace, target.name)
        if pod is None:
            raise bad_request(f"pod {target.name} does not exist")
        name = pods.container_of(pod, request.option("container"))
        found = next((c for c in at(pod, "status", "containerStatuses") or () if c["name"] == name), None)
        if found is None or "running" not in found["state"]:
            raise ApiError(
                500,
                "InternalError",
                f'Internal error occurred: unable to upgrade connection: container not found ("{name}")',
            )
        spec = next(c for c in pod["spec"]["containers"] if c["name"] == name)
        return run_in(
            behaviour_of(pod, spec, api.cluster.rules, facts_of(api.cluster.store, pod, spec)),
            list(request.query.get("command") or []),
        )


def serve(reader: BufferedIOBase, writer: BufferedIOBase, request: Request, session: Session) -> None:
    """Shake hands, say the answer and its exit status, and close. Raises OSError when the client leaves."""
    accept = base64.b64encode(
        hashlib.sha1((session.key + GUID).encode(), usedforsecurity=False).digest()
    ).decode()
    head = (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: {session.protocol}\r\n\r\n"
    )
    frames = [_frame(BINARY, bytes([ERROR]) + json.dumps(_status(session.answer)).encode())]
    if session.answer.output:
        channel = STDOUT if session.answer.code != 127 else STDERR
        frames.insert(0, _frame(BINARY, bytes([channel]) + session.answer.output.encode()))
    for data in (head.encode(), *frames, _frame(CLOSE, struct.pack(">H", 1000))):
        writer.write(data)
        writer.flush()  # a TLS record each: clients poll the socket, and would not see what one read left behind
    _until_closed(reader)


def _status(answer: Answer) -> dict[str, object]:
    if answer.code == 0:
        return {"metadata": {}, "status": "Success"}
    text = f"command terminated with non-zero exit code: error executing command, exit code {answer.code}"
    causes = [{"reason": "ExitCode", "message": str(answer.code)}]
    return {
        "metadata": {},
        "status": "Failure",
        "message": text,
        "reason": "NonZeroExitCode",
        "details": {"causes": causes},
    }


def _frame(kind: int, data: bytes) -> bytes:
    """An unmasked frame (RFC 6455, 5.2)."""
    size = len(data)
    if size < 126:
        return struct.pack("!BB", 128 | kind, size) + data
    if size < 1 << 16:
        return struct.pack("!BBH", 128 | kind, 126, size) + data
    return struct.pack("!BBQ", 128 | kind, 127, size) + data


def _until_closed(reader: BufferedIOBase) -> None:
    """Read what the client still sends (input, its close) so that it gets our answer whole."""
    while True:
        head = reader.read(2)
        if len(head) < 2 or head[0] & 15 == CLOSE:
            return
        size = head[1] & 127
        if size > 125:
            size = int.from_bytes(reader.read(2 if size == 126 else 8), "big")
        if size > MOST_FRAME:
            return
        reader.read(size + (4 if head[1] & 128 else 0))
