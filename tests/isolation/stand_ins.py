"""Servers at addresses that must be out of reach, inside a node's network: no packet leaves it.

The metadata address, and for the internet one address of each network that is set aside for
documentation, on an interface of their own.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from cluster.engines import running_engine

ADDRESSES: Final = ("169.254.169.254", "192.0.2.10", "198.51.100.10", "203.0.113.10")
_INTERFACE: Final = "outside0"

SERVER: Final = """
import http.server, socket, sys, threading

class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"outside")
    def log_message(self, *_):
        pass

def echo(address):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind((address, 53))
        while True:
            said, sender = listening.recvfrom(1000)
            listening.sendto(said, sender)

for address in sys.argv[1:]:
    for port in (80, 443):
        serve = http.server.ThreadingHTTPServer((address, port), Page).serve_forever
        threading.Thread(target=serve).start()
    threading.Thread(target=echo, args=(address,)).start()
print("listening", flush=True)
"""


@contextmanager
def addresses_on(node: str) -> Iterator[None]:
    """Give a node the addresses, on a bridge without ports: every node can make one."""
    on_node(node, "ip", "link", "add", _INTERFACE, "type", "bridge")
    try:
        on_node(node, "ip", "link", "set", _INTERFACE, "up")
        for address in ADDRESSES:
            on_node(node, "ip", "address", "add", f"{address}/32", "dev", _INTERFACE)
        yield
    finally:
        on_node(node, "ip", "link", "delete", _INTERFACE)


def on_node(node: str, *command: str) -> str:
    """Run a command on a node, past Kubernetes."""
    engine = running_engine()
    assert engine is not None
    said = engine.ask("exec", node, *command, seconds=60)
    assert said is not None, command
    return said


def server(node: str, image: str) -> dict[str, Any]:
    """Return the pod that listens at the addresses, in the node's own network."""
    return {
        "nodeName": node,
        "hostNetwork": True,
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 0,
        "containers": [
            {
                "name": "server",
                "image": image,
                "command": ["python3", "-c", SERVER, *ADDRESSES],
                "securityContext": {"runAsUser": 0, "privileged": True},
                "readinessProbe": {"tcpSocket": {"host": "192.0.2.10", "port": 80}},
            }
        ],
    }
