"""Which permission modes users may choose; the settings say."""

from collections.abc import Collection

from moorage_api.resources.parts import PermissionMode
from moorage_gateway.errors import Mistake, RequestInvalid


def require_allowed(mode: PermissionMode, path: str, allowed: Collection[str]) -> None:
    """Refuse a mode that nobody may choose here.

    Raises:
        RequestInvalid: with ``path``, where the request names it.
    """
    if mode not in allowed:
        told = f"{mode} is not allowed here; allowed: {', '.join(allowed) or 'none'}"
        raise RequestInvalid([Mistake(path, told)])
