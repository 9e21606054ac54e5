"""Reads one S3 object with boto3; imported only where a state in S3 is asked for."""

from __future__ import annotations

import boto3
from botocore import exceptions
from botocore.config import Config

from lamplighter.core.errors import Unavailable
from lamplighter.core.text import printable
from lamplighter.tools._assumed_role import assumed

_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
_INVALID = {
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "SignatureDoesNotMatch",
    "InvalidToken",
    "AuthFailure",
}
_DENIED = {"AccessDenied", "AccessDeniedException", "403", "AllAccessDisabled"}
_ABSENT = {"NoSuchKey", "NoSuchVersion", "404"}
_LOG_IN = "log in again (`aws sso login`, or new keys)"


def read(
    bucket: str,
    key: str,
    *,
    label: str,
    region: str,
    profile: str,
    role_arn: str,
    version: str,
    limit: int,
    seconds: float,
) -> bytes | None:
    """The object's bytes, None when there is none. `limit` in bytes. Raises Unavailable, naming it by `label`."""
    config = Config(
        connect_timeout=min(seconds, 10.0),
        read_timeout=seconds,
        retries={"max_attempts": 2, "mode": "standard"},
    )
    try:
        session = boto3.Session(profile_name=profile or None, region_name=region or None)
        if role_arn:
            session = assumed(session, role_arn, "lamplighter-state", config)
        # S3 itself says where a bucket is, so any region will do to begin with.
        client = session.client("s3", region_name=session.region_name or "us-east-1", config=config)
        wanted = {"Bucket": bucket, "Key": key, **({"VersionId": version} if version else {})}
        answer = client.get_object(**wanted)
        content: bytes = answer["Body"].read(limit + 1)
    except exceptions.ClientError as error:
        if str(error.response.get("Error", {}).get("Code", "")) in _ABSENT:
            return None
        raise _refused(error, label, bucket) from error
    except (exceptions.BotoCoreError, exceptions.HTTPClientError) as error:
        raise _failed(error, label) from error
    if len(content) > limit:
        raise Unavailable(label, f"is over {limit // (1024 * 1024)} MiB", "check that it is the right object")
    return content


def _refused(error: exceptions.ClientError, label: str, bucket: str) -> Unavailable:
    """What AWS answered instead of the object."""
    code = str(error.response.get("Error", {}).get("Code", ""))
    operation = printable(error.operation_name, limit=60)
    if code == "NoSuchBucket":
        return Unavailable(label, f"there is no bucket {bucket}", "check its name, and the account")
    if code in _EXPIRED:
        return Unavailable(label, "the AWS credentials have expired", _LOG_IN)
    if code in _INVALID:
        return Unavailable(label, "the AWS credentials are not valid", "check which ones are set")
    if code in _DENIED:
        remedy = (
            f"use a role that may {'read the object' if operation == 'GetObject' else 'call ' + operation}"
        )
        return Unavailable(label, f"{operation} is not allowed", remedy)
    shown = printable(code, limit=60)
    return Unavailable(label, f"{operation} failed ({shown})", "try again, or give `pull` as the state")


def _failed(error: Exception, label: str) -> Unavailable:
    """What botocore itself says, as one line; its texts hold names and addresses, no secrets."""
    match error:
        case exceptions.NoCredentialsError() | exceptions.PartialCredentialsError():
            return Unavailable(label, "no AWS credentials were found", "set AWS_PROFILE, or log in")
        case exceptions.ProfileNotFound():
            return Unavailable(label, printable(str(error), limit=150), "check AWS_PROFILE")
        case (
            exceptions.UnauthorizedSSOTokenError()
            | exceptions.SSOTokenLoadError()
            | exceptions.TokenRetrievalError()
            | exceptions.CredentialRetrievalError()
        ):
            return Unavailable(label, "the AWS credentials could not be had or have expired", _LOG_IN)
        case exceptions.ParamValidationError():
            return Unavailable(label, "its bucket or key is not a name that S3 has", "check the address")
        case _:
            shown = printable(" ".join(str(error).split()), limit=200)
            return Unavailable(
                label, f"S3 cannot be reached ({shown})", "check the network, region and proxy"
            )
