"""Access reviews and token requests: kinds that are answered and not stored."""

from __future__ import annotations

from collections.abc import Callable

from lamplighter.scenarios.cluster import rbac
from lamplighter.scenarios.cluster.clock import stamp
from lamplighter.scenarios.cluster.cluster import Cluster
from lamplighter.scenarios.cluster.errors import ApiError, Cause, invalid, invalid_value
from lamplighter.scenarios.cluster.jsons import Json
from lamplighter.scenarios.cluster.kinds import Kind
from lamplighter.scenarios.cluster.rbac import Access, User

MANAGED = "managedFields"
AUDIENCE = "https://kubernetes.default.svc"
TOKEN_SECONDS = 3600


def answer(cluster: Cluster, kind: Kind, namespace: str, body: Json, user: User) -> Json:
    """The review with its status filled in. Raises 422."""
    body["kind"], body["apiVersion"] = kind.kind, kind.api_version
    return REVIEWS[kind.kind](cluster, namespace, body, user)


def _access(spec: Json, namespace: str = "") -> Access:
    resource, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if (resource is None) == (path is None):
        text = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        cause: Cause = invalid_value("spec.resourceAttributes", resource, text)
        raise invalid("", "authorization.k8s.io", "", [cause])
    if path is not None:
        return Access(path.get("verb", ""), path=path.get("path", ""))
    assert resource is not None
    names = ("verb", "group", "resource", "subresource", "name", "namespace")
    return Access(**{name: resource.get(name, "") for name in names})


def _managed(cluster: Cluster, body: Json) -> None:
    fields: Json = {"f:spec": {}}
    body["metadata"] = {
        **(body.get("metadata") or {}),
        MANAGED: [
            {
                "manager": "unknown",
                "operation": "Update",
                "apiVersion": body["apiVersion"],
                "time": cluster.clock.stamp(),
                "fieldsType": "FieldsV1",
                "fieldsV1": fields,
            }
        ],
    }


def _decided(cluster: Cluster, body: Json, user: User, access: Access) -> Json:
    allowed, reason = rbac.authorize(cluster.store, user, access)
    body["status"] = {"allowed": allowed, **({"reason": reason} if reason else {})}
    _managed(cluster, body)
    return body


def _self_access(cluster: Cluster, namespace: str, body: Json, user: User) -> Json:
    return _decided(cluster, body, user, _access(body.get("spec") or {}))


def _access_review(cluster: Cluster, namespace: str, body: Json, user: User) -> Json:
    spec = body.get("spec") or {}
    asked = User(spec.get("user", ""), tuple(spec.get("groups") or ()), spec.get("uid", ""))
    return _decided(cluster, body, asked, _access(spec, namespace))


def _self_rules(cluster: Cluster, namespace: str, body: Json, user: User) -> Json:
    rules = [
        grant.rule
        for grant in rbac.grants(cluster.store, user, (body.get("spec") or {}).get("namespace", ""))
    ]
    resources = [
        {name: rule[name] for name in ("verbs", "apiGroups", "resources", "resourceNames") if rule.get(name)}
        for rule in rules
        if not rule.get("nonResourceURLs")
    ]
    paths = [
        {"verbs": r["verbs"], "nonResourceURLs": r["nonResourceURLs"]}
        for r in rules
        if r.get("nonResourceURLs")
    ]
    if rbac.MASTERS in user.groups and not resources:
        resources = [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}]
    status = {"resourceRules": _separate(resources), "nonResourceRules": paths, "incomplete": False}
    return {
        "kind": body["kind"],
        "apiVersion": body["apiVersion"],
        "metadata": {},
        "spec": {},
        "status": status,
    }


def _separate(rules: list[Json]) -> list[Json]:
    """Each rule once."""
    return [rule for index, rule in enumerate(rules) if rule not in rules[:index]]


def _self_subject(cluster: Cluster, namespace: str, body: Json, user: User) -> Json:
    body["metadata"] = {"creationTimestamp": cluster.clock.stamp()}
    body["status"] = {"userInfo": _info(user)}
    return body


def _info(user: User) -> Json:
    found: Json = {"username": user.name, "uid": user.uid, "groups": list(user.groups), "extra": user.extra}
    return {key: value for key, value in found.items() if value}


def _token_review(cluster: Cluster, namespace: str, body: Json, user: User) -> Json:

    token = (body.get("spec") or {}).get("token", "")
    try:
        found = cluster.authenticator.authenticate(f"Bearer {token}", None, cluster.clock.now())
        body["status"] = {"authenticated": True, "user": _info(found), "audiences": [AUDIENCE]}
    except ApiError:
        body["status"] = {"user": {}, "error": "[invalid bearer token, unknown]"}
    return body


REVIEWS: dict[str, Callable[[Cluster, str, Json, User], Json]] = {
    "SelfSubjectAccessReview": _self_access,
    "SubjectAccessReview": _access_review,
    "LocalSubjectAccessReview": _access_review,
    "SelfSubjectRulesReview": _self_rules,
    "SelfSubjectReview": _self_subject,
    "TokenReview": _token_review,
}


def token_request(cluster: Cluster, account: Json, body: Json) -> Json:
    """A TokenRequest of a service account, answered."""
    spec = body.get("spec") or {}
    seconds = int(spec.get("expirationSeconds") or TOKEN_SECONDS)
    if seconds < 600:
        text = "may not specify a duration less than 10 minutes"
        raise invalid(
            "TokenRequest",
            "authentication.k8s.io",
            "",
            [invalid_value("spec.expirationSeconds", seconds, text)],
        )
    audiences = spec.get("audiences") or [AUDIENCE]
    now = cluster.clock.now()
    meta = account["metadata"]
    out: Json = {
        "kind": "TokenRequest",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": {
            "name": meta["name"],
            "namespace": meta["namespace"],
            "uid": cluster.uid(),
            "creationTimestamp": cluster.clock.stamp(),
        },
        "spec": {
            "audiences": audiences,
            "expirationSeconds": seconds,
            "boundObjectRef": spec.get("boundObjectRef"),
        },
        "status": {
            "token": cluster.authenticator.issue(account, audiences, seconds, now),
            "expirationTimestamp": stamp(now + seconds),
        },
    }
    _managed(cluster, out)
    return out
