"""The names that code declares: as the parser reads it, with what could not be read said."""

from __future__ import annotations

from pathlib import Path

import pytest

from lamplighter.core.errors import InputError
from lamplighter.drift.inventory import addresses

CODE = """\
resource "aws_sqs_queue" "jobs" {}
# resource "x" "after a hash" {}
/*
resource "x" "in_a_comment" {}
*/
locals {
  text = <<EOT
resource "x" "in_a_text" {}
EOT
}
module "inner" {
  source = "./inner"
}
"""


def test_resources_of_the_root_and_its_modules_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(CODE)
    for folder, name in (("inner", "called"), (".terraform", "fetched"), ("other", "not_called")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "main.tf").write_text(f'resource "aws_sqs_queue" "{name}" {{}}\n')
    assert addresses(tmp_path) == (("aws_sqs_queue.called", "aws_sqs_queue.jobs"), ())


def test_a_file_that_is_not_hcl_keeps_no_name_of_the_others(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(CODE)
    (tmp_path / "broken.tf").write_text('resource "x" {{\n')
    (tmp_path / "gone.tf").symlink_to(tmp_path / "nowhere")
    names, left_out = addresses(tmp_path)
    assert names == ("aws_sqs_queue.jobs",)
    assert [line.split(":")[0].rpartition("/")[2] for line in left_out] == ["gone.tf", "broken.tf"]


def test_a_folder_without_code_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no \.tf files"):
        addresses(tmp_path)
