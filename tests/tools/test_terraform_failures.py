"""Each failure is one line with its remedy: Terraform's own words where it can be made to say them here."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lamplighter.core.results import Status, ToolResult
from lamplighter.tools.terraform import Terraform
from lamplighter.tools.terraform_failures import Lock, explain, lock_of
from tests.tools.web import Answer, Web, served

needs_terraform = pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed")

RECORDED: dict[str, tuple[str, str]] = {
    # What it said, and what is said of it. From Terraform 1.11.4 and hashicorp/aws 5.100, and for what has no server
    # here from their sources.
    "expired": (
        "Error: Retrieving AWS account details: validating provider credentials: retrieving caller identity from STS: "
        "operation error STS: GetCallerIdentity, https response error StatusCode: 403, RequestID: , api error "
        "ExpiredToken: The security token included in the request is expired\n",
        "the AWS credentials have expired; log in again",
    ),
    "sso": ("Error: refreshing cached SSO token: the SSO session has expired or is invalid", "have expired"),
    "nobody": (
        "Error: No valid credential sources found\n\n  with provider[...]",
        "no credentials were found",
    ),
    "invalid": ("api error InvalidClientTokenId: The security token is invalid", "are not valid"),
    "denied": (
        "api error AccessDenied: User: arn:aws:iam::1:user/x is not authorized to perform: s3:ListBucket on resource",
        "the credentials may not call s3:ListBucket",
    ),
    "forbidden": ("Error: reading SQS Queue: StatusCode: 403, api error Forbidden", "may not do this"),
    "state version": (
        "Error: state snapshot was created by Terraform v1.99.0, which is newer than current v1.11.4; upgrade to "
        "Terraform v1.99.0 or greater to work with this state",
        "written by Terraform 1.99.0, this one is 1.11.4; use Terraform 1.99.0 or later",
    ),
    "hcp token": ("Error: Required token could not be found\n\nRun the following command", "no credentials"),
    "checksum": (
        "Error: Failed to install provider\n\nError while installing hashicorp/aws v5.100.0: the local package for "
        "registry.terraform.io/hashicorp/aws 5.100.0 doesn't match any of the checksums previously recorded in the "
        "dependency lock file",
        "is not the one that .terraform.lock.hcl records",
    ),
    "backend changed": ("Error: Backend configuration changed\n\nA change in the backend", "-reconfigure"),
    "bucket": (
        'Error: Failed to get existing workspaces: S3 bucket "b" does not exist.',
        "the state's bucket does not exist",
    ),
    "dns": (
        'Post "https://sts.eu-west-1.amazonaws.com/": dial tcp: lookup sts.eu-west-1.amazonaws.com: no such host',
        "cannot be reached",
    ),
    "certificate": (
        'Get "https://h/": tls: failed to verify certificate: x509: certificate signed by unknown authority',
        "cannot be reached",
    ),
    "stale": ("Error: Saved plan is stale\n\nThe given plan file can no longer be applied", "plan again"),
    "state format": (
        "Error: Unsupported state file format\n\nThe state file uses format version 5, which is not supported by "
        "Terraform 1.11.4. This state file was created by Terraform 1.99.0.",
        "the state has format 5, which version 1.11.4 cannot read",
    ),
    "state broken": (
        "Error message: 2 problems:\n- Unsupported state file format: The state file could not be parsed as JSON",
        "the state is not one that can be read",
    ),
    "own version": (
        "Error: Unsupported Terraform Core version\n\n  on main.tf line 2, in terraform:\n\nThis configuration does "
        "not support Terraform version 1.11.4. To proceed, either choose another",
        "the code does not allow version 1.11.4",
    ),
    "no init": ("Error: Module not installed\n\n  on main.tf line 1:", "the directory is not initialised"),
    "mirror": (
        "Error: Failed to query available provider packages\n\nCould not retrieve the list of available versions for\n"
        "provider hashicorp/foo: provider registry.terraform.io/hashicorp/foo was not\nfound in any of the search "
        "locations\n\n  - /mirror",
        "provider hashicorp/foo is not in the configured mirror",
    ),
    "provider version": (
        "Could not retrieve the list of available versions for provider hashicorp/aws:\nno available releases match "
        "the given constraints >= 6.0.0, < 7.0.0\n\nTo see which modules",
        "no version of provider hashicorp/aws fits >= 6.0.0, < 7.0.0",
    ),
    "registry": (
        "Error: Failed to query available provider packages\n\nCould not retrieve the list of available versions for "
        "provider hashicorp/aws: could not connect to registry.terraform.io: failed to request discovery document",
        "a provider cannot be had; check the network",
    ),
    "module": (
        'Error: Failed to download module\n\nCould not download module "x" (main.tf:1) source code from "git::https',
        "module x (main.tf:1) cannot be downloaded",
    ),
    "http": ("Error: Error refreshing state: HTTP remote state endpoint requires auth", "TF_HTTP_USERNAME"),
    "refused": (
        'Get "http://127.0.0.1:9/x": dial tcp 127.0.0.1:9: connect: connection refused',
        "127.0.0.1:9 cannot be reached (connect: connection refused)",
    ),
    "variable": (
        'Error: No value for required variable\n\nThe root module input variable "must" is not set, and has no default',
        "variable must has no value",
    ),
    "workspace": (
        'Initializing the backend...\n\nError: Currently selected workspace "nope" does not exist\n\nThe currently '
        "selected workspace (nope) does not exist.",
        "no workspace is selected that exists",
    ),
    "flag": (
        "Error: Failed to parse command-line flags\n\nflag provided but not defined: -bogus",
        "an option is not known",
    ),
    "nothing": ("", "it failed and said nothing"),
}


@pytest.mark.parametrize("name", RECORDED)
def test_words_and_what_is_said_of_them(name: str) -> None:
    text, said = RECORDED[name]
    failure = explain(text)
    assert said in failure.line and "\n" not in failure.line
    expected = {"expired", "sso", "nobody", "invalid", "denied", "forbidden", "hcp token", "http"}
    assert (failure.status is Status.DENIED) == (name in expected)


def test_boxes_and_colours_are_taken_out() -> None:
    text = (
        "\x1b[31m╷\x1b[0m\x1b[0m\n\x1b[31m│\x1b[0m \x1b[0m\x1b[1m\x1b[31mError: \x1b[0m\x1b[0m\x1b[1mInconsistent "
        "dependency lock file\x1b[0m\n\x1b[31m│\x1b[0m \x1b[0m\n\x1b[31m│\x1b[0m \x1b[0mThe following\n\x1b[31m╵\x1b[0m"
    )
    assert explain(text).line == "the directory is not initialised; run `terraform init` in it"


def test_an_unknown_error_is_its_heading_place_and_first_sentence() -> None:
    text = (
        "\nError: creating S3 Bucket (x): BucketAlreadyExists\n\n  with aws_s3_bucket.x,\n  on main.tf line 3, in "
        'resource "aws_s3_bucket" "x":\n   3: resource "aws_s3_bucket" "x" {\n\nThe name is taken. Choose another.\n'
    )
    failure = explain(text)
    assert failure.line == "creating S3 Bucket (x): BucketAlreadyExists (main.tf line 3): The name is taken."
    assert failure.kind == "other"


def test_what_it_prints_is_shown_harmless_and_without_secrets() -> None:
    failure = explain("Error: bad \x07thing password=hush12345 \u202e" + "x" * 1000)
    assert "hush" not in failure.line and len(failure.line) < 400
    assert failure.line.isprintable()


def test_who_holds_the_lock() -> None:
    text = """
Error: Error acquiring the state lock

Error message: operation error S3: PutObject, https response error StatusCode:
412, RequestID: X, HostID: Y, api error PreconditionFailed: At least one of the
pre-conditions you specified did not hold
Lock Info:
  ID:        6f0a7b4e-0000-1111-2222-333344445555
  Path:      states/prod.tfstate
  Operation: OperationTypeApply
  Who:       ci@runner-7
  Version:   1.11.4
  Created:   2026-11-20 09:30:00.123456789 +0000 UTC
  Info:


Terraform acquires a state lock to protect the state from being written
"""
    assert lock_of(text) == Lock(
        "6f0a7b4e-0000-1111-2222-333344445555", "ci@runner-7", "2026-11-20 09:30:00 UTC", "apply"
    )
    assert explain(text).line == (
        "the state is locked by ci@runner-7 since 2026-11-20 09:30:00 UTC (apply, lock "
        "6f0a7b4e-0000-1111-2222-333344445555); wait for it; where it is dead, `terraform force-unlock "
        "6f0a7b4e-0000-1111-2222-333344445555`"
    ).replace(", lock 6f0a7b4e-0000-1111-2222-333344445555", "")
    assert lock_of("Error: something else") is None


def test_every_entry_of_the_table_is_said_by_some_text_here() -> None:
    table = Path(__file__).parents[2] / "tools" / "terraform_failures.toml"
    entries = tomllib.loads(table.read_text())["failure"]
    told: set[int] = set()
    for text, _ in RECORDED.values():
        flat = " ".join(text.split())
        first = [i for i, entry in enumerate(entries) if re.search(entry["pattern"], flat, re.IGNORECASE)][:1]
        assert [explain(text).kind] == [entries[index]["kind"] for index in first] or not first
        told.update(first)
    assert [entry for index, entry in enumerate(entries) if index not in told] == []


@pytest.fixture
def web() -> Iterator[Web]:
    with served() as found:
        yield found


def http_backend(url: str) -> str:
    return (
        f'terraform {{\n  backend "http" {{\n    address        = "{url}"\n    lock_address   = "{url}"\n'
        f'    unlock_address = "{url}"\n    retry_max      = 0\n  }}\n}}\n'
    )


def failure(result: ToolResult[Any]) -> str:
    assert result.data is None and "\n" not in result.problem
    return result.problem


@needs_terraform
class TestReal:
    @pytest.fixture
    def project(self, tmp_path: Path) -> Path:
        (tmp_path / "mirror").mkdir()
        (tmp_path / "root").mkdir()
        return tmp_path / "root"

    def terraform(self, project: Path, code: str) -> Terraform:
        (project / "main.tf").write_text(code)
        config = project.parent / "rc"
        mirror = project.parent / "mirror"
        config.write_text(
            f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirror}"\n  }}\n}}\n'
        )
        return Terraform(project, env=os.environ | {"TF_CLI_CONFIG_FILE": str(config)})

    def plan(self, terraform: Terraform, **more: Any) -> str:
        return failure(terraform.plan(terraform.directory / "plan", **more))

    @pytest.mark.parametrize(
        "code",
        [
            'resource "aws_sqs_queue" "q" {\n}\n',
            'terraform {\n  backend "s3" {\n    bucket = "b"\n    key    = "k"\n  }\n}\n',
            'module "m" {\n  source = "./none"\n}\n',
        ],
        ids=["provider", "backend", "module"],
    )
    def test_no_init(self, project: Path, code: str) -> None:
        assert self.plan(self.terraform(project, code)) == (
            "the directory is not initialised; run `terraform init` in it"
        )

    @pytest.mark.parametrize(
        ("code", "said"),
        [
            (
                'resource "aws_sqs_queue" "q" {\n}\n',
                "provider hashicorp/aws is not in the configured mirror; add it",
            ),
            (
                'module "x" {\n  source = "git::https://127.0.0.1:9/x.git"\n}\n',
                "module x (main.tf:1) cannot be",
            ),
            ('terraform {\n  required_version = ">= 99.0"\n}\n', "the code does not allow version 1."),
            ("resource {\n", "main.tf line 1"),
        ],
        ids=["provider", "module", "version", "syntax"],
    )
    def test_an_init_that_fails(self, project: Path, code: str, said: str) -> None:
        assert said in failure(self.terraform(project, code).init())

    def test_a_provider_version_that_is_not_there(self, project: Path) -> None:
        package = project.parent / "mirror/registry.terraform.io/hashicorp/aws/1.0.0/linux_amd64"
        package.mkdir(parents=True)
        (package / "terraform-provider-aws_v1.0.0").write_text("")
        wanted = 'source = "hashicorp/aws"\n      version = ">= 6.0"'
        code = f"terraform {{\n  required_providers {{\n    aws = {{\n      {wanted}\n    }}\n  }}\n}}\n"
        assert "no version of provider hashicorp/aws fits >= 6.0" in failure(
            self.terraform(project, code).init()
        )

    def test_a_variable_without_a_value(self, project: Path) -> None:
        terraform = self.terraform(project, 'variable "must" {\n}\n')
        assert self.plan(terraform) == (
            "variable must has no value; give a variable file, or set TF_VAR_must"
        )

    def test_an_option_from_the_environment(self, project: Path) -> None:
        terraform = self.terraform(project, "")
        terraform.env["TF_CLI_ARGS_plan"] = "-bogus"
        assert "look at TF_CLI_ARGS" in self.plan(terraform)

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            ('{"version": 5, "terraform_version": "1.99.0"}', "the state has format 5, which version 1."),
            ("garbage", "the state is not one that can be read"),
        ],
        ids=["newer", "broken"],
    )
    @pytest.mark.parametrize("lock", [None, 0.0], ids=["unlocked", "locking"])
    def test_a_state_that_cannot_be_read(
        self, project: Path, content: str, said: str, lock: float | None
    ) -> None:
        (project / "terraform.tfstate").write_text(content)
        terraform = self.terraform(project, "")
        assert said in self.plan(terraform, lock_seconds=lock)
        assert said in failure(terraform.pull_state())

    def test_a_local_lock_of_another_process(self, project: Path) -> None:
        terraform = self.terraform(project, 'output "a" {\n  value = 1\n}\n')
        state = project / "terraform.tfstate"
        state.write_text(
            '{"version": 4, "terraform_version": "1.0.0", "serial": 1, "lineage": "l", "resources": []}'
        )
        child = os.fork()
        if child == 0:  # a lock of one's own process is none
            signal_read, signal_write = os.pipe()
            os.close(signal_write)
            with state.open("r+") as stream:
                fcntl.lockf(stream, fcntl.LOCK_EX)
                (project / "ready").touch()
                os.read(signal_read, 1)
                while not (project / "over").exists():
                    os.sched_yield()
            os._exit(0)
        try:
            while not (project / "ready").exists():
                os.sched_yield()
            locked = self.plan(terraform, lock_seconds=0)
            assert locked == "the state is locked by another process on this machine; wait for it to end"
            assert terraform.plan(project / "plan").status is Status.OK, "a plan without a lock asks for none"
            assert terraform.pull_state().status is Status.OK
        finally:
            (project / "over").touch()
            os.waitpid(child, 0)

    def test_a_lock_on_an_http_backend(self, project: Path, web: Web) -> None:
        """Terraform shows its own request there as "Lock Info"; only the id is that of the holder."""
        held = json.dumps(
            {"ID": "11111111-2222", "Who": "ci@runner-7", "Operation": "OperationTypeApply"}
        ).encode()
        web.answers["/state"] = lambda handler: (
            Answer(423, held) if handler.command == "LOCK" else Answer(404)
        )
        terraform = self.terraform(project, http_backend(f"{web.url}/state"))
        assert terraform.init().problem == ""
        assert self.plan(terraform, lock_seconds=0) == (
            "the state is locked; wait for it; where it is dead, `terraform force-unlock 11111111-2222`"
        )
        web.asked.clear()
        assert terraform.planned(mode="refresh-only").status is Status.OK
        assert {asked.method for asked in web.asked} == {"GET"}

    @pytest.mark.parametrize(
        ("status", "said", "denied"),
        [(401, "TF_HTTP_USERNAME", True), (403, "TF_HTTP_USERNAME", True), (500, "cannot be reached", False)],
    )
    def test_an_http_backend_that_refuses(
        self, project: Path, web: Web, status: int, said: str, denied: bool
    ) -> None:
        web.answers["/state"] = Answer(status)
        terraform = self.terraform(project, http_backend(f"{web.url}/state"))
        for result in (terraform.init(), terraform.pull_state()):
            assert said in failure(result)
            assert result.status is (Status.DENIED if denied else Status.ERROR)
        # Where the first thing asked for is a lock, it is no lock that failed.
        assert said in self.plan(terraform, lock_seconds=0)

    def test_a_backend_that_is_not_there(self, project: Path) -> None:
        terraform = self.terraform(project, http_backend("http://127.0.0.1:9/state"))
        for result in (terraform.init(), terraform.pull_state()):
            assert "127.0.0.1:9 cannot be reached (connect: connection refused)" in failure(result)
        assert "127.0.0.1:9 cannot be reached" in self.plan(terraform, lock_seconds=0)

    def test_an_s3_backend_with_expired_credentials(self, project: Path, web: Web) -> None:
        body = b"<ErrorResponse><Error><Code>ExpiredToken</Code><Message>expired</Message></Error></ErrorResponse>"
        web.answers["/"] = Answer(403, body)
        code = (
            'terraform {\n  backend "s3" {\n    bucket = "b"\n    key = "k"\n    region = "eu-west-1"\n'
            "    max_retries = 1\n  }\n}\n"
        )
        terraform = self.terraform(project, code)
        terraform.env |= {
            "AWS_ENDPOINT_URL": web.url,
            "AWS_ACCESS_KEY_ID": "AKIAXXXXXXXXXXXXXXXX",
            "AWS_SECRET_ACCESS_KEY": "hush",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        terraform.env.pop("AWS_CA_BUNDLE", None)
        result = terraform.init()
        assert "have expired" in failure(result) and result.status is Status.DENIED
