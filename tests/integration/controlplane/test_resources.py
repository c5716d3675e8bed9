"""How the API server treats the resources: defaults, unknown fields, status and scale apart."""

from typing import Any

import pytest

from moorage_api.crdgen import RESOURCES
from moorage_testing.controlplane.api import Api
from moorage_testing.controlplane.errors import ApiRefused

from .schemas import BASES, collection, definitions, manifest

STRICT = {"dryRun": "All", "fieldValidation": "Strict"}
MODELS = {model.plural: model for model in RESOURCES}
PLURALS = sorted(BASES)


@pytest.mark.parametrize("plural", PLURALS)
def test_the_api_server_serves_it_and_found_no_fault(plural: str, admin: Api) -> None:
    crd = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    conditions = admin.get(f"{crd}/{plural}.moorage.dev")["status"]["conditions"]
    found = {each["type"]: each["status"] for each in conditions}
    assert found == {"NamesAccepted": "True", "Established": "True"}


@pytest.mark.parametrize(
    ("plural", "defaults"),
    [
        ("claudesessions", {"suspend": False}),
        ("claudesessionpools", {"replicas": 1}),
        ("claudesessiontemplates", {}),
    ],
)
def test_defaults_are_these_and_no_others(
    plural: str, defaults: dict[str, Any], admin: Api
) -> None:
    made = admin.create(
        collection(plural, "default"), manifest(plural, spec=BASES[plural]), **STRICT
    )
    assert made["spec"] == BASES[plural] | defaults


@pytest.mark.parametrize("plural", PLURALS)
def test_a_field_that_does_not_exist_is_named(plural: str, admin: Api) -> None:
    body = manifest(plural, spec={**BASES[plural], "sizee": 1})
    with pytest.raises(ApiRefused) as refused:
        admin.create(collection(plural, "default"), body, **STRICT)
    assert 'unknown field "spec.sizee"' in refused.value.message


@pytest.mark.parametrize("plural", PLURALS)
def test_what_the_api_server_stores_the_models_read(plural: str, admin: Api) -> None:
    made = admin.create(
        collection(plural, "default"), manifest(plural, spec=BASES[plural]), **STRICT
    )
    read = MODELS[plural].model_validate(made)
    assert read.metadata.uid == made["metadata"]["uid"]


@pytest.mark.parametrize("plural", ["claudesessions", "claudesessionpools"])
def test_status_and_spec_are_written_apart(plural: str, admin: Api, namespace: str) -> None:
    path = f"{collection(plural, namespace)}/example"
    status = {"observedGeneration": 7}
    body = manifest(plural, spec=BASES[plural], status=status)
    made = admin.create(collection(plural, namespace), body)
    assert "status" not in made

    changed = {"spec": {"templateRef": {"name": "other"}}, "status": status}
    written = admin.merge(f"{path}/status", changed)
    assert written["status"] == status
    assert written["spec"]["templateRef"] == {"name": "a"}
    assert written["metadata"]["generation"] == 1

    written = admin.merge(path, {"spec": changed["spec"], "status": {"observedGeneration": 8}})
    assert written["status"] == status
    assert written["spec"]["templateRef"] == {"name": "other"}
    assert written["metadata"]["generation"] == 2


def test_a_template_has_no_status(admin: Api, namespace: str) -> None:
    path = collection("claudesessiontemplates", namespace)
    admin.create(path, manifest("claudesessiontemplates", spec={}))
    with pytest.raises(ApiRefused, match="404"):
        admin.get(f"{path}/example/status")


def test_a_condition_of_a_type_is_there_once(admin: Api, namespace: str) -> None:
    path = f"{collection('claudesessions', namespace)}/example"
    admin.create(
        collection("claudesessions", namespace),
        manifest("claudesessions", spec=BASES["claudesessions"]),
    )
    ready = {
        "type": "Ready",
        "status": "True",
        "reason": "PodReady",
        "lastTransitionTime": "2026-01-31T12:00:00.000Z",
    }
    with pytest.raises(ApiRefused, match="Duplicate value"):
        admin.merge(f"{path}/status", {"status": {"conditions": [ready, ready]}})


def test_a_time_without_a_zone_is_refused(admin: Api, namespace: str) -> None:
    path = f"{collection('claudesessions', namespace)}/example"
    admin.create(
        collection("claudesessions", namespace),
        manifest("claudesessions", spec=BASES["claudesessions"]),
    )
    with pytest.raises(ApiRefused, match=r"readyAt in body must be of type date-time"):
        admin.merge(f"{path}/status", {"status": {"readyAt": "yesterday"}})


def test_scale_is_the_pools_replicas(admin: Api, namespace: str) -> None:
    path = f"{collection('claudesessionpools', namespace)}/example"
    body = manifest("claudesessionpools", spec=BASES["claudesessionpools"])
    admin.create(collection("claudesessionpools", namespace), body)
    admin.merge(f"{path}/status", {"status": {"replicas": 1, "selector": "moorage.dev/pool=a"}})

    scale = admin.get(f"{path}/scale")
    assert scale["spec"] == {"replicas": 1}
    assert scale["status"] == {"replicas": 1, "selector": "moorage.dev/pool=a"}

    admin.merge(f"{path}/scale", {"spec": {"replicas": 3}})
    assert admin.get(path)["spec"]["replicas"] == 3


def test_only_the_resources_with_a_model_are_defined() -> None:
    assert set(definitions()) == set(MODELS)
