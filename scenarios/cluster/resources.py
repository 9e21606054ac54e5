"""Requests on resources: reading, writing and patching objects and their subresources."""

from __future__ import annotations

from lamplighter.scenarios.cluster import (
    bodies,
    conversion,
    managers,
    media,
    pods,
    reviews,
    schema,
    tables,
    watches,
    writes,
)
from lamplighter.scenarios.cluster import subresources as parts
from lamplighter.scenarios.cluster.bodies import APPLY, JSON_PATCH, MERGE, STRATEGIC
from lamplighter.scenarios.cluster.cluster import Cluster
from lamplighter.scenarios.cluster.errors import (
    ApiError,
    bad_request,
    invalid,
    invalid_value,
    not_found,
    not_simulated,
    required,
    success,
)
from lamplighter.scenarios.cluster.http import Request, Response, Target, access_of
from lamplighter.scenarios.cluster.jsons import Json, compact, copied, name_of, uid_of
from lamplighter.scenarios.cluster.kinds import Kind
from lamplighter.scenarios.cluster.lists import Lists, filter_of, listed
from lamplighter.scenarios.cluster.managers import Writer
from lamplighter.scenarios.cluster.media import Form
from lamplighter.scenarios.cluster.metrics import usage
from lamplighter.scenarios.cluster.protobuf import encode, kind_message
from lamplighter.scenarios.cluster.rbac import User
from lamplighter.scenarios.cluster.writes import Options

SCALE_PATCHES = (MERGE, JSON_PATCH, STRATEGIC)
NOT_SIMULATED = {"proxy", "attach", "portforward", "approval"}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
ENDPOINTS_WARNING = '299 - "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"'


def not_allowed() -> ApiError:
    return ApiError(
        405, "MethodNotAllowed", "the server does not allow this method on the requested resource", {}
    )


class Resources:
    """Answers what has passed authorization."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.lists = Lists(cluster)

    def handle(self, request: Request, target: Target, kind: Kind, user: User) -> Response:
        self._check_method(request, target, kind)
        form = media.negotiated(request.headers.get("accept", ""))
        response = self._dispatch(request, target, kind, user, form)
        if kind.key == "endpoints":
            response.headers["Warning"] = ENDPOINTS_WARNING
        return response

    def _check_method(self, request: Request, target: Target, kind: Kind) -> None:
        verb = access_of(request, target).verb
        if target.subresource:
            if request.method not in METHODS:
                raise not_allowed()
            return
        misplaced = (request.method == "POST" and target.name) or (
            request.method in ("PUT", "PATCH") and not target.name
        )
        if (
            misplaced
            or request.method not in METHODS
            or verb not in kind.verbs
            or (request.method == "POST" and kind.namespaced and not target.namespace)
        ):
            raise not_allowed()

    def _dispatch(self, request: Request, target: Target, kind: Kind, user: User, form: Form) -> Response:
        if kind.group == "metrics.k8s.io":
            return self._answer(200, usage(self.cluster, kind, target, request), kind, form, request)
        if kind.kind in reviews.REVIEWS:
            body = bodies.body_of(self.cluster.registry, request, kind)[0]
            return self._answer(
                201, reviews.answer(self.cluster, kind, target.namespace, body, user), kind, form, request
            )
        if target.subresource and target.subresource != "status":
            return self._subresource(request, target, kind, user, form)
        match request.method:
            case "POST":
                return self._create(request, target, kind, user, form)
            case "PUT":
                return self._update(request, target, kind, user, form)
            case "PATCH":
                return self._patch(request, target, kind, user, form)
            case "DELETE":
                return self._delete(request, target, kind, user, form)
            case _:
                return self._read(request, target, kind, form)

    def _read(self, request: Request, target: Target, kind: Kind, form: Form) -> Response:
        space = target.namespace if target.namespace or not kind.namespaced else None
        if target.legacy_watch or (request.flag("watch") and not target.name):
            stream = watches.watch(self.cluster, kind, space, request, form, target.name)
            return Response(200, stream=stream)
        if target.name:
            return self._answer(200, self._get(kind, target), kind, form, request)
        if kind.key == "componentstatuses":
            raise not_simulated("component statuses")
        items, metadata = self.lists.page(kind, space, request)
        items = [conversion.shown(kind, item) for item in items]
        if form.shape == "Table":
            include = request.option("includeObject", "Metadata")
            return Response(
                200, media.dumps(tables.table(kind, items, metadata, self.cluster.clock.now(), include))
            )
        if form.shape:
            body: Json = {
                "kind": "PartialObjectMetadataList",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": metadata,
            }
            body["items"] = [tables.partial(item) for item in items]
            return Response(200, media.dumps(body))
        return self._written(200, listed(kind, items, metadata), kind, form, request, is_list=True)

    def _get(self, kind: Kind, target: Target) -> Json:
        found = self.cluster.store.get(kind.key, target.namespace, target.name)
        if found is None:
            raise not_found(kind.plural, kind.group, target.name)
        return found

    def _answer(
        self,
        code: int,
        obj: Json,
        kind: Kind,
        form: Form,
        request: Request,
        headers: dict[str, str] | None = None,
    ) -> Response:
        """An object in the form that was asked for."""
        obj = conversion.shown(kind, obj) if obj.get("kind") != "Status" else obj
        if form.shape == "Table" and kind.group != "metrics.k8s.io":
            version = {"resourceVersion": obj["metadata"].get("resourceVersion", "")}
            include = request.option("includeObject", "Metadata")
            obj = tables.table(kind, [obj], version, self.cluster.clock.now(), include)
        elif form.shape:
            obj = tables.partial(obj)
        return self._written(code, obj, kind, form, request, headers=headers)

    def _written(
        self,
        code: int,
        body: Json,
        kind: Kind,
        form: Form,
        request: Request,
        *,
        is_list: bool = False,
        headers: dict[str, str] | None = None,
    ) -> Response:
        if form.media == media.YAML:
            return Response(code, media.dump_yaml(body), media.YAML, headers or {})
        if form.media == media.PROTOBUF and kind.schema:
            return Response(code, encode(body, kind_message(kind, is_list)), media.PROTOBUF, headers or {})
        return Response(code, media.dumps(body, request.flag("pretty")), media.JSON, headers or {})

    def _create(self, request: Request, target: Target, kind: Kind, user: User, form: Form) -> Response:
        options = bodies.write_options(request, user)
        if kind.kind == "Binding":
            body, _ = bodies.body_of(self.cluster.registry, request, kind)
            pod = self._get(self.cluster.registry.of_key("pods"), target._replace(name=name_of(body)))
            return self._answer(
                201,
                parts.bind(self.cluster, pod, body["target"]["name"], options.dry_run),
                kind,
                form,
                request,
            )
        body, headers = bodies.body_of(self.cluster.registry, request, kind)
        storage = self.cluster.registry.of_key(kind.key)
        body = conversion.stored(kind, body, storage)
        made = writes.create(self.cluster, storage, target.namespace, body, options)
        return self._answer(201, made, kind, form, request, headers)

    def _update(self, request: Request, target: Target, kind: Kind, user: User, form: Form) -> Response:
        options = bodies.write_options(request, user, target.subresource)
        body, headers = bodies.body_of(self.cluster.registry, request, kind)
        bodies.check_name(body, target)
        old = self._get(kind, target)
        storage = self.cluster.registry.of_key(kind.key)
        new = conversion.stored(kind, body, storage)
        return self._answer(
            200, writes.update(self.cluster, storage, new, old, options), kind, form, request, headers
        )

    def _delete(self, request: Request, target: Target, kind: Kind, user: User, form: Form) -> Response:
        options = bodies.write_options(request, user)
        body = bodies.delete_options(request)
        if "All" in (body.get("dryRun") or ()):
            options = Options(options.manager, True, user)
        writes.check_delete_options(body)
        if not target.name:
            return self._delete_all(request, target, kind, options, body, form)
        obj, gone = writes.delete(self.cluster, kind, self._get(kind, target), options, body)
        if gone and not writes.returned_on_delete(kind):
            status = success(kind.plural, kind.group, name_of(obj), uid_of(obj))
            return self._written(200, status, kind, Form(), request)
        return self._answer(200, obj, kind, form, request)

    def _delete_all(
        self, request: Request, target: Target, kind: Kind, options: Options, body: Json, form: Form
    ) -> Response:
        chosen = filter_of(request, kind)
        space = target.namespace if target.namespace or not kind.namespaced else None
        items = [obj for obj in self.cluster.store.all(kind.key, space) if chosen(obj)]
        gone = [writes.delete(self.cluster, kind, obj, options, body)[0] for obj in items]
        metadata = {"resourceVersion": str(self.cluster.store.version)}
        return self._written(200, listed(kind, gone, metadata), kind, form, request, is_list=True)

    def _patch(self, request: Request, target: Target, kind: Kind, user: User, form: Form) -> Response:
        media_type = request.headers.get("content-type", "").partition(";")[0].strip()
        options = bodies.write_options(request, user, target.subresource)
        if media_type == APPLY:
            return self._apply(request, target, kind, options, form)
        storage = self.cluster.registry.of_key(kind.key)
        patch = bodies.patch_of(request, kind, media_type)
        old = self._get(kind, target)
        merged = bodies.merged(conversion.shown(kind, old), patch, media_type, schema.root(kind))
        bodies.check_name(merged, target)
        try:
            read, unknown = schema.read(merged, kind)
        except schema.DecodeError as error:
            raise invalid("", "", "", [invalid_value("patch", compact(merged), str(error))]) from None
        strict = [f'unknown field "{path}"' for path in unknown]
        mode = request.option("fieldValidation", "Warn")
        if strict and mode == "Strict":
            raise bad_request(f"strict decoding error: {', '.join(strict)}")
        headers = bodies.warnings(strict) if mode == "Warn" else {}
        new = writes.update(
            self.cluster, storage, copied(conversion.stored(kind, read, storage)), old, options
        )
        return self._answer(200, new, kind, form, request, headers)

    def _apply(self, request: Request, target: Target, kind: Kind, options: Options, form: Form) -> Response:
        if not request.option("fieldManager"):
            cause = required("fieldManager", "is required for apply patch")
            raise invalid("PatchOptions", "meta.k8s.io", "", [cause])
        wanted = bodies.applied_body(self.cluster.registry, request, target, kind)
        storage = self.cluster.registry.of_key(kind.key)
        old = self.cluster.store.get(kind.key, target.namespace, target.name)
        writer = Writer(options.manager, kind.api_version, target.subresource, self.cluster.clock.stamp())
        merged = managers.apply(
            old, conversion.stored(kind, wanted, storage), schema.root(storage), writer, request.flag("force")
        )
        options = Options(options.manager, options.dry_run, options.user, options.subresource, applied=True)
        if old is None:
            made = writes.create(self.cluster, storage, target.namespace, merged, options)
            return self._answer(201, made, kind, form, request)
        if wanted["metadata"].get("resourceVersion") is None:
            merged["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"]
        return self._answer(
            200, writes.update(self.cluster, storage, merged, old, options), kind, form, request
        )

    def _subresource(self, request: Request, target: Target, kind: Kind, user: User, form: Form) -> Response:
        name = target.subresource
        if name in ("log", "exec", "attach", "portforward"):
            return pods.connect(self.cluster, kind, self._get(kind, target), target, request)
        if name in NOT_SIMULATED:
            raise not_simulated(f"{kind.plural}/{name}")
        old = self._get(kind, target)
        if name == "scale":
            return self._scale(request, kind, old, user)
        if name in ("resize", "ephemeralcontainers"):
            return self._plain_part(request, target, kind, user, form)
        if request.method not in bodies.OPTION_KINDS:
            raise not_allowed()
        options = bodies.write_options(request, user)
        body = bodies.loose_body(request, name)
        match name:
            case "eviction":
                found, code = parts.evict(self.cluster, kind, old, body, options), 201
            case "binding":
                found, code = parts.bind(self.cluster, old, body["target"]["name"], options.dry_run), 201
            case "token":
                found, code = reviews.token_request(self.cluster, old, body), 201
            case "finalize":
                found, code = parts.finalize(self.cluster, old, body, options.dry_run), 200
            case _:
                raise not_simulated(f"{kind.plural}/{name}")
        return self._written(code, found, kind, Form(), request)

    def _plain_part(self, request: Request, target: Target, kind: Kind, user: User, form: Form) -> Response:
        match request.method:
            case "PUT":
                return self._update(request, target, kind, user, form)
            case "PATCH":
                return self._patch(request, target, kind, user, form)
            case _:
                return self._answer(200, self._get(kind, target), kind, form, request)

    def _scale(self, request: Request, kind: Kind, old: Json, user: User) -> Response:
        if request.method == "GET":
            return self._written(200, parts.scale_of(old), kind, Form(), request)
        options = bodies.write_options(request, user, "scale")
        if request.method == "PUT":
            scale = bodies.loose_body(request, "scale")
        else:
            media_type = request.headers.get("content-type", "").partition(";")[0].strip()
            if media_type not in SCALE_PATCHES:
                raise ApiError(415, "UnsupportedMediaType", "415: Unsupported Media Type", {})
            patch = bodies.patch_of(request, kind, MERGE if media_type == STRATEGIC else media_type)
            shown = parts.scale_of(old)
            scale = bodies.merged(shown, patch, MERGE if media_type == STRATEGIC else media_type, {})
        replicas = (scale.get("spec") or {}).get("replicas", 0)
        if not isinstance(replicas, int):
            raise invalid("", "", "", [invalid_value("patch", compact(scale), "replicas must be a number")])
        return self._written(
            200, parts.write_scale(self.cluster, kind, old, scale, options), kind, Form(), request
        )
