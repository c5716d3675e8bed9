"""Every limit in the CRDs, with a value just inside, one just outside, and what a person is told.

Derived from the schemas themselves: a limit that is added is tested without another line.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from .schemas import Field, fields, items, minimal, text

_STEP = {"integer": 1, "number": 0.01}
_NOT_IN_ENUM = "nonsense"


@dataclass(frozen=True)
class Limit:
    """One keyword of one field."""

    field: Field
    keyword: str
    inside: Any
    outside: Any
    told: str
    """What the API server says of the value outside."""

    def __str__(self) -> str:
        return f"{self.field.plural}:{self.field.path}:{self.keyword}"


def limits(part: str) -> list[Limit]:
    """Return the limits of all fields below spec or status."""
    return [limit for field in fields() if field.part == part for limit in _of(field)]


def _of(field: Field) -> Iterator[Limit]:
    node = field.node
    for keyword, make in _MAKERS.items():
        if keyword in node:
            yield Limit(field, keyword, *make(node, node[keyword]))
    if "enum" in node:
        supported = ", ".join(f'"{each}"' for each in node["enum"])
        told = f'Unsupported value: "{_NOT_IN_ENUM}": supported values: {supported}'
        yield Limit(field, "enum", node["enum"][-1], _NOT_IN_ENUM, told)


Made = tuple[Any, Any, str]


def _max_length(node: dict[str, Any], most: int) -> Made:
    told = f"Too long: may not be more than {most} bytes"
    return text(node, most), text(node, most + 1), told


def _min_length(node: dict[str, Any], least: int) -> Made:
    told = f"should be at least {least} chars long"
    return text(node, least), "", told


def _maximum(node: dict[str, Any], most: float) -> Made:
    return most, most + 1, f"should be less than or equal to {most}"


def _minimum(node: dict[str, Any], least: float) -> Made:
    if node.get("exclusiveMinimum"):
        return least + _STEP[node["type"]], least, f"should be greater than {least}"
    return least, least - 1, f"should be greater than or equal to {least}"


def _max_items(node: dict[str, Any], most: int) -> Made:
    told = f"Too many: {most + 1}: must have at most {most} items"
    return items(node, most), items(node, most + 1), told


def _max_properties(node: dict[str, Any], most: int) -> Made:
    def entries(count: int) -> dict[str, Any]:
        return {f"name{number}": minimal(node["additionalProperties"]) for number in range(count)}

    told = f"Too many: {most + 1}: must have at most {most} items"
    return entries(most), entries(most + 1), told


def _required(node: dict[str, Any], names: list[str]) -> Made:
    whole = minimal(node)
    told = f"{names[0]}: Required value"
    return whole, {name: value for name, value in whole.items() if name != names[0]}, told


_MAKERS: dict[str, Callable[[dict[str, Any], Any], Made]] = {
    "maxLength": _max_length,
    "minLength": _min_length,
    "maximum": _maximum,
    "minimum": _minimum,
    "maxItems": _max_items,
    "maxProperties": _max_properties,
    "required": _required,
}
