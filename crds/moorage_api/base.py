"""What all models share: camelCase on the wire, immutability, timestamps."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, PlainSerializer
from pydantic.alias_generators import to_camel


class WireModel(BaseModel):
    """A message between parts: unknown fields are dropped, so that versions can differ."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        frozen=True,
        extra="ignore",
        # What is written has every field: whoever reads a description of it may rely on that.
        json_schema_serialization_defaults_required=True,
    )


class SpecModel(BaseModel):
    """What a person writes: unknown fields are refused, so that a typo is never ignored."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, extra="forbid"
    )


def format_timestamp(moment: datetime) -> str:
    """Return ISO 8601 in UTC with milliseconds and Z, as the mobile client expects it."""
    utc = moment.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"


def _require_zone(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        msg = "a timestamp needs a time zone, for example 2026-01-31T12:00:00.000Z"
        raise ValueError(msg)
    try:
        return moment.astimezone(UTC)
    except OverflowError:  # within hours of year 1 or 9999, and with an offset
        msg = "a timestamp must lie between the years 1 and 9999 in UTC"
        raise ValueError(msg) from None


def now() -> datetime:
    """Return the present moment with its zone. For edges only: decisions take a moment."""
    return datetime.now(UTC)


Timestamp = Annotated[
    datetime,
    AfterValidator(_require_zone),
    PlainSerializer(format_timestamp, return_type=str, when_used="json"),
]
