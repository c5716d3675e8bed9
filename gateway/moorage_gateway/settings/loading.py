"""Reads the settings from the environment, and tells every mistake at once."""

import os
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_settings import SettingsError

from moorage_gateway.settings.base import PREFIX, SEPARATOR, Group
from moorage_gateway.settings.root import Settings
from moorage_gateway.settings.secrets import read_files


class SettingsRefused(ValueError):  # noqa: N818 - read as a sentence
    """The settings cannot be used; ``mistakes`` has one sentence for each reason."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("; ".join(mistakes))
        self.mistakes = mistakes


def load_settings() -> Settings:
    """Return the settings in the environment.

    Raises:
        SettingsRefused: with every mistake at once.
    """
    unreadable = read_files(os.environ, Settings).mistakes
    mistakes = [*_unknown_groups(os.environ), *unreadable.values()]
    try:
        settings = Settings()
    except ValidationError as error:
        found = [text for text in _sentences(error) if text.partition(":")[0] not in unreadable]
        raise SettingsRefused(mistakes + found) from None
    except SettingsError as error:  # a whole group as JSON that is none
        raise SettingsRefused([*mistakes, str(error)]) from None
    if mistakes:
        raise SettingsRefused(mistakes)
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
        and SEPARATOR in name
        and name.removeprefix(PREFIX).partition(SEPARATOR)[0].lower() not in groups
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
    return [
        sentence
        for mistake in error.errors(include_url=False, include_input=False)
        for sentence in _sentence(mistake).split("\n")
    ]


def _sentence(mistake: Any) -> str:
    path = [str(part) for part in mistake["loc"]]
    text = str(mistake["msg"]).removeprefix("Value error, ")
    if not path:
        return text
    variable = PREFIX + SEPARATOR.join(path).upper()
    if mistake["type"] == "missing":
        text = "must be set"
    elif mistake["type"] == "extra_forbidden":
        text = "there is no such setting"
    return f"{variable}: {text}"
