"""What groups of settings are made of."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import NoDecode

SEPARATOR: Final = "__"


class Group(BaseModel):
    """Settings that belong together: immutable, unknown names are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _split(value: object) -> object:
    """Return the words between the commas of a text."""
    if not isinstance(value, str):
        return value
    return [word.strip() for word in value.split(",") if word.strip()]


Words = Annotated[list[str], NoDecode, BeforeValidator(_split)]


@dataclass(frozen=True, slots=True)
class Leaf:
    """One setting: where it stands in the model, its variable, and its field."""

    prefix: str
    path: tuple[str, ...]
    field: FieldInfo

    @property
    def variable(self) -> str:
        """The environment variable."""
        return self.prefix + SEPARATOR.join(self.path).upper()

    @property
    def is_secret(self) -> bool:
        """Whether its value is never shown, and may come from a file."""
        return SecretStr in (self.field.annotation, *get_args(self.field.annotation))

    @property
    def is_json_list(self) -> bool:
        """Whether it is a list that is written as JSON, other than `Words`."""
        return get_origin(self.field.annotation) is list and NoDecode not in self.field.metadata

    def value_in(self, settings: BaseModel) -> Any:
        """Return the value that the settings have."""
        value: Any = settings
        for name in self.path:
            value = getattr(value, name)
        return value


def leaves(model: type[BaseModel]) -> Iterator[Leaf]:
    """Yield every setting of a part's model, group by group."""
    yield from _below(model, str(model.model_config.get("env_prefix", "")), ())


def _below(model: type[BaseModel], prefix: str, above: tuple[str, ...]) -> Iterator[Leaf]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Group):
            yield from _below(kind, prefix, (*above, name))
        else:
            yield Leaf(prefix, (*above, name), field)
