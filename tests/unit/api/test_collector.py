"""The garbage collector around a process's start, in a process of its own: it is one for all."""

import subprocess
import sys

_START = """
import gc
from moorage_api import collector

collector.hold()
assert not gc.isenabled()
stays = [[] for _ in range(1000)]
collector.settle()
assert gc.isenabled()
assert gc.get_freeze_count() > 1000
assert not any(each is stays for each in gc.get_objects())
"""


def test_it_is_still_during_the_start_and_never_looks_at_what_is_there_then() -> None:
    subprocess.run([sys.executable, "-c", _START], check=True, timeout=60)
