"""Settings: where each may stand, which place wins, and where the value in force came from.

Places, the first that names a key wins: the file of `--config`, `LAMP_*` variables, the nearest `lamp.toml`, the
nearest `pyproject.toml` with `[tool.lamplighter]` (both searched from the working directory upwards), the user's
`lamplighter/lamp.toml`, the defaults. A key nobody knows is an error, wherever it stands.

A file that merely lies in the project may only tighten: of `mode`, `fail_on`, `terraform` and the budgets the stricter
of its value and the user's own (or the default) holds, and some keys it may not set at all.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from lamplighter.core.errors import ConfigError
from lamplighter.core.policy import Mode, Policy, parse_policy

Kind: TypeAlias = Literal["text", "texts", "path", "paths", "source", "table", "number", "switch", "secret"]

KEYS: dict[str, Kind] = {
    "project": "path",
    "trace": "paths",
    "trace_covers": "texts",
    "state": "source",
    "policy": "path",
    "state_dir": "path",
    "mode": "text",
    "fail_on": "text",
    "kube_context": "text",
    "aws_profile": "text",
    "aws_region": "text",
    "aws_roles": "table",
    "aws_profiles": "table",
    "terraform": "switch",
    "terraform_program": "text",
    "terraform_principals": "texts",
    "budgets.steps": "number",
    "budgets.tool_calls": "number",
    "budgets.tokens": "number",
    "budgets.seconds": "number",
    "models.device.endpoint": "text",
    "models.device.model": "text",
    "models.device.api_key": "secret",
    "models.cloud.endpoint": "text",
    "models.cloud.model": "text",
    "models.cloud.api_key": "secret",
}
"""Every setting and how its value is read; `docs/configuration.md` explains them."""


_SEPARATORS: dict[Kind, str] = {"paths": os.pathsep, "texts": ",", "table": ","}
"""Between the members of a list in a variable; an ARN holds colons."""


def _variable(key: str) -> str:
    return "LAMP_" + key.upper().replace(".", "_")


_VARIABLES = {_variable(key): key for key in KEYS}
# Not settings: where the settings are, debug traces, and what the test suite hands to itself.
_OTHER_VARIABLES = frozenset({"LAMP_CONFIG", "LAMP_DEBUG"})
_TEST_PREFIX = "LAMP_TEST_"

_ACCOUNT = re.compile(r"\d{12}", re.ASCII)
_ROLE = re.compile(r"arn:aws[\w-]*:iam::(\d{12}):role/[\w+=,.@/-]+", re.ASCII)
_REMOTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
"""A state that is not a path of this machine begins so."""

FAIL_ON = ("info", "low", "medium", "high", "critical", "never")


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Budgets(_Table):
    """What one request may use: graph steps, tool calls, model tokens, seconds of wall time."""

    steps: int = Field(default=60, ge=1)
    tool_calls: int = Field(default=200, ge=1)
    tokens: int = Field(default=200_000, ge=0)
    seconds: int = Field(default=600, ge=1)


class ModelEndpoint(_Table):
    """An OpenAI-compatible endpoint. `api_key` is a reference (`env:NAME`, `file:/path`), never the key."""

    endpoint: str = ""
    model: str = ""
    api_key: str = ""


class Models(_Table):
    device: ModelEndpoint = ModelEndpoint()
    cloud: ModelEndpoint = ModelEndpoint()


class Config(_Table):
    """The settings in force. Paths are absolute; a missing one is found out where it is read."""

    project: Path = Path()
    trace: tuple[Path, ...] = ()
    trace_covers: tuple[str, ...] = ()
    state: str = ""
    policy: Path | None = None
    state_dir: Path = Path()
    mode: Mode = Mode.PROPOSE
    fail_on: str = "low"
    kube_context: str = ""
    aws_profile: str = ""
    aws_region: str = ""
    aws_roles: dict[str, str] = Field(default_factory=dict[str, str])
    aws_profiles: dict[str, str] = Field(default_factory=dict[str, str])
    terraform: bool = False
    terraform_program: str = "terraform"
    terraform_principals: tuple[str, ...] = ()
    budgets: Budgets = Budgets()
    models: Models = Models()

    @field_validator("fail_on")
    @classmethod
    def _known_severity(cls, value: str) -> str:
        if value not in FAIL_ON:
            raise ValueError(f"{value!r} is not one of {', '.join(FAIL_ON)}")
        return value

    @field_validator("aws_roles", "aws_profiles")
    @classmethod
    def _by_account(cls, value: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        for account, name in value.items():
            role = _ROLE.fullmatch(name)
            if not _ACCOUNT.fullmatch(account):
                raise ValueError(f"{account[:40]!r} is no account id of 12 digits")
            if info.field_name == "aws_roles" and (role is None or role[1] != account):
                raise ValueError(f"{name[:100]!r} is no role of account {account}")
            if info.field_name == "aws_profiles" and account in info.data.get("aws_roles", {}):
                raise ValueError(f"account {account} has a role too")
        return value

    @property
    def ledger_path(self) -> Path:
        """The SQLite file of plans, approvals, claims and the audit chain."""
        return self.state_dir / "ledger.db"


class Resolved(NamedTuple):
    """The settings, and for every key of `KEYS` the place its value came from."""

    config: Config
    origin: dict[str, str]


class _Layer(NamedTuple):
    origin: str
    base: Path
    values: dict[str, Any]
    found: bool = False
    """Whether it merely lies in the project."""


def load_config(
    config_file: Path | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Resolved:
    """Reads every place and merges them key by key. Raises ConfigError naming the place and the key."""
    env = os.environ if environ is None else environ
    here = (_working_directory() if cwd is None else cwd).absolute()
    values: dict[str, Any] = {}
    origin: dict[str, str] = {}
    from_project: set[str] = set()
    for layer in _layers(config_file, env, here):
        for key, raw in layer.values.items():
            known = key in values
            if known and not (key in from_project and _tightens(key)):
                continue
            value = _read_value(key, raw, layer)
            if known and _rank(key, value) >= _rank(key, values[key]):
                continue
            values[key] = value
            origin[key] = layer.origin if layer.origin != "environment" else _variable(key)
            from_project |= {key} if layer.found else set()
    values.setdefault("project", here)
    values.setdefault("state_dir", _state_home(env) / "lamplighter")
    try:
        config = Config.model_validate(_nest(values))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        raise ConfigError(
            f"{key} ({origin.get(key, 'default')})", message, "see docs/configuration.md for its values"
        ) from error
    return Resolved(config, {key: origin.get(key, "default") for key in KEYS})


def _working_directory() -> Path:
    try:
        return Path.cwd()
    except OSError as error:
        raise ConfigError(
            "working directory", f"cannot be used ({_reason(error)})", "change to one that exists"
        ) from error


def load_policy(config: Config) -> Policy:
    """The policy file's policy, in the mode of the settings where that is the stricter one.

    Raises ConfigError when the file cannot be read or holds a wrong key.
    """
    if config.policy is None:
        return Policy(mode=config.mode)
    try:
        text = config.policy.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            str(config.policy), f"cannot be read ({_reason(error)})", "check `policy`"
        ) from error
    policy = parse_policy(text, str(config.policy))
    order = (Mode.OBSERVE, Mode.PROPOSE, Mode.ACT)
    if order.index(policy.mode) > order.index(config.mode):
        return policy.model_copy(update={"mode": config.mode})
    return policy


def read_secret(reference: str, *, environ: Mapping[str, str] | None = None) -> str:
    """What `env:NAME` or `file:/path` refers to. Raises ConfigError; its text never holds the secret."""
    form, _, name = reference.partition(":")
    env = os.environ if environ is None else environ
    if form == "env" and name:
        value = env.get(name, "")
        if not value:
            raise ConfigError(f"${name}", "is not set, and a setting refers to it", f"export {name}")
        return value
    if form == "file" and name:
        try:
            return Path(name).expanduser().read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                name, f"cannot be read ({_reason(error)})", "mend the `file:` reference"
            ) from error
    raise ConfigError(
        "api_key", "is not a reference", "write env:NAME or file:/path, never the secret itself"
    )


_NOT_FROM_PROJECT = frozenset(
    {
        "policy",
        "state_dir",
        "terraform_principals",
        "trace_covers",
        "kube_context",
        "aws_profile",
        "aws_roles",
        "aws_profiles",
    }
)
"""They say what is allowed, where the ledger and its freeze are kept, whose changes are no drift, which places without
an event are no gap, which cluster and account a session is pinned to, and with whose rights other accounts are read."""

_TOO_LAX = {"mode": "act", "fail_on": "never", "terraform": True}
"""Running Terraform runs the providers and the data sources that the code names."""

_PROGRAMS = ("terraform", "tofu")
"""What a file found in the project may name; any other program, and any path, is the user's own to choose."""

_STRICTEST_FIRST: dict[str, tuple[str, ...]] = {"mode": ("observe", "propose", "act"), "fail_on": FAIL_ON}


def _rank(key: str, value: Any) -> int:
    """Lower is stricter. What is no value at all ranks lowest, so that it is kept and reported."""
    order = _STRICTEST_FIRST.get(key)
    if key == "terraform":
        # A check that asks Terraform sees more.
        return int(not value)
    if order is None:
        return int(value)
    return order.index(value) if value in order else -1


def _tightens(key: str) -> bool:
    """Whether of a file found in the project and the user's own the stricter value holds."""
    return key in _STRICTEST_FIRST or key == "terraform" or key.startswith("budgets.")


def _layers(config_file: Path | None, env: Mapping[str, str], here: Path) -> Iterator[_Layer]:
    named = config_file or (Path(env["LAMP_CONFIG"]) if env.get("LAMP_CONFIG") else None)
    path = here / named.expanduser() if named is not None else None
    if path is not None:
        yield _file_layer(path, _read_toml(path))
    yield _env_layer(env, here)
    yield from _found_layers(here, path)
    user = Path(env.get("XDG_CONFIG_HOME") or home(env) / ".config") / "lamplighter" / "lamp.toml"
    own = _file_layer(user, _read_toml(user)) if _is_file(user) else _Layer("default", here, {})
    yield own
    defaults = dict(_flatten(Config().model_dump(mode="json", include={"mode", "fail_on", "budgets"})))
    yield _Layer("default", here, {key: defaults[key] for key in defaults if key not in own.values})


def _found_layers(here: Path, named: Path | None) -> Iterator[_Layer]:
    places = (here, *here.parents)
    for place in places:
        if _is_file(place / "lamp.toml"):
            if named is not None and (place / "lamp.toml").samefile(named):
                break
            yield _found_layer(place / "lamp.toml", _read_toml(place / "lamp.toml"))
            break
    for place in places:
        path = place / "pyproject.toml"
        # Most projects have a pyproject.toml that says nothing of us, and a broken one is not ours to report.
        if _is_file(path) and b"tool.lamplighter" in _read_file(path):
            tools = _read_toml(path).get("tool", {})
            table = tools.get("lamplighter", {}) if isinstance(tools, dict) else {}
            yield _found_layer(path, table if isinstance(table, dict) else {})
            break


def _found_layer(path: Path, table: dict[str, Any]) -> _Layer:
    """A file that merely lies in the project: whoever can write there must not widen what a run may do.

    Of what it may tighten, the stricter of its value and the user's own holds.
    """
    layer = _file_layer(path, table)
    for key, value in layer.values.items():
        lax = value == _TOO_LAX.get(key, object()) or (key == "terraform_program" and value not in _PROGRAMS)
        # Whoever can write here must not choose where our credentials are sent, nor that Terraform runs.
        lax |= key == "state" and isinstance(value, str) and is_remote(value)
        if lax or key in _NOT_FROM_PROJECT or key.startswith("models."):
            said = f"{key} = {value}" if lax else key
            remedy = "put it into the user's own settings, or name this file with --config"
            raise ConfigError(str(path), f"{said} may not be set by a file found in the project", remedy)
    return layer._replace(found=True)


def _file_layer(path: Path, table: dict[str, Any]) -> _Layer:
    values = dict(_flatten(table))
    for key in values:
        if key not in KEYS:
            raise ConfigError(str(path), f"unknown key {key!r}", _suggest(key, list(KEYS)))
    return _Layer(str(path), path.parent.absolute(), values)


def _env_layer(env: Mapping[str, str], here: Path) -> _Layer:
    values: dict[str, Any] = {}
    for name in sorted(env):
        if not name.startswith("LAMP_") or name in _OTHER_VARIABLES or name.startswith(_TEST_PREFIX):
            continue
        if name not in _VARIABLES:
            raise ConfigError(f"${name}", "is not a setting", _suggest(name, list(_VARIABLES)))
        key = _VARIABLES[name]
        separator = _SEPARATORS.get(KEYS[key])
        values[key] = env[name].split(separator) if separator else env[name]
    return _Layer("environment", here, values)


def _flatten(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        key = f"{prefix}{name}"
        if isinstance(value, dict) and key not in KEYS:
            yield from _flatten(value, f"{key}.") if value else ()
        else:
            yield key, value


def _nest(values: Mapping[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for key, value in values.items():
        *tables, name = key.split(".")
        place = nested
        for table in tables:
            place = place.setdefault(table, {})
        place[name] = value
    return nested


def _read_value(key: str, raw: Any, layer: _Layer) -> Any:
    kind = KEYS[key]
    wrong = ConfigError(
        layer.origin, f"{key}: {_WANTED[kind]} is wanted, not {type(raw).__name__}", "mend the value"
    )
    if kind in ("paths", "texts"):
        listed = [raw] if isinstance(raw, str) else raw
        if not isinstance(listed, list) or not all(isinstance(item, str) for item in listed):
            raise wrong
        if kind == "texts":
            return tuple(item.strip() for item in listed if item.strip())
        return tuple(layer.base / _expanded(item, key, layer.origin) for item in listed if item)
    if kind == "table":
        return _read_table(raw, wrong)
    if kind == "number":
        if isinstance(raw, str) and raw.strip().isascii() and raw.strip().isdecimal():
            return int(raw)
        if not isinstance(raw, int) or isinstance(raw, bool):
            raise wrong
        return raw
    if kind == "switch":
        in_words = isinstance(raw, str) and layer.origin == "environment"
        given = _SWITCH.get(raw.strip().lower()) if in_words else raw
        if not isinstance(given, bool):
            raise wrong
        return given
    if not isinstance(raw, str):
        raise wrong
    if kind == "source":
        return raw if is_remote(raw) or not raw else str(layer.base / _expanded(raw, key, layer.origin))
    if kind == "path":
        return layer.base / _expanded(raw, key, layer.origin)
    if kind == "secret" and raw and not raw.startswith(("env:", "file:")):
        raise ConfigError(
            f"{key} ({layer.origin})",
            "holds a secret itself",
            "write env:NAME or file:/path that refers to it",
        )
    return raw


def _read_table(raw: Any, wrong: ConfigError) -> dict[str, str]:
    """A table of texts, or, in a variable, a list of `name=text`."""
    if isinstance(raw, list):
        pairs = [str(item).partition("=") for item in raw if str(item).strip()]
        if not all(sign for _, sign, _ in pairs):
            raise wrong
        return {name.strip(): text.strip() for name, _, text in pairs}
    if not isinstance(raw, dict) or not all(isinstance(text, str) for text in raw.values()):
        raise wrong
    return dict(raw)


def is_remote(state: str) -> bool:
    """Whether a state is named that is no file of this machine: an address, or `pull`."""
    return state == "pull" or _REMOTE.match(state) is not None


def _expanded(text: str, key: str, origin: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise ConfigError(origin, f"{key}: {text!r} names no user's home", "write the whole path") from error


_SWITCH = {"true": True, "1": True, "false": False, "0": False}

_WANTED: dict[Kind, str] = {
    "text": "text",
    "texts": "text or a list of texts",
    "path": "a path",
    "source": "a path, an address or `pull`",
    "table": "a table of texts (in a variable NAME=TEXT,...)",
    "paths": "a path or a list of paths",
    "number": "a whole number",
    "switch": "true or false",
    "secret": "a reference (env:NAME or file:/path)",
}


def _is_file(path: Path) -> bool:
    """What cannot even be looked at, in a parent that is closed to us, is not there."""
    try:
        return path.is_file()
    except OSError:
        return False


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(
            str(path), f"cannot be read ({_reason(error)})", "check its path and permissions"
        ) from error


def _read_toml(path: Path) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(_read_file(path).decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), f"not valid TOML ({error})", "mend the line named") from error


def _suggest(name: str, known: list[str]) -> str:
    import difflib

    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean {near[0]}?" if near else "docs/configuration.md lists the settings"


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return "not UTF-8" if isinstance(error, UnicodeDecodeError) else (error.strerror or type(error).__name__)


def home(env: Mapping[str, str]) -> Path:
    """The home folder of the process that has the variables `env`. Raises ConfigError where there is none."""
    try:
        return Path(env["HOME"]) if env.get("HOME") else Path("~").expanduser()
    except RuntimeError as error:
        raise ConfigError("$HOME", "is not set, and the user has no home folder", "export HOME") from error


def _state_home(env: Mapping[str, str]) -> Path:
    return Path(env.get("XDG_STATE_HOME") or home(env) / ".local" / "state")
