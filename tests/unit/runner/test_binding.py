"""Where the settings come from, and that nothing of them stays behind."""

import json
from io import StringIO

import pytest

from moorage_runner.binding import from_environment, from_line
from moorage_runner.errors import SettingsInvalidError
from moorage_runner.settings import RunnerSettings

VALUES = {
    "MOORAGE_SESSION_ID": "abc",
    "MOORAGE_SESSION_SPEC": "/spec.json",
    "MOORAGE_REDIS_URL": "redis://user:secret@host/0",
    "MOORAGE_WORKSPACE": "/workspace",
    "ANTHROPIC_BASE_URL": "http://proxy",
    "ANTHROPIC_AUTH_TOKEN": "token",
}


def check(settings: RunnerSettings | None) -> None:
    assert settings is not None
    assert settings.session_id == "abc"
    assert settings.model_credentials == {"ANTHROPIC_AUTH_TOKEN": "token"}
    assert "secret" not in repr(settings)


def test_the_environment_is_read_and_emptied() -> None:
    environment = {**VALUES, "PATH": "/bin", "MOORAGE_OTHER": "x"}
    check(from_environment(environment))
    assert environment == {"PATH": "/bin"}


def test_a_key_stays_a_key() -> None:
    """The model refuses a key that comes as a bearer token."""
    environment = {**VALUES, "ANTHROPIC_API_KEY": "key"}
    del environment["ANTHROPIC_AUTH_TOKEN"]
    settings = from_environment(environment)
    assert settings.model_credentials == {"ANTHROPIC_API_KEY": "key"}


def test_without_either_it_is_refused() -> None:
    environment = {**VALUES, "ANTHROPIC_AUTH_TOKEN": ""}
    with pytest.raises(SettingsInvalidError) as caught:
        from_environment(environment)
    assert "ANTHROPIC_AUTH_TOKEN" in caught.value.message


def test_a_warm_process_reads_a_line() -> None:
    environment = {"PATH": "/bin"}
    check(from_line(StringIO(json.dumps(VALUES) + "\n"), environment))
    assert environment == {"PATH": "/bin"}
    assert from_line(StringIO(""), {}) is None


@pytest.mark.parametrize("line", ["no json\n", "[]\n", "{}\n", "[" * 5_000 + "\n"])
def test_a_wrong_line_is_refused(line: str) -> None:
    with pytest.raises(SettingsInvalidError):
        from_line(StringIO(line), {})


def test_every_mistake_is_told_at_once_without_values() -> None:
    wrong = {**VALUES, "MOORAGE_WORKSPACE": "relative-secret", "MOORAGE_GRACE_SECONDS": "-1"}
    del wrong["MOORAGE_REDIS_URL"]
    with pytest.raises(SettingsInvalidError) as caught:
        from_environment(wrong)
    assert "MOORAGE_REDIS_URL" in caught.value.message
    assert "MOORAGE_GRACE_SECONDS" in caught.value.message
    assert "secret" not in caught.value.message
    assert wrong == {}
