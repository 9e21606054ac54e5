"""Content negotiation and the spellings of bodies: JSON, YAML, protobuf; objects, tables, metadata alone."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NamedTuple

import orjson

from lamplighter.scenarios.cluster import protobuf
from lamplighter.scenarios.cluster.errors import ApiError, bad_request
from lamplighter.scenarios.cluster.jsons import Json
from lamplighter.scenarios.cluster.kinds import Kind

JSON, YAML, PROTOBUF = "application/json", "application/yaml", "application/vnd.kubernetes.protobuf"
SHAPES = ("Table", "PartialObjectMetadata", "PartialObjectMetadataList")
MOST_BYTES = 3 * 1024 * 1024
"""What a body may have (the API server's limit of a request)."""


class Form(NamedTuple):
    """How an answer is written: media type, and a shape other than the object itself."""

    media: str = JSON
    shape: str = ""


def negotiated(accept: str) -> Form:
    """The first form that the client accepts and that there is; JSON is preferred to protobuf where both will do.
    Raises 406."""
    forms = [form for part in (accept or "*/*").split(",") if (form := _form(part.strip())) is not None]
    plain = [form for form in forms if form.media != PROTOBUF]
    if not forms:
        text = (
            "406: Not Acceptable\n\nAvailable representations: application/json, application/yaml, "
            "application/vnd.kubernetes.protobuf, application/json;stream=watch, "
            "application/vnd.kubernetes.protobuf;stream=watch"
        )
        raise ApiError(406, "NotAcceptable", text, {})
    return (plain or forms)[0]


def _form(text: str) -> Form | None:
    media, *parts = [part.strip() for part in text.split(";")]
    options = {part.partition("=")[0]: part.partition("=")[2] for part in parts}
    if media in ("*/*", "application/*", ""):
        return Form()
    if media not in (JSON, YAML, PROTOBUF):
        return None
    shape = options.get("as", "")
    if shape and (shape not in SHAPES or options.get("v") not in ("v1", "v1beta1")):
        return None
    return Form(media, shape)


def unsupported_media(accepted: str) -> ApiError:
    text = f"the body of the request was in an unknown format - accepted media types include: {accepted}"
    return ApiError(415, "UnsupportedMediaType", text)


def body_of(data: bytes, content_type: str, kind: Kind) -> Json:
    """The JSON object of a request body that holds an object of the kind. Raises 400 and 415."""
    media = content_type.partition(";")[0].strip().lower() or JSON
    if media not in (JSON, YAML, PROTOBUF):
        raise unsupported_media(f"{JSON}, {YAML}, {PROTOBUF}")
    try:
        if media == PROTOBUF:
            return protobuf.decode(data, kind)
        body = loads(data) if media == JSON else load_yaml(data)
        if not isinstance(body, dict):
            raise ValueError(f"couldn't get version/kind; json parse error: {_go_unmarshal(body)}")
    except protobuf.NotProtobuf as error:
        raise bad_request(
            f"the object provided is unrecognized (must be of type {kind.kind}): {error}"
        ) from None
    except BadJson as error:
        shown = data[:64].decode(errors="replace")
        text = f"couldn't get version/kind; json parse error: {error} ({shown})"
        raise bad_request(
            f"the object provided is unrecognized (must be of type {kind.kind}): {text}"
        ) from None
    except ValueError as error:
        raise bad_request(
            f"the object provided is unrecognized (must be of type {kind.kind}): {error}"
        ) from None
    return body


class BadJson(ValueError):
    """JSON that cannot be parsed, with Go's words."""


SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
MOST_NODES = 1_000_000
"""Values of one document of YAML."""


def loads(data: bytes) -> Any:
    """Parsed JSON. Raises BadJson, also for what has no end in a finite answer: NaN, and numbers beyond a float."""
    try:
        found = json.loads(data, parse_int=_whole, parse_float=_finite, parse_constant=_finite)
    except json.JSONDecodeError as error:
        raise BadJson(_go_words(error)) from None
    except (UnicodeDecodeError, RecursionError, OverflowError) as error:
        raise BadJson(f"invalid JSON: {error}") from None
    return _sound(found) if SURROGATE.search(data) else found


def _whole(text: str) -> float:
    """As Go reads a number into no type of its own: int64, beyond it a float."""
    value = int(text) if len(text) < 20 else float(text)
    return value if -(2**63) <= value < 2**63 else _finite(text)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise OverflowError(f"cannot unmarshal number {text[:40]} into Go value of type float64")
    return value


def _sound(value: Any) -> Any:
    """The value with each half of a surrogate pair replaced, as Go's decoder does it."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_sound(item) for item in value]
    return {_sound(key): _sound(item) for key, item in value.items()} if isinstance(value, dict) else value


def _go_words(error: json.JSONDecodeError) -> str:
    if error.pos >= len(error.doc):
        return "unexpected end of JSON input"
    mark = error.doc[error.pos]
    if "property name" in error.msg:
        return f"invalid character '{mark}' looking for beginning of object key string"
    if "Extra data" in error.msg:
        return f"invalid character '{mark}' after top-level value"
    if "delimiter" in error.msg:
        return f"invalid character '{mark}' after object key:value pair"
    return f"invalid character '{mark}' looking for beginning of value"


def _go_unmarshal(value: Any) -> str:
    names = {list: "array", str: "string", int: "number", float: "number", bool: "bool", type(None): "null"}
    return f"json: cannot unmarshal {names.get(type(value), 'value')} into Go value of type struct"


def load_yaml(data: bytes) -> Any:
    """Parsed YAML, with the types that JSON has. Raises ValueError, also for aliases that unfold without end."""
    import yaml

    try:
        return _Plain().plain(yaml.load(data, _loader()))
    except (yaml.YAMLError, RecursionError, OverflowError) as error:
        raise ValueError(f"error converting YAML to JSON: {error}") from None


class _Plain:
    """Makes JSON's types of what YAML has, and counts what aliases unfold to."""

    def __init__(self) -> None:
        self._left = MOST_NODES

    def plain(self, value: Any) -> Any:
        self._left -= 1
        if self._left < 0:
            raise OverflowError("document contains excessive aliasing")
        if isinstance(value, dict):
            return {_key(key): self.plain(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.plain(item) for item in value]
        if isinstance(value, bool | str | None):
            return value
        if isinstance(value, int | float):
            return _whole(str(value)) if isinstance(value, int) else _finite(str(value))
        raise OverflowError(f"a {type(value).__name__} has no form in JSON")


def _key(key: Any) -> str:
    if isinstance(key, bool):
        return "true" if key else "false"
    if not isinstance(key, str | int | float):
        raise OverflowError("a key is no text")
    return str(key)


def _loader() -> Any:
    """A safe loader that leaves times as the texts that they are."""
    import yaml

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        pass

    Loader.yaml_implicit_resolvers = {
        first: [entry for entry in entries if entry[0] != "tag:yaml.org,2002:timestamp"]
        for first, entries in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    return Loader


def dumps(body: Any, pretty: bool = False) -> bytes:
    return orjson.dumps(body, option=orjson.OPT_INDENT_2 if pretty else None)


def dump_yaml(body: Any) -> bytes:
    """YAML as Go's marshaller writes it: texts that would read as something else stand in double quotes."""
    import yaml

    class Dumper(yaml.SafeDumper):
        pass

    def text(dumper: Any, value: str) -> Any:
        tag = "tag:yaml.org,2002:str"
        plain = dumper.resolve(yaml.ScalarNode, value, (True, False)) == tag
        style = "|" if "\n" in value else None if plain else '"'
        return dumper.represent_scalar(tag, value, style=style)

    Dumper.add_representer(str, text)
    return yaml.dump(
        body, Dumper=Dumper, sort_keys=True, default_flow_style=False, allow_unicode=True
    ).encode()
