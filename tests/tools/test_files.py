"""Edits of Terraform files: exact, whole or not at all, inside the project only, and told apart afterwards."""

from __future__ import annotations

import os
import resource
import signal
import stat
import sys
from pathlib import Path

import pytest

from lamplighter.core.errors import InputError, Refused
from lamplighter.core.execution import execute
from lamplighter.core.ledger import Ledger
from lamplighter.core.operations import ByteEdit, EditHcl, Restart, Target
from lamplighter.core.plans import Plan, Step
from lamplighter.core.policy import Policy
from lamplighter.core.results import Outcome
from lamplighter.tools.files import ABSENT, FileEdits, edit_version
from lamplighter.tools.terraform_files import FILE_LIMIT, read_code
from tests.forks import in_child

CODE = 'a = 1 # höhe\r\nb = "two"\r\nc = true\n'.encode()
POLICY = Policy()
EFFECT = FileEdits()


def replacement(content: bytes, old: str, new: str) -> ByteEdit:
    start = content.index(old.encode())
    return ByteEdit(start=start, end=start + len(old.encode()), old=old, new=new)


def operation(root: Path, *edits: ByteEdit, name: str = "main.tf", version: str | None = None) -> EditHcl:
    content = (root / name).read_bytes() if version is None else b""
    return EditHcl(
        target=Target(
            context=str(root),
            kind="terraform_file",
            name=name,
            version=version or edit_version(content, edits),
        ),
        address="aws_x.y",
        attribute="b",
        proposal="set b by hand",
        edits=edits,
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "main.tf").write_bytes(CODE)
    return folder


def names(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir())


def test_exactly_the_edit_and_nothing_else(root: Path) -> None:
    (root / "main.tf").chmod(0o640)
    edit = operation(root, replacement(CODE, '"two"', '"drei ≠ zwei"'), replacement(CODE, "true", "false"))
    assert EFFECT.observe(edit, "claim").outcome is Outcome.FAILED
    assert EFFECT.current_version(edit) == edit.target.version
    assert EFFECT.perform(edit, "claim").outcome is Outcome.DONE
    expected = 'a = 1 # höhe\r\nb = "drei ≠ zwei"\r\nc = false\n'.encode()
    assert (root / "main.tf").read_bytes() == expected
    assert stat.S_IMODE((root / "main.tf").stat().st_mode) == 0o640
    assert names(root) == ["main.tf"]
    assert EFFECT.observe(edit, "claim").outcome is Outcome.DONE


def test_what_somebody_saves_just_before_the_rename_is_not_lost(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit = operation(root, replacement(CODE, '"two"', '"2"'))
    saved, synced = CODE + b'd = "a colleague saved this"\n', os.fsync

    def fsync(handle: int) -> None:
        (root / "main.tf").write_bytes(saved)
        synced(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    result = EFFECT.perform(edit, "claim")
    assert (result.outcome, "about to be written" in result.detail) == (Outcome.REFUSED, True)
    assert (root / "main.tf").read_bytes() == saved and names(root) == ["main.tf"]


@pytest.mark.parametrize("known", [True, False])
def test_what_this_process_wrote_is_verified_as_a_whole(known: bool, root: Path) -> None:
    edit = operation(root, replacement(CODE, '"two"', '"2"'))
    EFFECT.perform(edit, "claim")
    with (root / "main.tf").open("ab") as stream:
        stream.write(b"d = 4\n")
    seen = (EFFECT if known else FileEdits()).observe(edit, "claim")
    assert seen.outcome is (Outcome.UNKNOWN if known else Outcome.DONE)


def test_a_file_that_became_a_pipe_or_huge_is_one_line(root: Path) -> None:
    edit, path = operation(root, replacement(CODE, '"two"', '"2"')), root / "main.tf"
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(InputError, match="is no regular file"):
        EFFECT.current_version(edit)
    assert EFFECT.perform(edit, "claim").outcome is Outcome.FAILED
    assert EFFECT.observe(edit, "claim").outcome is Outcome.UNKNOWN
    path.unlink()
    path.write_bytes(CODE)
    os.truncate(path, FILE_LIMIT + 1)
    with pytest.raises(InputError, match="is over 4 MiB"):
        EFFECT.current_version(edit)


def test_a_second_time_is_refused(root: Path) -> None:
    edit = operation(root, replacement(CODE, '"two"', '"2"'))
    EFFECT.perform(edit, "claim")
    after = (root / "main.tf").read_bytes()
    assert EFFECT.perform(edit, "claim").outcome is Outcome.REFUSED
    assert (root / "main.tf").read_bytes() == after


def test_a_changed_file_is_refused_and_left_alone(root: Path) -> None:
    edit = operation(root, replacement(CODE, '"two"', '"2"'))
    changed = CODE.replace(b"a = 1", b"a = 9")
    (root / "main.tf").write_bytes(changed)
    assert EFFECT.current_version(edit) != edit.target.version
    assert EFFECT.perform(edit, "claim").outcome is Outcome.REFUSED
    assert (root / "main.tf").read_bytes() == changed
    assert EFFECT.observe(edit, "claim").outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(("old", "new", "meanwhile"), [("1", "1000", "15"), ("true", "true1", "trueish")])
def test_a_longer_value_is_another_value(root: Path, old: str, new: str, meanwhile: str) -> None:
    edit = operation(root, replacement(CODE, old, new))
    changed = CODE.replace(old.encode(), meanwhile.encode())
    (root / "main.tf").write_bytes(changed)
    assert EFFECT.current_version(edit) != edit.target.version
    assert EFFECT.perform(edit, "claim").outcome is Outcome.REFUSED
    assert (root / "main.tf").read_bytes() == changed
    (root / "main.tf").write_bytes(CODE)
    assert EFFECT.observe(edit, "claim").outcome is Outcome.FAILED
    assert EFFECT.perform(edit, "claim").outcome is Outcome.DONE
    assert EFFECT.observe(edit, "claim").outcome is Outcome.DONE
    assert EFFECT.perform(edit, "claim").outcome is Outcome.REFUSED


def test_what_cannot_be_told_apart_is_not_told(root: Path) -> None:
    edit = operation(root, ByteEdit(start=0, end=1, old="a", new="a"))
    assert EFFECT.perform(edit, "claim").outcome is Outcome.DONE
    assert EFFECT.observe(edit, "claim").outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("new", ["  one {\n  }\n", "  on {\n  }\n", "  one {\n    a = 1\n  }\n"])
def test_a_block_before_one_that_begins_alike_is_told_apart(root: Path, new: str) -> None:
    content = b'x "y" {\n  one {\n    a = 2\n  }\n}\n'
    (root / "main.tf").write_bytes(content)
    edit = operation(root, ByteEdit(start=8, end=8, old="", new=new))
    assert FileEdits().observe(edit, "claim").outcome is Outcome.FAILED
    assert EFFECT.perform(edit, "claim").outcome is Outcome.DONE
    # Also by a process that does not know what was written.
    assert FileEdits().observe(edit, "claim").outcome is Outcome.DONE
    assert FileEdits().current_version(edit) != edit.target.version
    assert FileEdits().perform(edit, "again").outcome is Outcome.REFUSED
    assert (root / "main.tf").read_bytes() == content[:8] + new.encode() + content[8:]


def test_what_changed_further_down_does_not_concern_an_edit(root: Path) -> None:
    edit = operation(root, replacement(CODE, '"two"', '"2"'))
    (root / "main.tf").write_bytes(CODE + b"d = 4\n")
    assert EFFECT.perform(edit, "claim").outcome is Outcome.DONE
    assert (root / "main.tf").read_bytes() == CODE.replace(b'"two"', b'"2"') + b"d = 4\n"
    assert EFFECT.observe(edit, "claim").outcome is Outcome.DONE


@pytest.mark.parametrize(
    "edits",
    [
        (ByteEdit(start=0, end=1, old="b", new="c"),),
        (ByteEdit(start=0, end=500, old="a", new="c"),),
        (ByteEdit(start=4, end=2, old="", new="c"),),
        (ByteEdit(start=0, end=3, old="a =", new="x"), ByteEdit(start=2, end=5, old="= 1", new="y")),
    ],
    ids=["other bytes", "past the end", "backwards", "overlapping"],
)
def test_an_edit_that_does_not_fit_is_refused(root: Path, edits: tuple[ByteEdit, ...]) -> None:
    assert EFFECT.perform(operation(root, *edits), "claim").outcome is Outcome.REFUSED
    assert (root / "main.tf").read_bytes() == CODE


def test_a_proposal_in_words_is_never_called_done(root: Path) -> None:
    result = EFFECT.perform(operation(root), "claim")
    assert result.outcome is Outcome.REFUSED and "set b by hand" in result.detail
    assert (root / "main.tf").read_bytes() == CODE


def test_other_operations_are_a_mistake_of_the_caller() -> None:
    restart = Restart(target=Target(context="c", kind="Deployment", name="web"))
    with pytest.raises(TypeError):
        EFFECT.perform(restart, "claim")


@pytest.mark.parametrize("name", ["../outside.tf", "link.tf", "folder/outside.tf", "ABSOLUTE"])
def test_no_way_out_of_the_project(root: Path, name: str) -> None:
    outside = root.parent / "outside.tf"
    outside.write_bytes(CODE)
    (root / "link.tf").symlink_to(outside)
    (root / "folder").symlink_to(root.parent)
    edit = operation(
        root, replacement(CODE, '"two"', '"2"'), name=str(outside) if name == "ABSOLUTE" else name
    )
    with pytest.raises(Refused, match="outside the project"):
        EFFECT.current_version(edit)
    assert EFFECT.perform(edit, "claim").outcome is Outcome.REFUSED
    assert EFFECT.observe(edit, "claim").outcome is Outcome.UNKNOWN
    assert outside.read_bytes() == CODE


def test_a_link_within_the_project_stays_a_link(root: Path) -> None:
    (root / "link.tf").symlink_to("main.tf")
    edit = operation(root, replacement(CODE, '"two"', '"2"'), name="link.tf")
    assert EFFECT.perform(edit, "claim").outcome is Outcome.DONE
    assert (root / "link.tf").is_symlink() and b'"2"' in (root / "main.tf").read_bytes()


@pytest.mark.parametrize("name", ["gone.tf", "gone/main.tf", "."])
def test_a_file_that_cannot_be_read_is_named(root: Path, name: str) -> None:
    edit = operation(root, replacement(CODE, '"two"', '"2"'), name=name, version="0" * 64)
    with pytest.raises(InputError, match="cannot be read"):
        EFFECT.current_version(edit)
    result = EFFECT.perform(edit, "claim")
    assert result.outcome is Outcome.FAILED and "cannot be read" in result.detail
    assert EFFECT.observe(edit, "claim").outcome is Outcome.UNKNOWN


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to read-only folders")
def test_a_read_only_folder_fails_in_one_line(root: Path) -> None:
    root.chmod(0o500)
    try:
        result = EFFECT.perform(operation(root, replacement(CODE, '"two"', '"2"')), "claim")
    finally:
        root.chmod(0o700)
    assert result.outcome is Outcome.FAILED and result.detail.startswith("main.tf: cannot be written")
    assert (root / "main.tf").read_bytes() == CODE


def test_a_write_that_fails_midway_leaves_the_old_file_alone(root: Path) -> None:
    edit = operation(root, replacement(CODE, '"two"', '"' + "2" * 4000 + '"'))

    def work() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
        result = EFFECT.perform(edit, "claim")
        os._exit(0 if result.outcome is Outcome.FAILED and "cannot be written" in result.detail else 1)

    assert in_child(work) == 0
    assert (root / "main.tf").read_bytes() == CODE and names(root) == ["main.tf"]


def test_killed_before_the_rename_it_is_as_if_never_begun(root: Path) -> None:
    edit = operation(root, replacement(CODE, '"two"', '"2"'))

    def work() -> None:
        def at_rename(event: str, _arguments: object) -> None:
            if event == "os.rename":
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(at_rename)
        EFFECT.perform(edit, "claim")

    assert os.WTERMSIG(in_child(work)) == signal.SIGKILL
    assert (root / "main.tf").read_bytes() == CODE
    assert len(names(root)) == 2
    assert [file.path for file in read_code(root).files] == ["main.tf"]
    assert EFFECT.observe(edit, "claim").outcome is Outcome.FAILED
    assert EFFECT.perform(edit, "claim").outcome is Outcome.DONE


def new_file(root: Path, text: str = "# new\n", name: str = "imports.tf") -> EditHcl:
    return operation(root, ByteEdit(start=0, end=0, old="", new=text), name=name, version=ABSENT)


def test_a_new_file_is_made_once_and_never_over_another(root: Path) -> None:
    edit = new_file(root)
    assert EFFECT.current_version(edit) == ABSENT
    assert EFFECT.observe(edit, "claim").outcome is Outcome.FAILED
    assert EFFECT.perform(edit, "claim").outcome is Outcome.DONE
    assert (root / "imports.tf").read_text() == "# new\n" and names(root) == ["imports.tf", "main.tf"]
    assert EFFECT.observe(edit, "claim").outcome is Outcome.DONE
    assert EFFECT.current_version(edit) != ABSENT
    again = EFFECT.perform(edit, "claim")
    assert again.outcome is Outcome.REFUSED and "is there by now" in again.detail
    (root / "imports.tf").write_text("# mine\n")
    assert EFFECT.perform(edit, "claim").outcome is Outcome.REFUSED
    assert EFFECT.observe(edit, "other").outcome is Outcome.UNKNOWN
    assert (root / "imports.tf").read_text() == "# mine\n" and names(root) == ["imports.tf", "main.tf"]


def test_killed_while_a_new_file_is_made_there_is_none(root: Path) -> None:
    edit = new_file(root)

    def work() -> None:
        def at_link(event: str, _arguments: object) -> None:
            if event == "os.link":
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(at_link)
        EFFECT.perform(edit, "claim")

    assert os.WTERMSIG(in_child(work)) == signal.SIGKILL
    assert not (root / "imports.tf").exists()
    assert EFFECT.observe(edit, "claim").outcome is Outcome.FAILED
    assert EFFECT.perform(edit, "claim").outcome is Outcome.DONE


def executed(ledger: Ledger, operations: list[EditHcl]) -> list[Outcome]:
    steps = tuple(Step(id=f"edit-{number}", operation=item) for number, item in enumerate(operations, 1))
    plan = Plan(steps=steps, rationale="test", requested_by="ann", policy_version=POLICY.version)
    ledger.request_approval(plan, requested_by="ann", channel="cli", policy=POLICY)
    approval = ledger.decide(plan.digest, approve=True, approver="bob", channel="cli", policy=POLICY)
    report = execute(approval.id, ledger=ledger, policy=POLICY, effects={"edit_hcl": EFFECT})
    again = execute(approval.id, ledger=ledger, policy=POLICY, effects={"edit_hcl": EFFECT})
    assert again.recorded_at is not None and again.steps == report.steps
    assert all(step.verified == (step.result.outcome is Outcome.DONE) for step in report.steps)
    return [step.result.outcome for step in report.steps]


def test_several_edits_of_one_file_from_its_end_in_one_plan(root: Path, tmp_path: Path) -> None:
    changes = [("true", "false"), ('"two"', '"zwei und mehr"'), ("1", "1000")]
    edits = [operation(root, replacement(CODE, old, new)) for old, new in changes]
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        assert executed(ledger, edits) == [Outcome.DONE] * 3
    assert (root / "main.tf").read_bytes() == 'a = 1000 # höhe\r\nb = "zwei und mehr"\r\nc = false\n'.encode()


def test_a_file_changed_since_the_plan_was_approved_stays(root: Path, tmp_path: Path) -> None:
    edits = [operation(root, replacement(CODE, '"two"', '"2"'))]
    (root / "main.tf").write_bytes(b"# mine\n" + CODE)
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        assert executed(ledger, edits) == [Outcome.REFUSED]
    assert (root / "main.tf").read_bytes() == b"# mine\n" + CODE


def test_two_plans_on_one_file_never_lose_an_edit(tmp_path: Path) -> None:
    """Both were made for the same bytes: one is done, the other is told that the file changed."""
    from concurrent.futures import ThreadPoolExecutor

    for round_number in range(30):
        path = tmp_path / f"{round_number}.tf"
        path.write_bytes(b"a = 1\nb = 2\n")
        operations = [
            EditHcl(
                target=Target(
                    context=str(tmp_path),
                    kind="terraform_file",
                    name=path.name,
                    version=edit_version(b"a = 1\nb = 2\n", (edit,)),
                ),
                address="x.y",
                attribute="a",
                proposal="",
                edits=(edit,),
            )
            for edit in (
                ByteEdit(start=4, end=5, old="1", new="10"),
                ByteEdit(start=10, end=11, old="2", new="20"),
            )
        ]
        with ThreadPoolExecutor(2) as pool:
            results = list(pool.map(lambda operation: FileEdits().perform(operation, "c"), operations))
        done = [result.outcome is Outcome.DONE for result in results]
        content = path.read_text()
        assert ("a = 10" in content, "b = 20" in content) == tuple(done)
        assert any(done)
