"""The `restricted` profile of the Pod Security Standards, with `baseline` below it, as a checker.

Written from https://kubernetes.io/docs/concepts/security/pod-security-standards/ (Linux pods).
"""

from collections.abc import Iterator
from typing import Any

VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}
_SELINUX_TYPES = {None, "", "container_t", "container_init_t", "container_kvm_t"}
_SELINUX_TYPES |= {"container_engine_t"}
_SYSCTLS = {
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range",
}
Object = dict[str, Any]


def violations(pod: Object) -> list[str]:
    """Return what the standard would refuse the pod for, a line each."""
    spec = pod["spec"]
    return [*_pod(spec), *(line for each in _containers(spec) for line in _container(spec, each))]


def _containers(spec: Object) -> list[Object]:
    kinds = ("initContainers", "containers", "ephemeralContainers")
    return [each for kind in kinds for each in spec.get(kind, [])]


def _pod(spec: Object) -> Iterator[str]:
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(field):
            yield f"{field} must not be true"
    for volume in spec.get("volumes", []):
        kinds = set(volume) - {"name"}
        if not kinds <= VOLUMES:
            yield f"volume {volume['name']} is of a kind that is not allowed: {kinds}"
    for sysctl in spec.get("securityContext", {}).get("sysctls", []):
        if sysctl["name"] not in _SYSCTLS:
            yield f"sysctl {sysctl['name']} is not allowed"
    yield from _context("the pod", spec.get("securityContext", {}))


def _container(spec: Object, container: Object) -> Iterator[str]:
    name, own = container["name"], container.get("securityContext", {})
    yield from _context(name, own)
    yield from _must_have(name, spec.get("securityContext", {}), own)
    if own.get("privileged"):
        yield f"{name} must not be privileged"
    if own.get("allowPrivilegeEscalation") is not False:
        yield f"{name} must set allowPrivilegeEscalation: false"
    capabilities = own.get("capabilities", {})
    if "ALL" not in capabilities.get("drop", []):
        yield f"{name} must drop ALL capabilities"
    if set(capabilities.get("add", [])) - {"NET_BIND_SERVICE"}:
        yield f"{name} must not add capabilities"
    if own.get("procMount", "Default") != "Default":
        yield f"{name} must have the default procMount"
    if any(port.get("hostPort") for port in container.get("ports", [])):
        yield f"{name} must not use ports of the host"
    for kind in ("livenessProbe", "readinessProbe", "startupProbe"):
        probe = container.get(kind, {})
        if any(probe.get(how, {}).get("host") for how in ("httpGet", "tcpSocket")):
            yield f"{name} must not name a host in its {kind}"


def _context(name: str, context: Object) -> Iterator[str]:
    if context.get("runAsUser") == 0:
        yield f"{name} must not run as user 0"
    if context.get("runAsNonRoot") is False:
        yield f"{name} must not set runAsNonRoot: false"
    if context.get("seccompProfile", {}).get("type") == "Unconfined":
        yield f"{name} must not be unconfined by seccomp"
    if context.get("appArmorProfile", {}).get("type") == "Unconfined":
        yield f"{name} must not be unconfined by AppArmor"
    selinux = context.get("seLinuxOptions", {})
    if selinux.get("type") not in _SELINUX_TYPES or selinux.get("user") or selinux.get("role"):
        yield f"{name} has SELinux options that are not allowed"
    if context.get("windowsOptions", {}).get("hostProcess"):
        yield f"{name} must not be a host process"


def _must_have(name: str, pod: Object, own: Object) -> Iterator[str]:
    if not own.get("runAsNonRoot", pod.get("runAsNonRoot")):
        yield f"{name} must set runAsNonRoot: true"
    seccomp: Object = own.get("seccompProfile") or pod.get("seccompProfile") or {}
    if seccomp.get("type") not in {"RuntimeDefault", "Localhost"}:
        yield f"{name} must set a seccomp profile"
