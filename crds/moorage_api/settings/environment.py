"""What a part's settings are made of at the top: the environment alone, secrets also from files."""

from collections.abc import Mapping

from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from moorage_api.settings.base import SEPARATOR, leaves
from moorage_api.settings.secrets import SUFFIX, read_files


class EnvironmentSettings(BaseSettings):
    """Settings of one part. It gives its prefix as ``env_prefix``."""

    model_config = SettingsConfigDict(env_nested_delimiter=SEPARATOR, frozen=True, extra="forbid")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the environment alone, with secrets also from the files that it names."""
        del dotenv_settings, file_secret_settings
        if isinstance(env_settings, EnvSettingsSource):
            variables = _with_empty_lists(settings_cls, env_settings.env_vars)
            env_settings.env_vars = _with_files(settings_cls, variables)
        return init_settings, env_settings


def _with_empty_lists(
    model: type[BaseSettings], variables: Mapping[str, str | None]
) -> dict[str, str | None]:
    """Return the variables, with ``[]`` for an empty one that is read as a JSON list."""
    empty = {
        leaf.variable.lower(): "[]"
        for leaf in leaves(model)
        if leaf.is_json_list and variables.get(leaf.variable.lower()) == ""
    }
    return {**variables, **empty}


def _with_files(
    model: type[BaseSettings], variables: Mapping[str, str | None]
) -> dict[str, str | None]:
    """Return the variables (their names are in lower case here) with what the files hold."""
    given = {name.upper(): value for name, value in variables.items() if value is not None}
    files = {leaf.variable + SUFFIX for leaf in leaves(model) if leaf.is_secret}
    found = read_files(given, model).values
    kept = {name: value for name, value in variables.items() if name.upper() not in files}
    return kept | {name.lower(): value for name, value in found.items()}
