"""Makes all of a session's repositories ready."""

from collections.abc import Callable

from moorage_api.resources import SessionSpec
from moorage_runner.clone.results import Prepared, Progress
from moorage_runner.workspace import Workspace


async def prepare(
    spec: SessionSpec,
    workspace: Workspace,
    on_progress: Callable[[Progress], None],
    *,
    timeout: float,  # noqa: ASYNC109 - one limit over several processes, each told what is left
) -> Prepared:
    """Clone what is missing within `timeout` seconds; a finished clone is left as it is.

    Raises:
        CloneError: With the reason and what to do.
        OSError: The workspace cannot be written.
    """
    raise NotImplementedError
