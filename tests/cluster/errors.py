"""What can go wrong with the cluster, each with one sentence that says what to do.

ClusterError
├── Impossible       this machine lacks what it takes
├── CommandFailed    a program ended with an error
├── NotUp            there is no cluster to do it with
└── PortTaken        somebody else listens on a port that is wanted
"""

from pathlib import Path


class ClusterError(Exception):
    """The cluster cannot be made, used or removed."""


class Impossible(ClusterError):  # noqa: N818 - it says what is so
    """This machine lacks something, and what to do about it."""

    def __init__(self, lacks: str, remedy: str) -> None:
        super().__init__(f"{lacks}: {remedy}")


class CommandFailed(ClusterError):  # noqa: N818
    """A program ended with an error; its last words, and where the others are."""

    def __init__(self, what: str, code: int, log: Path) -> None:
        said = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
        last = "\n    ".join(said[-8:]) or "it said nothing"
        super().__init__(
            f"{what} failed with code {code}. Its last words (all are in {log}):\n    {last}"
        )


class NotUp(ClusterError):  # noqa: N818
    """There is no cluster."""

    def __init__(self) -> None:
        super().__init__("there is no cluster: make one with `make cluster-up`")


class PortTaken(ClusterError):  # noqa: N818
    """A port on loopback is in use."""

    def __init__(self, port: int) -> None:
        super().__init__(
            f"127.0.0.1:{port} is taken: stop what listens there, or choose another port with "
            f"MOORAGE_PORT"
        )
