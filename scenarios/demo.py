"""The sample of the tour: a real Terraform project, its state and its API trace, as a copy to work on."""

from __future__ import annotations

import shutil
from pathlib import Path

from lamplighter.core.errors import Unavailable

REQUESTS = ("who opened port 22 to the world on web?", "what did svc-cost-saver change?")

_SETTINGS = """\
# Written by `lamp demo`: settings of the sample, for `lamp --config`.
project = "payments"
trace = "trace"
state = "terraform.tfstate"
state_dir = "state"
"""
_HERE = Path(__file__).parent


def prepare(folder: Path) -> Path:
    """Puts a fresh copy of the payments sample into `folder` and returns its settings file.

    Plans, approvals and the audit log of earlier tours, in `folder/state`, are kept. Raises Unavailable when the
    sample is not installed or the folder cannot be written.
    """
    data = _HERE / "data" / "payments"
    sources = {
        folder / "payments": _HERE / "projects" / "payments",
        folder / "trace": data / "trace",
        folder / "terraform.tfstate": data / "terraform.tfstate",
    }
    missing = [source for source in sources.values() if not source.exists()]
    if missing:
        raise Unavailable(str(missing[0]), "is not installed", "install lamplighter again")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for target, source in sources.items():
            _copy(source, target)
        settings = folder / "lamp.toml"
        settings.write_text(_SETTINGS, encoding="utf-8")
    except OSError as error:
        raise Unavailable(
            str(folder), f"cannot be written ({error.strerror})", "set LAMP_STATE_DIR to a folder of yours"
        ) from error
    return settings


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target, ignore=shutil.ignore_patterns(".terraform*", "__pycache__"))
    else:
        shutil.copyfile(source, target)
