"""All of the gateway's settings, and what must hold between them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, ClassVar, Final, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from moorage_api.settings import EnvironmentSettings
from moorage_gateway.settings.base import PREFIX, is_loopback
from moorage_gateway.settings.features import FileSettings, SessionSettings
from moorage_gateway.settings.http import HttpSettings
from moorage_gateway.settings.kubernetes import KubernetesSettings, RecorderSettings
from moorage_gateway.settings.limits import LimitSettings, QuotaSettings
from moorage_gateway.settings.login import AuthMode, LoginSettings, OidcSettings
from moorage_gateway.settings.observability import (
    LogSettings,
    MetricsSettings,
    StudioSettings,
    TracingSettings,
)
from moorage_gateway.settings.repositories import RepositorySettings
from moorage_gateway.settings.stores import DatabaseSettings, RedisSettings, RetentionSettings


def _checked_redis_url(value: SecretStr) -> SecretStr:
    if not value.get_secret_value().startswith(("redis://", "rediss://", "unix://")):
        msg = "write redis://HOST:PORT/DB, rediss://HOST:PORT/DB or unix:///PATH"
        raise ValueError(msg)
    return value


_DATABASES: Final = ("postgresql+asyncpg://", "sqlite+aiosqlite:///")


def _checked_database_url(value: SecretStr | None) -> SecretStr | None:
    if value is not None and not value.get_secret_value().startswith(_DATABASES):
        msg = "write postgresql+asyncpg://USER:PASSWORD@HOST:PORT/NAME or sqlite+aiosqlite:///PATH"
        raise ValueError(msg)
    return value


class Settings(EnvironmentSettings):
    """All of the gateway's settings."""

    model_config = SettingsConfigDict(env_prefix=PREFIX)
    attended: ClassVar[bool] = True
    """Whether users log in to the process."""

    home: Annotated[Path, Field(description="Folder for what the gateway keeps on this disk.")] = (
        Path("~/.moorage")
    )
    host: Annotated[str, Field(min_length=1, description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535, description="Port to listen on. 0: a free one.")] = (
        8080
    )
    auth: Annotated[
        AuthMode,
        Field(
            description="How users are known. users: they log in (MOORAGE_LOGIN, MOORAGE_OIDC). "
            "none: nobody does, everybody who reaches the port is the one user; refused unless "
            "host is a loopback address.",
        ),
    ] = "users"
    redis_url: Annotated[
        SecretStr,
        AfterValidator(_checked_redis_url),
        Field(description="Redis, as redis://HOST:6379/0, rediss://... or unix:///PATH."),
    ]
    database_url: Annotated[
        SecretStr | None,
        AfterValidator(_checked_database_url),
        Field(
            description="Database, as postgresql+asyncpg://USER:PASSWORD@HOST:PORT/NAME or "
            "sqlite+aiosqlite:///PATH. Empty: moorage.db in home."
        ),
    ] = None
    database: DatabaseSettings = DatabaseSettings()
    redis: RedisSettings = RedisSettings()
    retention: RetentionSettings = RetentionSettings()
    http: HttpSettings = HttpSettings()
    sessions: SessionSettings = SessionSettings()
    repositories: RepositorySettings = RepositorySettings()
    files: FileSettings = FileSettings()
    limits: LimitSettings = LimitSettings()
    quotas: QuotaSettings = QuotaSettings()
    log: LogSettings = LogSettings()
    login: LoginSettings = LoginSettings()
    oidc: OidcSettings = OidcSettings()
    metrics: MetricsSettings = MetricsSettings()
    tracing: TracingSettings = TracingSettings()
    studio: StudioSettings = StudioSettings()
    kubernetes: KubernetesSettings = KubernetesSettings()
    recorder: RecorderSettings = RecorderSettings()

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        mistakes = list(_mistakes_between(self))
        if mistakes:
            raise ValueError("\n".join(mistakes))
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


class UnattendedSettings(Settings):
    """The same for a process that nobody logs in to: the recorder, the migration."""

    attended: ClassVar[bool] = False


def _mistakes_between(settings: Settings) -> Iterator[str]:
    """Yield a sentence for each rule between several settings that does not hold."""
    mistake = settings.redis.tls.mistake_with(settings.redis_url)
    if mistake is not None:
        yield f"MOORAGE_REDIS_URL: {mistake}"
    if settings.auth == "none" and not is_loopback(settings.host):
        yield (
            "MOORAGE_AUTH=none needs a loopback address in MOORAGE_HOST, such as 127.0.0.1: "
            f"on {settings.host} anybody in the network could use your sessions"
        )
    if settings.auth == "none" and settings.http.allowed_hosts:
        yield "MOORAGE_AUTH=none allows loopback names only: remove MOORAGE_HTTP__ALLOWED_HOSTS"
    if settings.attended and settings.auth == "users" and settings.login.secret is None:
        yield (
            "MOORAGE_LOGIN__SECRET must be set, unless MOORAGE_AUTH=none: at least 32 random "
            "characters, as `openssl rand -base64 32` makes them"
        )
    if settings.auth == "none" and settings.studio.enabled:
        yield "MOORAGE_STUDIO__ENABLED needs MOORAGE_AUTH=users: admins log in to the studio"
    if settings.metrics.port and settings.metrics.port == settings.port:
        yield "MOORAGE_METRICS__PORT must not be MOORAGE_PORT: metrics have a port of their own"
