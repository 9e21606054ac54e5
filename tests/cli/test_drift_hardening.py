"""What goes wrong around a patch that is written: others who write too, processes that die, folders that are closed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lamplighter.agents.wiring import build
from lamplighter.core.config import load_config
from lamplighter.core.execution import execute
from lamplighter.core.ledger import Ledger
from lamplighter.core.operations import ApplySavedPlan, Target
from lamplighter.core.plans import Plan, Step
from lamplighter.core.policy import Policy
from lamplighter.tools import process
from tests.cli.drift_world import FIX, MAIN, WRITTEN, assert_written, files, fixed, make_home
from tests.command import environment, lamp, shell
from tests.forks import in_child

LEDGER = ".local/state/lamplighter/ledger.db"
NOBODY = 65534


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return make_home(tmp_path)


def approved(home: Path) -> str:
    digest = str(fixed(home, "--save-plan")["plan"])
    assert lamp(home, "plan", "approve", digest).code == 0
    return digest


def at_once(*homes: Path) -> list[process.Completed]:
    """`lamp drift fix --write` of the first one's project by several processes, which start together."""
    go = homes[0] / "go"
    started = "runpy.run_module('lamplighter', run_name='__main__')"
    waiting = f"import os, runpy\nwhile not os.path.exists({str(go)!r}): pass\n{started}"

    def run(home: Path) -> process.Completed:
        argv = [sys.executable, "-c", waiting, *FIX, "--write"]
        return process.run(argv, cwd=homes[0], env=environment(home))

    with ThreadPoolExecutor(len(homes)) as pool:
        runs = [pool.submit(run, home) for home in homes]
        go.touch()
        return [one.result() for one in runs]


def assert_one_wrote(done: list[process.Completed]) -> None:
    """One did it; the other did nothing, and says why in a line: it came later, or too late."""
    for one in done:
        assert b"Traceback" not in one.stderr
        assert one.code in (0, 1, 3), (one.stdout, one.stderr)
        if one.code:
            # Steps that did not run say so in a line each; a run that did not start is one line.
            said = one.stderr.decode() if one.code == 3 and not one.stdout else one.stdout.decode()
            assert any(why in said for why in ("is not approved", "changed", "not run")), said
    assert any(one.code == 0 for one in done)


@pytest.mark.parametrize("attempt", range(3))
def test_two_writers_of_one_ledger(home: Path, attempt: int) -> None:
    approved(home)
    assert_one_wrote(at_once(home, home))
    assert_written(home)
    with Ledger.open(home / LEDGER) as ledger:
        assert ledger.audit.verify().ok
        (approval,) = ledger.approvals()
        # Each step has one claim, whoever of them it was.
        assert len(ledger.steps(approval.id)) == 2
    assert sorted(files(home)) == ["project/logs.tf", "project/main.tf", "project/terraform.tfstate"]


def test_two_writers_with_ledgers_of_their_own(home: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    digest = approved(home)
    for command in (
        ["drift", "fix", "project", "--trace", "trace.json", "--save-plan"],
        ["plan", "approve", digest],
    ):
        argv = [sys.executable, "-m", "lamplighter", *command]
        assert process.run(argv, cwd=home, env=environment(other)).code == 0
    done = at_once(home, other)
    assert_written(home)
    assert sorted(one.code for one in done) in ([0, 0], [0, 1], [0, 3], [3, 3]), [one.stdout for one in done]
    verified = sum(one.stdout.count(b"; verified: the file holds the edit") for one in done)
    assert verified == 2, [one.stdout for one in done]
    assert sorted(files(home)) == ["project/logs.tf", "project/main.tf", "project/terraform.tfstate"]


@pytest.mark.parametrize(("point", "first"), [("performed", "logs.tf"), ("verified", "logs.tf")])
def test_killed_between_two_files_it_goes_on(home: Path, point: str, first: str) -> None:
    digest = approved(home)
    before = files(home)
    config = load_config(environ=environment(home), cwd=home).config

    def run_and_die() -> None:
        def at(reached: str) -> None:
            if reached == point:
                os.kill(os.getpid(), signal.SIGKILL)

        with Ledger.open(home / LEDGER) as ledger:
            execute(
                ledger.approvals()[0].id, ledger=ledger, policy=Policy(), effects=build(config).effects, at=at
            )

    assert os.WIFSIGNALED(in_child(run_and_die))
    changed = {name for name, content in files(home).items() if content != before.get(name)}
    assert changed == {f"project/{first}"}
    done = lamp(home, "plan", "apply", digest)
    assert done.code == 0, done.stdout
    assert b"2 of 2 step(s) done and verified" in done.stdout
    assert_written(home)
    inodes = {name: (home / "project" / name).stat().st_ino for name in WRITTEN}
    again = lamp(home, "plan", "apply", digest)
    assert again.code == 0 and b"nothing was run now" in again.stdout
    assert inodes == {name: (home / "project" / name).stat().st_ino for name in WRITTEN}


def test_what_was_changed_after_a_kill_is_left_alone(home: Path) -> None:
    digest = approved(home)
    config = load_config(environ=environment(home), cwd=home).config

    def run_and_die() -> None:
        def at(reached: str) -> None:
            if reached == "verified":
                os.kill(os.getpid(), signal.SIGKILL)

        with Ledger.open(home / LEDGER) as ledger:
            execute(
                ledger.approvals()[0].id, ledger=ledger, policy=Policy(), effects=build(config).effects, at=at
            )

    in_child(run_and_die)
    (home / "project/main.tf").write_text("# mine\n" + MAIN)
    done = lamp(home, "plan", "apply", digest)
    assert done.code == 3 and b"target changed since it was approved" in done.stdout
    assert (home / "project/main.tf").read_text() == "# mine\n" + MAIN


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None, reason="needs root and setpriv")
def test_as_a_user_who_may_not_write_there(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home")
    digest = approved(home)
    before = files(home)
    for parent in (home, *home.parents[: len(home.parents) - len(Path("/tmp").parts)]):
        if parent.stat().st_uid == 0 and parent != Path("/tmp"):
            parent.chmod(0o755)
    for path in (home / ".local").rglob("*"):
        os.chown(path, NOBODY, NOBODY)
    os.chown(home / ".local", NOBODY, NOBODY)
    argv = [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        sys.executable,
        "-m",
        "lamplighter",
    ]
    done = process.run([*argv, "plan", "apply", digest], cwd=home, env=environment(home))
    if b"Permission denied" in done.stderr and not done.stdout:
        pytest.skip("another user cannot read the interpreter")
    assert done.code == 1, (done.stdout, done.stderr)
    assert done.stdout.count(b"cannot be written (Permission denied)") >= 1 and files(home) == before
    assert b"0 of 2 step(s) done" in done.stdout


class TestPatch:
    def test_a_file_that_is_there_is_replaced_only_where_it_is_a_patch(self, home: Path) -> None:
        (home / "notes.txt").write_text("my notes\n")
        done = lamp(home, *FIX, "--patch", "notes.txt")
        assert done.code == 3, done.stdout
        assert done.stderr.decode().strip() == "lamp: notes.txt: is there, and is no patch; name another file"
        assert (home / "notes.txt").read_text() == "my notes\n"
        for _again in range(2):
            assert lamp(home, *FIX, "--patch", "fix.patch").code == 0
        assert (home / "fix.patch").read_text().startswith("diff --git ")

    def test_a_file_of_the_code_is_never_replaced(self, home: Path) -> None:
        done = lamp(home, *FIX, "--patch", "project/main.tf")
        assert done.code == 3 and (home / "project/main.tf").read_text() == MAIN

    def test_a_repository_above_the_project(self, tmp_path: Path) -> None:
        home = make_home(tmp_path, "infra/prod app")
        argv = ("drift", "fix", "infra/prod app", "--trace", "trace.json", "--patch", "fix.patch")
        assert shell(home, "git init -q .").code == 0
        done = lamp(home, *argv)
        next_line = done.stdout.decode().rpartition("next: ")[2].strip()
        assert next_line == "git apply '--directory=infra/prod app/' fix.patch"
        applied = shell(home, next_line)
        assert applied.code == 0, applied.stderr
        assert {name: (home / "infra/prod app" / name).read_text() for name in WRITTEN} == WRITTEN


class TestBranch:
    @pytest.fixture(autouse=True)
    def repository(self, home: Path) -> None:
        author = "-c user.name=ann -c user.email=ann@x"
        script = f"git init -q -b main . && git add project && git {author} commit -qm first"
        assert shell(home, script).code == 0

    def test_without_an_author_it_is_one_line(self, home: Path) -> None:
        # Where the machine has a full name, git makes an author up; this asks it not to.
        assert shell(home, "git config user.useConfigOnly true").code == 0
        done = lamp(home, *FIX, "--branch", "b")
        assert done.code == 1 and done.stderr.decode().strip() == (
            "lamp: user.name and user.email of git: say no author for a commit; "
            "set them: `git config user.name ...` and `git config user.email ...`"
        )
        assert shell(home, "git branch --list b").stdout == b""

    def test_the_author_of_the_environment_counts(self, home: Path) -> None:
        names = {f"GIT_{who}_{what}": "ci" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        assert lamp(home, *FIX, "--branch", "b", **names).code == 0
        assert shell(home, "git log -1 --format='%an %ce' b").stdout == b"ci ci\n"

    def test_other_work_in_the_tree_stays_as_it_is(self, home: Path) -> None:
        (home / "project/other.tf").write_text("# staged\n")
        (home / "loose.txt").write_text("loose\n")
        shell(home, "git add project/other.tf && git config user.name a && git config user.email a@x")
        before = shell(home, "git status --porcelain").stdout
        done = lamp(home, *FIX, "--branch", "b")
        assert done.code == 0, done.stderr
        assert shell(home, "git status --porcelain").stdout == before
        assert shell(home, "git show --stat --format= b").stdout.count(b"|") == 2


def test_a_saved_plan_that_is_denied_is_deleted(home: Path) -> None:
    plans = home / ".local/state/lamplighter/plans"
    plans.mkdir(parents=True)
    saved = plans / "a.tfplan"
    saved.write_bytes(b"values in the clear")
    policy = Policy()
    target = Target(context=str(home / "project"), kind="terraform_plan", name=saved.name, version="0" * 64)
    step = Step(id="apply-1", operation=ApplySavedPlan(target=target, addresses=("a.b",)))
    plan = Plan(steps=(step,), rationale="back").under(policy.version, "ann")
    with Ledger.open(home / LEDGER) as ledger:
        ledger.save_plan(plan)
    done = lamp(home, "plan", "deny", plan.digest)
    assert done.code == 0, done.stderr
    assert not saved.exists()


def test_a_state_that_the_way_back_is_not_planned_with(home: Path) -> None:
    shutil.copy(home / "project/terraform.tfstate", home / "copy.tfstate")
    for state in ("copy.tfstate", "s3://bucket/key", "pull"):
        done = lamp(home, "drift", "revert", "project", "--trace", "trace.json", "--state", state)
        assert done.code == 3
        assert "a way back is planned with the directory's own state" in done.stderr.decode()


def test_a_fix_in_another_workspace_goes_by_its_state(home: Path) -> None:
    other = home / "project/terraform.tfstate.d/staging"
    other.mkdir(parents=True)
    state = json.loads((home / "project/terraform.tfstate").read_text())
    state["resources"] = [one for one in state["resources"] if one["type"] != "aws_sqs_queue"]
    (other / "terraform.tfstate").write_text(json.dumps(state))
    done = lamp(home, *FIX, "--workspace", "staging", "--json")
    assert done.code == 0, done.stderr
    assert json.loads(done.stdout)["files"] == ["logs.tf"]
    unknown = lamp(home, *FIX, "--workspace", "nowhere")
    assert unknown.code == 1 and unknown.stderr.count(b"\n") == 1, unknown.stderr
