"""The API over HTTPS: one thread a connection, HTTP/1.1 with keep-alive. No other module here knows HTTP."""

from __future__ import annotations

import contextlib
import io
import re
import socket
import ssl
import threading
import time
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

from lamplighter.scenarios.cluster import execs, media
from lamplighter.scenarios.cluster.api import Api, refused
from lamplighter.scenarios.cluster.errors import ApiError
from lamplighter.scenarios.cluster.http import Request, Response

IDLE_SECONDS = 120.0
"""How long a connection is kept on which nothing is asked."""
HANDSHAKE_SECONDS = 15.0
HEADER_SECONDS = 32.0
"""From the first byte of a request to the end of its headers; as the real server has it (ReadHeaderTimeout)."""
BODY_SECONDS = 60.0
WRITE_SECONDS = 60.0
"""How long a client may leave what is sent to it unread."""
MOST_DISCARDED = 64 * 1024 * 1024
DISCARD_SECONDS = 3.0
DIGITS = re.compile(r"[0-9]{1,18}")
CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,8}")
REASONS = {
    405: "MethodNotAllowed",
    414: "RequestURITooLong",
    431: "RequestHeaderFieldsTooLarge",
    501: "NotImplemented",
}


class _Arriving(io.RawIOBase):
    """What a client sends, by a deadline: a client that sends a byte now and then gets no more time for it."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._end = 0.0
        self._idle = True
        self.wait()

    def wait(self) -> None:
        """For the next request, which has to come whole soon after its first byte."""
        self._end, self._idle = time.monotonic() + IDLE_SECONDS, True

    def within(self, seconds: float) -> None:
        self._end, self._idle = time.monotonic() + seconds, False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Raises TimeoutError."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("too slow")
        self._connection.settimeout(left)
        try:
            count = self._connection.recv_into(buffer)
        finally:
            self._connection.settimeout(WRITE_SECONDS)
        if self._idle:
            self.within(HEADER_SECONDS)
        return count


class Handler(BaseHTTPRequestHandler):
    """Turns what comes over a connection into a Request, and a Response into bytes."""

    protocol_version = "HTTP/1.1"
    wbufsize = 64 * 1024
    server: Server  # pyright: ignore[reportIncompatibleVariableOverride]  # the one that made it

    def setup(self) -> None:
        """The handshake is done here, in the connection's own thread: a client that stalls holds up nobody."""
        self.request.settimeout(HANDSHAKE_SECONDS)
        self.request.do_handshake()
        super().setup()
        self.connection.settimeout(WRITE_SECONDS)
        self.rfile.close()
        self._arriving = _Arriving(self.connection)
        self.rfile = io.BufferedReader(self._arriving, 64 * 1024)

    def handle_one_request(self) -> None:
        self._arriving.wait()
        super().handle_one_request()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What `http.server` refuses by itself (a malformed head, an unknown method), as a Status too."""
        self.close_connection = True
        self.request_version = (
            self.protocol_version
        )  # what was read so far may look like HTTP/0.9, without headers
        self._send(refused(ApiError(code, REASONS.get(code, "BadRequest"), message or "bad request")))

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not logged."""

    def _any(self) -> None:
        try:
            request = self._read()
        except ApiError as error:
            self.close_connection = True
            self._send(refused(error))
            return
        except TimeoutError:
            self.close_connection = True
            text = "Timeout: request did not complete within the allotted duration"
            self._send(refused(ApiError(504, "Timeout", text)))
            return
        if execs.wants_upgrade(request):
            self._upgrade(request)
            return
        response = self.server.api.handle(request)
        if response.stream is None:
            self._send(response)
        else:
            self._stream(response.stream)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _any

    def _read(self) -> Request:
        path, _, query = self.path.partition("?")
        headers: dict[str, str] = {}
        for name, value in self.headers.items():
            low = name.lower()
            headers[low] = f"{headers[low]}\n{value}" if low in headers else value
        certificate = self.connection.getpeercert() if isinstance(self.connection, ssl.SSLSocket) else None
        return Request(
            self.command,
            unquote(path),
            parse_qs(query, keep_blank_values=True),
            headers,
            self._body(headers),
            certificate,
        )

    def _body(self, headers: dict[str, str]) -> bytes:
        """The whole body. Raises 400 for a length that is none, 413 for one that is too large."""
        self._arriving.within(BODY_SECONDS)
        if "chunked" in headers.get("transfer-encoding", "").lower():
            return self._chunks()
        text = headers.get("content-length") or "0"
        if not DIGITS.fullmatch(text):
            raise ApiError(400, "BadRequest", f"invalid Content-Length: {text[:20]!r}")
        size = int(text)
        if size > media.MOST_BYTES:
            self._discard(size)
            raise too_large()
        return self._whole(size)

    def _whole(self, size: int) -> bytes:
        """So many bytes. Raises 400 where the client stops before: what came is not what was meant."""
        found = self.rfile.read(size) if size else b""
        if len(found) < size:
            raise ApiError(400, "BadRequest", "unexpected EOF")
        return found

    def _discard(self, size: int) -> None:
        """Read what is refused, within reason: a client that still sends would not read the answer."""
        self._arriving.within(DISCARD_SECONDS)
        left = min(size, MOST_DISCARDED)
        with contextlib.suppress(TimeoutError):
            while left > 0 and (piece := self.rfile.read1(min(left, 64 * 1024))):
                left -= len(piece)

    def _chunks(self) -> bytes:
        found = bytearray()
        while True:
            line = self.rfile.readline(64).split(b";")[0].strip()
            if not CHUNK_SIZE.fullmatch(line):
                raise ApiError(400, "BadRequest", "malformed chunk")
            size = int(line, 16)
            if len(found) + size > media.MOST_BYTES:
                self._discard(MOST_DISCARDED)
                raise too_large()
            found += self._whole(size)
            self.rfile.readline(8)
            if not size:
                return bytes(found)

    def _send(self, response: Response) -> None:
        with contextlib.suppress(OSError):  # a client that left without its answer is no matter of ours
            self.send_response_only(response.code)
            if response.media:
                self.send_header("Content-Type", response.media)
            for name, value in response.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(response.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(response.body)
            self.wfile.flush()

    def _stream(self, pieces: Generator[bytes]) -> None:
        """A chunked answer. An empty piece asks only whether the client and the server are still there."""
        try:
            self.send_response_only(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.flush()
            for piece in pieces:
                if piece:
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                    self.wfile.flush()
                elif self.server.stopping or self._gone():
                    self.close_connection = True
                    return
            self.wfile.write(b"0\r\n\r\n")
            self.wfile.flush()
        except OSError:
            self.close_connection = True
        finally:
            pieces.close()

    def _gone(self) -> bool:
        """Whether the client closed the connection; what it may have sent is left alone."""
        self.connection.settimeout(0.0)
        try:
            return bool(self.connection.recv(1) == b"")
        except (ssl.SSLWantReadError, BlockingIOError):
            return False
        except OSError:
            return True
        finally:
            self.connection.settimeout(WRITE_SECONDS)

    def _upgrade(self, request: Request) -> None:
        self.close_connection = True
        answer = execs.prepare(self.server.api, request)
        if isinstance(answer, Response):
            self._send(answer)
            return
        self._arriving.within(BODY_SECONDS)
        with contextlib.suppress(OSError):
            execs.serve(self.rfile, self.wfile, request, answer)


def too_large() -> ApiError:
    text = f"Request entity too large: limit is {media.MOST_BYTES}"
    return ApiError(413, "RequestEntityTooLarge", text)


class Server(ThreadingHTTPServer):
    """Listens on an address until it is closed."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, api: Api, address: tuple[str, int], certificate: Path, authority: Path) -> None:
        self.api = api
        self.stopping = False
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(certificate)
        self._tls.load_verify_locations(authority)
        self._tls.verify_mode = ssl.CERT_OPTIONAL
        super().__init__(address, Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that broke (a bad handshake, a client that left) ends alone and silently."""

    def run(self) -> threading.Thread:
        """Serve in a thread of its own."""
        thread = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.1}, name="sandbox-server", daemon=True
        )
        thread.start()
        return thread

    def stop(self) -> None:
        self.stopping = True
        self.shutdown()
        self.server_close()
