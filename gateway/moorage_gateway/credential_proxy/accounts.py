"""What may be spent and what was: accounts in Redis, each changed by one script at a time.

An account is a meter (what was spent) and its holds (what requests under way may spend at most). A
request first takes a hold of what it may cost, or of what is left. So all requests together, on all
replicas, cannot spend more than the limit. A hold ends with its request. One that nobody ended,
because a process died, is taken for spent when its time is over.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from redis.asyncio import Redis

from moorage_api.redis_client import FAILURES
from moorage_gateway.credential_proxy.errors import Unavailable

_FOLDER: Final = Path(__file__).parent
_DAY: Final = 24 * 3600
KEPT_SECONDS: Final = 400 * _DAY
"""How long the meters of users and namespaces are kept."""


@dataclass(frozen=True, slots=True)
class Account:
    """Something that has a budget, or only a meter."""

    whose: str
    """For a sentence."""
    meter: str
    holds: str
    limit: int | None = None
    """Millionths of a dollar; None: no limit."""
    concurrency: int = 0
    per_minute: int = 0
    kept: int = 0
    """Seconds after which its meter may go; 0: others see to that."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a request wants to be held for it."""

    id: str
    most: int
    """What it may cost at most."""
    least: int
    """What it costs in any case: with less left it is refused."""
    seconds: int
    """How long it may last."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What an account says."""

    verdict: Literal["held", "spent", "waiting", "busy", "often"]
    amount: int
    """What is held; where it was too often, the seconds to wait."""


class Accounts:
    """All accounts."""

    def __init__(self, redis: Redis) -> None:
        self._hold = redis.register_script((_FOLDER / "hold.lua").read_text())
        self._settle = redis.register_script((_FOLDER / "settle.lua").read_text())

    async def hold(self, account: Account, wish: Wish) -> Answer:
        """Take a hold for a request.

        Raises:
            Unavailable: Redis does not answer.
        """
        limit = -1 if account.limit is None else account.limit
        numbers = (limit, wish.most, wish.least, wish.seconds)
        limits = (account.concurrency, account.per_minute, account.kept)
        answer = await _call(self._hold, account, (wish.id, *numbers, *limits))
        return Answer(answer[0].decode(), int(answer[1]))

    async def settle(
        self, account: Account, wish: Wish, held: int, counted: Mapping[bytes, int]
    ) -> None:
        """Add what was counted to the meter; of the hold ``held`` remains, with 0 it is ended.

        Raises:
            Unavailable: Redis does not answer.
        """
        pairs = [each for pair in counted.items() for each in pair]
        await _call(self._settle, account, (wish.id, held, account.kept, *pairs))


async def _call(script: Any, account: Account, arguments: tuple[Any, ...]) -> Any:
    try:
        return await script(keys=[account.meter, account.holds], args=arguments)
    except FAILURES:
        raise Unavailable from None
