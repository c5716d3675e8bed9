"""What tokens cost, in millionths of a dollar."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from moorage_gateway.credential_proxy.settings import Price
from moorage_gateway.credential_proxy.usage import Usage

_CACHE_READ: Final = 0.1
_CACHE_WRITE: Final = 1.25
_CACHE_WRITE_HOUR: Final = 2.0
_THOUSAND: Final = 1000


@dataclass(frozen=True, slots=True)
class Rate:
    """What a model costs. Dollars for a million tokens are millionths for one."""

    input: float
    output: float
    cache_read: float
    cache_write: float
    cache_write_hour: float
    search: float

    def cost(self, usage: Usage) -> int:
        """Return what this usage costs, rounded up."""
        return math.ceil(
            usage.input * self.input
            + usage.output * self.output
            + usage.cache_read * self.cache_read
            + (usage.cache_write - usage.cache_write_hour) * self.cache_write
            + usage.cache_write_hour * self.cache_write_hour
            + usage.searches * self.search
        )


FREE: Final = Rate(0, 0, 0, 0, 0, 0)


class Prices:
    """Rates by a model's name."""

    def __init__(self, prices: Sequence[Price], search_usd: float) -> None:
        self._search = search_usd * 1_000_000 / _THOUSAND
        self._prices = [(each.models, self._rate(each)) for each in prices]
        dearest = max(prices, key=lambda each: (each.output, each.input), default=None)
        self._dearest = self._rate(dearest or Price(models="*", input=15, output=75))

    def of(self, model: str) -> Rate:
        """Return a model's rate; one without a price costs what the dearest does."""
        fitting = (rate for pattern, rate in self._prices if fnmatchcase(model, pattern))
        return next(fitting, self._dearest)

    def _rate(self, price: Price) -> Rate:
        read, written = price.cache_read, price.cache_write
        return Rate(
            input=price.input,
            output=price.output,
            cache_read=price.input * _CACHE_READ if read is None else read,
            cache_write=price.input * _CACHE_WRITE if written is None else written,
            cache_write_hour=price.input * _CACHE_WRITE_HOUR if written is None else written,
            search=self._search,
        )
