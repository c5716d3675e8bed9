"""What request bodies share: unknown fields refused, text that can be stored, idempotency keys."""

import hashlib
import math
import uuid
from typing import Annotated, Any, Final

from fastapi import Header
from pydantic import BaseModel, ConfigDict, model_validator
from pydantic.alias_generators import to_camel

_DEEPEST: Final = 32

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        description="The same key and content again gives the same answer, and has no effect.",
    ),
]


class RequestModel(BaseModel):
    """A request's body: unknown fields are refused, so that a typo is never ignored."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, extra="forbid"
    )

    @model_validator(mode="before")
    @classmethod
    def _can_be_stored(cls, value: Any) -> Any:
        check_storable(value)
        return value


def check_storable(value: Any) -> None:
    """Refuse what JSON in Python may hold and neither UTF-8, SQL nor JSON itself can.

    Raises:
        ValueError: with a sentence.
    """
    waiting = [(value, 0)]
    while waiting:
        item, depth = waiting.pop()
        if depth > _DEEPEST:
            msg = f"must not be nested deeper than {_DEEPEST} levels"
            raise ValueError(msg)
        if isinstance(item, str):
            _check_text(item)
        elif isinstance(item, float) and not math.isfinite(item):
            msg = "numbers must be finite"
            raise ValueError(msg)
        elif isinstance(item, dict):
            waiting.extend((part, depth + 1) for pair in item.items() for part in pair)
        elif isinstance(item, list):
            waiting.extend((part, depth + 1) for part in item)


def _check_text(text: str) -> None:
    if "\0" in text:
        msg = "text must not contain the character NUL"
        raise ValueError(msg)
    try:
        text.encode()
    except UnicodeEncodeError:
        msg = "text must be valid Unicode: it has half of a surrogate pair"
        raise ValueError(msg) from None


def content_digest(body: BaseModel) -> str:
    """Return what tells this content from another under the same idempotency key."""
    return hashlib.sha256(body.model_dump_json(by_alias=True).encode()).hexdigest()


def random_id() -> str:
    """Return an id that nothing else has."""
    return str(uuid.uuid4())
