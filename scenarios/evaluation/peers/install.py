"""Puts each peer into an environment of its own under the user's cache, once; nothing is installed beside ours."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from lamplighter.core.errors import Unavailable
from lamplighter.scenarios.evaluation.peers.model import Tool, Unusable
from lamplighter.tools import process

_DONE = "installed"
_SECONDS = 300.0


def cache() -> Path:
    """`$XDG_CACHE_HOME/lamplighter/peers`."""
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(home) / "lamplighter" / "peers"


def programs(tool: Tool, root: Path) -> Path:
    """The folder of the tool's programs, installed under `root` where it is not yet. Raises Unusable."""
    folder = root / f"{tool.name}-{tool.version}"
    if (folder / _DONE).is_file():
        return folder / "bin"
    shutil.rmtree(folder, ignore_errors=True)
    pip = str(folder / "bin" / "pip")
    try:
        _run([sys.executable, "-m", "venv", str(folder)])
        _run([pip, "install", "--quiet", "--disable-pip-version-check", "--no-input", tool.requirement])
    except Unavailable as error:
        raise Unusable(f"cannot be installed: {error}") from error
    (folder / _DONE).touch()
    return folder / "bin"


def _run(argv: list[str]) -> None:
    done = process.run(argv, timeout_s=_SECONDS)
    if done.code != 0:
        said = [line for line in done.stderr.decode("utf-8", "replace").splitlines() if line.strip()]
        errors = [line for line in said if line.startswith("ERROR")] or said
        raise Unusable(f"cannot be installed: {(errors or ['no reason given'])[-1].strip()[:200]}")
