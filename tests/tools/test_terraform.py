"""The Terraform adapter: its spelling, what it keeps out of arguments, and the real program where there is one."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest

from lamplighter.core.errors import InputError, Unavailable
from lamplighter.core.results import Outcome, Status
from lamplighter.tools.terraform import Terraform, evaluate, opened
from tests.tools.standin import calls, standin

needs_terraform = pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed")

CODE = 'variable "a" {\n  default = "x"\n}\nresource "terraform_data" "one" {\n  input = var.a\n}\n'


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_arguments_are_a_list_with_the_flags_first(tmp_path: Path) -> None:
    argv = Terraform(tmp_path).arguments("show", "./a b; rm", json=True)
    assert argv == ["terraform", "show", "-no-color", "-json", "./a b; rm"]


def test_an_argument_never_becomes_an_option(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="starts with a dash"):
        Terraform(tmp_path).arguments("show", "-chdir=/")


def test_a_missing_terraform_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="not found"):
        Terraform(tmp_path, program="terraform-that-is-not-there").version()


class TestCalls:
    """What the program is called with, seen by a program in its place; here it is called `tofu`."""

    def test_a_plan(self, tmp_path: Path) -> None:
        env = standin(tmp_path, "tofu")
        terraform = Terraform(tmp_path, program="tofu", env=env)
        made = terraform.plan(
            tmp_path / "plan",
            mode="refresh-only",
            targets=['a.b["c d"]', "module.m"],
            var_files=[tmp_path / "x.tfvars"],
        )
        assert made.status is Status.OK and made.query.startswith("tofu plan ")
        assert calls(tmp_path)[0]["argv"] == [
            "plan",
            "-no-color",
            "-input=false",
            f"-out={tmp_path / 'plan'}",
            "-parallelism=10",
            '-target=a.b["c d"]',
            "-target=module.m",
            f"-var-file={tmp_path / 'x.tfvars'}",
            "-lock=false",
            "-refresh-only",
        ]
        terraform.plan(tmp_path / "plan", lock_seconds=90)
        argv = calls(tmp_path)[1]["argv"]
        assert "-lock-timeout=90s" in argv and "-lock=false" not in argv and "-refresh-only" not in argv

    def test_nothing_is_asked_and_nothing_is_logged(self, tmp_path: Path) -> None:
        env = standin(tmp_path, "tofu") | {"TF_LOG": "trace", "TF_LOG_PATH": str(tmp_path / "log")}
        env.pop("TF_CLI_CONFIG_FILE", None)
        Terraform(tmp_path, program="tofu", env=env, workspace="prod").pull_state()
        call = calls(tmp_path)[0]
        assert call["stdin"] == ""
        assert {name: value for name, value in call["env"].items() if name.startswith(("TF_", "CHECK"))} == {
            "TF_IN_AUTOMATION": "1",
            "TF_INPUT": "0",
            "CHECKPOINT_DISABLE": "1",
            "TF_WORKSPACE": "prod",
        }

    def test_backend_settings_are_in_no_argument(self, tmp_path: Path) -> None:
        env = standin(tmp_path, "tofu")
        given = {"bucket": "b", "password": 'hush"\n${x}'}
        result = Terraform(tmp_path, program="tofu", env=env).init(
            backend_config=given, backend_files=[tmp_path / "b.hcl"], plugin_dir=tmp_path
        )
        call = calls(tmp_path)[0]
        assert "hush" not in json.dumps(call["argv"]) and "hush" not in result.query
        text, mode = call["files"]["-backend-config"]
        assert text == 'bucket = "b"\npassword = "hush\\"\\n$${x}"\n' and mode == 0o600
        assert f"-backend-config={tmp_path / 'b.hcl'}" in call["argv"]
        assert f"-plugin-dir={tmp_path}" in call["argv"]
        written = next(
            word for word in call["argv"] if word.startswith("-backend-config=") and "b.hcl" not in word
        )
        assert not Path(written.partition("=")[2]).exists()

    def test_a_setting_that_is_none(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="is no backend setting"):
            Terraform(tmp_path, env=standin(tmp_path, "terraform")).init(backend_config={"a = b\nc": "d"})

    def test_output_is_bounded(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("lamplighter.tools.terraform._OUTPUT_LIMIT", 1024 * 1024)
        env = standin(tmp_path, "tofu", "print('x' * 3_000_000)")
        result = Terraform(tmp_path, program="tofu", env=env).pull_state()
        assert result.status is Status.ERROR and "printed more than 1 MiB" in result.problem

    def test_what_is_no_json_is_an_error(self, tmp_path: Path) -> None:
        env = standin(tmp_path, "tofu", "print('{')")
        result = Terraform(tmp_path, program="tofu", env=env).show_json()
        assert result.status is Status.ERROR and result.problem == "what it printed is not JSON"
        with pytest.raises(Unavailable, match="does not tell its version"):
            Terraform(tmp_path, program="tofu", env=env).version()

    def test_a_claim_is_in_the_user_agent(self, tmp_path: Path) -> None:
        env = standin(
            tmp_path, "tofu", "print('Apply complete! Resources: 1 added, 0 changed, 0 destroyed.')"
        )
        (tmp_path / "plan").write_bytes(b"p")
        done = Terraform(tmp_path, program="tofu", env=env).apply(tmp_path / "plan", claim="lamp/ap-1/0")
        assert done.outcome is Outcome.DONE and done.detail.startswith("Apply complete!")
        call = calls(tmp_path)[0]
        assert call["argv"] == ["apply", "-no-color", "-input=false", str(tmp_path / "plan")]
        assert call["env"]["TF_APPEND_USER_AGENT"] == "lamp/ap-1/0"


@needs_terraform
def test_the_real_program_tells_its_version_and_validates(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text('variable "a" { type = string }\noutput "b" { value = var.c }\n')
    terraform = Terraform(tmp_path)
    assert terraform.version()[0].isdigit()
    result = terraform.validate()
    assert result.status is Status.OK
    assert result.data is not None
    assert result.data["valid"] is False


@needs_terraform
class TestOpened:
    def test_a_directory_that_is_not_initialised_is_left_as_it_is(self, tmp_path: Path) -> None:
        (tmp_path / "main.tf").write_text(CODE)
        before = contents(tmp_path)
        with opened(tmp_path) as terraform:
            scratch = terraform.scratch
            assert terraform.mirrored and scratch is not None
            assert scratch.stat().st_mode & 0o777 == 0o700
            assert terraform.init().status is Status.OK
            assert terraform.pull_state().status is Status.NO_DATA
            plan = terraform.planned().data
            assert plan is not None
            assert [item["address"] for item in plan["resource_changes"]] == ["terraform_data.one"]
            schemas = terraform.schemas().data
            assert schemas is not None and schemas["provider_schemas"]
            assert terraform.workspaces().data == ("default",)
        assert contents(tmp_path) == before and not scratch.exists()

    def test_a_refused_apply_in_a_mirror(self, tmp_path: Path) -> None:
        (tmp_path / "main.tf").write_text(CODE)
        with opened(tmp_path) as terraform:
            terraform.init()
            assert terraform.plan(tmp_path / "plan").data
            done = terraform.apply(tmp_path / "plan")
        assert done.outcome is Outcome.REFUSED and "terraform init" in done.detail
        assert not (tmp_path / "terraform.tfstate").exists()

    def test_an_initialised_directory_is_used_where_it_is(self, tmp_path: Path) -> None:
        (tmp_path / "main.tf").write_text(CODE + 'terraform {\n  backend "local" {\n  }\n}\n')
        assert Terraform(tmp_path).init().status is Status.OK
        before = contents(tmp_path)
        with opened(tmp_path) as terraform:
            assert not terraform.mirrored and terraform.directory == tmp_path
            assert terraform.planned(mode="refresh-only").status is Status.OK
            assert terraform.planned().status is Status.OK
        assert contents(tmp_path) == before

    def test_modules_beside_and_above_are_found(self, tmp_path: Path) -> None:
        root = tmp_path / "live" / "prod"
        for folder in (root, tmp_path / "live" / "modules" / "a", tmp_path / "shared"):
            folder.mkdir(parents=True)
        (root / "main.tf").write_text('module "a" {\n  source = "../modules/a"\n}\n')
        (tmp_path / "live" / "modules" / "a" / "main.tf").write_text(
            'module "s" {\n  source = "../../../shared"\n}\n'
        )
        (tmp_path / "shared" / "main.tf").write_text(
            'locals {\n  text = file("${path.module}/note.txt")\n}\n'
            'resource "terraform_data" "deep" {\n  input = local.text\n}\n'
        )
        (tmp_path / "shared" / "note.txt").write_text("a note")
        before = contents(tmp_path)
        with opened(root) as terraform:
            assert terraform.init().problem == ""
            plan = terraform.planned().data
        assert plan is not None
        change = plan["resource_changes"][0]
        assert change["address"] == "module.a.module.s.terraform_data.deep"
        assert change["change"]["after"]["input"] == "a note"
        assert contents(tmp_path) == before

    def test_the_lock_file_counts_and_stays(self, tmp_path: Path) -> None:
        (tmp_path / "main.tf").write_text(CODE)
        (tmp_path / ".terraform.lock.hcl").write_text("# of this project\n")
        with opened(tmp_path) as terraform:
            assert terraform.init().status is Status.OK
            assert (terraform.directory / ".terraform.lock.hcl").read_text().startswith("# of this")
            assert not (terraform.directory / ".terraform.lock.hcl").is_symlink()
        assert contents(tmp_path)[".terraform.lock.hcl"] == b"# of this project\n"

    def test_what_is_no_directory(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="no such directory"), opened(tmp_path / "gone"):
            pass


@needs_terraform
class TestWorkspaces:
    def test_one_is_chosen_and_none_is_made(self, tmp_path: Path) -> None:
        (tmp_path / "main.tf").write_text(CODE)
        terraform = Terraform(tmp_path)
        terraform.init()
        prod = tmp_path / "terraform.tfstate.d" / "prod"
        prod.mkdir(parents=True)
        assert terraform.workspaces().data == ("default", "prod")
        before = sorted(str(path) for path in tmp_path.rglob("*"))
        plan = terraform.in_workspace("prod").planned()
        assert plan.status is Status.OK
        for name in ("prd", "", "a b", "../x"):
            with pytest.raises(InputError, match="no workspace has this name; there are: default, prod"):
                terraform.in_workspace(name)
        assert sorted(str(path) for path in tmp_path.rglob("*")) == before

    def test_a_name_from_the_environment_makes_none_when_listed(self, tmp_path: Path) -> None:
        (tmp_path / "main.tf").write_text(CODE)
        terraform = Terraform(tmp_path, env=os.environ | {"TF_WORKSPACE": "prd"})
        assert terraform.init().problem == ""
        assert terraform.workspaces().data == ("default",)
        for result in (terraform.plan(tmp_path / "plan"), terraform.pull_state()):
            assert result.problem == "there is no workspace prd; mend TF_WORKSPACE"
        assert not (tmp_path / "terraform.tfstate.d").exists()
        (tmp_path / "terraform.tfstate.d" / "prd").mkdir(parents=True)
        assert terraform.planned().status is Status.OK


@needs_terraform
class TestApply:
    @pytest.fixture
    def terraform(self, tmp_path: Path) -> Terraform:
        (tmp_path / "main.tf").write_text(CODE)
        terraform = Terraform(tmp_path)
        terraform.init()
        return terraform

    def test_only_the_plan_that_was_approved(self, terraform: Terraform, tmp_path: Path) -> None:
        plan = tmp_path / "plan"
        terraform.plan(plan)
        approved = hashlib.sha256(plan.read_bytes()).hexdigest()
        refused = terraform.apply(plan, sha256="0" * 64)
        assert refused.outcome is Outcome.REFUSED and "is not the plan that was approved" in refused.detail
        assert terraform.pull_state().status is Status.NO_DATA
        done = terraform.apply(plan, sha256=approved)
        assert (done.outcome, done.detail) == (
            Outcome.DONE,
            "Apply complete! Resources: 1 added, 0 changed, 0 destroyed.",
        )
        again = terraform.apply(plan, sha256=approved)
        assert again.outcome is Outcome.FAILED and "saved plan is stale" in again.detail

    def test_a_plan_that_is_not_there_or_none(self, terraform: Terraform, tmp_path: Path) -> None:
        assert terraform.apply(tmp_path / "gone").outcome is Outcome.REFUSED
        (tmp_path / "plan").write_text("no plan")
        assert terraform.apply(tmp_path / "plan").outcome is Outcome.FAILED

    def test_a_failure_on_the_way_is_unknown(self, terraform: Terraform, tmp_path: Path) -> None:
        failing = 'resource "terraform_data" "two" {\n  provisioner "local-exec" {\n    command = "exit 3"\n  }\n}\n'
        (tmp_path / "main.tf").write_text(CODE + failing)
        terraform.plan(tmp_path / "plan")
        done = terraform.apply(tmp_path / "plan")
        assert done.outcome is Outcome.UNKNOWN and "local-exec provisioner error" in done.detail


@needs_terraform
class TestEvaluate:
    def test_values_of_variables_locals_and_functions(self) -> None:
        sources = {
            "v.tf": 'variable "a" {\n  default = "x$${b}"\n}\n',
            "l.tf": 'locals {\n  c = { for i in range(2) : "k${i}" => upper(var.a) }\n}\n',
            "terraform.tfvars": 'a = "y"\n',
        }
        expressions = {
            'one"${x}': "local.c",
            "two": "length(var.a) + 1\n * 2",
            "quoted": '"a\\"b\\n%%{c} $${d}"',
            "nothing": "null",
        }
        result = evaluate(sources, expressions)
        assert result.data == {
            'one"${x}': {"k0": "Y", "k1": "Y"},
            "two": 3,
            "quoted": 'a"b\n%{c} ${d}',
            "nothing": None,
        }

    @pytest.mark.parametrize(
        ("expression", "said"),
        [
            ("nonsense.x", "undeclared resource"),
            ("1 +", "Invalid expression"),
            ('sensitive("hush")', "a secret one"),
            ("var.none", "no value yet"),
        ],
    )
    def test_what_has_no_value(self, expression: str, said: str) -> None:
        result = evaluate({"v.tf": 'variable "none" {\n}\n'}, {"a": "1", "b": expression})
        assert result.status is Status.ERROR and said in result.problem
        assert "hush" not in result.problem and "\n" not in result.problem

    def test_a_file_name_does_not_leave_the_folder(self, tmp_path: Path) -> None:
        outside = tmp_path / "out.tf"
        assert evaluate({str(outside): "locals {\n  a = 1\n}\n"}, {"a": "local.a"}).data == {"a": 1}
        assert not outside.exists()


@needs_terraform
def test_one_file_is_formatted(tmp_path: Path) -> None:
    terraform = Terraform(tmp_path)
    assert terraform.formatted("a={\n b=1\n}\n").data == "a = {\n  b = 1\n}\n"
    broken = terraform.formatted("a {{{")
    assert broken.status is Status.ERROR and "line 1" in broken.problem
