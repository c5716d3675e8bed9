"""What a session's login to Redis must not do, even stolen from the runner by the agent."""

from isolation.attempts import Attempt, Without

_QUEUED = "^got .*QUEUED"
_OF_THE_COMMAND = "^no: -NOPERM (?!.*'discard')"


def _refused(
    name: str, words: str, succeeds: str = "^got", expected: str = "^no: -NOPERM"
) -> Attempt:
    return Attempt(
        name,
        f'attack redis "$REDIS_URL" {words}',
        expected,
        Without.LIMITED_LOGIN,
        succeeds,
        f'attack redis "$REDIS_ADMIN" {words}',
    )


def _queued(name: str, words: str) -> Attempt:
    """Within a transaction that is given up: rights are judged as a command comes.

    That the login may not give up either must not pass for a refusal.
    """
    return _refused(name, f"MULTI , {words} , DISCARD", _QUEUED, _OF_THE_COMMAND)


_OTHER = "moorage:{$OTHER_SESSION}"
_OWN = "moorage:{$OWN_SESSION}"
_APPROVAL = f'MULTI , XADD "{_OWN}:inbox" "*" input "{{}}" , DISCARD'

ATTEMPTS = [
    _refused("read another session's events", f'XRANGE "{_OTHER}:events" - + COUNT 1', "event"),
    _refused("read another session's state", f'HGETALL "{_OTHER}:state"', "phase"),
    _refused("read what another session is told", f'XRANGE "{_OTHER}:inbox" - + COUNT 1', "input"),
    _queued("send another session a message", f'XADD "{_OTHER}:inbox" "*" input "{{}}"'),
    _queued("forge another session's events", f'XADD "{_OTHER}:events" "*" event "{{}}"'),
    _refused("publish into another session", f'PUBLISH "{_OTHER}:notify" x'),
    _refused("listen to another session", f'SUBSCRIBE "{_OTHER}:notify"'),
    _queued("delete another session's events", f'DEL "{_OTHER}:events"'),
    _queued("forge what it spent", f'HSET "{_OWN}:meter" costMicroUsd 0'),
    _queued("forge its rights at the proxy", f'HSET "{_OWN}:grant" grant "{{}}"'),
    _queued("forge a note of a push", 'XADD moorage:pushes "*" a b'),
    _refused("CONFIG", "CONFIG GET dir"),
    _queued("CONFIG SET", "CONFIG SET maxmemory 0"),
    _queued("FLUSHALL", "FLUSHALL"),
    _refused("KEYS", "KEYS x"),
    _refused("SCAN", "SCAN 0 COUNT 1"),
    _refused("ACL LIST", "ACL LIST"),
    _queued("ACL SETUSER", "ACL SETUSER hostile on nopass +@all"),
    _refused("EVAL", 'EVAL "return 1" 0'),
    _refused("CLIENT LIST", "CLIENT LIST"),
    _queued("forge an approval with the runner's login", f'XADD "{_OWN}:inbox" "*" input "{{}}"'),
    Attempt(
        "forge an approval, as the agent",
        f'attack redis "${{REDIS_URL%%//*}}//${{REDIS_URL##*@}}" {_APPROVAL}',
        "^no: -NOAUTH",
        Without.LIMITED_LOGIN,
        _QUEUED,
        f'attack redis "$REDIS_ADMIN" {_APPROVAL}',
    ),
]
