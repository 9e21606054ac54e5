"""One bounded, verified HTTP GET: TLS always checked, a size limit, a time limit for all of it, one host's credentials.

Errors name the address without its query, which may hold a secret, and never a header.
"""

from __future__ import annotations

import http.client
import ipaddress
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import IO, NamedTuple

from lamplighter.core.errors import InputError, Unavailable
from lamplighter.core.text import printable

_CHUNK = 256 * 1024


class Response(NamedTuple):
    """`body` is empty for a status that is no success. `headers` have lower-case names."""

    status: int
    body: bytes
    headers: Mapping[str, str]


def shown(url: str) -> str:
    """The address as it may be shown: no user, no password, no query."""
    parts = urllib.parse.urlsplit(url)
    host = parts.hostname or ""
    port = f":{parts.port}" if parts.port else ""
    return printable(f"{parts.scheme}://{host}{port}{parts.path}", limit=300)


def get(
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    authorization: str = "",
    limit: int,
    seconds: float = 30.0,
    ca_pem: str = "",
) -> Response:
    """GET, following redirects; `authorization` goes to the first host only, and never in the clear to another machine.

    `limit` is in bytes, `seconds` is for the whole; `ca_pem` adds certificates (PEM) to those of the system, which
    SSL_CERT_FILE names. Raises InputError for an address that cannot be used, Unavailable when there is no answer, or
    one that is too long or too slow. A status of 400 and more is an answer.
    """
    parts = _checked(url)
    if authorization and parts.scheme == "http" and not _is_local(parts.hostname or ""):
        raise InputError(shown(url), "credentials would go over the network in the clear", "use https://")
    request = urllib.request.Request(url, headers=dict(headers or {}))  # noqa: S310 - the scheme is checked
    if authorization:
        request.add_unredirected_header("Authorization", authorization)
    context = ssl.create_default_context()
    if ca_pem:
        _add_certificates(context, ca_pem)
    opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context), _Redirects())
    deadline = time.monotonic() + seconds
    try:
        with opener.open(request, timeout=seconds) as answer:
            return Response(
                answer.status, _read(answer, limit, deadline, url), _lower(dict(answer.headers.items()))
            )
    except urllib.error.HTTPError as error:
        with error:
            return Response(error.code, b"", _lower(dict(error.headers.items())))
    except urllib.error.URLError as error:
        raise _unavailable(url, error.reason) from None
    except (OSError, http.client.HTTPException) as error:
        raise _unavailable(url, error) from None


class _Redirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        old, new = urllib.parse.urlsplit(req.full_url), _checked(newurl)
        if old.scheme == "https" and new.scheme != "https":
            raise Unavailable(shown(req.full_url), "sends on to an address without TLS", "check the address")
        request = super().redirect_request(req, fp, code, msg, headers, newurl)
        secret = req.unredirected_hdrs.get("Authorization")
        # The same place under another path may be asked with the same credentials, another place may not.
        if request is not None and secret and (old.scheme, old.netloc) == (new.scheme, new.netloc):
            request.add_unredirected_header("Authorization", secret)
        return request


def _checked(url: str) -> urllib.parse.SplitResult:
    try:
        parts = urllib.parse.urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        raise InputError(printable(url, limit=100), "is not an address", "give https://HOST/PATH") from None
    if not usable or not url.isprintable() or " " in url:
        raise InputError(
            printable(parts.scheme or url, limit=100), "is not an address", "give https://HOST/PATH"
        )
    if parts.username is not None or parts.password is not None:
        remedy = "give user and password in the environment"
        raise InputError(shown(url), "carries a user or a password in the address", remedy)
    return parts


def _is_local(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _add_certificates(context: ssl.SSLContext, pem: str) -> None:
    try:
        context.load_verify_locations(cadata=pem)
    except (ssl.SSLError, ValueError):
        problem = "holds no certificates"
        raise InputError("TF_HTTP_CLIENT_CA_CERTIFICATE_PEM", problem, "give them in PEM form") from None


def _read(answer: http.client.HTTPResponse, limit: int, deadline: float, url: str) -> bytes:
    content = bytearray()
    while chunk := answer.read1(_CHUNK):
        content += chunk
        if len(content) > limit:
            raise Unavailable(
                shown(url), f"answers with more than {limit // 1024 // 1024} MiB", "check the address"
            )
        if time.monotonic() > deadline:
            raise Unavailable(shown(url), "answers too slowly", "try again, or allow more time")
    if answer.length:
        raise Unavailable(shown(url), "broke off in the middle of its answer", "try again")
    return bytes(content)


def _unavailable(url: str, reason: object) -> Unavailable:
    """What kept the answer away, with its remedy."""
    if isinstance(reason, ssl.SSLCertVerificationError):
        why = printable(reason.verify_message, limit=100)
        return Unavailable(
            shown(url), f"its certificate is not trusted ({why})", "set SSL_CERT_FILE to your CA"
        )
    if isinstance(reason, TimeoutError):
        return Unavailable(shown(url), "does not answer in time", "check the network, or allow more time")
    text = reason.strerror if isinstance(reason, OSError) and reason.strerror else type(reason).__name__
    return Unavailable(
        shown(url), f"cannot be reached ({printable(text, limit=100)})", "check the network and the proxy"
    )


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
