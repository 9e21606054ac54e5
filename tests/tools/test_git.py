"""Git is only asked about what is there: a look fetches nothing, and says nothing to anybody."""

from __future__ import annotations

from pathlib import Path

import pytest

from lamplighter.core.errors import LampError
from lamplighter.tools.git import changed_since, commit_on_branch
from tests.command import shell


@pytest.fixture
def partial(tmp_path: Path) -> Path:
    """A clone in which the older version of a file, and the newest of another, are still at the origin."""
    script = """
    git config --global user.name ann && git config --global user.email ann@x
    git init -q -b main origin && cd origin && git config uploadpack.allowFilter true
    echo one > main.tf && git add . && git commit -qm one && echo two > main.tf && git commit -qam two && cd ..
    git clone -q --no-checkout --filter=blob:none "file://$PWD/origin" clone && echo two > clone/main.tf
    """
    assert shell(tmp_path, script).code == 0
    return tmp_path / "clone"


def missing(clone: Path) -> bytes:
    return shell(clone, "git rev-list --objects --all --missing=print | grep '^?'").stdout


def test_nothing_is_fetched_to_look_at(partial: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(partial.parent))
    before = missing(partial)
    assert before.count(b"?") == 2
    with pytest.raises(LampError) as raised:
        commit_on_branch(partial, "b", {"main.tf": b"two\n"}, {"main.tf": b"three\n"}, "m")
    assert "\n" not in str(raised.value)
    assert changed_since(partial, "HEAD~1") == ("main.tf",)
    assert missing(partial) == before
    # Git itself would have.
    assert shell(partial, "git cat-file blob HEAD:main.tf").stdout == b"two\n"
    assert missing(partial) != before
