"""What a script is: an ordered list of steps, each of them one response of the model.

In JSON the names are camelCase, in Python snake_case. Unknown keys are refused, so a mistake
in a script becomes a 400 that names it instead of a test that waits.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from pydantic.alias_generators import to_camel


class _Part(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True
    )


class Citation(_Part):
    """A source a text refers to, as the web search gives it."""

    url: str
    title: str
    cited_text: str = ""


class Text(_Part):
    """Text of the answer; `{prompt}` and `{tool_result}` stand for what the request holds."""

    type: Literal["text"] = "text"
    text: str
    repeat: int = Field(default=1, ge=1, description="How often the text is written.")
    citations: tuple[Citation, ...] = ()


class Thinking(_Part):
    """A thinking block, with a made-up signature."""

    type: Literal["thinking"] = "thinking"
    thinking: str
    repeat: int = Field(default=1, ge=1)


class ToolUse(_Part):
    """A tool that the client has to run."""

    type: Literal["tool_use"] = "tool_use"
    name: str
    input: dict[str, Any] = {}


class SearchResult(_Part):
    """One hit of a web search."""

    url: str
    title: str
    page_age: str | None = None


class WebSearch(_Part):
    """A search run by the API itself: server_tool_use and web_search_tool_result."""

    type: Literal["web_search"] = "web_search"
    query: str
    results: tuple[SearchResult, ...] = ()


Block = Annotated[Text | Thinking | ToolUse | WebSearch, Field(discriminator="type")]


class Fail(_Part):
    """The first `times` requests for this step of this conversation get an error status."""

    status: int = Field(ge=400, le=599)
    times: int = Field(default=1, ge=1)
    retry_after: int | None = Field(default=None, ge=0, description="Seconds.")
    message: str | None = None


class Cut(_Part):
    """The first `times` answers to this step (after its failures) break off in the middle.

    `close` closes the connection, `error` sends the API's error event (overloaded), and
    `malformed` an event that is not JSON; after both the stream ends without message_stop.
    """

    after_deltas: int = Field(ge=0)
    times: int = Field(default=1, ge=1)
    how: Literal["close", "error", "malformed"] = "close"


class Step(_Part):
    """One response of the model."""

    blocks: tuple[Block, ...] = ()
    chunk: int = Field(default=40, ge=1, description="Characters in a delta.")
    pause_ms: float = Field(default=0, ge=0, description="Pause between two deltas.")
    delay_ms: float = Field(default=0, ge=0, description="Pause before the first byte.")
    fail: Fail | None = None
    cut: Cut | None = None
    stop_reason: str | None = Field(
        default=None, description="Empty: tool_use if a tool is asked for, else end_turn."
    )

    @classmethod
    def of(cls, *blocks: Block, **options: Any) -> "Step":
        """Make a step of these blocks; options are the step's other fields."""
        return cls(blocks=blocks, **options)

    @property
    def effective_stop_reason(self) -> str:
        """The stop reason the response carries."""
        if self.stop_reason is not None:
            return self.stop_reason
        return "tool_use" if any(isinstance(b, ToolUse) for b in self.blocks) else "end_turn"


Script = tuple[Step, ...]
SCRIPT: TypeAdapter[Script] = TypeAdapter(Script)
