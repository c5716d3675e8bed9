"""The operator's settings: from the environment, whole or not at all."""

import pytest
from pydantic import ValidationError

from moorage_operator.settings import OperatorSettings

NEEDED = {
    "MOORAGE_OPERATOR_POD__RUNNER_IMAGE": "runner:1",
    "MOORAGE_OPERATOR_POD__AGENT_IMAGE": "agent:1",
    "MOORAGE_OPERATOR_POD__PROXY_URL": "http://proxy:8080",
    "MOORAGE_OPERATOR_REDIS__URL": "redis://operator:hunter2@redis:6379/0",
    "MOORAGE_OPERATOR_REDIS__SESSION_URL": "redis://redis:6379/0",
    "MOORAGE_OPERATOR_LEASE__NAMESPACE": "moorage",
}


def load(monkeypatch: pytest.MonkeyPatch, **more: str) -> OperatorSettings:
    for name, value in (NEEDED | more).items():
        monkeypatch.setenv(name, value)
    return OperatorSettings()


def test_defaults_are_enough_but_for_what_only_a_cluster_knows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = load(monkeypatch)
    assert settings.namespaces == ()
    assert settings.limits.per_namespace is None
    assert settings.pod.host_users is None


def test_levels_are_joined_by_two_underscores(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(
        monkeypatch,
        MOORAGE_OPERATOR_LIMITS__PER_OWNER="3",
        MOORAGE_OPERATOR_NAMESPACES='["a", "b"]',
        MOORAGE_OPERATOR_POD__HOST_USERS="false",
    )
    assert settings.limits.per_owner == 3
    assert settings.namespaces == ("a", "b")
    assert settings.pod.host_users is False


def test_a_secret_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "hunter2" not in repr(load(monkeypatch))


def test_all_mistakes_are_listed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValidationError) as caught:
        load(
            monkeypatch,
            MOORAGE_OPERATOR_POD__GRACE_SECONDS="1",
            MOORAGE_OPERATOR_RESYNC="often",
            MOORAGE_OPERATOR_POD__UNKNOWN="x",
            MOORAGE_OPERATOR_LEASE__RENEW_SECONDS="20",
        )
    places = {".".join(map(str, each["loc"])) for each in caught.value.errors()}
    assert places == {"pod.grace_seconds", "resync", "pod.unknown", "lease"}


def test_they_cannot_be_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch)
    with pytest.raises(ValidationError, match="frozen"):
        settings.resync = "1s"  # type: ignore[misc]
