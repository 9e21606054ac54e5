"""The event histories of several accounts, each asked with the credentials that the user's settings name for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Lock
from typing import NamedTuple

from lamplighter.core.errors import IncompleteInput
from lamplighter.core.ports import TraceSource
from lamplighter.core.text import printable
from lamplighter.tools.cloudtrail.lookup import Lookup


class Credentials(NamedTuple):
    """With what each account is asked: the session's own profile, and, by account id, a role that it may assume or a
    profile. `account` is the session's own where it is known without asking; `region` its own."""

    profile: str = ""
    account: str = ""
    region: str = ""
    roles: Mapping[str, str] = {}
    profiles: Mapping[str, str] = {}


class Accounts:
    """One `Lookup` an account. Nothing is asked before the first trace is."""

    def __init__(self, credentials: Credentials, source: Callable[[Lookup, str, str], TraceSource]) -> None:
        """`source` makes the trace of (lookup, account, region)."""
        self._credentials, self._source = credentials, source
        self._own = Lookup(profile=credentials.profile)
        self._account = credentials.account
        self._lookups: dict[str, Lookup] = {}
        self._choosing = Lock()

    def default_region(self) -> str:
        """Raises ConfigError where there is none."""
        return self._credentials.region or self._own.default_region()

    def own_account(self, region: str) -> str:
        """The session's; STS is asked where its settings do not tell. Raises LampError."""
        self._account = self._account or self._own.account(region)
        return self._account

    def trace(self, account: str, region: str) -> TraceSource:
        """Raises IncompleteInput where no credentials are named for the account, LampError where STS must tell."""
        return self._source(self._lookup(account, region), account, region)

    def _lookup(self, account: str, region: str) -> Lookup:
        with self._choosing:
            if account not in self._lookups:
                self._lookups[account] = self._chosen(account, region)
            return self._lookups[account]

    def _chosen(self, account: str, region: str) -> Lookup:
        named = self._credentials
        if account in named.roles:
            return Lookup(profile=named.profile, role_arn=named.roles[account])
        if account in named.profiles:
            return Lookup(profile=named.profiles[account])
        if account == self.own_account(region):
            return self._own
        subject = f"account {printable(account, limit=40)}, region {printable(region, limit=40)}"
        raise IncompleteInput(
            subject, "no role is set for it", "set aws_roles or aws_profiles, or give --trace"
        )
