"""Discovery documents: groups, versions and resources, one by one and aggregated."""

from __future__ import annotations

from lamplighter.scenarios.cluster.jsons import Json
from lamplighter.scenarios.cluster.kinds import Kind, Registry

SHOWN_AS: dict[str, tuple[str, str, str, tuple[str, ...], bool]] = {
    "attach": ("", "", "PodAttachOptions", ("create", "get"), False),
    "binding": ("", "", "Binding", ("create",), False),
    "ephemeralcontainers": ("", "", "Pod", ("get", "patch", "update"), False),
    "eviction": ("policy", "v1", "Eviction", ("create",), True),
    "exec": ("", "", "PodExecOptions", ("create", "get"), False),
    "log": ("", "", "Pod", ("get",), False),
    "portforward": ("", "", "PodPortForwardOptions", ("create", "get"), False),
    "proxy": ("", "", "ProxyOptions", ("create", "delete", "get", "patch", "update"), False),
    "resize": ("", "", "Pod", ("get", "patch", "update"), False),
    "finalize": ("", "", "Namespace", ("update",), False),
    "token": ("authentication.k8s.io", "v1", "TokenRequest", ("create",), True),
    "scale": ("autoscaling", "v1", "Scale", ("get", "patch", "update"), True),
}
"""Subresources other than the kind itself: group, version, kind, verbs, and whether the group is said."""
STATUS_VERBS = ("get", "patch", "update")


def subresource(kind: Kind, name: str) -> tuple[str, str, str, tuple[str, ...], bool]:
    """Group, version and kind of a subresource's body, its verbs, and whether discovery says the group."""
    if name == "proxy":
        _, _, _, verbs, said = SHOWN_AS["proxy"]
        return "", "", f"{kind.kind}ProxyOptions", verbs, said
    return SHOWN_AS.get(name, ("", "", kind.kind, STATUS_VERBS, False))


def resource_list(registry: Registry, group: str, version: str) -> Json:
    """APIResourceList of one version."""
    found: list[Json] = []
    for kind in registry.resources(group, version):
        found.append(_resource(kind))
        for name in kind.subresources:
            found.append(_subresource(kind, name))
    out: Json = {"kind": "APIResourceList"}
    if group:
        out["apiVersion"] = "v1"
    out["groupVersion"] = f"{group}/{version}" if group else version
    out["resources"] = found
    return out


def _resource(kind: Kind) -> Json:
    out: Json = {
        "name": kind.plural,
        "singularName": kind.singular,
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": list(kind.verbs),
    }
    if kind.short:
        out["shortNames"] = list(kind.short)
    if kind.categories:
        out["categories"] = list(kind.categories)
    if "create" in kind.verbs and "get" in kind.verbs:
        out["storageVersionHash"] = kind.storage_hash
    return out


def _subresource(kind: Kind, name: str) -> Json:
    group, version, shown, verbs, said = subresource(kind, name)
    out: Json = {"name": f"{kind.plural}/{name}", "singularName": "", "namespaced": kind.namespaced}
    if said:
        out |= {"group": group, "version": version}
    return {**out, "kind": shown, "verbs": list(verbs)}


def group_of(registry: Registry, group: str, full: bool = True) -> Json:
    """APIGroup."""
    versions = [{"groupVersion": f"{group}/{v}", "version": v} for v in registry.versions(group)]
    head = {"kind": "APIGroup", "apiVersion": "v1"} if full else {}
    return {**head, "name": group, "versions": versions, "preferredVersion": versions[0]}


def groups(registry: Registry) -> Json:
    """APIGroupList."""
    found = [group_of(registry, group, full=False) for group in registry.groups()]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": found}


def core_versions(address: str) -> Json:
    """APIVersions, of `/api`."""
    servers = [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}]
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": servers}


def aggregated(registry: Registry, names: list[str]) -> Json:
    """APIGroupDiscoveryList of the groups; the core group is ""."""
    items = []
    for group in names:
        versions = [
            {
                "version": v,
                "resources": [_aggregated(kind) for kind in registry.resources(group, v)],
                "freshness": "Current",
            }
            for v in registry.versions(group)
        ]
        meta = {"name": group, "creationTimestamp": None} if group else {"creationTimestamp": None}
        items.append({"metadata": meta, "versions": versions})
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": items,
    }


def _aggregated(kind: Kind) -> Json:
    out: Json = {
        "resource": kind.plural,
        "responseKind": {"group": "", "version": "", "kind": kind.kind},
        "scope": "Namespaced" if kind.namespaced else "Cluster",
        "singularResource": kind.singular,
        "verbs": list(kind.verbs),
    }
    if kind.short:
        out["shortNames"] = list(kind.short)
    if kind.categories:
        out["categories"] = list(kind.categories)
    if kind.subresources:
        out["subresources"] = [_aggregated_part(kind, name) for name in kind.subresources]
    return out


def _aggregated_part(kind: Kind, name: str) -> Json:
    group, version, shown, verbs, _ = subresource(kind, name)
    return {
        "subresource": name,
        "responseKind": {"group": group, "version": version, "kind": shown},
        "verbs": list(verbs),
    }
