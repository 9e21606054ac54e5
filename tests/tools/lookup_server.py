"""A small CloudTrail and STS over HTTP, as far as LookupEvents goes: JSON 1.1, page tokens, time window, filter, rate.

After the CloudTrail API reference, LookupEvents: StartTime and EndTime are included, the newest event comes first, a
token goes with the parameters it was given for.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qs

Answer = tuple[int, dict[str, Any]]


class Asked(NamedTuple):
    region: str
    body: dict[str, Any]
    account: str = ""


class History:
    """What the server holds and how it behaves; a test sets the fields, and reads what was asked."""

    def __init__(self) -> None:
        self.account = "123456789012"
        self.events: dict[str, list[dict[str, Any]]] = {}
        """Of `account`, by region."""
        self.others: dict[str, dict[str, list[dict[str, Any]]]] = {}
        """The same of other accounts, which are reached by a role."""
        self.assumed: list[str] = []
        self.untrusting: set[str] = set()
        """ARNs of roles that may not be assumed."""
        self.page_size = 50
        self.asked: list[Asked] = []
        self.identity_asked = 0
        self.misbehave: Callable[[Asked, int], Answer | None] = lambda asked, number: None
        """Called with the request and its number in its region, from 0; an answer of its own, or None."""
        self.identity_error: str = ""
        self.released = threading.Event()
        """Set when the server closes, so that a test may hang on it."""

    def numbers(self) -> int:
        return len(self.asked)

    def answer(self, asked: Asked) -> Answer:
        number = sum(one.region == asked.region for one in self.asked)
        if asked.account != self.account:
            assert asked.account in self.others
        self.asked.append(asked)
        given = self.misbehave(asked, number)
        return given if given is not None else self._page(asked)

    def _page(self, asked: Asked) -> Answer:
        body = dict(asked.body)
        token = body.pop("NextToken", None)
        question = json.dumps(body, sort_keys=True)
        start = 0
        if token is not None:
            place, _, rest = token.partition("|")
            if rest != question:
                return error("InvalidNextTokenException")
            start = int(place)
        assert body["LookupAttributes"] == [{"AttributeKey": "ReadOnly", "AttributeValue": "false"}]
        found = [
            record
            for record in self.others.get(asked.account, self.events).get(asked.region, [])
            if record.get("readOnly") is not True and body["StartTime"] <= epoch(record) <= body["EndTime"]
        ]
        found.sort(key=epoch, reverse=True)
        size = min(self.page_size, body["MaxResults"])
        page = [lookup_event(record) for record in found[start : start + size]]
        more = {"NextToken": f"{start + size}|{question}"} if start + size < len(found) else {}
        return 200, {"Events": page, **more}


def epoch(record: dict[str, Any]) -> float:
    return datetime.fromisoformat(record["eventTime"]).timestamp()


def lookup_event(record: dict[str, Any]) -> dict[str, Any]:
    return {
        "EventId": record["eventID"],
        "EventName": record["eventName"],
        "ReadOnly": "false",
        "EventTime": epoch(record),
        "CloudTrailEvent": json.dumps(record),
    }


def error(code: str, status: int = 400, message: str = "no") -> Answer:
    return status, {"__type": code, "message": message}


@contextmanager
def serving(history: History) -> Iterator[str]:
    """The server's address while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            scope = re.search(r"Credential=([^/]+)/\d+/([^/]+)/", self.headers["Authorization"])
            assert scope is not None
            account = scope[1].removeprefix(OF_ROLE) if scope[1].startswith(OF_ROLE) else history.account
            if self.headers.get("X-Amz-Target", "").endswith("CloudTrail_20131101.LookupEvents"):
                status, answer = history.answer(Asked(scope[2], json.loads(body), account))
                self.reply(status, "application/x-amz-json-1.1", json.dumps(answer).encode())
            elif b"Action=AssumeRole" in body:
                self.reply(*assumed(history, parse_qs(body.decode())["RoleArn"][0]))
            else:
                history.identity_asked += 1
                self.reply(*identity(history))

        def reply(self, status: int, kind: str, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        history.released.set()
        server.shutdown()
        thread.join()
        server.server_close()


OF_ROLE = "ASIAOFROLE"
"""The access key of an assumed role begins so; its account follows."""


def assumed(history: History, role: str) -> tuple[int, str, bytes]:
    history.assumed.append(role)
    if role in history.untrusting:
        text = "<Error><Code>AccessDenied</Code><Message>no</Message></Error>"
        return 403, "text/xml", f"<ErrorResponse>{text}</ErrorResponse>".encode()
    key = f"{OF_ROLE}{role.split(':')[4]}"
    keys = f"<AccessKeyId>{key}</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"
    keys += "<SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration>"
    whole = f"<AssumeRoleResult><Credentials>{keys}</Credentials></AssumeRoleResult>"
    return 200, "text/xml", f"<AssumeRoleResponse>{whole}</AssumeRoleResponse>".encode()


def identity(history: History) -> tuple[int, str, bytes]:
    if history.identity_error:
        text = f"<Error><Code>{history.identity_error}</Code><Message>no</Message></Error>"
        return 403, "text/xml", f"<ErrorResponse>{text}</ErrorResponse>".encode()
    result = f"<Arn>arn</Arn><UserId>u</UserId><Account>{history.account}</Account>"
    whole = f"<GetCallerIdentityResult>{result}</GetCallerIdentityResult>"
    return 200, "text/xml", f"<GetCallerIdentityResponse>{whole}</GetCallerIdentityResponse>".encode()
