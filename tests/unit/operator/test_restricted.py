"""Every pod that the operator can make meets `restricted`, for every spec that the models accept.

The specs are made from the models' own schema, so that no field is left out, and merged with a
template as the operator does it; the settings that shape pods are varied too. `restricted` is the
checker in this folder, written from the standard; the API server's own is asked in
tests/integration/controlplane/test_pod_security.py.
"""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moorage_api.resources import SessionSpec, TemplateSpec, resolve
from moorage_operator.build import Subject, build_pod
from moorage_operator.settings import PodSettings
from moorage_testing.specs import valid

from .builders import session
from .restricted import violations

SIMPLE = {
    "repository": st.just({"url": "https://example.com/r.git"}),
    # What shapes no pod, and costs time to make.
    "timeouts": st.just({"idle": "5m"}),
    "backoff": st.just("5s"),
    "additionalRepositories": st.just([]),
}
SPECS = valid(SessionSpec, SIMPLE)
TEMPLATES = valid(TemplateSpec, SIMPLE)
SETTINGS = valid(PodSettings, {})


def whole(spec: SessionSpec, template: TemplateSpec | None) -> SessionSpec | None:
    """Return the spec as the operator resolves it; None where it would refuse it."""
    try:
        return resolve(spec, template)
    except ValueError:
        return None


RESOLVED = st.builds(whole, SPECS, st.none() | TEMPLATES).filter(lambda spec: spec is not None)


@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@given(RESOLVED, SETTINGS)
def test_every_pod_meets_the_standard(spec: Any, pod_settings: PodSettings) -> None:
    pod = build_pod(Subject(session(), spec), pod_settings)
    assert violations(pod) == []
    assert pod["spec"]["automountServiceAccountToken"] is False
    assert "serviceAccountName" not in pod["spec"]
