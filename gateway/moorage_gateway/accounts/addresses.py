"""Email addresses as names of accounts: one spelling each. Pure."""

import unicodedata
from typing import Final

LONGEST: Final = 254


def normal_address(text: str) -> str:
    """Return the one spelling of an address under which an account is kept.

    Raises:
        ValueError: if it is none.
    """
    address = unicodedata.normalize("NFKC", text).strip().lower()
    name, at, domain = address.rpartition("@")
    if not (at and name and domain) or len(address) > LONGEST:
        msg = "write an email address, as name@example.com"
        raise ValueError(msg)
    if "@" in name or " " in address or not address.isprintable():
        msg = "write an email address without spaces or control characters"
        raise ValueError(msg)
    return address
