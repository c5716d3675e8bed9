"""Secrets are kept out of the log, by name and by form."""

from typing import Any

import pytest

from moorage_gateway.logs import redact


@pytest.mark.parametrize(
    "event",
    [
        {"password": "geheim"},
        {"Authorization": "geheim"},
        {"api_key": "geheim"},
        {"details": {"accessToken": "geheim", "list": [{"cookie": "geheim"}]}},
        {"event": "connect redis://user:geheim@host/0"},
        {"event": "Authorization: Bearer geheim.geheim"},
        {"exception": "Traceback ... sk-ant-geheimgeheim"},
        {"event": ["https://x:geheim@example.com/a"]},
    ],
)
def test_no_secret_is_logged(event: dict[str, Any]) -> None:
    assert "geheim" not in str(redact(None, "info", event))


def test_what_is_no_secret_stays() -> None:
    event = {"event": "request", "path": "/a:b@c", "status": 200, "duration_ms": 1.5}
    assert redact(None, "info", dict(event)) == event
