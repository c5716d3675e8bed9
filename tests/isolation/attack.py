"""The attacker's tool, one file for any Python 3.11: what a shell cannot do in one line.

attack.py NAME ARGUMENT...     prints what came of it, in a line that begins with "got" or "no:"
"""

import base64
import ctypes
import json
import os
import re
import resource
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import unquote, urlsplit

TIMEOUT = 4.0
SLOW = """```script
[{"blocks": [{"type": "text", "text": "Well."}], "delayMs": 1500}]
```
"""
"""For the scripted model: answers that overlap."""

LIBC = ctypes.CDLL(None, use_errno=True)


def reach(host: str, port: str) -> str:
    """Connect to a TCP port."""
    with socket.create_connection((host, int(port)), TIMEOUT):
        return "got a connection"


def datagram(host: str, port: str) -> str:
    """Send a datagram, and wait for an echo."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sending:
        sending.settimeout(TIMEOUT)
        sending.connect((host, int(port)))
        sending.send(b"a secret")
        return f"got an echo of {sending.recv(100).decode()}"


def get(url: str, *headers: str) -> str:
    """Ask for a page, past all proxies."""
    request = urllib.request.Request(url, headers=dict(each.split(": ") for each in headers))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=TIMEOUT) as answer:
            return f"got {answer.status} {answer.read(2000).decode(errors='replace')}"
    except urllib.error.HTTPError as error:
        return f"got {error.code} {error.read(200).decode(errors='replace')}"


def redis(url: str, *commands: str) -> str:
    """Log in and run commands, with a comma alone between them; the replies' first lines."""
    words = [each.split("\x1f") for each in "\x1f".join(commands).split("\x1f,\x1f")]
    with at_redis(url) as connection:
        said = [sent(connection, each) for each in [*login(url), *words]]
    refused = [each for each in said if each.startswith("-")]
    return f"no: {refused[0]}" if refused else f"got {' | '.join(said)}"


def flood(url: str, megabytes: str, *command: str) -> str:
    """Write so much, a megabyte at a time; % in the command counts. No room is tried again."""
    written, deadline = 0, time.monotonic() + 40
    with at_redis(url) as connection:
        for words in login(url):
            sent(connection, words)
        while written < int(megabytes):
            words = [each.replace("%", str(written)) for each in command]
            said = sent(connection, [*words, "x" * (1 << 20)])
            full = said.startswith("-OOM") and time.monotonic() < deadline
            if said.startswith("-") and not full:
                return f"no: {said} after {written} MB"
            written += not said.startswith("-")
    return f"got {written} MB written"


def at_redis(url: str) -> socket.socket:
    """Connect to it."""
    parts = urlsplit(url)
    connection = socket.create_connection((parts.hostname, parts.port), TIMEOUT)
    connection.settimeout(3 * TIMEOUT)
    return connection


def login(url: str) -> list[list[str]]:
    """Return the command that logs in, if there is a login."""
    parts = urlsplit(url)
    return [["AUTH", unquote(parts.username), parts.password or ""]] if parts.username else []


def sent(connection: socket.socket, words: list[str]) -> str:
    """Send a command, and return the beginning of its reply."""
    lines = [f"${len(word.encode())}\r\n{word}\r\n" for word in words]
    connection.sendall(f"*{len(words)}\r\n{''.join(lines)}".encode())
    return connection.recv(3000).decode(errors="replace").replace("\r\n", " ")


def tunnel(proxy: str, host: str, port: str) -> str:
    """Ask an HTTP proxy for a tunnel."""
    parts = urlsplit(proxy)
    login = f"{parts.username}:{parts.password}".encode()
    with socket.create_connection((parts.hostname, parts.port), TIMEOUT) as connection:
        connection.settimeout(3 * TIMEOUT)
        basic = base64.b64encode(login).decode()
        asked = f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n"
        connection.sendall(f"{asked}Proxy-Authorization: Basic {basic}\r\n\r\n".encode())
        first = connection.recv(1000).decode(errors="replace").replace("\r\n", " ")
    return f"got a tunnel: {first}" if " 200 " in first else f"no: {first}"


def messages(base: str, token: str, count: str, kilobytes: str = "1") -> str:
    """Ask the model so often at once; how often each status came."""
    content = SLOW + "x" * 1000 * int(kilobytes)
    body = {
        "model": "claude-sonnet-4-5",
        "max_tokens": 1000,
        "messages": [{"role": "user", "content": content}],
        "tools": [{"name": "none", "input_schema": {"type": "object"}}],
    }
    headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}

    def ask(_: int) -> int:
        data = json.dumps(body).encode()
        request = urllib.request.Request(f"{base}/v1/messages", data=data, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                answer.read()
                status: int = answer.status
                return status
        except urllib.error.HTTPError as error:
            return error.code

    with ThreadPoolExecutor(int(count)) as pool:
        statuses = Counter(pool.map(ask, range(int(count))))
    told = ", ".join(f"{times} times {status}" for status, times in sorted(statuses.items()))
    return f"got {told}" if set(statuses) == {200} else f"no: {told}"


def search(backwards: str, *folders: str) -> str:
    """Look for a word (given backwards, so as not to find oneself) in processes and files."""
    wanted = re.compile(re.escape(backwards[::-1].encode()))
    places = [*Path("/proc").glob("[0-9]*/environ"), *Path("/proc").glob("[0-9]*/cmdline")]
    for folder in folders:
        places += [path for path in Path(folder).rglob("*") if path.is_file()]
    for place in places:
        try:
            with place.open("rb") as file:
                if wanted.search(file.read(4_000_000)):
                    return f"got it in {place}"
        except OSError:
            continue
    return f"no: not in {len(places)} places"


def memory(megabytes: str) -> str:
    """Take memory, and touch it."""
    held = bytearray(b"x") * (int(megabytes) << 20)
    return f"got {len(held) >> 20} MiB"


def threads(count: str) -> str:
    """Start so many threads that wait."""
    before = threading.stack_size(64 << 10)
    end = threading.Event()
    started: list[threading.Thread] = []
    try:
        for _ in range(int(count)):
            started.append(threading.Thread(target=end.wait, daemon=True))
            started[-1].start()
    except RuntimeError as error:
        return f"no: {error} after {len(started)}"
    finally:
        threading.stack_size(before)
        end.set()
    return f"got {len(started)} threads"


def spin(count: str, seconds: str, most: str) -> str:
    """Keep so many processes busy; how much CPU they got, and whether it was more than ``most``."""
    began = time.monotonic()
    for _ in range(int(count)):
        if os.fork() == 0:
            while time.monotonic() < began + float(seconds):
                pass
            os._exit(0)
    for _ in range(int(count)):
        os.wait()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cores = (used.ru_utime + used.ru_stime) / (time.monotonic() - began)
    return f"{'got' if cores > float(most) else 'no:'} {cores:.2f} cores"


def system_call(number: str, *arguments: str) -> str:
    """Make a system call: numbers as they are, other words as pointers to them."""
    given = [int(each) if each.lstrip("-").isdigit() else each.encode() for each in arguments]
    if LIBC.syscall(int(number), *given) < 0:
        return f"no: {os.strerror(ctypes.get_errno())}"
    return "got it done"


def trace(name: str) -> str:
    """Attach to a process by a word of its command line, which is another user's."""
    attach, detach = 16, 17
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().decode(errors="replace")
            strange = folder.stat().st_uid != os.getuid()
        except OSError:
            continue
        if name in words and "attack.py" not in words and strange:
            if LIBC.ptrace(attach, int(folder.name), 0, 0) < 0:
                return f"no: {os.strerror(ctypes.get_errno())}"
            os.waitpid(int(folder.name), 0)
            LIBC.ptrace(detach, int(folder.name), 0, 0)
            return f"got hold of {words!r}"
    return "no: no such process to be seen"


def sniff() -> str:
    """Listen to all packets."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)):
        return "got a packet socket"


def agent_socket(path: str) -> str:
    """Ask the agent's supervisor for something, as the runner does."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(TIMEOUT)
        connection.connect(path)
        connection.sendall(b"MAG\x01\x00\x00\x00\x01x")
        answer = connection.recv(200)
    return f"got {answer!r}" if answer else "no: closed without a word"


ATTACKS = {
    each.__name__: each
    for each in (
        reach, datagram, get, redis, flood, tunnel, messages, search, memory, threads, spin,
        system_call, trace, sniff, agent_socket,
    )
}  # fmt: skip


def main() -> None:
    name, *arguments = sys.argv[1:]
    try:
        print(ATTACKS[name](*arguments), flush=True)
    except (OSError, MemoryError) as error:
        print(f"no: {error}", flush=True)


if __name__ == "__main__":
    main()
