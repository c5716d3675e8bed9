"""What the model was asked, for tests to look at: counts, and the last requests in short."""

from collections import Counter, deque
from dataclasses import asdict, dataclass
from typing import Any

from moorage_scripted_model.conversation import MessagesRequest
from moorage_scripted_model.directives import without_script

_TEXTS = 40
_SHORT = 200


@dataclass(frozen=True)
class Summary:
    """One request in short; `user_texts` are the user's words, without reminders or scripts."""

    model: str
    session: str
    script: str
    step: int
    outcome: str
    status: int
    stream: bool
    messages: int
    tools: int
    last_user_text: str
    user_texts: tuple[str, ...]
    input_tokens: int
    credential: str


class Statistics:
    """Bounded: the counts by script and status, and the last requests."""

    def __init__(self, recent: int = 500) -> None:
        self._requests = 0
        self._by_script: Counter[str] = Counter()
        self._by_status: Counter[str] = Counter()
        self._recent: deque[Summary] = deque(maxlen=recent)

    def record(self, summary: Summary) -> None:
        """Count a request."""
        self._requests += 1
        self._by_script[summary.script] += 1
        self._by_status[str(summary.status)] += 1
        self._recent.append(summary)

    def report(self, last: int | None = None) -> dict[str, Any]:
        """Give everything as JSON; `last` limits the number of summaries."""
        recent = list(self._recent)[-last:] if last else list(self._recent)
        return {
            "requests": self._requests,
            "by_script": dict(self._by_script),
            "by_status": dict(self._by_status),
            "recent": [asdict(summary) for summary in recent],
        }


def short_user_texts(request: MessagesRequest) -> tuple[str, ...]:
    """Give the last things the user said, shortened."""
    texts = [text for message in request.messages for text in message.user_texts]
    return tuple(without_script(text)[:_SHORT] for text in texts[-_TEXTS:])
