"""Write the AWS calls that reach a moto server as CloudTrail records.

A WSGI middleware, so that it sees every client alike: Terraform's provider, the SDK, a command line. It must not know
who reads the records. Record layout: AWS CloudTrail user guide, "CloudTrail record contents".
"""

from __future__ import annotations

import base64
import gzip
import json
import re
import sys
import threading
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

from lamplighter.scenarios.trail_shapes import Call, Reply
from lamplighter.scenarios.wire import Scope, read_call, read_reply, scope_of

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
WsgiApp = Callable[[Environ, StartResponse], Iterable[bytes]]
Event = dict[str, Any]

ANSWERED_READS = frozenset({"AssumeRole"})
"""Read-only calls whose answer a record shows."""

READ_ONLY = ("Get", "List", "Describe", "Head", "Lookup", "AssumeRole", "Query", "Scan", "BatchGet")
"""Operation prefixes CloudTrail marks `readOnly: true`; AssumeRole is one of them in published records."""

DATA_PLANE = frozenset(
    {
        "DeleteObject",
        "GetItem",
        "GetObject",
        "HeadObject",
        "ListObjects",
        "ListObjectsV2",
        "PutItem",
        "PutObject",
        "PutRecord",
        "ReceiveMessage",
        "SendMessage",
    }
)
"""Not management events: a trail without data event selectors does not carry them."""


GLOBAL = frozenset({"iam", "route53", "cloudfront"})
"""Services whose records all lie in us-east-1."""

KEPT_HEADERS = ("CONTENT_TYPE", "HTTP_HOST", "HTTP_AUTHORIZATION", "HTTP_USER_AGENT")


@dataclass(frozen=True)
class Session:
    """Who holds an access key: `identity` is the record's userIdentity, copied as it is.

    `account` owns what the session touches.
    """

    identity: Mapping[str, Any]
    source_ip: str
    user_agent: str | None = None
    account: str = "123456789012"
    recorded: bool = True


class Request(NamedTuple):
    """A request as it can be sent again."""

    method: str
    path: str
    """With its escapes, and the query."""
    headers: dict[str, str]
    """WSGI names: HTTP_X_AMZ_TARGET."""
    body: bytes

    def row(self) -> list[Any]:
        """As JSON can hold it."""
        return [self.method, self.path, self.headers, base64.b64encode(self.body).decode()]

    @classmethod
    def of(cls, row: list[Any]) -> Request:
        """The request of a row."""
        return cls(row[0], row[1], row[2], base64.b64decode(row[3]))


@dataclass
class Recorder:
    """WSGI middleware around `app`; `events` fills in the order in which calls were answered.

    `clock` gives timezone-aware UTC times. Calls with an access key that is not in `sessions` leave no record. Calls
    are answered one by one, and before each that may change something moto's randomness is seeded by its number: the
    same requests in the same order get the same ids, however many reads came between them. `requests` holds those.
    """

    app: WsgiApp
    sessions: dict[str, Session]
    clock: Callable[[], datetime]
    seed: str = "lamplighter"
    events: list[Event] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Pass the request on, then record it with its answer."""
        with self._lock:
            return self._answer(environ, start_response)

    def _answer(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        body = _read_body(environ)
        scope = scope_of(environ)
        call = read_call(scope, environ, body) if scope else None
        if scope is None or call is None:
            return self.app(environ, start_response)
        session = self.sessions.get(scope.access_key)
        if session is not None:
            environ["HTTP_X_MOTO_ACCOUNT_ID"] = session.account
        if call.service == "sqs":
            # moto builds queue URLs from the host it is called by; a port of this machine must not reach the state.
            environ["HTTP_HOST"] = f"sqs.{call.region}.amazonaws.com"
            environ["wsgi.url_scheme"] = "https"
        if not read_only(call.operation):
            self._seed(len(self.requests))
            self.requests.append(_kept(environ, body, session))
        caught: list[Any] = []

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            caught[:] = [int(status.split(maxsplit=1)[0]), headers]
            return start_response(status, headers, exc_info) if exc_info else start_response(status, headers)

        answer = b"".join(self.app(environ, start))
        if session is not None and session.recorded and call.operation not in DATA_PLANE:
            reply = read_reply(call, caught[0], caught[1], answer, self.clock())
            self.add(self._event(call, reply, session, environ.get("HTTP_USER_AGENT", "")))
            self._assumed(call, reply, scope)
        return [answer]

    def _seed(self, number: int) -> None:
        from moto.moto_api._internal import mock_random

        mock_random.seed(f"{self.seed}/{number}")

    def replay(self, requests: Iterable[Request]) -> None:
        """Answer the requests again, in order and without records, under the numbers they had.

        Raises RuntimeError where one fails with an error of the server.
        """
        for request in requests:
            status, _, answer = send(self, request)
            if status >= 500:
                raise RuntimeError(f"replay of {request.method} {request.path} failed: {answer[:200]!r}")

    def _assumed(self, call: Call, reply: Reply, scope: Scope) -> None:
        """A role session begins: calls with its key are its own, in its account."""
        credentials = reply.elements.get("credentials")
        if call.operation != "AssumeRole" or not credentials:
            return
        parent = self.sessions[scope.access_key]
        role, account = call.parameters["roleArn"], call.parameters["roleArn"].split(":")[4]
        key, name = credentials["accessKeyId"], call.parameters["roleSessionName"]
        self.sessions[key] = Session(
            {
                "type": "AssumedRole",
                "principalId": f"{reply.elements['assumedRoleUser']['assumedRoleId']}",
                "arn": f"arn:aws:sts::{account}:assumed-role/{role.rsplit('/', 1)[1]}/{name}",
                "accountId": account,
                "accessKeyId": key,
                "sessionContext": {
                    "sessionIssuer": {
                        "type": "Role",
                        "principalId": reply.elements["assumedRoleUser"]["assumedRoleId"].partition(":")[0],
                        "arn": role,
                        "accountId": account,
                        "userName": role.rsplit("/", 1)[1],
                    },
                    "attributes": {
                        "creationDate": self.clock().strftime("%Y-%m-%dT%H:%M:%SZ"),
                        "mfaAuthenticated": "false",
                    },
                },
            },
            parent.source_ip,
            parent.user_agent,
            account,
        )

    def add(self, event: Event) -> Event:
        """Append `event` with its unique ids and time; also for what is no API call, as ConsoleLogin."""
        with self._lock:
            number = len(self.events)
            event["eventTime"] = self.clock().strftime("%Y-%m-%dT%H:%M:%SZ")
            event["eventID"] = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.seed}/event/{number}"))
            event.setdefault(
                "requestID", str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.seed}/request/{number}"))
            )
            if "requestId" in (event.get("responseElements") or {}):
                event["responseElements"]["requestId"] = event["requestID"]
            self.events.append(event)
        return event

    def _event(self, call: Call, reply: Reply, session: Session, agent: str) -> Event:
        agent = session.user_agent or agent
        reads = read_only(call.operation)
        elements = reply.elements
        if reads and call.operation not in ANSWERED_READS:
            elements = {}
        event: Event = {
            "eventVersion": "1.10",
            "userIdentity": dict(session.identity),
            "eventSource": f"{call.service}.amazonaws.com",
            "eventName": call.event_name,
            "awsRegion": "us-east-1" if call.service in GLOBAL else call.region,
            "sourceIPAddress": session.source_ip,
            "userAgent": f"[{agent}]" if call.service == "s3" else agent,
            "requestParameters": call.parameters or None,
            "responseElements": None if reply.error_code else elements or None,
            "readOnly": reads,
            "eventType": "AwsApiCall",
            "managementEvent": True,
            "recipientAccountId": session.account,
            "eventCategory": "Management",
        }
        if reply.error_code:
            event |= {"errorCode": reply.error_code, "errorMessage": reply.error_message}
        return event


def read_only(operation: str) -> bool:
    """Whether a call of that name changes nothing."""
    return operation.startswith(READ_ONLY)


def _read_body(environ: Environ) -> bytes:
    body: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = BytesIO(body)
    return body


def _kept(environ: Environ, body: bytes, session: Session | None) -> Request:
    """What moto needs of a request, and the user agent where the session has none of its own.

    Of the signature, the key and the scope are kept, under one date: nothing of this machine or of today.
    """
    headers = {
        name: str(value)
        for name, value in environ.items()
        if name in KEPT_HEADERS or (name.startswith("HTTP_X_AMZ") and name not in DROPPED_HEADERS)
    }
    signature = re.sub(r"SignedHeaders=.*", "SignedHeaders=host, Signature=0", headers["HTTP_AUTHORIZATION"])
    headers["HTTP_AUTHORIZATION"] = re.sub(r"/\d{8}/", "/20261120/", signature)
    if session is None or session.user_agent:
        headers.pop("HTTP_USER_AGENT", None)
    headers["HTTP_X_MOTO_ACCOUNT_ID"] = environ.get("HTTP_X_MOTO_ACCOUNT_ID", "123456789012")
    if not headers["HTTP_HOST"].startswith("sqs."):
        del headers["HTTP_HOST"]  # this machine's name and port
    path = environ.get("RAW_URI") or environ.get("REQUEST_URI") or quote(environ["PATH_INFO"])
    if "?" not in path and environ.get("QUERY_STRING"):
        path = f"{path}?{environ['QUERY_STRING']}"
    return Request(environ["REQUEST_METHOD"], path, headers, body)


DROPPED_HEADERS = frozenset({"HTTP_X_AMZ_DATE", "HTTP_X_AMZ_CONTENT_SHA256", "HTTP_X_AMZ_SECURITY_TOKEN"})


def send(app: WsgiApp, request: Request) -> tuple[int, list[tuple[str, str]], bytes]:
    """Call a WSGI app without a socket: status, headers, body."""
    path, _, query = request.path.partition("?")
    caught: list[Any] = []

    def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        caught[:] = [int(status.split(maxsplit=1)[0]), headers]

    environ: Environ = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(path, encoding="latin-1"),
        "QUERY_STRING": query,
        "REQUEST_URI": request.path,
        "RAW_URI": request.path,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "127.0.0.1",
        "CONTENT_LENGTH": str(len(request.body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(request.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        **request.headers,
    }
    answer = b"".join(app(environ, start))
    return caught[0], caught[1], answer


def write_trail(events: Iterable[Event], root: Path, account: str, minutes: int = 15) -> list[Path]:
    """Write `events` under `root` in the S3 layout of a trail, one file for each region and `minutes` of delivery.

    Files are byte-identical for the same events: the gzip header carries no time.
    """
    files: dict[tuple[str, str], list[Event]] = defaultdict(list)
    for event in events:
        moment = datetime.fromisoformat(event["eventTime"])
        slot = moment.replace(minute=moment.minute - moment.minute % minutes)
        files[event["awsRegion"], slot.strftime("%Y%m%dT%H%MZ")].append(event)
    written = []
    for (region, stamp), records in sorted(files.items()):
        folder = root / "AWSLogs" / account / "CloudTrail" / region / stamp[:4] / stamp[4:6] / stamp[6:8]
        folder.mkdir(parents=True, exist_ok=True)
        unique = uuid.uuid5(uuid.NAMESPACE_URL, f"{region}/{stamp}").hex[:16]
        path = folder / f"{account}_CloudTrail_{region}_{stamp}_{unique}.json.gz"
        text = json.dumps({"Records": records}, separators=(",", ":"))
        path.write_bytes(gzip.compress(text.encode(), mtime=0))
        written.append(path)
    return written
