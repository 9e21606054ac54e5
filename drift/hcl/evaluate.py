"""Computes expressions as far as files and state say. What they do not say is `UNKNOWN`, also inside of values.

No expression can make this raise or run away: depth, work and the size of each value are bounded, the size before
the value is made; what goes over a bound is unknown, and `Work.excess` says where that was first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from lamplighter.drift.hcl.functions import FUNCTIONS, MAX_MEMBERS, MAX_TEXT, to_bool, to_number, to_string
from lamplighter.drift.hcl.syntax import Expression, source
from lamplighter.drift.hcl.templates import interpolated, pieces_of, unescape
from lamplighter.drift.hcl.work import TooMuch, Work

if TYPE_CHECKING:
    from tree_sitter import Node

_MAX_DEPTH = 90
_MAX_BITS = 1024
"""Of a whole number; Terraform itself computes with 512."""
_REFUSED = (
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    StopIteration,
    ArithmeticError,
    RecursionError,
)
"""How Python refuses what an expression asks of it: values of the wrong kind, or nested too deep."""


class Unknown:
    """A value that is not in the files: computed by the provider, by a data source, or not evaluated here."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown()


class Names(Protocol):
    """What a module's expressions may refer to; each returns UNKNOWN for what it does not have."""

    def variable(self, name: str) -> Any: ...
    def local(self, name: str) -> Any: ...
    def module_call(self, name: str) -> Any: ...
    def resource(self, kind: str, name: str) -> Any: ...
    def data(self, kind: str, name: str) -> Any: ...


@dataclass(frozen=True, slots=True)
class Scope:
    """Where an expression stands: its module's names, and the values of each, count and for loops there."""

    names: Names
    work: Work
    bound: Mapping[str, Any] = field(default_factory=dict[str, Any])
    assumed: frozenset[str] = frozenset()
    """Root variables that the values of each rest on; see `Work.assumed`."""

    def binding(self, /, **values: Any) -> Scope:
        return replace(self, bound={**self.bound, **values})


def is_known(value: Any) -> bool:
    """Whether nothing in the value is unknown; one with too many members to look through counts as unknown."""
    try:
        return _weight(value) is not None
    except TooMuch:
        return False


def _weight(value: Any) -> int | None:
    """Members and characters of a value as they cost work; None when some of it is unknown. Raises TooMuch."""
    left, members, letters = [value], 0, 0
    while left:
        item = left.pop()
        members += 1
        if item is UNKNOWN:
            return None
        if isinstance(item, str):
            letters += len(item)
        elif isinstance(item, Mapping):
            left.extend(item.values())
        elif isinstance(item, list):
            left.extend(item)
        if members + len(left) > MAX_MEMBERS or letters > MAX_TEXT:
            raise TooMuch("too many members, or too much text")
    return members + letters // 16


def value_of(expression: Expression, scope: Scope) -> Any:
    """`evaluate` of an expression of a file."""
    with scope.work.placed(expression.file, expression.line):
        return evaluate(expression.node, scope)


def evaluate(node: Node, scope: Scope) -> Any:
    """An `expression` node -> a JSON-like value, UNKNOWN, or one with UNKNOWN inside."""
    return evaluate_parts(_parts(node), scope)


def evaluate_parts(parts: list[Node], scope: Scope) -> Any:
    """`evaluate` of the nodes that an expression is made of: an operand, with the accessors behind it."""
    work = scope.work
    if work.level >= _MAX_DEPTH:
        work.exceed()
        return UNKNOWN
    if not work.spend(1):
        return UNKNOWN
    work.level += 1
    try:
        return _chain(parts, scope)
    except TooMuch:
        work.exceed()
        return UNKNOWN
    except _REFUSED:
        return UNKNOWN
    finally:
        work.level -= 1


def literal(node: Node) -> tuple[Any, bool]:
    """(value, whether the expression is one literal on its own: no template, reference or operation)."""
    parts = _parts(node)
    negative = False
    if len(parts) == 1 and parts[0].type == "operation":
        unary = _parts(parts[0])[0]
        operands = unary.children
        if unary.type == "unary_operation" and len(operands) == 2 and operands[0].type == "-":
            negative, parts = True, [operands[1]]
    if len(parts) != 1 or parts[0].type != "literal_value":
        return None, False
    value = _literal(parts[0])
    if not negative:
        return value, value is not UNKNOWN
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return (-value, True) if is_number else (None, False)


def _parts(node: Node) -> list[Node]:
    return [child for child in node.children if child.type != "comment"]


def _chain(parts: list[Node], scope: Scope) -> Any:
    """A primary with the accessors that follow it: `a.b["c"][*].d`."""
    if not parts:
        return UNKNOWN
    head, rest = parts[0], parts[1:]
    if head.type == "(":
        close = next((index for index, part in enumerate(parts) if part.type == ")"), 0)
        return _access(evaluate(parts[1], scope), parts[close + 1 :], scope)
    if head.type == "variable_expr":
        return _reference(source(head), rest, scope)
    return _access(_primary(head, scope), rest, scope)


def _primary(node: Node, scope: Scope) -> Any:
    match node.type:
        case "expression":
            return evaluate(node, scope)
        case "literal_value":
            _spend_text(node.end_byte - node.start_byte, scope)
            return _literal(node)
        case "template_expr":
            return _template(node.children[0], scope)
        case "collection_value":
            inner = node.children[0]
            return _object(inner, scope) if inner.type == "object" else _tuple(inner, scope)
        case "function_call":
            return _call(node, scope)
        case "conditional":
            return _conditional(node, scope)
        case "operation":
            return _operation(node.children[0], scope)
        case "for_expr":
            return _for(node.children[0], scope)
        case _:
            return UNKNOWN


def _literal(node: Node) -> Any:
    inner = node.children[0]
    text = source(inner)
    match inner.type:
        case "string_lit":
            return unescape(text[1:-1])
        case "numeric_lit":
            return _number(text)
        case "bool_lit":
            return text == "true"
        case "null_lit":
            return None
        case _:
            return UNKNOWN


def _number(text: str) -> Any:
    if re.fullmatch(r"\d{1,300}", text):
        return int(text)
    value = float(text)
    return value if abs(value) < float("inf") else UNKNOWN


def _template(node: Node, scope: Scope) -> Any:
    _spend_text(node.end_byte - node.start_byte, scope)
    pieces = list(pieces_of(node))
    if len(pieces) == 1 and not isinstance(pieces[0], str) and node.type != "heredoc_template":
        # A template that is one interpolation keeps the type of its value.
        return evaluate(pieces[0], scope)
    texts: list[str] = []
    for piece in pieces:
        value = piece if isinstance(piece, str) else evaluate(piece, scope)
        if isinstance(value, bool | int | float | str):
            texts.append(to_string(value))
        else:
            return UNKNOWN
    length = sum(map(len, texts))
    if length > MAX_TEXT:
        raise TooMuch("too long a text")
    _spend_text(length, scope)
    return "".join(texts)


def _spend_text(length: int, scope: Scope) -> None:
    if not scope.work.spend_text(length):
        raise TooMuch("no work left")


def object_members(node: Node) -> Iterator[tuple[Node, Node]]:
    """(key, value) expression nodes of an `object` node."""
    for element in node.children:
        if element.type == "object_elem":
            inner = [child for child in element.children if child.type == "expression"]
            yield inner[0], inner[-1]


def written_members(node: Node) -> dict[str, str]:
    """The members of an object that an expression is, as written; none of any other expression."""
    inner = [item for child in _parts(node) if child.type == "collection_value" for item in child.children]
    members = (pair for item in inner if item.type == "object" for pair in object_members(item))
    return {source(key): source(value) for key, value in members}


def object_key(node: Node, scope: Scope) -> Any:
    """A bare identifier is the key itself; anything else is evaluated."""
    parts = _parts(node)
    if len(parts) == 1 and parts[0].type == "variable_expr":
        return source(parts[0])
    value = evaluate(node, scope)
    return to_string(value) if isinstance(value, bool | int | float | str) else UNKNOWN


def _object(node: Node, scope: Scope) -> Any:
    found: dict[str, Any] = {}
    for key_node, value_node in object_members(node):
        key = object_key(key_node, scope)
        if not isinstance(key, str):
            return UNKNOWN
        found[key] = evaluate(value_node, scope)
    return found


def _tuple(node: Node, scope: Scope) -> Any:
    return [evaluate(child, scope) for child in node.children if child.type == "expression"]


def _call(node: Node, scope: Scope) -> Any:
    name = source(node.children[0])
    given = next((child for child in node.children if child.type == "function_arguments"), None)
    nodes = [child for child in given.children if child.type == "expression"] if given is not None else []
    values = [evaluate(child, scope) for child in nodes]
    if name in ("try", "can"):
        first = next((value for value in values if value is not UNKNOWN), UNKNOWN)
        # An unknown alternative may be one that fails or one that does not: only a known first one decides.
        return first if name == "try" and values and values[0] is first else UNKNOWN
    function = FUNCTIONS.get(name)
    if function is None or any(value is UNKNOWN for value in values):
        return UNKNOWN
    if given is not None and any(child.type == "ellipsis" for child in given.children):
        if not isinstance(values[-1], list):
            return UNKNOWN
        values = [*values[:-1], *values[-1]]
    if not all(_may_be_given(name, value, scope) for value in values):
        return UNKNOWN
    result = function(*values)
    size = len(result) if isinstance(result, str | list | Mapping) else 0
    if size > (MAX_TEXT if isinstance(result, str) else MAX_MEMBERS):
        raise TooMuch("too large a result")
    spent = scope.work.spend_text(size) if isinstance(result, str) else scope.work.spend(size)
    return _number_in_bounds(result) if spent else UNKNOWN


_TRANSPARENT = frozenset(
    ("merge", "tomap", "concat", "tolist", "lookup", "element", "keys", "length", "values")
)
"""Functions that do not look into the members of what they are given."""


def _may_be_given(name: str, value: Any, scope: Scope) -> bool:
    """Whether a function can take the value as far as it is known, and there is the work to look at it."""
    if name in _TRANSPARENT:
        return scope.work.spend(len(value) if isinstance(value, list | Mapping) else 1)
    weight = _weight(value)
    return weight is not None and scope.work.spend(weight)


def _number_in_bounds(value: Any) -> Any:
    if isinstance(value, int) and value.bit_length() > _MAX_BITS:
        raise TooMuch("too many digits")
    return value


def _conditional(node: Node, scope: Scope) -> Any:
    terms = _conditional_terms(node)
    for condition, result in zip(terms[:-1:2], terms[1::2], strict=True):
        decided = evaluate(condition, scope)
        if decided is UNKNOWN:
            return UNKNOWN
        if to_bool(decided):
            return evaluate(result, scope)
    return evaluate(terms[-1], scope)


def _conditional_terms(node: Node) -> list[Node]:
    """The parser groups `a ? b : c ? d : e` to the left, the language to the right: a flat list is both."""
    backwards: list[Node] = []
    while True:
        condition, *rest = [child for child in node.children if child.type == "expression"]
        backwards.extend(reversed(rest))
        inner = _parts(condition)
        if len(inner) != 1 or inner[0].type != "conditional":
            return [condition, *reversed(backwards)]
        node = inner[0]


def _operation(node: Node, scope: Scope) -> Any:
    parts = _parts(node)
    if node.type == "unary_operation":
        operand = _chain(parts[1:], scope)
        return _apply(source(parts[0]), [operand], scope)
    depth, index = 0, 0
    for index, part in enumerate(parts):
        depth += (part.type == "(") - (part.type == ")")
        if index and not depth and part.type in OPERATORS:
            break
    left = _chain(parts[:index], scope)
    right = _chain(parts[index + 1 :], scope)
    return _apply(parts[index].type, [left, right], scope)


OPERATORS = {"==", "!=", "<", ">", "<=", ">=", "&&", "||", "+", "-", "*", "/", "%"}


def _apply(operator: str, values: list[Any], scope: Scope) -> Any:
    weights = [_weight(value) for value in values]
    if None in weights or not scope.work.spend(sum(weight or 0 for weight in weights)):
        return UNKNOWN
    match operator, values:
        case "!", [value]:
            return not to_bool(value)
        case "-", [value]:
            return -to_number(value)
        case "&&", [left, right]:
            return to_bool(left) and to_bool(right)
        case "||", [left, right]:
            return to_bool(left) or to_bool(right)
        case (("==" | "!="), [left, right]):
            same = left == right and isinstance(left, bool) == isinstance(right, bool)
            return same if operator == "==" else not same
        case _, [left, right]:
            return _number_in_bounds(_arithmetic(operator, to_number(left), to_number(right)))
        case _:
            return UNKNOWN


def _arithmetic(operator: str, left: float, right: float) -> Any:
    match operator:
        case "<":
            return left < right
        case ">":
            return left > right
        case "<=":
            return left <= right
        case ">=":
            return left >= right
        case "+":
            result = left + right
        case "-":
            result = left - right
        case "*":
            result = left * right
        case "/":
            result = left / right
        case _:
            result = left % right
    whole = int(result)
    return whole if whole == result else result


def _for(node: Node, scope: Scope) -> Any:
    intro = next(child for child in node.children if child.type == "for_intro")
    names = [source(child) for child in intro.children if child.type == "identifier"]
    collection = evaluate(next(child for child in intro.children if child.type == "expression"), scope)
    results = [child for child in node.children if child.type == "expression"]
    condition = next((child for child in node.children if child.type == "for_cond"), None)
    if any(child.type == "ellipsis" for child in node.children):
        return UNKNOWN
    members = _members(collection)
    if members is None or not scope.work.spend(len(members)):
        return UNKNOWN
    pairs: list[list[Any]] = []
    for key, value in members:
        inner = scope.binding(**dict(zip(names, (value,) if len(names) == 1 else (key, value), strict=False)))
        kept = evaluate(interpolated(condition), inner) if condition is not None else True
        if kept is UNKNOWN:
            return UNKNOWN
        if kept in (True, "true"):
            pairs.append([evaluate(result, inner) for result in results])
    if node.type == "for_tuple_expr":
        return [pair[0] for pair in pairs]
    if any(not isinstance(pair[0], str) for pair in pairs):
        return UNKNOWN
    return {pair[0]: pair[1] for pair in pairs}


def _members(collection: Any) -> list[tuple[Any, Any]] | None:
    if not isinstance(collection, Mapping | list):
        return None
    if len(collection) > MAX_MEMBERS:
        raise TooMuch("too many members")
    if isinstance(collection, Mapping):
        return [(key, collection[key]) for key in sorted(collection)]
    return list(enumerate(collection))


def _reference(name: str, rest: list[Node], scope: Scope) -> Any:
    if name in scope.bound:
        if name == "each":
            scope.work.assumed |= scope.assumed
        return _access(scope.bound[name], rest, scope)
    if name in ("path", "terraform", "self", "each", "count", "ephemeral") or not rest:
        return UNKNOWN
    if rest[0].type != "get_attr":
        return UNKNOWN
    attribute = source(rest[0].children[-1])
    match name:
        case "var":
            value = scope.names.variable(attribute)
        case "local":
            value = scope.names.local(attribute)
        case "module":
            value = scope.names.module_call(attribute)
        case "data":
            if len(rest) < 2 or rest[1].type != "get_attr":
                return UNKNOWN
            value, rest = scope.names.data(attribute, source(rest[1].children[-1])), rest[1:]
        case _:
            value = scope.names.resource(name, attribute)
    return _access(value, rest[1:], scope)


def _access(value: Any, accessors: Sequence[Node], scope: Scope) -> Any:
    for index, accessor in enumerate(accessors):
        if value is UNKNOWN:
            return UNKNOWN
        inner = accessor.children[0] if accessor.children else accessor
        match accessor.type:
            case "get_attr":
                value = _member(value, source(accessor.children[-1]))
            case "index" if inner.type == "new_index":
                key = next((child for child in inner.children if child.type == "expression"), None)
                value = _member(value, evaluate(key, scope)) if key is not None else UNKNOWN
            case "index":
                value = _member(value, source(inner).lstrip("."))
            case "splat":
                items = value if isinstance(value, list) else [] if value is None else [value]
                if not scope.work.spend(len(items)):
                    return UNKNOWN
                after = [*inner.children[1:], *accessors[index + 1 :]]
                return [_access(item, after, scope) for item in items]
            case _:
                return UNKNOWN
    return value


def _member(value: Any, key: Any) -> Any:
    if isinstance(value, Mapping):
        return value.get(to_string(key), UNKNOWN) if isinstance(key, bool | int | float | str) else UNKNOWN
    if isinstance(value, list):
        try:
            position = int(to_number(key))
        except (ValueError, OverflowError):
            return UNKNOWN
        return value[position] if 0 <= position < len(value) else UNKNOWN
    return UNKNOWN
