"""The way to the API server: the pod's service account, or a kubeconfig outside a cluster."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from kubernetes.aio import config
from kubernetes.aio.client import ApiClient, Configuration

_CONNECTIONS: Final = 64
_NAMESPACE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


async def configured(kubeconfig: Path | None = None) -> Configuration:
    """Return how to reach the API server and log in.

    Without a ``kubeconfig``: with the pod's service account, or outside a cluster by the kubeconfig
    that kubectl would take.

    Raises:
        ConfigException: there is no way to the API server.
    """
    configuration = Configuration()
    if kubeconfig is not None or not _in_cluster(configuration):
        await config.load_kube_config(  # type: ignore[no-untyped-call]
            config_file=None if kubeconfig is None else str(kubeconfig),
            client_configuration=configuration,
        )
    return configuration


@asynccontextmanager
async def connected(name: str, kubeconfig: Path | None = None) -> AsyncIterator[ApiClient]:
    """Yield a client that calls itself ``name`` and goes the way that ``configured`` returns.

    Raises:
        ConfigException: there is no way to the API server.
    """
    configuration = await configured(kubeconfig)
    configuration.connection_pool_maxsize = _CONNECTIONS
    # Else each request reads ~/.netrc and the environment's proxies first, in a thread.
    configuration.client_session_kwargs = {"trust_env": False}
    async with ApiClient(configuration) as client:
        client.user_agent = name
        yield client


def _in_cluster(configuration: Configuration) -> bool:
    """Take the pod's service account, if there is one."""
    try:
        config.load_incluster_config(configuration)  # type: ignore[no-untyped-call]
    except config.ConfigException:
        return False
    return True


def own_namespace() -> str | None:
    """Return the namespace of the pod that this process runs in; None outside a cluster."""
    try:
        return _NAMESPACE.read_text().strip() or None
    except OSError:
        return None
