"""What a model is told of secrets: nothing, wherever in the code, the state or the item they stand."""

from __future__ import annotations

import pytest

from lamplighter.drift.model import DriftItem
from lamplighter.drift.patch.code import Code
from lamplighter.drift.patch.masking import is_secret_named
from tests.drift.code.world import resource
from tests.drift.patch.test_fallback import answering, fallback, made
from tests.drift.patch.world import code, item

HELD = """\
variable "db_login" {
  default   = "hunter2hunter2"
  sensitive = true
}

variable "conn" {
  sensitive = true
}

variable "size" {
  default = 128
}

locals {
  password = "loc4lpw-xyz"
  greeting = "hello ${var.db_login}"
}

resource "aws_lambda_function" "f" {
  function_name = "f"
  memory_size   = var.size
  timeout       = length(var.db_login) + 1
  description   = local.greeting
  logging       = "see hunter2hunter2 and st4te-secret"
  environment {
    variables = {
      STRIPE = "inenvironment"
    }
  }
  settings = {
    DB_PASS         = "plainpass1"
    AUTH            = "plainpass2"
    password        = join("", ["plainpass3"])
    token           = var.db_login == "" ? "plainpass4" : "plainpass5"
    SECRET_KEY_BASE = <<EOT
plainpass6
EOT
    creds           = jsonencode({ "user" = "plainpass7" })
    list            = [{ name = "DB_PASSWORD", value = "plainpass8" }]
    pointer         = "x"
    master_password = var.db_login
  }
}

resource "aws_sqs_queue" "t" {
  name = "t"
  tags = {
    Hook = var.conn
    Team = "shop"
  }
  delay_seconds = length(local.password)
}
"""
SECRET = ("hunter2", "hook-secret", "loc4lpw", "inenvironment", "st4te-secret", "plainpass")
FUNCTION, QUEUE = "aws_lambda_function.f", "aws_sqs_queue.t"


def held(*more: str) -> Code:
    function = resource(
        "aws_lambda_function",
        "f",
        {"id": "f", "function_name": "f", "memory_size": 128, "signing": {"material": ["st4te-secret"]}},
    )
    marked = resource(
        "aws_kms_x",
        "k",
        {"id": "k", "payload": "st4te-secret"},
        sensitive_attributes=[[{"type": "get_attr", "value": "payload"}]],
    )
    queue = resource(
        "aws_sqs_queue", "t", {"id": "t", "name": "t", "tags": {"Hook": "hook-secret", "Team": "shop"}}
    )
    files = {"terraform.tfvars": 'conn = "hook-secret"\nsize = 128\n'}
    return code({"main.tf": HELD + "".join(more)}, function, marked, queue, variables=files)


def test_the_code_around_is_shown_without_its_secrets() -> None:
    model = answering("no")
    made(fallback(model), item(FUNCTION, "memory_size", 256, was=128), before=held())
    (told,) = {row[1] for row in model.asked[:1]}
    assert not [text for text in SECRET if text in told]
    shown = model.data()["passages"][0]["text"]
    assert 'DB_PASS         = "<secret>"' in shown and 'pointer         = "x"' in shown
    assert "memory_size   = var.size" in shown
    assert model.data()["passages"][1]["text"] == "size = 128"


@pytest.mark.parametrize(
    "drifted",
    [
        item(FUNCTION, "timeout", 20, was=15),
        item(FUNCTION, "description", "hello you", was="hello"),
        item(FUNCTION, "settings.DB_PASS", "rotated", was="plainpass1"),
        item(FUNCTION, "environment.0.variables.STRIPE", "x", was="y"),
        item(FUNCTION, "settings.pointer", "hunter2hunter2", was="x"),
        item(FUNCTION, "settings", {"DB_PASS": "x"}, was={}),
        item(QUEUE, "tags.Hook", "new-hook", was="old-hook"),
        item(QUEUE, "delay_seconds", 3, was=2),
        item("aws_kms_x.k", "payload", "new", was="old"),
    ],
)
def test_nobody_is_asked_about_what_is_or_comes_from_a_secret(drifted: DriftItem) -> None:
    model = answering("no")
    more = '\nresource "aws_kms_x" "k" {\n  payload = "st4te-secret"\n}\n'
    patch = made(fallback(model), drifted, before=held(more))
    assert model.asked == [] and "secret" in patch.unplaced[0].reason


def test_a_tag_beside_one_that_comes_from_a_secret_is_asked_about() -> None:
    model = answering("no")
    made(fallback(model), item(QUEUE, "tags.Team", "ops", was="shop"), before=held())
    assert model.asked and "hook-secret" not in model.asked[0][1]


def test_an_argument_of_a_call_is_a_secret_where_the_variable_is() -> None:
    files = {
        "main.tf": 'module "m" {\n  source = "./m"\n  login  = "plainpass1"\n  wait   = 5\n}\n',
        "m/main.tf": (
            'variable "login" {\n  sensitive = true\n}\n\nvariable "wait" {}\n\n'
            'resource "aws_sqs_queue" "q" {\n  delay_seconds = var.wait\n  name          = var.login\n}\n'
        ),
    }
    before = code(files, resource("aws_sqs_queue", "q", {"id": "q", "delay_seconds": 5}, module="module.m"))
    model = answering("no")
    made(fallback(model), item("module.m.aws_sqs_queue.q", "delay_seconds", 60, was=5), before=before)
    assert "plainpass1" not in model.asked[0][1] and "wait   = 5" in model.data()["passages"][1]["text"]
    other = answering("no")
    made(fallback(other), item("module.m.aws_sqs_queue.q", "name", "a", was="b"), before=before)
    assert other.asked == []


@pytest.mark.parametrize(
    "name", ["DB_PASS", "PGPASS", "AUTH", "redis_cred", "apiToken", "SECRET_KEY_BASE", "dbPass"]
)
def test_names_that_say_a_secret(name: str) -> None:
    assert is_secret_named(name)


@pytest.mark.parametrize(
    "name", ["bypass", "authorization", "key_name", "compass", "delay_seconds", "author"]
)
def test_names_that_say_none(name: str) -> None:
    assert not is_secret_named(name)
