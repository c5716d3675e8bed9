"""Content blocks, as the CLI prints them, in the forms that events take."""

from collections.abc import Iterator
from typing import Any

from moorage_api.events import CitationData, WebSearchHit, WebSearchResultData
from moorage_runner.translate.limits import MAX_INPUT_BYTES, clean, shorten_input

Json = dict[str, Any]

_MAX_HITS = 50
_SHORT = 2_000


def blocks_of(raw: Json) -> list[Json]:
    """Return the content blocks of a user's or an assistant's message, however it was written."""
    message = raw.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    if not isinstance(content, list):
        return []
    return [block for block in content if isinstance(block, dict)]


def text_of(value: object) -> str:
    """Return a string, or nothing where the CLI put something else."""
    return value if isinstance(value, str) else ""


def plain(content: object) -> str:
    """Return a tool result's content as text; of what is none, say what it is."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    return "\n".join(_plain_blocks(content))


def _plain_blocks(content: list[Any]) -> Iterator[str]:
    for block in content:
        if not isinstance(block, dict):
            continue
        kind = block.get("type")
        if kind == "text":
            yield text_of(block.get("text"))
        elif kind in {"image", "document"}:
            yield f"[{kind}{_media_type(block)}]"
        elif kind == "tool_reference":
            yield f"[tool {text_of(block.get('tool_name'))}]"
        else:
            yield f"[{kind}]"


def _media_type(block: Json) -> str:
    source = block.get("source")
    media = source.get("media_type") if isinstance(source, dict) else None
    return f" {media}" if isinstance(media, str) else ""


def tool_input(block: Json) -> Json:
    """Return the input of a tool_use block."""
    value = block.get("input")
    return value if isinstance(value, dict) else {}


def citation(message_id: str, index: int, raw: object) -> CitationData | None:
    """Return a citation of a text block; its own form is kept as its source."""
    if not isinstance(raw, dict):
        return None
    source, _ = shorten_input(raw, MAX_INPUT_BYTES // 16)
    source.pop("encrypted_index", None)
    return CitationData(
        message_id=message_id,
        index=index,
        cited_text=clean(text_of(raw.get("cited_text")))[:_SHORT],
        title=_short(raw.get("title") or raw.get("document_title")),
        url=_short(raw.get("url")),
        source=source,
    )


def search_result(message_id: str, block: Json) -> WebSearchResultData:
    """Return what a web_search_tool_result block holds: hits, or an error."""
    content = block.get("content")
    hits = content if isinstance(content, list) else []
    error = content.get("error_code") if isinstance(content, dict) else None
    return WebSearchResultData(
        message_id=message_id,
        tool_use_id=text_of(block.get("tool_use_id")),
        results=[
            WebSearchHit(
                title=_short(hit.get("title")) or "",
                url=_short(hit.get("url")) or "",
                page_age=_short(hit.get("page_age")),
            )
            for hit in hits[:_MAX_HITS]
            if isinstance(hit, dict)
        ],
        error=_short(error),
    )


def _short(value: object) -> str | None:
    return clean(value)[:_SHORT] if isinstance(value, str) else None
