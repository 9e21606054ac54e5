"""Connections between pods: what policies, names, endpoints and ports let through, and what is said where not."""

from __future__ import annotations

from typing import Any

import pytest

from lamplighter.scenarios.cluster import network
from lamplighter.scenarios.cluster.kubelet.behaviour import Behaviour
from lamplighter.scenarios.cluster.store import Store

Json = dict[str, Any]
POLICIES = "networkpolicies.networking.k8s.io"


def pod(space: str, name: str, address: str, ready: bool = True, **spec: Any) -> Json:
    container = {"name": "c", "image": "x", "ports": [{"name": "db", "containerPort": 5432}]}
    return {
        "metadata": {"name": name, "namespace": space, "uid": f"{space}/{name}", "labels": {"app": name}},
        "spec": {"containers": [container], **spec},
        "status": {"podIP": address, "conditions": [{"type": "Ready", "status": str(ready)}]},
    }


def world(**client: Any) -> tuple[Store, Json]:
    """A database in one namespace and its client in another."""
    store = Store()
    for space in ("bank", "shop"):
        labels = {"kubernetes.io/metadata.name": space}
        store.put("namespaces", {"metadata": {"name": space, "labels": labels}})
    source = pod("shop", "web", "10.244.1.2", **client)
    store.put("pods", source)
    store.put("pods", pod("bank", "db", "10.244.2.3"))
    ports = [{"port": 5432, "targetPort": "db"}]
    spec = {"selector": {"app": "db"}, "clusterIP": "10.96.0.20", "ports": ports}
    store.put("services", {"metadata": {"name": "db", "namespace": "bank"}, "spec": spec})
    return store, source


def policy(store: Store, space: str, **spec: Any) -> None:
    store.put(POLICIES, {"metadata": {"name": "p", "namespace": space}, "spec": {"podSelector": {}, **spec}})


def asked(store: Store, source: Json, address: str = "db.bank:5432") -> str:
    return network.unreachable(store, source, address, {})


@pytest.mark.parametrize("host", ["db.bank", "db.bank.svc", "db.bank.svc.cluster.local", "example.com"])
def test_what_is_open_and_has_a_name_is_reached(host: str) -> None:
    assert asked(*world(), f"{host}:5432") == ""


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("db:5432", "lookup db on 10.96.0.10:53: no such host"),
        ("cache.bank:6379", "lookup cache.bank on 10.96.0.10:53: no such host"),
        ("db.bank:5433", "10.96.0.20:5433: i/o timeout"),
    ],
)
def test_what_is_asked_wrongly(address: str, words: str) -> None:
    assert words in asked(*world(), address)


def test_a_service_without_a_ready_pod_refuses() -> None:
    store, source = world()
    store.put("pods", pod("bank", "db", "10.244.2.3", ready=False))
    assert asked(store, source) == "dial tcp 10.96.0.20:5432: connect: connection refused"


def test_a_pod_that_listens_elsewhere_refuses() -> None:
    store, source = world()
    found = network.unreachable(store, source, "db.bank:5432", {"bank/db": Behaviour(ports=(9999,))})
    assert found == "dial tcp 10.96.0.20:5432: connect: connection refused"


SHOP = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "shop"}}}


@pytest.mark.parametrize(
    ("rules", "open_"),
    [
        ([], False),
        ([{}], True),
        ([{"from": [{"podSelector": {}}]}], False),
        ([{"from": [SHOP]}], True),
        ([{"from": [{**SHOP, "podSelector": {"matchLabels": {"app": "api"}}}]}], False),
        ([{"from": [{**SHOP, "podSelector": {"matchLabels": {"app": "web"}}}]}], True),
        ([{"from": [SHOP], "ports": [{"port": 5433}]}], False),
        ([{"from": [SHOP], "ports": [{"port": "db"}]}], True),
        ([{"from": [SHOP], "ports": [{"port": 5000, "endPort": 6000}]}], True),
        ([{"from": [SHOP], "ports": [{"port": 5432, "protocol": "UDP"}]}], False),
        ([{"from": [{"ipBlock": {"cidr": "10.244.0.0/16"}}]}], True),
        ([{"from": [{"ipBlock": {"cidr": "10.244.0.0/16", "except": ["10.244.1.0/24"]}}]}], False),
    ],
)
def test_a_policy_lets_in_what_it_says(rules: list[Json], open_: bool) -> None:
    store, source = world()
    policy(store, "bank", policyTypes=["Ingress"], ingress=rules)
    assert (asked(store, source) == "") is open_
    assert open_ or asked(store, source) == "dial tcp 10.96.0.20:5432: i/o timeout"


def test_what_may_leave_is_asked_too() -> None:
    store, source = world()
    policy(store, "shop", policyTypes=["Egress"], egress=[{"to": [{"ipBlock": {"cidr": "203.0.113.0/24"}}]}])
    assert asked(store, source, "example.com:443") == ""
    assert "i/o timeout" in asked(store, source)


@pytest.mark.parametrize(
    ("spec", "open_"),
    [
        ({"dnsPolicy": "Default"}, False),
        ({"hostNetwork": True}, False),
        ({"hostNetwork": True, "dnsPolicy": "ClusterFirstWithHostNet"}, True),
        ({"dnsPolicy": "None", "dnsConfig": {"nameservers": ["1.1.1.1"]}}, False),
        (
            {
                "dnsPolicy": "None",
                "dnsConfig": {"nameservers": ["10.96.0.10"], "searches": ["svc.cluster.local"]},
            },
            True,
        ),
    ],
)
def test_a_pod_asks_whom_its_policy_says(spec: Json, open_: bool) -> None:
    found = asked(*world(**spec))
    assert (found == "") is open_
    assert open_ or found.endswith(":53: no such host")


def test_a_dns_server_that_is_there_must_be_up_and_let_in() -> None:
    store, source = world()
    spec = {"selector": {"app": "dns"}, "clusterIP": "10.96.0.10", "ports": [{"port": 53, "targetPort": 53}]}
    store.put("services", {"metadata": {"name": "kube-dns", "namespace": "kube-system"}, "spec": spec})
    assert "->10.96.0.10:53: i/o timeout" in asked(store, source)
    store.put("pods", pod("kube-system", "dns", "10.244.3.4"))
    assert asked(store, source) == ""
    policy(store, "kube-system", policyTypes=["Ingress"], ingress=[{"ports": [{"port": 53}]}])
    assert "->10.96.0.10:53: i/o timeout" in asked(store, source), "TCP is not UDP"
