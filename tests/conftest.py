"""What every test gets: no settings of the person who runs them, and property tests that never judge time."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

from tests.command import ROOT

settings.register_profile("lamplighter", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("lamplighter")

# A shell starts its background jobs with SIGINT ignored, and the commands under test would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def root() -> Path:
    """The root of the repository."""
    return ROOT


@pytest.fixture(autouse=True)
def no_personal_settings(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Settings, state and caches are looked for in an empty folder, in this process and its children."""
    for name in list(os.environ):
        if name.startswith("LAMP_") and not name.startswith("LAMP_TEST_"):
            monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("xdg")
    for kind in ("CONFIG", "STATE", "DATA", "CACHE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(home / kind.lower()))
