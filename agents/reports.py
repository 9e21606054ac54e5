"""The answer of a turn, put together from what the graph's state holds: whole, or as far as it came."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lamplighter.core.config import Config
from lamplighter.core.events import Reported
from lamplighter.core.exits import Exit, worst
from lamplighter.core.findings import Severity


def compose(state: Mapping[str, Any], config: Config, stopped: str = "") -> Reported:
    """`stopped` says why the run ended early; the answer is incomplete then (exit code 4, or 1 by precedence)."""
    answers: dict[str, dict[str, Any]] = state.get("answers", {})
    outcomes: list[dict[str, str]] = state.get("outcomes", [])
    not_checked = [line for answer in answers.values() for line in answer.get("not_checked", ())]
    not_checked += [stopped] if stopped else []
    lines = [answer["text"] for answer in answers.values() if answer.get("text")]
    lines += [_outcome_line(row) for row in outcomes]
    lines += [state["refused"]] if state.get("refused") else []
    codes = [Exit(state.get("exit_code", 0)), *(Exit(answer.get("exit", 0)) for answer in answers.values())]
    codes += [Exit.INCOMPLETE] if stopped else []
    codes += [Exit.FINDINGS] if _at_or_above(answers, config.fail_on) and not outcomes else []
    digests = {name: answer["findings"] for name, answer in answers.items() if "findings" in answer}
    return Reported(
        text="\n".join(lines) or "nothing could be checked",
        not_checked=tuple(not_checked),
        exit_code=int(worst(codes)),
        data={"findings": digests},
    )


def _outcome_line(row: Mapping[str, str]) -> str:
    said = [row["outcome"], row.get("detail", ""), row.get("verified", "")]
    return f"{row['step']}: {'; '.join(part for part in said if part)}"


def _at_or_above(answers: Mapping[str, Mapping[str, Any]], fail_on: str) -> bool:
    highest = max((int(answer.get("worst", -1)) for answer in answers.values()), default=-1)
    return fail_on != "never" and highest >= int(Severity.parse(fail_on))
