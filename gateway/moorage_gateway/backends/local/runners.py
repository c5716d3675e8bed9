"""Starts runners, and keeps one warm: imported, waiting to be told which session it is for."""

import asyncio
import contextlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import structlog

from moorage_api.resources import ClaudeSession
from moorage_gateway.backends.local.processes import Command, GuardedProcess, Lifeline
from moorage_gateway.backends.local.settings import LocalSettings
from moorage_gateway.backends.local.store import Folder, SessionStore

_log = structlog.get_logger(__name__)
_RUNNERS_SHARE: Final = 0.8
"""The part of the grace a runner is told of, so that it ends before it is killed."""

_SPARE_PAUSE: Final = 60.0
_PASSED_ON: Final = re.compile(
    r"PATH|LANG|LC_[A-Z]+|TZ|TMPDIR|USER|LOGNAME|SHELL|IS_SANDBOX"
    r"|SSL_CERT_FILE|SSL_CERT_DIR|NODE_EXTRA_CA_CERTS|CURL_CA_BUNDLE|GIT_SSL_CAINFO"
    r"|(?i:https?_proxy|all_proxy|no_proxy)"
)


def passed_on(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what runners may have of the gateway's environment: no home, no secrets."""
    return {
        name: value for name, value in environment.items() if _PASSED_ON.fullmatch(name) and value
    }


class Runners:
    """Runner processes. At most one spare is kept."""

    def __init__(
        self,
        settings: LocalSettings,
        store: SessionStore,
        lifeline: Lifeline,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._settings = settings
        self._store = store
        self._lifeline = lifeline
        self._environment = {**passed_on(environment), **settings.environment}
        self._spare: GuardedProcess | None = None
        self._spare_due = 0.0
        self._spares = 0

    async def start(self, session: ClaudeSession) -> GuardedProcess:
        """Start the session's runner: the spare if there is one, else a new one.

        Raises:
            OSError: if no process can be made, or the disk not be written.
        """
        uid = str(session.metadata.uid)
        folder = await asyncio.to_thread(self._store.prepare, uid, session.spec)
        binding = self._binding(uid, folder)
        return await self._claimed(binding, folder.log) or await self._cold(binding, folder.log)

    async def refill(self) -> None:
        """Start a spare if there is none. Call it while nothing else is being started."""
        if self._spare is not None and not self._spare.running:
            _log.warning("spare runner ended", log=str(self._spare.log))
            self._spare = None
            self._spare_due = asyncio.get_running_loop().time() + _SPARE_PAUSE
        due = asyncio.get_running_loop().time() >= self._spare_due
        if not self._settings.warm or self._spare is not None or not due:
            return
        with contextlib.suppress(OSError):
            self._spare = await self._lifeline.start(
                self._command((*self._settings.runner, "--warm"), {}, self._spare_log(), warm=True)
            )

    async def close(self) -> None:
        """End the spare."""
        spare, self._spare = self._spare, None
        if spare is not None:
            spare.terminate()
            await spare.stop()
            spare.log.unlink(missing_ok=True)

    async def _claimed(self, binding: dict[str, str], log: Path) -> GuardedProcess | None:
        spare, self._spare = self._spare, None
        if spare is None:
            return None
        try:
            await spare.hand_over(json.dumps(binding).encode() + b"\n")
            spare.log.replace(log)
        except OSError as error:
            _log.warning("spare runner not usable", cause=type(error).__name__)
            await spare.stop()
            return None
        spare.log = log
        return spare

    async def _cold(self, binding: dict[str, str], log: Path) -> GuardedProcess:
        return await self._lifeline.start(self._command(self._settings.runner, binding, log))

    def _command(
        self, arguments: tuple[str, ...], binding: dict[str, str], log: Path, *, warm: bool = False
    ) -> Command:
        return Command(
            arguments=arguments,
            environment={**self._environment, **binding},
            log=log,
            grace_seconds=self._settings.grace_seconds,
            reads_stdin=warm,
        )

    def _binding(self, session_id: str, folder: Folder) -> dict[str, str]:
        """Return Contract 4's variables for this session."""
        grace = self._settings.grace_seconds * _RUNNERS_SHARE
        credential = self._settings.anthropic_credential.get_secret_value()
        return {
            "MOORAGE_SESSION_ID": session_id,
            "MOORAGE_SESSION_SPEC": str(folder.spec),
            "MOORAGE_REDIS_URL": self._settings.redis_url,
            "MOORAGE_WORKSPACE": str(folder.workspace),
            "MOORAGE_TERMINATION_LOG": str(folder.termination),
            "MOORAGE_GRACE_SECONDS": f"{grace:g}",
            "ANTHROPIC_BASE_URL": self._settings.anthropic_base_url,
            self._settings.credential_variable: credential,
        }

    def _spare_log(self) -> Path:
        self._spares += 1
        folder = self._settings.home / "spares"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder / f"{os.getpid()}-{self._spares}.log"
