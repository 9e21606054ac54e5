"""A call that hangs ends: by its time limit or from another thread, with nothing left running, locked or written."""

from __future__ import annotations

import json
import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lamplighter.core.results import Outcome, Status
from lamplighter.scenarios import people
from lamplighter.scenarios.world import MIRROR_VARIABLE, OVERRIDE, terraform_environment
from lamplighter.tools.terraform import Terraform, opened
from tests.tools.standin import standin
from tests.tools.web import unrecorded_cloud

needs_terraform = pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed")
needs_provider = pytest.mark.skipif(
    not os.environ.get(MIRROR_VARIABLE) or shutil.which("terraform") is None,
    reason=f"needs terraform on PATH and {MIRROR_VARIABLE}=FOLDER of a mirror with hashicorp/aws",
)
needs_pidfd = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="this system has no pidfd_open")


class Silent:
    """An endpoint that takes connections and never answers; `reached` is set with the first one."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._kept: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self._kept.append(connection)
            self.reached.set()

    def close(self) -> None:
        self._socket.close()
        for connection in self._kept:
            connection.close()


@contextmanager
def cancelled_when(event: threading.Event) -> Iterator[threading.Event]:
    """A token that another thread sets as soon as `event` is set."""
    cancel = threading.Event()

    def wait() -> None:
        if event.wait(100):
            cancel.set()

    thread = threading.Thread(target=wait)
    thread.start()
    yield cancel
    event.set()
    thread.join()


@contextmanager
def watched(path: Path) -> Iterator[threading.Event]:
    """Is set when `path` appears."""
    seen, over = threading.Event(), threading.Event()

    def look() -> None:
        while not over.wait(0.02):
            if path.exists():
                seen.set()
                return

    thread = threading.Thread(target=look)
    thread.start()
    yield seen
    over.set()
    thread.join()


def running(word: str) -> list[str]:
    """Command lines of live processes that hold a word, or whose working directory is so called."""
    found: list[str] = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            text = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            text += f" in {(folder / 'cwd').readlink()}"
            state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if word in text and state != "Z" and folder.name != str(os.getpid()):
            found.append(text)
    return found


def gone(word: str) -> bool:
    """Whether no such process is left; what was killed may need a moment to be gone."""
    for _ in range(200):
        if not running(word):
            return True
        time.sleep(0.05)
    return False


STUBBORN = """
import signal, subprocess, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
wait = "import signal, time; signal.signal(2, signal.SIG_IGN); time.sleep(600)"
child = subprocess.Popen([sys.executable, "-c", wait, {mark!r}])
open({ready!r}, "w").close()
time.sleep(600)
"""


def stubborn(folder: Path) -> dict[str, str]:
    """A program that does not end when it is asked to, and has a child that does not either."""
    return standin(folder, "tofu", STUBBORN.format(mark=str(folder / "mark"), ready=str(folder / "ready")))


@needs_pidfd
class TestStubborn:
    def test_it_is_killed_with_its_group_when_cancelled(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("lamplighter.tools.terraform._GRACE_SECONDS", 0.3)
        env = stubborn(tmp_path)
        with watched(tmp_path / "ready") as ready, cancelled_when(ready) as cancel:
            terraform = Terraform(tmp_path, program="tofu", env=env, cancel=cancel)
            result = terraform.plan(tmp_path / "plan", lock_seconds=5)
        assert result.status is Status.ERROR
        assert result.problem.startswith(
            "was cancelled; it did not stop by itself, so its state lock may be left"
        )
        assert gone(str(tmp_path / "mark"))
        unlocked = terraform.plan(tmp_path / "plan")
        assert unlocked.problem == "was cancelled", "nothing is started any more"

    def test_it_is_killed_with_its_group_when_time_is_up(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("lamplighter.tools.terraform._GRACE_SECONDS", 0.3)
        terraform = Terraform(tmp_path, program="tofu", env=stubborn(tmp_path), seconds=3)
        result = terraform.plan(tmp_path / "plan", lock_seconds=5)
        assert result.status is Status.ERROR
        assert "took longer than 3 s and was stopped" in result.problem and "may be left" in result.problem
        assert gone(str(tmp_path / "mark"))

    def test_an_apply_that_is_stopped_is_unknown(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("lamplighter.tools.terraform._APPLY_GRACE_SECONDS", 0.3)
        env = stubborn(tmp_path)
        (tmp_path / "plan").write_text("p")
        with watched(tmp_path / "ready") as ready, cancelled_when(ready) as cancel:
            done = Terraform(tmp_path, program="tofu", env=env, cancel=cancel).apply(tmp_path / "plan")
        assert done.outcome is Outcome.UNKNOWN

    def test_one_that_ends_when_asked_is_not_killed(self, tmp_path: Path) -> None:
        then = f"""
import signal, time
def ended(*_):
    open({str(tmp_path / "asked")!r}, "w").close()
    sys.exit(1)
signal.signal(signal.SIGINT, ended)
open({str(tmp_path / "ready")!r}, "w").close()
time.sleep(600)
"""
        env = standin(tmp_path, "tofu", then)
        with watched(tmp_path / "ready") as ready, cancelled_when(ready) as cancel:
            result = Terraform(tmp_path, program="tofu", env=env, cancel=cancel).pull_state()
        assert result.problem == "was cancelled" and (tmp_path / "asked").exists()

    def test_only_the_own_thread_is_concerned(self, tmp_path: Path) -> None:
        """Another call of the same process, without the token, runs on."""
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
        wait = "import time\nopen({0!r}, 'w').close()\nwhile not os.path.exists({1!r}): time.sleep(0.02)\nprint('[]')"
        go = str(tmp_path / "go")
        env = standin(tmp_path / "one", "tofu", wait.format(str(tmp_path / "ready-one"), go))
        other = standin(tmp_path / "two", "tofu", wait.format(str(tmp_path / "ready-two"), go))
        results: list[Any] = []
        quiet = Terraform(tmp_path, program="tofu", env=other)
        thread = threading.Thread(target=lambda: results.append(quiet.pull_state()))
        thread.start()
        with watched(tmp_path / "ready-two") as second:
            assert second.wait(60)
        with watched(tmp_path / "ready-one") as ready, cancelled_when(ready) as cancel:
            cancelled = Terraform(tmp_path, program="tofu", env=env, cancel=cancel).pull_state()
        (tmp_path / "go").touch()
        thread.join(60)
        assert cancelled.problem == "was cancelled"
        assert results[0].status is Status.OK


def test_a_token_that_is_set_starts_nothing(tmp_path: Path) -> None:
    cancel = threading.Event()
    cancel.set()
    env = standin(tmp_path, "tofu")
    result = Terraform(tmp_path, program="tofu", env=env, cancel=cancel).pull_state()
    assert result.problem == "was cancelled" and not (tmp_path / "calls.jsonl").exists()


PROJECT = """terraform {
  backend "s3" {
    bucket         = "states"
    key            = "prod.tfstate"
    region         = "eu-west-1"
    use_lockfile   = true
    use_path_style = true
  }
}
provider "aws" {
  region = "eu-west-1"
}
resource "aws_cloudwatch_log_group" "one" {
  name = "/one"
}
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, str], Any]]:
    pytest.importorskip("moto", reason="the sandbox extra is not installed")
    import boto3

    scratch = tmp_path_factory.mktemp("hang")
    with unrecorded_cloud() as endpoint:
        env = terraform_environment(scratch, Path(os.environ[MIRROR_VARIABLE]), endpoint, people.TERRAFORM)
        client = boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id=people.MARIA,
            aws_secret_access_key="sandbox",
        )
        client.create_bucket(Bucket="states")
        folder = scratch / "project"
        folder.mkdir()
        (folder / "main.tf").write_text(PROJECT)
        (folder / "sandbox_override.tf").write_text(OVERRIDE)
        terraform = Terraform(folder, env=env, seconds=200)
        assert terraform.init().problem == ""
        assert terraform.plan(scratch / "plan").problem == ""
        done = terraform.apply(scratch / "plan")
        assert done.outcome is Outcome.DONE, done.detail
        yield folder, env, client


@needs_provider
@needs_pidfd
@pytest.mark.timeout(400)
class TestHang:
    """A real plan whose provider waits for an endpoint that never answers; its state and lock are in (moto's) S3."""

    @pytest.fixture
    def silent(self) -> Iterator[Silent]:
        endpoint = Silent()
        yield endpoint
        endpoint.close()

    def objects(self, client: Any) -> dict[str, bytes]:
        listed = client.list_objects_v2(Bucket="states")["Contents"]
        return {
            item["Key"]: client.get_object(Bucket="states", Key=item["Key"])["Body"].read() for item in listed
        }

    @pytest.mark.parametrize("lock", [None, 5.0], ids=["unlocked", "locking"])
    @pytest.mark.parametrize("how", ["cancelled", "time is up"])
    def test_nothing_is_left(
        self, world: tuple[Path, dict[str, str], Any], silent: Silent, lock: float | None, how: str
    ) -> None:
        folder, env, client = world
        hanging = env | {"AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": silent.url}
        before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        stored = self.objects(client)
        plan = folder.parent / "hanging-plan"
        if how == "cancelled":
            with cancelled_when(silent.reached) as cancel:
                terraform = Terraform(folder, env=hanging, seconds=200, cancel=cancel)
                result = terraform.plan(plan, mode="refresh-only", lock_seconds=lock)
            assert result.problem == "was cancelled"
        else:
            # Ends before the endpoint was reached, or after: what is left must be the same.
            terraform = Terraform(folder, env=hanging, seconds=12)
            result = terraform.plan(plan, mode="refresh-only", lock_seconds=lock)
            assert "took longer than 12 s and was stopped" in result.problem
        assert result.status is Status.ERROR
        assert self.objects(client) == stored, "no lock, and the state as it was"
        assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
        assert not plan.exists()
        assert gone(str(folder)), "neither Terraform nor its provider"

    def test_the_lock_is_real_and_says_who_holds_it(
        self, world: tuple[Path, dict[str, str], Any], silent: Silent
    ) -> None:
        """While one plan hangs with the lock, another one is told by whom the state is held."""
        folder, env, client = world
        hanging = env | {"AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": silent.url}
        over = threading.Event()
        first = Terraform(folder, env=hanging, seconds=200, cancel=over)
        thread = threading.Thread(target=lambda: first.plan(folder.parent / "held-plan", lock_seconds=5))
        thread.start()
        try:
            assert silent.reached.wait(150)
            assert "prod.tfstate.tflock" in self.objects(client)
            held = json.loads(client.get_object(Bucket="states", Key="prod.tfstate.tflock")["Body"].read())
            refused = Terraform(folder, env=env, seconds=100).plan(folder.parent / "plan", lock_seconds=0)
            assert f"the state is locked by {held['Who']} since 20" in refused.problem
            assert f"`terraform force-unlock {held['ID']}`" in refused.problem
            free = Terraform(folder, env=env, seconds=100).planned(mode="refresh-only")
            assert free.status is Status.OK, "a read does not wait for it"
        finally:
            over.set()
            thread.join()
        assert "prod.tfstate.tflock" not in self.objects(client)

    def test_a_workspace_that_is_not_there_is_not_made(
        self, world: tuple[Path, dict[str, str], Any], tmp_path: Path
    ) -> None:
        folder, env, client = world
        stored = self.objects(client)
        named = env | {"TF_WORKSPACE": "nope"}
        assert "no workspace nope" in Terraform(folder, env=named).plan(tmp_path / "plan").problem
        shutil.copy(folder / "main.tf", tmp_path / "main.tf")
        with opened(tmp_path, env=named, seconds=200) as it:
            assert it.init().problem == ""
            assert "no workspace nope" in it.planned(mode="refresh-only").problem
            assert "no workspace nope" in it.pull_state().problem
        assert self.objects(client) == stored

    def test_a_mirrored_directory_is_left_as_it_is(
        self, world: tuple[Path, dict[str, str], Any], silent: Silent, tmp_path: Path
    ) -> None:
        folder, env, client = world
        for name in ("main.tf", "sandbox_override.tf"):
            shutil.copy(folder / name, tmp_path / name)
        stored = self.objects(client)
        hanging = env | {"AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": silent.url}
        with (
            cancelled_when(silent.reached) as cancel,
            opened(tmp_path, env=hanging, seconds=200, cancel=cancel) as it,
        ):
            assert it.init().problem == ""
            assert it.planned(mode="refresh-only").problem == "was cancelled"
            scratch = it.scratch
        assert scratch is not None and not scratch.exists()
        assert sorted(path.name for path in tmp_path.iterdir()) == ["main.tf", "sandbox_override.tf"]
        assert self.objects(client) == stored
