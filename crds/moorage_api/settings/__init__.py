"""How every part reads its settings: from the environment, checked whole, told all at once.

A setting is an environment variable: the part's prefix and the setting's path in upper case, the
levels joined by two underscores. Lists are words with commas between, or JSON where words are not
enough; an empty variable is an empty list. A secret may stand in a file instead, which the same
variable with ``_FILE`` at its end names.
"""

from moorage_api.settings.base import SEPARATOR, Group, Leaf, Words, leaves
from moorage_api.settings.environment import EnvironmentSettings
from moorage_api.settings.loading import SettingsRefused, load
from moorage_api.settings.page import rows
from moorage_api.settings.redis_tls import RedisTlsSettings
from moorage_api.settings.report import report
from moorage_api.settings.secrets import secret_values

__all__ = [
    "SEPARATOR",
    "EnvironmentSettings",
    "Group",
    "Leaf",
    "RedisTlsSettings",
    "SettingsRefused",
    "Words",
    "leaves",
    "load",
    "report",
    "rows",
    "secret_values",
]
