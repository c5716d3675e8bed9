"""`moorage-runner`: runs one session. Contract 4 says what it is told and how it ends."""

import argparse
import asyncio
import json
import os
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import uvloop

from moorage_api import collector
from moorage_api.reasons import ExitCode
from moorage_runner import logs
from moorage_runner.binding import from_environment, from_line
from moorage_runner.errors import RunnerError
from moorage_runner.groundwork import Groundwork
from moorage_runner.lines import LineWriter
from moorage_runner.settings import RunnerSettings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from moorage_runner.retry import RetryPolicy

_TERMINATION_BYTES = 4096  # what Kubernetes keeps of a termination message


def main(policy: "RetryPolicy | None" = None) -> None:
    """Run a session and exit with its code."""
    parser = argparse.ArgumentParser(prog="moorage-runner", description=__doc__)
    parser.add_argument(
        "--warm",
        action="store_true",
        help="import everything, then read the settings as one line of JSON from stdin",
    )
    arguments = parser.parse_args()
    collector.hold()  # until all is imported: session
    log, console = LineWriter(sys.stderr, "log"), LineWriter(sys.stdout, "console")
    settings: RunnerSettings | None = None
    logs.configure(log, "")
    termination_log = os.environ.get("MOORAGE_TERMINATION_LOG")
    try:
        if arguments.warm:
            _import_all()
        settings = from_line() if arguments.warm else from_environment()
        code = ExitCode.COMPLETE if settings is None else _run(settings, log, console, policy)
    except Exception as raised:  # the last line: whatever it is, it is told and logged
        error = raised if isinstance(raised, RunnerError) else _unexpected(raised)
        path = settings.termination_log if settings else termination_log
        _leave_message(str(path) if path else None, error)
        code = error.exit_code
    console.close()
    log.close()
    sys.exit(code)


def _run(
    settings: RunnerSettings, log: LineWriter, console: LineWriter, policy: "RetryPolicy | None"
) -> int:
    logs.configure(log, settings.session_id)
    # For the SDK, which reads transcripts where the CLI writes them.
    os.environ["CLAUDE_CONFIG_DIR"] = str(settings.records_home / ".claude")
    if settings.agent_socket:
        os.umask(0o002)  # the agent is another user in the same group
    return uvloop.run(_session(settings, console, policy))


async def _session(
    settings: RunnerSettings, console: LineWriter, policy: "RetryPolicy | None"
) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    groundwork = Groundwork(settings, settings.read_spec())
    try:
        run = await asyncio.to_thread(_import_session)
        return await run(groundwork, console, policy, stop)
    finally:
        await groundwork.close()


def _import_session() -> "Callable[..., Awaitable[int]]":
    """Import what runs a session: slow, and the first steps need none of it."""
    from moorage_runner.session import run  # noqa: PLC0415

    return run


def _import_all() -> None:
    import claude_agent_sdk  # noqa: F401, PLC0415

    _import_session()


def _unexpected(error: Exception) -> RunnerError:
    logs.get_logger().exception("unexpected")
    return RunnerError(f"The runner failed ({type(error).__name__}).")


def _leave_message(path: str | None, error: RunnerError) -> None:
    """Write down why it failed, for whoever looks at a pod that has ended."""
    logs.get_logger().error("ended", reason=error.reason.value, message=error.message)
    if path is None:
        return
    message = {"reason": error.reason.value, "message": error.message[: _TERMINATION_BYTES // 8]}
    with suppress(OSError), open(path, "w") as file:  # noqa: PTH123 - may be a device
        json.dump(message, file)


if __name__ == "__main__":
    main()
