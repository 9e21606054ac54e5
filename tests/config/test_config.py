"""Where settings may stand, which place wins, and what is said of a wrong one."""

from __future__ import annotations

from pathlib import Path

import pytest

from lamplighter.core.config import KEYS, Config, load_config, load_policy, read_secret
from lamplighter.core.errors import ConfigError
from lamplighter.core.policy import Mode


def _env(tmp_path: Path, **variables: str) -> dict[str, str]:
    return {"HOME": str(tmp_path / "home"), **variables}


def test_defaults_propose_and_fail_on_low(tmp_path: Path) -> None:
    config, origin = load_config(environ=_env(tmp_path), cwd=tmp_path)
    assert config.mode is Mode.PROPOSE
    assert config.fail_on == "low"
    assert config.state_dir == tmp_path / "home/.local/state/lamplighter"
    assert set(origin) == set(KEYS)
    assert set(origin.values()) == {"default"}


def test_each_place_yields_to_the_one_before_it(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    user = tmp_path / "xdg" / "lamplighter" / "lamp.toml"
    user.parent.mkdir(parents=True)
    places = {"aws_region": 4, "project": 3, "state": 2, "trace": 1}
    lines = [f'{key} = "PLACE"' for key in places]
    for count, path in ((4, user), (3, tmp_path / "pyproject.toml"), (2, tmp_path / "a" / "lamp.toml")):
        table = "[tool.lamplighter]\n" if path.suffix == ".toml" and path.stem == "pyproject" else ""
        text = "\n".join(lines[4 - count :]).replace("PLACE", path.stem)
        path.write_text(f"{table}{text}\n" + ('mode = "act"\n' if path == user else ""))
    named = tmp_path / "named.toml"
    named.write_text('trace = "named"')
    env = _env(tmp_path, XDG_CONFIG_HOME=str(tmp_path / "xdg"), LAMP_STATE="env", LAMP_TRACE="env")
    config, origin = load_config(named, environ=env, cwd=inner)
    assert config.trace == (tmp_path / "named",)
    assert config.state == str(inner / "env")
    assert config.project == tmp_path / "pyproject"
    assert config.aws_region == "lamp"
    assert config.mode is Mode.ACT
    assert origin["trace"] == str(named)
    assert origin["state"] == "LAMP_STATE"
    assert origin["project"] == str(tmp_path / "pyproject.toml")
    assert origin["mode"] == origin["aws_region"] == str(user)


def test_paths_are_relative_to_the_file_that_names_them(tmp_path: Path) -> None:
    (tmp_path / "infra").mkdir()
    (tmp_path / "lamp.toml").write_text('project = "stack"\ntrace = ["logs", "more"]\npolicy = "p.toml"')
    named = tmp_path / "lamp.toml"
    config = load_config(named, environ=_env(tmp_path), cwd=tmp_path / "infra").config
    assert config.project == tmp_path / "stack"
    assert config.trace == (tmp_path / "logs", tmp_path / "more")
    assert config.policy == tmp_path / "p.toml"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('fail-on = "low"', "did you mean fail_on?"),
        ("budgets.stepz = 3", "did you mean budgets.steps?"),
        ('fail_on = "severe"', "'severe' is not one of"),
        ('mode = "yolo"', "mode"),
        ("budgets.steps = 0", "budgets.steps"),
        ('budgets.steps = "many"', "a whole number is wanted"),
        ("trace = 3", "a list of paths"),
        ("project", "not valid TOML"),
        ('models.cloud.api_key = "sk-12345"', "env:NAME or file:/path"),
    ],
)
def test_a_wrong_file_is_one_line_that_names_it(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "lamp.toml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "lamp.toml", environ=_env(tmp_path), cwd=tmp_path)
    line = str(caught.value)
    assert expected in line
    assert str(tmp_path / "lamp.toml") in line
    assert "\n" not in line
    assert "sk-12345" not in line


def test_an_unknown_variable_is_an_error_with_a_suggestion(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="LAMP_FAIL_ON"):
        load_config(environ=_env(tmp_path, LAMP_FAILON="low"), cwd=tmp_path)


def test_secrets_are_read_through_their_reference_only(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from-file\n")
    assert read_secret("env:KEY", environ={"KEY": "from-env"}) == "from-env"
    assert read_secret(f"file:{tmp_path / 'key'}") == "from-file"
    for reference in ("env:NOT_SET", f"file:{tmp_path / 'none'}", "literal-secret"):
        with pytest.raises(ConfigError) as caught:
            read_secret(reference, environ={})
        assert "literal-secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "policy", "expected"),
    [("observe", "act", "observe"), ("act", "propose", "propose"), ("act", "act", "act")],
)
def test_the_stricter_mode_of_settings_and_policy_holds(
    tmp_path: Path, settings: str, policy: str, expected: str
) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(f'mode = "{policy}"')
    config = Config(mode=Mode(settings), policy=path)
    assert load_policy(config).mode is Mode(expected)


def test_a_policy_file_with_an_unknown_key_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text("modus = 1")
    with pytest.raises(ConfigError, match=str(path)):
        load_policy(Config(policy=path))


@pytest.mark.parametrize(
    "text",
    [
        'mode = "act"',
        'fail_on = "never"',
        'kube_context = "prod"',
        'trace_covers = ["*/*"]',
        'aws_profile = "prod"',
        'policy = "p.toml"',
        'state_dir = "st"',
        'models.cloud.endpoint = "https://x.example"',
        'aws_roles = { 111111111111 = "arn:aws:iam::111111111111:role/lamp" }',
        'aws_profiles = { 111111111111 = "prod" }',
        'state = "https://collector.example/state"',
        'state = "pull"',
    ],
)
@pytest.mark.parametrize("name", ["lamp.toml", "pyproject.toml"])
def test_a_file_found_in_the_project_cannot_widen_what_a_run_may_do(
    tmp_path: Path, name: str, text: str
) -> None:
    (tmp_path / name).write_text(f"[tool.lamplighter]\n{text}\n" if name == "pyproject.toml" else f"{text}\n")
    (tmp_path / "deep").mkdir()
    with pytest.raises(ConfigError, match="may not be set by a file found in the project"):
        load_config(environ=_env(tmp_path), cwd=tmp_path / "deep")


@pytest.mark.parametrize(
    ("key", "own", "found", "expected"),
    [
        ("mode", "", "observe", "observe"),
        ("mode", "observe", "propose", "observe"),
        ("mode", "act", "propose", "propose"),
        ("fail_on", "", "info", "info"),
        ("fail_on", "", "medium", "low"),
        ("fail_on", "info", "low", "info"),
        ("fail_on", "high", "medium", "medium"),
        ("fail_on", "high", "critical", "high"),
        ("fail_on", "never", "critical", "critical"),
        ("budgets.steps", "", "999", "60"),
        ("budgets.steps", "100", "80", "80"),
        ("budgets.tokens", "10", "20", "10"),
        ("budgets.seconds", "", "30", "30"),
    ],
)
@pytest.mark.parametrize("name", ["lamp.toml", "pyproject.toml"])
def test_a_file_found_in_the_project_may_only_tighten(
    tmp_path: Path, name: str, key: str, own: str, found: str, expected: str
) -> None:
    def line(value: str) -> str:
        return f"{key} = {value if value.isdecimal() else repr(value)}\n"

    path = tmp_path / name
    path.write_text(f"[tool.lamplighter]\n{line(found)}" if name == "pyproject.toml" else line(found))
    user = tmp_path / "home" / ".config" / "lamplighter" / "lamp.toml"
    user.parent.mkdir(parents=True)
    user.write_text(line(own) if own else "")
    loaded, origin = load_config(environ=_env(tmp_path), cwd=tmp_path)
    value: object = loaded
    for part in key.split("."):
        value = getattr(value, part)
    assert str(value) == expected
    assert origin[key] == str(path if expected == found else user if own else "default")
    # What is said for this one run is not lying in the project: it holds, and so does this file once it is named.
    said = load_config(environ=_env(tmp_path, LAMP_MODE="act", LAMP_BUDGETS_STEPS="77"), cwd=tmp_path).config
    assert (said.mode, said.budgets.steps) == ("act", 77)
    if name == "lamp.toml":
        assert load_config(path, environ=_env(tmp_path), cwd=tmp_path).origin[key] == str(path)


ROLE = "arn:aws:iam::111111111111:role/lamp-read"


def test_accounts_have_roles_and_profiles_by_table_or_variable(tmp_path: Path) -> None:
    named = tmp_path / "named.toml"
    named.write_text(f'[aws_roles]\n111111111111 = "{ROLE}"\n[aws_profiles]\n222222222222 = "audit"\n')
    config, origin = load_config(named, environ=_env(tmp_path), cwd=tmp_path)
    assert config.aws_roles == {"111111111111": ROLE} and origin["aws_roles"] == str(named)
    assert config.aws_profiles == {"222222222222": "audit"}
    said = load_config(environ=_env(tmp_path, LAMP_AWS_ROLES=f"111111111111={ROLE},"), cwd=tmp_path).config
    assert said.aws_roles == config.aws_roles and said.aws_profiles == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('aws_roles = { 1111 = "x" }', "no account id"),
        ('aws_roles = { 111111111111 = "lamp-read" }', "is no role of account 111111111111"),
        (f'aws_roles = {{ 222222222222 = "{ROLE}" }}', "is no role of account 222222222222"),
        (f'aws_roles = {{ 111111111111 = "{ROLE}" }}\naws_profiles = {{ 111111111111 = "p" }}', "a role too"),
        ("aws_roles = { 111111111111 = 7 }", "a table of texts"),
        ('aws_roles = "x"', "a table of texts"),
    ],
)
def test_a_role_that_is_none_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    named = tmp_path / "named.toml"
    named.write_text(text)
    with pytest.raises(ConfigError, match=said) as caught:
        load_config(named, environ=_env(tmp_path), cwd=tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("state", ["s3://b/k", "hcp://o/w", "https://x.example/state", "pull"])
def test_a_state_elsewhere_is_taken_as_it_stands(tmp_path: Path, state: str) -> None:
    assert load_config(environ=_env(tmp_path, LAMP_STATE=state), cwd=tmp_path).config.state == state


@pytest.mark.parametrize(
    ("own", "expected"), [("", False), ("terraform = true", True), ("terraform = false", False)]
)
def test_a_file_found_in_the_project_does_not_switch_terraform_off(
    tmp_path: Path, own: str, expected: bool
) -> None:
    (tmp_path / "lamp.toml").write_text("terraform = false\n")
    user = tmp_path / "home" / ".config" / "lamplighter" / "lamp.toml"
    user.parent.mkdir(parents=True)
    user.write_text(own)
    config, origin = load_config(environ=_env(tmp_path), cwd=tmp_path)
    assert config.terraform is expected
    assert origin["terraform"] == str(user if expected else tmp_path / "lamp.toml")


def test_the_strictest_of_two_files_found_holds(tmp_path: Path) -> None:
    (tmp_path / "lamp.toml").write_text('fail_on = "low"\nmode = "observe"\n')
    (tmp_path / "pyproject.toml").write_text('[tool.lamplighter]\nfail_on = "info"\nmode = "propose"\n')
    config = load_config(environ=_env(tmp_path), cwd=tmp_path).config
    assert (config.mode, config.fail_on) == ("observe", "info")


@pytest.mark.parametrize("name", ["lamp.toml", "pyproject.toml"])
def test_a_file_of_a_parent_that_cannot_be_read_is_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / name).symlink_to(
        "/proc/self/mem"
    )  # a regular file, and its first byte is not to be read by anybody
    with pytest.raises(ConfigError, match=f"{name}: cannot be read"):
        load_config(environ=_env(tmp_path), cwd=tmp_path / "inner")


def test_a_working_directory_that_is_gone_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(ConfigError, match="working directory: cannot be used"):
        load_config(environ=_env(tmp_path))


@pytest.mark.parametrize(
    ("name", "value"), [("LAMP_BUDGETS_STEPS", "\u00b2"), ("LAMP_PROJECT", "~nobody-here/x")]
)
def test_odd_values_are_one_line(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(ConfigError):
        load_config(environ=_env(tmp_path, **{name: value}), cwd=tmp_path)
