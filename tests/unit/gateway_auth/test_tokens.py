"""Tokens, keys, addresses and passwords: decisions without a server."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pwdlib.hashers.argon2 import Argon2Hasher

from moorage_gateway.accounts.addresses import normal_address
from moorage_gateway.auth import access_tokens, passwords
from moorage_gateway.auth.keys import KeyRow, SigningKey, fingerprint, usable
from moorage_gateway.auth.passwords import Passwords
from moorage_gateway.auth.tokens import API_KEY, digest_of, new_token, shown_prefix
from moorage_gateway.errors import Unavailable

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
KEY = SigningKey("key", "root", b"k" * 32, NOW, None)
LIFE = timedelta(minutes=15)


def test_tokens_are_long_random_and_stored_as_digests() -> None:
    first, second = new_token(API_KEY), new_token(API_KEY)
    assert first != second
    assert len(first) == len(API_KEY) + 43
    assert digest_of(first) not in first
    assert len(digest_of(first)) == 64
    assert first.startswith(shown_prefix(first))
    assert len(shown_prefix(first)) == 9


def test_an_access_token_says_what_was_signed_until_it_expires() -> None:
    token = access_tokens.sign("user", "sign-in", KEY, NOW, LIFE)
    assert access_tokens.key_id_of(token) == "key"
    claims = access_tokens.read(token, KEY, NOW + LIFE - timedelta(seconds=1))
    assert claims == access_tokens.AccessClaims("user", "sign-in", NOW + LIFE)
    assert access_tokens.read(token, KEY, NOW + LIFE) is None


@given(st.data())
def test_a_token_that_was_changed_is_not_read(data: st.DataObject) -> None:
    token = access_tokens.sign("user", "sign-in", KEY, NOW, LIFE)
    at = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from("AZaz09-_.=é "))
    changed = token[:at] + other + token[at + 1 :]
    claims = access_tokens.read(changed, KEY, NOW)
    # The last letter of base64 has bits that mean nothing.
    assert claims is None or (claims.user_id, claims.sign_in_id) == ("user", "sign-in")
    assert claims is None or changed == token or at == len(token) - 1


@given(st.text(max_size=80))
def test_nonsense_is_no_token(text: str) -> None:
    assert access_tokens.key_id_of(text) is None
    assert access_tokens.read(text, KEY, NOW) is None


def row(key_id: str, root: str, ends: int | None) -> KeyRow:
    until = None if ends is None else NOW + timedelta(minutes=ends)
    return KeyRow(key_id, fingerprint(root), NOW, until)


def test_keys_are_usable_with_their_secret_until_they_end() -> None:
    rows = [row("a", "one", None), row("b", "one", 5), row("c", "one", 0), row("d", "two", None)]
    known = usable(rows, {fingerprint("one"): "one"}, NOW)
    assert known.keys() == {"a", "b"}
    assert known["a"].secret != known["b"].secret
    assert len(known["a"].secret) == 32
    assert usable(rows, {fingerprint("two"): "two"}, NOW).keys() == {"d"}
    changed = usable([KeyRow("a", fingerprint("one"), NOW, None)], {fingerprint("one"): "x"}, NOW)
    assert changed["a"].secret != known["a"].secret


@pytest.mark.parametrize(
    ("given_text", "kept"),
    [
        ("ada@example.com", "ada@example.com"),
        (" Ada@EXAMPLE.com ", "ada@example.com"),
        ("\uff41da@example.com", "ada@example.com"),  # full width
        ("ada+tag@example.com", "ada+tag@example.com"),
        ("ada", None),
        ("@example.com", None),
        ("ada@", None),
        ("a@b@c", None),
        ("a da@example.com", None),
        ("ada\n@example.com", None),
        ("ada\u200b@example.com", None),
        ("x" * 250 + "@example.com", None),
        ("", None),
    ],
)
def test_addresses_have_one_spelling(given_text: str, kept: str | None) -> None:
    if kept is None:
        with pytest.raises(ValueError, match="email address"):
            normal_address(given_text)
    else:
        assert normal_address(given_text) == kept == normal_address(kept)


@pytest.fixture
def hasher() -> Passwords:
    return Passwords(threads=1)


async def test_hashes_are_argon2id_and_nobodys_costs_the_same(hasher: Passwords) -> None:
    hashed = await hasher.hash("pässword")
    assert hashed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert passwords.NOBODYS.split("$")[:4] == hashed.split("$")[:4]
    assert len(passwords.NOBODYS) == len(hashed)
    assert (await hasher.check("pässword", hashed)).is_right
    assert not (await hasher.check("passwort", hashed)).is_right
    assert not (await hasher.check("pässword", None)).is_right
    assert not (await hasher.check("pässword", "plain?")).is_right
    hasher.close()


async def test_a_weaker_hash_is_replaced(hasher: Passwords) -> None:
    weak = Argon2Hasher(time_cost=1, memory_cost=1024, parallelism=1).hash("password")
    checked = await hasher.check("password", weak)
    assert checked.is_right
    assert checked.new_hash is not None
    assert checked.new_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert (await hasher.check("password", checked.new_hash)).new_hash is None
    hasher.close()


async def test_an_unknown_user_takes_as_long_as_a_known_one(hasher: Passwords) -> None:
    """In processor time, which other work on the machine does not change; the least of several."""
    hashed = await hasher.hash("password")

    async def cost(stored: str | None) -> float:
        began = time.process_time()
        await hasher.check("wrong", stored)
        return time.process_time() - began

    known = min([await cost(hashed) for _ in range(7)])
    unknown = min([await cost(None) for _ in range(7)])
    assert known / 2 < unknown < known * 2
    hasher.close()


async def test_more_than_can_wait_are_refused(hasher: Passwords) -> None:
    asked = [asyncio.create_task(hasher.check("x", None)) for _ in range(60)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, Unavailable)]
    assert len(refused) == 60 - 33
    hasher.close()
