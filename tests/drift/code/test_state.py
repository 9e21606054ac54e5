"""States of both forms: addresses, providers, sensitive marks, and what is not as a state has it."""

from __future__ import annotations

from typing import Any

from lamplighter.drift.state import StateIndex
from tests.drift.code.world import resource, resources_of, state_document

V4_SENSITIVE = [
    [{"type": "get_attr", "value": "password"}],
    [{"type": "get_attr", "value": "settings"}, {"type": "index", "value": {"value": 0, "type": "number"}}],
]


def addresses(document: dict[str, Any], form: str = "v4") -> list[str]:
    return [item.address for item in resources_of(document, form).resources]


def show(*resources: Any, children: Any = ()) -> dict[str, Any]:
    return {
        "format_version": "1.0",
        "values": {"root_module": {"resources": list(resources), "child_modules": list(children)}},
    }


def shown(address: str, **more: Any) -> dict[str, Any]:
    kind, name = address.partition("[")[0].split(".")[-2:]
    return {
        "address": address,
        "mode": "managed",
        "type": kind,
        "name": name,
        "provider_name": "registry.terraform.io/hashicorp/aws",
        "values": {"id": "1"},
        **more,
    }


def test_addresses_of_version_4() -> None:
    document = state_document(
        resource("aws_x", "plain", {}),
        resource("aws_x", "counted", {}, key=1),
        resource("aws_x", "each", {}, key='a"b'),
        resource("aws_x", "inner", {}, key="k", module='module.a["x"].module.b[0]'),
    )
    assert addresses(document) == [
        "aws_x.plain",
        "aws_x.counted[1]",
        'aws_x.each["a\\"b"]',
        'module.a["x"].module.b[0].aws_x.inner["k"]',
    ]


def test_data_sources_and_deposed_instances_are_left_out() -> None:
    data = {**resource("aws_ami", "ubuntu", {}), "mode": "data"}
    document = state_document(
        data, resource("aws_x", "old", {}, deposed="abcd1234"), resource("aws_x", "new", {})
    )
    assert addresses(document) == ["aws_x.new"]


def test_sensitive_and_provider_of_version_4() -> None:
    document = state_document(
        resource("aws_db", "main", {"password": "x", "id": "1"}, sensitive_attributes=V4_SENSITIVE)
    )
    (item,) = resources_of(document).resources
    assert item.sensitive == {"password", "settings"} and item.provider == "hashicorp/aws"


def test_show_form_with_nested_modules() -> None:
    deep = {"address": "module.a.module.b", "resources": [shown("module.a.module.b.aws_x.deep[0]", index=0)]}
    document = show(
        shown("aws_x.root"),
        shown("data.aws_ami.u", mode="data"),
        shown("aws_x.old", deposed_key="abcd"),
        children=[
            {"address": "module.a", "resources": [shown("module.a.aws_x.mid")], "child_modules": [deep]}
        ],
    )
    read = resources_of(document, "show")
    assert [(item.address, item.module) for item in read.resources] == [
        ("aws_x.root", ""),
        ("module.a.aws_x.mid", "module.a"),
        ("module.a.module.b.aws_x.deep[0]", "module.a.module.b"),
    ]
    assert read.keys == [None, None, 0]


def test_sensitive_marks_of_the_show_form() -> None:
    marks = {"password": True, "list": [False, {"inner": True}], "open": {}, "none": [False]}
    (item,) = resources_of(show(shown("aws_db.main", sensitive_values=marks)), "show").resources
    assert item.sensitive == {"password", "list"} and item.provider == "hashicorp/aws"


def test_an_empty_state_has_nothing() -> None:
    assert addresses({"version": 4}) == addresses({"format_version": "1.0"}, "show") == []


def test_what_is_not_as_a_state_has_it_is_named() -> None:
    broken: list[Any] = [
        "text",
        {"type": "aws_x"},
        {"type": "aws_x", "name": "a", "instances": 3},
        {"type": "aws_x", "name": "b", "instances": [None, {"attributes": None}]},
        resource("aws_x", "good", {}),
    ]
    read = resources_of(state_document(*broken))
    assert [item.address for item in read.resources] == ["aws_x.good"]
    assert len(read.problems) == 5 and all("\n" not in problem for problem in read.problems)
    assert len(resources_of(show({"address": 3}), "show").problems) == 1


def test_references_see_no_sensitive_values() -> None:
    document = state_document(
        resource("aws_db", "main", {"password": "x", "id": "1"}, key="a", sensitive_attributes=V4_SENSITIVE)
    )
    assert resources_of(document).values().get("aws_db.main") == {"a": {"id": "1"}}


def test_found_by_every_pair_of_an_identity_and_the_first_type_that_has_any() -> None:
    read = resources_of(
        state_document(
            resource("aws_a", "one", {"id": "1", "role": "r"}),
            resource("aws_a", "two", {"id": "2", "role": "r"}),
            resource("aws_b", "one", {"id": "1", "port": 443, "on": True}),
        )
    )
    index = StateIndex(read.resources)

    def names(types: list[str], **identity: str) -> list[str]:
        return [item.address for item in index.find(types, identity)]

    assert names(["aws_a", "aws_b"], id="1") == ["aws_a.one"]
    assert names(["aws_b", "aws_a"], id="1") == ["aws_b.one"]
    assert names(["aws_b", "aws_a"], id="2") == ["aws_a.two"]
    assert names(["aws_a"], role="r") == ["aws_a.one", "aws_a.two"]
    assert names(["aws_a"], role="r", id="2") == ["aws_a.two"]
    assert names(["aws_b"], port="443") == ["aws_b.one"]
    assert names(["aws_b"], on="True") == names(["aws_a"]) == names(["aws_c"], id="1") == []
