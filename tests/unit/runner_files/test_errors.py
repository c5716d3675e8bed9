import errno
import os

import pytest

from moorage_runner.files.errors import OperationError, from_os_error, show
from moorage_runner.files.limit import Limit


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, "NO_SPACE"),
        (errno.EDQUOT, "NO_SPACE"),
        (errno.EFBIG, "TOO_LARGE"),
        (errno.ENOENT, "NOT_FOUND"),
        (errno.ENOTDIR, "NOT_FOUND"),
        (errno.EEXIST, "CONFLICT"),
        (errno.ELOOP, "FORBIDDEN"),
        (errno.EACCES, "FORBIDDEN"),
        (errno.EPERM, "FORBIDDEN"),
        (errno.EROFS, "FORBIDDEN"),
        (errno.EISDIR, "INVALID"),
        (errno.ENAMETOOLONG, "INVALID"),
        (errno.EIO, "FAILED"),
        (0, "FAILED"),
    ],
)
def test_what_the_system_says_becomes_a_code_and_a_sentence(number: int, code: str) -> None:
    error = from_os_error(OSError(number, os.strerror(number)), "a/{path}")
    assert error.code == code
    assert error.message.endswith(".")
    assert error.reply().message == error.message


def test_a_path_is_shown_on_one_line_and_not_too_long() -> None:
    shown = show("a\nb\ud800" + "x" * 1000)
    assert "\n" not in shown
    assert len(shown) < 220
    shown.encode()


def test_a_limit_ends_by_time_and_by_being_called_off() -> None:
    moment = 0.0
    limit = Limit(2, lambda: moment)
    limit.check()
    moment = 2.0
    with pytest.raises(OperationError):
        limit.check()
    other = Limit(1e9)
    other.cancel()
    assert other.left == 0
