"""The Terraform adapter: its spelling, and the real program where there is one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lamplighter.core.errors import InputError, Unavailable
from lamplighter.core.results import Status
from lamplighter.tools.terraform import Terraform

needs_terraform = pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed")


def test_arguments_are_a_list_with_the_flags_first(tmp_path: Path) -> None:
    argv = Terraform(tmp_path).arguments("show", "./a b; rm", json=True)
    assert argv == ["terraform", "show", "-no-color", "-json", "./a b; rm"]


def test_an_argument_never_becomes_an_option(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="starts with a dash"):
        Terraform(tmp_path).arguments("show", "-chdir=/")


def test_a_missing_terraform_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="not found"):
        Terraform(tmp_path, program="terraform-that-is-not-there").version()


@needs_terraform
def test_the_real_program_tells_its_version_and_validates(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text('variable "a" { type = string }\noutput "b" { value = var.c }\n')
    terraform = Terraform(tmp_path)
    assert terraform.version()[0].isdigit()
    result = terraform.validate()
    assert result.status is Status.OK
    assert result.data is not None
    assert result.data["valid"] is False
