"""Settings of what the gateway keeps its data in: the database and Redis."""

from typing import Annotated

from pydantic import Field

from moorage_gateway.settings.base import Group


class DatabaseSettings(Group):
    """How the database is used."""

    pool_size: Annotated[int, Field(ge=1, le=200, description="Connections kept open.")] = 5
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
