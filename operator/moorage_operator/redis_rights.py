"""What a session's user may do in Redis: a runner's commands, each on the keys it is for.

Since version 7 Redis has selectors, which say so key by key: a runner reads its inputs and cannot
write any. Redis 6.2 gives a user the same commands for all of its keys.
"""

from typing import Any, Final

from moorage_api.keys import SessionKeys

_CONNECTION: Final = ("hello", "auth", "ping", "client|setname", "multi", "exec")
"""Connections, as the client library makes and keeps them."""

_HINTS: Final = ("publish",)
_WITH_SELECTORS: Final = 7


def rules(keys: SessionKeys, digest: str, *, selectors: bool) -> tuple[str, ...]:
    """Return all that makes up a session's user: whatever it could do before, it cannot now."""
    by_key = _by_key(keys)
    base = ("reset", "resetchannels", "on", f"#{digest}", "-@all", f"&{keys.notify}")
    granted = (*base, *(f"+{each}" for each in (*_CONNECTION, *_HINTS)))
    if selectors:
        return (*granted, *(_selector(key, commands) for key, commands in by_key.items()))
    every = dict.fromkeys(each for commands in by_key.values() for each in commands)
    return (*granted, *(f"~{key}" for key in by_key), *(f"+{each}" for each in every))


def has_selectors(hello: dict[bytes, Any]) -> bool:
    """Whether a server knows selectors, by its answer to HELLO. Valkey has had them always."""
    major, _, _ = hello.get(b"version", b"").partition(b".")
    return major.isdigit() and int(major) >= _WITH_SELECTORS


def _by_key(keys: SessionKeys) -> dict[str, tuple[str, ...]]:
    return {
        keys.events: ("xadd", "xrange", "xrevrange"),
        keys.state: ("hset", "hgetall"),
        keys.inbox: (
            "xreadgroup", "xack", "xrevrange", "xpending", "xinfo|groups", "xgroup|create",
        ),
        keys.rpc: ("xread", "xdel"),
        keys.reply("*"): ("rpush", "expire"),
        keys.dead: ("xadd",),
    }  # fmt: skip


def _selector(key: str, commands: tuple[str, ...]) -> str:
    return f"(~{key} {' '.join(f'+{each}' for each in commands)})"
