"""Write the lock files: `python scripts/lock.py`, with `uv` on the path.

`all.txt` is resolved first, for Python 3.11 and later on every platform; the smaller ones are cut from it, so that
a package has one version wherever it is installed. The lock of an extra holds what it adds to `runtime.txt`, and is
installed after it. Settings of this machine (mirrors, local wheel folders) are kept out, since the hashes must be
those of the published files.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ROOT / "locks"
COMMON = (
    "--universal",
    "--python-version=3.11",
    "--generate-hashes",
    "--no-config",
    "--no-header",
    "--no-annotate",
    "--no-emit-index-url",
    "--no-emit-find-links",
    "--quiet",
)
DEV_EXTRAS = ("dev", "sandbox", "aws")
USER_EXTRAS = ("aws", "bot", "nodes", "sandbox", "server")
TOOLCHAIN = "setuptools>=77.0.3\n"
"""Needed with every lock that the Makefile installs: the editable install is made without a build sandbox."""


def compile_lock(name: str, *sources: str, constraint: Path | None = None) -> None:
    """Resolve `sources` into `locks/<name>`; raises CalledProcessError with uv's own message shown."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "UV_"))}
    limits = [f"--constraint={constraint}"] if constraint else []
    command = ["uv", "pip", "compile", *COMMON, *limits, *sources, "--output-file", str(LOCKS / name)]
    if (LOCKS / name).exists() and "--upgrade" in sys.argv[1:]:
        (LOCKS / name).unlink()
    subprocess.run(command, cwd=ROOT, env=environment, check=True)


def compile_extra(extra: str, whole: Path) -> None:
    """Resolve the base with one extra into `locks/<extra>.txt`, less what `runtime.txt` says word for word."""
    compile_lock(f"{extra}.txt", "pyproject.toml", f"--extra={extra}", constraint=whole)
    lock, base = LOCKS / f"{extra}.txt", set(pins(LOCKS / "runtime.txt"))
    lock.write_text("".join(pin for pin in pins(lock) if pin not in base))


def pins(lock: Path) -> list[str]:
    """Each pinned package of a lock, with the lines of its hashes."""
    return re.findall(r"^\S.*\n(?: .*\n)*", lock.read_text(), flags=re.MULTILINE)


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        toolchain = Path(scratch) / "toolchain.in"
        toolchain.write_text(TOOLCHAIN)
        compile_lock("all.txt", "pyproject.toml", str(toolchain), "--all-extras")
        whole = LOCKS / "all.txt"
        compile_lock("runtime.txt", "pyproject.toml", str(toolchain), constraint=whole)
        extras = [f"--extra={extra}" for extra in DEV_EXTRAS]
        compile_lock("dev.txt", "pyproject.toml", str(toolchain), *extras, constraint=whole)
        compile_lock("drift.txt", "locks/drift.in", constraint=whole)
        for extra in USER_EXTRAS:
            compile_extra(extra, whole)


if __name__ == "__main__":
    main()
