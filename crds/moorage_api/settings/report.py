"""What `check-config` prints: every setting, where it comes from, no secret."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic import BaseModel, SecretStr
from pydantic_core import PydanticUndefined

from moorage_api.settings.base import Leaf, leaves
from moorage_api.settings.secrets import SUFFIX

_HIDDEN: Final = "********"
_LONGEST: Final = 100


def report(
    model: type[BaseModel], settings: BaseModel | None, environment: Mapping[str, str]
) -> Iterator[str]:
    """Yield a line for each setting; without settings (they are refused) as they were given."""
    for leaf in leaves(model):
        value = _value(leaf, settings, environment)
        yield f"{leaf.variable} = {value}  # {_origin(leaf, environment)}"


def _origin(leaf: Leaf, environment: Mapping[str, str]) -> str:
    if leaf.variable in environment:
        return "environment"
    if leaf.is_secret and leaf.variable + SUFFIX in environment:
        return "file"
    return "default" if leaf.field.default is not PydanticUndefined else "not set"


def _value(leaf: Leaf, settings: BaseModel | None, environment: Mapping[str, str]) -> str:
    given = leaf.variable in environment or leaf.variable + SUFFIX in environment
    if leaf.is_secret:
        present = given if settings is None else leaf.value_in(settings) is not None
        return _HIDDEN if present else ""
    if settings is not None:
        return _text(leaf.value_in(settings))
    default = leaf.field.default
    return environment.get(leaf.variable) or (
        "" if default is PydanticUndefined else _text(default)
    )


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, SecretStr):
        return _HIDDEN
    if isinstance(value, bool):
        return str(value).lower()
    text = ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}... ({len(value)})"
