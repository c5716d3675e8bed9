"""How often a step has failed already: the only thing the model remembers between requests."""

from collections import OrderedDict
from typing import Literal

from moorage_scripted_model.directives import Choice

Outcome = Literal["fail", "cut", "answer"]


class Failures:
    """Counts the tries of steps that are to fail, for the most recent conversations only."""

    def __init__(self, capacity: int = 10_000) -> None:
        self._capacity = capacity
        self._tries: OrderedDict[str, int] = OrderedDict()

    def outcome(self, choice: Choice) -> Outcome:
        """Count this try and say what becomes of it: first the failures, then the cuts."""
        fail = choice.step.fail.times if choice.step.fail else 0
        cut = choice.step.cut.times if choice.step.cut else 0
        if not fail and not cut:
            return "answer"
        tried = self._tries.pop(choice.key, 0)
        self._tries[choice.key] = tried + 1
        if len(self._tries) > self._capacity:
            self._tries.popitem(last=False)
        if tried < fail:
            return "fail"
        return "cut" if tried < fail + cut else "answer"
