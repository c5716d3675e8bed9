"""Every limit in the CRDs holds on the real API server: just inside accepted, just outside not."""

import pytest

from moorage_testing.controlplane.api import Api
from moorage_testing.controlplane.errors import ApiRefused

from .limits import Limit, limits
from .schemas import BASES, body, collection, manifest

STRICT = {"dryRun": "All", "fieldValidation": "Strict"}


@pytest.mark.parametrize("limit", limits("spec"), ids=str)
def test_a_limit_of_the_spec(limit: Limit, admin: Api) -> None:
    path = collection(limit.field.plural, "default")
    admin.create(path, body(limit.field, limit.inside), **STRICT)
    with pytest.raises(ApiRefused) as refused:
        admin.create(path, body(limit.field, limit.outside), **STRICT)
    assert limit.told in refused.value.message


@pytest.mark.parametrize("limit", limits("status"), ids=str)
def test_a_limit_of_the_status(limit: Limit, admin: Api) -> None:
    plural = limit.field.plural
    path = f"{collection(plural, 'default')}/limits"
    admin.apply(path, manifest(plural, "limits", spec=BASES[plural]))
    admin.merge(f"{path}/status", {"status": body(limit.field, limit.inside)["status"]}, **STRICT)
    wrong = {"status": body(limit.field, limit.outside)["status"]}
    with pytest.raises(ApiRefused) as refused:
        admin.merge(f"{path}/status", wrong, **STRICT)
    assert limit.told in refused.value.message
