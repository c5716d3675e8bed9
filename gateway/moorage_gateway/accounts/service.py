"""What people do with their accounts."""

from dataclasses import dataclass
from typing import Any

from moorage_gateway.accounts.repository import AccountRepository, UserRow, local_user
from moorage_gateway.accounts.schemas import (
    Login,
    Logout,
    PatchMe,
    Register,
    SignedIn,
    UserView,
)
from moorage_gateway.accounts.sign_ins import SignIns, view
from moorage_gateway.audit.acts import Act, Action, Outcome
from moorage_gateway.audit.caller import present
from moorage_gateway.audit.record import record
from moorage_gateway.auth.logins import Logins
from moorage_gateway.auth.principal import Principal
from moorage_gateway.auth.tokens import digest_of
from moorage_gateway.context import AccountContext
from moorage_gateway.errors import (
    AddressTaken,
    Forbidden,
    LoginRefused,
    LoginsOff,
    Mistake,
    RateLimited,
    RequestInvalid,
    Unauthorized,
)
from moorage_gateway.limits.rules import LimitName


@dataclass(frozen=True, slots=True)
class AccountService:
    """Accounts, as one request may use them."""

    context: AccountContext

    @property
    def logins(self) -> Logins:
        """What logging in needs.

        Raises:
            LoginsOff: where nobody logs in.
        """
        if self.context.logins is None:
            raise LoginsOff
        return self.context.logins

    @property
    def sign_ins(self) -> SignIns:
        """The sign-ins."""
        return SignIns(self.context, self.logins)

    async def register(self, request: Register) -> SignedIn:
        """Make an account and log in.

        Raises:
            Forbidden: if registration is closed.
            AddressTaken: if there is an account with this address.
        """
        if self.logins.settings.registration == "closed":
            raise Forbidden("registration is closed: ask an admin for an account")
        now = self.context.clock()
        hashed = await self.logins.passwords.hash(request.password.get_secret_value())
        user = local_user(request.email, request.name, "user", hashed, now)
        async with self.context.engine.begin() as connection:
            if not await AccountRepository(connection).add(user):
                raise AddressTaken
            caller = present.get().known_as(user.id, "password")
            await record(connection, now, Act(Action.USER_REGISTER, user.id), caller)
        return await self.sign_ins.open(user)

    async def login(self, request: Login) -> SignedIn:
        """Log in.

        Raises:
            LoginRefused: whatever is wrong; it does not say what, and takes as long.
        """
        return await self.sign_ins.open(await self.check(request))

    async def check(self, request: Login) -> UserRow:
        """Return whose address and password these are.

        Raises:
            LoginRefused: whatever is wrong; it does not say what, and takes as long.
        """
        await self._count_attempt(request.email)
        user = await self._by_address(request.email)
        stored = None if user is None else user.password_hash
        checked = await self.logins.passwords.check(request.password.get_secret_value(), stored)
        if user is None or not checked.is_right or user.disabled_at is not None:
            await self._record_refusal(Action.USER_LOGIN, user.id if user else None)
            raise LoginRefused
        if checked.new_hash is not None and stored is not None:
            async with self.context.engine.begin() as connection:
                repository = AccountRepository(connection)
                await repository.replace_hash(user.id, stored, checked.new_hash)
        return user

    async def logout(self, request: Logout, authorization: str | None) -> None:
        """End one sign-in or all of a user's.

        Raises:
            Unauthorized: if neither a token of the sign-in nor the request's own says whose.
        """
        if request.refresh_token is not None:
            found = await self.sign_ins.find(request.refresh_token.get_secret_value())
        else:
            principal = await self.logins.authenticator.authenticate(authorization)
            if principal.credential != "sign_in":
                raise Forbidden("there is no sign-in to end: the request was sent without one")
            found = (principal.user_id, principal.credential_id)
        if found is None:  # of no sign-in, or of one that is long gone: nothing is left to end
            return
        user_id, sign_in_id = found
        if request.everywhere:
            await self.sign_ins.end_all(user_id)
        else:
            await self.sign_ins.end(user_id, sign_in_id)

    async def me(self, principal: Principal) -> UserView:
        """Return who asks."""
        if self.context.logins is None:
            began = self.context.started_at
            return UserView(
                id=principal.user_id,
                email=None,
                name=None,
                role=principal.role,
                created_at=began,
                updated_at=began,
            )
        # The role that counts: an API key's may be less than its user's.
        return view(await self._user(principal)).model_copy(update={"role": principal.role})

    async def change(self, principal: Principal, request: PatchMe) -> UserView:
        """Change what users may change of themselves.

        Raises:
            RequestInvalid: if the password that holds is not given, or is another.
        """
        passwords = self.logins.passwords
        user, now = await self._user(principal), self.context.clock()
        values: dict[str, Any] = {"updated_at": now}
        if "name" in request.model_fields_set:
            values["name"] = request.name
        if request.password is not None:
            await self._require_password(user, request)
            values["password_hash"] = await passwords.hash(request.password.get_secret_value())
        async with self.context.engine.begin() as connection:
            repository = AccountRepository(connection)
            await repository.change(user.id, **values)
            if "name" in request.model_fields_set:
                await record(connection, now, Act(Action.USER_RENAME, user.id))
            if request.password is not None:
                kept = principal.credential_id
                await repository.revoke_all(user.id, "password", now, but=kept)
                await record(connection, now, Act(Action.USER_PASSWORD, user.id))
        self.logins.authenticator.forget(user.id)
        return view(await self._user(principal))

    async def _require_password(self, user: UserRow, request: PatchMe) -> None:
        if user.password_hash is None:
            raise RequestInvalid([Mistake("password", "you log in elsewhere, without a password")])
        await self._count_attempt(user.subject)
        given = request.current_password.get_secret_value() if request.current_password else ""
        if not (await self.logins.passwords.check(given, user.password_hash)).is_right:
            await self._record_refusal(Action.USER_PASSWORD, user.id)
            raise RequestInvalid([Mistake("currentPassword", "is not your password")])

    async def _record_refusal(self, action: Action, user_id: str | None) -> None:
        """Record a wrong password. What was given for an address may be a password: not that."""
        caller = present.get().known_as(user_id, "password")
        async with self.context.engine.begin() as connection:
            act = Act(action, user_id or "", Outcome.REFUSED)
            await record(connection, self.context.clock(), act, caller)

    async def _count_attempt(self, address: str) -> None:
        """Count an attempt to give the account's password, whether or not there is one."""
        limiter = self.context.limiter
        if limiter is not None:
            standing = await limiter.take(LimitName.ATTEMPTS, digest_of(address))
            if not standing.admitted:
                rule = limiter.rules[LimitName.ATTEMPTS]
                raise RateLimited(rule.amount, rule.window_seconds, standing.retry_after_seconds)

    async def _by_address(self, address: str) -> UserRow | None:
        async with self.context.engine.connect() as connection:
            return await AccountRepository(connection).by_address(address)

    async def _user(self, principal: Principal) -> UserRow:
        async with self.context.engine.connect() as connection:
            user = await AccountRepository(connection).user(principal.user_id)
        if user is None:
            raise Unauthorized
        return user
