"""The API trace that the options of `lamp drift` name: files, an account's event history, or those of many accounts."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from lamplighter.cli.context import Invocation
from lamplighter.cli.drift_options import Asked, moment
from lamplighter.core.errors import ConfigError

if TYPE_CHECKING:
    from lamplighter.core.ports import TraceSource
    from lamplighter.tools.cloudtrail.accounts import Accounts
    from lamplighter.tools.cloudtrail.lookup import Lookup


def trace_source(invocation: Invocation, asked: Asked) -> TraceSource:
    """Raises InputError on a time that is none, ConfigError where no trace is named."""
    if not asked.live:
        return trace_files(invocation, asked)
    from lamplighter.tools.cloudtrail.live import LookupEvents
    from lamplighter.tools.cloudtrail.lookup import Lookup

    config = invocation.resolved.config
    since, until = _window(asked)
    regions = asked.regions or ((config.aws_region,) if config.aws_region else ())
    return LookupEvents(
        Lookup(profile=config.aws_profile),
        since=since,
        until=until,
        regions=regions,
        account=invocation.pins["aws_account"].value,
        state_dir=config.state_dir,
    )


def trace_files(invocation: Invocation, asked: Asked) -> TraceSource:
    """Raises InputError on a time that is none, ConfigError where no trace is named."""
    from lamplighter.tools.cloudtrail import TraceFiles

    since, until = _window(asked)
    return TraceFiles(named_traces(invocation, asked.paths), since=since, until=until, regions=asked.regions)


def _window(asked: Asked) -> tuple[str, str]:
    """The times from which and before which calls count, as of now."""
    now = datetime.now(UTC)
    return moment(asked.since, now), moment(asked.until, now)


def named_traces(invocation: Invocation, given: tuple[Path, ...]) -> tuple[Path, ...]:
    """Raises ConfigError where neither options nor settings name one."""
    found = given or invocation.resolved.config.trace
    if not found:
        raise ConfigError("trace", "no API trace is given", "name one with --trace PATH")
    return found


def accounts(invocation: Invocation, asked: Asked, stopped: Event) -> Accounts:
    """The event histories of all accounts that the settings name credentials for. Setting `stopped` ends a pull."""
    from lamplighter.tools.cloudtrail.accounts import Accounts, Credentials
    from lamplighter.tools.cloudtrail.live import LookupEvents

    config = invocation.resolved.config
    since, until = _window(asked)

    def source(lookup: Lookup, account: str, region: str) -> TraceSource:
        return LookupEvents(
            lookup,
            since=since,
            until=until,
            regions=(region,),
            account=account,
            state_dir=config.state_dir,
            stopped=stopped,
        )

    credentials = Credentials(
        config.aws_profile,
        invocation.pins["aws_account"].value,
        config.aws_region,
        config.aws_roles,
        config.aws_profiles,
    )
    return Accounts(credentials, source)
