"""AWS profiles out of the shared config and credentials files; files are read, nothing is asked and no SDK is loaded.

Formats after the AWS SDKs and Tools reference guide ("Shared config and credentials files"); precedence, where SDKs
differ, after botocore, which is what makes our calls.
"""

from __future__ import annotations

import configparser
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from lamplighter.core.config import home
from lamplighter.core.errors import Unavailable
from lamplighter.core.text import printable


@dataclass
class AwsConfig:
    """`problems` say which file could not be read: no call can be made with any profile then."""

    config: Path
    credentials: Path
    profiles: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    sso_sessions: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    problems: list[Unavailable] = field(default_factory=list[Unavailable])


class InForce(NamedTuple):
    """The profile that a call would use. `chosen`: by our setting, so that keys in variables do not count."""

    name: str
    chosen: bool
    settings: Mapping[str, str] | None
    """None where no file has the profile."""


def read_aws_config(env: Mapping[str, str]) -> AwsConfig:
    """Raises nothing: see `problems`."""
    folder = home(env) / ".aws"
    read = AwsConfig(
        _path(env, "AWS_CONFIG_FILE", folder / "config"),
        _path(env, "AWS_SHARED_CREDENTIALS_FILE", folder / "credentials"),
    )
    for name, settings in _sections(read.config, read.problems):
        kind, title = _titled(name)
        if kind == "sso-session":
            read.sso_sessions[title] = settings
        elif kind == "profile" or name == "default":
            read.profiles.setdefault(title, {}).update(settings)
    for name, settings in _sections(read.credentials, read.problems):
        read.profiles.setdefault(name, {}).update(settings)
    return read


def in_force(env: Mapping[str, str], chosen: str, read: AwsConfig) -> InForce:
    """`chosen` is the setting `aws_profile`; without it the variables decide, as in botocore."""
    name = chosen or env.get("AWS_DEFAULT_PROFILE") or env.get("AWS_PROFILE") or "default"
    return InForce(name, bool(chosen), read.profiles.get(name))


def _path(env: Mapping[str, str], variable: str, default: Path) -> Path:
    named = env.get(variable)
    if not named:
        return default
    return home(env) / named[2:] if named.startswith("~/") else Path(named)


def _sections(path: Path, problems: list[Unavailable]) -> Iterator[tuple[str, dict[str, str]]]:
    # No interpolation, and names that occur twice are an error: both as botocore reads it.
    parser = configparser.RawConfigParser()
    try:
        if path.is_fifo():
            raise OSError(None, "it is a pipe")
        with path.open(encoding="utf-8") as stream:
            parser.read_file(stream)
    except (FileNotFoundError, NotADirectoryError):
        return
    except (configparser.Error, UnicodeDecodeError, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not in the form of such a file"
        problem = f"cannot be read ({reason})"
        problems.append(Unavailable(printable(str(path)), problem, "mend the file"))
        return
    for name in parser.sections():
        yield name, dict(parser.items(name))


def _titled(section: str) -> tuple[str, str]:
    """`profile "my name"` -> profile, my name; `default` -> default, default."""
    try:
        words = shlex.split(section)
    except ValueError:
        return "", section
    return (words[0], words[1]) if len(words) == 2 else ("", section)
