"""What requests about repositories hold and answer."""

from typing import Annotated

from pydantic import Field

from moorage_api.base import WireModel
from moorage_gateway.requests import RequestModel
from moorage_gateway.settings.repositories import FOLDER_NAME

_Names = Annotated[list[Annotated[str, Field(min_length=1, max_length=128)]], Field(max_length=500)]
_Url = Annotated[str, Field(min_length=1, max_length=2048, description="An https URL.")]
_Branch = Annotated[
    str | None,
    Field(
        min_length=1,
        max_length=255,
        pattern=r"^[^-\s~^:?*\[\\\x00][^\s~^:?*\[\\\x00]*$",
        description="Checked out unless a session names another. Empty: the server's own.",
    ),
]
_Secret = Annotated[
    str | None,
    Field(
        min_length=1,
        max_length=253,
        pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$",
        description="Name of the Secret with the git credentials. Empty: it is public.",
    ),
]


class AccessBody(RequestModel):
    """Who may use a repository. Admins always may."""

    everybody: Annotated[bool, Field(description="Every user.")] = False
    users: Annotated[_Names, Field(description="Users, by their id.")] = []
    groups: Annotated[_Names, Field(description="Groups, as a user's token names them.")] = []


class RegisterRepository(RequestModel):
    """A repository to register."""

    url: _Url
    folder_name: Annotated[
        str | None,
        Field(pattern=FOLDER_NAME, description="Its name. Empty: the last part of the URL."),
    ] = None
    default_branch: _Branch = None
    credentials_secret: _Secret = None
    access: Annotated[AccessBody, Field(description="Who may use it.")] = AccessBody(everybody=True)


class PatchRepository(RequestModel):
    """What of a repository to change. What is absent stays; its name always does."""

    url: Annotated[_Url | None, Field()] = None
    default_branch: _Branch = None
    credentials_secret: _Secret = None
    access: AccessBody | None = None


class AccessView(WireModel):
    """Who may use a repository."""

    everybody: bool
    users: list[str]
    groups: list[str]


class RepositoryView(WireModel):
    """A repository. ``path`` is what POST /sessions takes as projectPath."""

    id: str
    folder_name: str
    path: str
    is_git_repository: bool = True
    url: str
    default_branch: str | None = None
    configured: bool = False
    """It comes from the settings: it cannot be changed here."""
    access: AccessView | None = None
    """Shown to admins."""
    credentials_secret: str | None = None
    """Shown to admins."""


class RepositoryList(WireModel):
    """The repositories that the caller may use, by name."""

    repositories: list[RepositoryView]
    total: int
    github_repos_directory: str = ""
    """There is no such folder: clones are made for each session. The client asks for the field."""


class BranchView(WireModel):
    """A branch."""

    name: str
    commit: str
    is_default: bool


class BranchList(WireModel):
    """A repository's branches by name, at most 1,000."""

    branches: list[BranchView]
    total: int
    truncated: bool


class Removed(WireModel):
    """It was done."""

    success: bool = True
