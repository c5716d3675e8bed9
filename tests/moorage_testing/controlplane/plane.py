"""A control plane of its own for a test: etcd, the API server and what the test asks for beside.

It starts in a temporary folder on free ports of loopback and takes everything with it at its end,
also when the test run is killed. Each part is a Process that a test may stop, kill or pause; the
API server comes back on its port, with its data, certificate and tokens.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx2
import yaml
from kubernetes.aio.client import Configuration

from moorage_testing.controlplane import access
from moorage_testing.controlplane.access import Rules
from moorage_testing.controlplane.api import Account, Api, Object, Server
from moorage_testing.controlplane.binaries import binary
from moorage_testing.controlplane.errors import ApiRefused, KubectlFailed
from moorage_testing.controlplane.options import (
    ASSIGNMENT,
    COLLECTOR,
    Options,
    Places,
    apiserver_flags,
    etcd_flags,
    kwok_flags,
    manager_flags,
)
from moorage_testing.controlplane.processes import Port, Process, until
from moorage_testing.controlplane.readiness import (
    await_assignment,
    await_collection,
    await_established,
    await_node,
    make_node,
)

_DEADLINE: Final = 120.0
_CRDS: Final = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_POLICIES: Final = "/apis/admissionregistration.k8s.io/v1"


class ControlPlane:
    """The processes and the ways to talk to them. Made by ``running_control_plane``."""

    def __init__(self, folder: Path, options: Options) -> None:
        self.folder = folder
        self.options = options
        self._ports = [Port() for _ in range(4)]
        self._places = Places(folder, *(port.number for port in self._ports))
        self.server = Server(self._places.url, self._places.certificate)
        self.administrator = access.make_administrator(self._places.tokens)
        self.etcd = self._process("etcd", etcd_flags(self._places))
        flags = [*apiserver_flags(self._places), *options.apiserver_flags]
        self.apiserver = self._process("kube-apiserver", flags, GOGC=str(options.gogc))
        self._crds: list[Object] = []
        self.manager: Process | None = None
        self.kwok: Process | None = None

    def start(self) -> None:
        """Start everything, side by side where possible; return when each part does its work."""
        self.etcd.start()
        self.start_apiserver()
        with self.client() as admin:
            if self.options.stages:
                self._start_kwok(admin)
            if self.options.crds is not None:
                self._crds = apply_crds(admin, self.options.crds)
            # After the CRDs: the garbage collector looks for new kinds only twice a minute.
            if self.options.controllers:
                self._start_manager()
            self._await_parts(admin)

    def close(self) -> None:
        """End all processes, what they serve first."""
        for process in (self.kwok, self.manager, self.apiserver, self.etcd):
            if process is not None:
                process.kill()
        for port in self._ports:
            port.close()

    def start_apiserver(self) -> None:
        """Start the API server (again); return when it is ready and serves the CRDs applied.

        It says that it is ready a little earlier than it serves them: 429 until then.
        """
        self.apiserver.start()
        until("the API server ready", _DEADLINE, self._unready)
        with self.client() as admin:
            for crd in self._crds:
                await_established(admin, crd)

    def client(self, account: Account | None = None) -> Api:
        """Return a client, to be closed; without an account the administrator's."""
        return Api(self.server, account or self.administrator)

    def configuration(self, account: Account | None = None) -> Configuration:
        """Return the configuration for kubernetes.aio's ApiClient."""
        return access.configuration(self.server, account or self.administrator)

    def kubeconfig(self, account: Account | None = None) -> Path:
        """Return a kubeconfig file."""
        account = account or self.administrator
        path = self.folder / f"{account.name.replace(':', '-')}.kubeconfig"
        return access.write_kubeconfig(self.server, account, path)

    def kubectl(self, *arguments: str, account: Account | None = None, check: bool = True) -> str:
        """Run kubectl; return what it prints, on both streams.

        Raises:
            KubectlFailed: if it fails, unless ``check`` is False.
        """
        files = [f"--kubeconfig={self.kubeconfig(account)}", f"--cache-dir={self.folder / 'cache'}"]
        done = subprocess.run(
            [str(binary("kubectl")), *files, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=os.environ | {"HOME": str(self.folder)},
            text=True,
            check=False,
            timeout=60,
        )
        if check and done.returncode:
            raise KubectlFailed(arguments, done.stdout)
        return done.stdout

    def account(
        self, namespace: str, name: str, rules: Rules = (), cluster_rules: Rules = ()
    ) -> Account:
        """Make a service account that may do what the rules say and nothing else.

        Rules are those of a Role (in the account's namespace) and of a ClusterRole.
        """
        with self.client() as admin:
            account = access.make_service_account(admin, self.server, namespace, name)
            if rules:
                access.grant(admin, self.server, account, rules, namespace)
            if cluster_rules:
                access.grant(admin, self.server, account, cluster_rules)
        return account

    def _process(self, name: str, flags: list[str], **environment: str) -> Process:
        return Process(name, [str(binary(name)), *flags], self.folder, environment)

    def _start_manager(self) -> None:
        flags = manager_flags(self._places, self.kubeconfig(), self.options.controllers)
        self.manager = self._process("kube-controller-manager", flags)
        self.manager.start()

    def _start_kwok(self, admin: Api) -> None:
        self.kwok = self._process("kwok", kwok_flags(self.kubeconfig(), self.options.stages))
        self.kwok.start()
        for body in yaml.safe_load_all(ASSIGNMENT.read_text()):
            plural = "mutatingadmissionpolicies"
            if body["kind"].endswith("Binding"):
                plural = "mutatingadmissionpolicybindings"
            admin.apply(f"{_POLICIES}/{plural}/{body['metadata']['name']}", body)
        for node in self.options.nodes:
            make_node(admin, node)

    def _await_parts(self, admin: Api) -> None:
        if self.kwok is not None:
            for node in self.options.nodes:
                await_node(admin, self.kwok, node)
            await_assignment(admin)
        if self.manager is not None and COLLECTOR in self.options.controllers:
            await_collection(admin, self.manager)

    def _unready(self) -> str | None:
        for process in (self.etcd, self.apiserver):
            process.require_running()
        if not self.server.certificate.exists():
            return "it has no certificate yet"
        try:
            with self.client() as admin:
                admin.text("/readyz")
        except (ApiRefused, httpx2.HTTPError, OSError) as error:
            return str(error)
        return None


def apply_crds(admin: Api, folder: Path) -> list[Object]:
    """Apply every CRD in ``folder``; return them when the API server serves them all."""
    bodies: list[Object] = [yaml.safe_load(path.read_text()) for path in folder.glob("*.yaml")]
    for body in bodies:
        admin.apply(f"{_CRDS}/{body['metadata']['name']}", body)
    for body in bodies:
        await_established(admin, body)
    return bodies


@contextmanager
def running_control_plane(options: Options | None = None) -> Iterator[ControlPlane]:
    """Start a control plane in a folder of its own; end it and remove the folder afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="controlplane-"))
    plane: ControlPlane | None = None
    try:
        plane = ControlPlane(folder, options or Options())
        plane.start()
        yield plane
    finally:
        if plane is not None:
            plane.close()
        shutil.rmtree(folder, ignore_errors=True)
