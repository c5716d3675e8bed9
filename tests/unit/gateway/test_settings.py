"""Settings: all mistakes at once, as sentences, and never a value that may be a secret."""

from pathlib import Path

import pytest

from moorage_api.settings import leaves
from moorage_gateway.__main__ import main
from moorage_gateway.generate import openapi, settings_page
from moorage_gateway.settings import (
    Settings,
    SettingsRefused,
    is_loopback,
    load_settings,
    load_unattended,
)

DOCS = Path(__file__).parents[3] / "docs"
GOOD = {"MOORAGE_AUTH": "none", "MOORAGE_REDIS_URL": "redis://:geheim@localhost"}


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    import os  # noqa: PLC0415

    for name in list(os.environ):
        if name.startswith("MOORAGE_"):
            monkeypatch.delenv(name)


def load(monkeypatch: pytest.MonkeyPatch, **changes: str) -> Settings:
    for name, value in (GOOD | changes).items():
        monkeypatch.setenv(name, value)
    return load_settings()


def test_good_settings_are_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(
        monkeypatch,
        MOORAGE_PORT="9000",
        MOORAGE_HTTP__ALLOWED_ORIGINS="https://a.example.com, https://b.example.com",
        MOORAGE_SESSIONS__ALLOW_LOCAL_PATHS="true",
        MOORAGE_HOME="/somewhere",
    )
    assert (settings.port, settings.sessions.allow_local_paths) == (9000, True)
    assert settings.http.allowed_origins == ["https://a.example.com", "https://b.example.com"]
    assert settings.database_location == "sqlite+aiosqlite:////somewhere/moorage.db"
    assert "geheim" not in repr(settings)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"MOORAGE_AUTH": "jwt"}, ["MOORAGE_AUTH: Input should be"]),
        ({"MOORAGE_AUTH": "users"}, ["MOORAGE_LOGIN__SECRET must be set"]),
        ({"MOORAGE_LOGIN__SECRET": "geheim"}, ["MOORAGE_LOGIN__SECRET: write at least 32"]),
        ({"MOORAGE_OIDC__ISSUER": "https://a.example"}, ["also set MOORAGE_OIDC__AUDIENCE"]),
        (
            {"MOORAGE_OIDC__ISSUER": "http://a.example", "MOORAGE_OIDC__AUDIENCE": "x"},
            ["MOORAGE_OIDC__ISSUER: write an https"],
        ),
        ({"MOORAGE_HOST": "0.0.0.0"}, ["needs a loopback address"]),  # noqa: S104
        ({"MOORAGE_HTTP__ALLOWED_HOSTS": "x"}, ["loopback names only"]),
        ({"MOORAGE_HTTP__NONSENSE": "1"}, ["MOORAGE_HTTP__NONSENSE: there is no such"]),
        ({"MOORAGE_HTPP__X": "1"}, ["MOORAGE_HTPP__X: there is no such"]),
        ({"MOORAGE_REDIS_URL": "geheim"}, ["MOORAGE_REDIS_URL: write redis://"]),
        ({"MOORAGE_DATABASE_URL": "mysql://geheim"}, ["MOORAGE_DATABASE_URL: write postgresql"]),
        ({"MOORAGE_HTTP": "geheim"}, ["http"]),
        (
            {"MOORAGE_PORT": "x", "MOORAGE_DATABASE__POOL_SIZE": "0", "MOORAGE_X__Y": ""},
            ["MOORAGE_PORT", "MOORAGE_DATABASE__POOL_SIZE", "MOORAGE_X__Y"],
        ),
    ],
)
def test_mistakes_are_told_all_at_once(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, str], named: list[str]
) -> None:
    with pytest.raises(SettingsRefused) as refused:
        load(monkeypatch, **changes)
    told = "\n".join(refused.value.mistakes)
    assert len(refused.value.mistakes) == len(named)
    for words in named:
        assert words in told
    assert "geheim" not in told


def test_an_empty_variable_is_an_empty_list_of_either_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, MOORAGE_FILES__NAMES="", MOORAGE_REPOSITORIES__PATTERNS="")
    assert (settings.files.names, settings.repositories.patterns) == ([], [])


def test_variables_of_others_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kubernetes makes such ones for services; runners have theirs."""
    load(monkeypatch, MOORAGE_GATEWAY_SERVICE_HOST="10.0.0.1", MOORAGE_SESSION_ID="x")


def test_where_nobody_logs_in_there_needs_to_be_no_login_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of the recorder and the migration: what they never hold nobody gets from them."""
    monkeypatch.setenv("MOORAGE_REDIS_URL", GOOD["MOORAGE_REDIS_URL"])
    assert load_unattended().login.secret is None
    with pytest.raises(SettingsRefused, match="MOORAGE_LOGIN__SECRET must be set"):
        load_settings()


def test_other_mistakes_are_mistakes_there_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOORAGE_REDIS_URL", GOOD["MOORAGE_REDIS_URL"])
    monkeypatch.setenv("MOORAGE_METRICS__PORT", "8080")
    with pytest.raises(SettingsRefused) as refused:
        load_unattended()
    assert len(refused.value.mistakes) == 1


@pytest.mark.parametrize(
    "command", [["serve"], ["studio"], ["create-admin", "root@example.com"], ["rotate-keys"]]
)
def test_a_command_for_logins_says_that_the_login_secret_is_wanting(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    monkeypatch.setenv("MOORAGE_REDIS_URL", GOOD["MOORAGE_REDIS_URL"])
    assert main(command) == 2
    assert "MOORAGE_LOGIN__SECRET must be set" in capsys.readouterr().err


def test_a_bad_setting_ends_the_command_with_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MOORAGE_PORT", "x")
    assert main(["check-config"]) == 2
    told = capsys.readouterr().err
    for name in ("MOORAGE_PORT", "MOORAGE_REDIS_URL"):
        assert name in told


def test_a_secret_may_stand_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "redis").write_text("redis://:geheim@elsewhere\n")
    (tmp_path / "headers").write_text("authorization=geheim")
    monkeypatch.setenv("MOORAGE_AUTH", "none")
    monkeypatch.setenv("MOORAGE_REDIS_URL_FILE", str(tmp_path / "redis"))
    monkeypatch.setenv("MOORAGE_TRACING__HEADERS_FILE", str(tmp_path / "headers"))
    settings = load_settings()
    assert settings.redis_url.get_secret_value() == "redis://:geheim@elsewhere"
    assert settings.tracing.headers is not None
    assert settings.tracing.headers.get_secret_value() == "authorization=geheim"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file"),
        (b"", "it is empty"),
        (b"\n", "it is empty"),
        (b"\xff", "not UTF-8"),
        (b"x" * 70_000, "larger than"),
    ],
)
def test_a_file_that_holds_no_secret_is_one_of_the_mistakes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None, reason: str
) -> None:
    if content is not None:
        (tmp_path / "redis").write_bytes(content)
    monkeypatch.setenv("MOORAGE_AUTH", "none")
    monkeypatch.setenv("MOORAGE_PORT", "x")
    monkeypatch.setenv("MOORAGE_REDIS_URL_FILE", str(tmp_path / "redis"))
    with pytest.raises(SettingsRefused) as refused:
        load_settings()
    assert [text.partition(":")[0] for text in refused.value.mistakes] == [
        "MOORAGE_REDIS_URL_FILE",
        "MOORAGE_PORT",
    ]
    assert reason in refused.value.mistakes[0]


def test_a_secret_is_given_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "redis").write_text("redis://:geheim@elsewhere")
    with pytest.raises(SettingsRefused, match="keep one of them"):
        load(monkeypatch, MOORAGE_REDIS_URL_FILE=str(tmp_path / "redis"))


def test_what_is_no_secret_comes_from_no_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(SettingsRefused, match="MOORAGE_HTTP__HSTS_SECONDS_FILE: there is no such"):
        load(monkeypatch, MOORAGE_HTTP__HSTS_SECONDS_FILE=str(tmp_path))


def test_rules_between_settings_are_told_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsRefused) as refused:
        load(
            monkeypatch,
            MOORAGE_HOST="10.0.0.1",
            MOORAGE_HTTP__ALLOWED_HOSTS="x",
            MOORAGE_METRICS__PORT="8080",
        )
    assert len(refused.value.mistakes) == 3


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"MOORAGE_REDIS__TLS__CA_FILE": __file__}, "MOORAGE_REDIS_URL: TLS to Redis needs"),
        ({"MOORAGE_REDIS_URL": "rediss://r/0?ssl_check_hostname=no"}, "takes no ssl_ options"),
    ],
)
def test_tls_to_redis_is_whole_or_refused(
    monkeypatch: pytest.MonkeyPatch, more: dict[str, str], said: str
) -> None:
    with pytest.raises(SettingsRefused, match=said):
        load(monkeypatch, **more)


def test_the_command_prints_what_holds_and_no_secret(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "headers").write_text("authorization=geheim")
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv(
        "MOORAGE_HTTP__ALLOWED_ORIGINS", "https://a.example.com,https://b.example.com"
    )
    monkeypatch.setenv("MOORAGE_TRACING__HEADERS_FILE", str(tmp_path / "headers"))
    assert main(["check-config"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "MOORAGE_PORT = 8080  # default" in lines
    assert "MOORAGE_REDIS_URL = ********  # environment" in lines
    assert "MOORAGE_TRACING__HEADERS = ********  # file" in lines
    origins = "https://a.example.com,https://b.example.com"
    assert f"MOORAGE_HTTP__ALLOWED_ORIGINS = {origins}  # environment" in lines
    assert "geheim" not in "\n".join(lines)
    assert {leaf.variable for leaf in leaves(Settings)} <= {line.split()[0] for line in lines}


def test_the_command_prints_what_was_given_with_the_mistakes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MOORAGE_PORT", "x")
    monkeypatch.setenv("MOORAGE_DATABASE_URL", "mysql://geheim")
    assert main(["check-config"]) == 2
    told = capsys.readouterr()
    assert "MOORAGE_PORT = x  # environment" in told.out
    assert "MOORAGE_REDIS_URL =   # not set" in told.out
    assert "geheim" not in told.out + told.err


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("::1", True),
        ("0.0.0.0", False),  # noqa: S104
        ("::", False),
        ("10.0.0.1", False),
        ("localhost.example.com", False),
        ("", False),
    ],
)
def test_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def test_the_documents_are_generated() -> None:
    """`python -m moorage_gateway.generate` writes them."""
    assert (DOCS / "settings.md").read_text() == settings_page()
    assert (DOCS / "openapi.json").read_text() == openapi()
