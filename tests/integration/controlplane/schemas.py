"""Reads the generated CRDs and builds the smallest objects that put one value into one field."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

Schema = dict[str, Any]
Steps = tuple[str, ...]
ITEM = "[]"
"""The step from a list to its items."""
VALUE = "{}"
"""The step from a map to its values."""

_CRDS = Path(__file__).parents[3] / "crds"
_MOMENT = "2026-01-31T12:00:00.000Z"
BASES: dict[str, dict[str, Any]] = {
    # A template named switches off the rules that ask for a whole session.
    "claudesessions": {"templateRef": {"name": "a"}},
    "claudesessiontemplates": {},
    "claudesessionpools": {"templateRef": {"name": "a"}},
}
"""A spec of each resource that is accepted, to which a value is added."""


@cache
def definitions() -> dict[str, Schema]:
    """Return the CRDs by the plural of their resource."""
    crds = (yaml.safe_load(path.read_text()) for path in sorted(_CRDS.glob("*.yaml")))
    return {crd["spec"]["names"]["plural"]: crd for crd in crds}


@dataclass(frozen=True)
class Field:
    """A field of a resource: where it is and what its schema says."""

    plural: str
    steps: Steps
    node: Schema

    @property
    def path(self) -> str:
        """As a person would write it, such as spec.claude.env{}."""
        return ".".join(self.steps).replace(f".{ITEM}", ITEM).replace(f".{VALUE}", VALUE)

    @property
    def part(self) -> str:
        """spec or status."""
        return self.steps[0]


def fields() -> Iterator[Field]:
    """Return every field below spec and status of every resource."""
    for plural, crd in definitions().items():
        for part, node in _root(crd)["properties"].items():
            if part in {"spec", "status"}:
                for steps, inner in _walk(node, (part,)):
                    yield Field(plural, steps, inner)


def body(field: Field, value: Any) -> dict[str, Any]:
    """Return an object in which ``field`` has ``value`` and all else is as small as it can be."""
    crd = definitions()[field.plural]
    node = _root(crd)["properties"][field.part]
    content = _place(node, field.steps[1:], value)
    if field.part == "spec" and len(field.steps) > 1:
        content = BASES[field.plural] | content
    return manifest(field.plural, **{field.part: content})


def manifest(plural: str, name: str = "example", **parts: Any) -> dict[str, Any]:
    """Return an object; ``parts`` are its spec and status."""
    crd = definitions()[plural]["spec"]
    return {
        "apiVersion": f"{crd['group']}/{crd['versions'][0]['name']}",
        "kind": crd["names"]["kind"],
        "metadata": {"name": name},
        **parts,
    }


def collection(plural: str, namespace: str) -> str:
    """Return the path of the resource's objects in a namespace."""
    return f"/apis/moorage.dev/v1alpha1/namespaces/{namespace}/{plural}"


def text(node: Schema, length: int) -> str:
    """Return a text of ``length`` characters that fits the node's pattern."""
    pattern = re.compile(node.get("pattern", ""))
    candidates = ("a" * length, "1" * length, "1" * (length - 1) + "s")
    return next(each for each in candidates if pattern.search(each))


def minimal(node: Schema) -> Any:
    """Return the smallest value that the schema takes."""
    if "enum" in node:
        return node["enum"][0]
    if node.get("format") == "date-time":
        return _MOMENT
    if node["type"] == "string":
        return text(node, 2)
    if node["type"] == "object":
        return {name: minimal(node["properties"][name]) for name in node.get("required", ())}
    least = node.get("minimum", 0) + (1 if node.get("exclusiveMinimum") else 0)
    return {"array": [], "boolean": False}.get(node["type"], least)


def items(node: Schema, count: int) -> list[Any]:
    """Return so many items of a list; where it is a map by keys, each with a key of its own."""
    keys = node.get("x-kubernetes-list-map-keys", ())
    item = minimal(node["items"])
    return [item | dict.fromkeys(keys, f"a{number}") if keys else item for number in range(count)]


def _root(crd: Schema) -> Schema:
    root: Schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return root


def _walk(node: Schema, steps: Steps) -> Iterator[tuple[Steps, Schema]]:
    yield steps, node
    for name, part in node.get("properties", {}).items():
        yield from _walk(part, (*steps, name))
    for key, step in (("items", ITEM), ("additionalProperties", VALUE)):
        if key in node:
            yield from _walk(node[key], (*steps, step))


def _place(node: Schema, steps: Steps, value: Any) -> Any:
    if not steps:
        return value
    step, rest = steps[0], steps[1:]
    if step == ITEM:
        return [_place(node["items"], rest, value)]
    if step == VALUE:
        return {"name": _place(node["additionalProperties"], rest, value)}
    return minimal(node) | {step: _place(node["properties"][step], rest, value)}
