"""`lamp drift fix` and its kin: they show by default, write what exactly was approved, and say what stops them."""

from __future__ import annotations

import json
import os
import pty
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from lamplighter.cli.schema import schema_of
from tests.cli.drift_world import FIX, MAIN, WRITTEN, assert_written, files, fixed, make_home
from tests.command import ROOT, environment, lamp, shell
from tests.drift.code.world import call


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return make_home(tmp_path)


def test_by_default_it_shows_decisions_and_a_diff_and_writes_nothing(home: Path) -> None:
    before = files(home)
    done = lamp(home, *FIX)
    text = done.stdout.decode()
    assert done.code == 0, done.stderr
    assert text.startswith("2 into the code; the patch edits 2 files\n")
    assert "\n-  delay_seconds = 5\n+  delay_seconds = 900\n" in text
    assert "note: the plan was not run: judged by the files and the state alone" in text
    assert files(home) == before


def test_the_json_is_as_its_schema_says_and_the_same_twice(home: Path) -> None:
    answer = fixed(home)
    Draft202012Validator(schema_of("drift-fix")).validate(answer)
    assert answer == fixed(home)
    assert [row["decision"] for row in answer["decisions"]] == ["codify"] * 2
    assert answer["files"] == ["logs.tf", "main.tf"] and answer["plan"]


def test_no_drift_is_an_answer_too(home: Path) -> None:
    (home / "trace.json").write_text('{"Records": []}')
    answer = fixed(home)
    Draft202012Validator(schema_of("drift-fix")).validate(answer)
    done = lamp(home, *FIX, "--write")
    # A trace of nothing says nothing of what was not looked at.
    assert answer["decisions"] == [] and done.code == answer["exit_code"] == 4
    assert done.stdout.startswith(b"no drift to fix\nnot checked: ")


def test_one_finding_by_its_address_or_its_id(home: Path) -> None:
    trace = ("project", "--trace", "trace.json", "--json")
    one = json.loads(lamp(home, "drift", "fix", "aws_sqs_queue.jobs", *trace).stdout)
    assert [row["where"] for row in one["decisions"]] == ["aws_sqs_queue.jobs"]
    named = lamp(home, "drift", "fix", one["decisions"][0]["finding"], *trace)
    assert json.loads(named.stdout)["files"] == ["main.tf"]
    unknown = lamp(home, "drift", "fix", "aws_x.y", "project", "--trace", "trace.json")
    assert unknown.code == 1
    assert unknown.stderr.decode().strip() == (
        "lamp: aws_x.y: no drift of this id or address was found; see `lamp drift check`"
    )


def test_a_patch_that_git_applies(home: Path) -> None:
    assert lamp(home, *FIX, "--patch", "fix.patch").code == 0
    for command in ("git init -q .", "git apply ../fix.patch"):
        assert shell(home, f"cd project && {command}").code == 0
    assert_written(home)


def test_every_form_shows_the_diff(home: Path) -> None:
    assert lamp(home, *FIX, "-o", "markdown=a.md", "-o", "html=a.html").code == 0
    assert "```diff\ndiff --git a/logs.tf b/logs.tf\n" in (home / "a.md").read_text()
    page = (home / "a.html").read_text()
    assert '<span class="new">+  delay_seconds = 900</span>' in page
    assert "codify: low risk" in page and "alice" in page


def test_nothing_is_written_without_an_approval(home: Path) -> None:
    before = files(home)
    done = lamp(home, *FIX, "--write")
    digest = fixed(home)["plan"][:12]
    assert done.code == 3 and files(home) == before
    assert f"is not approved, and there is no terminal to ask at; run `lamp plan approve {digest}`" in (
        done.stderr.decode()
    )


def test_an_approved_plan_is_written_once(home: Path) -> None:
    digest = fixed(home, "--save-plan")["plan"]
    assert lamp(home, "plan", "approve", digest).code == 0
    done = lamp(home, *FIX, "--write", "--json")
    assert done.code == 0, done.stderr
    assert json.loads(done.stdout)["execution"]["verified"] == 2
    assert_written(home)
    assert fixed(home)["decisions"] == []


def answered(folder: Path, answer: bytes) -> tuple[int, bytes]:
    """`fix --write` at a terminal whose user types `answer`."""
    leader, follower = pty.openpty()
    argv = [sys.executable, "-m", "lamplighter", *FIX, "--write"]
    child = subprocess.Popen(
        argv, cwd=folder, env=environment(folder), stdin=follower, stdout=subprocess.PIPE, stderr=follower
    )
    os.close(follower)
    os.write(leader, answer)
    out, _ = child.communicate(timeout=120)
    os.close(leader)
    return child.returncode, out


def test_at_a_terminal_it_asks_for_exactly_that_plan(home: Path) -> None:
    before = files(home)
    assert answered(home, b"n\n")[0] == 3
    assert files(home) == before
    code, out = answered(home, b"y\n")
    assert code == 0, out
    assert_written(home)


def test_a_file_changed_since_the_approval_is_left_alone(home: Path) -> None:
    digest = fixed(home, "--save-plan")["plan"]
    assert lamp(home, "plan", "approve", digest).code == 0
    (home / "project/main.tf").write_text("# mine\n" + MAIN)
    done = lamp(home, "plan", "apply", digest)
    assert done.code == 3 and b"target changed since it was approved" in done.stdout
    assert (home / "project/main.tf").read_text() == "# mine\n" + MAIN


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_directory_that_may_not_be_written_is_one_line(home: Path) -> None:
    digest = fixed(home, "--save-plan")["plan"]
    assert lamp(home, "plan", "approve", digest).code == 0
    (home / "project").chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        done = lamp(home, "plan", "apply", digest)
    finally:
        (home / "project").chmod(stat.S_IRWXU)
    assert done.code == 1 and b"cannot be written" in done.stdout


class TestBranch:
    @pytest.fixture(autouse=True)
    def repository(self, home: Path) -> None:
        script = (
            "git config --global user.name ann && git config --global user.email ann@x"
            " && git init -q -b main . && git add project && git commit -qm first"
        )
        assert shell(home, script).code == 0

    def test_a_commit_beside_head(self, home: Path) -> None:
        before = files(home)
        done = lamp(home, *FIX, "--branch", "drift/monday")
        assert done.code == 0, done.stderr
        assert files(home) == before
        assert shell(home, "git status --porcelain -- project; git branch --show-current").stdout == b"main\n"
        shown = shell(home, "git diff --stat main drift/monday").stdout.decode()
        assert "project/logs.tf" in shown and "project/main.tf" in shown and "2 files changed" in shown
        text = shell(home, "git show drift/monday:project/main.tf").stdout.decode()
        assert text == WRITTEN["main.tf"]

    def test_what_is_not_committed_is_not_carried_along(self, home: Path) -> None:
        (home / "project/main.tf").write_text("# mine\n" + MAIN)
        done = lamp(home, *FIX, "--branch", "b")
        assert done.code == 3
        assert b"main.tf: is not in HEAD as it stands here; commit or stash" in done.stderr
        assert shell(home, "git branch --list b").stdout == b""

    def test_a_branch_that_is_there_or_no_name(self, home: Path) -> None:
        assert b"there is a branch of this name" in lamp(home, *FIX, "--branch", "main").stderr
        assert b"is no name for a branch" in lamp(home, *FIX, "--branch", "a..b").stderr
        assert b"an empty name: is no name for a branch" in lamp(home, *FIX, "--branch", "").stderr

    def test_outside_of_a_repository(self, home: Path) -> None:
        shutil.rmtree(home / ".git")
        assert b"is not in a git repository" in lamp(home, *FIX, "--branch", "b").stderr


def test_a_decision_of_a_person_and_of_the_policy(home: Path) -> None:
    (home / "policy.toml").write_text(
        '[[drift]]\nname = "queues go back"\ndecision = "revert"\ntype = "aws_sqs_*"\n'
    )
    (home / "lamp.toml").write_text('policy = "policy.toml"\n')
    done = lamp(home, "--config", "lamp.toml", *FIX, "--json")
    found = {row["where"]: (row["decision"], row["reason"]) for row in json.loads(done.stdout)["decisions"]}
    assert found["aws_sqs_queue.jobs"] == ("revert", "by the policy's rule queues go back")
    assert found["aws_cloudwatch_log_group.app"][0] == "codify"
    said = lamp(home, "--config", "lamp.toml", *FIX, "--decision", "ask", "--json")
    assert {row["decision"] for row in json.loads(said.stdout)["decisions"]} == {"ask"}


def test_help_is_light(home: Path) -> None:
    done = lamp(home, "drift", "--help")
    assert done.code == 0 and b"revert" in done.stdout and ROOT.is_dir()


def test_a_resource_made_by_hand_is_imported(home: Path) -> None:
    made = "https://sqs.eu-west-1.amazonaws.com/111122223333/by-hand"
    trace = json.loads((home / "trace.json").read_text())
    record = call("sqs:CreateQueue", {"queueName": "by-hand"})
    record["responseElements"] = {"queueUrl": made}
    trace["Records"].append(record)
    (home / "trace.json").write_text(json.dumps(trace))
    (home / "project" / "versions.tf").write_text('provider "aws" {\n  region = "eu-west-1"\n}\n')
    done = lamp(home, "drift", "import", "project", "--trace", "trace.json", "--json")
    answer = json.loads(done.stdout)
    assert [row["placed"] for row in answer["decisions"]] == [True]
    assert f'+  id = "{made}"' in answer["diff"] and '+  name = "by-hand"' in answer["diff"]


def test_another_workspace_is_not_planned_in(home: Path) -> None:
    done = lamp(home, "drift", "revert", "project", "--trace", "trace.json", "--workspace", "staging")
    assert done.code == 3
    assert "a plan is made in the selected workspace only" in done.stderr.decode()
