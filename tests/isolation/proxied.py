"""What a session must not do with the model and git: it holds a token of its own, and no key."""

from isolation.attempts import Attempt, Without

_MODEL = "http://model.moorage-model:8080"
_PUSH = "git -C \"$CLONE\" push {options} origin {refs} 2>&1 && echo 'got it pushed'"
_STRAIGHT = (
    'GIT_CONFIG_COUNT=0 git -C "$CLONE" push {options} "$GIT_STRAIGHT/private/fleet.git" {refs} '
    "2>&1 && echo 'got it pushed'"
)


def _not_pushed(name: str, refs: str, expected: str, options: str = "", first: str = "") -> Attempt:
    """Return a push that is refused; ``first`` comes before both, so that there is what to push."""
    return Attempt(
        name,
        first + _PUSH.format(options=options, refs=refs),
        expected,
        Without.PROXY,
        "^got it pushed",
        first + _STRAIGHT.format(options=options, refs=refs),
    )


_COMMIT = (
    'git -C "$CLONE" -c user.name=A -c user.email=a@example.com '
    "commit -q --allow-empty -m x{more}; "
)
_PREFIX = "remote rejected.*only branches whose names begin with claude/"
_HUGE = (
    'head -c 12000000 /dev/urandom > "$CLONE/huge"; git -C "$CLONE" add huge; '
    + _COMMIT.format(more="")
    + 'rm "$CLONE/huge"; '
)

ATTEMPTS = [
    Attempt(
        "find the model's key",
        'attack search "$MODEL_KEY_BACKWARDS" /workspace /tmp /etc /run /opt/moorage/lib',
        "^no: not in",
        Without.KEYLESS_POD,
    ),
    Attempt(
        "find git's password",
        'attack search "$GIT_PASSWORD_BACKWARDS" /workspace /tmp /etc /run /opt/moorage/lib',
        "^no: not in",
        Without.KEYLESS_POD,
    ),
    Attempt(
        "ask the model with a forged token",
        'attack messages "$ANTHROPIC_BASE_URL" "${ANTHROPIC_AUTH_TOKEN%????}AAAA" 1',
        "^no: 1 times 401",
        Without.OWN_RIGHTS,
        control='attack messages "$ANTHROPIC_BASE_URL" "$ANTHROPIC_AUTH_TOKEN" 1',
    ),
    Attempt(
        "read what the model's server says beside the API",
        'attack get "$ANTHROPIC_BASE_URL/stats" "Authorization: Bearer $ANTHROPIC_AUTH_TOKEN"',
        "^got 404",
        Without.PROXY,
        "^got 200",
        f"attack get {_MODEL}/stats",
    ),
    Attempt(
        "ask more at once than it may",
        'attack messages "$ANTHROPIC_BASE_URL" "$ANTHROPIC_AUTH_TOKEN" 60',
        "^no: .* 429",
        Without.PROXY,
        "^got 60 times 200",
        f"attack messages {_MODEL} none 60",
    ),
    Attempt(
        "read another's private repository",
        "git ls-remote http://git.moorage-model/private/admiralty.git 2>&1 && echo 'got it read'",
        "not one of the session's|403",
        Without.PROXY,
        "^got it read",
        'GIT_CONFIG_COUNT=0 git ls-remote "$GIT_STRAIGHT/private/admiralty.git" 2>&1 '
        "&& echo 'got it read'",
    ),
    _not_pushed("push to main", "HEAD:main", _PREFIX, first=_COMMIT.format(more="")),
    _not_pushed(
        "force-push to main", "HEAD:main", _PREFIX, "--force", _COMMIT.format(more=" --amend")
    ),
    _not_pushed("delete a branch", ":release", "remote rejected.*nothing may be deleted"),
    _not_pushed("push a tag", "HEAD:refs/tags/v$RANDOM", _PREFIX),
    _not_pushed("push a huge object", "HEAD:claude/huge", "larger than|too large", first=_HUGE),
    Attempt(
        "a tunnel to a host that is not on its list",
        'attack tunnel "$HTTPS_PROXY" example.com 443',
        "^no: .*403",
        Without.OWN_RIGHTS,
        control='attack tunnel "$HTTPS_PROXY" git.moorage-model 443',
    ),
    Attempt(
        "a tunnel to the API server, by a name on its list",
        'attack tunnel "$HTTPS_PROXY" kubernetes.default.svc 443',
        "^no: .*403",
        Without.OWN_RIGHTS,
        control='attack tunnel "$HTTPS_PROXY" git.moorage-model 443',
    ),
    Attempt(
        "a tunnel to the metadata address",
        'attack tunnel "$HTTPS_PROXY" 169.254.169.254 443',
        "^no: .*403",
        Without.OWN_RIGHTS,
        control='attack tunnel "$HTTPS_PROXY" git.moorage-model 443',
    ),
    Attempt(
        "a tunnel to another port",
        'attack tunnel "$HTTPS_PROXY" git.moorage-model 80',
        "^no: .*403",
        Without.OWN_RIGHTS,
        control='attack tunnel "$HTTPS_PROXY" git.moorage-model 443',
    ),
]
