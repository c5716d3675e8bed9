"""What is made of the model: values.yaml, values.schema.json and docs/values.md."""

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import BaseModel

from moorage_chart.base import Group
from moorage_chart.values import Values

_WIDTH: Final = 100
_HEAD: Final = """\
# Values of the chart

Generated from the model in charts/moorage_chart by `make generate`: do not edit. How to install is
in [install.md](install.md), how much of everything in [sizing.md](sizing.md). What is not listed is
refused before anything is installed.

| Value | Default | Meaning |
|---|---|---|
"""


def values_schema() -> str:
    """Return values.schema.json."""
    schema = Values.model_json_schema(by_alias=True)
    return json.dumps(_untitled(schema), indent=2) + "\n"


def values_yaml() -> str:
    """Return values.yaml: every value with its default, and its description above it."""
    lines = ["# Generated from charts/moorage_chart by `make generate`. Do not edit.", ""]
    lines += _yaml(Values(), "")
    return "\n".join(lines) + "\n"


def values_page() -> str:
    """Return docs/values.md."""
    return _HEAD + "".join(f"{row}\n" for row in _rows(Values(), ""))


def write(chart: Path, docs: Path) -> None:
    """Write all three."""
    (chart / "values.yaml").write_text(values_yaml())
    (chart / "values.schema.json").write_text(values_schema())
    (docs / "values.md").write_text(values_page())


def _untitled(schema: Any) -> Any:
    """Return the schema without titles: they repeat the names."""
    if isinstance(schema, list):
        return [_untitled(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: {name: _untitled(each) for name, each in value.items()}
        if key in {"properties", "$defs"}
        else _untitled(value)
        for key, value in schema.items()
        if key != "title"
    }


def _fields(group: BaseModel) -> Iterator[tuple[str, str, Any]]:
    """Yield the name, description and default of each value."""
    for name, field in type(group).model_fields.items():
        yield field.alias or name, field.description or "", getattr(group, name)


def _yaml(group: BaseModel, indent: str) -> Iterator[str]:
    for name, text, value in _fields(group):
        if name == "global":
            continue
        for line in textwrap.wrap(text, _WIDTH - len(indent) - 2):
            yield f"{indent}# {line}"
        if isinstance(value, Group):
            yield f"{indent}{name}:"
            yield from _yaml(value, f"{indent}  ")
        else:
            dumped = yaml.safe_dump({name: value}, sort_keys=False, width=_WIDTH)
            yield from (indent + line for line in dumped.splitlines())


def _rows(group: BaseModel, above: str) -> Iterator[str]:
    for name, text, value in _fields(group):
        if isinstance(value, Group):
            yield from _rows(value, f"{above}{name}.")
        else:
            cells = (f"`{above}{name}`", f"`{json.dumps(value)}`", text)
            yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
