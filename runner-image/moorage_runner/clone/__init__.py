"""Makes the workspace's clones ready: `prepare` clones what is missing, keeps what is there.

Modules: source (what may be cloned, how it is asked for), process (runs git, hardened), progress
(reads git's progress), failures (tells git's failures apart), marker (remembers finished clones),
repository (clones one), patience (how often it is tried), preparation (clones all of a session's).
"""

from moorage_runner.clone.patience import Patience
from moorage_runner.clone.preparation import prepare
from moorage_runner.clone.results import CloneError, Prepared, Progress

__all__ = ["CloneError", "Patience", "Prepared", "Progress", "prepare"]
