"""What is wrong with credentials, proxies and certificates, as far as files and variables tell; no network call."""

from __future__ import annotations

import configparser
import shutil
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_CA_VARIABLES = ("AWS_CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
_PLUGINS = {
    "aws": "install the AWS CLI (EKS)",
    "gke-gcloud-auth-plugin": "run `gcloud components install gke-gcloud-auth-plugin`",
    "kubelogin": "install kubelogin (AKS)",
}


def problems(
    env: Mapping[str, str], *, kube_context: str = "", aws_profile: str = ""
) -> Iterator[tuple[str, str]]:
    """(subject, one line with the remedy) for each thing found wrong."""
    for name in _CA_VARIABLES:
        if env.get(name) and not Path(env[name]).exists():
            yield name, f"points to {env[name]}, which does not exist; mend the path or unset {name}"
    proxy = env.get("HTTPS_PROXY") or env.get("https_proxy") or ""
    if proxy and "://" not in proxy:
        yield "HTTPS_PROXY", "has no scheme; write http://host:port"
    yield from _aws(env, aws_profile)
    yield from _kube(env, kube_context)


def _aws(env: Mapping[str, str], profile: str) -> Iterator[tuple[str, str]]:
    if not profile:
        return
    home = Path(env.get("HOME", "~")).expanduser()
    shared = Path(env.get("AWS_SHARED_CREDENTIALS_FILE") or home / ".aws" / "credentials")
    general = Path(env.get("AWS_CONFIG_FILE") or home / ".aws" / "config")
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read([general, shared], encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError, OSError):
        yield "aws profile", f"{shared} or {general} cannot be read; mend the file"
        return
    section = next((name for name in (profile, f"profile {profile}") if parser.has_section(name)), None)
    if section is None:
        yield (
            "aws profile",
            f"{profile} stands in neither {shared} nor {general}; run `aws configure --profile {profile}`",
        )
        return
    until = parser.get(
        section, "aws_session_expiration", fallback=parser.get(section, "expiration", fallback="")
    )
    if until and _past(until):
        yield "aws profile", f"credentials of {profile} expired at {until}; log in again"


def _past(text: str) -> bool:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return False
    return (time if time.tzinfo else time.replace(tzinfo=UTC)) < datetime.now(UTC)


def _kube(env: Mapping[str, str], context: str) -> Iterator[tuple[str, str]]:
    if not context:
        return
    import yaml  # comes with the Kubernetes client

    path = Path(
        (env.get("KUBECONFIG") or "").split(":")[0]
        or Path(env.get("HOME", "~")).expanduser() / ".kube" / "config"
    )
    try:
        loaded: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        contexts = {entry["name"]: entry["context"] for entry in loaded.get("contexts") or []}
        users = {entry["name"]: entry["user"] or {} for entry in loaded.get("users") or []}
    except (OSError, ValueError, yaml.YAMLError, AttributeError, KeyError, TypeError):
        yield "kubeconfig", f"{path} cannot be read; check KUBECONFIG"
        return
    if context not in contexts:
        yield "kube_context", f"{context} is not in {path}; see `kubectl config get-contexts`"
        return
    command = str((users.get(contexts[context].get("user", ""), {}).get("exec") or {}).get("command", ""))
    if command and shutil.which(command, path=env.get("PATH")) is None:
        remedy = _PLUGINS.get(Path(command).name, "install it")
        yield "kube login", f"{command} is not found, and context {context} logs in with it; {remedy}"
