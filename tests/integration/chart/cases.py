"""Values that tests render the chart with: none, and everything that can be switched on."""

from typing import Any

Values = dict[str, Any]

DEFAULTS: Values = {}

EVERYTHING: Values = {
    "images": {
        "registry": "registry.example.com/team/",
        "tag": "1.2.3",
        "pullSecrets": ["pull"],
        "agent": "registry.example.com/agent@sha256:" + "0" * 64,
    },
    "caBundle": {"existingConfigMap": "company-cas"},
    "sessions": {"additionalNamespaces": ["team-a"]},
    "operator": {
        "replicas": 2,
        "config": {
            "limits": {"per_owner": 5},
            "redis": {"session_memory": "128Mi"},
            "sweep": "20s",
        },
    },
    "gateway": {
        "autoscaling": {"enabled": True},
        "ingress": {
            "enabled": True,
            "className": "nginx",
            "hosts": ["moorage.example.com"],
            "tls": [{"secretName": "tls", "hosts": ["moorage.example.com"]}],
        },
        "httpRoute": {
            "enabled": True,
            "hostnames": ["route.example.com"],
            "parentRefs": [{"name": "edge", "namespace": "edge"}],
        },
        "service": {"type": "NodePort", "nodePort": 30080},
        "config": {
            "http": {"allowed_hosts": ["more.example.com"], "max_body_bytes": 2097152},
            "repositories": {"patterns": [{"url": "https://git.example.com/team/**"}]},
        },
        "extraEnv": [
            {
                "name": "MOORAGE_TRACING__HEADERS",
                "valueFrom": {"secretKeyRef": {"name": "tracing", "key": "headers"}},
            }
        ],
        "nodeSelector": {"pool": "control-plane"},
        "tolerations": [{"key": "control-plane", "operator": "Exists"}],
        "podAnnotations": {"example.com/a": "b"},
    },
    "recorder": {"replicas": 2},
    "proxy": {
        "enabled": True,
        "replicas": 2,
        "gitCredentials": [{"url": "https://git.example.com/team", "secret": "team-git"}],
        "config": {"budgets": {"user_usd": 50}, "tunnels": {"ports": ["443", "8443"]}},
    },
    "redis": {
        "bundled": False,
        "external": {
            "existingSecret": "redis-urls",
            "sessionUrl": "rediss://redis.example.com:6380/0",
            "peers": [{"ipBlock": {"cidr": "192.0.2.64/28"}}],
        },
        "tls": {"existingSecret": "redis-tls", "clientCertificate": True},
    },
    "postgres": {
        "bundled": False,
        "external": {
            "url": "postgresql+asyncpg://moorage:secret@db.example.com/moorage",
            "peers": [{"ipBlock": {"cidr": "192.0.2.80/32"}}],
        },
    },
    "networkPolicies": {
        "clients": [{"ipBlock": {"cidr": "192.0.2.0/24"}}],
        "controlPlaneEgress": [{"ports": [{"protocol": "TCP", "port": 4318}]}],
        "sessionEgress": [
            {
                "to": [{"ipBlock": {"cidr": "192.0.2.96/32"}}],
                "ports": [{"protocol": "TCP", "port": 8443}],
            }
        ],
    },
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
}

OTHER_KEYS: Values = {
    "proxy": {
        "keySecret": {"name": ""},
        "podAnnotations": {"vault.hashicorp.com/agent-inject": "true"},
        "gitCredentials": [
            {"url": "https://git.example.com/team", "secret": "git"},
            {"url": "https://git.example.com/other", "secret": "git"},
        ],
        "config": {
            "model": {
                "upstreams": [
                    {
                        "name": "model",
                        "url": "https://model.example.com",
                        "keyFile": "/vault/secrets/model",
                    }
                ]
            }
        },
    }
}
"""The model's key comes from elsewhere, and two git servers take the same credentials."""
