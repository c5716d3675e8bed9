"""Keeps events below MAX_EVENT_BYTES: texts and tool inputs are cut, and it is said that they were.

Sizes are those of the JSON an event becomes, where one character takes between 1 and 6 bytes.
"""

from typing import Any, Final

from pydantic_core import PydanticSerializationError, to_json

MAX_TEXT_BYTES: Final = 512 * 1024
"""Most of a message's text."""

MAX_THINKING_BYTES: Final = 192 * 1024
MAX_CALLS_BYTES: Final = 192 * 1024
"""Most of the inputs of all tool calls of one message; with text and thinking below the limit."""

MAX_INPUT_BYTES: Final = 256 * 1024
"""Most of the input in an event of its own."""

_WORST: Final = 6  # bytes for one character: a control character as \u0000
_CUT: Final = "\n[... cut]"
_DEEPEST: Final = 40
_STRING_LIMITS: Final = (16_384, 4_096, 1_024, 256)
_ITEM_LIMITS: Final = (10_000, 1_000, 100, 20)


def clean(text: str) -> str:
    """Return ``text`` without lone surrogates, which no JSON can hold; pairs are joined."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def shorten(text: str, limit: int) -> tuple[str, bool]:
    """Return ``text`` in at most ``limit`` bytes of JSON, and whether it had to be cut."""
    text = clean(text)
    if len(text) * _WORST <= limit:
        return text, False
    size = len(to_json(text))
    if size <= limit:
        return text, False
    room = limit - len(_CUT) * _WORST
    kept = text
    while (size := len(to_json(kept))) > room:
        kept = kept[: min(len(kept) - 1, int(len(kept) * room / size))]
    return kept + _CUT, True


def shorten_characters(text: str, limit: int) -> tuple[str, bool]:
    """Return ``text`` in at most ``limit`` characters, and whether it had to be cut."""
    text = clean(text)
    if len(text) <= limit:
        return text, False
    return text[: limit - len(_CUT)] + _CUT, True


def shorten_input(value: dict[str, Any], limit: int) -> tuple[dict[str, Any], bool]:
    """Return a tool's input in at most ``limit`` bytes of JSON, and whether it had to be cut.

    Its shape is kept as far as possible: long strings go first, then long lists.
    """
    size = _size(value)
    if size is not None and size <= limit:
        return value, False
    for strings, items in zip(_STRING_LIMITS, _ITEM_LIMITS, strict=True):
        cut = _cut_value(value, strings, items, _DEEPEST)
        size = _size(cut)
        if size is not None and size <= limit:
            return cut, size != _size(value)
    return {"cut": "the input is too large to show"}, True


def _size(value: object) -> int | None:
    """Return how many bytes of JSON ``value`` takes, None if it cannot be written as JSON."""
    try:
        return len(to_json(value))
    except (PydanticSerializationError, ValueError, RecursionError):
        return None


def _cut_value(value: Any, strings: int, items: int, depth: int) -> Any:
    if isinstance(value, str):
        return shorten_characters(value, strings)[0]
    if isinstance(value, dict | list) and not depth:
        return "[... cut]"
    if isinstance(value, dict):
        pairs = list(value.items())[:items]
        return {
            shorten_characters(str(key), strings)[0]: _cut_value(item, strings, items, depth - 1)
            for key, item in pairs
        }
    if isinstance(value, list):
        return [_cut_value(item, strings, items, depth - 1) for item in value[:items]]
    return value
