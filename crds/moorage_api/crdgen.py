"""Generates the CRDs in crds/ from the models: ``python -m moorage_api.crdgen FOLDER``.

Pydantic's JSON schema is turned into the structural schema that Kubernetes asks for
(https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/
#specifying-a-structural-schema): references are written out, null becomes "not set", and only the
defaults that no template could fill are left to the API server (decision record 0002).
"""

import sys
from pathlib import Path
from typing import Any, Final

import yaml

from moorage_api.names import GROUP, VERSION
from moorage_api.resources import ClaudeSession, ClaudeSessionPool, ClaudeSessionTemplate

Schema = dict[str, Any]
Resource = type[ClaudeSession] | type[ClaudeSessionTemplate] | type[ClaudeSessionPool]

RESOURCES: Final[tuple[Resource, ...]] = (ClaudeSession, ClaudeSessionTemplate, ClaudeSessionPool)
SCALE: Final = {
    "specReplicasPath": ".spec.replicas",
    "statusReplicasPath": ".status.replicas",
    "labelSelectorPath": ".status.selector",
}
# JSON schema writes limits on numbers that stand exclusive as a number, OpenAPI 3.0 as a flag.
_EXCLUSIVE: Final = {"exclusiveMinimum": "minimum", "exclusiveMaximum": "maximum"}
_DROPPED: Final = frozenset(
    {"title", "const", "discriminator", "$defs", "default", "propertyNames"}
)
HEADER: Final = "# Generated from crds/moorage_api by `make generate`. Do not edit.\n"


def structural(schema: Schema, definitions: Schema) -> Schema:
    """Return ``schema`` as Kubernetes takes it: whole, without references, null or titles."""
    schema = _plain(schema, definitions)
    result: Schema = {}
    for key, value in schema.items():
        if key in _EXCLUSIVE:
            result |= {_EXCLUSIVE[key]: value, key: True}
        elif key == "properties":
            result[key] = {name: structural(part, definitions) for name, part in value.items()}
        elif key == "items":
            result[key] = structural(value, definitions)
        elif key == "additionalProperties":
            result |= _map_values(value, definitions)
        elif key == "patternProperties":
            (part,) = value.values()  # the pattern of the keys: _key_rules
            result["additionalProperties"] = structural(part, definitions)
        elif key not in _DROPPED:
            result[key] = value
    if "const" in schema:
        result["enum"] = [schema["const"]]
    return result | _key_rules(schema)


def _plain(schema: Schema, definitions: Schema) -> Schema:
    """Return ``schema`` with neither null nor references, which may hold one another."""
    while "$ref" in schema or "anyOf" in schema:
        schema = _without_null(_without_reference(schema, definitions))
    return schema


def _without_reference(schema: Schema, definitions: Schema) -> Schema:
    """Return ``schema`` with what it refers to written out; what stands beside it wins."""
    reference = schema.get("$ref")
    if reference is None:
        return schema
    target: Schema = definitions[reference.rpartition("/")[2]]
    beside = {key: value for key, value in schema.items() if key != "$ref"}
    return target | beside


def _without_null(schema: Schema) -> Schema:
    """Return ``schema`` without the alternative of null: in Kubernetes that is "not set"."""
    alternatives = schema.get("anyOf")
    if alternatives is None:
        return schema
    kept = [each for each in alternatives if each.get("type") != "null"]
    if len(kept) != 1:
        msg = f"no structural schema for a union of {len(kept)} types: {schema}"
        raise ValueError(msg)
    rest = {key: value for key, value in schema.items() if key != "anyOf"}
    only: Schema = kept[0]
    return only | rest


def _map_values(value: bool | Schema, definitions: Schema) -> Schema:
    """Return how the values of a map are described; a closed object needs no saying."""
    if value is False:
        return {}
    if value is True:
        return {"x-kubernetes-preserve-unknown-fields": True}
    return {"additionalProperties": structural(value, definitions)}


def _key_rules(schema: Schema) -> Schema:
    """Return CEL rules for a map's keys, of which a structural schema can say nothing."""
    rules = [
        _for_all_keys(f"key.matches('{pattern}')", f"each name must match {pattern}")
        for pattern in schema.get("patternProperties", ())
    ]
    longest = schema.get("propertyNames", {}).get("maxLength")
    if longest is not None:
        message = f"each name must have at most {longest} characters"
        rules.append(_for_all_keys(f"size(key) <= {longest}", message))
    return {"x-kubernetes-validations": rules} if rules else {}


def _for_all_keys(condition: str, message: str) -> Schema:
    return {"rule": f"self.all(key, {condition})", "message": message}


def _resolve_once(schema: Schema) -> Schema:
    """Return a model's JSON schema as a structural one."""
    definitions = schema.get("$defs", {})
    return structural(_without_reference(schema, definitions), definitions)


def _defaults_in_text(model: Any, schema: Schema, path: tuple[str, ...] = ()) -> None:
    """Write each default into its field's description; give the API server the safe ones."""
    server_side: frozenset[str] = getattr(model, "crd_defaults", frozenset())
    for name, field in model.model_fields.items():
        part = schema["properties"].get(field.alias or name)
        inner = field.annotation
        if part is None:
            continue
        if hasattr(inner, "model_fields"):
            _defaults_in_text(inner, part, (*path, name))
        elif isinstance(field.default, bool | int | float | str) and field.default != "":
            text = str(field.default).lower() if isinstance(field.default, bool) else field.default
            part["description"] = f"{part.get('description', '')} Default: {text}.".strip()
            if name in server_side:
                part["default"] = field.default


def definition(resource: Resource) -> Schema:
    """Return the CustomResourceDefinition of ``resource``."""
    kind = resource.__name__
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{resource.plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": resource.plural,
                "singular": kind.lower(),
                "shortNames": list(resource.short_names),
                "categories": ["moorage"],
            },
            "versions": [_version(resource)],
        },
    }


def _version(resource: Resource) -> Schema:
    """Return the one version that is served and stored."""
    version: Schema = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "additionalPrinterColumns": list(resource.columns),
    }
    if "status" in resource.model_fields:
        version["subresources"] = {"status": {}}
    if resource is ClaudeSessionPool:
        version["subresources"]["scale"] = SCALE
    return version | {"schema": {"openAPIV3Schema": _object(resource)}}


def _object(resource: Resource) -> Schema:
    """Return the schema of a whole object."""
    spec_model: Any = resource.model_fields["spec"].annotation
    spec = _resolve_once(spec_model.model_json_schema(by_alias=True))
    _defaults_in_text(spec_model, spec)
    properties: Schema = {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"type": "object"},
        "spec": {**spec, "description": _sentence(spec_model)},
    }
    if "status" in resource.model_fields:
        status_model: Any = resource.model_fields["status"].annotation
        status = _resolve_once(status_model.model_json_schema(by_alias=True))
        properties["status"] = {**status, "description": _sentence(status_model)}
    whole: Schema = {
        "type": "object",
        "description": _sentence(resource),
        "properties": properties,
    }
    return whole if resource is ClaudeSessionTemplate else whole | {"required": ["spec"]}


def _sentence(model: Any) -> str:
    return " ".join((model.__doc__ or "").split("\n\n")[0].split())


class _Dumper(yaml.SafeDumper):
    """Writes lists indented and no anchors, as people write manifests."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the base class's signature
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        super().increase_indent(flow, False)


def render(resource: Resource) -> str:
    """Return the CRD of ``resource`` as YAML."""
    body = yaml.dump(definition(resource), Dumper=_Dumper, sort_keys=False, width=99)
    return HEADER + body


def main() -> None:
    """Write one file a resource into the folder given."""
    folder = Path(sys.argv[1])
    for resource in RESOURCES:
        (folder / f"{GROUP}_{resource.plural}.yaml").write_text(render(resource))


if __name__ == "__main__":
    main()
