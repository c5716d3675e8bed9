"""Sessions as child processes of the gateway, for one machine.

- guard: a script that runs one command and leaves nothing of it behind
- processes: starts commands under the guard
- policy: decides what a session needs next (pure)
- status: says how a session stands (pure)
- lines: who may start now, and who waits (pure)
- store: sessions as files
- live: what runners say of themselves in Redis
- runners: starts runners, keeps one warm
- backend: the interface to sessions, and the loop that keeps them as they should be
"""

from moorage_gateway.backends.local.backend import LocalBackend
from moorage_gateway.backends.local.settings import LocalSettings

__all__ = ["LocalBackend", "LocalSettings"]
