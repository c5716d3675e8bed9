"""Who asks. With MOORAGE_AUTH=none that is always the one user of this machine."""

from dataclasses import dataclass
from typing import Annotated, Final, Literal

from fastapi import Depends

from moorage_gateway.context import ContextDep
from moorage_gateway.errors import Unauthorized


@dataclass(frozen=True, slots=True)
class Principal:
    """A user as the rest of the gateway knows them."""

    user_id: str
    role: Literal["user", "admin"]

    @property
    def is_admin(self) -> bool:
        """Whether they see every session."""
        return self.role == "admin"


LOCAL: Final = Principal("local", "admin")
"""The one user where nobody logs in."""


async def current_principal(context: ContextDep) -> Principal:
    """Return who asks.

    Raises:
        Unauthorized: where the settings ask for a login, of which there is no kind yet.
    """
    if context.settings.auth == "none":
        return LOCAL
    raise Unauthorized


PrincipalDep = Annotated[Principal, Depends(current_principal)]
