"""Real git repositories for a test, and a real HTTP server for them on loopback."""

import os
import subprocess
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "LC_ALL": "C",
    "HOME": os.devnull,
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_ALLOW_PROTOCOL": "file:http",
    **{f"GIT_{who}_NAME": "Tester" for who in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{who}_EMAIL": "tester@example.com" for who in ("AUTHOR", "COMMITTER")},
}
"""Git without the machine's own configuration."""


def git(folder: Path, *words: str) -> str:
    """Run git in `folder` and give what it says."""
    done = subprocess.run(
        ["git", *words], cwd=folder, env=ENVIRONMENT, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@dataclass(frozen=True)
class GitRepository:
    """A repository with a working tree at `path`."""

    path: Path

    @classmethod
    def create(cls, path: Path, files: Mapping[str, str | bytes] | None = None) -> "GitRepository":
        """Make one with a first commit; `files` empty: without any commit."""
        path.mkdir(parents=True)
        git(path, "init", "--quiet", "--initial-branch=main")
        repository = cls(path)
        chosen = {"README.md": "hello\n"} if files is None else files
        if chosen:
            repository.commit(chosen)
        return repository

    def write(self, files: Mapping[str, str | bytes]) -> None:
        """Write files into the working tree."""
        for name, content in files.items():
            target = self.path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content if isinstance(content, bytes) else content.encode())

    def commit(self, files: Mapping[str, str | bytes]) -> str:
        """Write and commit files; give the commit's id."""
        self.write(files)
        git(self.path, "add", "--all")
        git(self.path, "commit", "--quiet", "--allow-empty", "--message", "change")
        return self.head

    @property
    def head(self) -> str:
        """The commit that is checked out."""
        return git(self.path, "rev-parse", "HEAD")


@dataclass
class GitServer:
    """Serves the repositories below `root`; with `password`, to those who send it only."""

    root: Path
    url: str = ""
    password: str | None = None
    protocol_two: bool = True
    listen: Callable[[], None] = lambda: None
    """Begin to accept connections, where they were refused so far."""
    requests: list[str] = field(default_factory=list)


class _Handler(BaseHTTPRequestHandler):
    served: ClassVar[GitServer]
    protocol_version = "HTTP/1.0"

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["Content-Length"])))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        self.served.requests.append(self.path)

    def _answer(self, body: bytes) -> None:
        password = self.served.password
        wanted = "Basic " + b64encode(f"user:{password}".encode()).decode()
        if password and self.headers.get("Authorization") != wanted:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.end_headers()
            return
        done = subprocess.run(
            ["git", "http-backend"],
            input=body,
            env=self._variables(),
            check=True,
            capture_output=True,
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = [line.split(": ", 1) for line in head.decode().split("\r\n")]
        status = next((value for name, value in headers if name == "Status"), "200")
        self.send_response(int(status.split()[0]))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def _variables(self) -> dict[str, str]:
        path, _, query = self.path.partition("?")
        return {
            **ENVIRONMENT,
            "GIT_PROJECT_ROOT": str(self.served.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", "")
            if self.served.protocol_two
            else "",
        }


@contextmanager
def serving_git(
    root: Path,
    *,
    password: str | None = None,
    protocol_two: bool = True,
    refusing: bool = False,
) -> Iterator[GitServer]:
    """Serve the repositories below `root` on loopback for the length of the block.

    `refusing`: it has its port, and refuses connections until it is told to listen.
    """
    served = GitServer(root, password=password, protocol_two=protocol_two)
    handler = type("_BoundHandler", (_Handler,), {"served": served})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler, bind_and_activate=False) as server:
        server.server_bind()
        served.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})

        def listen() -> None:
            server.server_activate()
            thread.start()

        served.listen = listen
        if not refusing:
            listen()
        try:
            yield served
        finally:
            if thread.is_alive():
                server.shutdown()
                thread.join()
