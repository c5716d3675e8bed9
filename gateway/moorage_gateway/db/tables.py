"""What has happened: the tables. Alembic's migrations are made from, and checked against, these.

Core tables rather than mapped classes: the hot reads are measurably faster and each feature's
repository turns rows into its own values anyway (shared facts; decision record 0005).
"""

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Float,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    event,
)

from moorage_gateway.db import append_only
from moorage_gateway.db.values import SafeText, UtcDateTime

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_ID = SafeText(200)
# SQLite counts rows in INTEGER columns only; elsewhere the counter has 64 bits.
_COUNTER = BigInteger().with_variant(Integer(), "sqlite")


def _session_reference() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["session_id"], ["sessions.id"], ondelete="CASCADE")


def _partial(name: str, *columns: Column[Any], where: ColumnElement[bool]) -> None:
    """Add an index of the few rows for which ``where`` holds."""
    Index(name, *columns, sqlite_where=where, postgresql_where=where)


sessions = Table(
    "sessions",
    metadata,
    # The resource's UID: never reused, so a name made anew starts clean.
    Column("id", String(64), primary_key=True),
    # Of those made through the gateway: what it chose before there was a resource. The row's own id
    # too, until the resource's is known (decision record 0046).
    Column("creation_id", String(64), nullable=True),
    Column("name", String(253), nullable=False),
    Column("owner_id", SafeText(128), nullable=True),
    Column("context", JSON, nullable=True),
    Column("metadata", JSON, nullable=True),
    Column("project_path", SafeText, nullable=False),
    Column("archived", Boolean, nullable=False, default=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("last_accessed_at", UtcDateTime, nullable=False),
    # When a request last made it run: counts until the resources' watch must show it.
    Column("run_requested_at", UtcDateTime, nullable=True),
    # Since when there is no such session any more, though nobody deleted it here.
    Column("gone_at", UtcDateTime, nullable=True),
    Index("ix_sessions_owner_created", "owner_id", "created_at"),
    Index("ix_sessions_owner_run", "owner_id", "run_requested_at"),
    Index("ix_sessions_gone", "gone_at"),
    Index("uq_sessions_creation_id", "creation_id", unique=True),
)
_partial("ix_sessions_unmade", sessions.c.id, where=sessions.c.id == sessions.c.creation_id)
_partial("ix_sessions_archived", sessions.c.id, where=sessions.c.archived.is_(True))

messages = Table(
    "messages",
    metadata,
    Column("position", _COUNTER, primary_key=True, autoincrement=True),
    Column("session_id", String(64), nullable=False),
    Column("id", _ID, nullable=False),
    # The user's message that an assistant's belongs to; null for the user's own.
    Column("turn_id", _ID, nullable=True),
    Column("role", String(16), nullable=False),
    Column("content", SafeText, nullable=False),
    Column("thinking", SafeText, nullable=True),
    Column("tool_calls", JSON, nullable=True),
    Column("tool_results", JSON, nullable=True),
    Column("parent_tool_use_id", SafeText(128), nullable=True),
    Column("claude_session_id", SafeText(64), nullable=True),
    Column("created_at", UtcDateTime, nullable=False),
    # When the runner took it up (a user's message); null while it waits.
    Column("taken_at", UtcDateTime, nullable=True),
    _session_reference(),
    Index("ix_messages_session_position", "session_id", "position"),
    Index("ix_messages_session_turn", "session_id", "turn_id", "position"),
    Index("uq_messages_session_id", "session_id", "id", unique=True),
    Index("ix_messages_created", "created_at"),
    sqlite_autoincrement=True,
)

inputs = Table(
    "inputs",
    metadata,
    # The outbox: what goes into a session's inbox is written here first, in the transaction of
    # the request, and relayed to Redis in this order until the runner has taken it.
    Column("sequence", _COUNTER, primary_key=True, autoincrement=True),
    Column("session_id", String(64), nullable=False),
    Column("id", _ID, nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("sent_at", UtcDateTime, nullable=True),
    Column("done_at", UtcDateTime, nullable=True),
    _session_reference(),
    Index("uq_inputs_session_id", "session_id", "id", unique=True),
    Index("ix_inputs_done", "done_at"),
    sqlite_autoincrement=True,
)
_partial("ix_inputs_open", inputs.c.session_id, inputs.c.sequence, where=inputs.c.done_at.is_(None))

approvals = Table(
    "approvals",
    metadata,
    Column("session_id", String(64), primary_key=True),
    Column("id", _ID, primary_key=True),
    Column("turn_id", _ID, nullable=False),
    Column("tool", SafeText(256), nullable=False),
    Column("input", JSON, nullable=False),
    Column("summary", SafeText, nullable=False),
    Column("diff", SafeText, nullable=True),
    Column("requested_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    # What somebody decided here; the first one stands.
    Column("decision", String(8), nullable=True),
    Column("decided_by", String(128), nullable=True),
    Column("decided_at", UtcDateTime, nullable=True),
    Column("decision_message", SafeText, nullable=True),
    Column("scope", String(16), nullable=True),
    # What the runner made of it: allow, deny, expired or cancelled.
    Column("outcome", String(16), nullable=True),
    Column("resolved_at", UtcDateTime, nullable=True),
    _session_reference(),
    Index("ix_approvals_requested", "requested_at"),
)
_partial(
    "ix_approvals_open",
    approvals.c.session_id,
    approvals.c.requested_at,
    where=approvals.c.resolved_at.is_(None) & approvals.c.decision.is_(None),
)

turns = Table(
    "turns",
    metadata,
    Column("session_id", String(64), primary_key=True),
    Column("turn_id", _ID, primary_key=True),
    Column("outcome", String(16), nullable=False),
    Column("input_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("cost_usd", Float, nullable=False),
    Column("duration_ms", BigInteger, nullable=False),
    Column("ended_at", UtcDateTime, nullable=False),
    _session_reference(),
    Index("ix_turns_session_ended", "session_id", "ended_at"),
    Index("ix_turns_ended", "ended_at"),
)

checkpoints = Table(
    "checkpoints",
    metadata,
    # The last event of the session's stream that the recorder has written down, kept in the same
    # transaction as what it wrote: so a restart neither loses nor doubles.
    Column("session_id", String(64), primary_key=True),
    Column("event_id", String(48), nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    _session_reference(),
)

users = Table(
    "users",
    metadata,
    Column("id", String(64), primary_key=True),
    # Who says who they are: "local", with the address in lower case as the subject; or an identity
    # provider, with its own name for them.
    Column("issuer", String(500), nullable=False),
    Column("subject", String(320), nullable=False),
    Column("email", String(320), nullable=True),
    Column("name", String(200), nullable=True),
    Column("role", String(16), nullable=False),
    # Argon2id; bcrypt is accepted and replaced at the next login. Null: no login with a password.
    Column("password_hash", String(255), nullable=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("disabled_at", UtcDateTime, nullable=True),
    # What an identity provider's last token said they belong to, and when it did; null: never.
    Column("groups", JSON, nullable=True),
    Column("groups_at", UtcDateTime, nullable=True),
    Index("uq_users_issuer_subject", "issuer", "subject", unique=True),
)


def _user_reference() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE")


sign_ins = Table(
    "sign_ins",
    metadata,
    # One login on one device: the family of all refresh tokens that came of it.
    Column("id", String(64), primary_key=True),
    Column("user_id", String(64), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("refreshed_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("revoked_at", UtcDateTime, nullable=True),
    Column("revoked_because", String(16), nullable=True),
    _user_reference(),
    Index("ix_sign_ins_user", "user_id"),
    Index("ix_sign_ins_expires", "expires_at"),
    Index("ix_sign_ins_revoked", "revoked_at"),
)

refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    # SHA-256 of the token: 256 random bits need no slow hash.
    Column("digest", String(64), primary_key=True),
    Column("sign_in_id", String(64), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("used_at", UtcDateTime, nullable=True),
    ForeignKeyConstraint(["sign_in_id"], ["sign_ins.id"], ondelete="CASCADE"),
    Index("ix_refresh_tokens_sign_in", "sign_in_id"),
    Index("ix_refresh_tokens_used", "used_at"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("user_id", String(64), nullable=False),
    Column("name", String(100), nullable=False),
    # The first characters, by which a person knows it again.
    Column("prefix", String(16), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=True),
    Column("used_at", UtcDateTime, nullable=True),
    _user_reference(),
    Index("ix_api_keys_user", "user_id", "created_at"),
    Index("uq_api_keys_digest", "digest", unique=True),
)

signing_keys = Table(
    "signing_keys",
    metadata,
    # Nothing secret: a key is derived from its id and MOORAGE_LOGIN__SECRET, of which `root` is a
    # fingerprint.
    Column("id", String(32), primary_key=True),
    Column("root", String(16), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    # From then on what it signed is not accepted any more; null for the one in use.
    Column("expires_at", UtcDateTime, nullable=True),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    # No reference to what was made: the key must outlive it, or it would be made once more.
    Column("user_id", String(128), primary_key=True),
    Column("scope", String(80), primary_key=True),
    Column("key", String(200), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("object_id", _ID, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    # When what was made was known to be whole; null: somebody is at it, or was cut off.
    Column("done_at", UtcDateTime, nullable=True),
    Index("ix_idempotency_keys_expires", "expires_at"),
)

quotas = Table(
    "quotas",
    metadata,
    # What an admin set for a user (null: as in the settings; 0: no limit). The row is also the lock
    # under which a user's sessions are counted, so it is there for everybody who made one.
    Column("user_id", String(128), primary_key=True),
    Column("sessions_running", Integer, nullable=True),
    Column("sessions_created", Integer, nullable=True),
    Column("updated_at", UtcDateTime, nullable=True),
)

repositories = Table(
    "repositories",
    metadata,
    # What admins registered; what the settings list is not here.
    Column("id", String(64), primary_key=True),
    Column("folder_name", String(100), nullable=False),
    Column("url", Text, nullable=False),
    Column("default_branch", String(255), nullable=True),
    Column("credentials_secret", String(253), nullable=True),
    # Who may use it: every user, these, or those of these groups.
    Column("everybody", Boolean, nullable=False),
    Column("users", JSON, nullable=False),
    Column("groups", JSON, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index("uq_repositories_folder_name", "folder_name", unique=True),
)

dead_letters = Table(
    "dead_letters",
    metadata,
    # What was given up and waits for an admin: a background job, or a runner's input.
    Column("id", String(64), primary_key=True),
    Column("kind", String(16), nullable=False),
    # What it was: the job's name, or the input's type (prompt, unknown, ...).
    Column("name", String(100), nullable=False),
    Column("reason", SafeText(100), nullable=False),
    # How often it was given up, and after how many attempts the last time (null: not known).
    Column("failures", Integer, nullable=False),
    Column("attempts", Integer, nullable=True),
    Column("first_failed_at", UtcDateTime, nullable=False),
    Column("last_failed_at", UtcDateTime, nullable=False),
    # When an admin had it done again, and how that fares is not known yet.
    Column("retried_at", UtcDateTime, nullable=True),
    # Of inputs alone.
    Column("session_id", String(64), nullable=True),
    Column("input_id", _ID, nullable=True),
    # One letter for each job, and for each input.
    Column("subject", SafeText(300), nullable=False),
    _session_reference(),
    Index("uq_dead_letters_subject", "subject", unique=True),
    Index("ix_dead_letters_last_failed", "last_failed_at", "id"),
    Index("ix_dead_letters_session", "session_id"),
)
audit_retention = Table(
    "audit_retention",
    metadata,
    # Empty, but within a transaction that removes old records: what is older than this it may.
    Column("removable_before", UtcDateTime, primary_key=True),
)

audit_records = Table(
    "audit_records",
    metadata,
    Column("position", _COUNTER, primary_key=True, autoincrement=True),
    Column("at", UtcDateTime, nullable=False),
    Column("action", String(48), nullable=False),
    Column("outcome", String(16), nullable=False),
    # No references: a record outlives whom and what it speaks of.
    Column("actor_id", SafeText(128), nullable=True),
    Column("via", String(16), nullable=False),
    Column("via_id", String(64), nullable=True),
    Column("address", SafeText(64), nullable=True),
    Column("request_id", SafeText(128), nullable=True),
    Column("object_id", SafeText(1024), nullable=False),
    Column("session_id", String(64), nullable=True),
    Column("details", JSON, nullable=False),
    Index("ix_audit_records_actor_id_position", "actor_id", "position"),
    Index("ix_audit_records_session_id_position", "session_id", "position"),
    Index("ix_audit_records_action_position", "action", "position"),
    Index("ix_audit_records_at", "at"),
    sqlite_autoincrement=True,
)


def _add_triggers(target: Table, connection: Connection, **_: Any) -> None:
    """Make the triggers where the tables are made from here, as the migrations make them."""
    del target
    for statement in append_only.statements(connection.dialect.name):
        connection.exec_driver_sql(statement)


event.listen(audit_records, "after_create", _add_triggers)
