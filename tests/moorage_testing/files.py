"""Runs file operations in a test, as the runner would for the gateway."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from moorage_api.rpc import REQUEST, Failure, Reply, Request
from moorage_runner.files.errors import OperationError
from moorage_runner.files.limit import Limit
from moorage_runner.files.operations import run_operation
from moorage_runner.files.tree import Tree

_WITH_KINDS: Final = frozenset({"read", "create", "update", "delete"})


def request(op: str, **fields: Any) -> Request:
    """Build a request as a gateway would send it whose settings allow files of this very name."""
    if op in _WITH_KINDS:
        names = [part for part in fields["path"].split("/") if part not in {"", "."}]
        fields = {"kinds": {"names": names[-1:]}} | fields
    return REQUEST.validate_python({"op": op, "number": "1", "deadlineMs": 0, **fields})


@dataclass(frozen=True)
class Files:
    """Runs operations on the tree at `root`."""

    root: Path

    def __call__(self, op: str, **fields: Any) -> Reply:
        """Do what is asked; a failure is returned as the reply, as clients see it."""
        try:
            asked = request(op, **fields)
        except ValidationError as error:
            return Failure(code="INVALID", message=str(error))
        try:
            return run_operation(Tree(self.root), asked, Limit(10))
        except OperationError as error:
            return error.reply()

    def code(self, op: str, **fields: Any) -> str:
        """Give the failure's code, or the kind of the reply."""
        reply = self(op, **fields)
        return reply.code if reply.kind == "failure" else reply.kind
