"""SDK clients that call the cloud of this process without a socket, as the holder of an access key."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from lamplighter.scenarios.recorder import Recorder, Request, send


class Hands:
    """boto3 clients over a recorder, made once for each service and region and shared by all holders."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.holder = ""
        self.after_call: Callable[[], None] = lambda: None
        self._clients: dict[tuple[str, str], Any] = {}
        self._tokens = 0

    def client(self, service: str, region: str, key: str) -> Holder:
        """A client of `service` in `region` that signs with the access key `key`."""
        if (service, region) not in self._clients:
            self._clients[service, region] = self._made(service, region)
        return Holder(self, self._clients[service, region], key)

    def _made(self, service: str, region: str) -> Any:
        from boto3.session import Session
        from botocore.config import Config
        from botocore.credentials import CredentialProvider, Credentials, ReadOnlyCredentials
        from botocore.session import get_session

        hands = self

        class Held(Credentials):  # type: ignore[misc]
            def get_frozen_credentials(self) -> Any:
                return ReadOnlyCredentials(hands.holder, "sandbox", None, None)

        class Holders(CredentialProvider):  # type: ignore[misc]
            METHOD = "sandbox"

            def load(self) -> Any:
                return Held("unused", "unused")

        core = get_session()
        core.get_component("credential_provider").insert_before("env", Holders())
        client = Session(botocore_session=core, region_name=region).client(
            service,
            endpoint_url="http://127.0.0.1",
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
        )
        client.meta.events.register("before-send", self._send)
        client.meta.events.register_first("before-parameter-build", self._token)
        return client

    def _send(self, request: Any, **_: Any) -> Any:
        from botocore.awsrequest import AWSResponse

        body = request.body or b""
        body = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else body.read()
        path = request.url.removeprefix("http://127.0.0.1") or "/"
        headers = {
            "HTTP_" + name.upper().replace("-", "_"): _text(value) for name, value in request.headers.items()
        }
        headers["HTTP_HOST"] = "127.0.0.1"
        if "HTTP_CONTENT_TYPE" in headers:
            headers["CONTENT_TYPE"] = headers.pop("HTTP_CONTENT_TYPE")
        headers.pop("HTTP_CONTENT_LENGTH", None)
        status, answered, content = send(self.recorder, Request(request.method, path, headers, body))
        return AWSResponse(request.url, status, _headers(answered), _Raw(content))

    def _token(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        """Idempotency tokens that are the same in every build."""
        for name in model.idempotent_members:
            if name not in params:
                self._tokens += 1
                text = f"{self.recorder.seed}/token/{self._tokens}"
                params[name] = str(uuid.uuid5(uuid.NAMESPACE_URL, text))


class Holder:
    """A client whose calls are signed with one key; after each, the owner may look at the cloud."""

    def __init__(self, hands: Hands, client: Any, key: str) -> None:
        self._hands = hands
        self._client = client
        self._key = key

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        if not callable(found) or name in {"exceptions", "meta"}:
            return found

        def call(**parameters: Any) -> Any:
            outer, self._hands.holder = self._hands.holder, self._key
            try:
                return found(**parameters)
            finally:
                self._hands.holder = outer
                self._hands.after_call()

        return call


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _headers(rows: list[tuple[str, str]]) -> Any:
    from botocore.awsrequest import HeadersDict

    headers = HeadersDict()
    for name, value in rows:
        headers[name] = value
    return headers


class _Raw:
    """A body as botocore reads it."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def read(self, amount: int | None = None, **_: Any) -> bytes:
        taken = self._content if amount is None else self._content[:amount]
        self._content = self._content[len(taken) :]
        return taken

    def stream(self, **_: Any) -> Any:
        yield self.read()
