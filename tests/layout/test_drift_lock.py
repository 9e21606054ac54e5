"""What `lamp drift check` imports is in the lock for slim images, so that `--no-deps` is enough there."""

from __future__ import annotations

import importlib.metadata
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from lamplighter.scenarios.bench_cli import SAMPLE_CHECK
from tests.layout import tree

RUN = """
import json, sys
before = set(sys.modules)
from lamplighter.cli import main
code = main(json.loads(sys.argv[1]))
print(json.dumps({"code": code, "modules": sorted({name.partition(".")[0] for name in set(sys.modules) - before})}))
"""


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["version"], 0), (list(SAMPLE_CHECK), 2)],
    ids=["version", "drift check"],
)
def test_imports_are_locked(tmp_path: Path, arguments: list[str], code: int) -> None:
    command = [sys.executable, "-c", RUN, json.dumps(arguments)]
    environment = tree.bare_environment(PYTHONPATH=str(tree.ROOT))
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["code"] == code, done.stdout + done.stderr

    owners = importlib.metadata.packages_distributions()
    used = {canonicalize_name(owner) for name in report["modules"] for owner in owners.get(name, ())}
    text = (tree.ROOT / "locks/drift.txt").read_text()
    locked = {
        canonicalize_name(name) for name in re.findall(r"^([A-Za-z0-9._-]+)==", text, flags=re.MULTILINE)
    }
    assert used - locked - {"lamplighter"} == set()
