"""Odd requests by chance: each is answered with a Status or what it asked for, and never with a fault of the server."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from lamplighter.scenarios.cluster.http import Request, Response
from lamplighter.scenarios.cluster.kinds import Kind
from lamplighter.scenarios.cluster.sandbox import Plan, Sandbox
from tests.cluster_sandbox.conftest import TOKENS, web

VALUES = (
    "", "abc", "-1", "0", "1", "nan", "1e999", "\xb2", "9" * 20, "a=b", "a in (", ",", "metadata.name=x", "All",
    "Strict", "Background", "\x00", "true", "eyJhIjoxfQ==", "W10=", "x" * 3000,
)  # fmt: skip
OPTIONS = (
    "limit", "continue", "labelSelector", "fieldSelector", "resourceVersion", "resourceVersionMatch", "watch",
    "timeoutSeconds", "sendInitialEvents", "dryRun", "fieldManager", "fieldValidation", "gracePeriodSeconds",
    "propagationPolicy", "pretty", "tailLines", "sinceSeconds", "limitBytes", "container", "previous", "force",
    "includeObject", "command",
)  # fmt: skip
ODD: tuple[Any, ...] = (
    None, [], 5, "x", {}, {"metadata": None}, {"metadata": []}, {"metadata": {"name": 5}}, {"spec": []}, {"kind": 5},
    {"spec": {"replicas": "x"}}, {"spec": {"replicas": 10**30}}, [{"op": "add"}], [5], [{"op": "add", "path": 5}],
    {"apiVersion": []}, {"metadata": {"ownerReferences": [None]}}, {"metadata": {"finalizers": "x"}}, {"target": None},
    {"status": {"conditions": [None]}}, {"spec": {"containers": [None]}}, {"$patch": "delete"},
    {"metadata": {"name": "a"}, "spec": {"containers": [{}], "volumes": [{}], "tolerations": [{}]}},
    {"metadata": {"name": "b"}, "spec": {"selector": {"matchExpressions": [{}]}, "template": {}, "ports": [{}]}},
    {"metadata": {"name": "c"}, "spec": {"rules": [{}], "metrics": [{}], "taints": [{}], "schedule": "x"}},
    {"metadata": {"name": "d"}, "rules": [{}], "roleRef": {}, "subjects": [{}], "webhooks": [{}], "endpoints": [{}]},
    {"metadata": {"name": "e", "managedFields": [{}]}, "spec": {"hard": {"pods": "x"}, "limits": [{}]}},
)  # fmt: skip
MEDIA = (
    "application/json", "application/yaml", "application/vnd.kubernetes.protobuf", "application/merge-patch+json",
    "application/json-patch+json", "application/strategic-merge-patch+json", "application/apply-patch+yaml", "x", "",
)  # fmt: skip
FORMS = ("application/json", "application/json;as=Table;g=meta.k8s.io;v=v1", "application/yaml", "x")


def odd_request(chance: random.Random, kinds: list[Kind]) -> Request:
    kind = chance.choice(kinds)
    path = f"/apis/{kind.group}/{kind.version}" if kind.group else f"/api/{kind.version}"
    if kind.namespaced and chance.random() < 0.8:
        path += f"/namespaces/{chance.choice(('default', 'none'))}"
    path += f"/{kind.plural}"
    if chance.random() < 0.6:
        path += "/" + chance.choice(("web", "node-1", "default", "none", "", "a/b"))
    if chance.random() < 0.2:
        path += "/" + chance.choice((*kind.subresources, "status", "scale", "log", "eviction", "x"))
    query = {name: [chance.choice(VALUES)] for name in chance.sample(OPTIONS, chance.randrange(4))}
    headers = {
        "authorization": "Bearer admin-token",
        "content-type": chance.choice(MEDIA),
        "accept": chance.choice(FORMS),
    }
    body = chance.choice((b"{", b"k8s\x00\xff", b"a: &a [*a]", json.dumps(chance.choice(ODD)).encode()))
    method = chance.choice(("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
    return Request(method, path, query, headers, body)


def ask(sandbox: Sandbox, request: Request) -> Response:
    response = sandbox.api.handle(request)
    if response.stream is not None:
        response.stream.close()
    return response


@pytest.mark.parametrize("seed", range(3))
def test_no_request_is_a_fault_of_the_server(seed: int) -> None:
    chance = random.Random(seed)
    sandbox = Sandbox(Plan(stepped=True, tokens=TOKENS))
    kinds = list(sandbox.cluster.registry.stored())
    deploy = Request(
        "POST", "/apis/apps/v1/namespaces/default/deployments",
        headers={"authorization": "Bearer admin-token", "content-type": "application/json"},
        body=json.dumps(web("default")).encode(),
    )  # fmt: skip
    try:
        for number in range(2000):
            if number % 100 == 0:
                ask(sandbox, deploy)
                sandbox.advance(2)
            request = odd_request(chance, kinds)
            response = ask(sandbox, request)
            assert b"sandbox failed" not in response.body, (request, response.body)
            if response.code >= 400 and response.media == "application/json":
                assert json.loads(response.body)["code"] == response.code
        sandbox.advance(60)
    finally:
        sandbox.close()
