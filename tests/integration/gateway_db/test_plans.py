"""With 100,000 rows a table, no query that requests or loops wait for reads a whole table.

The statements are those that the repositories send, with the plans that both databases make for
them: with their values, and on PostgreSQL also for any values, as prepared statements may be.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Any, Final

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from moorage_api.events import Event
from moorage_api.inbox import PermissionDecision, Prompt
from moorage_gateway import outbox
from moorage_gateway.accounts.repository import AccountRepository
from moorage_gateway.api_keys import repository as api_keys
from moorage_gateway.approvals.repository import ApprovalKey, ApprovalRepository, Chosen
from moorage_gateway.approvals.schemas import ApprovalState
from moorage_gateway.audit.acts import Act, Action
from moorage_gateway.audit.record import record
from moorage_gateway.audit.repository import AuditRepository, Search
from moorage_gateway.auth.principal import Identity
from moorage_gateway.auth.repository import IdentityRepository
from moorage_gateway.db.engine import make_engine
from moorage_gateway.idempotency.repository import KeyRepository, KeyUse
from moorage_gateway.live.ids import EventId
from moorage_gateway.messages.repository import MessageRepository, NewMessage
from moorage_gateway.quotas.repository import QuotaRepository
from moorage_gateway.recorder.entries import Page
from moorage_gateway.recorder.repository import RecordRepository, load_checkpoints
from moorage_gateway.relay.repository import (
    Waiting,
    mark_sent,
    queue_depth,
    sessions_waiting,
    waiting_inputs,
)
from moorage_gateway.retention import rules
from moorage_gateway.retention.gone import note_gone
from moorage_gateway.retention.removal import remove_some
from moorage_gateway.sessions.repository import SessionRepository
from moorage_gateway.settings import (
    DatabaseSettings,
    LoginSettings,
    OidcSettings,
    RetentionSettings,
)
from moorage_testing.databases import DIALECTS
from moorage_testing.history import answered, asked, requested, resolved, said, used
from moorage_testing.many_rows import FILLED, ROWS, at, fill_with_many, session_id, turn_id, user_id
from moorage_testing.plans import statements_sent, whole_scans

SETTINGS: Final = DatabaseSettings()
NOW: Final = at(ROWS)
ONE: Final = session_id(3)
PAGE: Final = [session_id(number) for number in range(20)]
TURNS: Final = [turn_id(1500 + number) for number in range(99)]
APPROVALS: Final = [ApprovalKey(session_id(n), f"approval-{n}", at(n)) for n in range(99)]
Query = Callable[[AsyncConnection], Awaitable[Any]]


def _record(event: Event) -> Query:
    known = event.model_copy(update={"session_id": ONE, "id": "2-0"})

    async def run(connection: AsyncConnection) -> None:
        await RecordRepository(connection, NOW).record(known)  # type: ignore[arg-type]

    return run


def _decide(connection: AsyncConnection) -> Awaitable[bool]:
    decision = PermissionDecision(input_id="x", approval_id="approval-1500", decision="allow")
    return ApprovalRepository(connection).decide(ONE, decision, user_id(3), at(0))


def _chosen(state: ApprovalState | None) -> Chosen:
    return Chosen(PAGE, state, at(ROWS // 2))


def _put(connection: AsyncConnection) -> Awaitable[None]:
    return outbox.put(connection, ONE, Prompt(input_id="x", content="x"), NOW)


def _identities(connection: AsyncConnection) -> IdentityRepository:
    return IdentityRepository(connection, OidcSettings())


def _audit(**equal: str) -> Query:
    search = Search(after=ROWS // 2, limit=101, equal=tuple(equal.items()))
    return lambda connection: AuditRepository(connection).find(search)


_KEY: Final = KeyUse(user_id(5), "sessions", "key-5", "x")
_WHO: Final = Identity(
    issuer="local", subject="7@example.com", email=None, name=None, role="user", groups=frozenset(),
    expires_at=NOW,
)  # fmt: skip
_NEW: Final = NewMessage(ONE, "new", "Hello", None, NOW)
_STEP: Final = Page(ONE, EventId.of(b"1-0"), EventId.of(b"2-0"))
_WAITING: Final = [Waiting(n, ONE, f"turn-{n}", '{"type":"prompt"}', sent=True) for n in (1, 2)]
_DAY: Final = timedelta(days=1)

QUERIES: Final[dict[str, Query]] = {
    # The list of sessions, and one.
    "sessions archived": lambda c: SessionRepository(c).archived_ids(),
    "sessions shown": lambda c: SessionRepository(c).recorded(PAGE),
    "session of a creation": lambda c: SessionRepository(c).of_creation(ONE),
    "session changed": lambda c: SessionRepository(c).change(ONE, {"last_accessed_at": NOW}),
    "sessions unmade": lambda c: SessionRepository(c).unmade(),
    "session removed": lambda c: SessionRepository(c).remove(ONE),
    # History.
    "messages": lambda c: MessageRepository(c).all(ONE),
    "heads": lambda c: MessageRepository(c).heads(ONE, None, 101),
    "heads after one": lambda c: MessageRepository(c).heads(ONE, 1600, 101),
    "heads after one, all": lambda c: MessageRepository(c).heads(ONE, 1600, None),
    "children": lambda c: MessageRepository(c).children(ONE, TURNS),
    "message": lambda c: MessageRepository(c).get(ONE, turn_id(1500)),
    "message written": lambda c: MessageRepository(c).add(_NEW),
    # Approvals.
    "approvals": lambda c: ApprovalRepository(c).keys(_chosen(None), limit=50, offset=50),
    "approvals open": lambda c: ApprovalRepository(c).keys(_chosen("pending"), limit=50, offset=0),
    "approvals over": lambda c: ApprovalRepository(c).keys(_chosen("resolved"), limit=50, offset=0),
    "approvals counted": lambda c: ApprovalRepository(c).count(_chosen(None)),
    "approvals open, counted": lambda c: ApprovalRepository(c).count(_chosen("pending")),
    "approvals shown": lambda c: ApprovalRepository(c).rows(APPROVALS[:8]),
    "approvals known": lambda c: ApprovalRepository(c).known(ONE, [key.id for key in APPROVALS]),
    "approval": lambda c: ApprovalRepository(c).get(ONE, "approval-1500"),
    "approval decided": _decide,
    "decision sent": lambda c: ApprovalRepository(c).input_body(ONE, "turn-1500"),
    # Outbox and relay.
    "input written": _put,
    "sessions that wait": sessions_waiting,
    "queue depth": queue_depth,
    "inputs unsent": lambda c: waiting_inputs(c, PAGE, above=-1, limit=100, unsent_only=True),
    "inputs not done": lambda c: waiting_inputs(c, PAGE, above=-1, limit=1000, unsent_only=False),
    "inputs marked": lambda c: mark_sent(c, _WAITING, NOW),
    # Recorder.
    "checkpoints": lambda c: load_checkpoints(c, PAGE),
    "checkpoint moved": lambda c: RecordRepository(c, NOW).step(_STEP),
    "user's message": _record(asked("turn-1500", "Hello")),
    "Claude's message": _record(said("turn-1500", 1, "Hello", "tool-1")),
    "tool's result": _record(answered("turn-1500", "tool-1", "ok")),
    "request": _record(requested("turn-1500", "approval-new")),
    "resolution": _record(resolved("approval-1500")),
    "end of a turn": _record(used("turn-1500")),
    # Quotas, idempotency keys.
    "sessions counted": lambda c: QuotaRepository(c).noted(user_id(5), NOW - _DAY),
    "quota locked": lambda c: QuotaRepository(c).lock(user_id(5)),
    "key claimed": lambda c: KeyRepository(c).claim(_KEY, "x", NOW, _DAY),
    "key found": lambda c: KeyRepository(c).find(_KEY, NOW),
    "key finished": lambda c: KeyRepository(c).finish(_KEY, "x", NOW),
    # Who asks.
    "sign-in": lambda c: _identities(c).sign_in("sign-in-5", NOW),
    "sign-ins of streams": lambda c: _identities(c).sign_ins(["sign-in-5"], NOW),
    "API key": lambda c: _identities(c).api_key("digest-5", NOW),
    "API key used": lambda c: _identities(c).key_was_used("key-5", NOW),
    "API keys shown": lambda c: api_keys.KeyRepository(c, user_id(5)).all(),
    "provided user": lambda c: _identities(c).provided(_WHO),
    "user by address": lambda c: AccountRepository(c).by_address("5@example.com"),
    "user": lambda c: AccountRepository(c).user(user_id(5)),
    "token used": lambda c: AccountRepository(c).use_token("digest-4", NOW),
    "token's user": lambda c: AccountRepository(c).user_of("sign-in-5"),
    "sign-in extended": lambda c: AccountRepository(c).extend("sign-in-5", NOW, NOW),
    "sign-ins revoked": lambda c: AccountRepository(c).revoke_all(user_id(5), "password", NOW),
    # Who did what.
    "audit written": lambda c: record(c, NOW, Act(Action.QUOTA_SET, "x")),
    "audit of a user": _audit(actor_id=user_id(5)),
    "audit of a session": _audit(session_id=ONE),
    "audit of an action": _audit(action="repository.push"),
    "pushes recorded": lambda c: AuditRepository(c).requests(Action.REPOSITORY_PUSH, (NOW, NOW)),
    # What is over.
    "sessions gone": lambda c: note_gone(c, frozenset(PAGE), NOW),
}  # fmt: skip
_DAYS: Final = RetentionSettings(messages_days=1, events_days=1, gone_days=1, audit_days=1)
_OVER: Final = [
    *rules.history(_DAYS, at(2000) + _DAY, frozenset(PAGE[:2])),
    *rules.gone(_DAYS, NOW),
    *rules.audit(_DAYS, at(2000)),
    *rules.credentials(LoginSettings(), at(2000)),
]


@pytest.fixture(scope="module", params=DIALECTS)
def used_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return the URL of a database that has been in use for long."""
    if request.param == "sqlite":
        file = tmp_path_factory.mktemp("used") / "moorage.db"
        file.write_bytes(request.getfixturevalue("sqlite_template").read_bytes())
        url = f"sqlite+aiosqlite:///{file}"
        asyncio.run(_fill(url))
        yield url
        file.unlink()
        return
    server = request.getfixturevalue("postgres_server")
    name = server.make_database(request.getfixturevalue("postgres_template"))
    asyncio.run(_fill(server.url(name)))
    yield server.url(name)
    server.drop_database(name)


async def _fill(url: str) -> None:
    engine = make_engine(url, SETTINGS)
    await fill_with_many(engine)
    await engine.dispose()


@pytest.fixture
async def engine(used_url: str) -> AsyncIterator[AsyncEngine]:
    engine = make_engine(used_url, SETTINGS)
    yield engine
    await engine.dispose()


async def scans(engine: AsyncEngine, query: Query) -> list[tuple[str, str]]:
    """Return what a query reads whole, each with the statement; nothing it writes stays."""
    async with engine.connect() as connection:
        with statements_sent(engine) as sent:
            await query(connection)
        assert sent
        found = [(name, one.text) for one in sent for name in await whole_scans(connection, one)]
        await connection.rollback()
    return [(name, text) for name, text in found if name in FILLED]


async def test_no_table_is_read_whole(engine: AsyncEngine) -> None:
    found = {name: await scans(engine, query) for name, query in QUERIES.items()}
    assert {name: scanned for name, scanned in found.items() if scanned} == {}


async def test_what_is_over_is_found_by_an_index(engine: AsyncEngine) -> None:
    found = [await scans(engine, partial(remove_some, doomed=doomed)) for doomed in _OVER]
    assert [scanned for scanned in found if scanned] == []


async def test_a_query_without_an_index_is_found_out(engine: AsyncEngine) -> None:
    def careless(connection: AsyncConnection) -> Awaitable[Any]:
        return connection.exec_driver_sql("SELECT * FROM messages WHERE content = 'x'")

    assert [name for name, _ in await scans(engine, careless)][:1] == ["messages"]
