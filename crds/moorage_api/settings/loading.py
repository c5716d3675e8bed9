"""Reads the settings from the environment, and tells every mistake at once."""

import os
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_settings import SettingsError

from moorage_api.settings.base import SEPARATOR, Group
from moorage_api.settings.environment import EnvironmentSettings
from moorage_api.settings.secrets import read_files

_Settings = TypeVar("_Settings", bound=EnvironmentSettings)


class SettingsRefused(ValueError):  # noqa: N818 - read as a sentence
    """The settings cannot be used; ``mistakes`` has one sentence for each reason."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("; ".join(mistakes))
        self.mistakes = mistakes


def load(model: type[_Settings]) -> _Settings:
    """Return a part's settings as the environment has them.

    Raises:
        SettingsRefused: with every mistake at once.
    """
    unreadable = read_files(os.environ, model).mistakes
    mistakes = [*_unknown_groups(model, os.environ), *unreadable.values()]
    try:
        settings = model()
    except ValidationError as error:
        found = [
            text for text in _sentences(model, error) if text.partition(":")[0] not in unreadable
        ]
        raise SettingsRefused(mistakes + found) from None
    except SettingsError as error:  # a whole group as JSON that is none
        raise SettingsRefused([*mistakes, str(error)]) from None
    if mistakes:
        raise SettingsRefused(mistakes)
    return settings


def _prefix(model: type[EnvironmentSettings]) -> str:
    return model.model_config.get("env_prefix", "")


def _unknown_groups(model: type[EnvironmentSettings], environment: Mapping[str, str]) -> list[str]:
    """Return a sentence for each PREFIX_X__Y whose X is no group.

    Other variables of the prefix may be another part's, or a Kubernetes service's: left alone.
    """
    prefix = _prefix(model)
    groups = {
        name
        for name, field in model.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, Group)
    }
    return [
        f"{name}: there is no such setting; the groups are {', '.join(sorted(groups))}"
        for name in sorted(environment)
        if name.startswith(prefix)
        and SEPARATOR in name
        and name.removeprefix(prefix).partition(SEPARATOR)[0].lower() not in groups
    ]


def _sentences(model: type[EnvironmentSettings], error: ValidationError) -> list[str]:
    """Return each mistake as `VARIABLE: what is wrong`; never a value, it may be a secret."""
    return [
        sentence
        for mistake in error.errors(include_url=False, include_input=False)
        for sentence in _sentence(mistake, _prefix(model)).split("\n")
    ]


def _sentence(mistake: Any, prefix: str) -> str:
    path = [str(part) for part in mistake["loc"]]
    text = str(mistake["msg"]).removeprefix("Value error, ")
    if not path:
        return text
    variable = prefix + SEPARATOR.join(path).upper()
    if mistake["type"] == "missing":
        text = "must be set"
    elif mistake["type"] == "extra_forbidden":
        text = "there is no such setting"
    return f"{variable}: {text}"
