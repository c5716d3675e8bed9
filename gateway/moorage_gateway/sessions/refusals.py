"""What a cluster will not have of a new session, told in the terms of its request. Pure.

The spec's fields have the request's names but where `creation` makes them of something else.
"""

import re
from typing import Final

from moorage_api.resources import StatusCause
from moorage_gateway.backends.interface import SessionRefused
from moorage_gateway.errors import Mistake, RequestInvalid
from moorage_gateway.sessions.schemas import CreateSession

_FIELD: Final = re.compile(r"spec\.(\w+)(.*)", re.DOTALL)
_SAME: Final = frozenset({"prompt", "interactive", "claude", "budget", "timeouts", "workspace"})


def in_its_terms(request: CreateSession, error: SessionRefused) -> RequestInvalid | SessionRefused:
    """Return the refusal with paths of the request, if it is known which fields are meant."""
    if error.forbidden or not error.causes:
        return error
    return RequestInvalid([_mistake(request, cause) for cause in error.causes])


def _mistake(request: CreateSession, cause: StatusCause) -> Mistake:
    path = _path(request, cause.field)
    # What no request sets, as resources, is the installation's: the sentence has to name it.
    return Mistake(path, cause.message if path else f"{cause.field}: {cause.message}")


def _path(request: CreateSession, field: str) -> str:
    """Return where in the request that is which became this field of the spec, or nothing."""
    found = _FIELD.fullmatch(field)
    if found is None:
        return ""
    name, rest = found.groups()
    if name == "repository":
        return _repository(request, rest)
    if name == "templateRef":
        return "template"
    if name == "claude" and rest.startswith(".allowedTools") and _tools_are_metadata(request):
        return f"metadata{rest}"
    return name + rest if name in _SAME else ""


def _tools_are_metadata(request: CreateSession) -> bool:
    own = "allowed_tools" in request.claude.model_fields_set
    return not own and bool(request.metadata and request.metadata.allowed_tools)


def _repository(request: CreateSession, rest: str) -> str:
    own = request.repository
    if rest == ".ref" and not (own and own.ref) and request.metadata and request.metadata.branch:
        return "metadata.branch"
    if own is not None:
        return f"repository{rest}"
    if request.project_path is not None:
        return "projectPath"
    return "folderName" if request.folder_name is not None else "template"
