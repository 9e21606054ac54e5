"""Where a state is, and how it is read from there: file, S3, HTTP address, HCP Terraform, or `terraform state pull`.

All of it only reads, and nothing takes a lock. What cannot be read is one line with the remedy; addresses are shown
without their query, and no secret is shown at all. Sources: Terraform language documentation, "Backend Type: s3" and
"http"; CLI configuration, "Credentials"; HCP Terraform API, "State Versions".
"""

from __future__ import annotations

import base64
import json
import os
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, assert_never
from urllib.parse import parse_qs, quote, urljoin, urlsplit

from lamplighter.core.errors import InputError, Unavailable
from lamplighter.core.text import printable
from lamplighter.tools.terraform_files import STATE_LIMIT, StateFile, read_state, state_of

HCP_HOST = "app.terraform.io"
_DOCUMENT_LIMIT = 1024 * 1024
_NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]*"
_WEB_PAGE = re.compile(rf"/app/({_NAME})/workspaces/({_NAME})(?:/.*)?")
_NO_STATE = "there is no state here"


@dataclass(frozen=True, slots=True)
class FileSource:
    """A state file, or `terraform show -json` output."""

    path: Path


@dataclass(frozen=True, slots=True)
class S3Source:
    """An object in S3. Credentials, region and endpoint are those of the AWS environment where they are not given;
    `role_arn` is assumed first."""

    bucket: str
    key: str
    region: str = ""
    profile: str = ""
    role_arn: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class HttpSource:
    """An address of the HTTP backend; user and password come from TF_HTTP_USERNAME and TF_HTTP_PASSWORD.

    One that stands in the code is given them only where TF_HTTP_ADDRESS is the same: whoever writes code must not
    choose where credentials are sent.
    """

    address: str
    in_code: bool = False


@dataclass(frozen=True, slots=True)
class HcpSource:
    """A workspace of HCP Terraform or Terraform Enterprise; the token is the one that Terraform itself would use."""

    organization: str
    workspace: str
    host: str = HCP_HOST


@dataclass(frozen=True, slots=True)
class PullSource:
    """`terraform state pull` in a directory: any backend that Terraform knows."""

    directory: Path
    workspace: str = ""


StateSource: TypeAlias = FileSource | S3Source | HttpSource | HcpSource | PullSource


def parse_source(text: str, directory: Path) -> StateSource:
    """What a person writes for a state: a path, `s3://BUCKET/KEY` (`?region=`, `?profile=`, `?version=`), `https://...`,
    `hcp://[HOST/]ORGANIZATION/WORKSPACE` (or the address of that workspace's page), or `pull` for the directory's own
    backend. Raises InputError for anything else that has a scheme.
    """
    if text == "pull":
        return PullSource(directory)
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]+)://", text)
    if scheme is None:
        return FileSource(Path(text))
    match scheme[1].lower():
        case "s3":
            return _s3_source(text)
        case "hcp":
            return _hcp_source(text)
        case "http" | "https":
            page = _WEB_PAGE.fullmatch(urlsplit(text).path)
            if page is not None:
                return HcpSource(page[1], page[2], urlsplit(text).hostname or HCP_HOST)
            return HttpSource(text)
        case _:
            remedy = "give a path, s3://BUCKET/KEY, https://..., hcp://ORGANIZATION/WORKSPACE or pull"
            raise InputError(printable(text, limit=100), "is no place that a state is read from", remedy)


def fetch_state(
    source: StateSource,
    *,
    env: Mapping[str, str] | None = None,
    seconds: float = 60.0,
    cancel: threading.Event | None = None,
) -> StateFile:
    """Reads the state. Raises InputError when there is none or it cannot be used, Unavailable when it cannot be had.

    `env` holds the credentials (S3 takes those of the process); `cancel` ends a `pull`, `seconds` each single call.
    """
    given = os.environ if env is None else env
    match source:
        case FileSource(path):
            return read_state(path.parent, path)
        case S3Source():
            return state_of(label_of(source), _from_s3(source, seconds))
        case HttpSource():
            return state_of(label_of(source), _from_http(source, given, seconds))
        case HcpSource():
            return state_of(label_of(source), _from_hcp(source, given, seconds))
        case PullSource():
            return _pulled(source, given, seconds, cancel)
        case _:
            assert_never(source)


def label_of(source: StateSource) -> str:
    """How the source is named in messages; it holds no secret."""
    match source:
        case FileSource(path):
            return str(path)
        case S3Source(bucket, key):
            return printable(f"s3://{bucket}/{key}", limit=300)
        case HttpSource(address):
            from lamplighter.tools import http_get  # TLS takes longer to load than a state to read

            return http_get.shown(address)
        case HcpSource(organization, workspace, host):
            return printable(f"{host}/{organization}/{workspace}", limit=300)
        case PullSource(directory, workspace):
            return printable(
                f"{directory} (workspace {workspace})" if workspace else str(directory), limit=300
            )
        case _:
            assert_never(source)


def hcp_token(host: str, env: Mapping[str, str]) -> str:
    """The API token for a host, found as Terraform finds it: TF_TOKEN_<host>, the CLI configuration, the file that
    `terraform login` writes. Empty when there is none. Credentials helpers are not asked."""
    encoded = host.replace(".", "_")
    for name in (encoded.replace("-", "__"), encoded):
        if env.get(f"TF_TOKEN_{name}"):
            return env[f"TF_TOKEN_{name}"]
    home = Path(env.get("HOME") or Path.home())
    block = re.compile(
        rf'credentials\s+"{re.escape(host)}"\s*\{{[^}}]*?\btoken\s*=\s*"([^"\n]*)"', re.IGNORECASE
    )
    for path in (env.get("TF_CLI_CONFIG_FILE"), home / ".terraformrc", home / ".tofurc"):
        found = block.search(_text(Path(path))) if path else None
        if found is not None:
            return found[1]
    try:
        stored = json.loads(_text(home / ".terraform.d" / "credentials.tfrc.json") or "{}")
        return str(stored["credentials"][host]["token"])
    except (ValueError, KeyError, TypeError):
        return ""


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _s3_source(text: str) -> S3Source:
    parts = urlsplit(text)
    options = parse_qs(parts.query)
    unknown = options.keys() - {"region", "profile", "version", "role_arn"}
    if not parts.netloc or len(parts.path) < 2 or unknown:
        remedy = "give s3://BUCKET/KEY, with ?region=, profile=, role_arn= or version= where needed"
        raise InputError(printable(f"s3://{parts.netloc}{parts.path}", limit=200), "names no object", remedy)
    values = {name: found[-1] for name, found in options.items()}
    return S3Source(parts.netloc, parts.path[1:], **values)


def _hcp_source(text: str) -> HcpSource:
    names = text.partition("://")[2].split("/")
    if len(names) not in (2, 3) or not all(re.fullmatch(rf"{_NAME}(?::\d+)?", name) for name in names):
        remedy = "give hcp://ORGANIZATION/WORKSPACE or hcp://HOST/ORGANIZATION/WORKSPACE"
        raise InputError(printable(text, limit=200), "names no workspace", remedy)
    return HcpSource(names[-2], names[-1], names[0] if len(names) == 3 else HCP_HOST)


def _from_s3(source: S3Source, seconds: float) -> bytes:
    try:
        from lamplighter.tools import _s3_object
    except ImportError:
        remedy = "install it (`pip install lamplighter[aws]`), or give `pull` as the state"
        raise Unavailable("boto3", "is not installed, and a state in S3 is read with it", remedy) from None
    content = _s3_object.read(
        source.bucket,
        source.key,
        label=label_of(source),
        region=source.region,
        profile=source.profile,
        role_arn=source.role_arn,
        version=source.version,
        limit=STATE_LIMIT,
        seconds=seconds,
    )
    if content is None:
        raise InputError(label_of(source), _NO_STATE, "check the key; a workspace has its own")
    return content


def _from_http(source: HttpSource, env: Mapping[str, str], seconds: float) -> bytes:
    from lamplighter.tools import http_get

    address = source.address
    trusted = not source.in_code or address == env.get("TF_HTTP_ADDRESS")
    user, password = (env.get(f"TF_HTTP_{name}", "") if trusted else "" for name in ("USERNAME", "PASSWORD"))
    basic = base64.b64encode(f"{user}:{password}".encode()).decode() if user or password else ""
    answer = http_get.get(
        address,
        authorization=f"Basic {basic}" if basic else "",
        limit=STATE_LIMIT,
        seconds=seconds,
        ca_pem=env.get("TF_HTTP_CLIENT_CA_CERTIFICATE_PEM", ""),
    )
    label = http_get.shown(address)
    if answer.status in (204, 404):
        raise InputError(label, _NO_STATE, "check the address")
    if answer.status in (401, 403):
        remedy = "check" if basic else "set"
        remedy += " TF_HTTP_USERNAME and TF_HTTP_PASSWORD"
        if not trusted:
            remedy = "name it with --state, or in TF_HTTP_ADDRESS, to have it given user and password"
        raise Unavailable(label, f"does not let us read the state (HTTP {answer.status})", remedy)
    if answer.status != 200:
        raise Unavailable(label, f"answers with HTTP {answer.status}", "try again, or check the address")
    return answer.body


def _from_hcp(source: HcpSource, env: Mapping[str, str], seconds: float) -> bytes:
    token = hcp_token(source.host.partition(":")[0], env)
    if not token:
        name = source.host.partition(":")[0].replace("-", "__").replace(".", "_")
        remedy = f"run `terraform login {source.host}`, or set TF_TOKEN_{name}"
        raise Unavailable(source.host, "no token for it was found", remedy)
    reader = _Hcp(source, token, seconds)
    api = reader.api()
    path = f"organizations/{quote(source.organization)}/workspaces/{quote(source.workspace)}"
    workspace = reader.document(urljoin(api, path), "no such workspace, or the token may not see it")
    identity = str(workspace.get("data", {}).get("id", ""))
    current = reader.document(urljoin(api, f"workspaces/{quote(identity)}/current-state-version"), _NO_STATE)
    attributes = current.get("data", {}).get("attributes", {})
    download = attributes.get("hosted-state-download-url")
    if not isinstance(download, str):
        raise Unavailable(
            label_of(source), "does not say where its state is", "use a token that may read states"
        )
    return reader.get(urljoin(api, download), STATE_LIMIT, _NO_STATE)


@dataclass(frozen=True, slots=True)
class _Hcp:
    source: HcpSource
    token: str
    seconds: float

    def api(self) -> str:
        """The base address of the API, which the host itself names (service discovery of Terraform)."""
        from lamplighter.tools import http_get

        base = f"https://{self.source.host}/"
        answer = http_get.get(
            f"{base}.well-known/terraform.json", limit=_DOCUMENT_LIMIT, seconds=self.seconds
        )
        services = _json(answer.body) if answer.status == 200 else {}
        named = services.get("tfe.v2") or services.get("tfe.v2.1") or "/api/v2/"
        return urljoin(base, str(named)).rstrip("/") + "/"

    def document(self, url: str, missing: str) -> dict[str, Any]:
        from lamplighter.tools import http_get

        found = _json(self.get(url, _DOCUMENT_LIMIT, missing))
        if not isinstance(found.get("data"), dict):
            raise Unavailable(http_get.shown(url), "does not answer as the API does", "check the host")
        return found

    def get(self, url: str, limit: int, missing: str) -> bytes:
        from lamplighter.tools import http_get

        # A download address of another host is signed in itself and must not see the token.
        ours = urlsplit(url).netloc == self.source.host
        answer = http_get.get(
            url,
            headers={"Accept": "application/vnd.api+json, application/json"},
            authorization=f"Bearer {self.token}" if ours else "",
            limit=limit,
            seconds=self.seconds,
        )
        label = label_of(self.source)
        if answer.status == 401:
            raise Unavailable(
                label, "the token is not valid", f"run `terraform login {self.source.host}` again"
            )
        if answer.status in (204, 403, 404):
            raise InputError(label, missing, "check organization, workspace and the token's rights")
        if answer.status != 200:
            raise Unavailable(label, f"its host answers with HTTP {answer.status}", "try again later")
        return answer.body


def _json(content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _pulled(
    source: PullSource, env: Mapping[str, str], seconds: float, cancel: threading.Event | None
) -> StateFile:
    from lamplighter.tools import terraform

    label = label_of(source)
    with terraform.opened(source.directory, env=env, seconds=seconds, cancel=cancel) as opened:
        # Without its providers a backend can be read all the same, so that what `init` says is not the end.
        started = opened.init() if opened.mirrored else None
        selected = opened.in_workspace(source.workspace) if source.workspace else opened
        pulled = selected.pull_state()
    if pulled.data is not None:
        return state_of(label, pulled.data)
    if not pulled.problem:
        raise InputError(label, _NO_STATE, "apply the code first, or check the workspace")
    problem = started.problem if started is not None and started.problem else pulled.problem
    raise Unavailable(label, problem)
