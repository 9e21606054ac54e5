"""`lamp doctor`: a thing that is there, a thing that is missing, a thing that is wrong."""

from __future__ import annotations

import json
import socket
from pathlib import Path

from tests.command import lamp
from tests.tools.machine import Machine, kubeconfig


def doctor(folder: Path, path: Path, **variables: str) -> tuple[int, dict[str, tuple[str, str]]]:
    done = lamp(folder, "doctor", "--json", **{"PATH": str(path), **variables})
    report = json.loads(done.stdout)
    return done.code, {row["name"]: (row["state"], row["detail"]) for row in report["checks"]}


def program(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_programs_say_their_version_and_missing_ones_are_not_wrong(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    program(programs, "terraform", "echo 'Terraform v1.11.4'")
    program(programs, "psql", "echo broken >&2; exit 3")
    code, checks = doctor(tmp_path, programs)
    assert code == 0
    said = f"Terraform v1.11.4  {programs / 'terraform'}, asked by `lamp drift check --terraform`"
    assert checks["terraform"] == ("ok", said)
    assert checks["psql"][0] == "ok" and "does not say its version" in checks["psql"][1]
    assert checks["pg_ctl"][0] == checks["kubectl"][0] == "missing"


def test_a_model_server_is_found_by_its_port(tmp_path: Path) -> None:
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind(("127.0.0.1", 11434))
            server.listen()
        except OSError:
            # Whoever holds the port listens on it, which is as good.
            server.close()
        _, checks = doctor(tmp_path, tmp_path)
    assert checks["model server"][0] == "ok"
    assert "127.0.0.1:11434" in checks["model server"][1]


def test_a_wrong_setting_is_wrong(tmp_path: Path) -> None:
    code, checks = doctor(tmp_path, tmp_path, LAMP_FAIL_ON="always")
    assert code == 1
    assert checks["settings"][0] == "bad"


def test_what_a_session_would_be_pinned_to_is_shown(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.write(".kube/config", kubeconfig("dev", current="dev"))
    machine.write(".aws/config", "[default]\nsso_account_id = 123456789012\n")
    code, checks = doctor(tmp_path, tmp_path)
    assert code == 0
    assert checks["cluster context"] == ("ok", f"dev: current-context of {tmp_path}/.kube/config")
    assert checks["aws account"] == ("ok", "123456789012: sso_account_id of profile default")
    shown = json.loads(lamp(tmp_path, "config", "show", "--json").stdout)["pinned"]
    assert shown["kubernetes"] == {"value": "dev", "origin": f"current-context of {tmp_path}/.kube/config"}
    assert shown["aws_account"]["value"] == "123456789012"
    text = lamp(tmp_path, "config", "show").stdout.decode()
    assert "pinned: kubernetes" in text and "sso_account_id of profile default" in text


def test_a_broken_kubeconfig_is_one_bad_line_here_and_no_trouble_elsewhere(tmp_path: Path) -> None:
    path = Machine(tmp_path).write(".kube/config", "contexts: {]")
    code, checks = doctor(tmp_path, tmp_path)
    assert code == 1
    assert checks["cluster context"] == ("ok", "not pinned")
    assert checks[str(path)] == (
        "bad",
        "is not valid YAML, line 1; mend the file, or name another in KUBECONFIG",
    )
    assert [name for name, (state, _) in checks.items() if state == "bad"] == [str(path)]
    shown = lamp(tmp_path, "config", "show")
    assert (shown.code, shown.stderr) == (
        0,
        b"",
    ) and b"is not valid YAML, line 1; mend the file" in shown.stdout
    assert lamp(tmp_path, "pending").code == 0


def test_an_unusable_context_and_profile_are_bad(tmp_path: Path) -> None:
    Machine(tmp_path).write(".kube/config", kubeconfig("dev", user={"exec": {"command": "kubelogin"}}))
    code, checks = doctor(tmp_path, tmp_path, LAMP_KUBE_CONTEXT="dev", LAMP_AWS_PROFILE="gone")
    assert code == 1
    assert checks["kube context dev"][0] == checks["aws profile gone"][0] == "bad"
    assert "install kubelogin" in checks["kube context dev"][1]
