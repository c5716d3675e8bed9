"""A real reverse proxy in front of gateways: Caddy, from its wheel, on a port of loopback."""

import shutil
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import httpx2

from moorage_testing.controlplane.processes import Process, until
from moorage_testing.http import http_client
from moorage_testing.ports import free_port

REPLICA: Final = "X-Replica"
"""The header in which the proxy says who answered, as host:port."""

_CONFIG: Final = """\
{{
	admin off
	auto_https off
	persist_config off
	log {{
		level WARN
	}}
}}

:{port} {{
	bind 127.0.0.1
	reverse_proxy {upstreams} {{
		lb_policy round_robin
		lb_try_duration 5s
		lb_try_interval 50ms
		health_uri /api/claude-code/health/ready
		health_interval 100ms
		health_timeout 5s
		header_down {header} {{http.reverse_proxy.upstream.hostport}}
		transport http {{
			keepalive {keep_alive}
		}}
	}}
}}
"""


class Caddy:
    """A proxy that gives requests to its upstreams in turn, while they say that they are ready.

    What could not connect is tried at another one; a request that was begun is not repeated.
    """

    def __init__(self, folder: Path, upstreams: Sequence[str], keep_alive: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        config = folder / "Caddyfile"
        config.write_text(
            _CONFIG.format(
                port=self.port,
                upstreams=" ".join(upstreams),
                header=REPLICA,
                keep_alive=keep_alive,
            )
        )
        program = shutil.which("caddy", path=sysconfig.get_path("scripts"))
        assert program is not None
        command = [program, "run", "--adapter", "caddyfile", "--config", str(config)]
        homes = {"XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
        self.process = Process("caddy", command, folder, homes)

    @property
    def log(self) -> str:
        """All that it logged."""
        return self.process.log.read_text()

    def start(self) -> None:
        """Start it; return when it answers."""
        self.process.start()

        def pending() -> str | None:
            self.process.require_running()
            try:
                with http_client(timeout=5) as client:
                    client.get(self.url)
            except httpx2.HTTPError as error:
                return type(error).__name__
            return None

        until("caddy", 30, pending)
