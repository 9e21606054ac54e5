"""A place to run Terraform for a directory that is not initialised, so that nothing is written into that directory.

`terraform init` writes `.terraform/` (which TF_DATA_DIR moves) and `.terraform.lock.hcl` (which nothing moves, and
which every later command reads). So the directory is mirrored: a folder of links to its entries, with a copy of the
lock file, inside folders of links for as many parents as the code reaches up to with `../`.
Source: Terraform CLI documentation, "TF_DATA_DIR" and "Dependency Lock File".
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from lamplighter.core.errors import InputError
from lamplighter.tools.terraform_files import read_code

_UPWARDS = re.compile(rb"(?:\.\./)+|(?<=\")\.\.(?=\")")
_LOCK_FILE = ".terraform.lock.hcl"
_ENTRIES_LIMIT = 20_000


class Place(NamedTuple):
    """Where to run: `folder` is the working directory, `data` what TF_DATA_DIR must be (None: as it is).

    `private` is a folder that only this user can read and that goes away afterwards; `mirrored` whether `folder`
    stands in for the directory.
    """

    folder: Path
    private: Path
    data: Path | None
    mirrored: bool


def is_initialised(directory: Path, env: Mapping[str, str]) -> bool:
    """Whether `terraform init` was run in the directory, or its data is where TF_DATA_DIR says."""
    return (directory / (env.get("TF_DATA_DIR") or ".terraform")).is_dir()


@contextlib.contextmanager
def place_for(
    directory: Path, env: Mapping[str, str], contents: Mapping[str, bytes] | None = None
) -> Iterator[Place]:
    """The directory itself when it is initialised, else a mirror of it. Raises InputError when it is none.

    With `contents`, files by path relative to the directory, always a mirror, in which they stand in for its own (or
    beside them): what an edit would do can be tried there. One of an initialised directory is initialised as well.
    """
    directory = directory.absolute()
    if not directory.is_dir():
        problem = "is not a directory" if directory.exists() else "no such directory"
        raise InputError(str(directory), problem, "name the directory of a root module")
    with tempfile.TemporaryDirectory(prefix="lamp-terraform-") as name:
        private = Path(name)
        initialised = is_initialised(directory, env)
        if initialised and contents is None:
            yield Place(directory, private, None, mirrored=False)
            return
        folder = _mirror(directory.resolve(), private / "mirror")
        for path, content in (contents or {}).items():
            put(folder, path, content)
        data = directory / (env.get("TF_DATA_DIR") or ".terraform") if initialised else private / "data"
        yield Place(folder, private, data.absolute(), mirrored=True)


def put(folder: Path, path: str, content: bytes) -> None:
    """A file of the mirror's own; a folder on the way that is a link becomes one of links. Raises InputError."""
    place = Path(path)
    if place.is_absolute() or ".." in place.parts:
        raise InputError(path, "lies outside of the directory", "edit it by hand")
    for step in place.parts[:-1]:
        folder /= step
        if folder.is_symlink():
            original = folder.resolve()
            folder.unlink()
            _link_entries(original, folder, without="")
    (folder / place.name).unlink(missing_ok=True)
    (folder / place.name).write_bytes(content)


def name_modules_by_path(data: Path, directory: Path) -> None:
    """`init` follows the links of a mirror and records where they lead: local modules are named as the code names them,
    so that a file that was put into the mirror counts."""
    manifest = data / "modules" / "modules.json"
    if not manifest.is_file():
        return
    recorded = json.loads(manifest.read_bytes())
    for module in recorded.get("Modules", []):
        place = Path(module.get("Dir", ""))
        if place.is_absolute() and not place.is_relative_to(data):
            module["Dir"] = os.path.relpath(place, directory)
    manifest.write_text(json.dumps(recorded))


def _mirror(directory: Path, base: Path) -> Path:
    """Links under `base` that look like the directory and its surroundings; the folder that stands for it."""
    height = min(_height(directory), len(directory.parts) - 1)
    chain = list(directory.parts[len(directory.parts) - height :])
    original = directory.parents[height - 1] if height else directory
    folder = base
    for step in chain:
        _link_entries(original, folder, without=step)
        original, folder = original / step, folder / step
    _link_entries(original, folder, without=".terraform")
    lock = folder / _LOCK_FILE
    if lock.is_symlink():
        content = (original / _LOCK_FILE).read_bytes()
        lock.unlink()
        lock.write_bytes(content)
    return folder


def _link_entries(original: Path, folder: Path, *, without: str) -> None:
    folder.mkdir(parents=True, mode=0o700)
    try:
        names = os.listdir(original)  # noqa: PTH208 - names are wanted, one stat a file is not
    except OSError as error:
        remedy = "check its permissions, or run `terraform init` in the directory"
        raise InputError(str(original), f"cannot be listed ({error.strerror})", remedy) from error
    if len(names) > _ENTRIES_LIMIT:
        problem = f"holds more than {_ENTRIES_LIMIT} entries"
        raise InputError(str(original), problem, "run `terraform init` in the directory")
    for name in names:
        if name != without:
            (folder / name).symlink_to(original / name)


def _height(directory: Path) -> int:
    """How many folders up the code reaches: by its modules, and by the longest run of `../` in its own files."""
    try:
        code = read_code(directory)
    except InputError:
        return 0
    by_modules = (file.path.count("../") for file in code.files)
    own = (file.content for file in (*code.files, *code.variables) if not file.path.startswith("../"))
    by_paths = (match[0].count(b"..") for content in own for match in _UPWARDS.finditer(content))
    return max((0, *by_modules, *by_paths))
