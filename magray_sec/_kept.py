"""What was worked out once and may be used again: files in the user's own cache folder, trusted only if they are ours.

Everything here is a convenience. A cache that is foreign, damaged or cannot be written is as good as none.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import stat

_MAGIC = b"magray-sec cache 2\n"
_DIGEST = 64
_MAX_BYTES = 500_000_000
# Entries are named by the digest of all that went into them; those of former packs and versions are swept out.
_KEPT = 128
_KEPT_BYTES = 200_000_000


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
    start = len(_MAGIC) + _DIGEST + 1
    content = data[start:]
    return content if data[:start] == _head(name, content) else None


def keep(folder: str | None, name: str, content: bytes, *, most: int = _KEPT, most_bytes: int = _KEPT_BYTES) -> None:
    """Keep `content` under that name if that is possible; the file appears whole or not at all.

    Of all entries of the folder the newest stay: at most `most` of them, of at most `most_bytes` together.
    """
    if folder is None:
        return
    temporary = os.path.join(folder, f".{name}.{secrets.token_hex(8)}")
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        if not _is_private(folder):
            return
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
        with os.fdopen(os.open(temporary, flags, 0o600), "wb") as stream:
            stream.write(_head(name, content))
            stream.write(content)
        os.replace(temporary, os.path.join(folder, name))
        _sweep(folder, most, most_bytes)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(temporary)


def _head(name: str, content: bytes) -> bytes:
    # The name is part of it: one entry put in another's place is not taken for it.
    digest = hashlib.sha256(name.encode() + b"\0")
    digest.update(content)
    return b"%s%s\n" % (_MAGIC, digest.hexdigest().encode())


def _is_private(folder: str) -> bool:
    """Whether the folder is the user's own, no link, and closed to others' writing; to their reading it is closed."""
    try:
        status = os.lstat(folder)
        if not stat.S_ISDIR(status.st_mode) or not _is_ours(status):
            return False
        if os.name == "posix" and stat.S_IMODE(status.st_mode) & 0o077:
            os.chmod(folder, 0o700)
    except OSError:
        return False
    return True


def _is_ours(status: os.stat_result) -> bool:
    if os.name != "posix":
        return True
    return status.st_uid == os.geteuid() and not stat.S_IMODE(status.st_mode) & 0o022


def _sweep(folder: str, most: int, most_bytes: int) -> None:
    with os.scandir(folder) as listing:
        entries = [(entry.path, entry.stat(follow_symlinks=False)) for entry in listing]
    entries = [(path, status) for path, status in entries if stat.S_ISREG(status.st_mode)]
    entries.sort(key=lambda entry: entry[1].st_mtime_ns, reverse=True)
    total = 0
    for place, (path, status) in enumerate(entries):
        total += status.st_size
        # What was just written stays, however large.
        if place and (place >= most or total > most_bytes):
            os.unlink(path)
