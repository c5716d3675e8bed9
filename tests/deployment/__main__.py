"""`python -m deployment up`; see the package."""

import argparse
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import httpx2

from cluster import kind
from cluster.engines import engine
from cluster.errors import ClusterError
from cluster.node.image import ensure_base
from cluster.places import alone, kubeconfig
from cluster.steps import step
from deployment import images, login, model, release
from deployment.kube import apply
from deployment.login import Login
from moorage_testing.controlplane.errors import ControlPlaneError

_PATIENCE = 60.0


def main() -> int:
    """Run a command; errors are one sentence, and what is not ready."""
    parser = argparse.ArgumentParser(prog="python -m deployment", description=__doc__)
    up = parser.add_subparsers(required=True).add_parser("up", help="bring everything up to date")
    up.add_argument("--nodes", type=int, default=kind.Wanted().nodes, choices=range(1, 10))
    up.add_argument("--port", type=int, default=kind.default_port(), help="of the gateway")
    arguments = parser.parse_args()
    try:
        with alone():
            made = bring_up(kind.Wanted(arguments.nodes, arguments.port))
    except (ClusterError, ControlPlaneError) as error:
        print(f"moorage: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(_welcome(made, model.chosen().scripted))
    return 0


def bring_up(wanted: kind.Wanted) -> Login:
    """Make everything that is not as wanted, and return who may log in."""
    running = engine()
    chosen = model.chosen()
    if running.box is not None:
        ensure_base(running)
    workers = wanted.nodes - 1
    # Beside each other: nodes that start wait most of the time, and so do builds, and pods.
    with ThreadPoolExecutor(max_workers=1) as beside:
        building = beside.submit(images.ensure, running, with_model=chosen.scripted)
        kind.create(running, wanted)
        tags = building.result()
        needed = beside.submit(images.put_beside_sessions, running, tags, workers)
        loading = beside.submit(images.put_for_sessions, running, tags)
        kind.await_ready(running, wanted)
        needed.result()
        _install(tags, chosen, workers)
        loading.result()
    url = f"http://127.0.0.1:{wanted.port}"
    with step("gateway and its admin"):
        _await_gateway(url)
        admin = login.ensure_admin(url, release.NAMESPACE)
    login.remember(admin)
    return admin


def _install(tags: dict[str, str], chosen: model.Model, workers: int) -> None:
    """Bring the model, if it is scripted, and the release up to date."""
    git_address = None
    if chosen.scripted:
        model.install(tags[images.MODEL], workers)
        git_address = model.git_address()
    apply(release.namespace(), *release.proxy_secrets(chosen))
    release.install(release.values(tags, chosen, workers, git_address))


def _await_gateway(url: str) -> None:
    """Wait until the gateway is ready on this machine's port."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        try:
            answer = httpx2.get(f"{url}/api/claude-code/health/ready", timeout=5, trust_env=False)
        except httpx2.TransportError as error:
            said = str(error)
        else:
            if answer.status_code == httpx2.codes.OK:
                return
            said = f"{answer.status_code} {answer.text}"
        time.sleep(0.2)
    raise ClusterError(
        f"the gateway is not ready at {url} ({said}): look at `kubectl logs "
        f"--namespace={release.NAMESPACE} deployment/moorage-gateway`"
    )


def _welcome(made: Login, scripted: bool) -> str:
    """Return what to do next."""
    body = f'{{"email":"{made.email}","password":"{made.password}"}}'
    project = model.SAMPLE if scripted else "https://github.com/you/project.git"
    thinks = "a scripted model (no ANTHROPIC_API_KEY is set)" if scripted else "the real model"
    json_type = "-H 'Content-Type: application/json'"
    return f"""
Moorage is at {made.url}, with {thinks}.

  email     {made.email}
  password  {made.password}

Log in, and start a session:

  TOKEN=$(curl -s {made.url}/api/auth/login {json_type} \\
    -d '{body}' | python3 -c 'import json,sys; print(json.load(sys.stdin)["accessToken"])')
  curl -s {made.url}/api/claude-code/sessions -H "Authorization: Bearer $TOKEN" {json_type} \\
    -d '{{"projectPath":"{project}","prompt":"Look around."}}'

With kubectl: export KUBECONFIG={kubeconfig()}
              kubectl get claudesessions --namespace={release.SESSIONS}

`make down` removes all of it.
"""


if __name__ == "__main__":
    sys.exit(main())
