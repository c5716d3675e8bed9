"""Why it cannot run: one sentence each, that says what to do, and an exit code."""


class CannotRun(Exception):  # noqa: N818 - read as a sentence
    """It cannot run, for a reason that the user can do something about."""

    code = 1

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class BadUsage(CannotRun):
    """The command line or a variable is wrong."""

    code = 2


class RunsAlready(CannotRun):
    """Another one runs in the same folder."""

    code = 3


class PortTaken(CannotRun):
    """Somebody else listens on the port."""

    code = 4


class Unfit(CannotRun):
    """The machine lacks something."""

    code = 5
