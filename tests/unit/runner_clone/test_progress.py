import pytest

from moorage_runner.clone.progress import ProgressReader, parse
from moorage_runner.clone.results import Progress


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"Receiving objects:  42% (21/50), 1.00 MiB | 2.00 MiB/s", ("Receiving objects", 42)),
        (b"remote: Counting objects: 100% (9/9), done.", ("Counting objects", 100)),
        (b"Updating files: 999% (9/9)", ("Updating files", 100)),
        (b"Cloning into '/w'...", None),
        (b"remote: Enumerating objects: 21, done.", None),
        (b"<script>: 10% (1/10)", None),
        (b"", None),
    ],
)
def test_reads_a_line(line: bytes, expected: tuple[str, int] | None) -> None:
    assert parse(line) == expected


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_reports_a_few_times_a_second_and_the_last_at_the_end() -> None:
    clock = Clock()
    reports: list[Progress] = []
    reader = ProgressReader("repo", reports.append, clock)
    for percent in range(100):
        reader.feed(b"Receiving objects: %d%% (1/2)\r" % percent)
        clock.now += 0.01
    assert [report.percent for report in reports] == [0, 25, 50, 75]
    reader.flush()
    reader.flush()
    assert reports[-1] == Progress("repo", "Receiving objects", 99)
    assert len(reports) == 5


def test_a_line_may_come_in_pieces() -> None:
    reports: list[Progress] = []
    reader = ProgressReader("repo", reports.append, Clock())
    for piece in (b"Resolving del", b"tas: 5", b"0% (1/2)", b"\r"):
        reader.feed(piece)
    assert reports == [Progress("repo", "Resolving deltas", 50)]


def test_a_line_without_end_is_not_kept_whole() -> None:
    reader = ProgressReader("repo", lambda _: None, Clock())
    for _ in range(100):
        reader.feed(b"x" * 65536)
    assert len(reader._rest) <= 4096
