"""Settings of single features: which sessions, which files."""

from typing import Annotated, Final, get_args

from pydantic import AfterValidator, Field

from moorage_api.file_names import EXTENSIONS, NAMES, FileKinds
from moorage_api.resources.parts import PermissionMode
from moorage_gateway.settings.base import Group, Words

_MODES: Final = get_args(PermissionMode)


def _are_modes(values: list[str]) -> list[str]:
    if unknown := set(values) - set(_MODES):
        msg = f"{', '.join(sorted(unknown))}: the modes are {', '.join(_MODES)}"
        raise ValueError(msg)
    return values


class SessionSettings(Group):
    """Which sessions may be created."""

    allow_local_paths: Annotated[
        bool,
        Field(
            description="Repositories may be folders of this machine: for an embedded run only, "
            "whoever may create a session reads them."
        ),
    ] = False
    permission_modes: Annotated[
        Words,
        AfterValidator(_are_modes),
        Field(
            description="Permission modes that users may choose, when they create a session and "
            "while it runs. What templates may have is for the cluster's admission to say."
        ),
    ] = list(_MODES)


class FileSettings(Group):
    """Files of a session's workspace."""

    extensions: Annotated[
        Words,
        Field(description="Extensions of files that may be read and written, without the dot."),
    ] = sorted(EXTENSIONS)
    names: Annotated[
        Words, Field(description="Whole names of files that may be read and written too.")
    ] = sorted(NAMES)
    timeout_seconds: Annotated[
        float, Field(gt=0, le=120, description="How long a session's runner may take to answer.")
    ] = 15.0
    concurrency: Annotated[
        int,
        Field(
            ge=1,
            le=1000,
            description="File operations under way at once, of one session four of them.",
        ),
    ] = 32
    wait_seconds: Annotated[
        float,
        Field(gt=0, le=120, description="How long one waits for its turn before it is refused."),
    ] = 5.0

    @property
    def kinds(self) -> FileKinds:
        """Which files may be read and written."""
        return FileKinds(extensions=frozenset(self.extensions), names=frozenset(self.names))
