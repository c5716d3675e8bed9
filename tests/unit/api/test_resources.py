from typing import Any

import pytest
from pydantic import ValidationError

from moorage_api.resources import ClaudeSession, SessionSpec, TemplateSpec, resolve

REPOSITORY = {"url": "https://example.com/r.git"}


def spec(**fields: Any) -> SessionSpec:
    return SessionSpec.model_validate({"repository": REPOSITORY} | fields)


def test_defaults_are_sensible_for_a_session_that_only_names_a_repository() -> None:
    plain = spec()
    assert plain.interactive
    assert plain.claude.permission_mode == "default"
    assert plain.timeouts.idle == "30m"
    assert plain.retry.limit == 5
    assert plain.workspace.kind == "persistent"
    assert plain.egress.mode == "proxyOnly"
    assert not plain.suspend


@pytest.mark.parametrize(
    ("fields", "where", "sentence"),
    [
        ({"repository": {"url": "https://u:p@example.com/r"}}, "repository", "must not hold cred"),
        ({"repository": {"url": ""}}, "repository.url", "at least 1 character"),
        ({"repository": REPOSITORY | {"ref": "-x"}}, "repository.ref", "pattern"),
        ({"repository": REPOSITORY | {"depth": 0}}, "repository.depth", "greater than or equal"),
        ({"repository": None}, "", "name a repository"),
        ({"interactive": False}, "", "needs a prompt"),
        ({"prompt": "x" * 262_145}, "prompt", "at most 262144"),
        ({"timeouts": {"idle": "5 minutes"}}, "timeouts.idle", "is not a duration"),
        ({"workspace": {"size": "10 GB"}}, "workspace.size", "is not a quantity"),
        ({"resources": {"limits": {"memory": "x"}}}, "resources.limits.memory", "not a quantity"),
        ({"egress": {"hosts": ["example.com"]}}, "", "needs egress.mode: allowList"),
        ({"egress": {"mode": "allowList", "hosts": ["http://x"]}}, "egress.hosts.0", "pattern"),
        ({"claude": {"permissionMode": "yolo"}}, "claude.permissionMode", "'default'"),
        ({"claude": {"mcpServers": {"a": {}}}}, "claude.mcpServers.a", "needs a command"),
        ({"claude": {"mcpServers": {"a": {"type": "http"}}}}, "claude.mcpServers.a", "needs a url"),
        ({"budget": {"maxCostUsd": 0}}, "budget.maxCostUsd", "greater than 0"),
        ({"suspended": True}, "suspended", "Extra inputs"),
        (
            {"additionalRepositories": [REPOSITORY | {"path": "a/../../b"}]},
            "additionalRepositories.0",
            "must not contain '..'",
        ),
        (
            {"additionalRepositories": [REPOSITORY | {"path": "a"}] * 2},
            "",
            "a path of their own",
        ),
    ],
)
def test_mistakes_are_refused_where_they_stand(
    fields: dict[str, Any], where: str, sentence: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        spec(**fields)
    errors = {".".join(map(str, each["loc"])): each["msg"] for each in caught.value.errors()}
    assert where in errors
    assert sentence in errors[where]


def test_a_template_fills_only_what_is_unset() -> None:
    template = TemplateSpec.model_validate(
        {
            "claude": {"model": "small", "permissionMode": "plan", "env": {"A": "1", "B": "1"}},
            "timeouts": {"idle": "5m"},
            "repository": {"url": "https://example.com/t.git", "ref": "v1"},
        }
    )
    own = spec(
        templateRef={"name": "t"},
        claude={"permissionMode": "default", "env": {"B": "2"}, "allowedTools": ["Read"]},
    )
    whole = resolve(own, template)
    assert whole.claude.model == "small"
    assert whole.claude.permission_mode == "default"  # set to the default, so not filled
    assert whole.claude.env == {"A": "1", "B": "2"}
    assert whole.timeouts.idle == "5m"
    assert whole.timeouts.lifetime == "30d"
    assert whole.repository is not None
    assert whole.repository.url == REPOSITORY["url"]
    assert whole.repository.ref is None  # a repository is never mixed of two
    assert whole.template_ref is None


def test_a_batch_session_may_have_its_prompt_from_the_template() -> None:
    own = spec(templateRef={"name": "t"}, interactive=False)
    assert resolve(own, TemplateSpec(prompt="Go.")).prompt == "Go."
    with pytest.raises(ValidationError, match="needs a prompt"):
        resolve(own, TemplateSpec())


def test_without_a_template_a_spec_is_its_own() -> None:
    own = spec()
    assert resolve(own, None) is own


def test_a_resource_survives_the_way_through_json() -> None:
    session = ClaudeSession.model_validate(
        {"metadata": {"name": "a", "uid": "u"}, "spec": {"repository": REPOSITORY, "prompt": "Hi"}}
    )
    raw = session.model_dump_json(by_alias=True, exclude_unset=True)
    assert ClaudeSession.model_validate_json(raw) == session
