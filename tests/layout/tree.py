"""The source tree as the layout tests see it: what belongs to the package, and a copy to plant faults in."""

from __future__ import annotations

import os
import shutil
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SUBPACKAGES = (
    "agents",
    "bot",
    "cluster",
    "drift",
    "memory",
    "nodes",
    "router",
    "scenarios",
    "tools",
    "tui",
)
"""The folders at the root that are sub-packages of `lamplighter`."""

SOURCES = ("lamplighter", *SUBPACKAGES)


def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def files(*folders: str) -> list[Path]:
    """All files below `folders` of the root, without what tools leave behind."""
    found = (path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file())
    return sorted(
        path
        for path in found
        if not {"__pycache__", ".terraform"} & set(path.parts) and path.suffix != ".pyc"
    )


def modules(*folders: str) -> list[Path]:
    return [path for path in files(*folders) if path.suffix == ".py"]


def copy(target: Path) -> Path:
    """The package, its metadata and the `.typecheck` links, copied into `target`; returns `target`."""
    ignore = shutil.ignore_patterns("__pycache__", ".terraform")
    for folder in SOURCES:
        shutil.copytree(ROOT / folder, target / folder, ignore=ignore)
    shutil.copytree(ROOT / ".typecheck", target / ".typecheck", symlinks=True)
    for name in ("pyproject.toml", "LICENSE", "README.md"):
        shutil.copy(ROOT / name, target / name)
    return target


def bare_environment(**more: str) -> dict[str, str]:
    """This process's environment without what points Python at other source trees."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "COV_"))}
    return kept | more
