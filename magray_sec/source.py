"""Read-only access to a target's files that cannot be led out of it, whatever lies in the tree."""

from __future__ import annotations

import errno
import os
import stat

from magray_sec._paths import is_within
from magray_sec.model.run import File

# O_NONBLOCK: opening a FIFO must not wait for a writer. O_NOFOLLOW: a link is resolved and judged first.
_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)

_MOST_BYTES = 1 << 30


def state_of(status: os.stat_result) -> tuple[int, ...]:
    """What tells whether a file is as it was: its size, both times in nanoseconds, number and device."""
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev


class TreeSource:
    """The files of a folder. Implements `model.run.Source`; pickled as its root and its list of files.

    `read` takes any path relative to the root, not only the listed ones: a scanner may speak of a file that was left
    out. It never blocks, and never reads what lies outside of the root.
    """

    __slots__ = ("_files", "_plain", "_real", "_root")

    def __init__(self, root: str, files: tuple[File, ...] = ()) -> None:
        self._root = root
        self._files = files
        self._real = os.path.realpath(root)
        # Folders in which no component is a link, by relative path; so that each is resolved once, not once a file.
        self._plain: dict[str, str] = {}

    @property
    def root(self) -> str:
        """The target's root, absolute."""
        return self._root

    def files(self) -> tuple[File, ...]:
        """Every file that may be read, sorted by path."""
        return self._files

    def read(self, path: str) -> bytes:
        """A file's bytes; a link is followed inside the root.

        OSError where it cannot be read, is not a regular file, leads out of the root or is larger than 1 GiB.
        """
        return self._bytes(path, None)

    def read_blob(self, blob: str) -> bytes:
        """OSError: a folder alone has no git objects."""
        raise OSError(errno.ENOENT, "there are no git objects", blob)

    def blob_at(self, commit: str, path: str) -> str:  # noqa: ARG002 - as `Source` has it
        """Empty: a folder alone has no git objects."""
        return ""

    def first_bytes(self, path: str, count: int) -> bytes:
        """The first `count` bytes of a file, or all where it has fewer. OSError as for `read`, whatever its size."""
        return self._bytes(path, count)

    def _bytes(self, path: str, most: int | None) -> bytes:
        folder, _, name = path.rpartition("/")
        if name in ("", ".", "..") or "\0" in path:
            raise OSError(errno.EINVAL, "not a path of a file", path)
        try:
            prefix = self._plain.get(folder)
            if prefix is None:
                prefix = self._enter(folder)
            return _read(self._resolve(path) if prefix is None else prefix + name, most)
        except ValueError as error:
            raise OSError(errno.EINVAL, "not a path of this system", path) from error
        except OSError as error:
            # A link in the last place: ELOOP, or EMLINK on the BSDs.
            if error.errno not in (errno.ELOOP, errno.EMLINK):
                raise
        return _read(self._resolve(path), most)

    def _enter(self, folder: str) -> str | None:
        """The absolute prefix of a relative folder's files; None where a link leads to it."""
        if folder.startswith("/") or os.path.isabs(folder) or (os.sep != "/" and (os.sep in folder or ":" in folder)):
            raise OSError(errno.EINVAL, "not a path relative to the target", folder)
        if folder and not {"", ".", ".."}.isdisjoint(folder.split("/")):
            raise OSError(errno.EINVAL, "a path with empty or dot components", folder)
        absolute = os.path.join(self._real, *folder.split("/")) if folder else self._real
        above, _, name = folder.rpartition("/")
        if name and above in self._plain:
            if stat.S_ISLNK(os.lstat(self._plain[above] + name).st_mode):
                return None
        elif os.path.realpath(absolute) != absolute:
            return None
        prefix = absolute if absolute.endswith(os.sep) else absolute + os.sep
        self._plain[folder] = prefix
        return prefix

    def _resolve(self, path: str) -> str:
        resolved = os.path.realpath(os.path.join(self._real, *path.split("/")), strict=True)
        if not is_within(resolved, self._real):
            raise OSError(errno.EACCES, "a symbolic link that leads out of the target", path)
        return resolved

    def __reduce__(self) -> tuple[type[TreeSource], tuple[str, tuple[File, ...]]]:
        return (TreeSource, (self._root, self._files))

    def __repr__(self) -> str:
        return f"TreeSource({self._root!r}, {len(self._files)} files)"


def _read(absolute: str, most: int | None) -> bytes:
    descriptor = os.open(absolute, _FLAGS)
    try:
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", absolute)
        if most is not None:
            return os.read(descriptor, most)
        if state.st_size > _MOST_BYTES:
            raise OSError(errno.EFBIG, "larger than 1 GiB", absolute)
        wanted = state.st_size + 1
        data = os.read(descriptor, wanted)
        # A regular file gives less than was asked for at its end alone, unless it grows while it is read.
        if len(data) < wanted:
            return data
        parts = [data]
        total = len(data)
        while data := os.read(descriptor, 1 << 20):
            parts.append(data)
            total += len(data)
            if total > _MOST_BYTES:
                raise OSError(errno.EFBIG, "larger than 1 GiB", absolute)
        return b"".join(parts)
    finally:
        os.close(descriptor)


class TextSource:
    """One text that is not on disk, such as standard input. Implements `model.run.Source`."""

    __slots__ = ("_file", "_root", "_text")

    def __init__(self, root: str, name: str, text: bytes) -> None:
        """`root`: the folder that `name` is relative to; nothing is read in it."""
        self._root = root
        self._file = File(path=name, size=len(text))
        self._text = text

    @property
    def root(self) -> str:
        """The folder that the text's name is relative to, absolute."""
        return self._root

    def files(self) -> tuple[File, ...]:
        """The text alone."""
        return (self._file,)

    def read(self, path: str) -> bytes:
        """The text, by its name. OSError for any other path."""
        if path != self._file.path:
            raise OSError(errno.ENOENT, "not what is scanned", path)
        return self._text

    def read_blob(self, blob: str) -> bytes:
        """OSError: there are no git objects."""
        raise OSError(errno.ENOENT, "there are no git objects", blob)

    def blob_at(self, commit: str, path: str) -> str:  # noqa: ARG002 - as `Source` has it
        """Empty: there are no git objects."""
        return ""
