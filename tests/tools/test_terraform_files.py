"""Terraform directories and states as they lie on disk, whole, in part and not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from lamplighter.core.errors import InputError
from lamplighter.tools import terraform_files
from lamplighter.tools.terraform_files import read_code, read_state

CALL = 'module "m" {\n  source = "%s"\n}\n'


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    return root


def paths(root: Path) -> list[str]:
    return [file.path for file in read_code(root).files]


def test_the_root_and_the_local_modules_it_names(tmp_path: Path) -> None:
    files = {
        "root/main.tf": CALL % "./inner" + CALL % "../beside" + CALL % "registry/x/aws",
        "root/inner/main.tf": CALL % "./deep",
        "root/inner/deep/main.tf": CALL % "../",
        "root/unused/main.tf": "",
        "beside/main.tf": CALL % "./gone",
    }
    assert paths(write(tmp_path, files) / "root") == [
        "main.tf",
        "inner/main.tf",
        "../beside/main.tf",
        "inner/deep/main.tf",
    ]


def test_what_is_left_out_by_rule_is_named(tmp_path: Path) -> None:
    files = {
        "main.tf": "",
        "x.tf.json": "{}",
        "override.tf": "",
        "a_override.tf": "",
        "b.tofu": "",
        "notes.md": "",
    }
    code = read_code(write(tmp_path, {**files, ".hidden.tf": "", "main.tf~": "", "#main.tf": ""}))
    assert [file.path for file in code.files] == ["main.tf"]
    assert code.not_read == ("a_override.tf", "b.tofu", "override.tf", "x.tf.json")


def test_variable_files_in_the_order_in_which_they_count(tmp_path: Path) -> None:
    names = [
        "z.auto.tfvars",
        "terraform.tfvars.json",
        "a.auto.tfvars.json",
        "terraform.tfvars",
        "other.tfvars",
    ]
    code = read_code(write(tmp_path, {"main.tf": "", **dict.fromkeys(names, "")}))
    assert [file.path for file in code.variables] == [
        "terraform.tfvars",
        "terraform.tfvars.json",
        "a.auto.tfvars.json",
        "z.auto.tfvars",
    ]


def test_half_the_code_is_named_as_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terraform_files, "FILE_LIMIT", 10)
    root = write(tmp_path, {"big.tf": "#" * 11, "small.tf": "#"})
    (root / "folder.tf").mkdir()
    (root / "broken.tf").symlink_to("nowhere")
    os.mkfifo(root / "pipe.tf")
    code = read_code(root)
    assert [file.path for file in code.files] == ["small.tf"]
    assert len(code.problems) == 4 and all("\n" not in problem for problem in code.problems)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"notes.md": ""}, "holds no .tf files"),
        ({"main.tf.json": "{}"}, "only .tf.json files"),
    ],
)
def test_a_directory_without_code(tmp_path: Path, files: dict[str, str], words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_code(write(tmp_path, files))


def test_no_directory(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone: cannot be listed \(No such file"):
        read_code(tmp_path / "gone")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be listed"):
        read_code(tmp_path / "file")


def test_states_of_both_forms(tmp_path: Path) -> None:
    (tmp_path / "terraform.tfstate").write_text('{"version": 4, "resources": []}')
    assert read_state(tmp_path).form == "v4"
    shown = tmp_path / "shown.json"
    shown.write_text('{"format_version": "1.0", "values": {}}')
    assert read_state(tmp_path, shown).form == "show"
    shown.write_text('{"format_version": "1.0"}')
    assert read_state(tmp_path, shown).form == "show"


REFUSED: list[tuple[Any, str]] = [
    ({"version": 3, "modules": []}, "version '3' is not supported"),
    ({"version": True}, "version 'True' is not supported"),
    ({"version": "4"}, "is not supported"),
    ({}, "not a Terraform state"),
    ([], "not a Terraform state"),
    ({"version": 4, "resources": {}}, "its resources are no list"),
    ({"format_version": "2.0", "values": {}}, "format '2.0' is not supported"),
    ({"format_version": "1.0", "values": []}, "not the output"),
    ({"format_version": "1.2", "planned_values": {}}, "is a plan, not a state"),
]


@pytest.mark.parametrize(("document", "words"), REFUSED)
def test_a_state_that_cannot_be_used(tmp_path: Path, document: Any, words: str) -> None:
    path = tmp_path / "terraform.tfstate"
    path.write_text(json.dumps(document))
    with pytest.raises(InputError) as caught:
        read_state(tmp_path)
    message = str(caught.value)
    assert words in message and str(path) in message and "\n" not in message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not valid JSON"),
        (b"{\n  nope", "line 2"),
        (b"\xff\xfe\x00", "not valid JSON"),
        (b"[" * 200_000, "nested too deep"),
    ],
    ids=["empty", "cut", "binary", "deep"],
)
def test_a_state_that_is_no_json(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "terraform.tfstate").write_bytes(content)
    with pytest.raises(InputError, match=words):
        read_state(tmp_path)


def test_no_state(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no state here.*--state"):
        read_state(tmp_path)
    with pytest.raises(InputError, match="no such file"):
        read_state(tmp_path, tmp_path / "gone.json")
