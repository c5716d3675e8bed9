"""The gateway's settings: read once from the environment, checked whole, then passed along.

Every setting is an environment variable: ``MOORAGE_`` and its path in upper case, the levels
joined by two underscores (``MOORAGE_DATABASE__POOL_SIZE``). Lists are words with commas between.
docs/settings.md is generated from these models. One module per section; `root` puts them together.
"""

from moorage_gateway.settings.base import PREFIX, Group, Words, is_loopback
from moorage_gateway.settings.features import FileSettings, SessionSettings
from moorage_gateway.settings.http import HttpSettings
from moorage_gateway.settings.loading import SettingsRefused, load_settings
from moorage_gateway.settings.observability import LogSettings
from moorage_gateway.settings.root import Settings
from moorage_gateway.settings.stores import DatabaseSettings, RedisSettings

__all__ = [
    "PREFIX",
    "DatabaseSettings",
    "FileSettings",
    "Group",
    "HttpSettings",
    "LogSettings",
    "RedisSettings",
    "SessionSettings",
    "Settings",
    "SettingsRefused",
    "Words",
    "is_loopback",
    "load_settings",
]
