"""The generated CRDs: structural, described, and with the defaults and rules they promise.

That a real API server takes them is shown by the operator's integration tests.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from moorage_api.crdgen import RESOURCES, Resource, definition, render
from moorage_api.resources import ClaudeSession, ClaudeSessionPool

CRDS = Path(__file__).parents[3] / "crds"
ALLOWED = {
    "type", "description", "properties", "required", "items", "additionalProperties", "enum",
    "format", "pattern", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength",
    "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "default",
    "x-kubernetes-validations", "x-kubernetes-list-type", "x-kubernetes-list-map-keys",
    "x-kubernetes-preserve-unknown-fields",
}  # fmt: skip


def schema_of(resource: Resource) -> dict[str, Any]:
    version: dict[str, Any] = definition(resource)["spec"]["versions"][0]
    whole: dict[str, Any] = version["schema"]["openAPIV3Schema"]
    return whole


def nodes(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for name, part in schema.get("properties", {}).items():
        yield from nodes(part, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if key in schema:
            yield from nodes(schema[key], f"{path}[]")


@pytest.mark.parametrize("resource", RESOURCES)
def test_every_node_is_structural(resource: Resource) -> None:
    for path, node in nodes(schema_of(resource)):
        assert set(node) <= ALLOWED, path
        assert "type" in node, path


@pytest.mark.parametrize("resource", RESOURCES)
def test_every_field_says_what_it_means(resource: Resource) -> None:
    for path, node in nodes(schema_of(resource)):
        of_kubernetes = path in {".apiVersion", ".kind", ".metadata"}
        assert of_kubernetes or path.endswith("[]") or node.get("description"), path


@pytest.mark.parametrize("resource", RESOURCES)
def test_what_is_committed_is_what_the_models_say(resource: Resource) -> None:
    committed = CRDS / f"moorage.dev_{resource.plural}.yaml"
    assert committed.read_text() == render(resource)
    assert yaml.safe_load(render(resource)) == definition(resource)


def test_only_defaults_that_no_template_fills_are_the_api_servers() -> None:
    found = {
        f"{resource.__name__}{path}": node["default"]
        for resource in RESOURCES
        for path, node in nodes(schema_of(resource))
        if "default" in node
    }
    assert found == {
        "ClaudeSession.spec.suspend": False,
        "ClaudeSessionPool.spec.replicas": 1,
    }


def test_other_defaults_stand_in_the_description() -> None:
    spec = schema_of(ClaudeSession)["properties"]["spec"]
    idle = spec["properties"]["timeouts"]["properties"]["idle"]
    assert idle["description"].endswith("Default: 30m.")


def test_rules_have_messages_that_say_how_to_mend() -> None:
    spec = schema_of(ClaudeSession)["properties"]["spec"]
    messages = [rule["message"] for rule in spec["x-kubernetes-validations"]]
    assert any("repository is immutable" in message for message in messages)
    assert all(messages)


def test_columns_names_and_scale() -> None:
    session = definition(ClaudeSession)["spec"]
    columns = session["versions"][0]["additionalPrinterColumns"]
    shown = [each["name"] for each in columns if not each.get("priority")]
    wide = [each["name"] for each in columns if each.get("priority")]
    assert shown == ["Phase", "Activity", "Repository", "Cost", "Age"]
    assert wide == ["Pod", "Node", "Owner"]
    assert session["names"]["categories"] == ["moorage"]
    pool = definition(ClaudeSessionPool)["spec"]["versions"][0]
    assert pool["subresources"]["scale"]["specReplicasPath"] == ".spec.replicas"
