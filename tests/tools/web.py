"""Small real HTTP(S) servers for tests: fixed answers by path, and what was asked is kept."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple


class Answer(NamedTuple):
    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = {}


class Asked(NamedTuple):
    method: str
    path: str
    headers: Mapping[str, str]


@dataclass
class Web:
    """`answers` maps a path (without its query) to an answer, or to what gives one; all else is 404."""

    url: str = ""
    answers: dict[str, Answer | Callable[[BaseHTTPRequestHandler], Answer | None]] = field(
        default_factory=dict
    )
    asked: list[Asked] = field(default_factory=list[Asked])

    @property
    def host(self) -> str:
        return self.url.partition("://")[2]


@contextmanager
def served(certificate: Path | None = None) -> Iterator[Web]:
    """A server on a free local port; with a certificate (PEM, key included) it speaks TLS."""
    web = Web()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            web.asked.append(Asked(self.command, self.path, dict(self.headers.items())))
            found = web.answers.get(self.path.partition("?")[0], Answer(404))
            answer = found(self) if callable(found) else found
            if answer is None:
                self.close_connection = True
                return
            self.send_response(answer.status)
            for name, value in ({"Content-Length": str(len(answer.body))} | dict(answer.headers)).items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = handle_any
        do_LOCK = do_UNLOCK = handle_any

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A client that turns away in the middle (a refused certificate) is what some tests want."""

    server = Server(("127.0.0.1", 0), Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    web.url = f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield web
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def make_certificate(folder: Path) -> Path:
    """A certificate for 127.0.0.1 that signs itself, with its key, in one PEM file."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(alternative, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "server.pem"
    path.write_bytes(private + built.public_bytes(serialization.Encoding.PEM))
    return path


@contextmanager
def unrecorded_cloud() -> Iterator[str]:
    """An empty account (moto) whose calls nobody records: objects of S3 are no management events. Yields its URL."""
    from lamplighter.scenarios.world import SandboxClock, new_cloud
    from lamplighter.scenarios.world import served as cloud_served

    clock = SandboxClock(datetime.datetime(2026, 11, 20, tzinfo=datetime.UTC))
    with cloud_served(new_cloud({}, clock).app) as endpoint:  # it serves any WSGI application
        yield endpoint
