"""Some thousand commits, each waiting for a disk, would be most of what these tests take."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ram import ram_folder


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=ram_folder()) as folder:
        yield Path(folder)
