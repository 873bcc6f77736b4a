"""What git records of a work tree: which files it tracks, the commit, the branch, where it came from.

Nothing of the repository is executed and none of its settings obeyed: HEAD, references, the index and the remote's URL
are read as the plain files that they are, and objects through libgit2 with neither configuration nor work tree.
libgit2's own status and ignore rules are not used: a FIFO named `.gitignore`, or one that an `include.path` names,
stops it for ever, and its matcher of patterns takes exponential time. All reads refuse what is not a regular file.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from magray_sec.model.text import clean, shown_path

_MOST_INDEX_BYTES = 1 << 30
_MOST_TEXT_BYTES = 16 << 20
_MOST_HASHED_BYTES = 64 << 20
"""To tell whether the tree is as committed, at most so much is read; beyond, it is taken to differ."""

LINK = 0o120000
GITLINK = 0o160000
_FOLDER = 0o040000

_HEX = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})\Z")


class GitTrouble(Exception):  # noqa: N818 - not an error of ours
    """The repository cannot be read. The message says why, in one line."""


class Entry(NamedTuple):
    """One path of the index."""

    mode: int
    size: int
    """Modulo 2**32; 0 may also stand for "look at the file"."""
    mtime_ns: int
    oid: bytes
    is_left_out: bool = False
    """By a sparse checkout: that it is not on disk is no change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkTree:
    """A git work tree as its own records describe it."""

    top: str
    """The folder that holds `.git`, absolute."""
    git_dir: str
    common_dir: str
    """Where the objects are; not `git_dir` in a linked work tree."""
    commit: str | None
    branch: str | None
    repository: str | None
    """The remote's URL without user info, query and fragment; None for one that is a path of this machine."""
    entries: Mapping[str, Entry]
    """By path relative to `top`, `/`-separated."""
    sparse: Mapping[str, Entry]
    """Whole folders that a sparse checkout leaves out."""
    written_ns: int
    """When the index was written; 0: there is none."""
    has_conflicts: bool = False


def is_repository(path: str) -> bool:
    """Whether `path` (a `.git`) is what git takes for a repository: a folder with HEAD and objects, or a pointer."""
    try:
        if stat.S_ISREG(os.stat(path).st_mode):
            return _read(path, 4096).startswith(b"gitdir:")
        if not stat.S_ISREG(os.stat(os.path.join(path, "HEAD")).st_mode):
            return False
    except (OSError, GitTrouble):
        return False
    return os.path.isdir(os.path.join(path, "objects")) or os.path.isfile(os.path.join(path, "commondir"))


def is_bare(path: str) -> bool:
    """Whether the folder is a repository without a work tree (or the inside of a `.git`)."""
    return is_repository(path) and os.path.isdir(os.path.join(path, "refs"))


def find_top(folder: str) -> str | None:
    """The work tree that an absolute folder lies in: the nearest folder upwards that holds a repository.

    As git does, the search ends at the edge of the file system.
    """
    try:
        device = os.stat(folder).st_dev
        while not is_repository(os.path.join(folder, ".git")):
            parent = os.path.dirname(folder)
            if parent == folder or os.stat(parent).st_dev != device:
                return None
            folder = parent
    except OSError:
        return None
    return folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where a repository keeps its records, and in which formats."""

    top: str
    """The folder that holds `.git`, absolute."""
    git_dir: str
    common_dir: str
    """Where the objects are; not `git_dir` in a linked work tree."""
    settings: Mapping[tuple[str, str, str], str]
    """Of the repository's own configuration file, by (section, subsection, name)."""

    @property
    def width(self) -> int:
        """How many bytes an object's id has."""
        return 32 if self.settings.get(("extensions", "", "objectformat"), "").lower() == "sha256" else 20

    @property
    def has_reftable(self) -> bool:
        """Whether the references are kept in tables, which are not read."""
        return self.settings.get(("extensions", "", "refstorage"), "").lower().startswith("reftable")

    @property
    def is_partial(self) -> bool:
        """Whether it is a partial clone, which leaves objects behind until they are asked for."""
        return any(key == "promisor" for _, _, key in self.settings) or (
            ("extensions", "", "partialclone") in self.settings
        )

    @property
    def repository(self) -> str | None:
        """The remote's URL without user info, query and fragment; None for one that is a path of this machine."""
        return _repository(self.settings)


def find_places(folder: str) -> Places | None:
    """The repository whose work tree an absolute folder lies in; None where it lies in none. GitTrouble where it is
    there and cannot be read."""
    top = find_top(folder)
    try:
        return _places(top) if top is not None else None
    except OSError as error:
        raise GitTrouble(f"its records cannot be read: {error.strerror}") from error


def _places(top: str) -> Places:
    git_dir = os.path.join(top, ".git")
    if not os.path.isdir(git_dir):
        pointer = _read(git_dir, 4096).removeprefix(b"gitdir:").strip()
        git_dir = os.path.normpath(os.path.join(top, os.fsdecode(pointer)))
    common_dir = git_dir
    if os.path.lexists(os.path.join(git_dir, "commondir")):
        pointer = _read(os.path.join(git_dir, "commondir"), 4096).strip()
        common_dir = os.path.normpath(os.path.join(git_dir, os.fsdecode(pointer)))
    settings = _settings(os.path.join(common_dir, "config"))
    return Places(top=top, git_dir=git_dir, common_dir=common_dir, settings=settings)


def read_work_tree(top: str) -> WorkTree:
    """All that is recorded of the work tree at `top`. GitTrouble where its index cannot be read."""
    places = _places(top)
    git_dir, common_dir = places.git_dir, places.common_dir
    index = os.path.join(git_dir, "index")
    entries: dict[str, Entry] = {}
    has_conflicts = False
    written_ns = 0
    if os.path.lexists(index):
        width = places.width
        data = _read(index, _MOST_INDEX_BYTES)
        written_ns = os.stat(index).st_mtime_ns
        try:
            entries, has_conflicts = _entries(data, width)
        except (struct.error, ValueError, IndexError) as error:
            raise GitTrouble(f"the index cannot be read ({clean(str(error))})") from error
    commit, branch = head_of(git_dir, common_dir)
    return WorkTree(
        top=top,
        git_dir=git_dir,
        common_dir=common_dir,
        commit=commit,
        branch=branch,
        repository=places.repository,
        entries={path: entry for path, entry in entries.items() if entry.mode != _FOLDER},
        sparse={path.rstrip("/"): entry for path, entry in entries.items() if entry.mode == _FOLDER},
        written_ns=written_ns,
        has_conflicts=has_conflicts,
    )


def name_of(repository: str | None, top: str, prefix: str) -> str:
    """What a target is called by where it came from and its place in the work tree; empty where neither says."""
    name = (repository or "").rstrip("/").rpartition("/")[2].removesuffix(".git")
    return f"{name or shown_path(os.path.basename(top))}/{shown_path(prefix.rstrip('/'))}" if prefix else name


def ignored_by_clone(tree: WorkTree) -> bytes:
    """The patterns of the clone's own `info/exclude`; empty where there are none, or none that can be read."""
    try:
        return _read(os.path.join(tree.common_dir, "info", "exclude"), 1 << 20)
    except (GitTrouble, OSError):
        return b""


def differs_from_commit(tree: WorkTree, prefix: str, states: Iterable[tuple[str, os.stat_result]]) -> bool:
    """Whether what lies below `prefix` (empty, or ending in `/`) may differ from the commit.

    `states`: every tracked file there, by path relative to the top, with its lstat. False is certain; True is not
    where contents pass through a filter (line ends, LFS), or where telling would mean reading a lot.
    """
    if tree.commit is None or tree.has_conflicts:
        return True
    budget = _MOST_HASHED_BYTES
    suspects = []
    for path, state in states:
        entry = tree.entries[path]
        if is_untouched(entry, state, tree.written_ns):
            continue
        # A size of 0 is also how git marks an entry that it could not vouch for when it wrote the index.
        if entry.size and state.st_size & 0xFFFFFFFF != entry.size:
            return True
        budget -= state.st_size
        if budget < 0:
            return True
        suspects.append((path, entry))
    return any(not _has_content(os.path.join(tree.top, path), entry) for path, entry in suspects) or _is_staged(
        tree, prefix
    )


def is_untouched(entry: Entry, state: os.stat_result, written_ns: int) -> bool:
    """Whether a file of that lstat holds what the index says, for certain."""
    if state.st_size & 0xFFFFFFFF != entry.size:
        return False
    if entry.mtime_ns % 1_000_000_000:
        same = entry.mtime_ns == state.st_mtime_ns
    else:
        same = entry.mtime_ns // 1_000_000_000 == state.st_mtime_ns // 1_000_000_000
    # Written after, or as, the index was: it may have been changed within the clock's grain.
    return same and entry.mtime_ns < written_ns


def _has_content(path: str, entry: Entry) -> bool:
    try:
        data = os.fsencode(os.readlink(path)) if entry.mode & 0o170000 == LINK else _read(path, _MOST_HASHED_BYTES)
    except (OSError, GitTrouble):
        return False
    blob = b"blob %d\0" % len(data) + data
    # git's own content addresses, not a protection of anything.
    digest = hashlib.sha256(blob) if len(entry.oid) == 32 else hashlib.sha1(blob, usedforsecurity=False)
    return digest.digest() == entry.oid


def _is_staged(tree: WorkTree, prefix: str) -> bool:
    """Whether the index differs from the commit below `prefix`; True where that cannot be told."""
    objects = os.path.join(tree.common_dir, "objects")
    if tree.commit is None or len(tree.commit) != 40 or not _is_plain(objects):
        return True
    import pygit2  # noqa: PLC0415

    try:
        # A repository of no place: it has these objects, and no configuration, references, hooks or work tree.
        repository = pygit2.Repository()
        repository.set_odb(pygit2.Odb(objects))
        committed: Any = repository[tree.commit].peel(pygit2.Tree)
        for name in prefix.split("/")[:-1]:
            committed = committed / name
        count = 0
        pending = [(prefix, committed)]
        while pending:
            place, listing = pending.pop()
            for found in listing:
                path = place + os.fsdecode(found.raw_name)
                if found.filemode == _FOLDER and path not in tree.sparse:
                    pending.append((f"{path}/", found))
                    continue
                recorded = tree.sparse.get(path) or tree.entries.get(path)
                if recorded is None or (recorded.mode, recorded.oid) != (found.filemode, found.id.raw):
                    return True
                count += 1
    except (pygit2.GitError, KeyError, ValueError, TypeError, OSError):
        return True
    return count != sum(path.startswith(prefix) for known in (tree.entries, tree.sparse) for path in known)


def _is_plain(objects: str) -> bool:
    """Whether a folder of objects holds folders and regular files alone and borrows from no other.

    libgit2 would wait for ever on a FIFO.
    """
    pending = [objects]
    try:
        while pending:
            with os.scandir(pending.pop()) as listing:
                for entry in listing:
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
                    elif not entry.is_file(follow_symlinks=False) or entry.name == "alternates":
                        return False
    except OSError:
        return False
    return True


def _entries(data: bytes, width: int) -> tuple[dict[str, Entry], bool]:
    """The index's entries (gitformat-index versions 2 to 4), and whether some are in conflict."""
    if data[:4] != b"DIRC":
        raise ValueError("no signature")
    version, count = struct.unpack_from(">II", data, 4)
    if version not in (2, 3, 4):
        raise ValueError(f"version {version}")
    fixed = struct.Struct(f">10I{width}sH")
    head = fixed.size
    entries: dict[str, Entry] = {}
    has_conflicts = False
    position = 12
    name = b""
    for _ in range(count):
        start = position
        _, _, seconds, nanoseconds, _, _, mode, _, _, size, oid, flags = fixed.unpack_from(data, position)
        position += head
        more = 0
        if flags & 0x4000:
            (more,) = struct.unpack_from(">H", data, position)
            position += 2
        if version == 4:
            cut, position = _varint(data, position)
            if cut > len(name):
                raise ValueError("a name that is cut too short")
            end = data.index(b"\0", position)
            name = name[: len(name) - cut] + data[position:end]
            position = end + 1
        else:
            end = data.index(b"\0", position)
            name = data[position:end]
            position = start + ((end - start) // 8 + 1) * 8
        has_conflicts = has_conflicts or bool(flags & 0x3000)
        entries[os.fsdecode(name)] = Entry(mode, size, seconds * 1_000_000_000 + nanoseconds, oid, more & 0x4000 != 0)
    _check_extensions(data, position, width)
    return entries, has_conflicts


def _check_extensions(data: bytes, position: int, width: int) -> None:
    """ValueError where what follows the entries changes what they mean (a split index)."""
    while position < len(data) - width:
        name = data[position : position + 4]
        (size,) = struct.unpack_from(">I", data, position + 4)
        # A lower-case name must be understood. `sdir` says that whole folders may be left out, as they are here.
        if name[:1].islower() and name != b"sdir":
            raise ValueError(f"it has the extension {name.decode('ascii', 'replace')}")
        position += 8 + size
    if position != len(data) - width:
        raise ValueError("it is cut short")


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """A number in the offset encoding of git, and where it ends."""
    byte = data[position]
    position += 1
    value = byte & 0x7F
    while byte & 0x80:
        byte = data[position]
        position += 1
        value = ((value + 1) << 7) | (byte & 0x7F)
        if value > _MOST_INDEX_BYTES:
            raise ValueError("a number out of range")
    return value, position


def head_of(git_dir: str, common_dir: str) -> tuple[str | None, str | None]:
    """The commit and the branch that HEAD stands for; None each where it does not say."""
    text = plain_line(os.path.join(git_dir, "HEAD"))
    branch = None
    for _ in range(5):
        if not text.startswith("ref:"):
            break
        name = text[4:].strip()
        if not name.startswith("refs/") or ".." in name or "\0" in name:
            return None, None
        branch = clean(name.removeprefix("refs/heads/")) if name.startswith("refs/heads/") else branch
        loose = plain_line(os.path.join(git_dir, name)) or plain_line(os.path.join(common_dir, name))
        text = loose or _packed(common_dir, name)
    if branch == ".invalid":
        # The mark of a repository that keeps its references in another format.
        branch = None
    return (text if _HEX.match(text) else None), branch


def packed_references(common_dir: str) -> Iterator[tuple[str, bytes]]:
    """The references that `packed-refs` holds, as (full name, object)."""
    try:
        data = _read(os.path.join(common_dir, "packed-refs"), _MOST_INDEX_BYTES)
    except (OSError, GitTrouble):
        return
    for line in data.splitlines():
        oid, _, name = line.partition(b" ")
        if name.startswith(b"refs/") and _HEX.match(text := oid.decode("ascii", "replace")):
            yield os.fsdecode(name), bytes.fromhex(text)


def _packed(common_dir: str, name: str) -> str:
    try:
        data = _read(os.path.join(common_dir, "packed-refs"), _MOST_TEXT_BYTES)
    except (OSError, GitTrouble):
        return ""
    wanted = b" " + os.fsencode(name)
    for line in data.splitlines():
        if line.endswith(wanted) and len(line) - len(wanted) in (40, 64):
            return line[: -len(wanted)].decode("ascii", "replace")
    return ""


def plain_line(path: str) -> str:
    """The first line of a small file; empty where it cannot be read."""
    try:
        return os.fsdecode(_read(path, 4096)).partition("\n")[0].strip()
    except (OSError, GitTrouble, ValueError):
        return ""


_SECTION = re.compile(r'\[\s*([-.A-Za-z0-9]+)(?:\s+"((?:[^"\\]|\\.)*)")?\s*\]')
_SETTING = re.compile(r"([A-Za-z][-A-Za-z0-9]*)\s*=\s*(.*)\Z")


def _settings(path: str) -> dict[tuple[str, str, str], str]:
    """A git configuration file's settings by (section, subsection, name); what it includes is not looked at."""
    try:
        text = _read(path, _MOST_TEXT_BYTES).decode("utf-8", "replace")
    except (OSError, GitTrouble):
        return {}
    settings: dict[tuple[str, str, str], str] = {}
    section = ("", "")
    for raw in text.splitlines():
        line = raw.strip()
        if found := _SECTION.match(line):
            section = (found[1].lower(), re.sub(r"\\(.)", r"\1", found[2] or ""))
            line = line[found.end() :].strip()
        if found := _SETTING.match(line):
            value = re.split(r"\s[#;]", found[2], maxsplit=1)[0].strip().strip('"')
            settings.setdefault((*section, found[1].lower()), value)
    return settings


def _repository(settings: Mapping[tuple[str, str, str], str]) -> str | None:
    urls = {name: url for (section, name, key), url in settings.items() if section == "remote" and key == "url"}
    url = urls.get("origin") or next(iter(urls.values()), "")
    if "://" not in url and (found := re.match(r"(?:[^@/\s]+@)?([-.\w]+):([^/\\:\s]\S*)\Z", url)):
        url = f"ssh://{found[1]}/{found[2]}"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https", "ssh", "git") or not host:
        return None
    place = f"[{host}]" if ":" in host else host
    return clean(f"{parts.scheme}://{place}{f':{port}' if port else ''}{parts.path}") or None


def _read(path: str, most: int) -> bytes:
    """A regular file's bytes. GitTrouble where it is none or holds more than `most`; OSError where it is not there."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags | getattr(os, "O_NOCTTY", 0))
    except ValueError as error:
        raise OSError(errno.EINVAL, "not a path of this system", path) from error
    with os.fdopen(descriptor, "rb") as file:
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode):
            raise GitTrouble(f"'{os.path.basename(path)}' is not a regular file")
        if state.st_size > most:
            raise GitTrouble(f"'{os.path.basename(path)}' is larger than {most} bytes")
        return file.read(most + 1)[:most]
