"""Lists that are read in parts, by limit and offset."""

from typing import Annotated

from pydantic import Field

from moorage_api.base import WireModel
from moorage_gateway.requests import RequestModel


class PageQuery(RequestModel):
    """Which part of a list."""

    limit: Annotated[int, Field(ge=1, le=100)] = 50
    offset: Annotated[int, Field(ge=0, le=1_000_000)] = 0

    def of(self, total: int) -> dict[str, int]:
        """Return what the answer says beside the part itself: which it is, and of how many."""
        return {"total": total, "limit": self.limit, "offset": self.offset}


class Page(WireModel):
    """A part of a list, and which."""

    total: int
    limit: int
    offset: int
