"""`lamp doctor`: a thing that is there, a thing that is missing, a thing that is wrong."""

from __future__ import annotations

import json
import socket
from pathlib import Path

from tests.command import lamp


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
    assert checks["terraform"] == ("ok", f"Terraform v1.11.4  {programs / 'terraform'}")
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
