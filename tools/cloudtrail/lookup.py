"""One request to CloudTrail's event history at a time, and what each way to fail means for the person who asked.

Limits are AWS's (CloudTrail API reference, LookupEvents): two requests a second for an account and region, 50 events an
answer, 90 days.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from threading import RLock
from typing import Any, NamedTuple

from lamplighter.core.errors import ConfigError, LampError, Unavailable
from lamplighter.core.text import printable
from lamplighter.core.trace import Span
from lamplighter.tools.cloudtrail import records
from lamplighter.tools.cloudtrail.index import Pulled

PACE_S = 0.5
HELD = timedelta(days=90)

_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"})
_NOT_ACCEPTED = frozenset(
    {
        "InvalidClientTokenId",
        "UnrecognizedClientException",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "IncompleteSignature",
        "MissingAuthenticationToken",
        "AuthFailure",
    }
)
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "OptInRequired"})
_THROTTLED = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottled",
        "RequestThrottledException",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "SlowDown",
    }
)
_LOG_IN = "log in again (for example `aws sso login`), or set aws_profile"


class Throttled(Exception):
    """The rate limit, which others in the account use up too: wait and ask again."""


class BadToken(Exception):
    """The page token is no longer taken: ask for the rest of the window anew."""


class EveryRegion(Unavailable):
    """A failure that every other region would answer with too."""


class Answer(NamedTuple):
    """The newest event first. `token` is empty on the last page."""

    events: tuple[Pulled, ...]
    token: str


class Lookup:
    """The clients of one set of credentials. Nothing is loaded, and nothing asked, before the first request.

    `role_arn` is assumed first, with the credentials of `profile`. `endpoint` is for tests and private endpoints;
    `timeout_s` is of one request, in seconds. Several threads may use one.
    """

    def __init__(
        self, *, profile: str = "", role_arn: str = "", endpoint: str = "", timeout_s: float = 10.0
    ) -> None:
        self._profile, self._role_arn = profile, role_arn
        self._endpoint, self._timeout_s = endpoint, timeout_s
        # That of an assumed role is in its name: STS has answered for it.
        self._account = role_arn.split(":")[4] if role_arn else ""
        self._session: Any = None
        self._opening = RLock()
        self._clients: dict[tuple[str, str], Any] = {}

    def default_region(self) -> str:
        """The region of the profile or the environment. Raises LampError when there is none."""
        session = self._opened()
        from botocore.exceptions import BotoCoreError

        try:
            region = session.region_name
        except BotoCoreError as error:  # files are read at first use
            raise _unusable(error) from error
        if not region:
            raise ConfigError("region", "none is set for the API trace", "set aws_region, or AWS_REGION")
        return str(region)

    def account(self, region: str) -> str:
        """Whose credentials these are (STS GetCallerIdentity, which needs no permission); asked once, and not for a
        role. Raises LampError."""
        with self._opening:
            if self._role_arn:
                self._opened()
            if not self._account:
                try:
                    self._account = str(self._call("sts", "get_caller_identity", region, {})["Account"])
                except (Throttled, ConnectionError) as error:
                    raise gave_up(error, region) from error
            return self._account

    def page(self, region: str, span: Span, token: str) -> Answer:
        """Changes only: events that CloudTrail marks with readOnly=false.

        Raises Throttled, BadToken, ConnectionError (worth another try), and LampError.
        """
        wanted = {
            "LookupAttributes": [{"AttributeKey": "ReadOnly", "AttributeValue": "false"}],
            "StartTime": datetime.fromisoformat(span.since),
            # EndTime is included, and times are of whole seconds.
            "EndTime": datetime.fromisoformat(span.until) - timedelta(seconds=1),
            "MaxResults": 50,
            **({"NextToken": token} if token else {}),
        }
        answer = self._call("cloudtrail", "lookup_events", region, wanted)
        events = tuple(_pulled(event, span) for event in answer.get("Events", ()))
        return Answer(events, answer.get("NextToken") or "")

    def _opened(self) -> Any:
        with self._opening:
            if self._session is None:
                session = self._of_profile()
                self._session = self._with_role(session) if self._role_arn else session
            return self._session

    def _of_profile(self) -> Any:
        try:
            import boto3
            from botocore.exceptions import BotoCoreError
        except ImportError:
            raise Unavailable(
                "boto3", "is not installed", "run `pip install 'lamplighter[aws]'`, or give --trace"
            ) from None
        try:
            return boto3.Session(profile_name=self._profile or None)
        except BotoCoreError as error:
            raise _unusable(error) from error

    def _with_role(self, session: Any) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError

        from lamplighter.tools._assumed_role import assumed

        try:
            return assumed(
                session, self._role_arn, "lamplighter-trace", self._config(), endpoint=self._endpoint
            )
        except ClientError as error:
            raise _not_assumed(error.response, self._role_arn) from error
        except BotoCoreError as error:
            failure = _no_answer(error, "sts", session.region_name or "us-east-1")
            raise failure if isinstance(failure, LampError) else gave_up(failure, "sts") from error

    def _config(self) -> Any:
        from botocore.config import Config

        return Config(
            connect_timeout=min(5.0, self._timeout_s),
            read_timeout=self._timeout_s,
            retries={"total_max_attempts": 1},
            user_agent_extra="lamplighter",
        )

    def _client(self, service: str, region: str) -> Any:
        with self._opening:
            if (service, region) not in self._clients:
                self._clients[service, region] = self._opened().client(
                    service,
                    region_name=region,
                    endpoint_url=self._endpoint or None,
                    config=self._config(),
                )
            return self._clients[service, region]

    def _call(self, service: str, operation: str, region: str, wanted: Mapping[str, Any]) -> Any:
        self._opened()
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return getattr(self._client(service, region), operation)(**wanted)
        except ClientError as error:
            raise _refusal(error.response, service, region) from error
        except BotoCoreError as error:
            raise _no_answer(error, service, region) from error
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            # botocore's own, for an answer of another shape and for an endpoint that is no address
            said = printable(f"{type(error).__name__}: {error}", limit=200)
            problem = f"could not be asked or understood ({said})"
            raise Unavailable(
                f"{service} in {region}", problem, "check the endpoint and the proxy"
            ) from error


def _pulled(event: Mapping[str, Any], span: Span) -> Pulled:
    """What holds no record, or one without a time, is kept too, so that whoever reads it names it."""
    text = event.get("CloudTrailEvent", "null")
    time, _ = records.place(text.encode())
    moment = event.get("EventTime")
    if not time:
        time = stamp(moment) if isinstance(moment, datetime) else span.since
    return Pulled(str(event.get("EventId", "")), time, text)


def stamp(moment: datetime) -> str:
    """An aware time -> ISO 8601, UTC, whole seconds."""
    return moment.astimezone(UTC).replace(tzinfo=None, microsecond=0).isoformat() + "Z"


def _unusable(error: Exception) -> Unavailable:
    said = printable(str(error), limit=300)
    return Unavailable("AWS configuration", f"cannot be used ({said})", "mend it, or set aws_profile")


def _refusal(response: Mapping[str, Any], service: str, region: str) -> Exception:
    """What the service's own error means."""
    error = response.get("Error", {})
    code = str(error.get("Code", ""))
    subject = f"{service} in {region}"
    said = printable(f"{code}: {error.get('Message', '')}", limit=300)
    if code in _THROTTLED:
        return Throttled(subject)
    if code == "InvalidNextTokenException":
        return BadToken(subject)
    if code in _EXPIRED:
        return EveryRegion("AWS credentials", f"have expired ({said})", _LOG_IN)
    if code in _NOT_ACCEPTED:
        return Unavailable(
            subject, f"does not take the credentials ({said})", "check them, and that the region is enabled"
        )
    if code in _DENIED:
        return Unavailable(
            subject, f"is not allowed ({said})", "grant cloudtrail:LookupEvents to the role, or give --trace"
        )
    if int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)) >= 500:
        return ConnectionError(subject, f"failed ({said})")
    return Unavailable(subject, f"refused the question ({said})", "check window and region, or give --trace")


def _not_assumed(response: Mapping[str, Any], role_arn: str) -> LampError:
    """Why a role's credentials were not given."""
    code = str(response.get("Error", {}).get("Code", ""))
    if code in _EXPIRED:
        return EveryRegion("AWS credentials", f"have expired ({printable(code, limit=60)})", _LOG_IN)
    remedy = "let its trust policy name our credentials, and them sts:AssumeRole"
    return Unavailable(role_arn, f"may not be assumed ({printable(code, limit=60)})", remedy)


def _no_answer(error: Exception, service: str, region: str) -> Exception:
    """What it means that there was no answer, or none that could be read."""
    from botocore import exceptions as known

    subject = f"{service} in {region}"
    said = printable(str(error), limit=300)
    if isinstance(
        error, known.NoCredentialsError | known.PartialCredentialsError | known.CredentialRetrievalError
    ):
        return EveryRegion("AWS credentials", f"were not found ({said})", _LOG_IN)
    if isinstance(error, known.SSOError | known.TokenRetrievalError):
        return EveryRegion("AWS credentials", f"have expired ({said})", _LOG_IN)
    if isinstance(error, known.SSLError | known.ProxyConnectionError):
        return Unavailable(subject, f"cannot be reached ({said})", "check HTTPS_PROXY and AWS_CA_BUNDLE")
    if isinstance(error, known.HTTPClientError | known.EndpointConnectionError):
        return ConnectionError(subject, f"does not answer ({said})")
    return Unavailable(subject, f"could not be asked ({said})", "check aws_profile and aws_region")


def gave_up(error: Exception, region: str) -> LampError:
    """The problem that is left when trying again did not help."""
    if isinstance(error, Throttled):
        problem = "kept throttling: others use up the account's two requests a second"
        return Unavailable(f"cloudtrail in {region}", problem, "ask again later; what came is kept")
    if isinstance(error, BadToken):
        problem = "does not take its own page tokens"
        return Unavailable(f"cloudtrail in {region}", problem, "ask again later, or give --trace")
    subject, problem = error.args
    return Unavailable(subject, problem, "check the network and the endpoint, or give --trace")
