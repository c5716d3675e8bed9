"""Which repositories there are, and who may use them."""

from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from moorage_gateway.repositories.urls import BadAddress, canonical, pattern
from moorage_gateway.settings.base import Group

FOLDER_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"


def _checked_url(value: str) -> str:
    if value.startswith("/"):
        return value  # a folder of this machine, which is refused later unless they may be used
    try:
        canonical(value)
    except BadAddress as error:
        msg = f"the URL {error}"
        raise ValueError(msg) from None
    return value


def _checked_pattern(value: str) -> str:
    try:
        pattern(value)
    except BadAddress as error:
        msg = f"the pattern {error}"
        raise ValueError(msg) from None
    return value


Address = Annotated[str, Field(min_length=1, max_length=2048), AfterValidator(_checked_url)]


class Usable(Group):
    """Who may use something; admins always may. Nothing said: everybody."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True
    )

    users: Annotated[list[str], Field(description="Ids of users.")] = []
    groups: Annotated[list[str], Field(description="Groups of users, as a token names them.")] = []


class ListedRepository(Usable):
    """A repository."""

    folder_name: Annotated[str, Field(pattern=FOLDER_NAME, description="Its name for users.")]
    url: Annotated[Address, Field(description="Its address.")]
    default_branch: Annotated[
        str | None, Field(min_length=1, max_length=255, description="Empty: the server's own.")
    ] = None
    credentials_secret: Annotated[
        str | None,
        Field(min_length=1, max_length=253, description="Secret with the git credentials."),
    ] = None


class UrlPattern(Usable):
    """Addresses that may be used."""

    url: Annotated[str, AfterValidator(_checked_pattern), Field(max_length=2048)]


class RepositorySettings(Group):
    """What sessions may be created on, beside what admins register."""

    listed: Annotated[
        list[ListedRepository],
        Field(
            description="Repositories, as JSON: "
            '`[{"folderName": "shop", "url": "https://git.example.com/team/shop"}]`, each also '
            "with defaultBranch, credentialsSecret, users and groups (neither: everybody)."
        ),
    ] = []
    patterns: Annotated[
        list[UrlPattern],
        Field(
            description="Addresses that may be used without being listed, as JSON: "
            '`[{"url": "https://git.example.com/team/*", "groups": ["team"]}]`. * is one part, ** '
            "is several. An embedded run allows all."
        ),
    ] = []
    branches_seconds: Annotated[
        float, Field(gt=0, le=120, description="How long a git server may take to tell branches.")
    ] = 10.0
