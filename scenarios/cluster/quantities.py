"""Resource quantities: parsing, comparing and the canonical spelling (k8s.io/apimachinery api/resource)."""

from __future__ import annotations

import re
from decimal import ROUND_UP, Decimal
from functools import lru_cache

PATTERN = re.compile(r"^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$")
DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
NAMES = {exponent: suffix for suffix, exponent in DECIMAL.items()}


class BadQuantity(ValueError):
    """A text that is no quantity."""


@lru_cache(4096)
def parse(text: str) -> Decimal:
    """The value in its base unit: cores, bytes, pieces. Raises BadQuantity."""
    found = PATTERN.match(text)
    if found is None:
        raise BadQuantity(f"quantities must match the regular expression '{PATTERN.pattern}'")
    number, suffix = found[1], found[2]
    try:
        value = Decimal(number)
    except ArithmeticError:
        raise BadQuantity(f"quantities must match the regular expression '{PATTERN.pattern}'") from None
    if suffix in BINARY:
        return value * (1 << BINARY[suffix])
    if suffix in DECIMAL:
        return value.scaleb(DECIMAL[suffix])
    if re.fullmatch(r"[eE][-+]?\d+", suffix):
        return value.scaleb(int(suffix[1:]))
    raise BadQuantity("unable to parse quantity's suffix")


def amount(text: str | int | float | None) -> Decimal:
    """The value of a quantity that is already known to be one; zero for None."""
    return Decimal(0) if text is None else parse(str(text))


@lru_cache(4096)
def canonical(text: str) -> str:
    """The spelling that the API answers with: no fraction, the largest suffix that keeps it exact."""
    value = parse(text)
    suffix = re.sub(r"^[+-]?[0-9.]+", "", text)
    if suffix in BINARY and value == value.to_integral_value():
        return _binary(int(value))
    return decimal(value)


def decimal(value: Decimal) -> str:
    """Decimal spelling; what is smaller than a nano-unit is rounded up."""
    if value == 0:
        return "0"
    nanos = int(value.scaleb(9).to_integral_value(ROUND_UP))
    exponent = -9
    while nanos % 1000 == 0 and exponent < 18:
        nanos, exponent = nanos // 1000, exponent + 3
    return f"{nanos}{NAMES[exponent]}"


def _binary(value: int) -> str:
    best = str(value)
    for suffix, shift in BINARY.items():
        if value and value % (1 << shift) == 0:
            best = f"{value >> shift}{suffix}"
    return best


def binary(value: Decimal | int) -> str:
    """Bytes with a binary suffix."""
    return _binary(int(value))
