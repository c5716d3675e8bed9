"""Every CEL rule in the CRDs on the real API server, with the whole message a person sees."""

from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import ValidationError

from moorage_api.crdgen import RESOURCES
from moorage_api.resources import ClaudeSession
from moorage_testing.controlplane.api import Api
from moorage_testing.controlplane.errors import ApiRefused

from .schemas import collection, definitions, fields, manifest

STRICT = {"dryRun": "All", "fieldValidation": "Strict"}
Spec = dict[str, Any]
MODELS = {model.plural: model for model in RESOURCES}
SESSIONS = "claudesessions"
TEMPLATES = "claudesessiontemplates"
REPOSITORY = {"url": "https://git.example.com/team/app.git"}
BESIDE = {"url": "https://git.example.com/team/lib.git", "path": "lib"}
TEMPLATE = {"name": "base"}
WHOLE: Spec = {"repository": REPOSITORY}

NEEDS_PROMPT = "a session with interactive: false needs a prompt"
NEEDS_REPOSITORY = "name a repository, or a template that has one in templateRef"
NEEDS_MODE = "egress.hosts needs egress.mode: allowList"
REPOSITORY_STAYS = "repository is immutable: create another session for another repository"
OWNER_STAYS = "owner is immutable once set: create another session for another owner"
ENV_NAME = "each name must match ^[A-Za-z_][A-Za-z0-9_]*$"
ENV_LENGTH = "each name must have at most 128 characters"
SERVER_NAME = "each name must match ^[A-Za-z0-9_-]{1,64}$"
LABEL_LENGTH = "each name must have at most 317 characters"


@dataclass(frozen=True)
class Case:
    """A spec, and where and why it is refused."""

    spec: Spec
    at: str
    told: str
    plural: str = SESSIONS


def stdio(**more: Any) -> Spec:
    return {"type": "stdio", "command": "serve", **more}


ACCEPTED: dict[str, Spec] = {
    "a repository": WHOLE,
    "a template": {"templateRef": TEMPLATE},
    "both": {"templateRef": TEMPLATE, **WHOLE},
    "batch with a prompt": {**WHOLE, "interactive": False, "prompt": "Do it."},
    "batch whose template may have the prompt": {"templateRef": TEMPLATE, "interactive": False},
    "interactive without a prompt": {**WHOLE, "interactive": True},
    "hosts with their mode": {**WHOLE, "egress": {"mode": "allowList", "hosts": ["a.example"]}},
    "hosts whose mode the template may have": {
        "templateRef": TEMPLATE,
        "egress": {"hosts": ["a.example"]},
    },
    "no hosts": {**WHOLE, "egress": {"mode": "open", "hosts": []}},
    "env": {**WHOLE, "claude": {"env": {"A": "1", "_b2": "2", "N" * 128: "3"}}},
    "MCP servers": {**WHOLE, "claude": {"mcpServers": {"a-B_1": stdio(env={"A": "1"})}}},
    "node labels": {**WHOLE, "nodeSelector": {"example.com/pool": "agents", "n" * 317: "1"}},
}


def of_maps(plural: str, base: Spec) -> list[Case]:
    """Return the cases of the rules on the names in maps, which two resources share."""
    server = "spec.claude.mcpServers"
    named = {"mcpServers": {"files": stdio(env={"A B": "1"})}}
    long = {"mcpServers": {"files": stdio(env={"A" * 129: "1"})}}
    claude: list[tuple[str, str, Spec]] = [
        ("spec.claude.env", ENV_NAME, {"env": {"1A": "1"}}),
        ("spec.claude.env", ENV_NAME, {"env": {"A": "1", "": "2"}}),
        ("spec.claude.env", ENV_LENGTH, {"env": {"A" * 129: "1"}}),
        (server, SERVER_NAME, {"mcpServers": {"a b": stdio()}}),
        (server, SERVER_NAME, {"mcpServers": {"a" * 65: stdio()}}),
        (f"{server}[files].env", ENV_NAME, named),
        (f"{server}[files].env", ENV_LENGTH, long),
    ]
    cases = [Case({**base, "claude": spec}, at, told, plural) for at, told, spec in claude]
    labels = {"nodeSelector": {"n" * 318: "1"}}
    return [*cases, Case({**base, **labels}, "spec.nodeSelector", LABEL_LENGTH, plural)]


REFUSED = [
    Case({}, "spec", NEEDS_REPOSITORY),
    Case({"prompt": "Do it."}, "spec", NEEDS_REPOSITORY),
    Case({**WHOLE, "interactive": False}, "spec", NEEDS_PROMPT),
    Case({**WHOLE, "egress": {"hosts": ["a.example"]}}, "spec", NEEDS_MODE),
    Case({**WHOLE, "egress": {"mode": "proxyOnly", "hosts": ["a.example"]}}, "spec", NEEDS_MODE),
    Case({**WHOLE, "egress": {"mode": "open", "hosts": ["a.example"]}}, "spec", NEEDS_MODE),
    *of_maps(SESSIONS, WHOLE),
    *of_maps(TEMPLATES, {}),
]

LEFT_TO_THE_MODELS: dict[str, Spec] = {
    "credentials in a URL": {"repository": {"url": "https://ada:secret@git.example.com/app.git"}},
    "a path out of the workspace": {**WHOLE, "additionalRepositories": [BESIDE | {"path": "../a"}]},
    "two repositories in one folder": {**WHOLE, "additionalRepositories": [BESIDE, BESIDE]},
    "a server without a command": {**WHOLE, "claude": {"mcpServers": {"a": {"type": "stdio"}}}},
    "a server without an address": {**WHOLE, "claude": {"mcpServers": {"a": {"type": "http"}}}},
    "more than 366 days": {**WHOLE, "timeouts": {"lifetime": "367d"}},
}
"""What the API server lets pass: the operator finds it and has to say so in a condition."""

OTHER = {"url": "https://git.example.com/team/other.git"}
OWNED: Spec = {**WHOLE, "owner": "ada"}
KEPT: list[tuple[Spec, Spec]] = [
    (WHOLE, {**WHOLE, "suspend": True}),
    (WHOLE, {**WHOLE, "templateRef": TEMPLATE}),
    (WHOLE, OWNED),
    (OWNED, {**OWNED, "prompt": "Go on."}),
    ({"templateRef": TEMPLATE}, {"templateRef": {"name": "other"}}),
]
CHANGED: list[tuple[Spec, Spec, str]] = [
    (WHOLE, {"repository": OTHER}, REPOSITORY_STAYS),
    (WHOLE, {"repository": {**REPOSITORY, "ref": "main"}}, REPOSITORY_STAYS),
    (WHOLE, {"templateRef": TEMPLATE}, REPOSITORY_STAYS),
    ({"templateRef": TEMPLATE}, {**WHOLE, "templateRef": TEMPLATE}, REPOSITORY_STAYS),
    (OWNED, {**WHOLE, "owner": "bob"}, OWNER_STAYS),
    (OWNED, WHOLE, OWNER_STAYS),
]


def test_no_rule_is_left_out() -> None:
    in_schemas = {
        (field.plural, rule["message"])
        for field in fields()
        for rule in field.node.get("x-kubernetes-validations", ())
    }
    shown = {(case.plural, case.told) for case in REFUSED}
    shown |= {(SESSIONS, told) for _, _, told in CHANGED}
    assert in_schemas == shown


@pytest.mark.parametrize("spec", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_accepted_by_the_api_server_and_the_models(spec: Spec, admin: Api) -> None:
    body = manifest(SESSIONS, spec=spec)
    ClaudeSession.model_validate(body)
    admin.create(collection(SESSIONS, "default"), body, **STRICT)


@pytest.mark.parametrize("spec", LEFT_TO_THE_MODELS.values(), ids=LEFT_TO_THE_MODELS.keys())
def test_only_the_models_refuse(spec: Spec, admin: Api) -> None:
    body = manifest(SESSIONS, spec=spec)
    admin.create(collection(SESSIONS, "default"), body, **STRICT)
    with pytest.raises(ValidationError):
        ClaudeSession.model_validate(body)


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: f"{case.plural} {case.told}")
def test_refused_by_the_models_and_the_api_server(case: Case, admin: Api) -> None:
    body = manifest(case.plural, spec=case.spec)
    with pytest.raises(ValidationError):
        MODELS[case.plural].model_validate(body)
    with pytest.raises(ApiRefused) as refused:
        admin.create(collection(case.plural, "default"), body, **STRICT)
    assert refused.value.message == sentence(case.plural, case.at, case.told)


@pytest.mark.parametrize(("before", "after"), KEPT)
def test_an_update_that_is_allowed(before: Spec, after: Spec, admin: Api, namespace: str) -> None:
    update(admin, namespace, before, after)


@pytest.mark.parametrize(("before", "after", "told"), CHANGED)
def test_an_update_that_is_refused(
    before: Spec, after: Spec, told: str, admin: Api, namespace: str
) -> None:
    with pytest.raises(ApiRefused) as refused:
        update(admin, namespace, before, after)
    assert refused.value.message == sentence(SESSIONS, "spec", told)


def update(admin: Api, namespace: str, before: Spec, after: Spec) -> None:
    path = collection(SESSIONS, namespace)
    made = admin.create(path, manifest(SESSIONS, spec=before))
    admin.replace(f"{path}/example", {**made, "spec": after})


def sentence(plural: str, at: str, told: str) -> str:
    """The whole of what kubectl shows."""
    kind = definitions()[plural]["spec"]["names"]["kind"]
    return f'{kind}.moorage.dev "example" is invalid: {at}: Invalid value: {told}'
