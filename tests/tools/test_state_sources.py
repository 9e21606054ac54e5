"""States from where teams keep them, over real small servers; every failure is one line that shows no secret."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lamplighter import tools
from lamplighter.core.errors import InputError, LampError, Unavailable
from lamplighter.drift.state import read_resources
from lamplighter.tools.state_sources import (
    FileSource,
    HcpSource,
    HttpSource,
    PullSource,
    S3Source,
    StateSource,
    fetch_state,
    hcp_token,
    label_of,
    parse_source,
)
from tests.tools.web import Answer, Web, make_certificate, served, unrecorded_cloud

STATE = {"version": 4, "terraform_version": "1.11.4", "serial": 7, "lineage": "l", "resources": []}
CONTENT = json.dumps(STATE).encode()
TOKEN = "hush.atlasv1.very-secret"
needs_terraform = pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed")


def refused(source: StateSource, env: dict[str, str] | None = None, **more: Any) -> LampError:
    with pytest.raises(LampError) as caught:
        fetch_state(source, env={} if env is None else env, **more)
    message = str(caught.value)
    assert "\n" not in message and "hush" not in message and "; " in message
    return caught.value


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("states/prod.tfstate", FileSource(Path("states/prod.tfstate"))),
        ("C:/x.tfstate", FileSource(Path("C:/x.tfstate"))),
        ("pull", PullSource(Path("root"))),
        ("s3://b/env/k.tfstate", S3Source("b", "env/k.tfstate")),
        ("s3://b/k?region=eu-west-1&version=v1", S3Source("b", "k", "eu-west-1", version="v1")),
        ("https://gitlab.example/state/1", HttpSource("https://gitlab.example/state/1")),
        ("hcp://acme/pay-prod", HcpSource("acme", "pay-prod")),
        ("hcp://tfe.acme.example/acme/pay-prod", HcpSource("acme", "pay-prod", "tfe.acme.example")),
        ("https://app.terraform.io/app/acme/workspaces/pay-prod/states", HcpSource("acme", "pay-prod")),
    ],
)
def test_what_people_write(text: str, source: StateSource) -> None:
    assert parse_source(text, Path("root")) == source


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("gs://b/k", "is no place that a state is read from"),
        ("s3://b", "names no object"),
        ("s3:///k", "names no object"),
        ("s3://b/k?acl=public", "names no object"),
        ("hcp://acme", "names no workspace"),
        ("hcp://a/b/c/d", "names no workspace"),
        ("hcp://acme/../x", "names no workspace"),
        ("hcp://me@host/acme/x", "names no workspace"),
    ],
)
def test_what_is_no_source(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        parse_source(text, Path("root"))


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "x.tfstate"
    path.write_bytes(CONTENT)
    assert fetch_state(FileSource(path)).document == STATE
    assert "no such file" in str(refused(FileSource(tmp_path / "gone")))


@pytest.fixture
def web() -> Iterator[Web]:
    with served() as found:
        yield found


class TestHttp:
    def test_it_is_read_with_one_get_and_no_lock(self, web: Web) -> None:
        web.answers["/state"] = Answer(200, CONTENT)
        env = {"TF_HTTP_USERNAME": "ci", "TF_HTTP_PASSWORD": "hush"}
        state = fetch_state(HttpSource(f"{web.url}/state?ref=hush"), env=env)
        assert (state.form, state.document, state.label) == ("v4", STATE, f"{web.url}/state")
        assert [asked.method for asked in web.asked] == ["GET"]
        expected = "Basic " + base64.b64encode(b"ci:hush").decode()
        assert web.asked[0].headers["Authorization"] == expected

    @pytest.mark.parametrize(
        ("status", "said"),
        [
            (204, "there is no state here"),
            (404, "there is no state here"),
            (401, "HTTP 401.*set TF_HTTP_USERNAME"),
            (403, "HTTP 403"),
            (500, "HTTP 500.*try again"),
        ],
    )
    def test_answers_that_are_no_state(self, web: Web, status: int, said: str) -> None:
        web.answers["/state"] = Answer(status)
        assert re.search(said, str(refused(HttpSource(f"{web.url}/state"))))

    @pytest.mark.parametrize("path", ["/state", "/state/", "/other", ""])
    def test_an_address_of_the_code_gets_them_only_where_the_environment_names_it(
        self, web: Web, path: str
    ) -> None:
        web.answers["/state"] = Answer(401)
        secret = {"TF_HTTP_USERNAME": "ci", "TF_HTTP_PASSWORD": "hush"}
        named = {"TF_HTTP_ADDRESS": f"{web.url}{path}"} if path else {}
        said = str(refused(HttpSource(f"{web.url}/state", in_code=True), secret | named))
        given = "Authorization" in web.asked[0].headers
        assert given == (path == "/state")
        assert ("check TF_HTTP_USERNAME" if given else "name it with --state, or in TF_HTTP_ADDRESS") in said

    def test_wrong_credentials_are_to_be_checked(self, web: Web) -> None:
        web.answers["/state"] = Answer(401)
        env = {"TF_HTTP_USERNAME": "ci", "TF_HTTP_PASSWORD": "hush"}
        assert "check TF_HTTP_USERNAME" in str(refused(HttpSource(f"{web.url}/state"), env))

    def test_a_state_that_is_too_long(self, web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("lamplighter.tools.state_sources.STATE_LIMIT", 1024 * 1024)
        web.answers["/state"] = Answer(200, b" " * (1024 * 1024 + 1))
        assert "more than 1 MiB" in str(refused(HttpSource(f"{web.url}/state")))

    @pytest.mark.parametrize(
        ("document", "said"),
        [
            ({"version": 5}, "state version '5' is not supported"),
            ({"version": 3}, "state version '3' is not supported"),
            ([], "not a Terraform state"),
            ({"format_version": "9.0"}, "show format '9.0' is not supported"),
        ],
    )
    def test_a_state_that_cannot_be_used_says_what_a_file_would(
        self, web: Web, document: Any, said: str
    ) -> None:
        web.answers["/state"] = Answer(200, json.dumps(document).encode())
        assert str(refused(HttpSource(f"{web.url}/state"))).startswith(f"{web.url}/state: {said}")

    def test_two_resources_with_one_id_are_told_as_ever(self, web: Web) -> None:
        twins = [
            {"mode": "managed", "type": "aws_x", "name": n, "instances": [{"attributes": {"id": "same"}}]}
            for n in "ab"
        ]
        web.answers["/state"] = Answer(200, json.dumps({**STATE, "resources": twins}).encode())
        state = fetch_state(HttpSource(f"{web.url}/state"), env={})
        assert [item.attributes["id"] for item in read_resources(state).resources] == ["same", "same"]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("cryptography", reason="the sandbox extra is not installed")
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def hcp(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Web, HcpSource]]:
    """The three calls of the API, as its documentation shows them."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with served(certificate) as web:

        def guarded(answer: Answer) -> Any:
            return lambda handler: (
                answer if handler.headers.get("Authorization") == f"Bearer {TOKEN}" else Answer(401)
            )

        def document(value: Any) -> Any:
            return guarded(Answer(200, json.dumps({"data": value}).encode()))

        web.answers |= {
            "/.well-known/terraform.json": Answer(200, b'{"tfe.v2": "/api/v2/"}'),
            "/api/v2/organizations/acme/workspaces/pay": document({"id": "ws-1"}),
            "/api/v2/workspaces/ws-1/current-state-version": document(
                {
                    "attributes": {
                        "hosted-state-download-url": f"{web.url}/api/state-versions/sv-1/hosted_state"
                    }
                }
            ),
            "/api/state-versions/sv-1/hosted_state": guarded(Answer(200, CONTENT)),
        }
        yield web, HcpSource("acme", "pay", web.host)


HCP_ENV = {"TF_TOKEN_127_0_0_1": TOKEN}


class TestHcp:
    def test_the_current_state_is_read(self, hcp: tuple[Web, HcpSource]) -> None:
        web, source = hcp
        state = fetch_state(source, env=HCP_ENV)
        assert state.document == STATE and state.label == f"{web.host}/acme/pay"
        assert {asked.method for asked in web.asked} == {"GET"}

    def test_another_host_never_sees_the_token(self, hcp: tuple[Web, HcpSource], certificate: Path) -> None:
        web, source = hcp
        with served(certificate) as archive:
            archive.answers["/v1/object/signed"] = Answer(200, CONTENT)
            attributes = {"hosted-state-download-url": f"{archive.url}/v1/object/signed"}
            body = json.dumps({"data": {"attributes": attributes}}).encode()
            web.answers["/api/v2/workspaces/ws-1/current-state-version"] = Answer(200, body)
            assert fetch_state(source, env=HCP_ENV).document == STATE
            assert "Authorization" not in archive.asked[0].headers

    def test_a_host_that_is_not_discovered_has_the_usual_paths(self, hcp: tuple[Web, HcpSource]) -> None:
        web, source = hcp
        del web.answers["/.well-known/terraform.json"]
        assert fetch_state(source, env=HCP_ENV).document == STATE

    def test_no_token(self, hcp: tuple[Web, HcpSource], tmp_path: Path) -> None:
        web, source = hcp
        error = refused(source, {"HOME": str(tmp_path)})
        assert isinstance(error, Unavailable) and "terraform login" in str(error)
        assert web.asked == []

    def test_a_wrong_token(self, hcp: tuple[Web, HcpSource]) -> None:
        error = refused(hcp[1], {"TF_TOKEN_127_0_0_1": "hush-wrong"})
        assert "the token is not valid" in str(error)

    @pytest.mark.parametrize(
        ("path", "answer", "said"),
        [
            ("/api/v2/organizations/acme/workspaces/pay", Answer(404), "no such workspace"),
            (
                "/api/v2/organizations/acme/workspaces/pay",
                Answer(200, b"<html>"),
                "does not answer as the API does",
            ),
            ("/api/v2/workspaces/ws-1/current-state-version", Answer(404), "there is no state here"),
            (
                "/api/v2/workspaces/ws-1/current-state-version",
                Answer(200, b'{"data": {}}'),
                "does not say where",
            ),
            ("/api/state-versions/sv-1/hosted_state", Answer(503), "HTTP 503"),
            ("/api/state-versions/sv-1/hosted_state", Answer(200, b"{"), "not valid JSON"),
        ],
    )
    def test_answers_that_are_none(
        self, hcp: tuple[Web, HcpSource], path: str, answer: Answer, said: str
    ) -> None:
        hcp[0].answers[path] = answer
        assert said in str(refused(hcp[1], HCP_ENV))


def test_the_token_is_found_where_terraform_finds_it(tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path)}
    assert hcp_token("app.terraform.io", home) == ""
    stored = tmp_path / ".terraform.d" / "credentials.tfrc.json"
    stored.parent.mkdir()
    stored.write_text(json.dumps({"credentials": {"app.terraform.io": {"token": "stored"}}}))
    assert hcp_token("app.terraform.io", home) == "stored"
    config = tmp_path / "rc"
    config.write_text('credentials "app.terraform.io" {\n  token = "written"\n}\n')
    named = home | {"TF_CLI_CONFIG_FILE": str(config)}
    assert hcp_token("app.terraform.io", named) == "written"
    assert hcp_token("app.terraform.io", named | {"TF_TOKEN_app_terraform_io": "given"}) == "given"
    assert hcp_token("my-tfe.io", home | {"TF_TOKEN_my__tfe_io": "dashed"}) == "dashed"
    stored.write_text("{broken")
    assert hcp_token("app.terraform.io", home) == ""


AWS = {"AWS_ACCESS_KEY_ID": "AKIAHUSHHUSHHUSHHUSH", "AWS_SECRET_ACCESS_KEY": "hush"}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    pytest.importorskip("boto3", reason="the aws extra is not installed")
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    for name, value in AWS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    return monkeypatch


class TestS3:
    @pytest.fixture
    def bucket(self, aws: pytest.MonkeyPatch) -> Iterator[Any]:
        pytest.importorskip("moto", reason="the sandbox extra is not installed")
        import boto3

        with unrecorded_cloud() as endpoint:
            aws.setenv("AWS_ENDPOINT_URL", endpoint)
            client = boto3.client("s3", region_name="us-east-1")
            client.create_bucket(Bucket="states")
            client.put_bucket_versioning(Bucket="states", VersioningConfiguration={"Status": "Enabled"})
            yield client

    def test_an_object_and_one_of_its_versions(self, bucket: Any) -> None:
        first = bucket.put_object(Bucket="states", Key="a/b", Body=CONTENT)["VersionId"]
        newer = {**STATE, "serial": 8}
        bucket.put_object(Bucket="states", Key="a/b", Body=json.dumps(newer).encode())
        state = fetch_state(S3Source("states", "a/b"))
        assert state.document == newer and state.label == "s3://states/a/b"
        assert fetch_state(S3Source("states", "a/b", version=first)).document == STATE
        objects = [item["Key"] for item in bucket.list_objects_v2(Bucket="states")["Contents"]]
        assert objects == ["a/b"], "nothing was written, no lock either"

    def test_a_role_is_assumed(self, bucket: Any) -> None:
        bucket.put_object(Bucket="states", Key="k", Body=CONTENT)
        source = S3Source("states", "k", "eu-west-1", role_arn="arn:aws:iam::123456789012:role/reader")
        assert fetch_state(source).document == STATE

    def test_what_is_not_there(self, bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        error = refused(S3Source("states", "gone"))
        assert isinstance(error, InputError) and "there is no state here" in str(error)
        assert "there is no bucket nowhere" in str(refused(S3Source("nowhere", "k")))
        bucket.put_object(Bucket="states", Key="k", Body=b"[]")
        assert "not a Terraform state" in str(refused(S3Source("states", "k")))
        assert "not a name that S3 has" in str(refused(S3Source("Not A Bucket", "k")))
        bucket.put_object(Bucket="states", Key="k", Body=b" " * (1024 * 1024 + 1))
        monkeypatch.setattr("lamplighter.tools.state_sources.STATE_LIMIT", 1024 * 1024)
        assert "is over 1 MiB" in str(refused(S3Source("states", "k")))

    @pytest.mark.parametrize(
        ("code", "status", "said"),
        [
            ("ExpiredToken", 400, "have expired; log in again"),
            ("InvalidAccessKeyId", 403, "are not valid"),
            ("AccessDenied", 403, "GetObject is not allowed; use a role that may read the object"),
            ("InternalError", 500, "GetObject failed (InternalError)"),
        ],
    )
    def test_what_aws_refuses(
        self, aws: pytest.MonkeyPatch, web: Web, code: str, status: int, said: str
    ) -> None:
        body = f"<Error><Code>{code}</Code><Message>hush</Message></Error>".encode()
        web.answers["/states/k"] = Answer(status, body, {"Content-Type": "application/xml"})
        aws.setenv("AWS_ENDPOINT_URL", web.url)
        assert said in str(refused(S3Source("states", "k")))

    def test_what_never_reaches_aws(self, aws: pytest.MonkeyPatch) -> None:
        aws.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        assert "S3 cannot be reached" in str(refused(S3Source("states", "k"), seconds=2.0))
        assert "nobody" in str(refused(S3Source("states", "k", profile="nobody")))
        aws.delenv("AWS_ACCESS_KEY_ID")
        aws.delenv("AWS_SECRET_ACCESS_KEY")
        assert "no AWS credentials were found" in str(refused(S3Source("states", "k")))

    def test_without_boto3_the_extra_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "boto3", None)
        monkeypatch.delitem(sys.modules, "lamplighter.tools._s3_object", raising=False)
        monkeypatch.delattr(tools, "_s3_object", raising=False)
        assert "lamplighter[aws]" in str(refused(S3Source("states", "k")))


@needs_terraform
class TestPull:
    def test_the_backend_of_a_directory_that_is_not_initialised(self, web: Web, tmp_path: Path) -> None:
        web.answers["/state"] = Answer(200, CONTENT)
        code = f'terraform {{\n  backend "http" {{\n    address = "{web.url}/state"\n  }}\n}}\n'
        (tmp_path / "main.tf").write_text(code)
        state = fetch_state(PullSource(tmp_path), env=dict(os.environ))
        assert state.document["lineage"] == "l" and state.label == str(tmp_path)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["main.tf"]
        assert {asked.method for asked in web.asked} == {"GET"}

    def test_providers_that_cannot_be_had_are_not_needed(self, web: Web, tmp_path: Path) -> None:
        web.answers["/state"] = Answer(200, CONTENT)
        code = f'terraform {{\n  backend "http" {{\n    address = "{web.url}/state"\n  }}\n}}\n'
        (tmp_path / "main.tf").write_text(code + 'resource "nowhere_thing" "x" {\n}\n')
        config = tmp_path / "rc"
        config.write_text(
            f'provider_installation {{\n  filesystem_mirror {{\n    path = "{tmp_path}"\n  }}\n}}\n'
        )
        env = os.environ | {"TF_CLI_CONFIG_FILE": str(config)}
        assert fetch_state(PullSource(tmp_path), env=env).document["lineage"] == "l"

    def test_a_local_workspace(self, tmp_path: Path) -> None:
        (tmp_path / "main.tf").write_text("# empty\n")
        assert "there is no state here" in str(refused(PullSource(tmp_path), dict(os.environ)))
        named = tmp_path / "terraform.tfstate.d" / "prod"
        named.mkdir(parents=True)
        (named / "terraform.tfstate").write_bytes(CONTENT)
        pulled = fetch_state(PullSource(tmp_path, "prod"), env=dict(os.environ))
        assert pulled.document["lineage"] == "l"
        assert "no workspace has this name" in str(refused(PullSource(tmp_path, "prd"), dict(os.environ)))
        assert sorted(path.name for path in named.parent.iterdir()) == ["prod"], "none was made"

    def test_a_backend_that_does_not_answer(self, tmp_path: Path) -> None:
        code = 'terraform {\n  backend "http" {\n    address   = "http://127.0.0.1:9/x"\n    retry_max = 0\n  }\n}\n'
        (tmp_path / "main.tf").write_text(code)
        error = refused(PullSource(tmp_path), dict(os.environ))
        assert "127.0.0.1:9 cannot be reached" in str(error)


def test_labels_hold_no_secret() -> None:
    assert label_of(HttpSource("https://me:hush@h/x?token=hush")) == "https://h/x"
    assert label_of(S3Source("b", "k\x1b[31m")) == "s3://b/k\\x1b[31m"
