"""From a request to the spec of a new session. Pure, but for the home folder in `~`."""

from datetime import datetime
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from moorage_api.names import LABEL_MANAGED_BY, LABEL_OWNER, slug
from moorage_api.resources import ClaudeSession, SessionSpec, TemplateSpec, resolve
from moorage_api.resources.parts import MAX_PROMPT, Claude, Repository, SecretRef, TemplateRef
from moorage_gateway.auth.access import id_of
from moorage_gateway.backends.interface import NewSession
from moorage_gateway.errors import Mistake, RequestInvalid, TooLarge, mistakes_in
from moorage_gateway.repositories.sources import KnownRepository, Sources
from moorage_gateway.repositories.urls import BadAddress, canonical
from moorage_gateway.sessions.repository import SessionRow
from moorage_gateway.sessions.schemas import CreateSession

_URLS: Final = ("https://", "http://")
_SEE: Final = "GET /repositories lists those that you may use"
_SPEC: Final = frozenset({"prompt", "interactive", "budget", "timeouts", "workspace"})
"""What of a request is the spec's, if it is set: else it is the template's, or the default."""

_ONE_OF: Final = "name one of projectPath, folderName and repository"


def build(
    request: CreateSession,
    creation_id: str,
    owner: str,
    sources: Sources,
    template: TemplateSpec | None = None,
) -> NewSession:
    """Return the session that ``request`` asks for, on one of the owner's ``sources``.

    Raises:
        RequestInvalid: with the field's path, in the request's terms.
        TooLarge: if the prompt is.
    """
    if request.prompt is not None and len(request.prompt) > MAX_PROMPT:
        raise TooLarge("the prompt", MAX_PROMPT, "characters")
    repository = _repository(request, sources, template)
    given: dict[str, Any] = {
        name: getattr(request, name) for name in _SPEC & request.model_fields_set
    }
    if request.template is not None:
        given["template_ref"] = TemplateRef(name=request.template)
    try:
        spec = SessionSpec(repository=repository, owner=owner, claude=_claude(request), **given)
        resolve(spec, template)
    except ValidationError as error:
        raise RequestInvalid(mistakes_in(error.errors())) from None
    return NewSession(
        creation_id=creation_id,
        name=slug(_stem(repository.url), creation_id.replace("-", "")[:12]),
        spec=spec,
        labels={LABEL_OWNER: slug(owner), LABEL_MANAGED_BY: "moorage-gateway"},
    )


def row_of(request: CreateSession, new: NewSession, moment: datetime) -> SessionRow:
    """Return the row that goes with the new session, before there is a resource."""
    assert new.spec.repository is not None  # noqa: S101 - `build` never leaves it out
    return SessionRow(
        id=new.creation_id,
        creation_id=new.creation_id,
        name=new.name,
        owner_id=new.spec.owner,
        context=request.context,
        metadata=request.metadata.stored() if request.metadata else None,
        project_path=request.project_path or new.spec.repository.url,
        archived=False,
        created_at=moment,
        updated_at=moment,
        last_accessed_at=moment,
        run_requested_at=moment,
    )


def row_for(session: ClaudeSession, moment: datetime) -> SessionRow:
    """Return a row for a session that was not created through the gateway."""
    created = session.metadata.creation_timestamp or moment
    repository = session.spec.repository
    return SessionRow(
        id=id_of(session),
        name=session.metadata.name,
        owner_id=session.spec.owner,
        context=None,
        metadata=None,
        project_path=repository.url if repository else "",
        archived=False,
        created_at=created,
        updated_at=created,
        last_accessed_at=created,
    )


def _repository(
    request: CreateSession, sources: Sources, template: TemplateSpec | None
) -> Repository:
    """Return what to clone: what the request names, else the template's, if the owner may."""
    given = [
        name
        for name, value in (
            ("projectPath", request.project_path),
            ("folderName", request.folder_name),
            ("repository", request.repository),
        )
        if value is not None
    ]
    if not given and template is not None and template.repository is not None:
        if not sources.allow(template.repository.url):
            raise _wrong("template", f"you may create no sessions on its repository: {_SEE}")
        return template.repository
    if len(given) != 1:
        raise _wrong(given[1] if given else "projectPath", _ONE_OF)
    field, known = given[0], None
    url = request.project_path or (request.repository.url if request.repository else "")
    if request.folder_name is not None:
        known = sources.named(request.folder_name)
        if known is None:
            raise _wrong(field, f"there is no repository of this name for you: {_SEE}")
        url = known.url
    elif request.repository is not None:
        field = "repository.url"
    location = _location(url, field, sources)
    known = known or sources.at(location)
    wanted = request.repository.model_dump(exclude_unset=True) if request.repository else {}
    branch = request.metadata.branch if request.metadata else None
    default = known.default_branch if known else None
    try:
        return Repository.model_validate(
            {
                **wanted,
                "url": location,
                "ref": wanted.get("ref") or branch or default,
                "credentials_secret_ref": _secret(request, known, sources),
            }
        )
    except ValidationError as error:
        raise RequestInvalid(
            [
                Mistake("metadata.branch" if mistake.path == "ref" else field, mistake.message)
                for mistake in mistakes_in(error.errors())
            ]
        ) from None


def _secret(
    request: CreateSession, known: KnownRepository | None, sources: Sources
) -> SecretRef | None:
    """Return the credentials: the repository's. Whoever could name others could use others'."""
    own = known.credentials_secret if known else None
    named = request.repository.credentials_secret_ref if request.repository else None
    if named is not None and named.name != own and not sources.any_secret:
        raise _wrong(
            "repository.credentialsSecretRef",
            "is for admins: leave it out, the repository's own are used",
        )
    return named or (SecretRef(name=own) if own else None)


def _location(url: str, field: str, sources: Sources) -> str:
    """Return where to clone from: the URL, or the absolute path of a folder of this machine."""
    if url.lower().startswith(_URLS):
        if not sources.allow(url):
            _check(url, field)
            raise _wrong(field, f"you may create no sessions on this repository: {_SEE}")
        return url
    if not sources.local_paths:
        raise _wrong(field, "write an https URL: folders of this machine are not accepted here")
    if not url.startswith(("/", "~/")) and url != "~":
        raise _wrong(field, "write an https URL or an absolute path, such as /home/me/project")
    try:
        return str(Path(url).expanduser())
    except RuntimeError:
        raise _wrong(field, "there is no home folder that ~ could stand for") from None


def _check(url: str, field: str) -> None:
    """Say what is wrong with an address that can be none of a repository."""
    try:
        canonical(url)
    except BadAddress as error:
        raise _wrong(field, str(error)) from None


def _claude(request: CreateSession) -> Claude:
    tools = request.metadata.allowed_tools if request.metadata else None
    if tools is None or "allowed_tools" in request.claude.model_fields_set:
        return request.claude
    return request.claude.model_copy(update={"allowed_tools": tools})


def _stem(url: str) -> str:
    return url.rstrip("/").rpartition("/")[2].removesuffix(".git")[:40] or "session"


def _wrong(path: str, message: str) -> RequestInvalid:
    return RequestInvalid([Mistake(path, message)])
