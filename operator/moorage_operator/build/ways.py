"""The agent's ways out through the credential proxy, as environment variables.

The model's is ANTHROPIC_BASE_URL. Git is told by its own variables to go through the proxy wherever
it is pointed to: what people and clones see stays the real address. Hosts of an allow list are
reached by tunnels, which tools find by HTTPS_PROXY.
"""

from typing import Final
from urllib.parse import urlsplit

from moorage_operator.build.metadata import Subject
from moorage_operator.settings import PodSettings

TOKEN: Final = "ANTHROPIC_AUTH_TOKEN"  # noqa: S105 - the variable's name
_REFERENCE: Final = f"$({TOKEN})"
"""Kubernetes puts the token's value in its place: no manifest holds it."""

_HERE: Final = "localhost,127.0.0.1,::1"
_SCHEMES: Final = ("https", "http")


def ways_out(subject: Subject, settings: PodSettings) -> dict[str, str]:
    """Return the variables, to stand after the token's own."""
    if not settings.proxy_git:
        return {}
    return {**_git(subject, settings), **_tunnels(subject, settings)}


def _git(subject: Subject, settings: PodSettings) -> dict[str, str]:
    proxy = settings.proxy_url.rstrip("/")
    pairs = [(f"http.{proxy}/.extraHeader", f"Authorization: Bearer {_REFERENCE}")]
    pairs += [
        (f"url.{proxy}/git/{scheme}/.insteadOf", f"{scheme}://") for scheme in _schemes(subject)
    ]
    variables = {"GIT_CONFIG_COUNT": str(len(pairs))}
    for number, (key, value) in enumerate(pairs):
        variables |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return variables


def _schemes(subject: Subject) -> list[str]:
    """Return the schemes of addresses that lead to the proxy: http only where a repository has it.

    Else a server that the session itself starts could not be cloned from.
    """
    spec = subject.spec
    every = [each for each in (spec.repository, *spec.additional_repositories) if each is not None]
    found = {urlsplit(each.url).scheme.lower() for each in every} | {"https"}
    return [each for each in _SCHEMES if each in found]


def _tunnels(subject: Subject, settings: PodSettings) -> dict[str, str]:
    if subject.spec.egress.mode != "allowList" or settings.tunnel_url is None:
        return {}
    parts = urlsplit(settings.tunnel_url)
    address = f"{parts.scheme}://session:{_REFERENCE}@{parts.netloc}"
    direct = f"{_HERE},{urlsplit(settings.proxy_url).hostname}"
    return {
        name: value
        for upper, value in (("HTTPS_PROXY", address), ("NO_PROXY", direct))
        for name in (upper, upper.lower())
    }
