"""A small synchronous client of the API server: for tests that ask it directly, and for set-up.

An error is raised as ApiRefused, whose message is the sentence that a person sees with kubectl.
"""

import ssl
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import httpx2

from moorage_testing.controlplane.errors import ApiRefused

Object = dict[str, Any]
_MERGE_PATCH: Final = "application/merge-patch+json"
_APPLY_PATCH: Final = "application/apply-patch+yaml"


@dataclass(frozen=True)
class Server:
    """Where the API server is and what it proves itself with."""

    url: str
    certificate: Path


@dataclass(frozen=True)
class Account:
    """A user with its token; ``namespace`` is where kubectl looks unless told otherwise."""

    name: str
    token: str
    namespace: str = "default"


class Api:
    """Requests of one account. Paths are as in Kubernetes' reference, from /api or /apis on."""

    def __init__(self, server: Server, account: Account) -> None:
        context = ssl.create_default_context(cafile=str(server.certificate))
        # Go's self-signed certificates lack an extension that Python 3.13 asks for by default.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        self._client = httpx2.Client(
            base_url=server.url,
            verify=context,
            headers={"Authorization": f"Bearer {account.token}"},
            timeout=30,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def get(self, path: str) -> Object:
        """Return an object or a list."""
        return self._ask("GET", path)

    def text(self, path: str) -> str:
        """Return what is no JSON, such as /readyz."""
        return self._send("GET", path).text

    def create(self, path: str, body: Object, **parameters: str) -> Object:
        """Create an object in the collection ``path``."""
        return self._ask("POST", path, body, parameters)

    def replace(self, path: str, body: Object, **parameters: str) -> Object:
        """Replace the object at ``path``."""
        return self._ask("PUT", path, body, parameters)

    def merge(self, path: str, body: Object, **parameters: str) -> Object:
        """Change parts of the object at ``path`` by a JSON merge patch."""
        return self._ask("PATCH", path, body, parameters, content_type=_MERGE_PATCH)

    def apply(self, path: str, body: Object, **parameters: str) -> Object:
        """Create the object at ``path`` or bring it to what ``body`` says (server-side apply)."""
        options = {"fieldManager": "moorage-testing", "force": "true", **parameters}
        return self._ask("PATCH", path, body, options, content_type=_APPLY_PATCH)

    def delete(self, path: str, **parameters: str) -> Object:
        """Delete the object at ``path``."""
        return self._ask("DELETE", path, None, parameters)

    def _ask(
        self,
        method: str,
        path: str,
        body: Object | None = None,
        parameters: dict[str, str] | None = None,
        content_type: str = "application/json",
    ) -> Object:
        answer: Object = self._send(method, path, body, parameters, content_type).json()
        return answer

    def _send(
        self,
        method: str,
        path: str,
        body: Object | None = None,
        parameters: dict[str, str] | None = None,
        content_type: str = "application/json",
    ) -> httpx2.Response:
        response = self._client.request(
            method, path, json=body, params=parameters, headers={"Content-Type": content_type}
        )
        if response.is_error:
            raise _refusal(response)
        return response


def _refusal(response: httpx2.Response) -> ApiRefused:
    """Return the error in the Status that the API server sends, if it did."""
    try:
        status = response.json()
    except ValueError:
        status = {}
    return ApiRefused(
        response.status_code,
        status.get("reason") or response.reason_phrase,
        status.get("message") or response.text,
    )
