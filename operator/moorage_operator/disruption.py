"""The disruption budgets: in each namespace one, which keeps drains from pods at work.

Nobody watches them. That one is there is believed from one sweep to the next only, so that one
that was deleted comes back, and a turn costs no write for it.
"""

from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress

from moorage_api.kube.errors import ObjectGoneError, RefusedError, ViewOutdatedError
from moorage_api.kube.objects import Manifest
from moorage_operator.build import build_budget


class DisruptionBudgets:
    """The namespaces' budgets; ``create`` is the Kubernetes API's."""

    def __init__(self, create: Callable[[Manifest], Awaitable[object]]) -> None:
        self._create = create
        self._seen: set[str] = set()
        """Namespaces whose budget was there since the last sweep."""

    async def ensure(self, namespace: str) -> None:
        """See that the budget is there, before there is a pod at work.

        Raises:
            UnavailableError: The API server does not answer.
        """
        if namespace in self._seen:
            return
        # Without it the mark is worth while, for autoscalers; or the namespace is gone by now.
        with suppress(RefusedError, ObjectGoneError):
            with suppress(ViewOutdatedError):  # it is there
                await self._create(build_budget(namespace))
            self._seen.add(namespace)

    async def renew(self, at_work: Iterable[str]) -> None:
        """See anew that it is there, where pods are at work now.

        Raises:
            UnavailableError: The API server does not answer.
        """
        self._seen.clear()
        for namespace in at_work:
            await self.ensure(namespace)
