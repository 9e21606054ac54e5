"""House rules that no linter knows: sizes, reasons for broad excepts, and the one module that starts processes."""

from __future__ import annotations

import ast
import re
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.layout import tree

MODULES = tree.modules(*tree.SOURCES)
OWN_TEXT = [
    p
    for p in tree.files(*tree.SOURCES, "tests", "scripts", ".ci")
    if p.suffix in {".py", ".toml", ".md", ".sh", ""}
]
STARTS_PROCESSES = {"subprocess", "pty", "multiprocessing"}
STARTS_PROCESSES_BY_HAND = re.compile(r"\bos\.(fork|exec\w+|(posix_)?spawn\w*)\(|create_subprocess_exec")


def short(path: Path) -> str:
    return path.relative_to(tree.ROOT).as_posix()


def functions(source: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def last_line_of_head(node: ast.ExceptHandler) -> int:
    """The formatter may break a long `except` line; its comment then stands on one of several."""
    return max(node.lineno, node.body[0].lineno - 1)


def broad_excepts(source: str) -> Iterator[str]:
    """The heads of handlers that catch everything and do not raise it again."""
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ExceptHandler):
            caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            names = {getattr(kind, "id", None) for kind in caught}
            last = node.body[-1]
            raises_again = isinstance(last, ast.Raise) and last.exc is None
            if not raises_again and (node.type is None or names & {"Exception", "BaseException"}):
                yield " ".join(lines[node.lineno - 1 : last_line_of_head(node)])


def has_reason(line: str) -> bool:
    """Whether a comment of at least four words stands on the line, a lint directive aside."""
    comment = line.partition("#")[2]
    words = re.sub(r"noqa(:\s*[A-Z]+\d+)?|pragma:\s*no cover|#", " ", comment).split()
    return len([word for word in words if re.search("[a-z]", word)]) >= 4


@pytest.mark.parametrize("path", MODULES, ids=short)
def test_no_module_is_over_600_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 600


def test_functions_are_short() -> None:
    lengths = [
        (node.end_lineno or node.lineno) - node.lineno + 1
        for path in MODULES
        for node in functions(path.read_text())
    ]
    assert statistics.quantiles(lengths, n=20)[-1] <= 45, "95th percentile of function lengths, in lines"


@pytest.mark.parametrize("path", MODULES, ids=short)
def test_a_broad_except_says_why(path: Path) -> None:
    assert [line.strip() for line in broad_excepts(path.read_text()) if not has_reason(line)] == []


def test_the_guard_tells_a_reason_from_a_directive() -> None:
    source = "try:\n    pass\nexcept Exception:  # noqa: BLE001\n    pass\n"
    assert [has_reason(line) for line in broad_excepts(source)] == [False]
    reasoned = source.replace("BLE001", "BLE001 - a surface shows any fault as one line")
    assert [has_reason(line) for line in broad_excepts(reasoned)] == [True]
    assert list(broad_excepts("try:\n    pass\nexcept BaseException:\n    undo()\n    raise\n")) == []


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names


def test_one_module_starts_processes() -> None:
    """Scenarios and evaluations run processes as their subject; of the rest, one module in `tools/` may."""
    starters = [
        short(path)
        for path in MODULES
        if not path.is_relative_to(tree.ROOT / "scenarios")
        and (imported(path) & STARTS_PROCESSES or STARTS_PROCESSES_BY_HAND.search(path.read_text()))
    ]
    assert len(starters) <= 1, starters
    assert all(name.startswith("tools/") for name in starters), starters


def test_no_shell_is_ever_asked() -> None:
    calls = re.compile(r"os\.(system|popen)\(|shell=True|create_subprocess_shell")
    assert [short(path) for path in MODULES if calls.search(path.read_text())] == []


def test_no_unfinished_marks() -> None:
    marks = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
    assert [short(path) for path in OWN_TEXT if marks.search(path.read_text(errors="replace"))] == []
