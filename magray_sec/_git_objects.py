"""A repository's objects and references, read as the plain files that they are.

Loose objects, packs (version 2) and their indexes, packed and loose references: no program is run, no configuration,
hook, filter, replacement, graft or alternate obeyed, nothing written, no link followed, nothing but a regular file
opened. Objects are what they are stored as: a `.gitattributes` changes none of them. What is missing or damaged is a
`GitTrouble` with its reason, and the sizes that a damaged or hostile object states are never trusted with memory.

Not libgit2: its import costs more than a small range, it holds Python's lock while it inflates, and it follows
alternates out of the repository.
"""

from __future__ import annotations

import errno
import mmap
import os
import re
import stat
import struct
import threading
import zlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from magray_sec._git_tree import GITLINK, LINK, GitTrouble, Places, find_places, head_of, packed_references, plain_line
from magray_sec.model.run import File
from magray_sec.source import TreeSource

__all__ = ["GITLINK", "LINK", "BlobSource", "Commit", "Damaged", "GitTrouble", "Missing", "Objects", "Repository"]

FOLDER = 0o040000
MOST_BYTES = 1 << 30
"""No larger object is read."""
_CACHED_BYTES = 64 << 20
_LONGEST_CHAIN = 5000
_KINDS = {1: "commit", 2: "tree", 3: "blob", 4: "tag"}
_OFFSET_DELTA, _REFERENCE_DELTA = 6, 7
_ENTRY = re.compile(rb"([0-7]{5,6}) ([^\0]+)\0(.{20})", re.DOTALL)
_ENTRY_SHA256 = re.compile(rb"([0-7]{5,6}) ([^\0]+)\0(.{32})", re.DOTALL)
_HEX = re.compile(r"[0-9a-f]{4,64}\Z")
_STEP = re.compile(r"([~^])(\d*)")
_PLACES = ("{}", "refs/{}", "refs/tags/{}", "refs/heads/{}", "refs/remotes/{}", "refs/remotes/{}/HEAD")
"""Where git looks for a reference by a part of its name, in order."""
_MOST_BITS = 64
_MOST_STEPS = 100_000
_MOST_REFERENCES = 1_000_000
_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)


class Missing(GitTrouble):
    """The object is not here: a shallow or partial clone, or a repository that lost it."""


class Damaged(GitTrouble):
    """The object is here and cannot be read."""


class Commit(NamedTuple):
    """What a commit says of itself."""

    id: bytes
    tree: bytes
    parents: tuple[bytes, ...]
    authored: int | None
    """When its author wrote it, in seconds since 1970; None where it does not say."""
    committed: int


class Objects:
    """The objects of one repository. It may be used by several threads at once."""

    def __init__(self, folder: str, width: int = 20) -> None:
        """`folder`: the repository's `objects`; `width`: how many bytes an id has."""
        self.folder = folder
        self.width = width
        self._packs: list[_Pack] | None = None
        self._lock = threading.Lock()
        self._cache: OrderedDict[tuple[int, int], tuple[int, bytes]] = OrderedDict()
        self._cached = 0

    def read(self, oid: bytes) -> tuple[str, bytes]:
        """An object's kind (`commit`, `tree`, `blob`, `tag`) and its bytes. Missing or Damaged where that fails."""
        for pack in self._all_packs():
            offset = pack.find(oid)
            if offset is not None:
                kind, data = self._packed(pack, offset)
                return _KINDS[kind], data
        return self._loose(oid)

    def size(self, oid: bytes) -> int:
        """An object's size in bytes, without reading all of it. Missing or Damaged as for `read`."""
        for pack in self._all_packs():
            offset = pack.find(oid)
            if offset is not None:
                return pack.size(offset)
        return self._loose_head(oid)[1]

    def of_kind(self, oid: bytes, kind: str) -> bytes:
        """The bytes of an object that has to be of a kind. Damaged where it is of another."""
        found, data = self.read(oid)
        if found != kind:
            raise Damaged(f"{oid.hex()[:12]} is a {found} where a {kind} is due")
        return data

    def starting_with(self, prefix: str) -> set[bytes]:
        """The ids that start with some hexadecimal digits (at least four)."""
        found = {oid for pack in self._all_packs() for oid in pack.starting_with(prefix)}
        try:
            names = os.listdir(os.path.join(self.folder, prefix[:2]))
        except OSError:
            names = []
        rest = prefix[2:]
        found |= {
            bytes.fromhex(prefix[:2] + name)
            for name in names
            if name.startswith(rest) and len(name) == 2 * self.width - 2 and _HEX.match(name)
        }
        return found

    @property
    def borrows(self) -> bool:
        """Whether some of the objects may be in another repository, which is not looked into."""
        return os.path.lexists(os.path.join(self.folder, "info", "alternates"))

    def _all_packs(self) -> list[_Pack]:
        packs = self._packs
        if packs is None:
            with self._lock:
                if self._packs is None:
                    self._packs = list(self._open_packs())
                packs = self._packs
        return packs

    def _open_packs(self) -> Iterator[_Pack]:
        folder = os.path.join(self.folder, "pack")
        try:
            names = sorted(name for name in os.listdir(folder) if name.endswith(".idx"))
        except OSError:
            names = []
        # The largest first: most objects are in it.
        made = [_Pack(number, os.path.join(folder, name), self.width) for number, name in enumerate(names)]
        yield from sorted(made, key=lambda pack: (-pack.count, pack.number))

    def _packed(self, pack: _Pack, offset: int) -> tuple[int, bytes]:
        """The kind and bytes of what stands at an offset of a pack, its deltas applied."""
        known = self._recall(pack, offset)
        if known is not None:
            return known
        chain: list[tuple[int, bytes]] = []
        kind, data = 0, b""
        at = offset
        while True:
            known = self._recall(pack, at) if chain else None
            if known is not None:
                kind, data = known
                break
            kind, data, base = pack.entry(at)
            if kind in _KINDS:
                if chain:
                    self._keep(pack, at, kind, data)
                break
            if len(chain) >= _LONGEST_CHAIN:
                raise Damaged("an object is stored as a difference to itself")
            chain.append((at, data))
            if isinstance(base, int):
                at = base
                continue
            found = pack.find(base)
            if found is None:
                # A pack that is not whole by itself, as only a transfer has.
                name, data = self._loose(base)
                kind = next(number for number, word in _KINDS.items() if word == name)
                break
            at = found
        for place, delta in reversed(chain):
            data = _patched(data, delta)
            self._keep(pack, place, kind, data)
        return kind, data

    def _recall(self, pack: _Pack, offset: int) -> tuple[int, bytes] | None:
        key = (pack.number, offset)
        with self._lock:
            found = self._cache.get(key)
            if found is not None:
                self._cache.move_to_end(key)
        return found

    def _keep(self, pack: _Pack, offset: int, kind: int, data: bytes) -> None:
        if len(data) > _CACHED_BYTES // 8:
            return
        key = (pack.number, offset)
        with self._lock:
            if key in self._cache:
                return
            self._cache[key] = (kind, data)
            self._cached += len(data)
            while self._cached > _CACHED_BYTES:
                _, (_, dropped) = self._cache.popitem(last=False)
                self._cached -= len(dropped)

    def _loose(self, oid: bytes) -> tuple[str, bytes]:
        kind, size, raw = self._loose_head(oid)
        try:
            data = zlib.decompressobj().decompress(raw, size + 64)
        except (zlib.error, MemoryError) as error:
            raise Damaged(f"the object {oid.hex()[:12]} is damaged") from error
        data = data[data.index(b"\0") + 1 :]
        if len(data) != size:
            raise Damaged(f"the object {oid.hex()[:12]} is damaged")
        return kind, data

    def _loose_head(self, oid: bytes) -> tuple[str, int, bytes]:
        """A loose object's kind, its size and the whole file."""
        name = oid.hex()
        try:
            raw = _plain_bytes(os.path.join(self.folder, name[:2], name[2:]))
        except FileNotFoundError as error:
            raise Missing(f"the object {name[:12]} is not here") from error
        except OSError as error:
            raise Damaged(f"the object {name[:12]} cannot be read: {error.strerror}") from error
        try:
            head = zlib.decompressobj().decompress(raw, 64)
            kind, _, size = head[: head.index(b"\0")].decode("ascii").partition(" ")
            number = int(size)
        except (zlib.error, ValueError) as error:
            raise Damaged(f"the object {name[:12]} is damaged") from error
        if kind not in _KINDS.values() or not 0 <= number <= MOST_BYTES:
            raise Damaged(f"the object {name[:12]} is damaged or too large")
        return kind, number, raw


class _Pack:
    """A pack and its index, mapped into memory when first asked."""

    def __init__(self, number: int, index: str, width: int) -> None:
        self.number = number
        self.count = 0
        self._path = index.removesuffix(".idx") + ".pack"
        self._width = width
        self._data: mmap.mmap | None = None
        self._view: memoryview = memoryview(b"")
        self._lock = threading.Lock()
        try:
            self._index: mmap.mmap | bytes = _mapped(index)
            magic, version = struct.unpack_from(">4sI", self._index)
            self._fanout = struct.unpack_from(">256I", self._index, 8)
        except (OSError, struct.error, ValueError) as error:
            raise Damaged(f"the pack's index {os.path.basename(index)} cannot be read") from error
        if magic != b"\xfftOc" or version != 2:
            raise Damaged(f"the pack's index {os.path.basename(index)} is of a version that is not read")
        self.count = self._fanout[255]
        self._ids = 8 + 1024
        self._offsets = self._ids + self.count * (width + 4)
        self._large = self._offsets + self.count * 4
        ordered = all(low <= high for low, high in zip(self._fanout, self._fanout[1:], strict=False))
        if not ordered or len(self._index) < self._large + 2 * width:
            raise Damaged(f"the pack's index {os.path.basename(index)} is cut short")

    def find(self, oid: bytes) -> int | None:
        """Where an object stands in the pack; None where it does not."""
        first = oid[0]
        low, high = self._fanout[first - 1] if first else 0, self._fanout[first]
        index, width, ids = self._index, self._width, self._ids
        while low < high:
            middle = (low + high) >> 1
            at = ids + middle * width
            found = index[at : at + width]
            if found == oid:
                return self._offset(middle)
            if found < oid:
                low = middle + 1
            else:
                high = middle
        return None

    def starting_with(self, prefix: str) -> Iterator[bytes]:
        """The ids in the pack that start with some hexadecimal digits."""
        first = int(prefix[:2], 16)
        for number in range(self._fanout[first - 1] if first else 0, self._fanout[first]):
            at = self._ids + number * self._width
            oid = self._index[at : at + self._width]
            if oid.hex().startswith(prefix):
                yield oid

    def entry(self, offset: int) -> tuple[int, bytes, int | bytes]:
        """What is stored at an offset: its kind, its bytes, and for a difference what it is one to."""
        kind, size, base, at = self._head(offset)
        try:
            # What a decompressor is given and does not use, it copies: it is given no more than `size` can take.
            stored = self._view[at : at + size + (size >> 8) + 64]
            data = zlib.decompressobj().decompress(stored, size + 1) if size else b""
        except (zlib.error, MemoryError) as error:
            raise Damaged(f"an object in {os.path.basename(self._path)} is damaged") from error
        if len(data) != size:
            raise Damaged(f"an object in {os.path.basename(self._path)} is damaged")
        return kind, data, base

    def size(self, offset: int) -> int:
        """The size of the object at an offset, its deltas applied."""
        kind, size, _, at = self._head(offset)
        if kind in _KINDS:
            return size
        try:
            start = zlib.decompressobj().decompress(self._view[at : at + 256], 32)
            _, position = _number(start, 0)
            return _number(start, position)[0]
        except (zlib.error, IndexError) as error:
            raise Damaged(f"an object in {os.path.basename(self._path)} is damaged") from error

    def _head(self, offset: int) -> tuple[int, int, int | bytes, int]:
        """Kind, stored size, base and the place of the compressed bytes."""
        data = self._opened()
        base: int | bytes = 0
        try:
            byte = data[offset]
            at = offset + 1
            kind, size, shift = (byte >> 4) & 7, byte & 15, 4
            while byte & 0x80 and shift < _MOST_BITS:
                byte = data[at]
                at += 1
                size |= (byte & 0x7F) << shift
                shift += 7
            if kind == _OFFSET_DELTA:
                byte = data[at]
                at += 1
                back = byte & 0x7F
                while byte & 0x80 and back < offset:
                    byte = data[at]
                    at += 1
                    back = ((back + 1) << 7) | (byte & 0x7F)
                base = offset - back
            elif kind == _REFERENCE_DELTA:
                base = data[at : at + self._width]
                at += self._width
        except IndexError as error:
            raise Damaged(f"an object in {os.path.basename(self._path)} is damaged") from error
        is_base = not isinstance(base, int) or 0 < base < offset or kind != _OFFSET_DELTA
        if size > MOST_BYTES or kind not in (*_KINDS, _OFFSET_DELTA, _REFERENCE_DELTA) or not is_base:
            raise Damaged(f"an object in {os.path.basename(self._path)} is damaged or too large")
        return kind, size, base, at

    def _offset(self, number: int) -> int:
        (offset,) = struct.unpack_from(">I", self._index, self._offsets + 4 * number)
        if offset & 0x80000000:
            at = self._large + 8 * (offset & 0x7FFFFFFF)
            if at + 8 > len(self._index):
                raise Damaged(f"the index of {os.path.basename(self._path)} is damaged")
            (offset,) = struct.unpack_from(">Q", self._index, at)
        return int(offset)

    def _opened(self) -> mmap.mmap:
        with self._lock:
            if self._data is None:
                try:
                    self._data = _mapped(self._path)
                except (OSError, ValueError) as error:
                    raise Damaged(f"the pack {os.path.basename(self._path)} cannot be read") from error
                if self._data[:4] != b"PACK":
                    raise Damaged(f"the pack {os.path.basename(self._path)} is none")
                self._view = memoryview(self._data)
            return self._data


def _number(data: bytes, at: int) -> tuple[int, int]:
    """A number as deltas store sizes, and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return value, at


def _patched(base: bytes, delta: bytes) -> bytes:
    """What a delta makes of its base. Damaged where it makes nothing."""
    try:
        source, at = _number(delta, 0)
        size, at = _number(delta, at)
        data = b"".join(_copies(memoryview(base), delta, at, size)) if size <= MOST_BYTES else b""
    except IndexError as error:
        raise Damaged("a difference between two objects is damaged") from error
    if len(data) != size or source != len(base):
        raise Damaged("a difference between two objects is damaged")
    return data


def _copies(base: memoryview, delta: bytes, at: int, size: int) -> list[bytes | memoryview]:
    """The parts that a delta's instructions give, one beyond `size` bytes at most. IndexError where they end early."""
    parts: list[bytes | memoryview] = []
    end, total = len(delta), 0
    while at < end and total <= size:
        code = delta[at]
        at += 1
        if code & 0x80:
            offset = length = 0
            if code & 0x01:
                offset = delta[at]
                at += 1
            if code & 0x02:
                offset |= delta[at] << 8
                at += 1
            if code & 0x04:
                offset |= delta[at] << 16
                at += 1
            if code & 0x08:
                offset |= delta[at] << 24
                at += 1
            if code & 0x10:
                length = delta[at]
                at += 1
            if code & 0x20:
                length |= delta[at] << 8
                at += 1
            if code & 0x40:
                length |= delta[at] << 16
                at += 1
            length = length or 0x10000
            part: bytes | memoryview = base[offset : offset + length]
        else:
            length = code
            part = delta[at : at + length]
            at += length
        if len(part) != length or not length:
            raise IndexError
        parts.append(part)
        total += length
    return parts


class Repository:
    """A repository as its objects and references. `objects` reads the first, `references` the second."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.objects = Objects(os.path.join(places.common_dir, "objects"), places.width)

    @staticmethod
    def at(folder: str) -> Repository | None:
        """The repository whose work tree an absolute folder lies in; None where it lies in none. GitTrouble where its
        records cannot be read."""
        places = find_places(folder)
        return Repository(places) if places else None

    def head(self) -> bytes | None:
        """The commit that is checked out; None where there is none yet."""
        commit, _ = head_of(self.places.git_dir, self.places.common_dir)
        return bytes.fromhex(commit) if commit else None

    def shallow(self) -> frozenset[bytes]:
        """The commits whose parents a shallow clone left behind."""
        path = os.path.join(self.places.common_dir, "shallow")
        try:
            lines = _plain_bytes(path).decode("ascii", "replace").split()
        except OSError:
            return frozenset()
        return frozenset(bytes.fromhex(line) for line in lines if _HEX.match(line) and len(line) in (40, 64))

    def references(self) -> Mapping[str, bytes]:
        """Every reference by its full name, loose ones before packed ones, sorted; symbolic ones are left out, since
        what they lead to is there. Also, as `HEAD`, `stash@{n}` and `worktrees/NAME/HEAD`: what is checked out here and
        in linked work trees, and every stash. GitTrouble where they are kept in a format that is not read."""
        if self.places.has_reftable:
            raise GitTrouble("its references are kept in a format (reftable) that is not read")
        common = self.places.common_dir
        found: dict[str, bytes] = dict(packed_references(common))
        pending = ["refs"]
        while pending:
            folder = pending.pop()
            for entry in _listed(os.path.join(common, folder)):
                name = f"{folder}/{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    pending.append(name)
                elif entry.is_file(follow_symlinks=False) and (oid := self._oid(plain_line(entry.path))):
                    found[name] = oid
                if len(found) > _MOST_REFERENCES:
                    raise GitTrouble(f"it has more than {_MOST_REFERENCES} references")
        if head := self.head():
            found["HEAD"] = head
        for entry in _listed(os.path.join(common, "worktrees")):
            commit, _ = head_of(entry.path, common) if entry.is_dir(follow_symlinks=False) else (None, None)
            if commit:
                found[f"worktrees/{entry.name}/HEAD"] = bytes.fromhex(commit)
        found.update(self._stashes())
        return dict(sorted(found.items(), key=lambda pair: os.fsencode(pair[0])))

    def _stashes(self) -> Iterator[tuple[str, bytes]]:
        # A stash below the newest is in no reference: only the log of `refs/stash` names it.
        try:
            log = _plain_bytes(os.path.join(self.places.common_dir, "logs", "refs", "stash"))
        except OSError:
            return
        for number, line in enumerate(log.splitlines()):
            fields = line.split(b" ", 2)
            if len(fields) == 3 and (oid := self._oid(fields[1].decode("ascii", "replace"))):
                yield f"stash@{{{number}}}", oid

    def _oid(self, text: str) -> bytes | None:
        if len(text) != 2 * self.objects.width or not _HEX.match(text):
            return None
        oid = bytes.fromhex(text)
        return oid if any(oid) else None

    def commit(self, oid: bytes) -> Commit:
        """A commit by its id. Missing or Damaged where it cannot be read."""
        data = self.objects.of_kind(oid, "commit")
        tree = b""
        parents = []
        authored: int | None = None
        committed = 0
        try:
            for line in data[: data.find(b"\n\n") if b"\n\n" in data else len(data)].split(b"\n"):
                if line.startswith(b"parent "):
                    parents.append(bytes.fromhex(line[7:].decode("ascii")))
                elif line.startswith(b"tree ") and not tree:
                    tree = bytes.fromhex(line[5:].decode("ascii"))
                elif line.startswith(b"author "):
                    authored = _seconds(line)
                elif line.startswith(b"committer "):
                    committed = _seconds(line) or 0
                    break
        except ValueError as error:
            raise Damaged(f"the commit {oid.hex()[:12]} is damaged") from error
        if {len(entry) for entry in (tree, *parents)} != {self.objects.width}:
            raise Damaged(f"the commit {oid.hex()[:12]} is damaged")
        return Commit(oid, tree, tuple(dict.fromkeys(parents)), authored, committed)

    def tree(self, oid: bytes) -> list[tuple[bytes, bytes, bytes]]:
        """A tree's entries as (mode in octal digits, name, id). Missing or Damaged where it cannot be read."""
        data = self.objects.of_kind(oid, "tree")
        pattern = _ENTRY if self.objects.width == 20 else _ENTRY_SHA256
        entries = pattern.findall(data)
        if sum(map(len, (part for entry in entries for part in entry))) + 2 * len(entries) != len(data):
            raise Damaged(f"the tree {oid.hex()[:12]} is damaged")
        return entries

    def peeled(self, oid: bytes) -> tuple[str, bytes]:
        """What an object stands for, tags followed: its kind and id."""
        for _ in range(_LONGEST_CHAIN):
            kind, data = self.objects.read(oid)
            if kind != "tag":
                return kind, oid
            first = data.partition(b"\n")[0]
            target = self._oid(first.removeprefix(b"object ").decode("ascii", "replace"))
            if target is None:
                raise Damaged(f"the tag {oid.hex()[:12]} is damaged")
            oid = target
        raise Damaged("a tag leads to itself")

    def resolve(self, name: str) -> bytes:
        """The commit that a name means: an id or its start, HEAD, a reference, with `~n` and `^n` behind it.

        GitTrouble where there is none, or more than one.
        """
        start = min((place for place in (name.find("~"), name.find("^")) if place >= 0), default=len(name))
        steps = name[start:]
        if sum(len(found[0]) for found in _STEP.finditer(steps)) != len(steps) or "@{" in name:
            raise GitTrouble(f"'{name}' is not read: name a branch, a tag or a commit")
        kind, oid = self.peeled(self._named(name[:start]))
        if kind != "commit":
            raise GitTrouble(f"'{name}' is a {kind}, not a commit")
        for found in _STEP.finditer(steps):
            count = int(found[2] or 1)
            if count > _MOST_STEPS:
                raise GitTrouble(f"'{name}' leads too far back")
            wanted = [1] * count if found[1] == "~" else [count] if count else []
            for parent in wanted:
                parents = self.commit(oid).parents
                if parent > len(parents):
                    raise GitTrouble(f"'{name}': the commit {oid.hex()[:12]} has no such parent")
                oid = parents[parent - 1]
        return oid

    def _named(self, name: str) -> bytes:
        if name in ("HEAD", "@"):
            head = self.head()
            if head is None:
                raise GitTrouble("HEAD is no commit yet")
            return head
        full = self._oid(name)
        if full:
            return full
        if name and not name.startswith("/") and ".." not in name.split("/") and "\0" not in name and ":" not in name:
            if self.places.has_reftable:
                raise GitTrouble("its references are kept in a format (reftable) that is not read")
            common = self.places.common_dir
            packed: Mapping[str, bytes] | None = None
            for pattern in _PLACES:
                place = pattern.format(name)
                if not place.startswith("refs/"):
                    continue
                text = plain_line(os.path.join(common, place))
                for _ in range(5):
                    if not text.startswith("ref: refs/") or ".." in text:
                        break
                    place = text[5:].strip()
                    text = plain_line(os.path.join(common, place))
                if oid := self._oid(text):
                    return oid
                packed = dict(packed_references(common)) if packed is None else packed
                if place in packed:
                    return packed[place]
        if _HEX.match(name):
            found = self.objects.starting_with(name)
            if len(found) == 1:
                return found.pop()
            if found:
                raise GitTrouble(f"'{name}' is the start of {len(found)} objects")
        raise GitTrouble(f"there is no branch, tag or commit '{name}' here")


class BlobSource(TreeSource):
    """The files of a folder, and the objects of the repository that it belongs to."""

    __slots__ = ("_objects",)

    def __init__(self, root: str, files: tuple[File, ...], objects: Objects) -> None:
        super().__init__(root, files)
        self._objects = objects

    @property
    def objects(self) -> tuple[str, int]:
        """Where the objects are and how many bytes an id has: what another process needs to read them."""
        return self._objects.folder, self._objects.width

    def read_blob(self, blob: str) -> bytes:
        """The bytes of a git object by its id. OSError where it cannot be read."""
        try:
            return self._objects.of_kind(bytes.fromhex(blob), "blob")
        except (GitTrouble, ValueError) as error:
            raise OSError(errno.EIO, str(error)) from error

    def blob_at(self, commit: str, path: str) -> str:
        """The id of the git object that is the file at a path in a commit; empty where there is none."""
        try:
            head = self._objects.of_kind(bytes.fromhex(commit), "commit").partition(b"\n")[0]
            found = bytes.fromhex(head.removeprefix(b"tree ").decode("ascii", "replace"))
            pattern = _ENTRY if self._objects.width == 20 else _ENTRY_SHA256
            for name in path.split("/"):
                entries = pattern.findall(self._objects.of_kind(found, "tree"))
                found = {entry: oid for _, entry, oid in entries}[os.fsencode(name)]
            self._objects.of_kind(found, "blob")
        except (GitTrouble, KeyError, ValueError):
            return ""
        return found.hex()


def _seconds(line: bytes) -> int | None:
    fields = line.rsplit(b" ", 2)
    try:
        return int(fields[1]) if len(fields) == 3 and len(fields[1]) < 20 else None
    except ValueError:
        return None


def _listed(folder: str) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as listing:
            yield from sorted(listing, key=lambda entry: os.fsencode(entry.name))
    except OSError:
        return


def _opened(path: str) -> int:
    descriptor = os.open(path, _FLAGS)
    state = os.fstat(descriptor)
    if not stat.S_ISREG(state.st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file", path)
    return descriptor


def _plain_bytes(path: str) -> bytes:
    with os.fdopen(_opened(path), "rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise OSError(errno.EFBIG, "larger than 1 GiB", path)
    return data


def _mapped(path: str) -> mmap.mmap:
    descriptor = _opened(path)
    try:
        return mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
    finally:
        os.close(descriptor)
