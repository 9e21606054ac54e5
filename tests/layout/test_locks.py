"""The lock files agree with one another and with pyproject.toml, and hold nothing of the machine that made them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.layout import tree

LOCKS = sorted((tree.ROOT / "locks").glob("*.txt"))
PROJECT = tree.pyproject()["project"]
OPTIONAL = PROJECT["optional-dependencies"]


def pinned(name: str) -> dict[str, set[str]]:
    """Package to its pinned versions: several where they differ by Python version or platform."""
    pins: dict[str, set[str]] = {}
    for line in (tree.ROOT / "locks" / name).read_text().splitlines():
        if match := re.match(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;]+)", line):
            pins.setdefault(canonicalize_name(match[1]), set()).add(match[2])
    return pins


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_every_line_is_a_pin_or_a_hash(path: Path) -> None:
    text = path.read_text()
    pin = r"[A-Za-z0-9._\[\],-]+==[^\s;]+( ; [^\\]+)?( \\\n    --hash=sha256:[0-9a-f]{64})+\n"
    assert re.fullmatch(f"({pin})+", text)


@pytest.mark.parametrize("name", [path.name for path in LOCKS if path.name != "all.txt"])
def test_the_smaller_locks_are_cut_from_the_whole(name: str) -> None:
    whole = pinned("all.txt")
    assert {package: whole[package] for package in pinned(name)} == pinned(name)


def test_dev_holds_all_of_runtime() -> None:
    assert pinned("runtime.txt").items() <= pinned("dev.txt").items()


def test_each_extra_for_users_has_a_lock_of_what_it_adds() -> None:
    extras = OPTIONAL.keys() - {"dev"}
    assert extras | {"all", "dev", "drift", "runtime"} == {path.stem for path in LOCKS}
    assert all(pinned(f"{extra}.txt") for extra in extras)


@pytest.mark.parametrize(
    ("names", "extras"),
    [
        (("runtime.txt",), ()),
        (("dev.txt",), ("dev", "sandbox", "aws")),
        (("all.txt",), tuple(OPTIONAL)),
        *((("runtime.txt", f"{extra}.txt"), (extra,)) for extra in OPTIONAL if extra != "dev"),
    ],
    ids="+".join,
)
def test_every_requirement_is_locked_within_its_bounds(
    names: tuple[str, ...], extras: tuple[str, ...]
) -> None:
    wanted = [*PROJECT["dependencies"], *(r for extra in extras for r in OPTIONAL[extra])]
    pins = {package: versions for name in names for package, versions in pinned(name).items()}
    for requirement in map(Requirement, wanted):
        versions = pins[canonicalize_name(requirement.name)]
        assert all(version in requirement.specifier for version in versions), requirement
