"""One GET: bounded, verified, and its credentials go to one host only."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from lamplighter.core.errors import InputError, Unavailable
from lamplighter.tools import http_get
from tests.tools.web import Answer, Web, make_certificate, served

LIMIT = 1024 * 1024


@pytest.fixture
def web() -> Iterator[Web]:
    with served() as found:
        yield found


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("cryptography", reason="the sandbox extra is not installed")
    return make_certificate(tmp_path_factory.mktemp("tls"))


def test_an_answer_and_its_headers(web: Web) -> None:
    web.answers["/a"] = Answer(200, b"hello", {"X-Kind": "k"})
    answer = http_get.get(f"{web.url}/a", limit=LIMIT)
    assert (answer.status, answer.body, answer.headers["x-kind"]) == (200, b"hello", "k")
    assert http_get.get(f"{web.url}/b", limit=LIMIT).status == 404


def test_an_answer_that_is_too_long(web: Web) -> None:
    web.answers["/a"] = Answer(200, b"x" * (LIMIT + 1))
    with pytest.raises(Unavailable, match="more than 1 MiB"):
        http_get.get(f"{web.url}/a?token=hush", limit=LIMIT)


def test_an_answer_that_breaks_off(web: Web) -> None:
    web.answers["/a"] = Answer(200, b"short", {"Content-Length": "100", "Connection": "close"})
    with pytest.raises(Unavailable, match="broke off"):
        http_get.get(f"{web.url}/a", limit=LIMIT)


def test_an_answer_that_never_ends(web: Web) -> None:
    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000000")
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(b"x")
                handler.wfile.flush()
                time.sleep(0.01)
        except OSError:
            return

    web.answers["/a"] = drip
    with pytest.raises(Unavailable, match="answers too slowly"):
        http_get.get(f"{web.url}/a", limit=LIMIT, seconds=0.5)


def test_no_answer_at_all() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(Unavailable, match="does not answer in time"):
            http_get.get(f"http://127.0.0.1:{silent.getsockname()[1]}/", limit=LIMIT, seconds=0.2)
        port = silent.getsockname()[1]
    with pytest.raises(Unavailable, match=r"cannot be reached \(Connection refused\)"):
        http_get.get(f"http://127.0.0.1:{port}/x?secret=hush", limit=LIMIT)


def test_credentials_stay_with_their_host(web: Web) -> None:
    with served() as other:
        other.answers["/end"] = Answer(200, b"there")
        web.answers["/away"] = Answer(302, b"", {"Location": f"{other.url}/end"})
        web.answers["/here"] = Answer(302, b"", {"Location": "/end"})
        web.answers["/end"] = Answer(200, b"here")
        secret = "Bearer hush"
        assert http_get.get(f"{web.url}/away", authorization=secret, limit=LIMIT).body == b"there"
        assert http_get.get(f"{web.url}/here", authorization=secret, limit=LIMIT).body == b"here"
        assert [asked.headers.get("Authorization") for asked in other.asked] == [None]
        assert {asked.headers.get("Authorization") for asked in web.asked} == {secret}


def test_a_redirect_does_not_leave_the_web(web: Web, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hush")
    web.answers["/file"] = Answer(302, b"", {"Location": f"file://{tmp_path}/secret"})
    assert http_get.get(f"{web.url}/file", limit=LIMIT).status == 302
    web.answers["/loop"] = Answer(302, b"", {"Location": "/loop"})
    assert http_get.get(f"{web.url}/loop", limit=LIMIT).status == 302


def test_certificates_are_checked(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with served(certificate) as web, served() as plain:
        web.answers["/a"] = Answer(200, b"safe")
        with pytest.raises(Unavailable, match="its certificate is not trusted"):
            http_get.get(f"{web.url}/a", limit=LIMIT)
        assert web.asked == []
        pem = certificate.read_text()
        public = pem[pem.index("-----BEGIN CERTIFICATE") :]
        assert http_get.get(f"{web.url}/a", limit=LIMIT, ca_pem=public).body == b"safe"
        web.answers["/down"] = Answer(302, b"", {"Location": f"{plain.url}/a"})
        with pytest.raises(Unavailable, match="without TLS"):
            http_get.get(f"{web.url}/down", limit=LIMIT, ca_pem=public)
        with pytest.raises(InputError, match="holds no certificates"):
            http_get.get(f"{web.url}/a", limit=LIMIT, ca_pem="nonsense")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert http_get.get(f"{web.url}/a", limit=LIMIT).body == b"safe"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://example.com/a", "is not an address"),
        ("file:///etc/passwd", "is not an address"),
        ("https://", "is not an address"),
        ("https://example.com:port/", "is not an address"),
        ("https://example.com/a b", "is not an address"),
        ("https://example.com/\na", "is not an address"),
        ("https://me:hush@example.com/", "carries a user or a password"),
    ],
)
def test_addresses_that_cannot_be_used(url: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        http_get.get(url, limit=LIMIT)
    assert "hush" not in str(caught.value) and "\n" not in str(caught.value)


def test_credentials_are_not_sent_in_the_clear() -> None:
    with pytest.raises(InputError, match="in the clear"):
        http_get.get("http://192.0.2.1/state", authorization="Basic aHVzaA==", limit=LIMIT)


def test_an_address_is_shown_without_its_secrets() -> None:
    assert http_get.shown("https://me:hush@example.com:8443/a?token=hush#x") == "https://example.com:8443/a"
