"""What can be done that is worth a record, and how it went."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Action(StrEnum):
    """What was done: the kind of the object and the verb."""

    USER_REGISTER = "user.register"
    USER_PROVIDE = "user.provide"
    """An identity provider vouched for somebody new, or said something new of them."""
    USER_LOGIN = "user.login"
    USER_LOGOUT = "user.logout"
    USER_RENAME = "user.rename"
    USER_PASSWORD = "user.password"  # noqa: S105 - no secret
    USER_ADMIN = "user.admin"
    """Made an admin on the command line."""
    USER_CREATE = "user.create"
    """Made by an admin."""
    USER_ROLE = "user.role"
    USER_DISABLE = "user.disable"
    USER_ENABLE = "user.enable"
    TOKEN_REUSE = "sign_in.reuse"  # noqa: S105 - no secret
    """A refresh token came a second time; its sign-in is over."""
    SIGNING_KEY_ROTATE = "signing_key.rotate"
    API_KEY_CREATE = "api_key.create"
    API_KEY_RENAME = "api_key.rename"
    API_KEY_DELETE = "api_key.delete"
    SESSION_CREATE = "session.create"
    SESSION_CHANGE = "session.change"
    SESSION_SUSPEND = "session.suspend"
    SESSION_RESUME = "session.resume"
    SESSION_DELETE = "session.delete"
    SESSION_INTERRUPT = "session.interrupt"
    SESSION_MODE = "session.mode"
    SESSION_MODEL = "session.model"
    MESSAGE_SEND = "message.send"
    APPROVAL_DECIDE = "approval.decide"
    FILE_CREATE = "file.create"
    FILE_UPDATE = "file.update"
    FILE_DELETE = "file.delete"
    REPOSITORY_REGISTER = "repository.register"
    REPOSITORY_CHANGE = "repository.change"
    REPOSITORY_REMOVE = "repository.remove"
    REPOSITORY_PUSH = "repository.push"
    """By a session, through the credential proxy."""
    STUDIO_OPEN = "studio.open"
    QUOTA_SET = "quota.set"
    LETTER_RETRY = "dead_letter.retry"
    LETTER_DELETE = "dead_letter.delete"
    REQUEST_REFUSE = "request.refuse"
    """Somebody who is known asked for what they may not do; the object is the route."""


class Outcome(StrEnum):
    """How it went."""

    DONE = "done"
    """The act and the record of it were written in one transaction."""
    ASKED = "asked"
    """Written before an act outside of the database, which may have failed after it."""
    REFUSED = "refused"


Fact = str | int | bool | None


@dataclass(frozen=True, slots=True)
class Act:
    """Something that is done. Never with a secret, or with what people write."""

    action: Action
    object_id: str
    outcome: Outcome = Outcome.DONE
    session_id: str | None = None
    """The session that the object is, or is part of."""
    details: Mapping[str, Fact] = field(default_factory=dict)
