"""A program in Terraform's place: it keeps what it was called with, and does what a test tells it to."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path
from typing import Any


def standin(folder: Path, name: str, then: str = "") -> dict[str, str]:
    """A program `name` in `folder`, first on the returned environment's PATH; `then` is Python that it runs at last.

    Each call is a line of `calls.jsonl`: {"argv": [...], "env": {...}, "stdin": "...", "files": {argument: text}}.
    """
    program = folder / name
    program.write_text(
        f"""#!{sys.executable}
import json, os, sys
files = {{}}
for word in sys.argv[1:]:
    path = word.partition("=")[2]
    if os.path.isfile(path):
        mode = os.stat(path).st_mode & 0o777
        files[word.partition("=")[0]] = [open(path).read(), mode]
call = {{"argv": sys.argv[1:], "env": dict(os.environ), "stdin": sys.stdin.read(), "files": files}}
with open({str(folder / "calls.jsonl")!r}, "a") as stream:
    stream.write(json.dumps(call) + "\\n")
{then}
"""
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return os.environ | {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


def calls(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "calls.jsonl").read_text().splitlines()]
