"""What a cluster refuses of a new session, in the terms of the request that asked for it."""

from typing import Any

import pytest

from moorage_api.resources import StatusCause
from moorage_gateway.backends.interface import SessionRefused
from moorage_gateway.errors import RequestInvalid
from moorage_gateway.sessions.refusals import in_its_terms
from moorage_gateway.sessions.schemas import CreateSession

URL = "https://git.example.com/app"
OWN = {"repository": {"url": URL}}
TOOLS = {"metadata": {"allowedTools": ["Bash"]}}
REF = {"repository": {"url": URL, "ref": "main"}}
BRANCH = {"metadata": {"branch": "next"}}


def told(field: str, request: dict[str, Any]) -> Any:
    cause = StatusCause(field=field, message="is wrong.")
    error = SessionRefused("the cluster refuses", forbidden=False, causes=[cause])
    given = in_its_terms(CreateSession.model_validate(request), error)
    assert isinstance(given, RequestInvalid)
    return given.details


@pytest.mark.parametrize(
    ("field", "request_", "path"),
    [
        ("spec.workspace.size", OWN, "workspace.size"),
        ("spec.claude.permissionMode", OWN, "claude.permissionMode"),
        ("spec.claude.mcpServers.files", OWN, "claude.mcpServers.files"),
        ("spec.budget.maxCostUsd", OWN, "budget.maxCostUsd"),
        ("spec.timeouts", OWN, "timeouts"),
        ("spec.prompt", OWN, "prompt"),
        ("spec.claude.allowedTools[2]", TOOLS, "metadata.allowedTools[2]"),
        ("spec.claude.allowedTools", OWN, "claude.allowedTools"),
        ("spec.claude.allowedTools", {"claude": {"allowedTools": ["Bash"]}}, "claude.allowedTools"),
        ("spec.templateRef.name", {"template": "base"}, "template"),
        ("spec.repository", OWN, "repository"),
        ("spec.repository.url", OWN, "repository.url"),
        ("spec.repository.url", {"projectPath": URL}, "projectPath"),
        ("spec.repository.credentialsSecretRef", {"folderName": "app"}, "folderName"),
        ("spec.repository.url", {"template": "base"}, "template"),
        ("spec.repository.ref", OWN | BRANCH, "metadata.branch"),
        ("spec.repository.ref", REF | BRANCH, "repository.ref"),
        ("spec.repository.ref", {"projectPath": URL}, "projectPath"),
    ],
)
def test_a_field_is_named_as_in_the_request(
    field: str, request_: dict[str, Any], path: str
) -> None:
    assert told(field, request_) == [{"path": path, "message": "is wrong."}]


@pytest.mark.parametrize("field", ["spec.resources.limits", "spec", "metadata.name", "<nil>"])
def test_what_no_request_sets_is_named_in_the_sentence(field: str) -> None:
    assert told(field, OWN) == [{"path": "", "message": f"{field}: is wrong."}]


@pytest.mark.parametrize(
    "error",
    [
        SessionRefused("exceeded quota", forbidden=True),
        SessionRefused(
            "not yours", forbidden=True, causes=[StatusCause(field="spec.prompt", message="no")]
        ),
        SessionRefused("no cause", forbidden=False),
    ],
    ids=str,
)
def test_other_refusals_stay_as_they_are(error: SessionRefused) -> None:
    assert in_its_terms(CreateSession.model_validate(OWN), error) is error
