"""What a session's agent must not do on its node and in its pod."""

from isolation.attempts import Attempt, Without

_DENIED = "^no: .*(not permitted|denied|Read-only|No such file)"


def _denied(name: str, command: str, expected: str = _DENIED) -> Attempt:
    return Attempt(name, command, expected, Without.RESTRICTED_POD)


def _shell(command: str) -> str:
    """Return a command that tells whether it succeeded, or why not."""
    return f'said=$( ({command}) 2>&1 ) && echo "got it: $said" || echo "no: $said"'


_TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token"

ATTEMPTS = [
    _denied("use a service account's token", _shell(f"head -c 10 {_TOKEN}")),
    _denied("write to the image", _shell("touch /usr/local/bin/git")),
    _denied("write to the agent's own program", _shell("touch /opt/moorage/lib/x")),
    _denied("write to /etc", _shell("echo x >> /etc/passwd.x")),
    _denied("write to /proc/sys", _shell("echo 1 > /proc/sys/net/ipv4/ip_forward")),
    _denied("mount", _shell("mount -t tmpfs none /mnt"), "^no: .*must be superuser"),
    _denied("make a namespace of its own", _shell("unshare --mount true")),
    _denied("become root", "attack system_call 105 0"),
    _denied("become the runner's user", _shell("setpriv --reuid=64101 id -u")),
    _denied("change its root", _shell("chroot / true")),
    _denied("listen to all packets", "attack sniff"),
    # What is no module is refused for that where the right is there, and where no kernel has any.
    Attempt(
        "load a module",
        "attack system_call 175 x 1 x",
        "^no: Operation not permitted",
        Without.RESTRICTED_POD,
        "^no: (Exec format error|Function not implemented)",
    ),
    _denied("make a device", _shell("mknod /tmp/device-$$ c 1 3")),
    _denied("put a key into the kernel's ring", "attack system_call 248 user hostile x 1 -3"),
    _denied("trace the runner", "attack trace moorage-runner", "no such process"),
    _denied("find the runner's login", "attack search =LRU_SIDER_EGAROOM", "^no: not in"),
    _denied("take precedence of others", _shell("renice -n -5 $$")),
    Attempt(
        "speak to the agent's supervisor as the runner does",
        "attack agent_socket /run/moorage/agent.sock",
        "^no: (closed without a word|.*Permission denied|.*reset)",
        Without.OTHER_USER,
        "^got .*refused",
    ),
]
