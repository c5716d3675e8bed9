"""What all tests share."""

from moorage_api import collector


def pytest_collection_finish() -> None:
    """Have the garbage collector leave alone what was imported and collected: it stays anyway."""
    collector.settle()
