"""Secrets from files: ``MOORAGE_REDIS_URL_FILE=/run/secrets/redis`` stands for its content.

As containers and Kubernetes mount them: one file for each, a line break at its end is not part of
it. Every secret setting can be given so.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pydantic import BaseModel

from moorage_api.settings.base import leaves

SUFFIX: Final = "_FILE"
_LONGEST: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class FileSecrets:
    """What the files hold, by variable, and a sentence for each that cannot be used."""

    values: Mapping[str, str]
    mistakes: Mapping[str, str]


def read_files(environment: Mapping[str, str], model: type[BaseModel]) -> FileSecrets:
    """Return the secrets that the environment's ``..._FILE`` variables name."""
    values: dict[str, str] = {}
    mistakes: dict[str, str] = {}
    for leaf in leaves(model):
        variable = leaf.variable
        path = environment.get(variable + SUFFIX) if leaf.is_secret else None
        if path is None:
            continue
        if variable in environment:
            mistakes[variable] = f"{variable}{SUFFIX}: {variable} is set as well: keep one of them"
            continue
        try:
            values[variable] = _content(Path(path))
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            mistakes[variable] = f"{variable}{SUFFIX}: the file cannot be used: {reason}"
    return FileSecrets(values, mistakes)


def secret_values(settings: BaseModel) -> list[str]:
    """Return the secrets in the settings, and the passwords in those that are addresses."""
    values = [leaf.value_in(settings) for leaf in leaves(type(settings)) if leaf.is_secret]
    texts = [value.get_secret_value() for value in values if value is not None]
    passwords = [urlsplit(text).password for text in texts if "://" in text]
    return texts + [password for password in passwords if password]


def _content(path: Path) -> str:
    with path.open("rb") as file:
        raw = file.read(_LONGEST + 1)
    if len(raw) > _LONGEST:
        msg = f"it is larger than {_LONGEST:,} bytes"
        raise ValueError(msg)
    try:
        text = raw.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        msg = "it is not UTF-8 text"
        raise ValueError(msg) from None
    if not text:
        msg = "it is empty"
        raise ValueError(msg)
    return text
