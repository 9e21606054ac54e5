"""Temporary credentials of a role, by STS AssumeRole; imported only where boto3 is."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.config import Config


def assumed(session: Any, role_arn: str, name: str, config: Config, *, endpoint: str = "") -> Any:
    """A session with the role's credentials, which last an hour (STS API reference, AssumeRole). `name` is the role
    session's, as the account's own trail shows it. Raises what botocore raises."""
    region = session.region_name or "us-east-1"
    client = session.client("sts", region_name=region, config=config, endpoint_url=endpoint or None)
    given = client.assume_role(RoleArn=role_arn, RoleSessionName=name)["Credentials"]
    return boto3.Session(
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
        region_name=session.region_name,
    )
