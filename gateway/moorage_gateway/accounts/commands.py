"""What an administrator does from the command line: make an admin, rotate the signing keys."""

import asyncio
import getpass
import sys
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from pydantic import TypeAdapter, ValidationError
from sqlalchemy.ext.asyncio import AsyncEngine

from moorage_api.base import now
from moorage_gateway.accounts.addresses import normal_address
from moorage_gateway.accounts.repository import AccountRepository, local_user
from moorage_gateway.accounts.schemas import SHORTEST_PASSWORD, NewPassword
from moorage_gateway.audit.acts import Act, Action
from moorage_gateway.audit.caller import COMMAND_LINE, present
from moorage_gateway.audit.record import record
from moorage_gateway.auth.keys import SigningKeys
from moorage_gateway.auth.passwords import Passwords
from moorage_gateway.db.engine import open_engine
from moorage_gateway.db.migrate import migrate
from moorage_gateway.settings import Settings

_BAD_USAGE: Final = 2
_T = TypeVar("_T")


def create_admin(settings: Settings, email: str, name: str | None) -> int:
    """Make an account that is an admin, or an admin of the account; returns the exit code.

    The password is asked for on a terminal, else read from the first line of standard input.
    """
    try:
        address = normal_address(email)
        password = TypeAdapter(NewPassword).validate_python(_password()).get_secret_value()
    except ValidationError:
        sys.stderr.write(f"The password must have at least {SHORTEST_PASSWORD} characters.\n")
        return _BAD_USAGE
    except ValueError as error:
        sys.stderr.write(f"{email!r}: {error}\n")
        return _BAD_USAGE
    made = _on_database(settings, lambda engine: _keep_admin(engine, address, name, password))
    what = "is an admin now" if made else "was there: it is an admin, with this password"
    sys.stdout.write(f"The account {address} {what}.\n")
    return 0


def rotate_keys(settings: Settings, *, at_once: bool) -> int:
    """Make a new key to sign access tokens with; returns the exit code."""
    if settings.login.secret is None:
        sys.stderr.write("Nobody logs in here: MOORAGE_LOGIN__SECRET is not set.\n")
        return _BAD_USAGE
    key_id = _on_database(
        settings, lambda engine: SigningKeys(engine, settings.login).rotate(now(), at_once=at_once)
    )
    rest = (
        "access tokens signed before are refused within a minute; clients refresh them."
        if at_once
        else "access tokens signed before are good until they expire."
    )
    sys.stdout.write(f"Access tokens are signed with key {key_id} from now on; {rest}\n")
    return 0


def _password() -> str:
    if sys.stdin.isatty():
        return getpass.getpass("Password: ")
    return sys.stdin.readline().rstrip("\n")


def _on_database(settings: Settings, work: Callable[[AsyncEngine], Awaitable[_T]]) -> _T:
    if settings.database.migrate_at_start:
        migrate(settings.database_location, settings.database)

    async def run() -> _T:
        present.set(COMMAND_LINE)
        small = settings.database.model_copy(update={"pool_size": 1})
        async with open_engine(settings.database_location, small) as engine:
            return await work(engine)

    return asyncio.run(run())


async def _keep_admin(engine: AsyncEngine, address: str, name: str | None, password: str) -> bool:
    """Make the admin; returns whether there was no account of this address."""
    passwords, moment = Passwords(threads=1), now()
    try:
        hashed = await passwords.hash(password)
    finally:
        passwords.close()
    user = local_user(address, name, "admin", hashed, moment)
    async with engine.begin() as connection:
        repository = AccountRepository(connection)
        if await repository.add(user):
            await record(connection, moment, Act(Action.USER_ADMIN, user.id))
            return True
        standing = await repository.by_address(address)
        if standing is not None:
            values = {"role": "admin", "password_hash": hashed, "disabled_at": None}
            await repository.change(standing.id, updated_at=moment, **values)
            await repository.revoke_all(standing.id, "password", moment)
            await record(connection, moment, Act(Action.USER_ADMIN, standing.id))
        return False
