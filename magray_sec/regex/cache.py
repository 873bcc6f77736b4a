"""What was worked out once and may be used again: files in the user's own cache folder, trusted only if they are ours.

Everything here is a convenience. A cache that is foreign, damaged or cannot be written is as good as none.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import stat

_MAGIC = b"magray-sec cache 1\n"
_DIGEST = 32
_MAX_BYTES = 500_000_000
# Entries are named by the digest of all that went into them; those of former packs and versions are swept out.
_KEPT = 24


def recall(folder: str | None, name: str) -> bytes | None:
    """What was kept under that name; None where there is nothing, or nothing that can be trusted.

    A folder or file that is not the user's own, that others can write to, or whose content is not what was kept, is
    not trusted.
    """
    if folder is None or not _is_private(folder):
        return None
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        with os.fdopen(os.open(os.path.join(folder, name), flags), "rb") as stream:
            status = os.fstat(stream.fileno())
            if not stat.S_ISREG(status.st_mode) or not _is_ours(status) or status.st_size > _MAX_BYTES:
                return None
            data = stream.read()
    except OSError:
        return None
    start = len(_MAGIC) + _DIGEST
    content = data[start:]
    return content if data[:start] == _MAGIC + _digest(name, content) else None


def keep(folder: str | None, name: str, content: bytes) -> None:
    """Keep `content` under that name if that is possible; the file appears whole or not at all."""
    if folder is None:
        return
    temporary = os.path.join(folder, f".{name}.{secrets.token_hex(8)}")
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        if not _is_private(folder):
            return
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
        with os.fdopen(os.open(temporary, flags, 0o600), "wb") as stream:
            stream.write(_MAGIC + _digest(name, content))
            stream.write(content)
        os.replace(temporary, os.path.join(folder, name))
        _sweep(folder)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(temporary)


def _digest(name: str, content: bytes) -> bytes:
    # The name is part of it: one entry put in another's place is not taken for it.
    return hashlib.sha256(name.encode() + b"\0" + content).digest()


def _is_private(folder: str) -> bool:
    """Whether the folder is the user's own and no link; one that others can enter is closed to them first."""
    try:
        status = os.lstat(folder)
        if not stat.S_ISDIR(status.st_mode) or not _is_ours(status, check_mode=False):
            return False
        if os.name == "posix" and stat.S_IMODE(status.st_mode) & 0o077:
            os.chmod(folder, 0o700)
    except OSError:
        return False
    return True


def _is_ours(status: os.stat_result, *, check_mode: bool = True) -> bool:
    if os.name != "posix":
        return True
    return status.st_uid == os.geteuid() and not (check_mode and stat.S_IMODE(status.st_mode) & 0o022)


def _sweep(folder: str) -> None:
    entries = [entry for entry in os.scandir(folder) if entry.is_file(follow_symlinks=False)]
    entries.sort(key=lambda entry: entry.stat(follow_symlinks=False).st_mtime_ns, reverse=True)
    for entry in entries[_KEPT:]:
        os.unlink(entry.path)
