"""What a log line holds, where it goes, and that no secret is in it."""

import json
import logging
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from moorage_api.redaction import Redactor, _masked
from moorage_gateway import logs
from moorage_gateway.settings import LogSettings
from moorage_testing.logging_state import restored_logging


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    with restored_logging():
        yield


def logged(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize(
    "event",
    [
        {"password": "geheim"},
        {"Authorization": "geheim"},
        {"api_key": "geheim"},
        {"details": {"accessToken": "geheim", "list": [{"cookie": "geheim"}]}},
        {"details": {"refresh_token": {"value": "geheim"}}},
        {"event": "connect redis://user:geheim@host/0"},
        {"event": "Authorization: Bearer geheim.geheim"},
        {"event": "GET /callback?code=geheim&state=1"},
        {"event": "login with password=geheim failed"},
        {"event": "clone https://geheim@example.com/a failed"},
        {"event": "redirected to https://geheim@example.com"},
        {"exception": "TypeError: connect(user='a', password='geheim')"},
        {"exception": 'TypeError: connect(user="a", password="geheim")'},
        {"exception": "ValueError: connect(password=b'geheim', port=1)"},
        {"exception": "    password = 'geheim'"},
        {"exception": r"password='it\'s geheim'"},
        {"exception": "cut off: password='geheim"},
        {"exception": "Request(client_secret='geheim', access_token='geheim')"},
        {"exception": "KeyError: {'password': 'geheim', 'port': 1}"},
        {"exception": 'body {"apiKey":"geheim","port":1}'},
        {"exception": "connect(password=geheim, port=1)"},
        {"event": "DATABASE_PASSWORD=geheim moorage-gateway serve"},
        {"event": "x-eyJhbGciOiJIUzI1NiJ9.geheimgeheim.geheim"},
        {"event": "-----BEGIN RSA PRIVATE KEY-----\ngeheim\n-----END RSA PRIVATE KEY-----"},
        {"event": "eyJhbGciOiJIUzI1NiJ9.geheimgeheim.geheim"},
        {"event": "mk_geheimgeheim"},
        {"event": "mr_geheimgeheim"},
        {"exception": "Traceback ... sk-ant-geheimgeheim"},
        {"event": ["https://x:geheim@example.com/a"]},
        {"event": b"https://x:geheim@example.com/a"},
        {"cause": ValueError("redis://:geheim@host")},
        {"values": ({"token": "geheim"}, "mk_geheimgeheim")},
        {"event": "the value itself: bekanntes-geheim"},
        {"bekanntes-geheim": {"bekanntes-geheim": 1}},
    ],
    ids=str,
)
def test_no_secret_is_logged(event: dict[str, Any]) -> None:
    redacted = Redactor(["bekanntes-geheim"])(None, "info", event)
    assert "geheim" not in str(list(redacted.values()))


def test_what_is_no_secret_stays() -> None:
    event = {
        "event": "request",
        "path": "/a:b@c",
        "status": 200,
        "duration_ms": 1.5,
        "input_tokens": 5,
        "token": None,
        "session": "6f1c2b54-2f0e-5d0b-9d0c-6d6f6f726167",
    }
    assert Redactor(["x", "kurz"])(None, "info", dict(event)) == event


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://x:geheim@host/a", "https://x:***@host/a"),
        ("https://geheim@host/a", "https://***@host/a"),
        ("connect(password='geheim', port=1)", "connect(password=***, port=1)"),
        ("{'password': 'geheim', 'port': 1}", "{'password': ***, 'port': 1}"),
        ("?access_token=geheim&state=1", "?access_token=***&state=1"),
        ("https://host/?mail=a@b.c", "https://host/?mail=a@b.c"),
        ("https://host?mail=a@b.c", "https://host?mail=a@b.c"),
        ("https://host:443/a@b", "https://host:443/a@b"),
        ("there is no secret: 'git'", "there is no secret: 'git'"),
        ("input_tokens='5', status_code='200'", "input_tokens='5', status_code='200'"),
        ("secretName='git'", "secretName='git'"),
    ],
)
def test_what_stands_around_a_secret_stays(text: str, expected: str) -> None:
    assert _masked(text) == expected


@pytest.mark.parametrize(
    "part",
    [
        *(
            "://",
            "://a",
            "://a:",
            "://a:a@",
            "a@",
            "-eyJ",
            "eyJaaaaaaaa.",
            "password='",
            "password=",
        ),
        *("'password':", "password  = ", "secret", "bearer ", "-----BEGIN ", "sk-ab-", "\\'", "a"),
    ],
)
def test_a_long_text_takes_no_longer_for_each_character(part: str) -> None:
    """It takes some hundredths of a second; were it the square of the length, many seconds."""
    text = part * (100_000 // len(part))
    began = time.process_time()
    _masked(text)
    assert time.process_time() - began < 2


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
))  # fmt: skip
def test_whatever_is_logged_can_be_written_and_holds_no_known_secret(value: Any) -> None:
    secret = "geheim-geheim"
    redacted = Redactor([secret])(None, "info", {"value": [value, secret, {secret: secret}]})
    assert secret not in json.dumps(redacted)


def test_a_deep_value_ends() -> None:
    value: Any = "x"
    for _ in range(100):
        value = [value]
    json.dumps(Redactor()(None, "info", {"value": value}))


def test_lines_go_to_a_private_file_with_what_is_bound(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "gateway.log"
    logs.configure(LogSettings(file=path, level="info"), ["bekanntes-geheim"])
    with structlog.contextvars.bound_contextvars(request_id="r-1", session="s-1"):
        structlog.get_logger("moorage_gateway.x").info("done", what="bekanntes-geheim")
        logging.getLogger("a.library").warning("it is %s", "bekanntes-geheim")
        structlog.get_logger("moorage_gateway.x").debug("not shown")
    own, library = logged(path)
    assert {"request_id": "r-1", "session": "s-1", "level": "info", "event": "done"}.items() <= (
        own.items()
    )
    assert own["what"] == "***"
    assert own["timestamp"].endswith("Z")
    assert (library["request_id"], library["level"]) == ("r-1", "warning")
    assert library["event"] == "it is ***"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@given(st.from_regex(r"[0-9a-fA-F:.TZ-]{8,60}", fullmatch=True))
def test_ids_and_times_hold_no_form_of_a_secret(text: str) -> None:
    """They are not searched for the forms, which this does."""
    assert _masked(text) == text


def test_a_trace_is_redacted(tmp_path: Path) -> None:
    path = tmp_path / "gateway.log"
    logs.configure(LogSettings(file=path))
    with pytest.raises(ValueError, match="geheim") as raised:
        int("mk_geheimgeheim")
    structlog.get_logger("x").error("failed", exc_info=raised.value)
    assert "Traceback" in path.read_text()
    (line,) = logged(path)
    assert line["exception"].endswith("with base 10: 'mk_***'")


@pytest.mark.parametrize(
    ("level", "shown"),
    [
        ("trace", ["trace", "debug", "info", "warning", "error"]),
        ("debug", ["debug", "info", "warning", "error"]),
        ("info", ["info", "warning", "error"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
    ],
)
def test_levels(tmp_path: Path, level: Any, shown: list[str]) -> None:
    path = tmp_path / "gateway.log"
    logs.configure(LogSettings(file=path, level=level))
    log = structlog.get_logger("moorage_gateway.levels")
    logs.trace(log, "x")
    for name in ("debug", "info", "warning", "error"):
        getattr(log, name)("x")
    assert [line["level"] for line in logged(path)] == shown


def test_the_least_level_is_nothing_where_logging_was_not_configured() -> None:
    with structlog.testing.capture_logs() as captured:
        logs.trace(structlog.get_logger("y"), "x")
    assert captured == []


def test_a_full_file_is_moved_aside(tmp_path: Path) -> None:
    path = tmp_path / "gateway.log"
    logs.configure(LogSettings(file=path, file_max_bytes=4096, file_backups=2))
    for number in range(200):
        structlog.get_logger("x").info("line", number=number)
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["gateway.log", "gateway.log.1", "gateway.log.2"]
    assert all(file.stat().st_size <= 4096 for file in files)
    assert logged(path)[-1]["number"] == 199
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in files)
