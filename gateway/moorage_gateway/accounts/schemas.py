"""What /api/auth takes and answers with."""

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, SecretStr

from moorage_api.base import Timestamp, WireModel
from moorage_gateway.accounts.addresses import LONGEST, normal_address
from moorage_gateway.auth.principal import Role
from moorage_gateway.requests import RequestModel

SHORTEST_PASSWORD: Final = 8
LONGEST_PASSWORD: Final = 256
_LONGEST_TOKEN: Final = 256

Address = Annotated[
    str,
    AfterValidator(normal_address),
    Field(
        max_length=LONGEST,
        description="Capital letters count for nothing.",
        examples=["ada@example.com"],
    ),
]
NewPassword = Annotated[
    SecretStr,
    Field(min_length=SHORTEST_PASSWORD, max_length=LONGEST_PASSWORD, examples=["correct horse"]),
]
GivenPassword = Annotated[
    SecretStr, Field(min_length=1, max_length=LONGEST_PASSWORD, examples=["correct horse"])
]
RefreshToken = Annotated[
    SecretStr, Field(min_length=1, max_length=_LONGEST_TOKEN, examples=["mr_..."])
]
Name = Annotated[str, Field(min_length=1, max_length=200, examples=["Ada Lovelace"])]


class Register(RequestModel):
    """A new account."""

    email: Address
    password: NewPassword
    name: Name | None = None


class Login(RequestModel):
    """A login."""

    email: Address
    password: GivenPassword


class Refresh(RequestModel):
    """A refresh token, which is worth nothing afterwards."""

    refresh_token: RefreshToken


class Logout(RequestModel):
    """What ends: the sign-in of this token or, without it, of the request's own."""

    refresh_token: RefreshToken | None = None
    everywhere: Annotated[
        bool, Field(description="End all of the user's sign-ins. API keys stay.")
    ] = False


class PatchMe(RequestModel):
    """What users change of themselves. A new password ends all their other sign-ins."""

    name: Name | None = None
    password: NewPassword | None = None
    current_password: Annotated[
        GivenPassword | None, Field(description="Must be given with a new password.")
    ] = None


class UserView(WireModel):
    """A user."""

    id: str
    email: str | None
    name: str | None
    role: Role
    created_at: Timestamp
    updated_at: Timestamp


class SignedIn(WireModel):
    """A pair of tokens, and whose they are."""

    access_token: Annotated[
        str, Field(description="Goes into the header: Authorization: Bearer ...")
    ]
    refresh_token: Annotated[str, Field(description="Good for one refresh.", examples=["mr_..."])]
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - no secret
    expires_in: Annotated[int, Field(description="Seconds for which the access token is good.")]
    user: UserView
