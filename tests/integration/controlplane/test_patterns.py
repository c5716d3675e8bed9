"""Every pattern in the CRDs on the real API server: what it takes, what not, what a person sees."""

from collections import defaultdict

import pytest

from moorage_testing.controlplane.api import Api
from moorage_testing.controlplane.errors import ApiRefused

from .schemas import BASES, Field, body, collection, fields, manifest

STRICT = {"dryRun": "All", "fieldValidation": "Strict"}
DURATION = r"^([0-9]+(d|h|m|s|ms))+$"
QUANTITY = r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$"
GIT_REF = r"^[^-\s~^:?*\[\\\x00][^\s~^:?*\[\\\x00]*$"
PATH = r"^[^/\x00][^\x00]*$"
HOST = r"^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
REASON = r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"

TAKEN = {
    DURATION: ("90s", "30m", "1h30m", "7d", "250ms", "0s"),
    QUANTITY: ("500m", "2", "1.5", "10Gi", "4Ti", "1k"),
    GIT_REF: ("main", "feature/x-y", "v1.0", "0123abc", "umlaut-ä"),
    PATH: ("lib", "third party/lib", "a/b", "..lib"),
    HOST: ("example.com", "*.example.com", "localhost", "a-b.c", "192.0.2.1"),
    REASON: ("Ready", "PodFailed", "a", "A_b:C,d"),
}
REFUSED = {
    DURATION: ("90", "1.5h", "1 h", "-5m", "5M", "h", "1w", "5m\n"),
    QUANTITY: ("1 Gi", "-1", ".5", "1.", "10GB", "Gi", "1e3", "2\n"),
    GIT_REF: ("-x", "a b", "a~1", "a^", "a:b", "a?", "a*", "a[", "a\\b", "a\n", "a\tb", "a\x00"),
    PATH: ("/etc", "a\x00b"),
    HOST: (
        "Example.com", "https://example.com", "example.com:443", "*", "a.*.com", "-a.com",
        "a-.com", "a..com", "a.com.", "a_b.com", "a.com\n",
    ),
    REASON: ("", "1st", "Two words", "Ends:", "Ä"),
}  # fmt: skip

PATTERNED: dict[str, list[Field]] = defaultdict(list)
for each in fields():
    if "pattern" in each.node:
        PATTERNED[each.node["pattern"]].append(each)
PLACES = [field for found in PATTERNED.values() for field in found]
SPEC = [field for field in PLACES if field.part == "spec"]
STATUS = [field for field in PLACES if field.part == "status"]


def name_of(field: Field) -> str:
    return f"{field.plural}:{field.path}"


def told(field: Field, value: str) -> str:
    """What a person sees, with the field, the value and the form that is asked for."""
    last = field.steps[-1] if field.steps[-1] != "[]" else f"{field.steps[-2]}[0]"
    return f"{last} in body should match '{field.node['pattern']}'"


def test_no_pattern_is_left_out() -> None:
    assert set(PATTERNED) == set(TAKEN) == set(REFUSED)


@pytest.mark.parametrize("field", SPEC, ids=name_of)
def test_a_pattern_of_the_spec(field: Field, admin: Api) -> None:
    path = collection(field.plural, "default")
    for value in TAKEN[field.node["pattern"]]:
        admin.create(path, body(field, value), **STRICT)
    for value in REFUSED[field.node["pattern"]]:
        with pytest.raises(ApiRefused) as refused:
            admin.create(path, body(field, value), **STRICT)
        assert told(field, value) in refused.value.message, value


@pytest.mark.parametrize("field", STATUS, ids=name_of)
def test_a_pattern_of_the_status(field: Field, admin: Api) -> None:
    path = f"{collection(field.plural, 'default')}/patterns"
    admin.apply(path, manifest(field.plural, "patterns", spec=BASES[field.plural]))
    for value in TAKEN[field.node["pattern"]]:
        admin.merge(f"{path}/status", {"status": body(field, value)["status"]}, **STRICT)
    for value in REFUSED[field.node["pattern"]]:
        with pytest.raises(ApiRefused) as refused:
            admin.merge(f"{path}/status", {"status": body(field, value)["status"]}, **STRICT)
        assert told(field, value) in refused.value.message, value
