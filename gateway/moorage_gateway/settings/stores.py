"""Settings of what the gateway keeps its data in: the database and Redis."""

from typing import Annotated

from pydantic import Field

from moorage_api.settings import RedisTlsSettings
from moorage_gateway.settings.base import Group


class DatabaseSettings(Group):
    """How the database is used."""

    pool_size: Annotated[int, Field(ge=1, le=200, description="Connections kept open.")] = 5
    max_overflow: Annotated[
        int,
        Field(
            ge=0,
            le=200,
            description="PostgreSQL: further connections, opened when all are busy and closed "
            "after use.",
        ),
    ] = 5
    pool_timeout_seconds: Annotated[
        float,
        Field(gt=0, le=60, description="PostgreSQL: how long a request waits for a connection."),
    ] = 10.0
    pool_recycle_seconds: Annotated[
        int,
        Field(ge=10, description="PostgreSQL: the age after which a connection is made anew."),
    ] = 1800
    pool_pre_ping: Annotated[
        bool,
        Field(
            description="PostgreSQL: ask before each use whether the connection is alive. Closed "
            "ones are noticed without; this is for networks that cut connections without a word, "
            "and costs three round trips.",
        ),
    ] = False
    connect_timeout_seconds: Annotated[
        float, Field(gt=0, le=60, description="PostgreSQL: how long connecting may take.")
    ] = 5.0
    statement_timeout_seconds: Annotated[
        float,
        Field(ge=0, le=3600, description="PostgreSQL: how long a statement may take. 0: no limit."),
    ] = 15.0
    prepared_statements: Annotated[
        int,
        Field(ge=0, le=1000, description="PostgreSQL: statements kept prepared, per connection."),
    ] = 100
    pgbouncer: Annotated[
        bool,
        Field(
            description="PostgreSQL is reached through PgBouncer in transaction mode: statements "
            "are not kept prepared, and the time limits have to be set for the role.",
        ),
    ] = False
    busy_timeout_seconds: Annotated[
        float, Field(gt=0, le=60, description="SQLite: how long a writer waits for another.")
    ] = 10.0
    migrate_at_start: Annotated[
        bool, Field(description="Bring the tables to this version when the gateway starts.")
    ] = True


class RedisSettings(Group):
    """How Redis is used."""

    pool_size: Annotated[int, Field(ge=1, le=1000, description="Connections for commands.")] = 32
    timeout_seconds: Annotated[
        float, Field(gt=0, le=60, description="How long one command may take.")
    ] = 5.0
    connect_timeout_seconds: Annotated[
        float, Field(gt=0, le=60, description="How long connecting may take.")
    ] = 2.0
    tls: RedisTlsSettings = RedisTlsSettings()


Days = Annotated[int | None, Field(ge=1, le=36_500)]


class RetentionSettings(Group):
    """How long what has happened is kept. A session that is deleted over HTTP goes at once."""

    messages_days: Annotated[
        Days,
        Field(
            description="How long messages are kept, counted for a whole turn from its last "
            "message. Never of a session that is at work or that something waits in. Empty: for "
            "ever."
        ),
    ] = None
    events_days: Annotated[
        Days,
        Field(
            description="How long approvals (who decided what) and turns (tokens, cost, outcome) "
            "are kept. Empty: for ever."
        ),
    ] = None
    audit_days: Annotated[
        Days, Field(description="How long the audit (who did what) is kept. Empty: for ever.")
    ] = None
    gone_days: Annotated[
        Days,
        Field(
            description="How long everything of a session is kept that was deleted by its ttl or "
            "with kubectl: nobody sees it over HTTP any more. Empty: for ever."
        ),
    ] = 30
