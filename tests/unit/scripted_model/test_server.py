import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from moorage_scripted_model import Cut, Fail, RunningModel, Step, Text, running_model, script_prompt
from moorage_testing.http import http_client

from .builders import body, user

HELLO = Step.of(Text(text="Hello, this is the scripted model."), chunk=5)


@pytest.fixture
def client(model: RunningModel) -> Iterator[httpx2.Client]:
    with http_client(base_url=model.url, timeout=10) as opened:
        yield opened


def ask(client: httpx2.Client, *steps: Step, **fields: Any) -> httpx2.Response:
    return client.post("/v1/messages", json=body(user(script_prompt(steps)), **fields))


def events(response: httpx2.Response) -> list[dict[str, Any]]:
    lines = response.text.splitlines()
    return [json.loads(line[6:]) for line in lines if line.startswith("data: ")]


def test_whole_answer(client: httpx2.Client) -> None:
    answer = ask(client, HELLO)
    assert answer.status_code == 200
    assert answer.json()["content"] == [{"type": "text", "text": HELLO.blocks[0].text}]  # type: ignore[union-attr]


def test_streamed_answer(client: httpx2.Client) -> None:
    answer = ask(client, HELLO, stream=True)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["request-id"]
    streamed = events(answer)
    assert (streamed[0]["type"], streamed[-1]["type"]) == ("message_start", "message_stop")
    text = "".join(event["delta"]["text"] for event in streamed if "text" in event.get("delta", {}))
    assert text == "Hello, this is the scripted model."


def test_long_answer(client: httpx2.Client) -> None:
    streamed = events(ask(client, Step.of(Text(text="x" * 100, repeat=2000)), stream=True))
    assert sum(len(event.get("delta", {}).get("text", "")) for event in streamed) == 200_000


def test_failures_come_first(client: httpx2.Client) -> None:
    step = HELLO.model_copy(update={"fail": Fail(status=429, times=2, retry_after=3)})
    answers = [ask(client, step, metadata={"user_id": "failing"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [429, 429, 200]
    assert answers[0].headers["retry-after"] == "3"
    assert answers[0].json()["error"]["type"] == "rate_limit_error"


@pytest.mark.parametrize("stream", [True, False])
def test_a_cut_closes_the_connection(client: httpx2.Client, stream: bool) -> None:
    step = HELLO.model_copy(update={"cut": Cut(after_deltas=2)})
    who = {"user_id": f"cut {stream}"}
    with pytest.raises(httpx2.RemoteProtocolError):
        ask(client, step, stream=stream, metadata=who)
    assert ask(client, step, stream=stream, metadata=who).status_code == 200


@pytest.mark.parametrize(("how", "last"), [("error", '"overloaded_error"'), ("malformed", "{mal")])
def test_a_stream_may_break_in_other_ways(client: httpx2.Client, how: Any, last: str) -> None:
    step = HELLO.model_copy(update={"cut": Cut(after_deltas=1, how=how)})
    assert last in ask(client, step, stream=True).text.splitlines()[-2]


@pytest.mark.parametrize(
    ("request_body", "message"),
    [
        (body(user("[[script:nope]]")), "invalid script: no script 'nope'"),
        ({"model": "claude"}, "invalid request: messages: Field required"),
    ],
)
def test_mistakes_are_named(client: httpx2.Client, request_body: Any, message: str) -> None:
    answer = client.post("/v1/messages", json=request_body)
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert message in answer.json()["error"]["message"]


def test_other_endpoints(client: httpx2.Client) -> None:
    counted = client.post("/v1/messages/count_tokens", json=body(user("hi")))
    assert counted.json()["input_tokens"] > 10
    assert client.head("/").status_code == 200


def test_statistics_say_what_the_model_saw(client: httpx2.Client, model: RunningModel) -> None:
    before = model.stats()["requests"]
    client.post(
        "/v1/messages",
        json=body(user("<system-reminder>x</system-reminder>"), user(script_prompt([HELLO], "Hi"))),
        headers={"x-api-key": "secret-1234"},
    )
    after = model.stats(last=1)
    (seen,) = after["recent"]
    assert after["requests"] == before + 1
    assert (seen["user_texts"], seen["messages"], seen["tools"]) == (["Hi"], 2, 1)
    assert (seen["script"], seen["step"], seen["credential"]) == ("inline", 0, "x-api-key 1234")


def test_sigterm_ends_it_at_once_even_while_it_streams() -> None:
    slow = Step.of(Text(text="x" * 1000), chunk=1, pause_ms=1000)
    with running_model() as running, http_client() as client:
        request = body(user(script_prompt([slow])), stream=True)
        with client.stream("POST", f"{running.url}/v1/messages", json=request) as answer:
            lines = answer.iter_lines()
            next(lines)
            started = time.monotonic()
            os.kill(running.pid, signal.SIGTERM)
            with pytest.raises(httpx2.RemoteProtocolError):
                list(lines)
    assert time.monotonic() - started < 2


def test_it_writes_its_port_and_exits_with_zero(tmp_path: Path) -> None:
    port_file = tmp_path / "port"
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(
        [sys.executable, "-m", "moorage_scripted_model", "--port-file", str(port_file)],
        env={**os.environ, "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout
        line = process.stdout.readline().decode()
        process.terminate()
        assert process.wait(timeout=5) == 0
    assert line.strip().endswith(":" + port_file.read_text())
