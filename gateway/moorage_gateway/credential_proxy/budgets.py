"""Who pays: a session's own budget, its user's and its namespace's, held and charged together."""

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from urllib.parse import quote

import structlog

from moorage_api import meter
from moorage_api.grant import Grant
from moorage_gateway.credential_proxy.accounts import KEPT_SECONDS, Account, Accounts, Answer, Wish
from moorage_gateway.credential_proxy.errors import BudgetSpent, ProxyError, TooMany, Unavailable
from moorage_gateway.credential_proxy.passes import Session
from moorage_gateway.credential_proxy.prices import FREE, Rate
from moorage_gateway.credential_proxy.settings import BudgetSettings, SessionLimitSettings
from moorage_gateway.credential_proxy.usage import Usage

_log = structlog.get_logger(__name__)
_PATIENCE: Final = 2
"""Seconds until what others hold is asked for again."""

_MARGIN: Final = 60


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a request may use."""

    input: int
    output: int

    def least(self, rate: Rate) -> int:
        """Return what it costs whatever it answers."""
        return rate.cost(Usage(input=self.input))

    def most(self, rate: Rate) -> int:
        """Return what it may cost: all of its input new to the cache, all of its output used."""
        return rate.cost(Usage(cache_write=self.input, output=self.output))


class Booking:
    """One request's share of all its accounts."""

    def __init__(self, accounts: Accounts, wish: Wish, rate: Rate) -> None:
        self._accounts = accounts
        self._wish = wish
        self._rate = rate
        self._held: list[tuple[Account, int]] = []

    async def take(self, account: Account) -> None:
        """Hold what the request may cost, or what is left.

        Raises:
            BudgetSpent: Nothing is left.
            TooMany: What is left is held by others, or the session asks too much.
            Unavailable: Redis does not answer.
        """
        counted = account.limit is not None or account.concurrency or account.per_minute
        held = self._wish.most
        if counted:
            answer = await self._accounts.hold(account, self._wish)
            if answer.verdict != "held":
                raise _refusal(account, answer)
            held = answer.amount
        self._held.append((account, held))

    async def affords(self, usage: Usage) -> bool:
        """Whether this much may be spent; where it is more than held, more is held if it can be."""
        cost = self._rate.cost(usage)
        for place, (account, held) in enumerate(self._held):
            if account.limit is None or cost < held:
                continue
            larger = replace(self._wish, least=cost + 1, most=max(self._wish.most, 2 * cost))
            unlimited = replace(account, concurrency=0, per_minute=0)
            answer = await self._accounts.hold(unlimited, larger)
            if answer.verdict != "held":
                return False
            self._held[place] = account, answer.amount
        return True

    def spent(self) -> BudgetSpent:
        """Return the error that says which budget ended."""
        tight = [(held, account) for account, held in self._held if account.limit is not None]
        _, account = min(tight, key=lambda each: each[0])
        return _spent(account)

    async def close(self, usage: Usage | None) -> int:
        """Charge what was used to all accounts, end the holds, and return what it cost.

        Where Redis does not answer, the holds stay and are taken for spent when they end.
        """
        cost = 0 if usage is None else self._rate.cost(usage)
        counted = {} if usage is None else _fields(usage, cost)
        for account, _ in self._held:
            try:
                await self._accounts.settle(account, self._wish, 0, counted)
            except Unavailable:
                _log.error("not metered", account=account.whose, micro_usd=cost)
        return cost


class Budgets:
    """Opens bookings."""

    def __init__(
        self,
        accounts: Accounts,
        budgets: BudgetSettings,
        limits: SessionLimitSettings,
        clock: Callable[[], datetime],
    ) -> None:
        self._accounts = accounts
        self._budgets = budgets
        self._limits = limits
        self._clock = clock
        self._users = {each.name: each.usd for each in budgets.users}
        self._namespaces = {each.name: each.usd for each in budgets.namespaces}

    async def book(self, session: Session, rate: Rate, estimate: Estimate, seconds: int) -> Booking:
        """Hold what a request may cost of all its accounts, or of none.

        Raises:
            ProxyError: It may not be asked now.
        """
        wish = Wish(
            id=uuid.uuid4().hex,
            most=estimate.most(rate),
            least=estimate.least(rate),
            seconds=seconds + _MARGIN,
        )
        booking = Booking(self._accounts, wish, rate)
        await self._take(booking, [self._own(session), *self._others(session.grant)])
        return booking

    async def admit(self, session: Session, seconds: int) -> Booking:
        """Let in a request that costs nothing, if the session does not ask too much.

        Raises:
            ProxyError: It may not be asked now.
        """
        wish = Wish(id=uuid.uuid4().hex, most=0, least=0, seconds=seconds + _MARGIN)
        booking = Booking(self._accounts, wish, FREE)
        await self._take(booking, [replace(self._own(session), limit=None)])
        return booking

    async def _take(self, booking: Booking, accounts: list[Account]) -> None:
        try:
            for account in accounts:
                await booking.take(account)
        except (ProxyError, asyncio.CancelledError):
            await asyncio.shield(booking.close(None))
            raise

    def _own(self, session: Session) -> Account:
        limit = session.grant.max_cost_usd
        return Account(
            "the session",
            session.keys.meter,
            session.keys.holds,
            None if limit is None else _micro(limit),
            concurrency=self._limits.concurrency,
            per_minute=self._limits.per_minute,
        )

    def _others(self, grant: Grant) -> list[Account]:
        accounts = list[Account]()
        if grant.owner is not None:
            limit = self._users.get(grant.owner, self._budgets.user_usd)
            accounts.append(self._shared("user", grant.owner, limit))
        limit = self._namespaces.get(grant.namespace, self._budgets.namespace_usd)
        return [*accounts, self._shared("namespace", grant.namespace, limit)]

    def _shared(self, kind: str, name: str, limit: float | None) -> Account:
        day = self._clock()
        period = f"{day:%Y-%m-%d}" if self._budgets.period == "day" else f"{day:%Y-%m}"
        key = f"moorage:{{{kind}:{quote(name, safe='')}}}"
        return Account(
            f"the {kind} {name} for this {self._budgets.period}",
            f"{key}:meter:{period}",
            f"{key}:holds:{period}",
            None if limit is None else _micro(limit),
            kept=KEPT_SECONDS,
        )


def _refusal(account: Account, answer: Answer) -> ProxyError:
    match answer.verdict:
        case "spent":
            return _spent(account)
        case "waiting":
            reason = f"What is left of the budget of {account.whose} is held by other requests."
            return TooMany(reason, _PATIENCE)
        case "often":
            reason = f"The session asks the model more than {account.per_minute} times a minute."
            return TooMany(reason, answer.amount)
        case _:
            reason = f"The session has {account.concurrency} requests to the model under way."
            return TooMany(reason, _PATIENCE)


def _spent(account: Account) -> BudgetSpent:
    return BudgetSpent(account.whose, (account.limit or 0) / meter.MICRO)


def _micro(dollars: float) -> int:
    return round(dollars * meter.MICRO)


def _fields(usage: Usage, cost: int) -> dict[bytes, int]:
    return {
        meter.INPUT: usage.input,
        meter.CACHE_READ: usage.cache_read,
        meter.CACHE_WRITE: usage.cache_write,
        meter.OUTPUT: usage.output,
        meter.COST: cost,
        meter.REQUESTS: 1,
    }
