"""What the pool of connections looks like at a moment, for metrics and health."""

from dataclasses import dataclass

from sqlalchemy import QueuePool
from sqlalchemy.ext.asyncio import AsyncEngine


@dataclass(frozen=True, slots=True)
class PoolStatistics:
    """Connections, counted. ``in_use`` at ``capacity`` means that requests wait for one."""

    capacity: int
    in_use: int
    idle: int


def pool_statistics(engine: AsyncEngine) -> PoolStatistics:
    """Return the pool's counts; asks nobody and costs nothing."""
    pool = engine.pool
    assert isinstance(pool, QueuePool)  # noqa: S101 - what `make_engine` makes has one
    return PoolStatistics(
        capacity=pool.size() + pool._max_overflow,
        in_use=pool.checkedout(),
        idle=pool.checkedin(),
    )
