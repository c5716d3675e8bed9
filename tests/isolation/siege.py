"""All attempts, one after the other: by Claude in hostile sessions, then without the measures."""

import json
import subprocess
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cluster.places import kubeconfig
from cluster.tools import tool
from deployment.kube import listed, run_kubectl
from deployment.model import FLEET, GIT_HOST, GIT_LOGIN, SCRIPTED_KEY
from deployment.model import NAMESPACE as MODEL_NAMESPACE
from deployment.release import NAMESPACE, installed_values
from e2e.kubectl import Session, eventually
from isolation import limits, network, pods, proxied, redis_logins, shown
from isolation.attempts import Attempt, Outcome, Without
from isolation.hostile import RUNNER, HostileSession, Owner, Shell
from isolation.latency import ENOUGH, Lateness, Neighbour, streaming
from isolation.measures import (
    FREE,
    free_namespace,
    kept_in_redis,
    make_pod,
    metered,
    no_network_policies,
    on_node_without_limits,
    unlimited_redis_login,
    unrestricted,
)
from isolation.stand_ins import addresses_on, server

Control = Callable[[Attempt], str]

_WORK: Final = "head -c 3000000 /dev/urandom | sha256sum"
_COMMANDS: Final = 20
"""In a turn: as many as a list of attempts has."""
_TURNS: Final = 50

_TRIES: Final = 20
"""So often at most is a budget tried to be spent: four times are enough."""

_TUNNELS: Final = {"mode": "allowList", "hosts": [GIT_HOST, "kubernetes.default.svc"]}


@dataclass
class Siege:
    """What attempts need, and what came of them."""

    owner: Owner
    node: str
    image: str
    free: Shell
    neighbour: HostileSession
    hostile: HostileSession
    variables: dict[str, str]
    seen: dict[str, tuple[Attempt, str]] = field(default_factory=dict)
    without: dict[str, str] = field(default_factory=dict)
    lateness: Lateness = field(default_factory=Lateness)

    @property
    def beside(self) -> dict[str, Any]:
        """The spec of a session on the hostile one's node: a neighbour in the narrowest sense."""
        return {"nodeSelector": {"kubernetes.io/hostname": self.node}}

    def outcomes(self) -> list[Outcome]:
        """Return what came of every attempt."""
        missing = "nothing: it was never tried"
        return [
            Outcome(attempt, seen, self.without.get(name, missing))
            for name, (attempt, seen) in self.seen.items()
        ]

    def attack(self, hostile: HostileSession, attempts: list[Attempt]) -> dict[str, str]:
        """Have the attempts made by Claude, in one turn."""
        told = hostile.run({each.name: each.command for each in attempts}, self.variables)
        for each in attempts:
            self.seen[each.name] = (each, told[each.name])
        return told

    def show(self) -> None:
        """Have things printed, and look at them as people do."""
        told = self.attack(
            self.hostile, [each for some in shown.ATTEMPTS.values() for each in some]
        )
        for view, attempts in shown.ATTEMPTS.items():
            for each in attempts:
                self.seen[each.name] = (each, view(self.hostile, told[each.name]))

    def control(self, how: Mapping[Without, Control]) -> None:
        """Make the attempts again, those without a measure that is away now."""
        for attempt, _ in self.seen.values():
            if attempt.without in how:
                self.without[attempt.name] = how[attempt.without](attempt)


@contextmanager
def laid(owner: Owner) -> Iterator[Siege]:
    """Make what attempts need; remove it at the end."""
    agent_image = installed_values()["images"]["agent"]
    with ExitStack() as stack:
        hostile, neighbour = (stack.enter_context(session(owner, n)) for n in ("hostile", "peer"))
        _reset_repositories()
        hostile.start(repository={"url": FLEET}, egress=_TUNNELS)
        node = hostile.session.pod["spec"]["nodeName"]
        neighbour.start(nodeSelector={"kubernetes.io/hostname": node})
        neighbour.shell().prepare({})
        stack.enter_context(addresses_on(node))
        stack.enter_context(free_namespace())
        make_pod("outside", server(node, agent_image))
        free = make_pod("free", unrestricted(node, agent_image))
        stack.enter_context(_serving(neighbour.shell()))
        variables = _places(node, neighbour) | hostile.variables()
        siege = Siege(owner, node, agent_image, free, neighbour, hostile, variables)
        free.prepare(variables)
        hostile.shell(RUNNER).prepare(variables)
        yield siege


@contextmanager
def session(owner: Owner, name: str) -> Iterator[HostileSession]:
    """Yield a session that is not there yet, and delete it at the end."""
    made = HostileSession(Session(f"{name}-{uuid.uuid4().hex[:6]}"), owner)
    try:
        yield made
    finally:
        made.session.delete()


def run(siege: Siege) -> None:
    """Make all attempts, and then all again without what stops them."""
    with streaming(siege.neighbour) as neighbour:
        with neighbour.during("before"):
            _work(siege, neighbour)
        with neighbour.during("attacked"):
            _attack(siege)
        with neighbour.during("after"):
            _work(siege, neighbour)
        siege.lateness = neighbour.lateness()
    with_policies(siege)
    with no_network_policies():
        _until_open(siege)
        without_policies(siege)


def _work(siege: Siege, neighbour: Neighbour) -> None:
    """Have a session do honest work, until enough of the neighbour's events came.

    It starts and works as those that attack do, so that what is compared is the attack alone.
    """
    before = neighbour.count()
    with session(siege.owner, "honest") as honest:
        honest.start(**siege.beside)
        for _ in range(_TURNS):  # a stream that ended is found by who judges
            if neighbour.count() >= before + ENOUGH:
                return
            honest.run({f"work {number}": _WORK for number in range(_COMMANDS)}, {})


def _attack(siege: Siege) -> None:
    hostile = siege.hostile
    for attempts in (network.ATTEMPTS, redis_logins.ATTEMPTS, pods.ATTEMPTS, proxied.ATTEMPTS):
        siege.attack(hostile, attempts)
    siege.show()
    hostile.run({"press the neighbour": limits.PRESSING}, siege.variables)
    _spend(siege)
    for name, (spec, attempts) in limits.GREEDY.items():
        with session(siege.owner, name) as other:
            other.start(**siege.beside, **spec)
            siege.attack(other, attempts)
    for name, command in limits.FILLING.items():
        fill(siege, name, command)
    for attempt in limits.FLOODING:
        _flood(siege, attempt)


def _spend(siege: Siege) -> None:
    """Have a session spend its budget to the end; how much that was is what the meter says."""
    attempt = limits.SPENDING
    with session(siege.owner, "spending") as other:
        other.start(**siege.beside, budget={"maxCostUsd": limits.BUDGET_USD})
        told = siege.attack(other, [attempt])[attempt.name]
        shell, said = other.shell(), told
        for _ in range(_TRIES):
            if " 402" in said:
                break
            said = shell.run(attempt.command)
        siege.seen[attempt.name] = (attempt, limits.spent(told, said, metered(other.id)))


def fill(siege: Siege, name: str, command: str) -> None:
    """Have a session fill its workspace; it is evicted for it."""
    at_home, free = command.format(place="/workspace"), command.format(place="/root")
    attempt = Attempt(name, at_home, "workspace.size", Without.LIMITS, control=free)
    with session(siege.owner, name.replace(" ", "-")) as other:
        other.start(
            **siege.beside,
            workspace={"kind": "ephemeral", "size": "20Mi"},
            retry={"limit": 5, "backoff": "5m"},
        )
        other.say(f"{at_home}; sleep 55")
        other.session.wait_for_reason("Evicted")
        siege.seen[name] = (attempt, other.session.status["message"])


def _flood(siege: Siege, attempt: Attempt) -> None:
    """Have a session write to Redis without end, with its runner's login; it fails for it."""
    with session(siege.owner, "flooding") as other:
        other.start(**siege.beside)
        other.say(attempt.command, other.variables())
        other.session.wait_for_phase("Failed")
        message = other.session.status["message"]
        siege.seen[attempt.name] = (attempt, limits.flooded(kept_in_redis(other.id), message))


def with_policies(siege: Siege) -> None:
    """Make the controls that need no policy to be away."""
    hostile, free = siege.hostile.shell(), siege.free
    runner = siege.hostile.shell(RUNNER)
    with unlimited_redis_login() as admin:
        login = {"REDIS_ADMIN": admin}
        siege.control({Without.LIMITED_LOGIN: lambda each: hostile.run(_of(each), login)})
    siege.control(
        {
            Without.RESTRICTED_POD: lambda each: free.run(_of(each)),
            Without.KEYLESS_POD: lambda each: free.run(_of(each)),
            Without.OTHER_USER: lambda each: runner.run(_of(each)),
            Without.OWN_RIGHTS: lambda each: hostile.run(_of(each)),
            Without.RECORD: lambda each: hostile.run(_of(each)),
            Without.LIMITS: lambda each: on_node_without_limits(siege.node, free, _of(each)),
        }
    )


def without_policies(siege: Siege) -> None:
    """Make the controls while there are no network policies."""
    hostile = siege.hostile.shell()
    login = f"http://{GIT_LOGIN['username']}:{GIT_LOGIN['password']}@{GIT_HOST}"
    straight = {"GIT_STRAIGHT": login}
    siege.control(
        {
            Without.POLICIES: lambda each: hostile.run(_of(each)),
            Without.PROXY: lambda each: hostile.run(_of(each), straight),
        }
    )


def _of(attempt: Attempt) -> str:
    return attempt.control or attempt.command


def _serves(process: "subprocess.Popen[bytes]", shell: Shell) -> bool:
    assert process.poll() is None, "the neighbour's server has ended"
    return shell.run("attack reach 127.0.0.1 8000").startswith("got")


@contextmanager
def _serving(shell: Shell) -> Iterator[None]:
    """Have a server run in a session's pod, which is there to be reached."""
    where = [f"--namespace={shell.namespace}", f"--container={shell.container}"]
    command = ["python3", "-m", "http.server", "8000"]
    words: list[str | Path] = [
        tool("kubectl"),
        f"--kubeconfig={kubeconfig()}",
        "exec",
        shell.pod,
        *where,
    ]
    with subprocess.Popen(
        [*words, "--", *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            eventually(lambda: _serves(process, shell), "the neighbour's server")
            yield
        finally:
            process.kill()


def _reset_repositories() -> None:
    """Make the private repositories as they were, with a branch that may be deleted."""
    script = (
        "cd /repositories/private && rm -rf fleet.git admiralty.git "
        "&& cp -r /srv/git/private/fleet.git . && cp -r fleet.git admiralty.git "
        "&& git -C fleet.git branch release"
    )
    where = ("exec", "deployment/model", f"--namespace={MODEL_NAMESPACE}", "--container=git")
    run_kubectl(*where, "--", "sh", "-c", script)


def _until_open(siege: Siege) -> None:
    """Wait until the node's rules follow."""
    shell = siege.hostile.shell()
    eventually(
        lambda: shell.run("attack reach git.moorage-model 80").startswith("got"),
        "the network policies to be gone from the node",
    )


def _places(node: str, neighbour: HostileSession) -> dict[str, str]:
    """Return where things are, as variables of the attempts."""
    nodes = {
        each["metadata"]["name"]: next(
            address["address"]
            for address in each["status"]["addresses"]
            if address["type"] == "InternalIP"
        )
        for each in json.loads(run_kubectl("get", "nodes", "--output=json"))["items"]
    }
    (control,) = (name for name in nodes if name.endswith("control-plane"))
    other = next(name for name in nodes if name not in {node, control})
    return {
        "CONTROL_NODE": nodes[control],
        "OWN_NODE": nodes[node],
        "OTHER_NODE": nodes[other],
        "PROXY_POD": _pod_address(NAMESPACE, "app.kubernetes.io/component", "proxy"),
        "OPERATOR_POD": _pod_address(NAMESPACE, "app.kubernetes.io/component", "operator"),
        "DNS_POD": _pod_address("kube-system", "k8s-app", "kube-dns"),
        "NEIGHBOUR": neighbour.session.pod["status"]["podIP"],
        "STRANGER": _pod_address(FREE, "kind", "free"),
        "OTHER_SESSION": neighbour.id,
        "MODEL_KEY_BACKWARDS": SCRIPTED_KEY[::-1],
        "GIT_PASSWORD_BACKWARDS": GIT_LOGIN["password"][::-1],
    }


def _pod_address(namespace: str, label: str, value: str) -> str:
    found = [
        each["status"]["podIP"]
        for each in listed("pods", namespace)
        if each["metadata"].get("labels", {}).get(label) == value and each["status"].get("podIP")
    ]
    address: str = found[0]
    return address
