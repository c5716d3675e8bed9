"""A real git server on loopback: `git http-backend` behind aiohttp, which takes chunked bodies."""

import asyncio
import os
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from moorage_api.resources import ClaudeSession, SessionSpec
from moorage_operator.build import Subject
from moorage_operator.build.ways import TOKEN, ways_out
from moorage_operator.settings import PodSettings
from moorage_testing.git import ENVIRONMENT, git
from moorage_testing.proxying import listening


@dataclass
class GitBackend:
    """Serves the bare repositories below a folder, to those with the right header only."""

    root: Path
    authorization: str | None = None
    url: str = ""
    seen: list[tuple[str, str, str | None]] = field(default_factory=list)
    """Method, path and Authorization of each request."""

    def make(self, name: str) -> Path:
        """Make a bare repository with one commit on main."""
        bare, work = self.root / f"{name}.git", self.root / f"{name}.work"
        git(self.root, "init", "--quiet", "--bare", "--initial-branch=main", str(bare))
        git(bare, "config", "http.receivepack", "true")
        git(self.root, "init", "--quiet", "--initial-branch=main", str(work))
        (work / "README.md").write_text(f"{name}\n")
        git(work, "add", ".")
        git(work, "commit", "--quiet", "--message", "first")
        git(work, "push", "--quiet", str(bare), "main")
        return bare

    async def handle(self, request: web.Request) -> web.StreamResponse:
        given = request.headers.get("Authorization")
        self.seen.append((request.method, request.raw_path, given))
        body = await request.read()
        if self.authorization is not None and given != self.authorization:
            return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="git"'})
        process = await asyncio.create_subprocess_exec(
            "git", "http-backend", env=self._variables(request, len(body)),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        said, _ = await process.communicate(body)
        head, _, content = said.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        status = int(headers.pop("Status", "200").split()[0])
        return web.Response(status=status, headers=headers, body=content)

    def _variables(self, request: web.Request, size: int) -> dict[str, str]:
        return {
            **ENVIRONMENT,
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": request.method,
            "PATH_INFO": request.path,
            "QUERY_STRING": request.query_string,
            "CONTENT_TYPE": request.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(size),
            "HTTP_CONTENT_ENCODING": request.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
        }


def basic(user: str, password: str) -> str:
    """Give the header that this login makes."""
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


@asynccontextmanager
async def git_backend(root: Path, authorization: str | None = None) -> AsyncIterator[GitBackend]:
    """Serve a folder's repositories."""
    backend = GitBackend(root, authorization)
    app = web.Application(client_max_size=1 << 30)
    app.router.add_route("*", "/{path:.*}", backend.handle)
    async with listening(app) as url:
        backend.url = url
        yield backend


@dataclass(frozen=True)
class Client:
    """Real git as it runs in a pod: every https or http URL leads to the proxy, with a token."""

    folder: Path
    proxy: str
    token: str

    async def __call__(self, *words: str, cwd: Path | None = None) -> tuple[int, str]:
        """Run git; give its exit code and what it said."""
        process = await asyncio.create_subprocess_exec(
            "git", *words, cwd=cwd or self.folder, env=self._environment(),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        said, _ = await process.communicate()
        return process.returncode or 0, said.decode()

    def _environment(self) -> dict[str, str]:
        """Give what the operator gives to a pod, with the token in its place as Kubernetes does."""
        spec = SessionSpec.model_validate({"repository": {"url": "http://any/r.git"}})
        meta = {"name": "s", "namespace": "sessions"}
        session = ClaudeSession.model_validate({"metadata": meta, "spec": spec})
        settings = PodSettings(
            runner_image="r", agent_image="a", proxy_url=self.proxy, proxy_git=True
        )
        variables = ways_out(Subject(session, spec), settings)
        filled = {
            name: value.replace(f"$({TOKEN})", self.token) for name, value in variables.items()
        }
        return ENVIRONMENT | {"GIT_TERMINAL_PROMPT": "0"} | filled
