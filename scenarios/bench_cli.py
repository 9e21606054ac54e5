"""What the command costs before it does anything: CPU seconds (user + system) of real child processes."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

from lamplighter.core.errors import Unavailable
from lamplighter.core.exits import Exit
from lamplighter.scenarios.evaluation.registry import Request, Result
from lamplighter.tools import process

HEAVY = ("chromadb", "kubernetes", "langgraph", "numpy", "openai", "textual")
_HERE = Path(__file__).parent
SAMPLE_CHECK = (
    "drift",
    "check",
    str(_HERE / "projects" / "payments"),
    "--trace",
    str(_HERE / "data" / "payments" / "trace"),
    "--state",
    str(_HERE / "data" / "payments" / "terraform.tfstate"),
)
"""`lamp drift check` on the payments sample."""
_LISTING = (
    "import sys; from lamplighter.cli import main; main(sys.argv[1:]); "
    "print('|'.join(sys.modules), file=sys.stderr)"
)


def measure(request: Request) -> Result:
    """The median of 5 runs (or `sample`) after a warm-up, and how many heavy libraries were imported."""
    runs = request.sample or 5
    metrics = {
        "help_cpu_seconds": cpu_seconds(["--help"], runs),
        "help_heavy_imports": float(len(heavy_imports(["--help"]))),
        "drift_check_cpu_seconds": cpu_seconds(SAMPLE_CHECK, runs),
        "drift_check_heavy_imports": float(len(heavy_imports(SAMPLE_CHECK))),
    }
    return Result(metrics, runs, ("own scenarios",), sampled=request.sample is not None)


def cpu_seconds(arguments: Sequence[str], runs: int) -> float:
    argv = [sys.executable, "-m", "lamplighter", *arguments]
    warm_up = process.run(argv)
    if warm_up.code not in (Exit.CLEAN, Exit.FINDINGS, Exit.INCOMPLETE):
        raise Unavailable(f"lamp {arguments[0]}", f"ended with {warm_up.code}", "mend it before measuring it")
    return round(statistics.median(process.run(argv).cpu_seconds for _ in range(runs)), 4)


def heavy_imports(arguments: Sequence[str]) -> list[str]:
    """The libraries of HEAVY that one command line imports."""
    done = process.run([sys.executable, "-c", _LISTING, *arguments])
    loaded = set(done.stderr.decode().splitlines()[-1].split("|"))
    return [name for name in HEAVY if name in loaded]
