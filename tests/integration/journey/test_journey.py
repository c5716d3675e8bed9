"""What a new user does, from the first prompt to bad input: every part real but the model."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from moorage_scripted_model import Step, Text, ToolUse, script_prompt
from moorage_testing.journey import Moorage, running_moorage, sample_repository
from moorage_testing.sessions_client import text_of, turn_ended


@pytest.fixture(scope="module")
def moorage() -> Iterator[Moorage]:
    with running_moorage() as running:
        yield running


@pytest.fixture
def own_moorage() -> Iterator[Moorage]:
    """One for a test that kills it."""
    with running_moorage() as running:
        yield running


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return sample_repository(tmp_path / "sample")


def say(text: str, **step: int) -> str:
    return script_prompt([Step.of(Text(text=text), **step)], f"Say {text[:20]}.")


def bash(command: str, then: str) -> str:
    tool = ToolUse(name="Bash", input={"command": command, "description": "A step"})
    return script_prompt([Step.of(tool), Step.of(Text(text=then))], "Run it.")


def test_from_a_prompt_to_its_answer_and_a_second_message(
    moorage: Moorage, repository: Path
) -> None:
    session = moorage.create(
        repository,
        prompt=bash("cat main.py", "It prints hello; the file said {tool_result}"),
        claude={"allowedTools": ["Bash"]},
    )
    events = moorage.until(session, lambda event: event.type == "usage")
    first = events[-1].body["turnId"]
    assert events[0].type == "connected"
    assert events[-1].body["outcome"] == "completed"
    assert "print('hello')" in text_of(events, first)  # Bash really ran, in the clone
    assert [event.body["name"] for event in events if event.type == "tool:use"] == ["Bash"]

    second = moorage.say(session, say("Again."))
    later = moorage.until(session, turn_ended(second), after=events[-1].id or "")
    assert text_of(later, second) == "Again."

    moorage.wait_until(
        lambda: sum(len(message["children"]) for message in moorage.history(session)) == 3,
        "history to have both answers",
    )
    history = moorage.history(session)
    assert [message["id"] for message in history] == [first, second]
    assert history[0]["children"][0]["toolCalls"][0]["name"] == "Bash"
    assert "print('hello')" in history[0]["children"][0]["toolResults"][0]["content"]
    assert history[1]["children"][0]["content"] == "Again."


def test_a_stream_cut_anywhere_goes_on_with_every_event_once(
    moorage: Moorage, repository: Path
) -> None:
    session = moorage.create(repository, prompt=say("one two three " * 40, chunk=7, pause_ms=2))
    whole = moorage.until(session, lambda event: event.type == "usage")
    ids = [event.id for event in whole if event.id]
    assert len(ids) == len(set(ids))
    assert len(ids) > 10
    for cut in range(0, len(ids) - 1, 5):
        again = moorage.until(session, lambda event: event.type == "usage", after=ids[cut] or "")
        assert [event.id for event in again if event.id] == ids[cut + 1 :]


def test_a_permission_waits_for_its_answer_and_takes_it_once(
    moorage: Moorage, repository: Path
) -> None:
    write = ToolUse(name="Write", input={"file_path": "new.txt", "content": "written\n"})
    prompt = script_prompt([Step.of(write), Step.of(Text(text="Done."))], "Write it.")
    session = moorage.create(repository, prompt=prompt)
    asked = moorage.until(session, lambda event: event.type == "permission:requested")[-1]
    approval = asked.body["approvalId"]
    assert "new.txt" in asked.body["summary"]
    assert "+written" in asked.body["diff"]
    assert moorage.client.get(f"/sessions/{session}").json()["pendingApprovals"] == 1

    path = f"/sessions/{session}/approvals/{approval}"
    assert moorage.client.post(path, json={"decision": "allow"}).status_code == 200
    assert moorage.client.post(path, json={"decision": "allow"}).status_code == 200
    other = moorage.client.post(path, json={"decision": "deny"})
    assert (other.status_code, other.json()["code"]) == (409, "CONFLICT")

    moorage.until(session, lambda event: event.type == "usage", after=asked.id or "")
    content = moorage.client.get(f"/sessions/{session}/files/new.txt").json()["content"]
    assert content == "written\n"
    assert "+written" in moorage.client.get(f"/sessions/{session}/diff").text


def runner_of(session: str) -> int:
    """Return the pid of the session's runner: the parent of what runs in its workspace."""
    for process in processes():
        try:
            inside = session in str((process / "cwd").readlink())
            parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if inside and b"moorage_runner" in command_line(Path(f"/proc/{parent}")):
            return parent
    raise LookupError(f"no runner of {session}")


def processes() -> list[Path]:
    return [folder for folder in Path("/proc").iterdir() if folder.name.isdigit()]


def command_line(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""


@pytest.mark.parametrize("during", ["text", "tool"])
def test_a_runner_killed_in_the_middle_of_a_turn_goes_on(
    moorage: Moorage, repository: Path, during: str, tmp_path: Path
) -> None:
    ready = tmp_path / "ready"
    prompt = (
        say("slowly " * 60, chunk=7, pause_ms=50)
        if during == "text"
        else bash(f"touch {ready}; sleep 5", "The tool was cut off; that is all.")
    )
    session = moorage.create(repository, claude={"allowedTools": ["Bash"]})
    turn = moorage.say(session, prompt)
    started = moorage.until(
        session, lambda event: event.type == ("message:delta" if during == "text" else "tool:use")
    )
    if during == "tool":
        moorage.wait_until(ready.exists, "the tool to run")
    os.kill(runner_of(session), signal.SIGKILL)

    events = started + moorage.until(session, turn_ended(turn), after=started[-1].id or "")
    assert events[-1].body["outcome"] == "completed"
    expected = "slowly " * 60 if during == "text" else "The tool was cut off; that is all."
    assert text_of(events, turn).endswith(expected)
    moorage.wait_until(lambda: bool(moorage.answers(session)), "history to have the answer")
    assert [message["id"] for message in moorage.history(session)] == [turn]
    assert moorage.answers(session) == [expected]


def test_a_gateway_killed_and_started_again_has_its_whole_history(
    own_moorage: Moorage, repository: Path
) -> None:
    session = own_moorage.create(repository, prompt=say("before the cut"))
    first = own_moorage.until(session, lambda event: event.type == "usage")[-1]
    turn = own_moorage.say(session, say("during " * 60, chunk=7, pause_ms=30))
    own_moorage.until(session, lambda event: event.type == "message:delta", after=first.id or "")
    own_moorage.kill()
    own_moorage.start()
    events = own_moorage.until(session, turn_ended(turn))
    assert events[-1].body["outcome"] == "completed"
    told = {
        event.body["messageId"]: event.body["content"]
        for event in events
        if event.type == "message:stop" and event.body["role"] == "assistant"
    }
    own_moorage.wait_until(
        lambda: len(own_moorage.answers(session)) == len(told), "history to be whole"
    )
    assert own_moorage.answers(session) == list(told.values())
    assert [message["id"] for message in own_moorage.history(session)][1:] == [turn]


def test_ctrl_c_ends_everything(own_moorage: Moorage, repository: Path) -> None:
    own_moorage.create(repository, prompt=bash("sleep 60", "never"))
    own_moorage.create(repository)
    assert own_moorage.stop() == 0
    assert [each for each in processes() if str(own_moorage.home) in traces_of(each)] == []


def traces_of(process: Path) -> str:
    """Return what would tell that a process is one of ours: its folder, arguments, variables."""
    try:
        cwd = str((process / "cwd").readlink())
        return cwd + (command_line(process) + (process / "environ").read_bytes()).decode(
            errors="replace"
        )
    except OSError:
        return ""


def test_a_repository_that_does_not_exist_fails_with_a_sentence(
    moorage: Moorage, tmp_path: Path
) -> None:
    session = moorage.create(tmp_path / "nowhere", prompt="Hello")
    failed = moorage.until(
        session,
        lambda event: event.type == "session:status" and event.body["phase"] == "Failed",
    )[-1]
    assert failed.body["reason"] == "RepositoryNotFound"
    moorage.wait_until(
        lambda: moorage.client.get(f"/sessions/{session}").json()["phase"] == "Failed",
        "the session to be Failed",
    )
    shown = moorage.client.get(f"/sessions/{session}").json()
    assert shown["status"] == "inactive"
    assert "nowhere" in shown["message"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/sessions/not-an-id", None, 404, "NOT_FOUND"),
        ("GET", "/sessions/00000000-0000-4000-8000-000000000000", None, 404, "NOT_FOUND"),
        ("GET", "/sessions/not-an-id/events", None, 404, "NOT_FOUND"),
        ("POST", "/sessions", b"{broken", 400, "VALIDATION_ERROR"),
        ("POST", "/sessions", b"[]", 400, "VALIDATION_ERROR"),
        ("POST", "/sessions", b'{"projectPath": 5}', 400, "VALIDATION_ERROR"),
        ("POST", "/sessions", b"{}", 400, "VALIDATION_ERROR"),
        ("POST", "/sessions/{id}/messages", b"{broken", 400, "VALIDATION_ERROR"),
        ("POST", "/sessions/{id}/messages", b'{"content": ""}', 400, "VALIDATION_ERROR"),
        (
            "POST",
            "/sessions/{id}/messages",
            b'{"content": "' + b"x" * 2_000_000 + b'"}',
            413,
            "PAYLOAD_TOO_LARGE",
        ),
        ("GET", "/sessions/{id}/files/..%2F..%2Fetc%2Fpasswd", None, 400, "VALIDATION_ERROR"),
        ("GET", "/sessions/{id}/files/%2Fetc%2Fpasswd", None, 400, "VALIDATION_ERROR"),
        ("GET", "/sessions/{id}/events?after=nonsense", None, 400, "VALIDATION_ERROR"),
        ("GET", "/nowhere", None, 404, "NOT_FOUND"),
    ],
)
def test_bad_input_gets_a_clear_error_and_loses_nothing(
    moorage: Moorage,
    steady: str,
    method: str,
    path: str,
    body: bytes | None,
    status: int,
    code: str,
) -> None:
    answer = moorage.client.request(
        method,
        path.replace("{id}", steady),
        content=body,
        headers={"Content-Type": "application/json"},
    )
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["error"]
    assert moorage.client.get(f"/sessions/{steady}").status_code == 200
    assert len(moorage.history(steady)) == 1


@pytest.fixture(scope="module")
def steady(moorage: Moorage, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A session that answered once, for the bad inputs to leave in peace."""
    repository = sample_repository(tmp_path_factory.mktemp("steady") / "sample")
    session = moorage.create(repository, prompt=say("Here."))
    moorage.until(session, lambda event: event.type == "usage")
    return session
