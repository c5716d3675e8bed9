"""What comes before what when a session starts."""

from collections.abc import Callable
from pathlib import Path

from moorage_api.resources import Phase
from moorage_testing.git import GitRepository, serving_git
from moorage_testing.runner import RunnerUnderTest

MakeRunner = Callable[..., RunnerUnderTest]
KINDS = ("local", "pod")

LATE = "moorage_testing.late_imports"


def test_others_get_their_work_before_all_is_imported(
    make_runner: MakeRunner, tmp_path: Path
) -> None:
    """Clone and Claude Code come first, or this runner would never go on; nothing told is lost."""
    GitRepository.create(tmp_path / "origin")
    with serving_git(tmp_path) as server:
        runner = make_runner(module=LATE, spec={"repository": {"url": f"{server.url}/origin/.git"}})
        runner.start()
        progress = runner.wait_for_type("system:event", subtype="clone_progress")
        assert progress.data.detail["repository"] == "repo"
        runner.wait_for_type("session:status", phase=Phase.READY)
