"""The Kubernetes client's errors, translated: every status leads to one of the operator's."""

import json
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import pytest
from kubernetes.aio.client.exceptions import ApiException

from moorage_api.kube.errors import (
    KubernetesError,
    ObjectGoneError,
    RefusedError,
    UnavailableError,
    ViewOutdatedError,
    translated,
)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (0, UnavailableError),
        (400, RefusedError),
        (401, UnavailableError),
        (403, RefusedError),
        (404, ObjectGoneError),
        (409, ViewOutdatedError),
        (410, ObjectGoneError),
        (422, RefusedError),
        (429, UnavailableError),
        (500, UnavailableError),
        (503, UnavailableError),
        (504, UnavailableError),
    ],
)
def test_each_status_has_its_error(status: int, expected: type[KubernetesError]) -> None:
    assert type(translated(ApiException(status))) is expected


@pytest.mark.parametrize("status", [each for each in HTTPStatus if each >= 400])
def test_no_status_is_left_out(status: int) -> None:
    assert isinstance(translated(ApiException(status)), KubernetesError)


def test_a_refusal_says_what_the_server_said() -> None:
    error = ApiException(403, "Forbidden", body='{"message": "exceeded quota: pods=10"}')
    refused = translated(error)
    assert isinstance(refused, RefusedError)
    assert refused.message == "exceeded quota: pods=10."


@pytest.mark.parametrize("body", [None, "", "no JSON", "[]", "{}", "x" * 5000])
def test_a_refusal_of_any_form_has_a_sentence(body: str | None) -> None:
    refused = translated(ApiException(422, "Unprocessable", body=body))
    assert isinstance(refused, RefusedError)
    assert refused.message == "Unprocessable."


OF_A_RULE = {
    "reason": "FieldValueInvalid",
    "message": "Invalid value: too much",
    "field": "spec.claude.env",
}
OF_A_POLICY = {
    "message": "ValidatingAdmissionPolicy 'moorage' with binding 'sessions' denied request: "
    "spec.workspace.size: 51Gi is more than is allowed: 50Gi"
}


def refused_for(causes: Any) -> RefusedError:
    body = json.dumps({"message": "It is invalid.", "details": {"causes": causes}})
    refused = translated(ApiException(422, "Unprocessable", body=body))
    assert isinstance(refused, RefusedError)
    return refused


@pytest.mark.parametrize(
    ("causes", "expected"),
    [
        ([OF_A_RULE], [("spec.claude.env", "Invalid value: too much.")]),
        ([OF_A_POLICY], [("spec.workspace.size", "51Gi is more than is allowed: 50Gi.")]),
        ([{"message": "ValidatingAdmissionPolicy 'a' with binding 'b' denied request: no"}], []),
        ([{"field": "spec.prompt", "message": "x" * 5000}], [("spec.prompt", "x" * 1024 + ".")]),
        ([{"message": "exceeded quota"}], []),
        ([{"field": "spec.prompt"}], []),
        (["no cause"], []),
        ("no list", []),
        (None, []),
    ],
)
def test_a_refusal_says_which_fields_it_is_about(causes: Any, expected: list[Any]) -> None:
    refused = refused_for(causes)
    assert refused.message == "It is invalid."
    assert [(each.field, each.message) for each in refused.causes] == expected


def test_of_many_causes_the_first_are_told() -> None:
    causes = [OF_A_RULE | {"field": f"spec.{number}"} for number in range(100)]
    told = [each.field for each in refused_for(causes).causes]
    assert told == [f"spec.{number}" for number in range(20)]


@pytest.mark.parametrize(
    ("header", "seconds"), [("5", 5), ("0", 1), ("86400", 60), ("soon", 1), (None, 1)]
)
def test_patience_is_as_long_as_the_server_asks_within_bounds(
    header: str | None, seconds: int
) -> None:
    error = ApiException(429)
    error.headers = {"Retry-After": header} if header else None
    assert translated(error).retry_after == timedelta(seconds=seconds)
