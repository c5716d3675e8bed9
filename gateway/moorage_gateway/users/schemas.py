"""What admins' requests about users hold and answer."""

from typing import Annotated, Literal

from pydantic import Field

from moorage_api.base import Timestamp, WireModel
from moorage_gateway.accounts.schemas import Address, Name, NewPassword
from moorage_gateway.auth.principal import Role
from moorage_gateway.pages import Page, PageQuery
from moorage_gateway.requests import RequestModel


class UserQuery(PageQuery):
    """Which users to list, the newest first."""

    q: Annotated[
        str | None, Field(max_length=200, description="Only with this in address or name.")
    ] = None
    role: Annotated[Role | None, Field(description="Only with this role.")] = None
    state: Annotated[
        Literal["enabled", "disabled"] | None, Field(description="Only in this state.")
    ] = None


class CreateUser(RequestModel):
    """An account that an admin makes, also where registration is closed."""

    email: Address
    password: Annotated[
        NewPassword, Field(description="To be changed by the user: PATCH /api/auth/me.")
    ]
    name: Name | None = None
    role: Role = "user"


class PatchUser(RequestModel):
    """What an admin changes of a user; what is absent stays."""

    role: Annotated[
        Role | None, Field(description="Not of users whom an identity provider speaks for.")
    ] = None
    disabled: Annotated[
        bool | None,
        Field(
            description="True: signed out everywhere, API keys refused, sessions suspended. False: "
            "may log in again, and the API keys are good again."
        ),
    ] = None


class ManagedUser(WireModel):
    """A user, as admins see them."""

    id: str
    email: str | None
    name: str | None
    role: Role
    provider: Annotated[
        str | None, Field(description="The identity provider that speaks for them; null: none.")
    ]
    groups: Annotated[list[str], Field(description="What its last token said they belong to.")]
    groups_at: Annotated[Timestamp | None, Field(description="When it said so, to the hour.")]
    disabled_at: Timestamp | None
    created_at: Timestamp
    updated_at: Timestamp


class UserPage(Page):
    """A part of the list."""

    users: list[ManagedUser]
