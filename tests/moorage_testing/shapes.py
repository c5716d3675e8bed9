"""Shapes of JSON, checked strictly: every name there is, no other, each value of its form."""

import re
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z")
_CAMEL = re.compile(r"[a-z][a-zA-Z0-9]*")

Check = Callable[[Any], bool]


def text(value: Any) -> bool:
    """Whether it is text that says something."""
    return isinstance(value, str) and value != ""


def moment(value: Any) -> bool:
    """Whether it is ISO 8601, in UTC, with milliseconds and Z."""
    if not (isinstance(value, str) and _MOMENT.fullmatch(value)):
        return False
    datetime.fromisoformat(value)
    return True


def identity(value: Any) -> bool:
    """Whether it is a UUID in its usual form."""
    return isinstance(value, str) and str(uuid.UUID(value)) == value


def whole(value: Any) -> bool:
    """Whether it is a whole number, not negative."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def number(value: Any) -> bool:
    """Whether it is a number, not negative."""
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def truth(value: Any) -> bool:
    """Whether it is true or false."""
    return isinstance(value, bool)


def anything(value: Any) -> bool:
    """Whether it is there."""
    del value
    return True


def one_of(*values: Any) -> Check:
    """Whether it is one of these, of the same type."""
    return lambda value: any(value == known and type(value) is type(known) for known in values)


def or_null(shape: Any) -> Any:
    """Whether it is null, or of that shape."""
    return (None, shape)


def check(value: Any, shape: Any, at: str = "$") -> None:
    """Compare a value with a shape.

    A dict is an object with exactly these names, a list with one shape is an array of such, a
    tuple lists alternatives (None: null), a function decides.
    """
    match shape:
        case dict():
            assert isinstance(value, dict), f"{at} is no object: {value!r}"
            missing, unknown = shape.keys() - value.keys(), value.keys() - shape.keys()
            assert not missing, f"{at} has no {sorted(missing)}"
            assert not unknown, f"{at} has {sorted(unknown)}, which no client knows"
            for name, inner in shape.items():
                check(value[name], inner, f"{at}.{name}")
        case [inner]:
            assert isinstance(value, list), f"{at} is no array: {value!r}"
            assert value, f"{at} is empty: nothing in it was compared"
            for place, item in enumerate(value):
                check(item, inner, f"{at}[{place}]")
        case (None, inner):
            if value is not None:
                check(value, inner, at)
        case _:
            assert shape(value), f"{at} is not as it must be: {value!r}"


def camel_case(value: Any, *but: str) -> None:
    """Check the names of every object in a value, with these exceptions."""
    if isinstance(value, dict):
        for name, inner in value.items():
            assert name in but or _CAMEL.fullmatch(name), f"{name!r} is not camelCase"
            camel_case(inner, *but)
    elif isinstance(value, list):
        for inner in value:
            camel_case(inner, *but)
