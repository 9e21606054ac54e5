"""How CloudTrail spells an operation and its parameters, from botocore's service models and what is known to differ.

Sources of the differences: AWS CloudTrail user guide, "CloudTrail record contents"; Amazon S3 user guide, "Amazon S3
CloudTrail events"; AWS Lambda developer guide, "Logging AWS Lambda API calls using AWS CloudTrail"; published records.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from botocore.exceptions import UnknownServiceError
from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel, Shape

Tree = dict[str, Any]
"""Parameter names of a record: a sub-tree for a structure or a list of them, None for anything else."""

MODELS = {
    "monitoring": ("cloudwatch",),
    "elasticfilesystem": ("efs",),
    "elasticloadbalancing": ("elbv2", "elb"),
    "apigateway": ("apigateway", "apigatewayv2"),
    "tagging": ("resourcegroupstaggingapi",),
    "cloudshell": (),
    "ssmmessages": (),
}
"""eventSource -> botocore's names, where they differ: one source may be the front of several APIs."""

RENAMED = {
    "s3:PutBucketPublicAccessBlock": "PutPublicAccessBlock",
    "s3:DeleteBucketPublicAccessBlock": "DeletePublicAccessBlock",
    "s3:PutBucketLifecycle": "PutBucketLifecycleConfiguration",
    "s3:PutBucketNotification": "PutBucketNotificationConfiguration",
    "s3:PutAccelerateConfiguration": "PutBucketAccelerateConfiguration",
    "s3:PutBucketObjectLockConfiguration": "PutObjectLockConfiguration",
}
"""Event name -> operation where they differ (Amazon S3 user guide, "Amazon S3 CloudTrail events")."""

UNPUBLISHED = {
    "ecs:Poll": "the container agent's own call",
    "ecs:StartTelemetrySession": "the container agent's own call",
    "ssm:UpdateInstanceInformation": "the SSM agent's own call",
    "ssm:PutConfigurePackageResult": "the SSM agent's own call",
    "ssm:UpdateInstanceAssociationStatus": "the SSM agent's own call",
    "ssmmessages:CreateControlChannel": "the SSM agent's own call",
    "ssmmessages:CreateDataChannel": "the SSM agent's own call",
    "ssmmessages:OpenControlChannel": "the SSM agent's own call",
    "ssmmessages:OpenDataChannel": "the SSM agent's own call",
    "ec2-instance-connect:OpenTunnel": "the command line tool's own call",
    **{
        f"cloudshell:{event}": "the console's own call"
        for event in (
            "CreateEnvironment",
            "CreateSession",
            "DeleteEnvironment",
            "StartEnvironment",
            "StopEnvironment",
            "PutCredentials",
            "SendHeartBeat",
            "RedeemCode",
            "CreateWebSocketSession",
        )
    },
}
"""Calls of agents and of the console, in every trail but in no SDK."""

EC2_LISTS = {
    "AuthorizeSecurityGroupEgress": {"tagSpecification": "tagSpecificationSet.items"},
    "AuthorizeSecurityGroupIngress": {"tagSpecification": "tagSpecificationSet.items"},
    "CreateTags": {"resourceId": "resourcesSet.items.resourceId", "tag": "tagSet.items"},
    "DeleteTags": {"resourceId": "resourcesSet.items.resourceId", "tag": "tagSet.items"},
    "ModifyInstanceAttribute": {"groupId": "groupSet.items.groupId"},
    "ModifyNetworkInterfaceAttribute": {"securityGroupId": "groupSet.items.groupId"},
    "MonitorInstances": {"instanceId": "instancesSet.items.instanceId"},
    "UnmonitorInstances": {"instanceId": "instancesSet.items.instanceId"},
    "TerminateInstances": {"instanceId": "instancesSet.items.instanceId"},
    "RevokeSecurityGroupEgress": {"securityGroupRuleId": "securityGroupRuleIds"},
    "RevokeSecurityGroupIngress": {"securityGroupRuleId": "securityGroupRuleIds"},
    "CreateNetworkAclEntry": {"protocol": "aclProtocol", "icmp": "icmpTypeCode"},
    "ReplaceNetworkAclEntry": {"protocol": "aclProtocol", "icmp": "icmpTypeCode"},
}
"""EC2's older actions -> their lists, which stand under `items` and have names of their own."""

_DATED = re.compile(r"(\d{4}_?\d{2}_?\d{2}(v\d+)?)$")


def operations(name: str) -> list[OperationModel]:
    """Every operation of that name behind one event source: `TagResource` of both API Gateways."""
    service, _, event = name.partition(":")
    wanted = RENAMED.get(name, _DATED.sub("", event))
    models = [_model(model) for model in MODELS.get(service, (service,))]
    return [model.operation_model(wanted) for model in models if wanted in model.operation_names]


@cache
def _model(service: str) -> ServiceModel:
    try:
        return ServiceModel(Loader().load_service_model(service, "service-2"), service)
    except UnknownServiceError as error:
        raise LookupError(f"no API of {service}") from error


def request_tree(name: str) -> Tree:
    """The parameters of a call as `requestParameters` shows them, after `transforms.plain`."""
    service, _, event = name.partition(":")
    tree: Tree = {}
    for model in operations(name):
        shape = model.input_shape
        if shape is None:
            continue
        if service == "s3":
            tree |= _s3(shape, model)
        elif service == "ec2":
            for member, item in shape.members.items():
                tree |= _ec2(member, item, EC2_LISTS.get(event, {}))
        else:
            tree |= _tree(shape, lower_first)
    if event in ("CreateNetworkAclEntry", "ReplaceNetworkAclEntry"):
        tree |= {"protocol": None}  # Its name in the API, as recorders other than CloudTrail write it.
    if service == "apigateway":
        tree |= {"template": None, "templateSkipList": None}
    return tree


def response_tree(name: str) -> Tree:
    """The answer of a call as `responseElements` shows it, after `transforms.plain`."""
    tree: Tree = {}
    for model in operations(name):
        shape = model.output_shape
        if shape is not None:
            tree |= _tree(shape, _xml_name if name.startswith("ec2:") else lower_first)
    return tree


def lower_first(name: str, _: Shape | None = None) -> str:
    """`DBInstanceIdentifier` -> `dBInstanceIdentifier`."""
    return name[:1].lower() + name[1:]


def _xml_name(name: str, shape: Shape | None = None) -> str:
    return shape.serialization.get("name", lower_first(name)) if shape is not None else lower_first(name)


def _tree(shape: Shape, spell: Any, seen: tuple[str, ...] = ()) -> Tree:
    found: Tree = {}
    for member, item in shape.members.items():
        found[spell(member, item)] = _node(item, spell, (*seen, shape.name))
    return found


def _node(item: Shape, spell: Any, seen: tuple[str, ...]) -> Tree | None:
    while item.type_name == "list":
        item = item.member
    if item.type_name != "structure" or item.name in seen:
        return None
    return _tree(item, spell, seen)


def _query_name(member: str, item: Shape) -> str:
    """The name in an EC2 request: `queryName`, or the location name with a capital."""
    return lower_first(item.serialization.get("queryName", item.serialization.get("name", member)))


def _ec2(member: str, item: Shape, lists: dict[str, str]) -> Tree:
    name = _query_name(member, item)
    node = _node(item, _query_name, ())
    place = lists.get(name)
    if place is None:
        return {name: node}
    for part in reversed(place.split(".")):
        node = {part: node}
    assert node is not None
    return node


def _s3(shape: Shape, model: OperationModel) -> Tree:
    """Bucket and body, the body under its root element; headers, host and query under their own names."""
    query = model.http["requestUri"].partition("?")[2]
    tree: Tree = {"Host": None, "host": None, **({query: None} if query else {})}
    payload = shape.serialization.get("payload")
    for member, item in shape.members.items():
        place = item.serialization.get("location")
        if member == "Bucket":
            tree["bucketName"] = None
        elif member == "Policy":
            tree["bucketPolicy"] = None
        elif place in ("header", "headers"):
            name = item.serialization["name"].lower()
            if name.startswith("x-amz-"):
                tree[name] = None
        elif member == payload:
            tree[item.serialization.get("name", member)] = {**(_s3_body(item) or {}), "xmlns": None}
    return tree


def _s3_body(shape: Shape) -> Tree | None:
    if shape.type_name != "structure":
        return None
    tree: Tree = {}
    for member, item in shape.members.items():
        name = item.serialization.get("name", member)
        if item.type_name == "list":
            inner = _s3_body(item.member)
            if item.serialization.get("flattened"):
                tree[name] = inner
            else:
                tree[name] = {item.member.serialization.get("name", "member"): inner}
        else:
            tree[name] = _s3_body(item)
    return tree


def leaves(tree: Tree, at: str = "") -> list[str]:
    """Dotted names of everything in a tree that has nothing below it."""
    found: list[str] = []
    for name, node in tree.items():
        path = f"{at}.{name}" if at else name
        found += leaves(node, path) if node else [path]
    return found


def holds(tree: Tree, path: str) -> bool:
    """Whether a dotted name is in the tree; below a leaf anything goes, for maps and documents."""
    node: Tree | None = tree
    for part in path.split("."):
        if not node:
            return node is None
        if part in ("items", "item") and part not in node:
            continue
        if part not in node:
            return False
        node = node[part]
    return True
