"""What requests about quotas hold and answer."""

from typing import Annotated

from pydantic import Field

from moorage_api.base import WireModel
from moorage_gateway.requests import RequestModel

_Limit = Annotated[
    int | None,
    Field(ge=0, le=1_000_000, description="0: no limit; null: as in the settings."),
]


class SetQuotas(RequestModel):
    """What a user may have; what is absent stays."""

    sessions_running: _Limit = None
    sessions_created: _Limit = None


class UsedQuota(WireModel):
    """One quota: a limit (null: none) and how much of it is used."""

    limit: int | None
    used: int


class QuotaView(WireModel):
    """A user's quotas."""

    user_id: str
    sessions_running: UsedQuota
    sessions_created: UsedQuota
