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
    user.write_text(
        'aws_region = "user"\naws_profile = "user"\nkube_context = "user"\nfail_on = "low"\nmode = "act"'
    )
    (tmp_path / "pyproject.toml").write_text(
        '[tool.lamplighter]\naws_region = "py"\naws_profile = "py"\nkube_context = "py"\nfail_on = "info"'
    )
    (tmp_path / "a" / "lamp.toml").write_text(
        'aws_region = "toml"\naws_profile = "toml"\nkube_context = "toml"'
    )
    named = tmp_path / "named.toml"
    named.write_text('aws_region = "named"')
    env = _env(tmp_path, XDG_CONFIG_HOME=str(tmp_path / "xdg"), LAMP_AWS_PROFILE="env", LAMP_AWS_REGION="env")
    config, origin = load_config(named, environ=env, cwd=inner)
    assert config.aws_region == "named"
    assert config.aws_profile == "env"
    assert config.kube_context == "toml"
    assert config.fail_on == "info"
    assert config.mode is Mode.ACT
    assert origin["aws_region"] == str(named)
    assert origin["aws_profile"] == "LAMP_AWS_PROFILE"
    assert origin["kube_context"] == str(tmp_path / "a" / "lamp.toml")
    assert origin["mode"] == str(user)


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
    ['mode = "act"', 'policy = "p.toml"', 'state_dir = "st"', 'models.cloud.endpoint = "https://x.example"'],
)
@pytest.mark.parametrize("name", ["lamp.toml", "pyproject.toml"])
def test_a_file_found_in_the_project_cannot_widen_what_a_run_may_do(
    tmp_path: Path, name: str, text: str
) -> None:
    (tmp_path / name).write_text(f"[tool.lamplighter]\n{text}\n" if name == "pyproject.toml" else f"{text}\n")
    (tmp_path / "deep").mkdir()
    with pytest.raises(ConfigError, match="may not be set by a file found in the project"):
        load_config(environ=_env(tmp_path), cwd=tmp_path / "deep")


def test_a_file_found_in_the_project_may_tighten(tmp_path: Path) -> None:
    (tmp_path / "lamp.toml").write_text('mode = "observe"\nfail_on = "info"\n')
    config = load_config(environ=_env(tmp_path), cwd=tmp_path).config
    assert (config.mode, config.fail_on) == ("observe", "info")


@pytest.mark.parametrize(
    ("own", "found", "expected"),
    [
        ("", "low", "low"),
        ("", "medium", None),
        ("", "never", None),
        ("info", "low", None),
        ("high", "medium", "medium"),
        ("high", "critical", None),
        ("never", "never", "never"),
    ],
)
@pytest.mark.parametrize("name", ["lamp.toml", "pyproject.toml"])
def test_a_file_found_in_the_project_lets_no_finding_pass(
    tmp_path: Path, name: str, own: str, found: str, expected: str | None
) -> None:
    text = f'fail_on = "{found}"\n'
    (tmp_path / name).write_text(f"[tool.lamplighter]\n{text}" if name == "pyproject.toml" else text)
    if own:
        user = tmp_path / "home" / ".config" / "lamplighter" / "lamp.toml"
        user.parent.mkdir(parents=True)
        user.write_text(f'fail_on = "{own}"\n')
    if expected:
        assert load_config(environ=_env(tmp_path), cwd=tmp_path).config.fail_on == expected
        return
    with pytest.raises(ConfigError, match=f"lets more pass than {own or 'low'}; .*--config") as caught:
        load_config(environ=_env(tmp_path), cwd=tmp_path)
    assert str(tmp_path / name) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"), [("LAMP_BUDGETS_STEPS", "\u00b2"), ("LAMP_PROJECT", "~nobody-here/x")]
)
def test_odd_values_are_one_line(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(ConfigError):
        load_config(environ=_env(tmp_path, **{name: value}), cwd=tmp_path)
