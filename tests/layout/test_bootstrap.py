"""What a fresh machine may lack is said in one line that holds the remedy, and leaves nothing half-made."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from tests.layout import tree


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout"
    shutil.copytree(tree.ROOT / "scripts", folder / "scripts")
    shutil.copytree(tree.ROOT / "locks", folder / "locks")
    shutil.copy(tree.ROOT / "pyproject.toml", folder)
    return folder


def bootstrap(checkout: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", "scripts/bootstrap.sh", "runtime"],
        cwd=checkout,
        env=tree.bare_environment() | environment,
        capture_output=True,
        text=True,
    )


def only_line(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 1, done.stderr
    (line,) = done.stderr.splitlines()
    assert done.stdout == ""
    return line


def test_a_missing_ensurepip_names_the_package_to_install(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['ensurepip'] = None\n")
    line = only_line(bootstrap(checkout, PYTHON=sys.executable, PYTHONPATH=str(tmp_path)))
    assert "ensurepip" in line
    assert f"apt install python{sys.version_info.major}.{sys.version_info.minor}-venv" in line
    assert not (checkout / ".venv").exists()


def test_only_an_old_python(checkout: Path, tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "python3").write_text("#!/bin/sh\nexit 1\n")
    (tools / "python3").chmod(0o755)
    dirname = shutil.which("dirname")
    assert dirname
    (tools / "dirname").symlink_to(dirname)
    line = only_line(bootstrap(checkout, PATH=str(tools)))
    assert "3.11" in line
    assert "apt install python3" in line


def test_a_wrong_choice_of_python_is_named(checkout: Path) -> None:
    line = only_line(bootstrap(checkout, PYTHON="/nonexistent/python"))
    assert line.startswith("PYTHON=/nonexistent/python: ")


def test_an_unknown_environment_is_named(checkout: Path) -> None:
    command = [sys.executable, "scripts/bootstrap.py", "everything"]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True)
    assert "everything" in only_line(done)


def test_a_second_run_installs_nothing(checkout: Path) -> None:
    """The stamp alone decides: pip of this environment would fail on a lock that names no real package."""
    (checkout / "locks/runtime.txt").write_text("")
    venv.create(checkout / ".venv", with_pip=False)
    # Its pip is lent by the environment of the tests: to install one takes longer than all the rest.
    (site,) = checkout.glob(".venv/lib/python*/site-packages")
    (site / "lent.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    stamp = "import bootstrap as b; (b.VENV / '.stamp-runtime').write_text(b.fingerprint('runtime'))"
    subprocess.run([sys.executable, "-c", stamp], cwd=checkout / "scripts", check=True)
    done = bootstrap(checkout, PYTHON=sys.executable)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    (checkout / "locks/runtime.txt").write_text("no-such-package-of-lamplighter==1\n")
    changed = bootstrap(checkout, PYTHON=sys.executable, PIP_NO_INDEX="1")
    assert changed.returncode == 1
    assert changed.stderr.splitlines()[-1].startswith("locks/runtime.txt: could not be installed")
