"""The wheel holds the package and nothing beside it, and runs where no source tree is."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

import lamplighter
from tests.layout import tree


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = tree.copy(tmp_path_factory.mktemp("source"))
    target = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(target),
        str(source),
    ]
    done = subprocess.run(command, capture_output=True, text=True, env=tree.bare_environment())
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = target.glob("*.whl")
    return built


def test_one_top_level_name(wheel: Path) -> None:
    names = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert names == {"lamplighter", f"lamplighter-{lamplighter.__version__}.dist-info"}


def test_every_file_of_the_package_is_in_it(wheel: Path) -> None:
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("lamplighter/")}
    sources = [path.relative_to(tree.ROOT).as_posix() for path in tree.files(*tree.SOURCES)]
    expected = {path if path.startswith("lamplighter/") else f"lamplighter/{path}" for path in sources}
    assert sorted(expected - packed) == [], "add a pattern to package-data in pyproject.toml"
    assert sorted(packed - expected) == []


def test_a_clean_environment_runs_it(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "clean"
    venv.create(environment, with_pip=False)
    python = environment / "bin/python"
    install = ["install", "--quiet", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check", *install],
        check=True,
        env=tree.bare_environment(),
    )
    (site,) = environment.glob("lib/python*/site-packages")
    # The dependencies are lent by the environment of the tests; its own `.pth` files, so the tree, are not.
    (site / "lent.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")

    def run(*command: str) -> str:
        done = subprocess.run(
            command, cwd=tmp_path, env=tree.bare_environment(), capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    where = run(str(python), "-c", "import lamplighter as l; print(*l.__path__, sep='\\n')").splitlines()
    assert where == [str(site / "lamplighter")]
    assert lamplighter.__version__ in run(str(environment / "bin/lamp"), "--version")
