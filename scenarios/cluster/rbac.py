"""Who may do what: one evaluator of RBAC for the enforcement of requests and for access reviews alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from lamplighter.scenarios.cluster.jsons import Json, name_of, namespace_of
from lamplighter.scenarios.cluster.store import Store

RBAC = "rbac.authorization.k8s.io"
MASTERS = "system:masters"
AUTHENTICATED, UNAUTHENTICATED = "system:authenticated", "system:unauthenticated"


@dataclass(frozen=True)
class User:
    """An authenticated identity."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: dict[str, list[str]] = field(default_factory=dict, hash=False)


ANONYMOUS = User("system:anonymous", (UNAUTHENTICATED,))


class Access(NamedTuple):
    """What is asked for: a verb on a resource, or on a path that is no resource (`path`)."""

    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    name: str = ""
    namespace: str = ""
    path: str = ""

    @property
    def full_resource(self) -> str:
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource


class Grant(NamedTuple):
    """A rule that applies to a user, and where it comes from."""

    rule: Json
    source: str


def grants(store: Store, user: User, namespace: str) -> Iterator[Grant]:
    """Every rule that applies to the user in a namespace, cluster-wide ones first."""
    for binding in store.all(f"clusterrolebindings.{RBAC}"):
        yield from _of_binding(store, binding, user, "ClusterRoleBinding", name_of(binding))
    if namespace:
        for binding in store.all(f"rolebindings.{RBAC}", namespace):
            yield from _of_binding(store, binding, user, "RoleBinding", f"{name_of(binding)}/{namespace}")


def _of_binding(store: Store, binding: Json, user: User, kind: str, shown: str) -> Iterator[Grant]:
    subject = next(
        (s for s in binding.get("subjects") or () if _applies(s, user, namespace_of(binding))), None
    )
    if subject is None:
        return
    reference = binding["roleRef"]
    where = subject["name"]
    if subject["kind"] == "ServiceAccount":
        where = f"{subject['name']}/{subject.get('namespace') or namespace_of(binding)}"
    source = f'{kind} "{shown}" of {reference["kind"]} "{reference["name"]}" to {subject["kind"]} "{where}"'
    for rule in role_rules(store, reference, namespace_of(binding)):
        yield Grant(rule, source)


def role_rules(store: Store, reference: Json, namespace: str) -> list[Json]:
    """The rules of a role, or of all roles that it aggregates; none where it does not exist."""
    if reference["kind"] == "Role":
        role = store.get(f"roles.{RBAC}", namespace, reference["name"])
    else:
        role = store.get(f"clusterroles.{RBAC}", "", reference["name"])
    return list((role or {}).get("rules") or ())


def _applies(subject: Json, user: User, namespace: str) -> bool:
    match subject.get("kind"):
        case "User":
            return bool(subject["name"] == user.name)
        case "Group":
            return subject["name"] in user.groups
        case "ServiceAccount":
            return bool(
                user.name
                == f"system:serviceaccount:{subject.get('namespace') or namespace}:{subject['name']}"
            )
        case _:
            return False


def allows(rule: Json, access: Access) -> bool:
    """Whether one rule allows what is asked for."""
    verbs = rule.get("verbs") or ()
    if access.verb not in verbs and "*" not in verbs:
        return False
    if access.path:
        return any(_path_matches(pattern, access.path) for pattern in rule.get("nonResourceURLs") or ())
    groups = rule.get("apiGroups") or ()
    if access.group not in groups and "*" not in groups:
        return False
    names = rule.get("resourceNames") or ()
    return _resource_matches(rule.get("resources") or (), access) and (not names or access.name in names)


def _resource_matches(resources: list[str] | tuple[str, ...], access: Access) -> bool:
    wanted = {access.full_resource, "*"}
    if access.subresource:
        wanted.add(f"*/{access.subresource}")
    return bool(wanted.intersection(resources))


def _path_matches(pattern: str, path: str) -> bool:
    return pattern == "*" or path == pattern or (pattern.endswith("*") and path.startswith(pattern[:-1]))


def authorize(store: Store, user: User, access: Access) -> tuple[bool, str]:
    """(whether it is allowed, and by what)."""
    if MASTERS in user.groups:
        return True, ""
    for grant in grants(store, user, access.namespace):
        if allows(grant.rule, access):
            return True, f"RBAC: allowed by {grant.source}"
    return False, ""


def covered(store: Store, user: User, rules: list[Json], namespace: str) -> bool:
    """Whether the user holds everything that the rules grant: who may not, cannot hand it out (escalation)."""
    if MASTERS in user.groups:
        return True
    own = [grant.rule for grant in grants(store, user, namespace)]
    return all(any(allows(rule, piece) for rule in own) for piece in _pieces(rules))


def _pieces(rules: list[Json]) -> Iterator[Access]:
    """The single permissions that rules consist of; a star is a permission that only a star covers."""
    for rule in rules:
        for verb in rule.get("verbs") or ():
            for path in rule.get("nonResourceURLs") or ():
                yield Access(verb, path=path)
            for group in rule.get("apiGroups") or ():
                for resource in rule.get("resources") or ():
                    for name in rule.get("resourceNames") or ("",):
                        base, _, sub = resource.partition("/")
                        yield Access(verb, group, base, sub, name)


def denial(user: User, access: Access) -> str:
    """Why a request is refused, in the words of the API server."""
    if access.path:
        return f'User "{user.name}" cannot {access.verb} path "{access.path}"'
    where = f'in the namespace "{access.namespace}"' if access.namespace else "at the cluster scope"
    what = f'resource "{access.full_resource}" in API group "{access.group}"'
    return f'User "{user.name}" cannot {access.verb} {what} {where}'
