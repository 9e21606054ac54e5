"""Write the AWS calls that reach a moto server as CloudTrail records.

A WSGI middleware, so that it sees every client alike: Terraform's provider, the SDK, a command line. It must not know
who reads the records. Record layout: AWS CloudTrail user guide, "CloudTrail record contents".
"""

import gzip
import json
import threading
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from lamplighter.scenarios.wire import Call, Reply, read_call, read_reply, scope_of

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
WsgiApp = Callable[[Environ, StartResponse], Iterable[bytes]]
Event = dict[str, Any]

READ_ONLY = ("Get", "List", "Describe", "Head", "Lookup", "AssumeRole", "Query", "Scan", "BatchGet")
"""Operation prefixes CloudTrail marks `readOnly: true`; AssumeRole is one of them in published records."""

DATA_PLANE = frozenset(
    {"GetObject", "PutObject", "HeadObject", "DeleteObject", "ListObjects", "ListObjectsV2"}
)
"""Not management events: a trail without data event selectors does not carry them."""


@dataclass(frozen=True)
class Session:
    """Who holds an access key: `identity` is the record's userIdentity, copied as it is."""

    identity: Mapping[str, Any]
    source_ip: str
    user_agent: str | None = None


@dataclass
class Recorder:
    """WSGI middleware around `app`; `events` fills in the order in which calls were answered.

    `clock` gives timezone-aware UTC times. Calls with an access key that is not in `sessions` are not recorded.
    """

    app: WsgiApp
    sessions: dict[str, Session]
    clock: Callable[[], datetime]
    account: str = "123456789012"
    seed: str = "lamplighter"
    events: list[Event] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Pass the request on unchanged, then record it with its answer."""
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = BytesIO(body)
        scope = scope_of(environ)
        if scope is None or scope.access_key not in self.sessions:
            return self.app(environ, start_response)
        call = read_call(scope, environ, body)
        if call is not None and call.service == "sqs":
            # moto builds queue URLs from the host it is called by; a port of this machine must not reach the state.
            environ["HTTP_HOST"] = f"sqs.{call.region}.amazonaws.com"
            environ["wsgi.url_scheme"] = "https"
        caught: list[Any] = []

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            caught[:] = [int(status.split(maxsplit=1)[0]), headers]
            return start_response(status, headers, exc_info) if exc_info else start_response(status, headers)

        answer = b"".join(self.app(environ, start))
        if call is not None and call.operation not in DATA_PLANE:
            self.add(
                self._event(
                    call,
                    read_reply(call, caught[0], caught[1], answer),
                    self.sessions[scope.access_key],
                    environ.get("HTTP_USER_AGENT", ""),
                )
            )
        return [answer]

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
        read_only = call.operation.startswith(READ_ONLY)
        event: Event = {
            "eventVersion": "1.10",
            "userIdentity": dict(session.identity),
            "eventSource": f"{call.service}.amazonaws.com",
            "eventName": call.event_name,
            "awsRegion": "us-east-1" if call.service == "iam" else call.region,
            "sourceIPAddress": session.source_ip,
            "userAgent": f"[{agent}]" if call.service == "s3" else agent,
            "requestParameters": call.parameters or None,
            "responseElements": None if read_only or reply.error_code else reply.elements or None,
            "readOnly": read_only,
            "eventType": "AwsApiCall",
            "managementEvent": True,
            "recipientAccountId": self.account,
            "eventCategory": "Management",
        }
        if reply.error_code:
            event |= {"errorCode": reply.error_code, "errorMessage": reply.error_message}
        return event


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
