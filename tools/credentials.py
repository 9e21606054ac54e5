"""What is wrong with credentials, proxies and certificates, as far as files and variables tell; no network call."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import os
import shlex
import shutil
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lamplighter.core.config import home
from lamplighter.core.errors import Unavailable
from lamplighter.core.text import printable
from lamplighter.tools.aws_config import AwsConfig, in_force, read_aws_config
from lamplighter.tools.kubeconfig import Entry, Kubeconfig, read_kubeconfig

_CA_VARIABLES = ("AWS_CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
_PROXY_VARIABLES = ("HTTPS_PROXY", "https_proxy")
_PLUGINS = {
    "aws": "install the AWS CLI (EKS)",
    "aws-iam-authenticator": "install aws-iam-authenticator (EKS)",
    "gke-gcloud-auth-plugin": "run `gcloud components install gke-gcloud-auth-plugin` (GKE)",
    "kubelogin": "install kubelogin (AKS)",
}
"""What a kubeconfig logs in with -> how to get it, by the providers' own guides."""
_AWS_PLUGINS = ("aws", "aws-iam-authenticator")
_EXPIRY_KEYS = ("aws_session_expiration", "aws_expiration", "expiration", "x_security_token_expires")
"""Where tools that write short-lived keys into a profile (aws-vault and its like) note their end."""


def problems(
    env: Mapping[str, str], *, cluster: str = "", profile: str | None = None, now: datetime | None = None
) -> list[Unavailable]:
    """Why a call is going to fail, each with its remedy; empty where nothing speaks against it.

    To be asked before a call, and when one has failed. `cluster` is the context that is to be called (none: no cluster
    is), `profile` the AWS profile ("" for the one in force; None: no cloud is). `env` are the variables of the process
    that calls. Each item can be raised as it is.
    """
    moment = now or datetime.now(UTC)
    found = [*_network(env)]
    if profile is not None:
        found += _aws(env, profile, moment)
    if cluster:
        found += _kube(env, cluster, moment)
    return found


def _network(env: Mapping[str, str]) -> Iterator[Unavailable]:
    for name in _CA_VARIABLES:
        yield from _missing_file(name, env.get(name, ""), f"mend the path, or unset {name}")
    for name in _PROXY_VARIABLES:
        yield from _bad_proxy(name, env.get(name, ""))


def _bad_proxy(name: str, value: str) -> Iterator[Unavailable]:
    # What it holds is not shown: the user and password of a proxy often stand in it.
    if value and "://" not in value:
        yield Unavailable(name, "has no scheme", "write http://host:port")
        return
    try:
        parts = urlsplit(value)
        usable = not value or (parts.hostname is not None and parts.port != 0)
    except ValueError:
        usable = False
    if not usable:
        yield Unavailable(name, "is not the address of a proxy", "write http://host:port")


def _missing_file(name: str, path: str, remedy: str) -> Iterator[Unavailable]:
    try:
        problem = "" if not path or Path(path).exists() else "does not exist"
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
    if problem:
        yield Unavailable(name, f"points to {printable(path)}, which {problem}", remedy)


def _aws(env: Mapping[str, str], chosen: str, now: datetime) -> Iterator[Unavailable]:
    read = read_aws_config(env)
    if read.problems:
        yield from read.problems
        return
    profile = in_force(env, chosen, read)
    if not profile.chosen and (env.get("AWS_ACCESS_KEY_ID") or env.get("AWS_SECRET_ACCESS_KEY")):
        yield from _aws_variables(env, now)
        return
    subject = f"aws profile {printable(profile.name)}"
    if profile.settings is None:
        # Without any file the machine itself may have a role; a profile that was asked for must exist.
        if profile.name != "default" or profile.chosen:
            yield Unavailable(
                subject,
                f"stands in neither {printable(str(read.credentials))} nor {printable(str(read.config))}",
                f"run `aws configure --profile {printable(shlex.quote(profile.name))}`",
            )
        return
    yield from _profile(env, subject, profile.settings, read, now)


def _aws_variables(env: Mapping[str, str], now: datetime) -> Iterator[Unavailable]:
    pair = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    for name, other in (pair, pair[::-1]):
        if not env.get(name):
            yield Unavailable(name, f"is not set, but {other} is", f"set both, or unset {other}")
    until = env.get("AWS_CREDENTIAL_EXPIRATION", "")
    if _past(until, now):
        yield Unavailable(
            "AWS_ACCESS_KEY_ID", f"expired at {printable(until)}", "log in again and export the new keys"
        )


def _profile(
    env: Mapping[str, str], subject: str, settings: Mapping[str, str], read: AwsConfig, now: datetime
) -> Iterator[Unavailable]:
    for key in _EXPIRY_KEYS:
        if _past(settings.get(key, ""), now):
            yield Unavailable(subject, f"expired at {printable(settings[key])}", "log in again")
            break
    source = settings.get("source_profile")
    if source and source not in read.profiles:
        yield Unavailable(subject, f"has source_profile {printable(source)}, which does not exist", "mend it")
    yield from _missing_file(f"{subject}: ca_bundle", settings.get("ca_bundle", ""), "mend the path")
    token = settings.get("web_identity_token_file", "")
    yield from _missing_file(f"{subject}: web_identity_token_file", token, "mend the path")
    command = settings.get("credential_process", "")
    program = _first_word(command)
    if command and shutil.which(program, path=env.get("PATH", os.defpath)) is None:
        yield Unavailable(subject, f"logs in with {printable(program)}, which is not found", "install it")
    if "sso_session" in settings or "sso_start_url" in settings:
        yield from _sso(env, subject, settings, read, now)


def _first_word(command: str) -> str:
    try:
        return next(iter(shlex.split(command)), "")
    except ValueError:
        return command


def _sso(
    env: Mapping[str, str], subject: str, settings: Mapping[str, str], read: AwsConfig, now: datetime
) -> Iterator[Unavailable]:
    """The token that `aws sso login` left: a file named by the sha1 of the session's name, or of the start URL."""
    session = settings.get("sso_session", "")
    if session and session not in read.sso_sessions:
        yield Unavailable(
            subject, f"names the sso-session {printable(session)}, which does not exist", "mend it"
        )
        return
    name = hashlib.sha1((session or settings["sso_start_url"]).encode(), usedforsecurity=False).hexdigest()
    remedy = f"run `aws sso login --profile {subject.removeprefix('aws profile ')}`"
    try:
        token: Any = json.loads((home(env) / ".aws" / "sso" / "cache" / f"{name}.json").read_bytes())
    except FileNotFoundError:
        yield Unavailable(subject, "is not logged in (SSO)", remedy)
        return
    except (OSError, ValueError, RecursionError):
        yield Unavailable(subject, "has a broken SSO token", remedy)
        return
    until = token.get("expiresAt") if isinstance(token, dict) else None
    renewable = isinstance(token, dict) and "refreshToken" in token
    if renewable and _past(token.get("registrationExpiresAt"), now):
        renewable = False
    if not isinstance(until, str) or (_past(until, now) and not renewable):
        yield Unavailable(subject, f"has an SSO login that expired at {printable(str(until))}", remedy)


def _past(text: object, now: datetime) -> bool:
    """Whether `text` is a time before `now`; without a zone it is UTC, and what is no time is not past."""
    if not isinstance(text, str):
        return False
    try:
        # The AWS CLI has written `2026-01-01T00:00:00UTC`.
        time = datetime.fromisoformat(text.strip().replace("UTC", "+00:00"))
    except ValueError:
        return False
    return (time if time.tzinfo else time.replace(tzinfo=UTC)) < now


def _kube(env: Mapping[str, str], name: str, now: datetime) -> Iterator[Unavailable]:
    read = read_kubeconfig(env)
    if read.problems:
        yield from read.problems
        return
    context = read.contexts.get(name)
    if context is None:
        where = read.names or "any kubeconfig: there is none"
        yield Unavailable(
            f"kube context {printable(name)}", f"is not in {where}", "see `kubectl config get-contexts`"
        )
        return
    yield from _cluster(name, context, read)
    user = context.text("user")
    if user and user not in read.users:
        yield Unavailable(
            f"kube context {printable(name)}",
            f"names the user {printable(user)}, who is not there",
            "log in again",
        )
    elif user:
        yield from _user(env, name, read.users[user], now)


def _cluster(name: str, context: Entry, read: Kubeconfig) -> Iterator[Unavailable]:
    subject = f"kube context {printable(name)}"
    cluster = read.clusters.get(context.text("cluster"))
    if cluster is None or not cluster.text("server"):
        called = printable(context.text("cluster")) or "without a name"
        yield Unavailable(subject, f"names the cluster {called}, which has no server", "mend the kubeconfig")
        return
    yield from _missing_entry_file(subject, cluster, ("certificate-authority",))
    yield from _bad_proxy(f"{subject}: proxy-url", cluster.text("proxy-url"))


def _missing_entry_file(subject: str, entry: Entry, names: tuple[str, ...]) -> Iterator[Unavailable]:
    for name in names:
        path = entry.text(name)
        if path:
            yield from _missing_file(f"{subject}: {name}", str(entry.folder / path), "mend the kubeconfig")


def _user(env: Mapping[str, str], context: str, user: Entry, now: datetime) -> Iterator[Unavailable]:
    subject = f"kube context {printable(context)}"
    yield from _missing_entry_file(subject, user, ("client-certificate", "client-key", "tokenFile"))
    until = _token_end(user.text("token"))
    if until is not None and until < now:
        yield Unavailable(subject, f"has a token that expired at {until:%Y-%m-%dT%H:%M:%SZ}", "log in again")
    plugin = user.settings.get("exec")
    if isinstance(plugin, Mapping) and plugin.get("command") and isinstance(plugin["command"], str):
        yield from _plugin(env, subject, user, plugin, now)


def _plugin(
    env: Mapping[str, str], subject: str, user: Entry, plugin: Mapping[str, Any], now: datetime
) -> Iterator[Unavailable]:
    command: str = plugin["command"]
    # A path is relative to the kubeconfig, a bare name is looked for on PATH (client-go credential plugins).
    program = str(user.folder / command) if "/" in command else command
    if shutil.which(program, path=env.get("PATH", os.defpath)) is None:
        remedy = _PLUGINS.get(Path(command).name, "install it, or put its folder on PATH")
        yield Unavailable(subject, f"logs in with {printable(command)}, which is not found", remedy)
    elif Path(command).name in _AWS_PLUGINS:
        yield from _aws(*_aws_of(env, plugin), now)


def _aws_of(env: Mapping[str, str], plugin: Mapping[str, Any]) -> tuple[dict[str, str], str]:
    """The variables and the profile of an EKS plugin, as its `env` and `args` change them."""
    variables = dict(env)
    for item in _listed(plugin.get("env")):
        if (
            isinstance(item, Mapping)
            and isinstance(item.get("name"), str)
            and isinstance(item.get("value"), str)
        ):
            variables[item["name"]] = item["value"]
    pairs = itertools.pairwise(_listed(plugin.get("args")))
    chosen = [after for word, after in pairs if word == "--profile" and isinstance(after, str)]
    return variables, chosen[0] if chosen else ""


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _token_end(token: str) -> datetime | None:
    """When a JSON web token ends by its own `exp` (RFC 7519); None for any other token."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims: Any = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        return datetime.fromtimestamp(claims["exp"], UTC)
    except (ValueError, TypeError, KeyError, OverflowError, OSError, RecursionError):
        return None
