"""What is said of credentials, proxies and certificates before a call is made, one line for each wrong thing."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lamplighter.core.errors import Unavailable
from lamplighter.tools.credentials import problems
from tests.tools.machine import FUTURE, PAST, Machine, kubeconfig, web_token

HOSTILE = "x\x1b]0;owned\x07\u202e\n::error::owned"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def lines(found: list[Unavailable]) -> list[str]:
    return [str(problem) for problem in found]


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, ""),
        ({"HTTPS_PROXY": "http://proxy:3128", "https_proxy": "http://u:p@proxy"}, ""),
        ({"HTTPS_PROXY": "proxy:3128"}, "HTTPS_PROXY: has no scheme; write http://host:port"),
        ({"https_proxy": "u:canary@proxy:3128"}, "https_proxy: has no scheme"),
        ({"HTTPS_PROXY": "http://"}, "HTTPS_PROXY: is not the address of a proxy"),
        ({"HTTPS_PROXY": "http://proxy:canary"}, "HTTPS_PROXY: is not the address of a proxy"),
        ({"HTTPS_PROXY": "http://[::1"}, "HTTPS_PROXY: is not the address of a proxy"),
        (
            {"AWS_CA_BUNDLE": "/no/ca.pem"},
            "AWS_CA_BUNDLE: points to /no/ca.pem, which does not exist; mend the path",
        ),
        ({"SSL_CERT_FILE": HOSTILE}, "SSL_CERT_FILE: points to x\\x1b"),
        ({"REQUESTS_CA_BUNDLE": "x" * 5000}, "REQUESTS_CA_BUNDLE: points to xxx"),
    ],
)
def test_proxies_and_certificates_matter_to_every_call(
    machine: Machine, variables: dict[str, str], expected: str
) -> None:
    found = lines(problems(machine.env | variables))
    assert len(found) == (1 if expected else 0)
    for line in found:
        assert line.startswith(expected) and line.isprintable() and "canary" not in line


SSO = "[profile dev]\nsso_session = corp\nsso_account_id = 123456789012\n[sso-session corp]\nsso_start_url = https://c\n"
Write = Callable[[Machine], None]


def token(**fields: str) -> Write:
    return lambda machine: machine.sso_token("corp", {"accessToken": "canary", **fields})


def nothing(machine: Machine) -> None:
    pass


@pytest.mark.parametrize(
    ("config", "credentials", "more", "expected"),
    [
        ("", "", nothing, "aws profile dev: stands in neither"),
        ("[profile dev]\nregion = x\n", "", nothing, ""),
        ("", "[dev]\naws_access_key_id = x\n", nothing, ""),
        ('[profile "dev"]\n', "", nothing, ""),
        ("[dev]\nregion = x\n", "", nothing, "aws profile dev: stands in neither"),
        (
            "[profile dev\n",
            "",
            nothing,
            "cannot be read (it is not in the form of such a file); mend the file",
        ),
        ("[profile dev]\na = 1\na = 2\n", "", nothing, "cannot be read (it is not in the form"),
        ("", "\xff\xfe".encode("latin-1"), nothing, "cannot be read (it is not in the form"),
        (
            "",
            f"[dev]\naws_session_expiration = {PAST}\n",
            nothing,
            f"aws profile dev: expired at {PAST}; log in again",
        ),
        ("", f"[dev]\nx_security_token_expires = {PAST}\n", nothing, "aws profile dev: expired at"),
        ("", "[dev]\nexpiration = 2020-01-02 03:04:05\n", nothing, "aws profile dev: expired at"),
        ("", f"[dev]\nexpiration = {FUTURE}\n", nothing, ""),
        ("", "[dev]\nexpiration = soon\n", nothing, ""),
        ("[profile dev]\nsource_profile = gone\n", "", nothing, "aws profile dev: has source_profile gone"),
        ("[profile dev]\nca_bundle = /no/ca\n", "", nothing, "aws profile dev: ca_bundle: points to /no/ca"),
        (
            "[profile dev]\nweb_identity_token_file = /no/t\n",
            "",
            nothing,
            "aws profile dev: web_identity_token_file",
        ),
        (
            "[profile dev]\ncredential_process = vault a b\n",
            "",
            nothing,
            "aws profile dev: logs in with vault",
        ),
        (
            "[profile dev]\ncredential_process = vault 'a b\n",
            "",
            nothing,
            "aws profile dev: logs in with vault 'a b",
        ),
        ("[profile dev]\ncredential_process = vault a\n", "", lambda machine: machine.program("vault"), ""),
        (SSO, "", nothing, "aws profile dev: is not logged in (SSO); run `aws sso login --profile dev`"),
        (SSO, "", token(expiresAt=PAST), f"aws profile dev: has an SSO login that expired at {PAST}"),
        (
            SSO,
            "",
            token(expiresAt="2020-01-01T00:00:00UTC"),
            "aws profile dev: has an SSO login that expired",
        ),
        (SSO, "", token(expiresAt=FUTURE), ""),
        (SSO, "", token(expiresAt=PAST, refreshToken="canary", registrationExpiresAt=FUTURE), ""),
        (
            SSO,
            "",
            token(expiresAt=PAST, refreshToken="canary", registrationExpiresAt=PAST),
            "aws profile dev: has an",
        ),
        (
            SSO,
            "",
            lambda machine: machine.sso_token("corp", []),
            "aws profile dev: has an SSO login that expired",
        ),
        (SSO.replace("corp]", "other]"), "", nothing, "aws profile dev: names the sso-session corp"),
    ],
)
def test_an_aws_profile(
    machine: Machine, config: str, credentials: str | bytes, more: Write, expected: str
) -> None:
    machine.write(".aws/config", config)
    machine.write(".aws/credentials", credentials)
    more(machine)
    found = lines(problems(machine.env, profile="dev"))
    assert len(found) == (1 if expected else 0), found
    for line in found:
        assert expected in line and line.isprintable() and "canary" not in line
    assert problems(machine.env) == []


def test_a_broken_sso_token_and_the_legacy_form(machine: Machine) -> None:
    machine.write(".aws/config", "[profile dev]\nsso_start_url = https://corp\n")
    machine.sso_token("https://corp", {"expiresAt": FUTURE})
    assert problems(machine.env, profile="dev") == []
    (path,) = (machine.home / ".aws/sso/cache").iterdir()
    path.write_text("[" * 100_000)
    assert "has a broken SSO token" in lines(problems(machine.env, profile="dev"))[0]


KEYS = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "canary"}


@pytest.mark.parametrize(
    ("variables", "chosen", "expected"),
    [
        ({}, "", ""),
        ({"AWS_PROFILE": "gone"}, "", "aws profile gone: stands in neither"),
        ({"AWS_DEFAULT_PROFILE": "gone", "AWS_PROFILE": "dev"}, "", "aws profile gone: stands in neither"),
        ({"AWS_PROFILE": HOSTILE}, "", "aws profile x\\x1b"),
        ({"AWS_PROFILE": "dev"}, "default", "aws profile default: stands in neither"),
        (KEYS, "", ""),
        ({**KEYS, "AWS_PROFILE": "gone"}, "", ""),
        ({**KEYS, "AWS_PROFILE": "x"}, "gone", "aws profile gone: stands in neither"),
        ({**KEYS, "AWS_CREDENTIAL_EXPIRATION": PAST}, "", f"AWS_ACCESS_KEY_ID: expired at {PAST}"),
        ({"AWS_ACCESS_KEY_ID": "AKIA"}, "", "AWS_SECRET_ACCESS_KEY: is not set, but AWS_ACCESS_KEY_ID is"),
        (
            {"AWS_SECRET_ACCESS_KEY": "canary"},
            "",
            "AWS_ACCESS_KEY_ID: is not set, but AWS_SECRET_ACCESS_KEY is",
        ),
        ({"AWS_CONFIG_FILE": "~/other", "AWS_PROFILE": "there"}, "", ""),
        (
            {"AWS_SHARED_CREDENTIALS_FILE": "/", "AWS_PROFILE": "dev"},
            "",
            "/: cannot be read (Is a directory)",
        ),
        ({"AWS_CONFIG_FILE": "/no/file", "AWS_PROFILE": "dev"}, "", "aws profile dev: stands in neither"),
    ],
)
def test_the_profile_in_force(
    machine: Machine, variables: dict[str, str], chosen: str, expected: str
) -> None:
    machine.write(".aws/config", "[profile dev]\nregion = x\n")
    machine.write("other", "[profile there]\nregion = x\n")
    found = lines(problems(machine.env | variables, profile=chosen))
    assert len(found) == (1 if expected else 0), found
    for line in found:
        assert line.startswith(expected) and line.isprintable() and "canary" not in line


def plugin(command: str, *arguments: str, **variables: str) -> dict[str, object]:
    listed = [{"name": name, "value": value} for name, value in variables.items()]
    return {"exec": {"command": command, "args": list(arguments), "env": listed}}


@pytest.mark.parametrize(
    ("user", "cluster", "expected"),
    [
        ({}, {}, ""),
        (plugin("aws", "eks"), {}, "logs in with aws, which is not found; install the AWS CLI (EKS)"),
        (
            plugin("gke-gcloud-auth-plugin"),
            {},
            "run `gcloud components install gke-gcloud-auth-plugin` (GKE)",
        ),
        (
            plugin("kubelogin", "get-token"),
            {},
            "logs in with kubelogin, which is not found; install kubelogin (AKS)",
        ),
        (
            plugin("/opt/kubelogin"),
            {},
            "logs in with /opt/kubelogin, which is not found; install kubelogin (AKS)",
        ),
        (plugin("./bin/mine"), {}, "logs in with ./bin/mine, which is not found; install it"),
        (plugin("../bin/there"), {}, ""),
        (plugin("there"), {}, ""),
        (plugin(HOSTILE), {}, "logs in with x\\x1b"),
        (plugin("aws-iam-authenticator", AWS_PROFILE="old"), {}, "aws profile old: expired at"),
        (
            plugin("aws-iam-authenticator", "--profile", "old", AWS_PROFILE="new"),
            {},
            "aws profile old: expired at",
        ),
        (plugin("aws-iam-authenticator", AWS_PROFILE="new"), {}, ""),
        ({"exec": "aws"}, {}, ""),
        ({"exec": {"command": ["aws"], "env": 3, "args": {}}}, {}, ""),
        ({"token": "canary"}, {}, ""),
        (
            {"token": web_token(1577934245)},
            {},
            "has a token that expired at 2020-01-02T03:04:05Z; log in again",
        ),
        ({"token": web_token(32472144000)}, {}, ""),
        ({"token": web_token("soon")}, {}, ""),
        ({"token": web_token(1e300)}, {}, ""),
        ({"token": "a.b.c"}, {}, ""),
        ({"client-certificate": "gone.pem"}, {}, "client-certificate: points to"),
        ({"client-certificate": "there.pem", "client-key": "gone.pem"}, {}, "client-key: points to"),
        ({"tokenFile": "/no/token"}, {}, "tokenFile: points to /no/token"),
        ({}, {"certificate-authority": "gone.pem"}, "certificate-authority: points to"),
        ({}, {"certificate-authority": "there.pem"}, ""),
        ({}, {"server": ""}, "names the cluster prod, which has no server"),
        ({}, {"server": 3}, "names the cluster prod, which has no server"),
        ({}, {"proxy-url": "proxy:3128"}, "proxy-url: has no scheme"),
    ],
)
def test_a_kube_context(
    machine: Machine, user: dict[str, object], cluster: dict[str, object], expected: str
) -> None:
    machine.write(".kube/config", kubeconfig("prod", "other", user=user, cluster=cluster))
    machine.write(".kube/there.pem", "")
    for name in ("there", "aws-iam-authenticator"):
        machine.program(name)
    machine.write(".aws/credentials", f"[old]\nexpiration = {PAST}\n[new]\nexpiration = {FUTURE}\n")
    found = lines(problems(machine.env, cluster="prod"))
    assert len(found) == (1 if expected else 0), found
    for line in found:
        assert expected in line and line.isprintable() and "canary" not in line
    assert problems(machine.env) == []


BROKEN: list[tuple[str | bytes, str]] = [
    ("contexts: {]", "is not valid YAML, line 1; mend the file, or name another in KUBECONFIG"),
    ("a: *gone", "is not valid YAML, line 1"),
    ("x: 2020-99-99", "is not valid YAML"),
    ("\x00", "is not valid YAML"),
    ("[" * 30_000, "is not valid YAML"),
    (b"\xff\xfe\xfa", "cannot be read (not UTF-8)"),
    ("- a\n- b\n", "is not a kubeconfig"),
    ("just text", "is not a kubeconfig"),
    ("", "kube context prod: is not in"),
    ("contexts: 3\nusers: {}\nclusters: [1, {name: 2}]\n", "kube context prod: is not in"),
    ("contexts: [{name: prod}]", "kube context prod: names the cluster without a name, which has no server"),
    ("contexts: [{name: prod, context: [1]}]", "names the cluster without a name, which has no server"),
    (
        "contexts: [{name: prod, context: {cluster: c, user: gone}}]\nclusters: [{name: c, cluster: {server: s}}]",
        "kube context prod: names the user gone, who is not there; log in again",
    ),
]


@pytest.mark.parametrize(("content", "expected"), BROKEN)
def test_a_broken_kubeconfig_is_one_line(machine: Machine, content: str | bytes, expected: str) -> None:
    machine.write(".kube/config", content)
    found = lines(problems(machine.env, cluster="prod"))
    assert len(found) == 1 and expected in found[0], found


def test_what_is_no_regular_file_is_not_read(machine: Machine) -> None:
    os.mkfifo(machine.home / "pipe")
    for place, expected in (("pipe", "is not a regular file"), ("bin", "is not a regular file")):
        found = problems(machine.env | {"KUBECONFIG": str(machine.home / place)}, cluster="prod")
        assert expected in lines(found)[0]
    found = problems(machine.env | {"AWS_CONFIG_FILE": str(machine.home / "pipe")}, profile="dev")
    assert "cannot be read (it is a pipe)" in lines(found)[0]
    assert "there is none" in lines(problems(machine.env | {"KUBECONFIG": "/dev/null"}, cluster="prod"))[0]


def test_a_hostile_context_is_escaped(machine: Machine) -> None:
    machine.write(".kube/config", kubeconfig("prod"))
    (line,) = lines(problems(machine.env, cluster=HOSTILE))
    assert line.isprintable() and json.dumps(line).isascii()
