"""The gateway's settings: read once from the environment, checked whole, then passed along.

Every setting is an environment variable: ``MOORAGE_`` and its path in upper case, the levels
joined by two underscores (``MOORAGE_DATABASE__POOL_SIZE``). Lists are words with commas between.
A secret may stand in a file instead, which the same variable with ``_FILE`` at its end names.
docs/settings.md is generated from these models. One module per section; `root` puts them together.
"""

from moorage_api.settings import SettingsRefused, load
from moorage_gateway.settings.base import PREFIX, Group, Words, is_loopback
from moorage_gateway.settings.features import FileSettings, SessionSettings
from moorage_gateway.settings.http import HttpSettings
from moorage_gateway.settings.kubernetes import KubernetesSettings, RecorderSettings
from moorage_gateway.settings.limits import LimitSettings, QuotaSettings
from moorage_gateway.settings.login import LoginSettings, OidcSettings
from moorage_gateway.settings.observability import (
    LogSettings,
    MetricsSettings,
    StudioSettings,
    TracingSettings,
)
from moorage_gateway.settings.repositories import RepositorySettings
from moorage_gateway.settings.root import Settings, UnattendedSettings
from moorage_gateway.settings.stores import DatabaseSettings, RedisSettings, RetentionSettings

__all__ = [
    "PREFIX",
    "DatabaseSettings",
    "FileSettings",
    "Group",
    "HttpSettings",
    "KubernetesSettings",
    "LimitSettings",
    "LogSettings",
    "LoginSettings",
    "MetricsSettings",
    "OidcSettings",
    "QuotaSettings",
    "RecorderSettings",
    "RedisSettings",
    "RepositorySettings",
    "RetentionSettings",
    "SessionSettings",
    "Settings",
    "SettingsRefused",
    "StudioSettings",
    "TracingSettings",
    "Words",
    "is_loopback",
    "load_settings",
    "load_unattended",
]


def load_settings() -> Settings:
    """Return the settings in the environment.

    Raises:
        SettingsRefused: with every mistake at once.
    """
    return load(Settings)


def load_unattended() -> Settings:
    """Return them for a process that nobody logs in to: it needs no login secret.

    Raises:
        SettingsRefused: with every mistake at once.
    """
    return load(UnattendedSettings)
