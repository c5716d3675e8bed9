"""Keeps secrets out of the log: by name, by form, and by value where it is known."""

import re
from collections.abc import Iterable, MutableMapping
from functools import lru_cache
from typing import Any, Final

_NAMES: Final = re.compile(
    r"password|passwd|passphrase|secret|token|authorization|cookie|api_?key|private_?key"
    r"|credential|signature",
    re.IGNORECASE,
)
_PREFIXES: Final = r"sk-[A-Za-z]{2,8}-|m[kr]_|gh[pousr]_|github_pat_|glpat-|xox[abp]-"
# A set of letters comes first: the search skips to the next of them, where it would try each name.
_NAMED: Final = r"[tTpPsSaA](?i:(?<=t)oken|(?<=p)ass(?:word|wd|phrase)|(?<=s)ecret|(?<=a)pi_?key)"
_QUOTED: Final = r"""[bru]?(?:'(?:[^'\\\n]|\\.)*+'?|"(?:[^"\\\n]|\\.)*+"?)"""
# Each takes a time that grows with the text and no faster, whatever a runner has put into it.
_FORMS: Final = (
    ("://", re.compile(r"(://[^\s/@:]*):[^\s/@]+@"), r"\1:***@"),
    ("://", re.compile(r"://[^\s/@:?#]+@"), "://***@"),
    ("", re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"), r"\1 ***"),
    ("", re.compile(rf"\b({_PREFIXES})[\w-]{{6,}}"), r"\1***"),
    # From the start of a word with hyphens to its first eyJ: to try each of them were a square.
    ("eyJ", re.compile(r"(?<![\w-])((?>[\w-]*?\beyJ))[\w-]{8,}+\.[\w-]{8,}+\.[\w-]*"), r"\1***"),
    (
        "-----BEGIN ",
        re.compile(r"(-----BEGIN [A-Z ]*PRIVATE KEY-----).*?(?=-----END|$)", re.DOTALL),
        r"\1 ***",
    ),
    ("=", re.compile(r"(?i)([?&;\s]code=)[^\s&;\"']+"), r"\1***"),
    # In a query, or quoted as a traceback shows an argument or a dict.
    (
        "",
        re.compile(
            rf"({_NAMED}(?:(?:[\"']\s?:|\s?=)\s?(?=[bru]?[\"'])|=))(?:{_QUOTED}|[^\s&;\"']+)"
        ),
        r"\1***",
    ),
)
"""Each with what a text that holds it has in any case: to look for that alone is cheap."""

_NONE_OF_THEM: Final = re.compile(r"[0-9a-fA-F:.TZ-]*")
"""Ids and times, of which every line has some: none of the forms can be made of these letters."""
_MASK: Final = "***"
_SHORTEST: Final = 8
"""Shorter values are not looked for: they would mask words that are no secrets."""
_DEEPEST: Final = 16
_LONGEST_KEPT: Final = 200


class Redactor:
    """A processor of structlog's; the last one before the renderer."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = sorted({value for value in secrets if len(value) >= _SHORTEST}, key=len)
        self._known = tuple(reversed(known))  # the longest first: one may hold another

    def __call__(
        self, logger: object, method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        """Replace what is or looks like a secret."""
        del logger, method
        for name, value in event.items():
            event[name] = self._named(name, value, 0)
        return event

    def _named(self, name: str, value: Any, depth: int) -> Any:
        # Numbers under such names are counts: input_tokens.
        if _NAMES.search(name) and not isinstance(value, bool | int | float | None):
            return _MASK
        return self._redacted(value, depth + 1)

    def _redacted(self, value: Any, depth: int) -> Any:
        if isinstance(value, bool | int | float | None):
            return value
        if depth > _DEEPEST:
            return _MASK
        if isinstance(value, dict):
            return {
                self._text(str(key)): self._named(str(key), item, depth)
                for key, item in value.items()
            }
        if isinstance(value, list | tuple | set | frozenset):
            return [self._redacted(item, depth + 1) for item in value]
        if isinstance(value, bytes):
            value = value.decode(errors="replace")
        # Anything else (an exception, a model) would be shown as this text by the renderer.
        return self._text(value if isinstance(value, str) else repr(value))

    def _text(self, text: str) -> str:
        for secret in self._known:
            text = text.replace(secret, _MASK)
        if len(text) < _SHORTEST or _NONE_OF_THEM.fullmatch(text):
            return text
        return _masked_once(text) if len(text) <= _LONGEST_KEPT else _masked(text)


def _masked(text: str) -> str:
    for needle, form, replacement in _FORMS:
        if needle in text:
            text = form.sub(replacement, text)
    return text


# Most of what is logged was logged before: names, levels, events, paths.
_masked_once: Final = lru_cache(maxsize=1024)(_masked)
