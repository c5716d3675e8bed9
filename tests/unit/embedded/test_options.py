from pathlib import Path

import pytest

from moorage_gateway.embedded.options import PUBLIC_MODEL, Model, parse
from moorage_gateway.embedded.refusals import BadUsage

ELSE = "Else clone it yourself and give the folder."
PLAIN = (
    "must be letters, digits and the usual signs only, without query or fragment; escaped may be a "
    "space (%20) and letters beyond ASCII"
)


def test_nothing_given() -> None:
    options = parse([], {})
    assert options.home == Path("~/.moorage").expanduser()
    assert (options.port, options.repository, options.prompt) == (8080, None, None)
    assert (options.job, options.exit_when_done, options.model) == (True, False, None)


def test_what_make_passes_counts_unless_the_command_line_says_otherwise(tmp_path: Path) -> None:
    environment = {
        "REPO": str(tmp_path),
        "PROMPT": "Do it.",
        "MOORAGE_PORT": "9000",
        "MOORAGE_HOME": str(tmp_path),
        "MOORAGE_EXIT": "1",
    }
    options = parse([], environment)
    assert (options.port, options.repository, options.prompt) == (9000, str(tmp_path), "Do it.")
    assert (options.home, options.exit_when_done) == (tmp_path, True)
    given = ["--repo", "https://x.org/a", "--prompt", "No.", "--port", "0", "--no-job"]
    options = parse(given, environment)
    assert (options.port, options.repository, options.prompt) == (0, "https://x.org/a", "No.")
    assert not options.job


def test_empty_variables_are_none() -> None:
    names = ("REPO", "PROMPT", "MOORAGE_PORT", "MOORAGE_HOME", "MOORAGE_EXIT", "ANTHROPIC_API_KEY")
    assert parse([], dict.fromkeys(names, "")) == parse([], {})


@pytest.mark.parametrize(
    ("environment", "model"),
    [
        ({"ANTHROPIC_BASE_URL": "http://x"}, None),
        ({"ANTHROPIC_API_KEY": "k"}, Model(PUBLIC_MODEL, "ANTHROPIC_API_KEY", "k")),
        ({"ANTHROPIC_AUTH_TOKEN": "t"}, Model(PUBLIC_MODEL, "ANTHROPIC_AUTH_TOKEN", "t")),
        (
            {"ANTHROPIC_API_KEY": "k", "ANTHROPIC_BASE_URL": "http://x"},
            Model("http://x", "ANTHROPIC_API_KEY", "k"),
        ),
    ],
)
def test_a_key_chooses_the_real_model(environment: dict[str, str], model: Model | None) -> None:
    assert parse([], environment).model == model


def test_a_url_may_have_an_escaped_space() -> None:
    url = "https://dev.example.com/org/My%20Team/_git/shop"
    assert parse(["--repo", url], {}).repository == url


@pytest.mark.parametrize(
    ("arguments", "environment", "sentence"),
    [
        (["--port", "x"], {}, "'x' is no port: give a number from 0 to 65535."),
        ([], {"MOORAGE_PORT": "65536"}, "'65536' is no port: give a number from 0 to 65535."),
        (
            ["--repo", "/no/such"],
            {},
            "There is no folder /no/such: give a repository's folder or its https URL.",
        ),
        (
            [],
            {"REPO": "https://ada:hunter2@git.example.com/team/shop"},
            f"The repository's URL must hold no user name or password. {ELSE}",
        ),
        (
            ["--repo", "ssh://git@git.example.com/team/shop"],
            {},
            f"The repository's URL must be an https URL. {ELSE}",
        ),
        (
            ["--repo", "https://git.example.com/team%2Fshop"],
            {},
            f"The repository's URL {PLAIN}. {ELSE}",
        ),
        ([], {"MOORAGE_MAX_SESSIONS": "0"}, "MOORAGE_MAX_SESSIONS: '0' is no number from 1 on."),
    ],
)
def test_what_makes_no_sense_is_said(
    arguments: list[str], environment: dict[str, str], sentence: str
) -> None:
    with pytest.raises(BadUsage) as refused:
        parse(arguments, environment)
    assert refused.value.sentence == sentence
