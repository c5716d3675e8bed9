"""One pass for one session, with what goes around it: its place in line, metrics, its end."""

import time
from datetime import timedelta

import structlog

from moorage_api.resources import ClaudeSession, SessionStatus
from moorage_operator.feed import Feed
from moorage_operator.line import Line
from moorage_operator.metrics import Metrics
from moorage_operator.reconciler import Reconciler
from moorage_operator.redis_users import RedisUsers
from moorage_operator.store import Record, Store

_log = structlog.get_logger(__name__)


class Passes:
    """Does passes for the queue."""

    def __init__(
        self,
        store: Store,
        line: Line,
        feed: Feed,
        reconciler: Reconciler,
        users: RedisUsers,
        metrics: Metrics,
    ) -> None:
        self._store = store
        self._line = line
        self._feed = feed
        self._reconciler = reconciler
        self._users = users
        self._metrics = metrics

    async def do(self, uid: str) -> timedelta | None:
        """Look at a session and do what it needs; return when to look again.

        Raises:
            KubernetesError: what failed; the session is to be looked at again.
        """
        started, failure = time.perf_counter(), None
        structlog.contextvars.bind_contextvars(session=uid)
        before = self._store.get(uid)
        was = before.session if before is not None else None
        try:
            if before is None:
                await self._end(uid)
                return None
            return await self._reconciler.reconcile(uid)
        except Exception as error:
            failure = error
            raise
        finally:
            self._metrics.passed(time.perf_counter() - started, failure)
            self._settle(uid, was)
            structlog.contextvars.unbind_contextvars("session")

    async def _end(self, uid: str) -> None:
        """See to what no owner reference takes along: the user in Redis, and the keys."""
        if uid in self._users.known:
            await self._users.revoke(uid)
            _log.info("session gone")

    def _settle(self, uid: str, was: ClaudeSession | None) -> None:
        record = self._store.get(uid)
        self._line.settle(uid, record)
        self._feed.call_up()
        if record is not None and was is not None:
            self._note_change(was.status, record)

    def _note_change(self, before: SessionStatus, record: Record) -> None:
        after = record.session.status
        if before.phase is not after.phase:
            _log.info("phase", phase=after.phase.value, was=before.phase.value)
        if before.ready_at is None and after.ready_at is not None and record.seen_at is not None:
            self._metrics.became_ready(time.monotonic() - record.seen_at)
