"""Writes a migration from what the tables in code have and the migrations do not have yet.

``python -m moorage_gateway.db.generate "Add a column for ..."``: on a scratch database, so nothing
but the source tree is needed. Read what it wrote: it does not know about data, and takes a renamed
column for a removed and a new one.
"""

import re
import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from sqlalchemy import Connection, create_engine

from moorage_gateway.db.migrate import alembic_config
from moorage_gateway.db.tables import metadata


def generate(message: str, folder: Path | None = None) -> Path | None:
    """Write the script and return where it is; None if there is nothing to write.

    ``folder`` is where scripts are looked for and written, the package's own unless given.
    """
    with tempfile.TemporaryDirectory(prefix="moorage-") as scratch:
        engine = create_engine(f"sqlite:///{scratch}/scratch.db")
        try:
            with engine.connect() as connection:
                return _generate(connection, message, folder)
        finally:
            engine.dispose()


def _generate(connection: Connection, message: str, folder: Path | None) -> Path | None:
    config = alembic_config(connection)
    if folder is not None:
        config.set_main_option("version_locations", str(folder))
    command.upgrade(config, "head")
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    if not compare_metadata(context, metadata):
        return None
    words = re.sub(r"[^a-z0-9]+", "_", message.lower()).strip("_")[:40]
    number = sum(1 for _ in ScriptDirectory.from_config(config).walk_revisions()) + 1
    script = command.revision(
        config, message.rstrip("."), autogenerate=True, rev_id=f"{number:04}_{words}"
    )
    assert isinstance(script, Script)  # noqa: S101 - one revision was asked for
    return Path(script.path)


def main() -> int:
    """Write a migration; 0 if one was written or none is needed."""
    message = " ".join(sys.argv[1:]).strip()
    if not message:
        sys.stderr.write('Say what changes: make db-generate M="Add a column for ..."\n')
        return 2
    path = generate(message)
    told = f"{path}: read it, mend it, try it on both databases" if path else "nothing has changed"
    sys.stdout.write(f"{told}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
