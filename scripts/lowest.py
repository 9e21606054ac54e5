"""Run the tests with the lowest versions that pyproject.toml allows: `python scripts/lowest.py`, with `uv` on the path.

Arguments go to pytest. What the project names itself is taken at its lower bound, the rest as new as that allows; all
in an environment that is made for this and thrown away.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EXTRAS = ("dev", "sandbox", "aws")
"""Those whose libraries the tests run."""


def main() -> int:
    with tempfile.TemporaryDirectory() as scratch:
        environment, versions = Path(scratch) / "venv", Path(scratch) / "lowest.txt"
        python = environment / "bin/python"
        uv("venv", "--seed", f"--python={sys.executable}", str(environment))
        extras = [f"--extra={extra}" for extra in EXTRAS]
        resolve = ("--resolution=lowest-direct", f"--python={python}", "--no-annotate", "--no-header")
        uv("pip", "compile", *resolve, "pyproject.toml", *extras, f"--output-file={versions}")
        uv("pip", "install", f"--python={python}", "--requirement", str(versions))
        tests = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", *sys.argv[1:]]
        return subprocess.run(
            tests, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False
        ).returncode


def uv(*arguments: str) -> None:
    subprocess.run(["uv", *arguments[:1], "--quiet", *arguments[1:]], cwd=ROOT, check=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except FileNotFoundError:
        sys.exit("uv: not on the path; install it (pip install uv)")
    except subprocess.CalledProcessError as error:
        sys.exit(f"{' '.join(error.cmd[:3])}: ended with {error.returncode}, as it says above")
