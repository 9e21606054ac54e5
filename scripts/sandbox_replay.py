"""Replay the recorded Kubernetes calls against a sandbox and print what differs: `python scripts/sandbox_replay.py`.

A case's id as argument replays that one. Exit code 1 where a call differs that docs/sandbox.md does not name.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lamplighter.scenarios.cluster.sandbox import Sandbox
from tests.cluster_sandbox import replay
from tests.cluster_sandbox.conftest import recorded_plan
from tests.cluster_sandbox.test_conformance import differing, is_known


def main() -> int:
    checks, known, unknown = 0, 0, 0
    names = sys.argv[1:] or replay.index()
    with Sandbox(recorded_plan()) as sandbox:
        for name in names:
            count, found = differing(sandbox, name)
            checks += count
            for difference in found:
                known += is_known(difference)
                unknown += not is_known(difference)
                mark = "known" if is_known(difference) else "DIFFERS"
                print(f"{mark} {name}: {difference.step}: {'; '.join(difference.paths)}")
    print(
        f"{len(names)} cases, {checks} calls compared: {known + unknown} differ, {known} of them as documented"
    )
    return 1 if unknown else 0


if __name__ == "__main__":
    sys.exit(main())
