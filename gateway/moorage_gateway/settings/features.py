"""Settings of single features: which sessions, which files."""

from typing import Annotated

from pydantic import Field

from moorage_gateway.files.types import EXTENSIONS, NAMES
from moorage_gateway.settings.base import Group, Words


class SessionSettings(Group):
    """Which sessions may be created."""

    allow_local_paths: Annotated[
        bool,
        Field(
            description="Repositories may be folders of this machine: for an embedded run only, "
            "whoever may create a session reads them."
        ),
    ] = False


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
        int, Field(ge=1, le=1000, description="File operations under way at once.")
    ] = 32
