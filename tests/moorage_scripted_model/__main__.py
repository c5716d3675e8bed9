"""`python -m moorage_scripted_model`: serve until SIGTERM, and end at once then."""

import argparse
import contextlib
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from signal import SIGINT, SIGTERM, signal
from types import FrameType

import uvicorn

from moorage_scripted_model.application import create_application


class _Server(uvicorn.Server):
    """Says where it listens once it does, and does not wait for streams when told to end."""

    def __init__(self, config: uvicorn.Config, url: str, port_file: Path | None) -> None:
        super().__init__(config)
        self._url = url
        self._port_file = port_file

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._port_file:
            partial = self._port_file.with_name(self._port_file.name + ".partial")
            partial.write_text(self._url.rpartition(":")[2])
            partial.replace(self._port_file)
        print(f"listening on {self._url}", flush=True)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        signal(SIGTERM, self._end)
        signal(SIGINT, self._end)
        yield

    def _end(self, _: int, __: FrameType | None) -> None:
        self.should_exit = True
        self.force_exit = True


def main() -> None:
    """Parse the arguments and serve."""
    parser = argparse.ArgumentParser(prog="moorage_scripted_model", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 picks a free one")
    parser.add_argument("--port-file", type=Path, help="written once the server listens")
    arguments = parser.parse_args()
    listener = socket.create_server((arguments.host, arguments.port), backlog=1024)
    host, port = listener.getsockname()[:2]
    config = uvicorn.Config(
        create_application(), log_level="critical", access_log=False, lifespan="off"
    )
    server = _Server(config, f"http://{host}:{port}", arguments.port_file)
    server.run(sockets=[listener])
    sys.exit(0)


if __name__ == "__main__":
    main()
