"""A real OpenID Connect provider for tests: it serves its keys over HTTP and signs tokens."""

import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

AUDIENCE = "moorage"
_LIFE_SECONDS = 3600


class Provider:
    """Signs with its newest key; publishes the keys it was told to."""

    def __init__(self, url: str) -> None:
        self.issuer = f"{url}/realm"
        self.asked: list[str] = []
        self.is_down = False
        self.claims_issuer: str | None = None
        self.keys_body: bytes | None = None
        """What it says instead of its keys."""
        self._private: dict[str, Any] = {}
        self._published: dict[str, dict[str, Any]] = {}

    def add_key(self, key_id: str, *, kind: str = "RS256", published: bool = True) -> None:
        """Make a key; tokens are signed with it from now on."""
        if kind == "RS256":
            private: Any = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            public = RSAAlgorithm.to_jwk(private.public_key(), as_dict=True)
        else:
            private = ec.generate_private_key(ec.SECP256R1())
            public = ECAlgorithm.to_jwk(private.public_key(), as_dict=True)
        self._private[key_id] = (private, kind)
        if published:
            self._published[key_id] = {**public, "kid": key_id, "use": "sig", "alg": kind}

    def withdraw_key(self, key_id: str) -> None:
        """Publish a key no more."""
        del self._published[key_id]

    @property
    def published(self) -> list[dict[str, Any]]:
        """The keys that it publishes."""
        return list(self._published.values())

    def token(self, subject: str = "ada", *, key_id: str | None = None, **claims: Any) -> str:
        """Return a token; claims that are None are left out."""
        key_id = key_id or list(self._private)[-1]
        private, kind = self._private[key_id]
        moment = int(time.time())
        whole = {
            "iss": self.issuer,
            "aud": AUDIENCE,
            "sub": subject,
            "email": f"{subject}@example.com",
            "iat": moment,
            "exp": moment + _LIFE_SECONDS,
        } | claims
        kept = {name: value for name, value in whole.items() if value is not None}
        return jwt.encode(kept, private, algorithm=kind, headers={"kid": key_id})

    def answer(self, path: str) -> tuple[int, Any]:
        """Return status and body for a path; a body of bytes is sent as it is."""
        self.asked.append(path)
        if self.is_down:
            return 503, {}
        if path == "/realm/.well-known/openid-configuration":
            issuer = self.claims_issuer or self.issuer
            return 200, {"issuer": issuer, "jwks_uri": f"{self.issuer}/keys"}
        if path == "/realm/keys":
            return 200, self.keys_body or {"keys": self.published}
        return 404, {}


@contextmanager
def running_provider(tls: ssl.SSLContext | None = None) -> Iterator[Provider]:
    """Run a provider on a free port of the loopback, with one key."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, document = provider.answer(self.path)
            body = document if isinstance(document, bytes) else json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        scheme = "https" if tls else "http"
        provider = Provider(f"{scheme}://127.0.0.1:{server.server_address[1]}")
        provider.add_key("first")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield provider
        finally:
            server.shutdown()
            thread.join()
