"""How Redis and who talks to it prove themselves to each other, where TLS is asked for."""

import ssl
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class RedisTls:
    """How a client and Redis prove themselves to each other."""

    ca: str | None = None
    """Certificates that Redis' own must be of, as PEM; None: those that the system trusts."""
    certificate: Path | None = None
    key: Path | None = None

    def context(self) -> ssl.SSLContext:
        """Return what connections are made with: name and certificate of Redis are checked.

        Raises:
            OSError: a file cannot be read, or holds no certificate or key (ssl.SSLError).
        """
        made = ssl.create_default_context(cadata=self.ca)
        if self.certificate is not None:
            made.load_cert_chain(self.certificate, self.key)
        return made
