"""Tokens, and what a session may do, as operator and proxy share them."""

import pytest

from moorage_api import meter
from moorage_api.grant import Grant, is_token, make_grant, new_token, session_of, token_digest
from moorage_api.resources import SessionSpec
from moorage_api.resources.session import Usage

UID = "5b1e3c1e-0d0f-4a7e-9a55-0f3b8f1d2c3a"


def test_a_token_names_its_session_and_no_two_are_alike() -> None:
    one, other = new_token(UID), new_token(UID)
    assert session_of(one) == session_of(other) == UID
    assert one != other
    assert is_token(one, token_digest(one).encode())
    assert not is_token(other, token_digest(one).encode())
    assert not is_token(one, b"")


@pytest.mark.parametrize(
    "text",
    ["", "x", "mo_session_", "mo_session_.secret", f"mo_session_{UID}.", f"mo_session_{UID}",
     "mo_session_{other}:x.secret", "mo_session_" + "x" * 300 + ".s"],
)  # fmt: skip
def test_what_is_no_token_names_nobody(text: str) -> None:
    assert session_of(text) is None


def test_a_grant_holds_what_the_proxy_needs() -> None:
    spec = SessionSpec.model_validate(
        {
            "repository": {
                "url": "https://git.example.com/a.git",
                "credentialsSecretRef": {"name": "git"},
                "submodules": True,
            },
            "additionalRepositories": [{"url": "https://git.example.com/b.git", "path": "b"}],
            "owner": "ann",
            "budget": {"maxCostUsd": 5},
            "egress": {"mode": "allowList", "hosts": ["pypi.org"]},
        }
    )
    grant = make_grant("team", "fix", spec)
    assert Grant.model_validate_json(grant.model_dump_json(by_alias=True)) == grant
    assert (grant.owner, grant.max_cost_usd, grant.hosts) == ("ann", 5, ["pypi.org"])
    assert [each.secret for each in grant.repositories] == ["git", None]
    assert [each.submodules for each in grant.repositories] == [True, False]


def test_a_meter_is_read_as_usage() -> None:
    values = [b"10", b"20", b"30", b"40", b"1500000"]
    assert meter.decode_meter(values) == Usage(input_tokens=60, output_tokens=40, cost_usd=1.5)
    assert meter.decode_meter([None] * 5) is None
    assert meter.decode_meter([b"x", None, None, None, None]) is None
