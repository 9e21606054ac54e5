"""What setuptools, the type checkers and the source tree take for the package is the same."""

from __future__ import annotations

import importlib
import re
import tomllib
from pathlib import Path

import lamplighter
from tests.layout import tree


def folders_with_modules() -> set[Path]:
    return {path.parent for path in tree.modules(*tree.SOURCES)}


def name_of(folder: Path) -> str:
    parts = folder.relative_to(tree.ROOT).parts
    return ".".join(parts if parts[0] == "lamplighter" else ("lamplighter", *parts))


def test_every_folder_with_modules_is_a_listed_package() -> None:
    listed = tree.pyproject()["tool"]["setuptools"]["packages"]
    assert sorted(listed) == sorted(name_of(folder) for folder in folders_with_modules())
    assert [f for f in folders_with_modules() if not (f / "__init__.py").is_file()] == []


def test_every_root_folder_with_an_init_is_known() -> None:
    found = {path.parent.name for path in tree.ROOT.glob("*/__init__.py")}
    assert found - {"tests"} == set(tree.SOURCES)
    mapping = tree.pyproject()["tool"]["setuptools"]["package-dir"]
    assert mapping == {"lamplighter": "lamplighter"} | {f"lamplighter.{n}": n for n in tree.SUBPACKAGES}


def test_typecheck_links_are_complete() -> None:
    links = {path.name: path.resolve() for path in (tree.ROOT / ".typecheck/lamplighter").iterdir()}
    own = {
        path.name: path for path in (tree.ROOT / "lamplighter").iterdir() if not path.name.startswith("__pyc")
    }
    assert links == own | {name: tree.ROOT / name for name in tree.SUBPACKAGES}


def test_every_package_says_what_it_is_for() -> None:
    for folder in sorted(folders_with_modules()):
        text = importlib.import_module(name_of(folder)).__doc__ or ""
        assert len(text.split()) >= 10, folder


def test_an_import_of_the_tree_is_of_the_tree() -> None:
    assert lamplighter.__path__[0] == str(tree.ROOT / "lamplighter")
    assert str(tree.ROOT) in lamplighter.__path__


def test_version_has_one_source() -> None:
    project = tree.pyproject()["project"]
    assert "version" not in project
    first, *released = re.findall(r"^## \[(.+?)\]", (tree.ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert first == "Unreleased"
    # Nothing has been released yet, or the newest release is this version.
    assert released[:1] in ([], [lamplighter.__version__])


def test_every_extra_and_script_is_of_the_project() -> None:
    text = (tree.ROOT / "pyproject.toml").read_text()
    project = tomllib.loads(text)["project"]
    assert project["scripts"] == {"lamp": "lamplighter.__main__:main"}
    assert set(project["optional-dependencies"]) == {"aws", "bot", "dev", "nodes", "sandbox", "server"}
