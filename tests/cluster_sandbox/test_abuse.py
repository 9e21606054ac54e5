"""What a server must bear: malformed and huge bodies, slow and half-closed clients, many of them, watches dropped."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import struct
import threading
import time
from http.client import HTTPSConnection
from typing import Any

import pytest

from lamplighter.scenarios.cluster import server
from lamplighter.scenarios.cluster.sandbox import Sandbox
from tests.cluster_sandbox.conftest import connect

ADMIN = {"Authorization": "Bearer admin-token", "Content-Type": "application/json"}
CONFIGMAPS = "/api/v1/namespaces/default/configmaps"
HEAD = f"POST {CONFIGMAPS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer admin-token\r\n"
LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


def answered(connection: HTTPSConnection) -> tuple[int, dict[str, Any]]:
    response = connection.getresponse()
    return response.status, json.loads(response.read())


def refused(found: tuple[int, dict[str, Any]], code: int, reason: str = "") -> None:
    status, body = found
    assert (status, body["kind"], body["status"], body["code"]) == (code, "Status", "Failure", code), body
    assert reason in body.get("reason", "")


class Raw:
    """TLS by hand: what is written and the end of writing (close_notify, RFC 8446 6.1) go out in one piece."""

    def __init__(self, sandbox: Sandbox) -> None:
        host, _, port = sandbox.url.removeprefix("https://").partition(":")
        self.socket = socket.create_connection((host, int(port)), timeout=30)
        self.came, self.going = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.create_default_context(cafile=str(sandbox.ca_file))
        self.tls = context.wrap_bio(self.came, self.going, server_hostname=host)
        while True:
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                self.flush()
                self.came.write(self.socket.recv(65536))
            else:
                break
        self.flush()

    def flush(self) -> None:
        self.socket.sendall(self.going.read())

    def half_close(self) -> None:
        with contextlib.suppress(ssl.SSLWantReadError):
            self.tls.unwrap()

    def everything(self) -> bytes:
        """What comes until the server closes."""
        found = b""
        while True:
            try:
                piece = self.tls.read(65536)
            except ssl.SSLWantReadError:
                data = self.socket.recv(65536)
                if not data:
                    return found
                self.came.write(data)
            else:
                found += piece
                if not piece:
                    return found


def raw(sandbox: Sandbox, *pieces: bytes, half_closed: bool = False) -> tuple[int, dict[str, Any]]:
    """The answer to bytes that no proper client would send."""
    client = Raw(sandbox)
    with client.socket:
        for piece in pieces:
            client.tls.write(piece)
        if half_closed:
            client.half_close()
        client.flush()
        head, _, body = client.everything().partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


def lives(sandbox: Sandbox) -> bool:
    connection = connect(sandbox)
    connection.request("GET", "/api/v1/namespaces/default", headers=ADMIN)
    return answered(connection)[0] == 200


@pytest.mark.parametrize(
    ("body", "media", "code"),
    [
        (b"{", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b'{"metadata": 5}', "application/json", 400),
        (b'{"metadata": {"name": "x"}, "data": []}', "application/json", 400),
        (b'{"metadata": {"name": "x"}, "data": {"a": NaN}}', "application/json", 400),
        (b'{"apiVersion": [], "metadata": {"name": "x"}}', "application/json", 400),
        (b'{"metadata": {"name": "x", "generation": 1e999}}', "application/json", 400),
        (b'{"metadata": {"name": "x", "ownerReferences": [null]}}', "application/json", 422),
        (b'{"metadata": {"name": "X_"}}', "application/json", 422),
        (b"k8s\x00\xff\xff\xff\xff", "application/vnd.kubernetes.protobuf", 400),
        (b"a: &a [*a, *a]", "application/yaml", 400),
        (LAUGHS.encode(), "application/yaml", 400),
        (b"a: !!python/object:os.system {}", "application/yaml", 400),
        (b"a: " + b"[" * 5000, "application/yaml", 400),
        (b"x", "text/plain", 415),
        (b"x" * (3 * 1024 * 1024 + 1), "application/json", 413),
    ],
)
def test_a_bad_body_is_refused_with_a_status(live: Sandbox, body: bytes, media: str, code: int) -> None:
    connection = connect(live)
    connection.request("POST", CONFIGMAPS, body, {**ADMIN, "Content-Type": media})
    refused(answered(connection), code)


def test_what_goes_in_comes_out_as_json_that_anyone_reads(live: Sandbox) -> None:
    body = b'{"metadata": {"name": "odd"}, "data": {"a": "half \\ud800 a pair", "b": "\\ud83d\\ude00"}}'
    connection = connect(live)
    connection.request("POST", CONFIGMAPS, body, ADMIN)
    assert answered(connection)[0] == 201
    connection.request("GET", CONFIGMAPS, headers=ADMIN)
    status, found = answered(connection)
    assert status == 200
    data = next(item["data"] for item in found["items"] if item["metadata"]["name"] == "odd")
    assert data == {"a": "half \ufffd a pair", "b": "\U0001f600"}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("limit=abc", 400),
        ("limit=99999999999999999999", 400),
        ("watch=1&timeoutSeconds=nan", 400),
        ("resourceVersion=%C2%B2", 500),
        ("labelSelector=a+in+(", 400),
        ("fieldSelector=x", 400),
        ("continue=%00", 400),
        ("continue=W10%3D", 400),
    ],
)
def test_a_bad_query_is_refused_with_a_status(live: Sandbox, query: str, code: int) -> None:
    connection = connect(live)
    connection.request("GET", f"{CONFIGMAPS}?{query}", headers=ADMIN)
    found = answered(connection)
    refused(found, code)
    assert "sandbox failed" not in found[1]["message"]


@pytest.mark.parametrize(
    ("pieces", "code"),
    [
        ([b"nonsense\r\n\r\n"], 400),
        ([b"FETCH / HTTP/1.1\r\nHost: x\r\n\r\n"], 501),
        ([b"OPTIONS /api/v1/pods HTTP/1.1\r\nAuthorization: Bearer admin-token\r\nConnection: close\r\n\r\n"], 405),
        ([b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n"], 414),
        ([b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000 + b"\r\n\r\n"], 431),
        ([b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n"], 431),
        ([f"{HEAD}Content-Length: -1\r\n\r\n".encode()], 400),
        ([f"{HEAD}Content-Length: \xb2\r\n\r\n".encode("latin-1")], 400),
        ([f"{HEAD}Content-Length: 2\r\nContent-Length: 3\r\n\r\n".encode(), b"{}"], 400),
        ([f"{HEAD}Transfer-Encoding: chunked\r\n\r\n".encode(), b"zz\r\n"], 400),
        ([f"{HEAD}Transfer-Encoding: chunked\r\n\r\n".encode(), b"-5\r\n"], 400),
    ],
)  # fmt: skip
def test_a_bad_head_is_refused_with_a_status(live: Sandbox, pieces: list[bytes], code: int) -> None:
    refused(raw(live, *pieces), code)


def test_a_huge_body_in_chunks_is_refused_with_a_status(
    live: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "DISCARD_SECONDS", 0.5)
    chunk = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
    refused(raw(live, f"{HEAD}Transfer-Encoding: chunked\r\n\r\n".encode(), chunk * 4, b"0\r\n\r\n"), 413)
    refused(
        raw(live, f"{HEAD}Transfer-Encoding: chunked\r\n\r\nFFFFFFFF\r\n".encode(), half_closed=True), 413
    )


def test_a_body_that_ends_early_is_not_taken_for_a_whole_one(live: Sandbox) -> None:
    whole = b'{"metadata": {"name": "half"}}'
    head = f"{HEAD}Content-Type: application/json\r\nContent-Length: {len(whole) + 5}\r\n\r\n".encode()
    refused(raw(live, head, whole, half_closed=True), 400)
    assert live.cluster.store.get("configmaps", "default", "half") is None


def test_a_client_that_only_listens_after_it_asked_is_answered(live: Sandbox) -> None:
    head = "GET /version HTTP/1.1\r\nHost: x\r\n\r\n"
    status, body = raw(live, head.encode(), half_closed=True)
    assert (status, body["major"]) == (200, "1")


def test_a_slow_client_gets_no_more_time_for_each_byte(
    live: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "HEADER_SECONDS", 0.5)
    monkeypatch.setattr(server, "BODY_SECONDS", 0.5)
    slow_head = connect(live)
    slow_head.connect()
    assert isinstance(slow_head.sock, ssl.SSLSocket)
    slow_head.sock.settimeout(5)
    closed = False
    for _ in range(40):
        try:
            slow_head.sock.sendall(b"G")
            slow_head.sock.settimeout(0.1)
            closed = slow_head.sock.recv(1) == b""
        except TimeoutError:
            continue
        except OSError:
            closed = True
        if closed:
            break
    assert closed, "a head that comes byte by byte is waited for without end"
    refused(raw(live, f"{HEAD}Content-Length: 100\r\n\r\n".encode(), b"{"), 504, "Timeout")
    assert lives(live)


def test_a_client_that_never_shakes_hands_holds_up_nobody(live: Sandbox) -> None:
    host, _, port = live.url.removeprefix("https://").partition(":")
    with (
        socket.create_connection((host, int(port))) as silent,
        socket.create_connection((host, int(port))) as plain,
    ):
        plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert lives(live)
        assert silent.fileno() > 0


def settled(live: Sandbox, before: int) -> bool:
    """Whether the watches go away within some seconds."""
    for _ in range(200):
        if len(live.cluster.store.listeners) <= before:
            return True
        time.sleep(0.05)
    return False


def test_a_hundred_clients_at_once_and_watches_that_are_dropped(live: Sandbox) -> None:
    codes: list[int] = []
    before, threads_before = len(live.cluster.store.listeners), threading.active_count()

    def ask(number: int) -> None:
        connection = connect(live)
        watching = number % 2
        connection.request("GET", f"/api/v1/pods?timeoutSeconds=60&watch={watching}", headers=ADMIN)
        codes.append(connection.getresponse().status)
        connection.close()

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [200] * 100
    assert settled(live, before), "a watch that was dropped is still there"
    for _ in range(100):
        if threading.active_count() <= threads_before:
            break
        time.sleep(0.05)
    assert threading.active_count() <= threads_before, "a connection that was dropped still has its thread"


def test_watches_that_are_cut_before_they_are_answered(live: Sandbox) -> None:
    before = len(live.cluster.store.listeners)
    asked = b"GET /api/v1/pods?watch=1 HTTP/1.1\r\nAuthorization: Bearer admin-token\r\n\r\n"
    for _ in range(30):
        connection = connect(live)
        connection.connect()
        assert isinstance(connection.sock, ssl.SSLSocket)
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.sock.sendall(asked)
        connection.sock.close()  # with a reset: the answer finds nobody
    assert settled(live, before), "a watch without a client is still there"
    assert lives(live)
