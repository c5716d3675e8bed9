"""The endpoints of git: a repository's refs, what is fetched, what is pushed; all streamed."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Final

import aiohttp
import structlog
from aiohttp import web
from yarl import URL

from moorage_gateway.credential_proxy.errors import (
    BadRequest,
    GitRefused,
    NotServed,
    ProxyError,
    git_not_reached,
)
from moorage_gateway.credential_proxy.git.credentials import Credentials
from moorage_gateway.credential_proxy.git.notes import PushNotes
from moorage_gateway.credential_proxy.git.push import Push, read_push
from moorage_gateway.credential_proxy.git.repositories import Target, right
from moorage_gateway.credential_proxy.model import BROKEN_OFF
from moorage_gateway.credential_proxy.passes import Passes, Session
from moorage_gateway.credential_proxy.settings import GitSettings
from moorage_gateway.credential_proxy.tokens import git_token_of

_log = structlog.get_logger(__name__)
_CHUNK: Final = 64 * 1024
_PASSED_ON: Final = (
    "Accept",
    "Accept-Encoding",
    "Content-Type",
    "Content-Encoding",
    "Git-Protocol",
)
_RETURNED: Final = ("Content-Type", "Content-Encoding", "Content-Length", "Cache-Control")
_REFS: Final = "info/refs"
_PUSH: Final = "git-receive-pack"
_FETCH: Final = "git-upload-pack"
_CONNECT_SECONDS: Final = 10.0
_REDIRECTS: Final = range(300, 400)
_UNAUTHORIZED: Final = 401


@dataclass(slots=True)
class _Upload:
    """The body of a push on its way."""

    head: bytes
    rest: AsyncIterator[bytes]
    most: int
    size: int = 0
    too_large: bool = False

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body; raise where it is too large, which ends the request upstream."""
        yield self.head
        self.size = len(self.head)
        async for chunk in self.rest:
            self.size += len(chunk)
            if self.size > self.most:
                self.too_large = True
                raise GitRefused("The push is too large.")
            yield chunk


class GitProxy:
    """The endpoints."""

    def __init__(
        self,
        passes: Passes,
        credentials: Credentials,
        client: aiohttp.ClientSession,
        notes: PushNotes,
        settings: GitSettings,
    ) -> None:
        self._passes = passes
        self._credentials = credentials
        self._client = client
        self._notes = notes
        self._settings = settings
        self._timeout = aiohttp.ClientTimeout(
            total=settings.longest_seconds,
            connect=_CONNECT_SECONDS,
            sock_read=settings.silence_seconds,
        )

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one of the three requests that git makes."""
        session = await self._passes.session(git_token_of(request.headers))
        target = Target.of(request.raw_path.partition("?")[0])
        if target is None:
            raise NotServed("This path of git")
        allowed = right(session.grant, target.address)
        if allowed is None:
            raise GitRefused("This repository is not one of the session's.")
        self._check_scheme(target)
        service = _service(request, target)
        if service == _PUSH and allowed.repository is None:
            raise GitRefused("This repository may be read only.")
        header = await self._credentials.header(session.grant.namespace, allowed, target.address)
        if request.method == "POST" and service == _PUSH:
            return await self._push(request, session, target, header)
        body = request.content.iter_chunked(_CHUNK) if request.method == "POST" else None
        return await self._pass(request, target, header, body)

    def _check_scheme(self, target: Target) -> None:
        """Check that no credentials would go over a network in the clear."""
        host = target.address.host.rpartition(":")[0] or target.address.host
        if target.address.scheme != "https" and host not in self._settings.http_hosts:
            raise GitRefused("Only https is served.")

    async def _push(
        self, request: web.Request, session: Session, target: Target, header: str | None
    ) -> web.StreamResponse:
        if request.headers.get("Content-Encoding"):
            raise BadRequest("A compressed push is not passed on.")
        chunks = request.content.iter_chunked(_CHUNK)
        push, first = await read_push(chunks)
        reasons = push.refusals(self._prefix_of(session))
        await self._notes.add(session, target, push, refused=bool(reasons))
        if not reasons:
            upload = _Upload(push.head + first, chunks, self._settings.max_push_bytes)
            try:
                reply = await self._pass(request, target, header, upload.chunks())
            except ProxyError:
                if not upload.too_large:
                    raise
                most = self._settings.max_push_bytes
                reasons = {each.ref: f"larger than {most} bytes" for each in push.commands}
                await self._notes.add(session, target, push, refused=True)
        self._note(session, target, push, refused=bool(reasons))
        return await _refused(request, push, reasons) if reasons else reply

    def _prefix_of(self, session: Session) -> str:
        """Return what names of branches that the session pushes begin with."""
        given = self._settings.push_prefix
        return given.replace("{name}", session.grant.name).replace("{id}", session.id)

    def _note(self, session: Session, target: Target, push: Push, *, refused: bool) -> None:
        for command in push.commands:
            _log.info(
                "push",
                session=session.id,
                namespace=session.grant.namespace,
                host=target.address.host,
                repository=target.address.path,
                ref=command.ref.decode(errors="replace")[:200],
                old=command.old.decode(),
                new=command.new.decode(),
                refused=refused,
            )

    async def _pass(
        self,
        request: web.Request,
        target: Target,
        header: str | None,
        body: AsyncIterator[bytes] | None,
    ) -> web.StreamResponse:
        headers = {name: request.headers[name] for name in _PASSED_ON if name in request.headers}
        headers |= {"User-Agent": "git/2 (moorage)"}
        headers |= {"Authorization": header} if header is not None else {}
        query = f"?service={_service(request, target)}" if target.action == _REFS else ""
        url = URL(f"{target.url}/{target.action}{query}", encoded=True)
        reply: web.StreamResponse | None = None
        try:
            async with self._client.request(
                request.method,
                url,
                headers=headers,
                data=body,
                allow_redirects=False,
                timeout=self._timeout,
            ) as answer:
                _check(answer, authorized=header is not None)
                reply = web.StreamResponse(status=answer.status, headers=_returned(answer.headers))
                await reply.prepare(request)
                async for chunk in answer.content.iter_any():
                    await reply.write(chunk)
        except BROKEN_OFF as error:
            _log.warning("git broke off", host=target.address.host, cause=type(error).__name__)
            if reply is None:
                raise git_not_reached("The git server", error) from None
            if request.transport is not None:
                request.transport.close()  # without an end, as it came
            return reply
        await reply.write_eof()
        return reply


def _service(request: web.Request, target: Target) -> str:
    """Return which service is asked for.

    Raises:
        NotServed: None that is served here, as the old protocol without one.
    """
    asked = request.query.get("service", "") if target.action == _REFS else target.action
    method = "GET" if target.action == _REFS else "POST"
    if asked not in {_FETCH, _PUSH} or request.method != method:
        raise NotServed("This service of git")
    return asked


def _check(answer: aiohttp.ClientResponse, *, authorized: bool) -> None:
    """Check that a server's answer is one that git in the pod can do something with.

    Raises:
        GitRefused: It is not: git would ask for a password, or follow to where it may not go.
    """
    if answer.status == _UNAUTHORIZED:
        raise GitRefused(
            "The git server refused the repository's credentials."
            if authorized
            else "The git server wants credentials: name a Secret in credentialsSecretRef."
        )
    if answer.status in _REDIRECTS:
        raise GitRefused("The repository has moved: use its new address.")


async def _refused(
    request: web.Request, push: Push, reasons: Mapping[bytes, str]
) -> web.StreamResponse:
    """Read the push to its end, so that git listens, and tell why nothing of it was done."""
    async for _ in request.content.iter_chunked(_CHUNK):
        pass
    return web.Response(
        body=push.report(dict(reasons)), content_type="application/x-git-receive-pack-result"
    )


def _returned(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: headers[name] for name in _RETURNED if name in headers}
