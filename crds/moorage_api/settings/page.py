"""The table of a part's settings, for its page in the docs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from moorage_api.settings.base import Leaf, leaves
from moorage_api.settings.secrets import SUFFIX

HEAD: Final = """\
| Variable | Type | Default | Meaning |
|---|---|---|---|
"""
_LONGEST_DEFAULT: Final = 80
_NAMES: Final = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    Path: "path",
}


def rows(model: type[BaseModel]) -> Iterator[str]:
    """Yield the table, line by line."""
    yield from HEAD.splitlines()
    for leaf in leaves(model):
        yield _row(leaf)


def _row(leaf: Leaf) -> str:
    variable = leaf.variable
    name = f"`{variable}`" + (f", or a file: `{variable}{SUFFIX}`" if leaf.is_secret else "")
    cells = (name, _type(leaf), _default(leaf.field), leaf.field.description)
    return f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in cells)} |"


def _type(leaf: Leaf) -> str:
    kind = leaf.field.annotation
    if leaf.is_secret:
        return "text, secret"
    if get_origin(kind) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(kind))
    if get_origin(kind) in {list, tuple}:
        return "list"
    kinds = (kind, *get_args(kind))
    if any(isinstance(each, type) and issubclass(each, BaseModel) for each in kinds):
        return "JSON"
    return next(name for known, name in _NAMES.items() if known in kinds)


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "none: it must be set"
    value: Any = field.default
    if isinstance(value, BaseModel):
        return f"`{value.model_dump_json(by_alias=True, exclude_none=True)}`"
    if isinstance(value, list) and any(isinstance(each, BaseModel) for each in value):
        return f"{len(value)} entries, in the model"
    text = ", ".join(value) if isinstance(value, list | tuple) else str(value)
    if len(text) > _LONGEST_DEFAULT:
        return f"{len(value)} words, in the model"
    if isinstance(value, bool):
        text = text.lower()
    return f"`{text}`" if text and value is not None else "empty"
