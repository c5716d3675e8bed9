"""Both ends of connections: listens on some ports, and asks others whether they answer.

peer.py                      listens, and echoes what it is sent
peer.py ask JSON             JSON: a list of [protocol, address, port]; prints a list of booleans
"""

import json
import socket
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

TCP = (8080, 8081, 8082)
UDP = (8080,)
SECONDS = 2.0
"""So long an answer may take: policies may drop packets without a word."""


def echo_stream(port: int) -> None:
    """Echo to whoever connects."""
    with socket.create_server(("", port), backlog=64) as server:
        while True:
            connection, _ = server.accept()
            with connection:
                connection.settimeout(SECONDS)
                try:
                    connection.sendall(connection.recv(100))
                except OSError:
                    continue


def echo_datagrams(port: int) -> None:
    """Echo datagrams."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("", port))
        while True:
            said, sender = server.recvfrom(100)
            server.sendto(said, sender)


def answers(target: tuple[str, str, int]) -> bool:
    """Return whether what is sent comes back."""
    protocol, address, port = target
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as asking:
        asking.settimeout(SECONDS)
        try:
            asking.connect((address, port))
            asking.sendall(b"hello")
            return asking.recv(100) == b"hello"
        except OSError:
            return False


def ask(given: str) -> list[bool]:
    """Ask all at once."""
    targets = json.loads(given)
    with ThreadPoolExecutor(len(targets)) as pool:
        return list(pool.map(answers, targets))


def listen() -> None:
    """Echo on all ports, for good."""
    for port in TCP:
        threading.Thread(target=echo_stream, args=(port,)).start()
    for port in UDP:
        threading.Thread(target=echo_datagrams, args=(port,)).start()


if __name__ == "__main__":
    if sys.argv[1:2] == ["ask"]:
        print(json.dumps(ask(sys.argv[2])))
    else:
        listen()
