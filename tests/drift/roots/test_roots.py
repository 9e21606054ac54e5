"""Root modules in a tree, where their states are, and which of them a change concerns."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from lamplighter.core.errors import InputError, Unavailable
from lamplighter.drift.provider_blocks import Provider
from lamplighter.drift.roots import (
    Backend,
    RootModule,
    Roots,
    changed_roots,
    find_roots,
    state_source,
)
from lamplighter.tools import process
from lamplighter.tools.state_sources import FileSource, HcpSource, HttpSource, PullSource, S3Source

PROVIDER = 'provider "aws" {\n  region = "eu-west-1"\n}\n'
RESOURCE = 'resource "aws_sqs_queue" "q" {\n}\n'


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def only(found: Roots) -> RootModule:
    assert found.problems == ()
    (root,) = found.roots
    return root


def backend(kind: str, **settings: str) -> str:
    lines = "".join(f"    {name} = {value}\n" for name, value in settings.items())
    return f'terraform {{\n  backend "{kind}" {{\n{lines}  }}\n}}\n'


class TestWhatIsARoot:
    def test_signs(self, tmp_path: Path) -> None:
        write(
            tmp_path,
            {
                "provider/main.tf": PROVIDER,
                "backend/main.tf": backend("s3"),
                "cloud/main.tf": 'terraform {\n  cloud {\n    organization = "o"\n  }\n}\n',
                "required/main.tf": "terraform {\n  required_providers {\n  }\n}\n",
                "state/main.tf": RESOURCE,
                "state/terraform.tfstate": "{}",
                "workspace/main.tf": RESOURCE,
                "workspace/terraform.tfstate.d/prod/terraform.tfstate": "{}",
                "plain/main.tf": RESOURCE,
                "docs/readme.md": "",
            },
        )
        assert {root.path: root.signs for root in find_roots(tmp_path).roots} == {
            "backend": ("backend",),
            "cloud": ("cloud",),
            "provider": ("provider",),
            "required": ("required_providers",),
            "state": ("state",),
            "workspace": ("state",),
        }

    def test_a_module_that_another_uses_is_none(self, tmp_path: Path) -> None:
        write(
            tmp_path,
            {
                "live/prod/main.tf": PROVIDER + 'module "q" {\n  source = "../../modules/queue"\n}\n',
                "modules/queue/main.tf": PROVIDER + 'module "n" {\n  source = "./naming"\n}\n',
                "modules/queue/naming/main.tf": "terraform {\n  required_providers {\n  }\n}\n",
                "modules/unused/main.tf": "terraform {\n  required_providers {\n  }\n}\n",
            },
        )
        roots = find_roots(tmp_path).roots
        assert [root.path for root in roots] == ["live/prod", "modules/unused"]
        assert roots[0].modules == ("modules/queue", "modules/queue/naming")

    def test_modules_that_use_each_other_end(self, tmp_path: Path) -> None:
        write(
            tmp_path,
            {
                "main.tf": PROVIDER + 'module "a" {\n  source = "./a"\n}\nmodule "s" {\n  source = "./"\n}\n',
                "a/main.tf": 'module "b" {\n  source = "../b"\n}\n',
                "b/main.tf": 'module "a" {\n  source = "../a"\n}\n',
            },
        )
        root = only(find_roots(tmp_path))
        assert (root.path, root.modules) == ("", ("a", "b"))

    def test_hidden_folders_and_links_are_not_searched(self, tmp_path: Path) -> None:
        write(
            tmp_path,
            {
                "main.tf": PROVIDER,
                ".terraform/modules/x/main.tf": PROVIDER,
                ".git/main.tf": PROVIDER,
                "terraform.tfstate.d/x/main.tf": PROVIDER,
            },
        )
        (tmp_path / "loop").symlink_to(tmp_path)
        assert only(find_roots(tmp_path)).path == ""

    def test_what_is_left_out_is_named(self, tmp_path: Path) -> None:
        write(tmp_path, {"a/terragrunt.hcl": "", "b/x.tf.json": "{}", "c/x.tofu": "", "d/main.tf": PROVIDER})
        found = find_roots(tmp_path)
        assert found.not_read == ("a/terragrunt.hcl", "b/x.tf.json", "c/x.tofu")
        assert [root.path for root in found.roots] == ["d"]

    def test_what_cannot_be_read_is_a_problem(self, tmp_path: Path) -> None:
        write(tmp_path, {"a/main.tf": PROVIDER, "a/bad.tf": "resource {{{\n", "b/main.tf": "\n}\n"})
        (tmp_path / "a" / "gone.tf").symlink_to("nowhere")
        found = find_roots(tmp_path)
        assert [root.path for root in found.roots] == ["a"]
        assert [problem.partition(":")[0] for problem in found.problems] == [
            "a/gone.tf",
            "a/bad.tf",
            "b/main.tf",
        ]
        assert all("\n" not in problem for problem in found.problems)

    def test_no_directory(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="no such directory"):
            find_roots(tmp_path / "gone")
        (tmp_path / "file").write_text("")
        with pytest.raises(InputError, match="is not a directory"):
            find_roots(tmp_path / "file")

    def test_a_tree_that_is_too_large_says_so(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("lamplighter.tools.root_files._FILES_LIMIT", 2)
        write(tmp_path, {f"{name}/main.tf": PROVIDER for name in "abcd"})
        assert "more than 2 files" in find_roots(tmp_path).problems[0]


class TestSettings:
    def test_accounts_and_regions(self, tmp_path: Path) -> None:
        code = """
variable "region" {
  default = "us-east-1"
}
variable "role" {
}
locals {
  account = "111111111111"
}
provider "aws" {
  region = var.region
  assume_role {
    role_arn = "arn:aws:iam::${local.account}:role/deploy"
  }
}
provider "aws" {
  alias               = "logs"
  region              = "eu-central-1"
  allowed_account_ids = ["222222222222", 333333333333]
}
provider "aws" {
  alias  = "late"
  region = data.aws_region.x.name
  assume_role {
    role_arn = var.role
  }
}
provider "random" {
}
"""
        write(tmp_path, {"main.tf": code, "terraform.tfvars": 'region = "eu-west-1"\n'})
        root = only(find_roots(tmp_path))
        assert root.providers == (
            Provider("aws", "", "eu-west-1", ("111111111111",), ("arn:aws:iam::111111111111:role/deploy",)),
            Provider("aws", "logs", "eu-central-1", ("222222222222", "333333333333")),
            Provider("aws", "late", "", (), (), ("region", "assume_role.role_arn")),
            Provider("random"),
        )
        assert root.accounts == {"111111111111", "222222222222", "333333333333"}
        assert root.regions == {"eu-west-1", "eu-central-1"}

    def test_a_backend_and_what_init_was_given_besides(self, tmp_path: Path) -> None:
        left = {
            "backend": {
                "type": "s3",
                "config": {"bucket": "b", "key": "old", "secret_key": "hush", "region": None},
            }
        }
        write(
            tmp_path,
            {"main.tf": backend("s3", key='"k"'), ".terraform/terraform.tfstate": json.dumps(left)},
        )
        root = only(find_roots(tmp_path))
        assert root.backend == Backend("s3", {"bucket": "b", "key": "k"})
        assert "hush" not in repr(root)

    @pytest.mark.parametrize(
        "content", ["{", "[]", '{"backend": 3}', '{"backend": {"type": "s3"}}', "[" * 5000]
    )
    def test_a_broken_record_of_init_is_as_none(self, tmp_path: Path, content: str) -> None:
        write(tmp_path, {"main.tf": backend("s3", bucket='"b"'), ".terraform/terraform.tfstate": content})
        assert only(find_roots(tmp_path)).backend == Backend("s3", {"bucket": "b"})

    def test_workspaces(self, tmp_path: Path) -> None:
        write(
            tmp_path,
            {
                "main.tf": PROVIDER,
                "terraform.tfstate.d/prod/terraform.tfstate": "{}",
                "terraform.tfstate.d/stage/terraform.tfstate": "{}",
                ".terraform/environment": "stage\n",
            },
        )
        root = only(find_roots(tmp_path))
        assert (root.workspace, root.workspaces) == ("stage", ("prod", "stage"))
        other = only(find_roots(tmp_path, workspace="dev"))
        assert (other.workspace, other.workspaces) == ("dev", ("dev", "prod", "stage"))


class TestStateSources:
    @pytest.mark.parametrize(
        ("code", "workspace", "source"),
        [
            (PROVIDER, "", FileSource(Path("T/terraform.tfstate"))),
            (PROVIDER, "prod", FileSource(Path("T/terraform.tfstate.d/prod/terraform.tfstate"))),
            (backend("local", path='"x/y.tfstate"'), "", FileSource(Path("T/x/y.tfstate"))),
            (backend("s3", bucket='"b"', key='"k"'), "", S3Source("b", "k")),
            (backend("s3", bucket='"b"', key='"k"', region='"r"'), "prod", S3Source("b", "env:/prod/k", "r")),
            (
                backend(
                    "s3", bucket='"b"', key='"k"', workspace_key_prefix='"w"', role_arn='"a"', profile='"p"'
                ),
                "prod",
                S3Source("b", "w/prod/k", "", "p", "a"),
            ),
            (
                backend("s3", bucket='"b"', key='"k"', assume_role='{ role_arn = "a" }'),
                "",
                S3Source("b", "k", role_arn="a"),
            ),
            (backend("s3", bucket='"b"'), "", PullSource(Path("T"))),
            (backend("s3", bucket='"b"', key="var.k"), "", PullSource(Path("T"))),
            (backend("s3", bucket='"b"', key='"k"', endpoints='{ s3 = "x" }'), "", PullSource(Path("T"))),
            (backend("s3", bucket='"b"'), "prod", PullSource(Path("T"), "prod")),
            (backend("http", address='"https://h/s"'), "", HttpSource("https://h/s", in_code=True)),
            (backend("gcs", bucket='"b"'), "", PullSource(Path("T"))),
            (
                'terraform {\n  cloud {\n    organization = "o"\n    workspaces {\n      name = "w"\n    }\n  }\n}\n',
                "",
                HcpSource("o", "w"),
            ),
            (
                'terraform {\n  cloud {\n    organization = "o"\n    workspaces {\n      tags = ["a"]\n    }\n  }\n}\n',
                "w",
                HcpSource("o", "w"),
            ),
            (
                'terraform {\n  backend "remote" {\n    hostname = "h.example"\n    organization = "o"\n'
                '    workspaces {\n      prefix = "app-"\n    }\n  }\n}\n',
                "prod",
                HcpSource("o", "app-prod", "h.example"),
            ),
            ("terraform {\n  cloud {\n  }\n}\n", "", PullSource(Path("T"))),
        ],
    )
    def test_from_the_backend(self, tmp_path: Path, code: str, workspace: str, source: object) -> None:
        write(tmp_path / "T", {"main.tf": code})
        found = find_roots(tmp_path)
        told = state_source(only(found), found.directory, workspace)
        assert repr(told) == repr(source).replace("'T", f"'{tmp_path}/T")


needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def run(folder: Path, *arguments: str) -> None:
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_GLOBAL": os.devnull}
    identity = ["-c", "user.name=n", "-c", "user.email=e@example.com", "-c", "init.defaultBranch=main"]
    done = process.run(["git", *identity, *arguments], cwd=folder, env=env)
    assert done.code == 0, done.stderr


def commit(folder: Path) -> None:
    run(folder, "add", "-A")
    run(folder, "commit", "-q", "-m", "m")


@needs_git
class TestChangedSince:
    @pytest.fixture
    def tree(self, tmp_path: Path) -> Path:
        write(
            tmp_path,
            {
                "live/prod/main.tf": PROVIDER + 'module "q" {\n  source = "../../modules/queue"\n}\n',
                "live/stage/main.tf": PROVIDER,
                "live/stage/policies/p.json": "{}",
                "live/stage/nested/main.tf": PROVIDER,
                "modules/queue/main.tf": 'module "n" {\n  source = "../naming"\n}\n',
                "modules/naming/main.tf": "# names\n",
                "readme.md": "",
            },
        )
        run(tmp_path, "init", "-q")
        commit(tmp_path)
        run(tmp_path, "tag", "start")
        return tmp_path

    def changed(self, tree: Path, ref: str = "start") -> list[str]:
        return [root.path for root in find_roots(tree, changed_since=ref).roots]

    def test_nothing(self, tree: Path) -> None:
        assert self.changed(tree) == []
        write(tree, {"readme.md": "x"})
        assert self.changed(tree) == []

    @pytest.mark.parametrize(
        ("path", "roots"),
        [
            ("live/stage/main.tf", ["live/stage"]),
            ("live/stage/policies/p.json", ["live/stage"]),
            ("live/stage/nested/x.tf", ["live/stage/nested"]),
            ("modules/naming/main.tf", ["live/prod"]),
            ("live/prod/ö e\n.tf", ["live/prod"]),
        ],
    )
    @pytest.mark.parametrize("committed", [False, True])
    def test_files_and_modules(self, tree: Path, path: str, roots: list[str], committed: bool) -> None:
        write(tree, {path: PROVIDER + "# changed\n"})
        if committed:
            commit(tree)
        assert self.changed(tree) == roots

    def test_what_was_deleted_or_moved(self, tree: Path) -> None:
        (tree / "live/stage/policies/p.json").rename(tree / "live/prod/p.json")
        commit(tree)
        assert self.changed(tree) == ["live/prod", "live/stage"]

    def test_what_changed_on_the_other_branch_does_not_count(self, tree: Path) -> None:
        run(tree, "switch", "-q", "-c", "other")
        write(tree, {"live/stage/main.tf": "# theirs\n" + PROVIDER})
        commit(tree)
        run(tree, "switch", "-q", "-c", "mine", "start")
        write(tree, {"live/prod/x.tf": "# mine\n"})
        commit(tree)
        assert self.changed(tree, "other") == ["live/prod"]

    def test_modules_outside_of_the_directory_count(self, tree: Path) -> None:
        assert self.changed(tree / "live" / "prod") == []
        write(tree, {"modules/naming/main.tf": "# changed\n", "live/stage/main.tf": "# changed\n" + PROVIDER})
        assert self.changed(tree / "live" / "prod") == [""]
        assert self.changed(tree / "live") == ["prod", "stage"]

    @pytest.mark.parametrize(
        "ref",
        ["", "-p", "--output=x", "a..b", "a b", "a\nb", "main:x", "$(id)", ":/x", "a/", "\x1b[31m", "../x"],
    )
    def test_a_hostile_ref_is_refused(self, tree: Path, ref: str) -> None:
        if not ref:
            return
        with pytest.raises(InputError, match="is no git ref") as caught:
            find_roots(tree, changed_since=ref)
        assert str(caught.value).isprintable() and not (tree / "x").exists()

    @pytest.mark.parametrize("ref", ["nowhere", "HEAD~99", "start^{tree}", "0" * 40])
    def test_a_ref_that_names_no_commit(self, tree: Path, ref: str) -> None:
        with pytest.raises(InputError, match="names no commit here"):
            find_roots(tree, changed_since=ref)

    def test_no_common_history(self, tree: Path) -> None:
        run(tree, "switch", "-q", "--orphan", "apart")
        write(tree, {"main.tf": PROVIDER})
        commit(tree)
        with pytest.raises(InputError, match="has no common history"):
            find_roots(tree, changed_since="start")

    def test_programs_that_the_repository_names_do_not_run(self, tree: Path) -> None:
        spy = tree / ".git" / "spy"
        spy.write_text(f"#!/bin/sh\ntouch {tree}/ran\n")
        spy.chmod(0o755)
        for name in ("core.fsmonitor", "diff.external", "diff.tf.textconv", "diff.tf.command"):
            run(tree, "config", name, str(spy))
        (tree / ".git" / "info" / "attributes").write_text("*.tf diff=tf\n")
        write(tree, {"live/stage/main.tf": PROVIDER + "# changed\n"})
        assert self.changed(tree) == ["live/stage"]
        assert not (tree / "ran").exists()

    def test_the_environment_does_not_lead_elsewhere(
        self, tree: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GIT_DIR", "/nowhere")
        monkeypatch.setenv("GIT_EXTERNAL_DIFF", "/bin/false")
        write(tree, {"live/stage/main.tf": PROVIDER + "# changed\n"})
        assert self.changed(tree) == ["live/stage"]

    def test_no_repository_and_no_git(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write(tmp_path, {"main.tf": PROVIDER})
        monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
        with pytest.raises(InputError, match="is not in a git repository; ") as caught:
            find_roots(tmp_path, changed_since="main")
        assert "\n" not in str(caught.value)
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(Unavailable, match="git: is not found"):
            find_roots(tmp_path, changed_since="main")


def test_an_unrelated_file_beside_the_tree_concerns_nobody() -> None:
    root = RootModule("", ("provider",), Backend("local"), (), ("../modules/a",), ("default",), "default")
    assert changed_roots([root], ["../readme.md", "../../x.tf"]) == ()
    assert changed_roots([root], ["../modules/a/files/x.json"]) == (root,)
    assert changed_roots([root], ["deep/x.json"]) == (root,)
