"""When Python's garbage collector looks: not while a process starts, nor through what stays then.

Modules, models and routes are made once and are there until the end: of a gateway more than
150,000 objects. To look through them again and again is a fifth of a start, and stops the whole
process for 80 to 220 ms each time afterwards, under load every few seconds, against 5 to 7 ms
without them.
"""

import gc
from typing import Final

_THRESHOLD: Final = (10_000, 20, 50)


def hold() -> None:
    """Keep it still until `settle`; what makes many objects comes between them."""
    gc.disable()


def settle() -> None:
    """Have it look from now on, but never at what is there already, garbage or not."""
    gc.enable()
    gc.freeze()
    gc.set_threshold(*_THRESHOLD)
