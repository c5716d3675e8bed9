"""`moorage-gateway run`: starts everything in order, ends it in reverse, whatever ends it."""

import asyncio
import importlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, Final

import uvloop

from moorage_gateway.backends.local.processes import Lifeline
from moorage_gateway.embedded import checks, sample
from moorage_gateway.embedded.client import BASE, FAILURES, Client, Refused
from moorage_gateway.embedded.job import Job, Order, curl, keyboard
from moorage_gateway.embedded.lock import Lock, locked
from moorage_gateway.embedded.model import scripted_model
from moorage_gateway.embedded.options import Options, parse
from moorage_gateway.embedded.redis_server import running_redis
from moorage_gateway.embedded.refusals import CannotRun, Unfit
from moorage_gateway.embedded.terminal import Style, Terminal, clean_line, standard_terminal

if TYPE_CHECKING:
    from moorage_gateway.embedded.gateway import Gateway

_GATEWAY: Final = "moorage_gateway.embedded.gateway"  # imports what takes long
_FAILED: Final = 1
_INTERRUPTED: Final = 130


def run(arguments: Sequence[str]) -> int:
    """Run until told to stop; return the exit code."""
    _have_standard_streams()
    terminal = standard_terminal()
    try:
        options = parse(arguments)
        checks.prepare(options)
        with locked(options.home, terminal.step) as lock, checks.listen(options.port) as listener:
            embedded = Embedded(options, terminal, lock, listener)
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                return runner.run(embedded.run())
    except CannotRun as reason:
        terminal.fresh()
        if sys.stderr is not None:
            sys.stderr.write(f"moorage: {reason.sentence}\n")
        return reason.code
    except KeyboardInterrupt:
        return _INTERRUPTED


def _have_standard_streams() -> None:
    """Where there are none, files opened later would take their numbers and be taken for them."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


class Embedded:
    """One run, from the first server to the last process."""

    def __init__(
        self, options: Options, terminal: Terminal, lock: Lock, listener: socket.socket
    ) -> None:
        self._options = options
        self._terminal = terminal
        self._lock = lock
        self._listener = listener
        self._url = f"http://{checks.HOST}:{listener.getsockname()[1]}"
        self._job: Job | None = None
        self._gateway: Gateway | None = None
        self._told = False
        self._code = 0

    async def run(self) -> int:
        """Start everything, wait until told to stop, end everything; return the exit code."""
        self._loop = asyncio.get_running_loop()
        self._main = asyncio.current_task()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup
                self._loop.add_signal_handler(number, self._stop)
        with suppress(asyncio.CancelledError):
            await self._run()
        self._terminal.step("Stopped; what the sessions did is kept")
        return self._code

    async def _run(self) -> None:
        async with Lifeline(self._lock.children) as lifeline, AsyncExitStack() as stack:
            self._terminal.step("Starting Redis, the model and the gateway")
            importing = asyncio.create_task(asyncio.to_thread(importlib.import_module, _GATEWAY))
            home, model = self._options.home, self._options.model
            if model is None:
                model = await stack.enter_async_context(scripted_model(home, lifeline))
            redis = running_redis(home, lifeline, self._terminal.step)
            redis_url = await stack.enter_async_context(redis)
            module = await importing
            surroundings = module.Surroundings(
                redis_url, model, self._listener.getsockname()[1], self._lock.children
            )
            await self._serve(module.Gateway(self._options, surroundings))

    async def _serve(self, gateway: "Gateway") -> None:
        self._gateway = gateway
        gateway.server.on_started = self._on_started
        if self._told:
            return
        await gateway.server.serve(sockets=[self._listener])
        if self._job is not None:
            self._job.stop()
        if not gateway.server.started:
            log = self._options.home / "gateway.log"
            raise Unfit(f"The gateway did not start; its last words are in {log}.")

    def _on_started(self) -> None:
        self._lock.publish(self._url)
        self._terminal.line(f"Moorage is at {self._url}{BASE}", Style.BOLD)
        if self._options.model is None:
            self._terminal.line(
                "No ANTHROPIC_API_KEY is set, so a scripted model answers. Claude Code, its tools "
                "and the files are real; the thinking is not."
            )
        if self._options.job:
            threading.Thread(target=self._work, name="job", daemon=True).start()
        else:
            self._terminal.line(f"  list    {curl('GET', f'{self._url}{BASE}/sessions')}")
            self._terminal.line("Ctrl-C ends it.")

    def _work(self) -> None:
        """Carry out the main job; in a thread of its own, as a client of the gateway."""
        client = Client(self._url)
        self._job = Job(client, self._terminal, keyboard())
        done = False
        try:
            session_id = self._job.create(self._order())
            self._show_commands(client, session_id)
            done = self._job.run()
        except (CannotRun, Refused, *FAILURES) as error:
            self._terminal.line(f"! {clean_line(str(error), 1000)}", Style.RED)
        if not self._told:
            self._loop.call_soon_threadsafe(self._job_ended, done)

    def _order(self) -> Order:
        options = self._options
        repository, allowed = options.repository, options.allowed_tools
        if repository is None:
            repository = str(sample.sample_repository(options.home))
            if options.prompt is None:
                allowed = (*sample.ALLOWED, *allowed)
        return Order(repository, options.prompt or sample.PROMPT, allowed)

    def _show_commands(self, client: Client, session_id: str) -> None:
        session = f"{client.url}/sessions/{session_id}"
        message = curl("POST", f"{session}/messages", '{"content":"And now?"}')
        for name, command in (
            ("list", curl("GET", f"{client.url}/sessions")),
            ("message", message),
            ("events", f"curl -sN -H 'Last-Event-ID: 0' {session}/events"),
            ("approvals", curl("GET", f"{client.url}/approvals?state=pending")),
        ):
            self._terminal.line(f"  {name:<10}{command}", Style.DIM)

    def _job_ended(self, done: bool) -> None:
        if self._options.exit_when_done:
            self._code = 0 if done else _FAILED
            self._stop()
        else:
            self._terminal.line("The session stays open for more messages. Ctrl-C ends Moorage.")

    def _stop(self) -> None:
        """End it in good order; when told again, at once."""
        if self._told:
            self._terminal.step("Ending at once")
            if self._gateway is not None:
                self._gateway.hurry()
            return
        self._told = True
        self._terminal.step("Stopping: sessions are put down and kept")
        if self._job is not None:
            self._job.stop()
        if self._gateway is not None and self._gateway.server.started:
            self._gateway.stop()
        elif self._main is not None:
            self._main.cancel()
