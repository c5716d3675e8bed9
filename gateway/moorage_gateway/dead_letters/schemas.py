"""What requests about dead letters hold and answer."""

from typing import Annotated, Literal

from pydantic import Field

from moorage_api.base import Timestamp, WireModel
from moorage_gateway.pages import Page, PageQuery

LetterKind = Literal["job", "input"]


class LetterQuery(PageQuery):
    """Which dead letters to list, the latest first."""

    kind: Annotated[LetterKind | None, Field(description="Only of this kind.")] = None
    session_id: Annotated[
        str | None, Field(max_length=64, description="Only inputs of this session.")
    ] = None


class LetterView(WireModel):
    """Something that was given up."""

    id: str
    kind: Annotated[
        LetterKind,
        Field(description="A background job of the gateway's, or an input that a runner gave up."),
    ]
    name: Annotated[
        str,
        Field(
            description="The job's name; or what the input was: prompt, or unknown where it could "
            "not be read.",
            examples=["remove-what-is-over"],
        ),
    ]
    reason: Annotated[str, Field(description="The kind of error.", examples=["OperationalError"])]
    failures: Annotated[int, Field(description="How often it was given up.")]
    attempts: Annotated[
        int | None, Field(description="Attempts before it was given up the last time, if known.")
    ]
    session_id: str | None
    input_id: Annotated[str | None, Field(description="A prompt's is the message's id as well.")]
    first_failed_at: Timestamp
    last_failed_at: Timestamp
    retried_at: Annotated[
        Timestamp | None,
        Field(description="When it was put into the queue again; it goes away when that is well."),
    ]


class LetterPage(Page):
    """A part of the list."""

    dead_letters: list[LetterView]


class Retried(WireModel):
    """What became of a dead letter."""

    success: Literal[True] = True
    message_id: Annotated[
        str | None, Field(description="The new message that an input was sent as.")
    ] = None
