"""The chart's admission policy on the control plane of the tests, as helm renders it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from moorage_testing.controlplane.api import Api
from moorage_testing.controlplane.processes import until
from moorage_testing.helm import Manifest

_REGISTRATION: Final = "/apis/admissionregistration.k8s.io/v1"
_COMPONENT: Final = "app.kubernetes.io/component"


def place(kind: str, namespace: str) -> str:
    """Return where objects of a kind are made, for a release in this namespace."""
    if kind == "ConfigMap":
        return f"/api/v1/namespaces/{namespace}/configmaps"
    plurals = {
        "ValidatingAdmissionPolicy": "validatingadmissionpolicies",
        "ValidatingAdmissionPolicyBinding": "validatingadmissionpolicybindings",
    }
    return f"{_REGISTRATION}/{plurals[kind]}"


@contextmanager
def in_force(
    admin: Api, release: Sequence[Manifest], namespace: str, pending: Callable[[], str | None]
) -> Iterator[None]:
    """Have the policy of a release, from when nothing is ``pending`` any more."""
    made = [
        each
        for each in release
        if each["metadata"].get("labels", {}).get(_COMPONENT) == "admission"
    ]
    for each in made:
        admin.create(place(each["kind"], namespace), each)
    try:
        until("the policy in force", 60, pending)
        yield
    finally:
        for each in reversed(made):
            admin.delete(f"{place(each['kind'], namespace)}/{each['metadata']['name']}")
