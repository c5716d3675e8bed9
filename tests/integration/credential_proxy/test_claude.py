"""Real Claude Code, driven by the real runner, by way of the proxy as a process of its own."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener
from uuid import uuid4

import pytest

from moorage_api.keys import SessionKeys
from moorage_api.redis_client import make_redis
from moorage_scripted_model import RunningModel, Step, Text, ToolUse, running_model, script_prompt
from moorage_testing.proxy_process import ProxyProcess, proxy_process
from moorage_testing.proxying import admit, metered
from moorage_testing.redis import RedisServer
from moorage_testing.runner import RunnerUnderTest

_DIRECT = build_opener(ProxyHandler({}))


@pytest.fixture(scope="module")
def model() -> Iterator[RunningModel]:
    with running_model() as running:
        yield running


@pytest.fixture
def proxy(tmp_path: Path, redis_server: RedisServer, model: RunningModel) -> Iterator[ProxyProcess]:
    with proxy_process(tmp_path, redis_server.url, model.url) as running:
        yield running


class Session:
    """A session whose runner reaches the model through the proxy alone."""

    def __init__(self, folder: Path, redis: RedisServer, model: RunningModel) -> None:
        self.runner = RunnerUnderTest(folder / "session", redis, model, str(uuid4()))
        self._url = redis.url

    def start(self, proxy: ProxyProcess, **grant: object) -> str:
        """Admit it and start its runner; give its token."""
        token = asyncio.run(self._admit(grant))
        self.runner.start(ANTHROPIC_BASE_URL=proxy.url, ANTHROPIC_AUTH_TOKEN=token)
        return token

    async def _admit(self, grant: dict[str, object]) -> str:
        async with make_redis(self._url) as redis:
            _, token = await admit(redis, self.runner.session_id, **grant)  # type: ignore[arg-type]
            return token

    def metered(self) -> dict[str, int]:
        """Give what its meter has counted."""
        return asyncio.run(self._metered())

    async def _metered(self) -> dict[str, int]:
        async with make_redis(self._url) as redis:
            return await metered(redis, SessionKeys(self.runner.session_id).meter)


@pytest.fixture
def session(tmp_path: Path, redis_server: RedisServer, model: RunningModel) -> Iterator[Session]:
    made = Session(tmp_path, redis_server, model)
    yield made
    made.runner.stop()


def test_claude_code_works_by_its_token_and_what_it_uses_is_metered(
    session: Session, proxy: ProxyProcess, model: RunningModel
) -> None:
    token = session.start(proxy)
    touch = ToolUse(name="Bash", input={"command": "echo by way of the proxy"})
    steps = [Step.of(touch), Step.of(Text(text="Done."))]
    session.runner.prompt("p1", script_prompt(steps))
    usage = session.runner.wait_for_type("usage", turn_id="p1").data
    assert usage.outcome == "completed"
    seen = [each for each in model.stats()["recent"] if each["script"] == "inline"][-2:]
    assert {each["credential"] for each in seen} == {"x-api-key  key"}
    counted = session.metered()
    assert counted["requests"] >= 2
    assert counted["costMicroUsd"] > 0
    spent = [line for line in proxy.log if line["event"] == "model"]
    assert sum(line["micro_usd"] for line in spent) == counted["costMicroUsd"]
    with _DIRECT.open(proxy.metrics_url, timeout=10) as response:
        assert b"moorage_proxy_model_tokens_total" in response.read()
    # Nothing but metadata: no token, no key, nothing that was said.
    for secret in (token, token.rpartition(".")[2], "the real key", "by way of the proxy", "Done."):
        assert secret not in proxy.log_text


def test_a_budget_that_ends_is_told_to_the_user_and_asked_for_no_more(
    session: Session, proxy: ProxyProcess
) -> None:
    session.start(proxy, maxCostUsd=0.000_001)
    session.runner.prompt("p1", script_prompt([Step.of(Text(text="Never."))]))
    error = session.runner.wait_for_type("error", turn_id="p1").data
    assert error.code == "BUDGET_EXCEEDED"
    assert not error.retryable
    assert "The budget of the session, 1e-06 US dollars, is used up" in error.message
    refused = [line for line in proxy.log if line["event"] == "refused"]
    assert {line["kind"] for line in refused} == {"billing_error"}
    assert len(refused) <= 2  # it is not asked again and again


def test_a_budget_that_ends_during_an_answer_is_told_too(
    session: Session, proxy: ProxyProcess
) -> None:
    session.start(proxy, maxCostUsd=0.12)
    long = Step.of(Text(text="word " * 100, repeat=2000))
    session.runner.prompt("p1", script_prompt([long]))
    error = session.runner.wait_for_type("error", turn_id="p1").data
    assert error.code == "BUDGET_EXCEEDED"
    assert "is used up" in error.message
    assert session.metered()["costMicroUsd"] >= 100_000


def test_a_session_that_was_revoked_is_told_so(session: Session, proxy: ProxyProcess) -> None:
    session.start(proxy)
    with session.runner.redis() as redis:
        redis.delete(session.runner.keys.grant)
    session.runner.prompt("p1", script_prompt([Step.of(Text(text="Never."))]))
    error = session.runner.wait_for_type("error", turn_id="p1").data
    assert error.code == "MODEL_401"


def test_at_the_end_answers_under_way_are_finished(
    session: Session, proxy: ProxyProcess, redis_server: RedisServer
) -> None:
    session.start(proxy)
    slow = Step.of(Text(text="one two three four five six seven eight nine ten"), pause_ms=100)
    session.runner.prompt("p1", script_prompt([slow]))
    session.runner.wait_for_type("message:delta")
    proxy.end()
    assert session.runner.wait_for_type("usage", turn_id="p1").data.outcome == "completed"
    assert proxy.process.wait(30) == 0


def test_a_mistake_in_the_settings_is_told_and_nothing_starts(
    tmp_path: Path, redis_server: RedisServer, capfd: pytest.CaptureFixture[str]
) -> None:
    with (
        pytest.raises(RuntimeError, match="did not start"),
        proxy_process(tmp_path, redis_server.url, "ftp://x", SESSIONS__CONCURRENCY="0"),
    ):
        pass
    said = capfd.readouterr().err
    assert "MOORAGE_PROXY_MODEL__UPSTREAMS__0__URL: write https://HOST" in said
    assert "MOORAGE_PROXY_SESSIONS__CONCURRENCY: Input should be greater" in said


def test_the_proxy_answers_strangers_with_what_claude_code_reads(proxy: ProxyProcess) -> None:
    with pytest.raises(HTTPError) as refused:
        _DIRECT.open(f"{proxy.url}/v1/messages", data=b"{}", timeout=10)
    with refused.value as response:
        assert json.load(response)["error"]["type"] == "authentication_error"
