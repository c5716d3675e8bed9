"""What a request leaves out is the template's, within the rules for the user."""

from typing import Any

import pytest

from moorage_api.resources import SessionSpec, TemplateSpec
from moorage_gateway.auth.principal import Principal
from moorage_gateway.errors import RequestInvalid
from moorage_gateway.repositories.sources import Access, Pattern, Sources, sources_for
from moorage_gateway.sessions.creation import build
from moorage_gateway.sessions.schemas import CreateSession

ALLOWED = "https://git.example.com/team/app.git"
OTHER = "https://git.example.com/secret/app.git"
CREATION = "00000000-0000-4000-8000-000000000000"


def sources() -> Sources:
    pattern = Pattern("https://git.example.com/team/*", Access(everybody=True))
    return sources_for(Principal("ada", "user"), [], [pattern], local_paths=False)


def built(template: dict[str, Any], **request: Any) -> SessionSpec:
    return build(
        CreateSession.model_validate({"template": "small", **request}),
        CREATION,
        "ada",
        sources(),
        TemplateSpec.model_validate(template),
    ).spec


def test_what_is_left_out_is_left_to_the_template() -> None:
    template = {"repository": {"url": ALLOWED, "ref": "main"}, "interactive": False, "prompt": "Go"}
    spec = built(template)
    assert spec.template_ref is not None
    assert spec.template_ref.name == "small"
    assert spec.repository is not None
    assert (spec.repository.url, spec.repository.ref) == (ALLOWED, "main")
    written = spec.model_dump(by_alias=True, exclude_unset=True, exclude_none=True)
    assert written.keys() == {"templateRef", "repository", "owner", "claude"}
    assert written["claude"] == {}


def test_what_is_set_goes_before_the_template() -> None:
    spec = built({"prompt": "Go"}, projectPath=ALLOWED, prompt="Stay", budget={"maxTurns": 3})
    assert (spec.prompt, spec.budget.max_turns) == ("Stay", 3)


@pytest.mark.parametrize(
    ("template", "request_", "path"),
    [
        ({"repository": {"url": OTHER}}, {}, "template"),
        ({}, {}, "projectPath"),
        ({"repository": {"url": ALLOWED}}, {"projectPath": OTHER}, "projectPath"),
        ({"repository": {"url": ALLOWED}, "interactive": False}, {}, "body"),
    ],
    ids=["not its repository", "no repository", "not this repository", "no prompt in either"],
)
def test_a_template_opens_nothing_that_is_closed(
    template: dict[str, Any], request_: dict[str, Any], path: str
) -> None:
    with pytest.raises(RequestInvalid) as refused:
        built(template, **request_)
    assert refused.value.details[0]["path"] == path


@pytest.mark.parametrize("name", ["..", "a/b", "", "Small", "-x", "x" * 254])
def test_a_name_that_cannot_be_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="template"):
        CreateSession.model_validate({"template": name})
