"""Settings of TLS to Redis, the same in every part of the control plane."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from moorage_api.redis_tls import RedisTls
from moorage_api.settings.base import Group


def _there(path: Path | None) -> Path | None:
    if path is not None and not path.is_file():
        msg = "there is no such file"
        raise ValueError(msg)
    return path


class RedisTlsSettings(Group):
    """TLS to Redis, which a URL with rediss:// asks for."""

    ca_file: Annotated[
        Path | None,
        AfterValidator(_there),
        Field(
            description="PEM file with the CA of Redis' certificate. Empty: those that "
            "the system trusts."
        ),
    ] = None
    cert_file: Annotated[
        Path | None,
        AfterValidator(_there),
        Field(description="PEM file with a certificate to show to Redis. Empty: none is shown."),
    ] = None
    key_file: Annotated[
        Path | None,
        AfterValidator(_there),
        Field(description="PEM file with that certificate's key."),
    ] = None

    @model_validator(mode="after")
    def _belongs_together(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            msg = "cert_file and key_file are given together or not at all"
            raise ValueError(msg)
        return self

    @property
    def ca(self) -> str | None:
        """The CA's certificates as PEM; None: those that the system trusts."""
        return None if self.ca_file is None else self.ca_file.read_text()

    @property
    def wanted(self) -> RedisTls:
        """What a client takes."""
        return RedisTls(self.ca, self.cert_file, self.key_file)

    def mistake_with(self, url: SecretStr) -> str | None:
        """Return what is wrong with the URL beside these settings, if anything."""
        location, _, query = url.get_secret_value().partition("?")
        if "ssl_" in query:
            return "the URL of Redis takes no ssl_ options: TLS has settings of its own"
        given = self.ca_file or self.cert_file
        if given and not location.startswith("rediss://"):
            return "TLS to Redis needs a URL with rediss://"
        return None
