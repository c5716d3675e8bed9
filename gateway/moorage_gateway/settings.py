"""The gateway's settings: read once from the environment, checked whole, then passed along.

Every setting is an environment variable: ``MOORAGE_`` and its path in upper case, the levels
joined by two underscores (``MOORAGE_DATABASE__POOL_SIZE``). Lists are words with commas between.
docs/settings.md is generated from these models.
"""

import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, SettingsError

from moorage_gateway.files.types import EXTENSIONS, NAMES

PREFIX: Final = "MOORAGE_"
_SEPARATOR: Final = "__"


class SettingsRefused(ValueError):  # noqa: N818 - read as a sentence
    """The settings cannot be used; ``mistakes`` has one sentence for each reason."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("; ".join(mistakes))
        self.mistakes = mistakes


class Group(BaseModel):
    """Settings that belong together: immutable, unknown names are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _split(value: object) -> object:
    """Return the words between the commas of a text."""
    if not isinstance(value, str):
        return value
    return [word.strip() for word in value.split(",") if word.strip()]


Words = Annotated[list[str], NoDecode, BeforeValidator(_split)]


class DatabaseSettings(Group):
    """How the database is used."""

    pool_size: Annotated[int, Field(ge=1, le=200, description="Connections kept open.")] = 5
    busy_timeout_seconds: Annotated[
        float, Field(gt=0, le=60, description="SQLite: how long a writer waits for another.")
    ] = 10.0
    migrate_at_start: Annotated[
        bool, Field(description="Bring the tables to this version when the gateway starts.")
    ] = True


class RedisSettings(Group):
    """How Redis is used."""

    pool_size: Annotated[int, Field(ge=1, le=1000, description="Connections for commands.")] = 32
    timeout_seconds: Annotated[
        float, Field(gt=0, le=60, description="How long one command may take.")
    ] = 5.0
    connect_timeout_seconds: Annotated[
        float, Field(gt=0, le=60, description="How long connecting may take.")
    ] = 2.0


class HttpSettings(Group):
    """What is accepted over HTTP."""

    allowed_hosts: Annotated[
        Words,
        Field(
            description="Host names that requests may be addressed to, as in the Host header. "
            "Loopback names always may. Without login no other name can be added.",
        ),
    ] = []
    allowed_origins: Annotated[
        Words,
        Field(
            description="Origins (as https://app.example.com) of other web pages that may use the "
            "gateway. Its own always may.",
        ),
    ] = []
    max_body_bytes: Annotated[
        int, Field(ge=1024, le=64 * 1024 * 1024, description="The largest request body.")
    ] = 1024 * 1024
    max_file_body_bytes: Annotated[
        int,
        Field(ge=1024, le=64 * 1024 * 1024, description="The largest body of a file operation."),
    ] = 15 * 1024 * 1024
    shutdown_seconds: Annotated[
        float, Field(gt=0, le=600, description="How long open requests may take at the end.")
    ] = 10.0


class SessionSettings(Group):
    """Which sessions may be created."""

    allow_local_paths: Annotated[
        bool,
        Field(
            description="Repositories may be folders of this machine: for an embedded run only, "
            "whoever may create a session reads them."
        ),
    ] = False


class FileSettings(Group):
    """Files of a session's workspace."""

    extensions: Annotated[
        Words,
        Field(description="Extensions of files that may be read and written, without the dot."),
    ] = sorted(EXTENSIONS)
    names: Annotated[
        Words, Field(description="Whole names of files that may be read and written too.")
    ] = sorted(NAMES)
    timeout_seconds: Annotated[
        float, Field(gt=0, le=120, description="How long a session's runner may take to answer.")
    ] = 15.0
    concurrency: Annotated[
        int, Field(ge=1, le=1000, description="File operations under way at once.")
    ] = 32


class LogSettings(Group):
    """What is logged."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"], Field(description="The least level logged.")
    ] = "info"
    format: Annotated[
        Literal["auto", "json", "console"],
        Field(description="auto: readable lines on a terminal, JSON lines elsewhere."),
    ] = "auto"


def is_loopback(host: str) -> bool:
    """Return whether ``host`` (a name or address to bind to) is reachable from here only."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _checked_auth(value: str) -> str:
    if value != "none":
        msg = (
            "there is no login in this version: write none, which makes everybody who reaches "
            "the port the one user, and is accepted on a loopback address only"
        )
        raise ValueError(msg)
    return value


def _checked_redis_url(value: SecretStr) -> SecretStr:
    if not value.get_secret_value().startswith(("redis://", "rediss://", "unix://")):
        msg = "write redis://HOST:PORT/DB, rediss://HOST:PORT/DB or unix:///PATH"
        raise ValueError(msg)
    return value


def _checked_database_url(value: SecretStr | None) -> SecretStr | None:
    if value is not None and not value.get_secret_value().startswith("sqlite+aiosqlite:///"):
        msg = "write sqlite+aiosqlite:///PATH: this version has no other driver"
        raise ValueError(msg)
    return value


class Settings(BaseSettings):
    """All of the gateway's settings."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter=_SEPARATOR, frozen=True, extra="forbid"
    )

    home: Annotated[Path, Field(description="Folder for what the gateway keeps on this disk.")] = (
        Path("~/.moorage")
    )
    host: Annotated[str, Field(min_length=1, description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535, description="Port to listen on. 0: a free one.")] = (
        8080
    )
    auth: Annotated[
        str,
        AfterValidator(_checked_auth),
        Field(
            description="How users are known. none: nobody logs in, everybody who reaches the port "
            "is the one user; refused unless host is a loopback address.",
        ),
    ]
    redis_url: Annotated[
        SecretStr,
        AfterValidator(_checked_redis_url),
        Field(description="Redis, as redis://HOST:6379/0, rediss://... or unix:///PATH."),
    ]
    database_url: Annotated[
        SecretStr | None,
        AfterValidator(_checked_database_url),
        Field(description="Database, as sqlite+aiosqlite:///PATH. Empty: moorage.db in home."),
    ] = None
    database: DatabaseSettings = DatabaseSettings()
    redis: RedisSettings = RedisSettings()
    http: HttpSettings = HttpSettings()
    sessions: SessionSettings = SessionSettings()
    files: FileSettings = FileSettings()
    log: LogSettings = LogSettings()

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        if self.auth == "none" and not is_loopback(self.host):
            msg = (
                f"MOORAGE_AUTH=none needs a loopback address in MOORAGE_HOST, such as 127.0.0.1: "
                f"on {self.host} anybody in the network could use your sessions"
            )
            raise ValueError(msg)
        if self.auth == "none" and self.http.allowed_hosts:
            msg = "MOORAGE_AUTH=none allows loopback names only: remove MOORAGE_HTTP__ALLOWED_HOSTS"
            raise ValueError(msg)
        return self

    @property
    def home_path(self) -> Path:
        """The home folder, absolute."""
        return self.home.expanduser().absolute()

    @property
    def database_location(self) -> str:
        """The database's URL."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite+aiosqlite:///{self.home_path / 'moorage.db'}"


def load_settings() -> Settings:
    """Return the settings in the environment.

    Raises:
        SettingsRefused: with every mistake at once.
    """
    unknown = _unknown_groups(os.environ)
    try:
        settings = Settings()
    except ValidationError as error:
        raise SettingsRefused(unknown + _sentences(error)) from None
    except SettingsError as error:  # a whole group as JSON that is none
        raise SettingsRefused([*unknown, str(error)]) from None
    if unknown:
        raise SettingsRefused(unknown)
    return settings


def _unknown_groups(environment: Mapping[str, str]) -> list[str]:
    """Return a sentence for each MOORAGE_X__Y whose X is no group.

    Other MOORAGE_ variables may be another part's, or a Kubernetes service's: left alone.
    """
    groups = {name for name, kind in _groups()}
    return [
        f"{name}: there is no such setting; the groups are {', '.join(sorted(groups))}"
        for name in sorted(environment)
        if name.startswith(PREFIX)
        and _SEPARATOR in name
        and name.removeprefix(PREFIX).partition(_SEPARATOR)[0].lower() not in groups
    ]


def _groups() -> list[tuple[str, type[Group]]]:
    fields = Settings.model_fields.items()
    return [
        (name, field.annotation)
        for name, field in fields
        if isinstance(field.annotation, type) and issubclass(field.annotation, Group)
    ]


def _sentences(error: ValidationError) -> list[str]:
    """Return each mistake as `VARIABLE: what is wrong`; never a value, it may be a secret."""
    return [_sentence(mistake) for mistake in error.errors(include_url=False, include_input=False)]


def _sentence(mistake: Any) -> str:
    path = [str(part) for part in mistake["loc"]]
    text = str(mistake["msg"]).removeprefix("Value error, ")
    if not path:
        return text
    variable = PREFIX + _SEPARATOR.join(path).upper()
    if mistake["type"] == "missing":
        text = "must be set"
    elif mistake["type"] == "extra_forbidden":
        text = "there is no such setting"
    return f"{variable}: {text}"
