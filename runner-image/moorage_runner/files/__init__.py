"""File operations on the clone, asked for through Redis; nothing outside of it is ever touched."""

from moorage_runner.files.server import serve

__all__ = ["serve"]
