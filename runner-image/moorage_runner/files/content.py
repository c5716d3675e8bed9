"""Reads, writes and deletes files. A reader sees the old content or the new, never half of it."""

import base64
import binascii
import errno
import os
import secrets
import stat
from contextlib import suppress
from mimetypes import MimeTypes
from typing import Final

from moorage_api.rpc import (
    MAX_FILE_BYTES,
    DeleteFile,
    Encoding,
    FileContent,
    ReadFile,
    WriteFile,
    Written,
)
from moorage_runner.files.errors import OperationError, from_os_error, show, too_large
from moorage_runner.files.limit import Limit
from moorage_runner.files.listing import modified_at
from moorage_runner.files.paths import Parts, join, parse_file
from moorage_runner.files.tree import Tree, lstat, require_file

_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_CHUNK: Final = 1024 * 1024
_TYPES: Final = MimeTypes()
"""Without the system's own tables, so that every machine gives the same answer."""

for _type, _suffixes in {
    "text/markdown": (".md",),
    "text/x-typescript": (".ts", ".tsx"),
    "text/x-python": (".py", ".pyi"),
    "application/toml": (".toml",),
    "application/yaml": (".yaml", ".yml"),
}.items():
    for _suffix in _suffixes:
        _TYPES.add_type(_type, _suffix)


def read_file(tree: Tree, request: ReadFile, limit: Limit) -> FileContent:
    """Return a file's content: as text if it is UTF-8, in base64 else.

    Raises:
        OperationError: It cannot be read, is no regular file, or is larger than 10 MB.
    """
    parts = parse_file(request)
    path = join(parts)
    with tree.file(parts) as descriptor:
        info = os.fstat(descriptor)
        try:
            data = read_bytes(descriptor, MAX_FILE_BYTES + 1, limit)
        except OSError as error:
            raise from_os_error(error, path) from error
    if len(data) > MAX_FILE_BYTES:
        raise too_large(path)
    content, encoding = _encode(data)
    guess = _TYPES.guess_type(parts[-1], strict=False)[0]
    return FileContent(
        path=path,
        content=content,
        encoding=encoding,
        size=len(data),
        mime_type=guess or ("text/plain" if encoding == "utf-8" else "application/octet-stream"),
        modified_at=modified_at(info),
    )


def read_bytes(descriptor: int, most: int, limit: Limit) -> bytes:
    """Return at most `most` bytes: a file can grow while it is read.

    Raises:
        OSError: It cannot be read.
        OperationError: It takes too long.
    """
    data = bytearray()
    while chunk := os.read(descriptor, min(_CHUNK, most - len(data))):
        data += chunk
        limit.check()
    return bytes(data)


def _encode(data: bytes) -> tuple[str, Encoding]:
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        return base64.b64encode(data).decode("ascii"), "base64"


def write_file(tree: Tree, request: WriteFile, limit: Limit) -> Written:
    """Create a file, and the folders it is in, or replace one.

    Raises:
        OperationError: It exists (create), or does not (update); it cannot be written.
    """
    data = _decode(request)
    parts = parse_file(request)
    path = join(parts)
    try:
        with tree.parent(parts, create=request.op == "create") as folder:
            replaced = _existing(folder, parts, create=request.op == "create")
            limit.check()
            _put(folder, parts[-1], data, replaced)
    except OSError as error:
        raise from_os_error(error, path) from error
    return Written(path=path, size=len(data))


def _decode(request: WriteFile) -> bytes:
    if len(request.content) > MAX_FILE_BYTES * 4 // 3 + 4:
        raise too_large(request.path)
    try:
        if request.encoding == "base64":
            data = base64.b64decode(request.content, validate=True)
        else:
            data = request.content.encode("utf-8")
    except (binascii.Error, ValueError):
        text = f"The content of {show(request.path)} is not valid {request.encoding}."
        raise OperationError("INVALID", text) from None
    if len(data) > MAX_FILE_BYTES:
        raise too_large(request.path)
    return data


def _existing(folder: int, parts: Parts, *, create: bool) -> os.stat_result | None:
    """Return the file to replace, None for a new one."""
    found = lstat(folder, parts[-1])
    if not create:
        return require_file(found, join(parts))
    if found:
        raise from_os_error(FileExistsError(errno.EEXIST, "File exists"), join(parts))
    return None


def _put(folder: int, name: str, data: bytes, replaced: os.stat_result | None) -> None:
    temporary = f".moorage-{secrets.token_hex(8)}.tmp"
    descriptor = os.open(temporary, _NEW, 0o666, dir_fd=folder)
    try:
        try:
            _write_all(descriptor, data)
            if replaced:
                _take_after(descriptor, replaced)
        finally:
            os.close(descriptor)
        if replaced:
            os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
        else:
            _link(folder, temporary, name)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=folder)


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _take_after(descriptor: int, replaced: os.stat_result) -> None:
    """Give the new file the old one's mode and, where that is allowed, owner.

    Where it is not (in a pod the agent is another user), the group, which both are in, gets what
    the owner had: or Claude could no longer change its own file.
    """
    mode = stat.S_IMODE(replaced.st_mode) & 0o777
    try:
        os.fchown(descriptor, replaced.st_uid, replaced.st_gid)
    except PermissionError:
        mode |= (mode & 0o700) >> 3
    os.fchmod(descriptor, mode)


def _link(folder: int, temporary: str, name: str) -> None:
    """Give the file its name, unless something has it: a rename would replace that."""
    try:
        os.link(temporary, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
    except OSError as error:
        if error.errno not in {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS}:
            raise
        # A file system without hard links: as near to it as it gets.
        if lstat(folder, name):
            raise FileExistsError(errno.EEXIST, "File exists") from error
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)


def delete_file(tree: Tree, request: DeleteFile, limit: Limit) -> Written:
    """Delete a file, or a symbolic link itself.

    Raises:
        OperationError: It does not exist, is a folder, or cannot be deleted.
    """
    parts = parse_file(request)
    path = join(parts)
    with tree.parent(parts) as folder:
        found = lstat(folder, parts[-1])
        if found and stat.S_ISDIR(found.st_mode):
            text = f"{show(path)} is a folder: delete the files in it; git keeps no empty folders."
            raise OperationError("INVALID", text)
        if not (found and stat.S_ISLNK(found.st_mode)):
            require_file(found, path)
        limit.check()
        try:
            os.unlink(parts[-1], dir_fd=folder)
        except OSError as error:
            raise from_os_error(error, path) from error
    return Written(path=path)
