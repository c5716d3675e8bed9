"""Ids in the API's shape, unique across processes."""

from uuid import uuid4


def new_id(prefix: str) -> str:
    """Give a new id such as msg_01...; the prefix says of what."""
    return f"{prefix}_01{uuid4().hex[:22]}"
