"""What a session's pod must not reach: everything but DNS, Redis and the credential proxy."""

from isolation.attempts import Attempt, Without

NO_WAY = "^no: .*(timed out|refused|unreachable)"


def _unreachable(name: str, command: str, succeeds: str = "^got") -> Attempt:
    return Attempt(name, f"attack {command}", NO_WAY, Without.POLICIES, succeeds)


ATTEMPTS = [
    _unreachable("reach the API server by its Service", "reach kubernetes.default.svc 443"),
    _unreachable("reach the API server by its node", 'reach "$CONTROL_NODE" 6443'),
    _unreachable("reach etcd", 'reach "$CONTROL_NODE" 2379'),
    _unreachable("reach the kubelet of its own node", 'reach "$OWN_NODE" 10250'),
    _unreachable("reach the kubelet of another node", 'reach "$OTHER_NODE" 10250'),
    _unreachable("read the cloud's metadata", "get http://169.254.169.254/latest/", "^got 200"),
    _unreachable("reach the internet with TLS's port", "reach 192.0.2.10 443"),
    _unreachable("read a page of the internet", "get http://198.51.100.10/", "^got 200"),
    _unreachable("send a datagram to the internet", "datagram 203.0.113.10 53"),
    _unreachable("reach another session's pod", 'reach "$NEIGHBOUR" 8000'),
    _unreachable("reach a pod of another namespace", 'reach "$STRANGER" 8000'),
    _unreachable("reach the database", "reach moorage-postgres.moorage.svc 5432"),
    _unreachable("reach the gateway", "reach moorage-gateway.moorage.svc 8080"),
    _unreachable(
        "ask the gateway's admin for the audit",
        "get http://moorage-gateway.moorage.svc:8080/api/claude-code/admin/audit "
        '"Authorization: Bearer $ANTHROPIC_AUTH_TOKEN"',
        "^got 401",
    ),
    _unreachable("reach the gateway by a node port", 'reach "$OTHER_NODE" 30080'),
    _unreachable("read the proxy's metrics", 'get "http://$PROXY_POD:9090/metrics"', "^got 200"),
    _unreachable("read the operator's metrics", 'reach "$OPERATOR_POD" 8081'),
    _unreachable("reach the model past the proxy", "get http://model.moorage-model:8080/stats"),
    _unreachable("reach the git server past the proxy", "reach git.moorage-model 80"),
    _unreachable("read the metrics of DNS", 'reach "$DNS_POD" 9153'),
]
