from __future__ import annotations

from pathlib import Path

import pytest

from lamplighter.agents.wiring import Wiring
from tests.agents.world import make_wiring


@pytest.fixture
def wiring(tmp_path: Path) -> Wiring:
    return make_wiring(tmp_path)
