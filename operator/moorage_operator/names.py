"""The names of what belongs to a session: one for all its objects, made from its UID."""

from moorage_api.names import slug


def object_name(uid: str) -> str:
    """Return the name of the session's pod, Secret and claim: their kinds tell them apart."""
    return slug("session", uid)


def label_value(text: str) -> str:
    """Return ``text`` as a label's value: as it is if it is one, else its slug."""
    allowed = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")
    plain = 0 < len(text) <= 63 and set(text) <= allowed  # noqa: PLR2004 - the limit of a label
    return text if plain and text[0].isalnum() and text[-1].isalnum() else slug(text)
