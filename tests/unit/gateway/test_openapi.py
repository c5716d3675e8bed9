"""The description of the API is complete, and its examples are what it says."""

import json
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter

from moorage_gateway.accounts import schemas as accounts
from moorage_gateway.api_keys import schemas as api_keys
from moorage_gateway.approvals import schemas as approvals
from moorage_gateway.audit import schemas as audit
from moorage_gateway.dead_letters import schemas as dead_letters
from moorage_gateway.errors import GatewayError
from moorage_gateway.files import schemas as files
from moorage_gateway.generate import openapi
from moorage_gateway.health import schemas as health
from moorage_gateway.messages import schemas as messages
from moorage_gateway.openapi_examples import BODIES, ERRORS
from moorage_gateway.sessions import schemas as sessions
from moorage_gateway.users import schemas as users

MODULES = (
    accounts,
    api_keys,
    approvals,
    audit,
    dead_letters,
    files,
    health,
    messages,
    sessions,
    users,
)
DESCRIPTION: Any = json.loads(openapi())
OPERATIONS = {
    operation["operationId"]: (method, operation)
    for path in DESCRIPTION["paths"].values()
    for method, operation in path.items()
}
each_operation = pytest.mark.parametrize("name", sorted(OPERATIONS))


def resolved(part: Any) -> Any:
    while "$ref" in part:
        found = DESCRIPTION
        for step in part["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        part = found
    return part


def kinds() -> dict[str, type[BaseModel]]:
    return {
        name: model
        for module in MODULES
        for name, model in vars(module).items()
        if isinstance(model, type) and issubclass(model, BaseModel)
    }


def errors_of(kind: type[GatewayError]) -> set[tuple[str, str]]:
    inner = {pair for part in kind.__subclasses__() for pair in errors_of(part)}
    return inner | {(str(kind.status), kind.code)}


@each_operation
def test_an_operation_says_what_it_does_and_answers(name: str) -> None:
    method, operation = OPERATIONS[name]
    assert operation["summary"]
    assert operation["description"]
    assert operation["tags"]
    assert "422" not in operation["responses"]
    for status, response in operation["responses"].items():
        whole = resolved(response)
        assert whole["description"]
        assert "X-Request-ID" in whole["headers"]
        if status.startswith("2"):
            assert whole["content"], status
    assert {"403", "500", "503"} <= operation["responses"].keys()
    if "requestBody" in operation:
        assert {"400", "408", "413"} <= operation["responses"].keys()
    if method == "get" and "application/json" in operation["responses"]["200"]["content"]:
        assert "304" in operation["responses"]


@each_operation
def test_its_parameters_are_in_its_path(name: str) -> None:
    _, operation = OPERATIONS[name]
    for parameter in operation.get("parameters", []):
        assert parameter["schema"], parameter["name"]


def test_every_error_has_an_example_with_a_code_of_its_status() -> None:
    known = errors_of(GatewayError)
    for name, response in DESCRIPTION["components"]["responses"].items():
        status = name.removeprefix("Error")
        example = response["content"]["application/json"]["example"]
        assert example == ERRORS[status]
        assert (status, example["code"]) in known


@pytest.mark.parametrize("name", sorted(BODIES))
def test_an_example_is_what_it_is_an_example_of(name: str) -> None:
    model, example = kinds()[name], BODIES[name]
    value = TypeAdapter(model).validate_python(example)
    written = value.model_dump(mode="json", by_alias=True, exclude_unset=True)
    hidden = {name for name, text in written.items() if text == "**********"}  # secrets
    assert written == example | dict.fromkeys(hidden, "**********")
    assert DESCRIPTION["components"]["schemas"][name]["examples"] == [example]


def test_bodies_have_examples() -> None:
    bodies = [
        body
        for _, operation in OPERATIONS.values()
        for body in (operation.get("requestBody"), *operation["responses"].values())
        if body
    ]
    contents = [resolved(body).get("content", {}).get("application/json", {}) for body in bodies]
    named = {content.get("schema", {}).get("$ref", "").rpartition("/")[2] for content in contents}
    assert (named & kinds().keys()) - BODIES.keys() <= {"ChangeMode", "ChangeModel"}


def test_it_is_small_enough_to_be_committed() -> None:
    assert len(openapi()) < 300_000
