"""Which cluster and account a session is pinned to, as far as files and variables tell."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lamplighter.tools import contexts
from lamplighter.tools.kubeconfig import read_kubeconfig
from tests.tools.machine import Machine, kubeconfig

ROLE = "arn:aws:iam::210987654321:role/deploy"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_the_setting_wins_over_the_kubeconfig(machine: Machine) -> None:
    machine.write(".kube/config", kubeconfig("dev", current="dev"))
    assert contexts.cluster(machine.env, "prod")[:2] == ("prod", "setting kube_context")
    pin = contexts.cluster(machine.env)
    assert (pin.value, pin.shown) == ("dev", "dev")
    assert pin.origin == f"current-context of {machine.home}/.kube/config"


def test_the_first_file_of_a_list_that_says_something_wins(machine: Machine) -> None:
    one = machine.write("one", kubeconfig("a", "shared", cluster={"server": "https://one"}))
    two = machine.write("two", kubeconfig("b", "shared", current="b", cluster={"server": "https://two"}))
    three = machine.write("three", kubeconfig("c", current="c"))
    env = machine.env | {"KUBECONFIG": f"{machine.home}/gone::{one}:{two}:{three}"}
    assert contexts.cluster(env)[:2] == ("b", f"current-context of {two}")
    read = read_kubeconfig(env)
    assert read.files == [one, two, three]
    assert read.clusters["shared"].text("server") == "https://one"


@pytest.mark.parametrize(
    ("files", "variable", "origin", "wrong"),
    [
        ({}, "", "there is no kubeconfig (", False),
        ({}, "{home}/gone", "there is no kubeconfig ({home}/gone)", False),
        ({}, "/dev/null", "there is no kubeconfig (/dev/null)", False),
        ({"a": kubeconfig("x")}, "{home}/a", "{home}/a has no current-context", False),
        ({"a": "current-context: [1]"}, "{home}/a", "{home}/a has no current-context", False),
        (
            {"a": kubeconfig("x", current="gone")},
            "{home}/a",
            "current-context gone: is not in {home}/a",
            True,
        ),
        (
            {"a": kubeconfig("x", current="x"), "b": "{"},
            "{home}/a:{home}/b",
            "{home}/b: is not valid YAML",
            True,
        ),
        ({"a": 'current-context: "x\\e[31m"'}, "{home}/a", "current-context x\\x1b[31m: is not in", True),
    ],
)
def test_where_nothing_tells_it_says_why(
    machine: Machine, files: dict[str, str], variable: str, origin: str, wrong: bool
) -> None:
    for name, content in files.items():
        machine.write(name, content)
    pin = contexts.cluster(machine.env | {"KUBECONFIG": variable.format(home=machine.home)})
    assert (pin.value, pin.shown) == ("", "not pinned")
    assert pin.origin.startswith(origin.format(home=machine.home)) and pin.origin.isprintable()
    assert (pin.problem is not None) == wrong


@pytest.mark.parametrize(
    ("config", "variables", "chosen", "value", "origin"),
    [
        ("", {}, "", "", "profile default is in no AWS file"),
        (
            "[default]\nsso_account_id = 123456789012\n",
            {},
            "",
            "123456789012",
            "sso_account_id of profile default",
        ),
        (
            f"[default]\nrole_arn = {ROLE}\nsso_account_id = 123456789012\n",
            {},
            "",
            "210987654321",
            "role_arn of",
        ),
        (
            "[profile p]\naws_account_id = 123456789012\n",
            {"AWS_PROFILE": "p"},
            "",
            "123456789012",
            "aws_account_id of",
        ),
        (
            f"[profile p]\nrole_arn = {ROLE.replace('aws', 'aws-cn')}\n",
            {},
            "p",
            "210987654321",
            "role_arn of profile p",
        ),
        ("[profile p]\nsso_account_id = 12345\n", {}, "p", "", "profile p does not tell its account"),
        (
            "[profile p]\nsso_account_id = \u0661\u0662\u0663456789012\n",
            {},
            "p",
            "",
            "profile p does not tell",
        ),
        (
            "[profile p]\nrole_arn = arn:aws:iam::1:role/x\n",
            {},
            "p",
            "",
            "profile p does not tell its account",
        ),
        ("", {"AWS_ACCESS_KEY_ID": "AKIA"}, "", "", "the credentials in AWS_ACCESS_KEY_ID do not tell"),
        (
            "",
            {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_ACCOUNT_ID": "123456789012"},
            "",
            "123456789012",
            "AWS_ACCOUNT_ID",
        ),
        (
            f"[profile p]\nrole_arn = {ROLE}\n",
            {"AWS_ACCESS_KEY_ID": "AKIA"},
            "p",
            "210987654321",
            "role_arn of",
        ),
        ("", {"AWS_ROLE_ARN": ROLE, "AWS_WEB_IDENTITY_TOKEN_FILE": "/t"}, "", "210987654321", "AWS_ROLE_ARN"),
        ("", {"AWS_ROLE_ARN": ROLE}, "", "", "profile default is in no AWS file"),
        ("[", {}, "", "", "{home}/.aws/config: cannot be read"),
    ],
)
def test_the_account(
    machine: Machine, config: str, variables: dict[str, str], chosen: str, value: str, origin: str
) -> None:
    machine.write(".aws/config", config)
    pin = contexts.account(machine.env | variables, chosen)
    assert pin.value == value
    assert pin.origin.startswith(origin.format(home=machine.home))
    assert (pin.problem is not None) == (config == "[")


def test_without_yaml_the_line_says_so(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the slim installation, which holds the drift check alone."""
    machine.write(".kube/config", kubeconfig("dev", current="dev"))
    monkeypatch.setitem(sys.modules, "yaml", None)
    pin = contexts.cluster(machine.env)
    assert pin.value == "" and "without PyYAML; install pyyaml, or set kube_context" in pin.origin


def test_no_client_is_loaded_for_it() -> None:
    code = (
        "import os, sys; from lamplighter.tools.contexts import pins;"
        "from lamplighter.tools.credentials import problems;"
        "pins(os.environ); problems(os.environ, cluster='x', profile='');"
        "print([name for name in sys.modules if name.split('.')[0] in ('kubernetes', 'boto3', 'botocore')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
