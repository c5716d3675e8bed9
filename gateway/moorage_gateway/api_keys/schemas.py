"""What /api/auth/api-keys takes and answers with."""

from typing import Annotated

from pydantic import Field

from moorage_api.base import Timestamp, WireModel
from moorage_gateway.requests import RequestModel

KeyName = Annotated[
    str, Field(min_length=1, max_length=100, description="What it is for.", examples=["nightly"])
]


class CreateKey(RequestModel):
    """A new API key."""

    name: KeyName
    expires_in_days: Annotated[
        int | None, Field(ge=1, le=3650, description="Null: it lasts until it is deleted.")
    ] = None


class PatchKey(RequestModel):
    """What can be changed of a key."""

    name: KeyName


class KeyView(WireModel):
    """An API key, without the key itself."""

    id: str
    name: str
    prefix: Annotated[str, Field(description="How the key begins.", examples=["mk_AbCdEf"])]
    created_at: Timestamp
    expires_at: Timestamp | None
    last_used_at: Annotated[Timestamp | None, Field(description="To the minute.")]


class NewKey(KeyView):
    """An API key that was just made."""

    key: Annotated[
        str, Field(description="The key. It is shown this once.", examples=["mk_AbCdEf..."])
    ]


class KeyList(WireModel):
    """A user's API keys, oldest first."""

    api_keys: list[KeyView]
    total: int
