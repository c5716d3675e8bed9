"""The operator's settings: from the environment, whole or not at all."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from moorage_api.settings import SettingsRefused
from moorage_api.settings import load as load_settings
from moorage_operator.__main__ import main
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
    return load_settings(OperatorSettings)


def test_defaults_are_enough_but_for_what_only_a_cluster_knows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = load(monkeypatch)
    assert settings.namespaces == []
    assert settings.limits.per_namespace is None
    assert settings.pod.host_users is None


def test_levels_are_joined_by_two_underscores(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(
        monkeypatch,
        MOORAGE_OPERATOR_LIMITS__PER_OWNER="3",
        MOORAGE_OPERATOR_NAMESPACES="a, b",
        MOORAGE_OPERATOR_POD__HOST_USERS="false",
    )
    assert settings.limits.per_owner == 3
    assert settings.namespaces == ["a", "b"]
    assert settings.pod.host_users is False


def test_a_secret_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "hunter2" not in repr(load(monkeypatch))


def test_all_mistakes_are_listed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsRefused) as caught:
        load(
            monkeypatch,
            MOORAGE_OPERATOR_POD__GRACE_SECONDS="1",
            MOORAGE_OPERATOR_RESYNC="often",
            MOORAGE_OPERATOR_POD__UNKNOWN="x",
            MOORAGE_OPERATOR_LEASE__RENEW_SECONDS="20",
        )
    variables = {each.partition(":")[0] for each in caught.value.mistakes}
    names = {"POD__GRACE_SECONDS", "RESYNC", "POD__UNKNOWN", "LEASE"}
    assert variables == {f"MOORAGE_OPERATOR_{name}" for name in names}


def test_a_secret_may_stand_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "redis"
    file.write_text("redis://operator:from-the-file@redis:6379/0\n")
    monkeypatch.setenv("MOORAGE_OPERATOR_REDIS__URL_FILE", str(file))
    with pytest.raises(SettingsRefused, match="set as well"):
        load(monkeypatch)
    monkeypatch.delenv("MOORAGE_OPERATOR_REDIS__URL")
    found = load_settings(OperatorSettings).redis.url.get_secret_value()
    assert found == "redis://operator:from-the-file@redis:6379/0"


def test_what_holds_is_printed_without_secrets(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    load(monkeypatch)
    assert main(["check-config"]) == 0
    shown = capsys.readouterr().out
    assert "MOORAGE_OPERATOR_LEASE__NAMESPACE = moorage  # environment" in shown
    assert "hunter2" not in shown


def test_mistakes_are_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SettingsRefused):
        load(monkeypatch, MOORAGE_OPERATOR_WORKERS="0")
    assert main(["run"]) == 2
    assert "MOORAGE_OPERATOR_WORKERS" in capsys.readouterr().err


def test_they_cannot_be_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch)
    with pytest.raises(ValidationError, match="frozen"):
        settings.resync = "1s"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"REDIS__TLS__CA_FILE": "/nowhere/ca.crt"}, "there is no such file"),
        ({"REDIS__TLS__CA_FILE": __file__}, "needs a URL with rediss://"),
        ({"REDIS__TLS__CERT_FILE": __file__}, "given together"),
        (
            {"REDIS__TLS__CA_FILE": __file__, "REDIS__URL": "rediss://redis:6379/0"},
            "needs a URL with rediss://",
        ),
        ({"REDIS__URL": "rediss://redis:6379/0?ssl_cert_reqs=none"}, "takes no ssl_ options"),
    ],
)
def test_tls_to_redis_is_whole_or_refused(
    monkeypatch: pytest.MonkeyPatch, more: dict[str, str], said: str
) -> None:
    """Also where sessions would be the only ones to talk without it."""
    with pytest.raises(SettingsRefused, match=said):
        load(monkeypatch, **{f"MOORAGE_OPERATOR_{name}": value for name, value in more.items()})
