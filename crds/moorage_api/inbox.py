"""What goes into a session's inbox: a discriminated union, and its form in a Redis stream.

Each input has an id of the sender's choice. The same id twice is one input in effect: of several
entries with one id the first counts.
"""

import re
from typing import Annotated, Any, Final, Literal

from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core import from_json, to_json

from moorage_api.base import WireModel
from moorage_api.events import Decision
from moorage_api.resources.parts import MAX_PROMPT, PermissionMode, ToolRule

FIELD: Final = b"input"
_TRACE: Final = "traceparent"
_TRACEPARENT: Final = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")

InputId = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9_.:-]+$")]


class _InputBase(WireModel):
    input_id: InputId


class Prompt(_InputBase):
    """A message from a user. Its id is the turn's id and the message's."""

    type: Literal["prompt"] = "prompt"
    content: Annotated[str, Field(min_length=1, max_length=MAX_PROMPT)]
    allowed_tools: Annotated[list[ToolRule] | None, Field(max_length=256)] = None


class Interrupt(_InputBase):
    """End the turn that is worked on; queued prompts stay queued.

    With a turn id: only if it is that turn which is worked on.
    """

    type: Literal["interrupt"] = "interrupt"
    turn_id: str | None = None


class PermissionDecision(_InputBase):
    """An answer to a request for permission."""

    type: Literal["decision"] = "decision"
    approval_id: str
    decision: Decision
    message: Annotated[str | None, Field(max_length=4096)] = None
    updated_input: dict[str, Any] | None = None
    scope: Literal["once", "session"] = "once"


class SetMode(_InputBase):
    """Change the permission mode."""

    type: Literal["mode"] = "mode"
    mode: PermissionMode


class SetModel(_InputBase):
    """Change the model; None: Claude Code's own."""

    type: Literal["model"] = "model"
    model: Annotated[str | None, Field(max_length=128)] = None


Input = Annotated[
    Prompt | Interrupt | PermissionDecision | SetMode | SetModel, Field(discriminator="type")
]
INPUT: Final[TypeAdapter[Input]] = TypeAdapter(Input)


class InputRefused(ValueError):  # noqa: N818 - read as a sentence: the input was refused
    """An entry of an inbox holds no valid input."""


def encode_input(value: Input, traceparent: str | None = None) -> bytes:
    """Return ``value`` as the value of an inbox entry's one field.

    ``traceparent``: the trace (W3C) of the request that asked for it. It goes along beside the
    input and is no part of it: the same input of two requests is the same input.
    """
    if traceparent is None:
        return INPUT.dump_json(value, by_alias=True, exclude_none=True)
    fields = INPUT.dump_python(value, mode="json", by_alias=True, exclude_none=True)
    return to_json({**fields, _TRACE: traceparent})


def traceparent_in(raw: bytes | None) -> str | None:
    """Return the trace that goes along with an input, if there is one."""
    if raw is None or _TRACE.encode() not in raw:
        return None
    try:
        found = from_json(raw).get(_TRACE)
    except (ValueError, AttributeError):
        return None
    return found if isinstance(found, str) and _TRACEPARENT.fullmatch(found) else None


def decode_input(raw: bytes | None) -> Input:
    """Return the input in an inbox entry.

    Raises:
        InputRefused: if there is none or it is not valid.
    """
    try:
        return INPUT.validate_json(raw or b"")
    except ValidationError as error:
        msg = f"no valid input ({error.error_count()} mistakes)"
        raise InputRefused(msg) from None
