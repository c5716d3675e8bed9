"""What each kind of event becomes in the tables."""

from sqlalchemy import insert, select, update

from moorage_api.base import now
from moorage_api.inbox import Interrupt, PermissionDecision, Prompt
from moorage_gateway.db.tables import approvals, inputs, messages, sessions, turns
from moorage_testing.history import (
    History,
    answered,
    asked,
    requested,
    resolved,
    said,
    used,
)
from moorage_testing.live import delta, publish


async def test_a_turn_becomes_history(history: History) -> None:
    session = history.backend.add(owner="ada")
    history.start()
    *_, last = await publish(
        history.redis,
        session,
        asked("t1", "List the files"),
        delta("I'll ", "t1-1"),
        said("t1", 1, "I'll look", "tool-1", "tool-2"),
        answered("t1", "tool-2", "no", is_error=True),
        answered("t1", "tool-1", "a.py"),
        said("t1", 2, "There is a.py"),
        used("t1"),
    )
    await history.until_at(session, last)

    user, first, second = await history.rows(messages, session)
    assert (user.id, user.role, user.turn_id, user.content) == (
        "t1",
        "user",
        None,
        "List the files",
    )
    assert user.taken_at is not None
    assert (first.id, first.turn_id, first.role) == ("t1-1", "t1", "assistant")
    assert [call["id"] for call in first.tool_calls] == ["tool-1", "tool-2"]
    assert first.tool_results == [
        {"tool_use_id": "tool-2", "content": "no", "is_error": True},
        {"tool_use_id": "tool-1", "content": "a.py", "is_error": False},
    ]
    assert (second.content, second.tool_results) == ("There is a.py", None)
    [turn] = await history.rows(turns, session)
    assert (turn.turn_id, turn.outcome, turn.output_tokens) == ("t1", "completed", 7)


async def test_a_session_of_kubectl_gets_a_row_with_its_owner(history: History) -> None:
    session = history.backend.add(owner="ada")
    history.start()
    [last] = await publish(history.redis, session, asked("t1", "Hello"))
    await history.until_at(session, last)
    async with history.engine.connect() as connection:
        [row] = (await connection.execute(select(sessions))).all()
    assert (row.id, row.owner_id) == (session, "ada")
    assert row.project_path == "https://git.example.com/team/app.git"


async def test_a_message_of_the_gateway_is_taken_up_not_doubled(history: History) -> None:
    session = history.backend.add()
    await history.put(session, Prompt(input_id="t1", content="Hello"), Interrupt(input_id="i1"))
    async with history.engine.begin() as connection:
        await connection.execute(
            insert(messages).values(
                session_id=session, id="t1", role="user", content="Hello", created_at=now()
            )
        )
    history.start()
    [last] = await publish(history.redis, session, asked("t1", "Forged by the pod"))
    await history.until_at(session, last)
    [message] = await history.rows(messages, session)
    assert (message.content, message.taken_at is not None) == ("Hello", True)
    done = {row.id: row.done_at is not None for row in await history.rows(inputs, session)}
    assert done == {"t1": True, "i1": False}


async def test_a_message_that_comes_anew_replaces_what_was_there(history: History) -> None:
    session = history.backend.add()
    history.start()
    *_, last = await publish(
        history.redis,
        session,
        said("t1", 1, "First", "old", "kept"),
        answered("t1", "old", "1"),
        answered("t1", "kept", "2"),
        said("t1", 2, "Later"),
        said("t1", 1, "Anew", "kept", "new"),
        answered("t1", "kept", "3"),
        answered("t1", "nobody", "4"),
    )
    await history.until_at(session, last)
    first, second = await history.rows(messages, session)
    assert (first.content, second.content) == ("Anew", "Later")
    assert first.tool_results == [{"tool_use_id": "kept", "content": "3", "is_error": False}]


async def test_a_decision_is_never_overwritten_and_its_input_is_done(history: History) -> None:
    session = history.backend.add()
    decisions = [
        PermissionDecision(input_id=f"d{n}", approval_id=f"a{n}", decision="deny") for n in (1, 2)
    ]
    await history.put(session, *decisions)
    history.start()
    [first] = await publish(history.redis, session, requested("t1", "a1"))
    await history.until_at(session, first)
    async with history.engine.begin() as connection:
        await connection.execute(
            update(approvals).values(decision="deny", decided_by="ada", decided_at=now())
        )
    *_, last = await publish(
        history.redis,
        session,
        requested("t1", "a1", "Another summary"),
        resolved("a1", "allow"),
        resolved("a1", "expired"),
    )
    await history.until_at(session, last)
    [approval] = await history.rows(approvals, session)
    assert (approval.decision, approval.decided_by, approval.summary) == ("deny", "ada", "Run ls")
    assert (approval.outcome, approval.resolved_at is not None) == ("allow", True)
    done = {row.id: row.done_at is not None for row in await history.rows(inputs, session)}
    assert done == {"d1": True, "d2": False}


async def test_a_request_that_nobody_decided_is_brought_up_to_date(history: History) -> None:
    session = history.backend.add()
    history.start()
    *_, last = await publish(
        history.redis, session, requested("t1", "a1"), requested("t1", "a1", "Run ls -l")
    )
    await history.until_at(session, last)
    [approval] = await history.rows(approvals, session)
    assert approval.summary == "Run ls -l"


async def test_the_end_of_a_turn_marks_its_prompt_done_whatever_was_missed(
    history: History,
) -> None:
    session = history.backend.add()
    await history.put(session, Prompt(input_id="t1", content="Hello"))
    history.start()
    *_, last = await publish(history.redis, session, used("t1", 1), used("t1", 2))
    await history.until_at(session, last)
    [row] = await history.rows(inputs, session)
    [turn] = await history.rows(turns, session)
    assert (row.done_at is not None, turn.output_tokens) == (True, 2)
