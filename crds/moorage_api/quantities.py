"""Durations and quantities as people write them in manifests, parsed or refused in a sentence.

Durations follow Go's form without fractions (https://pkg.go.dev/time#ParseDuration), limited to
d, h, m, s and ms. Quantities follow Kubernetes' resource.Quantity
(https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/).
"""

import re
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Annotated, Final

from pydantic import AfterValidator, Field

DURATION_PATTERN: Final = r"^([0-9]+(d|h|m|s|ms))+$"
QUANTITY_PATTERN: Final = r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$"

_LONGEST = timedelta(days=366)
_UNITS = {
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
    "ms": timedelta(milliseconds=1),
}
_DURATION_PART = re.compile(r"([0-9]+)(ms|d|h|m|s)")
_SUFFIXES = {"": Decimal(1), "m": Decimal("0.001")} | {
    suffix: Decimal(base) ** power
    for base, suffixes in ((1000, "kMGTPE"), (1024, ("Ki", "Mi", "Gi", "Ti", "Pi", "Ei")))
    for power, suffix in enumerate(suffixes, start=1)
}
_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]+)?)([A-Za-z]*)")


def parse_duration(text: str) -> timedelta:
    """Return the time that ``text`` (such as 90s, 30m, 1h30m, 7d) names.

    Raises:
        ValueError: with a sentence, where the form is another or the time exceeds 366 days.
    """
    if not re.fullmatch(DURATION_PATTERN, text):
        msg = f"{text[:40]!r} is not a duration: write whole numbers with units, as 90s, 30m or 8h"
        raise ValueError(msg)
    if len(text) > 40:  # noqa: PLR2004 - far beyond what 366 days need; keeps int() cheap
        msg = f"{text[:40]!r}... is longer than any duration up to 366 days needs to be"
        raise ValueError(msg)
    try:
        total = sum(
            (int(count) * _UNITS[unit] for count, unit in _DURATION_PART.findall(text)), timedelta()
        )
    except OverflowError:
        total = timedelta.max
    if total > _LONGEST:
        msg = f"{text!r} is longer than 366 days, the longest duration there is here"
        raise ValueError(msg)
    return total


def parse_quantity(text: str) -> Decimal:
    """Return the number that ``text`` (such as 500m, 2, 10Gi) stands for, in base units.

    Raises:
        ValueError: with a sentence, where the form is another.
    """
    match = _QUANTITY.fullmatch(text) if len(text) <= 40 else None  # noqa: PLR2004
    suffix = _SUFFIXES.get(match[2]) if match else None
    if match is None or suffix is None:
        msg = f"{text[:40]!r} is not a quantity: write a number with a unit, as 500m, 2 or 10Gi"
        raise ValueError(msg)
    try:
        return Decimal(match[1]) * suffix
    except InvalidOperation as error:
        msg = f"{text!r} is too large a quantity"
        raise ValueError(msg) from error


def _checked_duration(text: str) -> str:
    parse_duration(text)
    return text


def _checked_quantity(text: str) -> str:
    parse_quantity(text)
    return text


# The pattern stands in the JSON schema alone: pydantic would refuse with the bare expression,
# the validator refuses with a sentence.
Duration = Annotated[
    str,
    AfterValidator(_checked_duration),
    Field(json_schema_extra={"pattern": DURATION_PATTERN, "maxLength": 40}),
]
Quantity = Annotated[
    str,
    AfterValidator(_checked_quantity),
    Field(json_schema_extra={"pattern": QUANTITY_PATTERN, "maxLength": 40}),
]
