"""Make `.venv` from a lock file, once: `bootstrap.py runtime` or `bootstrap.py dev`.

Standard library only, since it runs before anything is installed. A stamp in the environment holds the hash of
what was installed, so that a second run is a few file reads and needs no network. A failure is one line.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
SATISFIED_BY = {"runtime": ("runtime", "dev"), "dev": ("dev",)}
"""Which stamps do for a wish: the dev lock holds everything of the runtime lock."""


def fingerprint(name: str) -> str:
    """Changes with the lock, the project's metadata, the place of the checkout and the Python of the environment."""
    parts = [(ROOT / "locks" / f"{name}.txt").read_bytes(), (ROOT / "pyproject.toml").read_bytes()]
    parts += [str(ROOT).encode(), (VENV / "pyvenv.cfg").read_bytes()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def is_current(name: str) -> bool:
    stamp = VENV / f".stamp-{name}"
    return runs() and stamp.is_file() and stamp.read_text() == fingerprint(name)


def runs() -> bool:
    """Whether the environment's interpreter starts; it does not after an upgrade or removal of its Python."""
    try:
        command = [str(PYTHON), "-c", "import pip, sys; sys.exit(sys.version_info < (3, 11))"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def create() -> None:
    for module in ("venv", "ensurepip"):
        if importlib.util.find_spec(module) is None:
            version = f"{sys.version_info.major}.{sys.version_info.minor}"
            remedy = f"on Debian and Ubuntu: apt install python{version}-venv"
            sys.exit(
                f"{sys.executable}: its {module} module is missing; {remedy}, or run make PYTHON=/path/to/python"
            )
    import venv

    say(f"making .venv with {sys.executable}")
    try:
        venv.create(VENV, clear=True, with_pip=True)
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(
            f"{VENV}: cannot be made ({error}); check that the folder is writable and the disk has space"
        )


def pip(*arguments: str, subject: str, remedy: str) -> None:
    base = [str(PYTHON), "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
    done = subprocess.run([*base, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        say("\n".join([line for line in lines if line.lower().startswith("error")] or lines[-5:]))
        sys.exit(f"{subject}: could not be installed (pip exit code {done.returncode}); {remedy}")


def install(name: str) -> None:
    lock = f"locks/{name}.txt"
    count = sum("==" in line for line in (ROOT / lock).read_text().splitlines())
    say(f"installing {lock} ({count} packages, once)")
    network = "check the network, or set PIP_INDEX_URL to a mirror, and run the same command again"
    pip("--require-hashes", "--no-deps", "-r", str(ROOT / lock), subject=lock, remedy=network)
    # Nothing is resolved or downloaded here: the lock has put every dependency and setuptools in place.
    here = ("--no-deps", "--no-build-isolation", "--no-index", "--editable", str(ROOT))
    pip(*here, subject="lamplighter", remedy="run make clean, then the same command again")
    (VENV / f".stamp-{name}").write_text(fingerprint(name))


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    if sys.argv[1:] not in (["runtime"], ["dev"]):
        sys.exit(f"bootstrap.py: {sys.argv[1:]} is not an environment; give runtime or dev")
    name = sys.argv[1]
    if any(is_current(other) for other in SATISFIED_BY[name]):
        return
    if not runs():
        create()
    install(name)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
