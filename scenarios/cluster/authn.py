"""Who asks: bearer tokens, client certificates, service account tokens, and impersonation."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from lamplighter.scenarios.cluster import rbac
from lamplighter.scenarios.cluster.errors import ApiError, forbidden
from lamplighter.scenarios.cluster.jsons import Json, uid_of
from lamplighter.scenarios.cluster.rbac import ANONYMOUS, AUTHENTICATED, Access, User
from lamplighter.scenarios.cluster.store import Store

ISSUER = "https://kubernetes.default.svc"


def service_account(namespace: str, name: str, uid: str = "") -> User:
    groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", AUTHENTICATED)
    return User(f"system:serviceaccount:{namespace}:{name}", groups, uid)


def unauthorized() -> ApiError:
    return ApiError(401, "Unauthorized", "Unauthorized")


class Authenticator:
    """Tokens that were handed out. Service account tokens are JWTs signed with a secret of this sandbox (HS256)."""

    def __init__(self, store: Store, secret: bytes) -> None:
        self.tokens: dict[str, User] = {}
        self._store = store
        self._secret = secret

    def add(self, token: str, user: User) -> None:
        groups = tuple(dict.fromkeys([*user.groups, AUTHENTICATED]))
        self.tokens[token] = User(user.name, groups, user.uid, user.extra)

    def authenticate(self, authorization: str, certificate: Mapping[str, Any] | None, now: float) -> User:
        """The user of a request; anonymous without any credential. Raises 401 for a credential that is not good."""
        if authorization:
            scheme, _, token = authorization.partition(" ")
            user = self.tokens.get(token) if scheme.lower() == "bearer" else None
            user = user or self._service_account(token, now)
            if user is None:
                raise unauthorized()
            return user
        return _of_certificate(certificate) or ANONYMOUS

    def issue(self, account: Json, audiences: list[str], seconds: int, now: float) -> str:
        """A token of a service account."""
        meta = account["metadata"]
        claims = {
            "aud": audiences,
            "exp": int(now) + seconds,
            "iat": int(now),
            "iss": ISSUER,
            "kubernetes.io": {
                "namespace": meta["namespace"],
                "serviceaccount": {"name": meta["name"], "uid": uid_of(account)},
            },
            "sub": f"system:serviceaccount:{meta['namespace']}:{meta['name']}",
        }
        head = _segment(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
        body = f"{head}.{_segment(json.dumps(claims).encode())}"
        return f"{body}.{self._signature(body)}"

    def _signature(self, body: str) -> str:
        return _segment(hmac.digest(self._secret, body.encode(), hashlib.sha256))

    def _service_account(self, token: str, now: float) -> User | None:
        body, _, signature = token.rpartition(".")
        if not body or not hmac.compare_digest(self._signature(body), signature):
            return None
        payload = body.partition(".")[2]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        inner = claims["kubernetes.io"]
        account = self._store.get("serviceaccounts", inner["namespace"], inner["serviceaccount"]["name"])
        if account is None or uid_of(account) != inner["serviceaccount"]["uid"] or claims["exp"] < now:
            return None
        return service_account(inner["namespace"], inner["serviceaccount"]["name"], uid_of(account))


def _segment(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _of_certificate(certificate: Mapping[str, Any] | None) -> User | None:
    """The subject of a client certificate as `ssl` shows it: CN is the user, each O a group."""
    if not certificate:
        return None
    parts = [pair for group in certificate.get("subject", ()) for pair in group]
    name = next((value for key, value in parts if key == "commonName"), "")
    groups = [value for key, value in parts if key == "organizationName"]
    return User(name, (*groups, AUTHENTICATED))


def impersonated(store: Store, user: User, headers: Mapping[str, str], target: Access) -> User:
    """The user that a request acts as. Raises 403 where `user` may not act as it.

    Since 1.36 the constrained form is tried first (impersonate:user-info and impersonate-on:user-info:VERB, KEP 5284),
    then the old verb `impersonate`.
    """
    wanted = headers.get("impersonate-user", "")
    groups = [group for group in headers.get("impersonate-group", "").split("\n") if group]
    if not wanted:
        if groups or headers.get("impersonate-uid"):
            text = "requested [{Group  } ...] without impersonating a user"
            raise ApiError(500, "InternalError", text)
        return user
    acted = _acted(wanted, groups, headers.get("impersonate-uid", ""))
    if not _may_act(store, user, acted, bool(groups)):
        constrained = target._replace(verb=f"impersonate-on:user-info:{target.verb}")
        if not rbac.authorize(store, user, constrained)[0] or not _may_act(
            store, user, acted, bool(groups), ":user-info"
        ):
            raise forbidden(target.resource, target.group, target.name, rbac.denial(user, constrained))
    return acted


def _acted(name: str, groups: list[str], uid: str) -> User:
    if name.startswith("system:serviceaccount:") and not groups:
        _, _, namespace, account = name.split(":", 3)
        return service_account(namespace, account, uid)
    return User(name, tuple(dict.fromkeys([*groups, AUTHENTICATED])), uid)


def _may_act(store: Store, user: User, acted: User, with_groups: bool, mode: str = "") -> bool:
    pieces = [Access(f"impersonate{mode}", "authentication.k8s.io" if mode else "", "users", name=acted.name)]
    if acted.name.startswith("system:serviceaccount:"):
        _, _, namespace, account = acted.name.split(":", 3)
        pieces = [Access(f"impersonate{mode}", "", "serviceaccounts", name=account, namespace=namespace)]
    if with_groups:
        names = [group for group in acted.groups if group != AUTHENTICATED]
        pieces += [Access(f"impersonate{mode}", pieces[0].group, "groups", name=name) for name in names]
    return all(rbac.authorize(store, user, piece)[0] for piece in pieces)
