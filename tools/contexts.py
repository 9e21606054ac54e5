"""Which cluster and which cloud account a session is pinned to, as settings and files on this machine tell it.

Nothing is asked over the network, so where only the cloud could tell, a pin has no value and says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from lamplighter.core.errors import Unavailable
from lamplighter.core.text import printable
from lamplighter.tools.aws_config import in_force, read_aws_config
from lamplighter.tools.kubeconfig import default_path, read_kubeconfig

NOT_PINNED = "not pinned"
_ACCOUNT = re.compile(r"\d{12}", re.ASCII)
_ROLE = re.compile(r"arn:[\w-]+:iam::(\d{12}):role/.+", re.ASCII)


class Pin(NamedTuple):
    """`value` is empty where nothing tells; `origin` says in a line what told it, or why nothing did."""

    value: str
    origin: str
    problem: Unavailable | None = None
    """What has to be mended first, where a file is broken or names what is not there."""

    @property
    def shown(self) -> str:
        return printable(self.value) if self.value else NOT_PINNED


def pins(env: Mapping[str, str], *, kube_context: str = "", aws_profile: str = "") -> dict[str, Pin]:
    """What a session that begins now is pinned to, by the names that `Started.context` has for it."""
    return {"kubernetes": cluster(env, kube_context), "aws_account": account(env, aws_profile)}


def cluster(env: Mapping[str, str], configured: str = "") -> Pin:
    """The cluster context: the setting `kube_context`, else the kubeconfig's current-context."""
    if configured:
        return Pin(configured, "setting kube_context")
    read = read_kubeconfig(env)
    if read.problems:
        return Pin("", str(read.problems[0]), read.problems[0])
    if not read.files:
        named = printable(env.get("KUBECONFIG") or str(default_path(env)))
        return Pin("", f"there is no kubeconfig ({named})")
    if not read.current_context:
        return Pin("", f"{read.names} has no current-context; choose one, or set kube_context")
    if read.current_context not in read.contexts:
        problem = Unavailable(
            f"current-context {printable(read.current_context)}",
            f"is not in {read.names}",
            "see `kubectl config get-contexts`, or set kube_context",
        )
        return Pin("", str(problem), problem)
    return Pin(read.current_context, f"current-context of {printable(str(read.current_file))}")


def account(env: Mapping[str, str], configured: str = "") -> Pin:
    """The cloud account of the profile in force, in the order in which botocore looks for credentials."""
    read = read_aws_config(env)
    if read.problems:
        return Pin("", str(read.problems[0]), read.problems[0])
    profile = in_force(env, configured, read)
    if not profile.chosen and env.get("AWS_ACCESS_KEY_ID"):
        number = env.get("AWS_ACCOUNT_ID", "")
        if _ACCOUNT.fullmatch(number):
            return Pin(number, "AWS_ACCOUNT_ID")
        return Pin("", "the credentials in AWS_ACCESS_KEY_ID do not tell their account")
    name = f"profile {printable(profile.name)}"
    for number, source in _told(env, profile.settings or {}, name):
        if number:
            return Pin(number, source)
    if profile.settings is None:
        return Pin("", f"{name} is in no AWS file")
    return Pin("", f"{name} does not tell its account (no role_arn, sso_account_id or aws_account_id)")


def _told(env: Mapping[str, str], settings: Mapping[str, str], name: str) -> Iterator[tuple[str, str]]:
    yield _role_account(settings.get("role_arn", "")), f"role_arn of {name}"
    if env.get("AWS_WEB_IDENTITY_TOKEN_FILE"):
        yield _role_account(env.get("AWS_ROLE_ARN", "")), "AWS_ROLE_ARN"
    for key in ("sso_account_id", "aws_account_id"):
        number = settings.get(key, "")
        yield (number if _ACCOUNT.fullmatch(number) else ""), f"{key} of {name}"


def _role_account(arn: str) -> str:
    found = _ROLE.fullmatch(arn)
    return found[1] if found else ""
