import pytest

from moorage_api.reasons import Reason
from moorage_runner.clone.failures import Attempt, detail, explain, recognise, redact

ATTEMPT = Attempt("https://git.example.com/team/app", "v9", 30.0)

SAYINGS = [
    ("fatal: repository '/no/where' does not exist", Reason.REPOSITORY_NOT_FOUND),
    ("fatal: '/tmp/x' does not appear to be a git repository", Reason.REPOSITORY_NOT_FOUND),
    ("fatal: repository 'http://127.0.0.1:1/x/' not found", Reason.REPOSITORY_NOT_FOUND),
    (
        "fatal: unable to access 'https://h/x/': The requested URL returned error: 404",
        Reason.REPOSITORY_NOT_FOUND,
    ),
    (
        "fatal: https://h/x/info/refs not valid: is this a git repository?",
        Reason.REPOSITORY_NOT_FOUND,
    ),
    (
        "fatal: could not read Username for 'https://h': terminal prompts disabled",
        Reason.REPOSITORY_REFUSED,
    ),
    ("fatal: Authentication failed for 'https://h/x/'", Reason.REPOSITORY_REFUSED),
    (
        "fatal: unable to access 'https://h/x/': The requested URL returned error: 403",
        Reason.REPOSITORY_REFUSED,
    ),
    ("fatal: transport 'ext' not allowed", Reason.REPOSITORY_REFUSED),
    ("fatal: Remote branch v9 not found in upstream origin", Reason.REF_NOT_FOUND),
    ("fatal: couldn't find remote ref refs/pull/1/head", Reason.REF_NOT_FOUND),
    ("fatal: remote error: upload-pack: not our ref 0123", Reason.REF_NOT_FOUND),
    (
        "error: Server does not allow request for unadvertised object 0123",
        Reason.REF_NOT_FOUND,
    ),
    ("error: pathspec 'abcd' did not match any file(s) known to git", Reason.REF_NOT_FOUND),
    ("fatal: reference is not a tree: 0123", Reason.REF_NOT_FOUND),
    ("error: short object ID 0123 is ambiguous", Reason.REF_NOT_FOUND),
    ("fatal: write error: No space left on device", Reason.DISK_FULL),
    ("error: file write error: Disk quota exceeded", Reason.DISK_FULL),
    (
        "fatal: write error: No space left on device\nfatal: Remote branch x not found in upstream",
        Reason.DISK_FULL,
    ),
    ("fatal: unable to access 'https://h/': Could not resolve host: h", Reason.CLONE_FAILED),
    ("fatal: early EOF\nfatal: fetch-pack: invalid index-pack output", Reason.CLONE_FAILED),
    ("remote: fatal: No space left on device\nfatal: early EOF", Reason.CLONE_FAILED),
    ("", Reason.CLONE_FAILED),
]


@pytest.mark.parametrize(("stderr", "reason"), SAYINGS)
def test_recognises_each_way_to_fail(stderr: str, reason: Reason) -> None:
    assert recognise(stderr) is reason


@pytest.mark.parametrize("reason", [r for r in Reason if r.value.startswith(("Repo", "Ref", "D"))])
def test_each_sentence_names_the_repository_and_ends(reason: Reason) -> None:
    error = explain(reason, ATTEMPT)
    assert error.reason is reason
    assert ATTEMPT.shown in error.message
    assert error.message.endswith(".")
    assert "\n" not in error.message


ACCESS = "fatal: unable to access 'https://h/x/': "


@pytest.mark.parametrize(
    "stderr",
    [
        ACCESS + "Could not resolve host: h",
        ACCESS + "Failed to connect to h port 443 after 0 ms: Couldn't connect to server",
        ACCESS + "Failed to connect to h port 443 after 130208 ms: Connection timed out",
        ACCESS + "Failed to connect to h port 443: Connection refused",
        ACCESS + "Resolving timed out after 10000 milliseconds",
        ACCESS + "Recv failure: Connection reset by peer",
        ACCESS + "Empty reply from server",
        ACCESS + "gnutls_handshake() failed: The TLS connection was non-properly terminated.",
        ACCESS + "The requested URL returned error: 503",
        ACCESS + "CONNECT tunnel failed, response 502",
        "error: RPC failed; curl 56 Recv failure: Connection reset by peer\nfatal: early EOF",
    ],
)
def test_a_network_that_fails_may_be_back_soon(stderr: str) -> None:
    error = explain(recognise(stderr), ATTEMPT, stderr)
    assert error.reason is Reason.CLONE_FAILED
    assert error.passing
    assert "\n" not in error.passing


@pytest.mark.parametrize(
    "stderr",
    [
        *(stderr for stderr, reason in SAYINGS if reason is not Reason.CLONE_FAILED),
        ACCESS + "SSL certificate problem: self-signed certificate",
        ACCESS + "The requested URL returned error: 500",
        ACCESS + "CONNECT tunnel failed, response 403",
        "remote: " + ACCESS + "Could not resolve host: h\nfatal: early EOF",
        "There is no agent to run git (ConnectionRefusedError: Connection refused).",
        "The agent refused: too many processes run here to start another (Resource unavailable)",
        "",
    ],
)
def test_nothing_else_is_tried_again(stderr: str) -> None:
    assert not explain(recognise(stderr), ATTEMPT, stderr).passing


def test_says_how_long_it_took() -> None:
    assert "30 seconds" in explain(Reason.CLONE_TIMEOUT, ATTEMPT).message


def test_says_that_it_was_a_submodule() -> None:
    stderr = "fatal: clone of 'https://h/x' into submodule path '/w/lib' failed"
    assert "a submodule of" in explain(Reason.REPOSITORY_NOT_FOUND, ATTEMPT, stderr).message


def test_a_refused_transport_has_a_sentence_of_its_own() -> None:
    error = explain(Reason.REPOSITORY_REFUSED, ATTEMPT, "fatal: transport 'ext' not allowed")
    assert "'ext' is not allowed" in error.message


def test_what_the_agent_refused_is_told() -> None:
    stderr = "The agent refused: too many processes run here to start another (no room)"
    assert stderr in explain(recognise(stderr), ATTEMPT, stderr).message


def test_the_detail_is_gits_last_complaint_without_credentials() -> None:
    stderr = "Cloning...\nfatal: bad https://me:secret@h/x?token=abc \x1b[31m thing\nPlease try\n"
    assert detail(stderr) == "fatal: bad https://h/x  [31m thing"
    assert len(detail("fatal: " + "x" * 9999)) == 300


def test_redacts_every_address() -> None:
    assert redact("https://a:b@h/x and http://t@h?k=v") == "https://h/x and http://h"
