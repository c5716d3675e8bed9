"""What a control plane consists of, and the command lines of its processes."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from moorage_testing.controlplane.processes import ROOT

MANIFESTS: Final = Path(__file__).parent / "manifests"
STAGES: Final = MANIFESTS / "stages.yaml"
ASSIGNMENT: Final = MANIFESTS / "assignment.yaml"
COLLECTOR: Final = "garbage-collector-controller"
GARBAGE: Final = (COLLECTOR, "namespace-controller")
"""What deletes the dependents of what is deleted, and the content of deleted namespaces."""


@dataclass(frozen=True)
class Options:
    """What to start beside etcd and the API server."""

    crds: Path | None = ROOT / "crds"
    """Folder of CRDs to apply; None: none."""
    controllers: tuple[str, ...] = ()
    """Controllers of kube-controller-manager to run, such as GARBAGE; empty: it is not started."""
    stages: tuple[Path, ...] = ()
    """KWOK's stages, such as STAGES; empty: KWOK is not started and pods stay Pending."""
    nodes: tuple[str, ...] = ("node-0",)
    """Nodes that KWOK makes Ready."""
    apiserver_flags: tuple[str, ...] = ()
    """More flags of the API server, such as those of an audit log; they win over the others."""

    gogc: int = 400
    """The API server's GOGC: starting takes a third less CPU than with Go's own 100, which
    measurements that are compared with a cluster's should set."""

    @property
    def binaries(self) -> tuple[str, ...]:
        """What must be there; kubectl, for the tests themselves."""
        optional = {"kube-controller-manager": self.controllers, "kwok": self.stages}
        return (
            "etcd",
            "kube-apiserver",
            "kubectl",
            *(name for name, wanted in optional.items() if wanted),
        )


CONTROLLERS: Final = (
    *GARBAGE,
    "persistentvolumeclaim-protection-controller",
    "disruption-controller",
)
"""Also what lets a claim go once no pod uses it, and what counts for PodDisruptionBudgets."""

FULL: Final = Options(controllers=CONTROLLERS, stages=(STAGES,))


@dataclass(frozen=True)
class Places:
    """The files and addresses that the processes share."""

    folder: Path
    etcd: int
    peer: int
    server: int
    manager: int
    certificates: Path = field(init=False)
    tokens: Path = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "certificates", self.folder / "certificates")
        object.__setattr__(self, "tokens", self.folder / "tokens.csv")

    @property
    def url(self) -> str:
        """The API server's address."""
        return f"https://127.0.0.1:{self.server}"

    @property
    def certificate(self) -> Path:
        """The API server's certificate, which it signs itself at its first start."""
        return self.certificates / "apiserver.crt"


def etcd_flags(places: Places) -> list[str]:
    """Return etcd's flags: nothing of a test needs to survive a power cut, so no fsync."""
    client, peer = (f"http://127.0.0.1:{port}" for port in (places.etcd, places.peer))
    return [
        f"--data-dir={places.folder / 'etcd'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--socket-reuse-port=true",
        "--unsafe-no-fsync=true",
        "--log-level=warn",
    ]


def apiserver_flags(places: Places) -> list[str]:
    """Return the API server's flags.

    It makes its certificate itself; that key signs the tokens of service accounts too. Pods need
    no service account: the controller that makes them is not there.
    """
    key = places.certificates / "apiserver.key"
    return [
        f"--etcd-servers=http://127.0.0.1:{places.etcd}",
        f"--cert-dir={places.certificates}",
        f"--secure-port={places.server}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        "--permit-port-sharing=true",
        "--endpoint-reconciler-type=none",
        f"--token-auth-file={places.tokens}",
        "--authorization-mode=RBAC",
        f"--service-account-key-file={key}",
        f"--service-account-signing-key-file={key}",
        f"--service-account-issuer={places.url}",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--disable-admission-plugins=ServiceAccount",
        "--allow-privileged=true",
        "--shutdown-delay-duration=0s",
    ]


def manager_flags(places: Places, kubeconfig: Path, controllers: tuple[str, ...]) -> list[str]:
    """Return kube-controller-manager's flags: the controllers named and no others."""
    return [
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        f"--controllers={','.join(controllers)}",
        f"--secure-port={places.manager}",
        f"--cert-dir={places.folder / 'manager'}",
        "--bind-address=127.0.0.1",
        "--permit-port-sharing=true",
        "--leader-elect=false",
        "--use-service-account-credentials=false",
        "--kube-api-qps=1000",
        "--kube-api-burst=2000",
    ]


def kwok_flags(kubeconfig: Path, stages: tuple[Path, ...]) -> list[str]:
    """Return KWOK's flags: all nodes, without leases, so that an idle one writes nothing."""
    return [
        f"--kubeconfig={kubeconfig}",
        *(f"--config={stage}" for stage in stages),
        "--manage-all-nodes=true",
        "--node-lease-duration-seconds=0",
    ]
