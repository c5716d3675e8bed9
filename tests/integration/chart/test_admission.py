"""What sessions may ask for: the chart's policy, as it renders it, on the real API server."""

from collections.abc import Iterator
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from moorage_api.resources import SessionSpec, TemplateSpec, resolve
from moorage_testing.admission import in_force, place
from moorage_testing.controlplane.access import make_namespace
from moorage_testing.controlplane.api import Api
from moorage_testing.controlplane.errors import ApiRefused
from moorage_testing.controlplane.processes import until
from moorage_testing.helm import NAMESPACE, Helm, HelmRefused, Manifest

from .admission_cases import (
    ALLOWED,
    BY_DEFAULT,
    REFUSED,
    REPOSITORY,
    STOOD,
    TIGHT,
    VALUES,
    WIDE,
    Spec,
    claude,
    limits,
)

SESSIONS: Final = "claudesessions"
TEMPLATES: Final = "claudesessiontemplates"
KINDS: Final = {SESSIONS: "ClaudeSession", TEMPLATES: "ClaudeSessionTemplate"}


def collection(plural: str, namespace: str) -> str:
    return f"/apis/moorage.dev/v1alpha1/namespaces/{namespace}/{plural}"


def body(plural: str, spec: Spec, name: str = "example") -> Manifest:
    version = {"apiVersion": "moorage.dev/v1alpha1", "kind": KINDS[plural]}
    return version | {"metadata": {"name": name}, "spec": {"repository": REPOSITORY, **spec}}


def ask(admin: Api, plural: str, namespace: str, spec: Spec) -> str | None:
    """Ask for a new object; return why it is refused, or None. Nothing is made."""
    try:
        admin.create(collection(plural, namespace), body(plural, spec), dryRun="All")
    except ApiRefused as refusal:
        return refusal.message
    return None


def open_namespaces(admin: Api, evil: Spec) -> str | None:
    """Return where what must be refused is not, or None."""
    found = [name for name in (BY_DEFAULT, WIDE, TIGHT) if not ask(admin, SESSIONS, name, evil)]
    return ", ".join(found) or None


@pytest.fixture(scope="module")
def guarded(helm: Helm, admin: Api) -> Iterator[Api]:
    """Return the API server with the policy in force, after objects were made without it."""
    for name in (NAMESPACE, BY_DEFAULT, WIDE, TIGHT):
        make_namespace(admin, name)
    for plural in KINDS:
        admin.create(collection(plural, BY_DEFAULT), body(plural, STOOD, "stood"))
    evil = claude(env={"MOORAGE_PROBE": "1"})
    release = helm.template(VALUES)
    with in_force(admin, release, NAMESPACE, lambda: open_namespaces(admin, evil)):
        yield admin
    for name in (NAMESPACE, BY_DEFAULT, WIDE, TIGHT):
        admin.delete(f"/api/v1/namespaces/{name}")


@pytest.mark.parametrize("plural", KINDS)
@pytest.mark.parametrize(("namespace", "spec"), ALLOWED)
def test_allowed(guarded: Api, plural: str, namespace: str, spec: Spec) -> None:
    assert ask(guarded, plural, namespace, spec) is None


@pytest.mark.parametrize("plural", KINDS)
@pytest.mark.parametrize(("namespace", "spec", "told"), REFUSED)
def test_refused(guarded: Api, plural: str, namespace: str, spec: Spec, told: str) -> None:
    assert told in (ask(guarded, plural, namespace, spec) or "")


def test_a_session_leaves_to_its_template_what_that_must_say(guarded: Api) -> None:
    spec = {"templateRef": {"name": "small"}}
    assert ask(guarded, SESSIONS, TIGHT, spec) is None
    more = spec | limits(cpu="2", memory="1Gi")
    assert "more than is" in (ask(guarded, SESSIONS, TIGHT, more) or "")


@pytest.mark.parametrize("plural", KINDS)
def test_what_stood_before_can_be_changed_but_not_widened(guarded: Api, plural: str) -> None:
    path = f"{collection(plural, BY_DEFAULT)}/stood"
    kept = guarded.merge(path, {"spec": {"interactive": True, "prompt": "Go on."}}, dryRun="All")
    assert kept["spec"]["image"] == STOOD["image"]
    for change, told in (
        ({"image": "tools:8"}, "spec.image: tools:8"),
        ({"nodeSelector": {"more": "1"}}, "spec.nodeSelector"),
        (limits(cpu="65"), "spec.resources.limits"),
        ({"workspace": {"size": "2Ti"}}, "spec.workspace.size"),
        (claude(env={"AWS_PROFILE": "x"}), "spec.claude.env"),
        ({"priorityClassName": "high"}, "spec.priorityClassName"),
    ):
        with pytest.raises(ApiRefused) as refused:
            guarded.merge(path, {"spec": change}, dryRun="All")
        assert told in refused.value.message


def test_another_namespace_is_not_judged(guarded: Api) -> None:
    assert ask(guarded, SESSIONS, "default", {"image": "tools:7"}) is None


def test_without_its_limits_a_namespace_takes_nothing(guarded: Api) -> None:
    limits_of = place("ConfigMap", NAMESPACE)
    path = f"{limits_of}/moorage-admission-{TIGHT}"
    kept = guarded.get(path)
    guarded.delete(path)
    until(
        "the limits missed",
        60,
        lambda: (
            None if "no params found" in (ask(guarded, SESSIONS, TIGHT, STOOD) or "") else "not yet"
        ),
    )
    made = {"metadata": {"name": kept["metadata"]["name"]}, "data": kept["data"]}
    guarded.create(limits_of, {"apiVersion": "v1", "kind": "ConfigMap"} | made)
    small = limits(cpu="1", memory="2Gi") | {"workspace": {"size": "5Gi"}}
    until("the limits back", 60, lambda: ask(guarded, SESSIONS, TIGHT, small))


def some(*values: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(values)


def optional(**parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({}, optional=parts)


POOL: Final = some("agents", "agents", "b")
AMOUNTS: Final = st.fixed_dictionaries(
    {"cpu": some("1", "4", "5"), "memory": some("1Gi", "1Ti")},
    optional={"ephemeral-storage": some("1Gi", "30Gi")},
)
EGRESS: Final = some(
    {"mode": "open"}, {"mode": "allowList", "hosts": ["pypi.org"]}, {"mode": "proxyOnly"}
)
ASKED: Final = optional(
    image=some("registry.example.com/team/a", "evil"),
    runtimeClassName=some("gvisor", "kata", "runc"),
    nodeSelector=st.dictionaries(some("pool", "zone"), POOL, max_size=2),
    tolerations=st.lists(st.fixed_dictionaries({"key": POOL}), max_size=2),
    resources=optional(limits=AMOUNTS, requests=optional(cpu=some("1", "4"), memory=some("1Gi"))),
    egress=EGRESS,
    claude=optional(
        permissionMode=some("default", "bypassPermissions"),
        env=st.dictionaries(some("CI", "APP_A", "APP_B"), st.just("1"), max_size=2),
    ),
    workspace=optional(size=some("1Gi", "1Ti"), storageClassName=some("fast")),
)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much],
)
@given(template=ASKED, session=ASKED)
def test_a_template_is_no_way_around(guarded: Api, template: Spec, session: Spec) -> None:
    """What the operator runs, both merged and the defaults below, is allowed if both are."""
    named = {**session, "templateRef": {"name": "base"}}
    assume(ask(guarded, TEMPLATES, WIDE, template) is None)
    assume(ask(guarded, SESSIONS, WIDE, named) is None)
    try:
        merged = resolve(
            SessionSpec.model_validate({"repository": REPOSITORY, **named}),
            TemplateSpec.model_validate({"repository": REPOSITORY, **template}),
        )
    except ValidationError:
        return
    whole = merged.model_dump(by_alias=True, mode="json", exclude_none=True)
    assert ask(guarded, SESSIONS, WIDE, whole) is None


def test_a_namespace_without_sessions_is_a_mistake(helm: Helm) -> None:
    with pytest.raises(
        HelmRefused, match=r"admission\.namespaces\.elsewhere: there are no sessions"
    ):
        helm.template({"admission": {"namespaces": {"elsewhere": {"images": ["*"]}}}})
