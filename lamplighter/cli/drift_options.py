"""The options of `lamp drift`: where the API trace and the states come from, and which root modules are meant."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

import click

_F = TypeVar("_F", bound=Callable[..., Any])

trace_option = click.option(
    "--trace", "paths", multiple=True, type=click.Path(path_type=Path), help="CloudTrail file or directory."
)


class Asked(NamedTuple):
    """Where the API trace comes from: files, or the account's event history; and which part of it counts."""

    paths: tuple[Path, ...]
    live: bool
    since: str
    until: str
    regions: tuple[str, ...]
    covers: tuple[str, ...] = ()


def source_options(command: _F) -> _F:
    """Adds `--trace` or `--live`, and what of it counts; the command is given `source`, an `Asked`."""

    @wraps(command)
    def run(
        *arguments: Any,
        paths: tuple[Path, ...],
        live: bool,
        since: str,
        until: str,
        regions: tuple[str, ...],
        covers: tuple[str, ...],
        **options: Any,
    ) -> Any:
        if live and not since:
            raise click.UsageError("--live needs --since: how far back to ask, as in --since 24h")
        if live and paths:
            raise click.UsageError("--live asks the account itself: leave --trace out")
        return command(*arguments, source=Asked(paths, live, since, until, regions, covers), **options)

    decorated: Any = run
    for option in reversed(
        (
            trace_option,
            click.option("--live", is_flag=True, help="Ask the account's event history (needs boto3)."),
            click.option(
                "--since",
                default="",
                metavar="TIME",
                help="Calls from then on: 2026-01-31T00:00:00Z, 24h, 7d.",
            ),
            click.option("--until", default="", metavar="TIME", help="Calls before then, in the same forms."),
            click.option("--region", "regions", multiple=True, help="Only calls of this region; repeatable."),
            click.option(
                "--covers",
                multiple=True,
                metavar="ACCOUNT/REGION",
                help="The trace holds all calls of this place, though none may be in it; * for any; repeatable.",
            ),
        )
    ):
        decorated = option(decorated)
    return cast(_F, decorated)


state_option = click.option(
    "--state",
    default="",
    metavar="PLACE",
    help="State file, s3://BUCKET/KEY, https://..., hcp://ORG/WORKSPACE, or pull; else the code's own backend.",
)

workspace_option = click.option(
    "--workspace",
    default="",
    metavar="NAME",
    help="The state of this workspace; else the one selected, or all.",
)


terraform_option = click.option(
    "--terraform/--no-terraform",
    "terraform",
    default=None,
    help="Ask Terraform what is live (runs `terraform plan`; nothing is written).",
)


class Chosen(NamedTuple):
    """Which root modules, in which workspace. `jobs` 0 is the default, `pull` lets Terraform read their states."""

    recursive: bool
    changed_since: str
    jobs: int
    workspace: str = ""
    pull: bool = False
    terraform: bool | None = None


def roots_options(command: _F) -> _F:
    """Adds `--recursive` and what narrows it; the command is given `chosen`."""

    @wraps(command)
    def run(*arguments: Any, recursive: bool, changed_since: str, jobs: int, **options: Any) -> Any:
        if not recursive and (changed_since or jobs):
            raise click.UsageError("--changed-since and --jobs are of --recursive: add it")
        if recursive and options.get("state") not in ("", "pull"):
            raise click.UsageError("--state names the state of one root: with --recursive give pull, or none")
        return command(*arguments, chosen=Chosen(recursive, changed_since, jobs), **options)

    decorated: Any = run
    for option in reversed(
        (
            click.option(
                "--recursive", is_flag=True, help="All root modules in DIRECTORY and below, one report."
            ),
            click.option(
                "--changed-since",
                default="",
                metavar="REF",
                help="Only roots whose files or local modules differ from this git ref.",
            ),
            click.option(
                "--jobs",
                type=click.IntRange(min=0),
                default=0,
                metavar="N",
                help="Roots at a time (default 8).",
            ),
        )
    ):
        decorated = option(decorated)
    return cast(_F, decorated)


def moment(text: str, now: datetime) -> str:
    """`24h`, `90m` or `7d` before `now` as a time; every other text as it is, to be judged by who reads it."""
    found = re.fullmatch(r"(\d{1,5})([mhd])", text)
    if not found:
        return text
    unit = {"m": "minutes", "h": "hours", "d": "days"}[found[2]]
    return (now - timedelta(**{unit: int(found[1])})).strftime("%Y-%m-%dT%H:%M:%SZ")
