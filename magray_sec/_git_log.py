"""Which commits a range holds, what they change, and what a history brought in: from objects alone.

A line is added where the file held fewer of it before: a line that only moved within its file is not added, a file that
moved is added as a whole (its secrets have another name now). Ends of lines do not count. No renames are guessed.
"""

from __future__ import annotations

import heapq
import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from magray_sec._git_objects import FOLDER, GITLINK, LINK, Commit, GitTrouble, Missing, Repository
from magray_sec.regex.encoding import readable

_LAST_SECOND = 253_402_300_799
"""Of the year 9999."""
_DEEPEST = 2000
_TOO_DEEP = "it is nested too deeply"
_FEW_LETTERS = 4
_FEW_QUEUED = 4096

Lines = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A file that a commit, or a work tree, holds otherwise than all of what it is compared with."""

    path: str
    mode: int
    blob: bytes
    before: tuple[bytes, ...]
    """What stands there in each of those that hold a file there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """A folder of a commit that could not be read."""

    path: str
    reason: str


def date_of(seconds: int | None) -> str:
    """Seconds since 1970 as ISO 8601 in UTC; empty for what is no date of the years 1 to 9999 after 1970."""
    if seconds is None or not 0 <= seconds <= _LAST_SECOND:
        return ""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def between(repository: Repository, tips: Iterable[bytes], known: Iterable[bytes]) -> tuple[Commit, ...]:
    """The commits that lead to `tips` and not to `known`, each after its parents, else by date and id.

    Missing where one of them is not here, with the reason: a shallow clone, most often. Where the dates of commits run
    backwards, more may be returned than there are, never fewer.
    """
    read: dict[bytes, Commit] = {}
    wanted = set(tips)
    unwanted = set(known)
    queue: list[tuple[int, bytes]] = []
    queued: set[bytes] = set()

    def push(oid: bytes) -> None:
        if oid not in queued:
            queued.add(oid)
            if oid not in read:
                read[oid] = _read(repository, oid)
            heapq.heappush(queue, (-read[oid].committed, oid))

    for oid in sorted(wanted | unwanted):
        push(oid)
    done: set[bytes] = set()
    floor: int | None = None
    while queue:
        still = any(oid not in unwanted for _, oid in queue) if len(queue) < _FEW_QUEUED else True
        # Commits with dates that run backwards: what is unwanted is followed as far back as what is wanted.
        if not still and (floor is None or -queue[0][0] < floor):
            break
        _, oid = heapq.heappop(queue)
        queued.discard(oid)
        commit = read[oid]
        if oid in unwanted:
            for parent in commit.parents:
                if parent not in unwanted:
                    unwanted.add(parent)
                    try:
                        push(parent)
                    except Missing:
                        continue  # what lies behind it is not wanted
            continue
        if oid in done:
            continue
        done.add(oid)
        floor = commit.committed if floor is None else min(floor, commit.committed)
        for parent in commit.parents:
            push(parent)
    # What turned out to be unwanted after it was looked at takes its ancestors along.
    chosen = {oid for oid in done if oid not in unwanted}
    pending = [oid for oid in done if oid in unwanted]
    while pending:
        for parent in read[pending.pop()].parents:
            if parent in chosen:
                chosen.discard(parent)
                pending.append(parent)
    return in_order([read[oid] for oid in chosen])


def _read(repository: Repository, oid: bytes) -> Commit:
    try:
        return repository.commit(oid)
    except Missing as error:
        why = "this is a shallow clone" if repository.shallow() else "the repository is not whole"
        raise Missing(f"the commit {oid.hex()[:12]} is not here: {why}") from error


def in_order(commits: Collection[Commit]) -> tuple[Commit, ...]:
    """The commits, each after its parents, else by date and id."""
    by_id = {commit.id: commit for commit in commits}
    waiting = {commit.id: sum(parent in by_id for parent in commit.parents) for commit in commits}
    children: dict[bytes, list[bytes]] = {}
    for commit in commits:
        for parent in commit.parents:
            if parent in by_id:
                children.setdefault(parent, []).append(commit.id)
    ready = [(commit.committed, commit.id) for commit in commits if not waiting[commit.id]]
    heapq.heapify(ready)
    ordered = []
    while ready:
        _, oid = heapq.heappop(ready)
        ordered.append(by_id[oid])
        for child in children.get(oid, ()):
            waiting[child] -= 1
            if not waiting[child]:
                heapq.heappush(ready, (by_id[child].committed, child))
    return tuple(ordered)


def merge_base(repository: Repository, one: bytes, other: bytes) -> bytes | None:
    """The newest commit that leads to both (of several, the one with the least id); None where there is none, or where
    the search ended at commits that are not here."""
    first, second, stale = 1, 2, 4
    flags = {one: first}
    flags[other] = flags.get(other, 0) | second
    if one == other:
        return one
    queue = [(-_read(repository, oid).committed, oid) for oid in sorted(flags)]
    heapq.heapify(queue)
    found: list[tuple[int, bytes]] = []
    while any(not flags[oid] & stale for _, oid in queue):
        date, oid = heapq.heappop(queue)
        mine = flags[oid]
        if mine & (first | second) == first | second:
            if not mine & stale:
                found.append((date, oid))
            mine |= stale
        for parent in repository.commit(oid).parents:
            seen = flags.get(parent, 0)
            if seen & mine == mine:
                continue
            flags[parent] = seen | mine
            try:
                heapq.heappush(queue, (-repository.commit(parent).committed, parent))
            except Missing:
                continue
    best = sorted({entry for entry in found if not flags[entry[1]] & stale} or set(found))
    if len(best) > 1:
        # Where the dates of commits run backwards, some of them may be behind others.
        best = [entry for entry in best if not _leads_to(repository, entry[1], {oid for _, oid in best} - {entry[1]})]
    return best[0][1] if best else None


def _leads_to(repository: Repository, oid: bytes, others: Collection[bytes]) -> bool:
    """Whether a commit is an ancestor of one of the others."""
    seen: set[bytes] = set()
    pending = list(others)
    while pending:
        try:
            parents = repository.commit(pending.pop()).parents
        except Missing:
            continue
        if oid in parents:
            return True
        pending += (parent for parent in parents if parent not in seen)
        seen.update(parents)
    return False


def changes(
    repository: Repository, tree: bytes, others: Sequence[bytes], prefix: bytes = b""
) -> Iterator[Change | Unread]:
    """The files of a tree that each of the other trees holds otherwise or not at all, by path. No others: all files.

    `prefix`: a folder (ending in `/`) that alone counts. Submodules and links are among them.
    """
    pending: list[tuple[bytes, bytes, tuple[bytes | None, ...], int]] = [(b"", tree, tuple(others), 0)]
    while pending:
        place, oid, olds, depth = pending.pop()
        if depth > _DEEPEST:
            yield Unread(path=_text(place.rstrip(b"/")), reason=_TOO_DEEP)
            continue
        try:
            entries = repository.tree(oid)
            before = [{name: (mode, old) for mode, name, old in repository.tree(e)} if e else {} for e in olds]
        except GitTrouble as error:
            yield Unread(path=_text(place.rstrip(b"/")) or ".", reason=str(error))
            continue
        below = []
        for mode, name, blob in entries:
            found = [listing.get(name) for listing in before]
            if any(entry == (mode, blob) for entry in found):
                continue
            path = place + name
            number = int(mode, 8)
            if number == FOLDER:
                inside = path + b"/"
                if not prefix or inside.startswith(prefix) or prefix.startswith(inside):
                    older = tuple(e[1] if e and int(e[0], 8) == FOLDER else None for e in found)
                    below.append((inside, blob, older, depth + 1))
            elif path.startswith(prefix):
                same = [e[1] for e in found if e and int(e[0], 8) not in (FOLDER, GITLINK, LINK)]
                if blob not in same or number in (GITLINK, LINK):
                    yield Change(path=_text(path), mode=number, blob=blob, before=tuple(same))
        pending += reversed(below)


def added_lines(new: bytes, olds: Sequence[bytes]) -> Lines:
    """The lines of a text that none of the older ones accounts for, as (first, last) from 1, parted by line feeds.

    No older one: all. All texts as `regex.encoding.readable` gives them; a binary older one accounts for nothing.
    """
    lines = _split(new)
    added: set[int] | None = None
    for old in olds or (b"",):
        text = readable(old)
        found = set(_added(lines, _split(text or b"")))
        added = found if added is None else added & found
    return _runs(sorted(added or ()))


def _split(text: bytes) -> list[bytes]:
    lines = text.replace(b"\r\n", b"\n").split(b"\n")
    return lines[:-1] if not lines[-1] else lines


def _added(new: list[bytes], old: list[bytes]) -> Iterator[int]:
    start, last = 0, min(len(new), len(old))
    while start < last and new[start] == old[start]:
        start += 1
    stop, stop_old = len(new), len(old)
    while stop > start and stop_old > start and new[stop - 1] == old[stop_old - 1]:
        stop -= 1
        stop_old -= 1
    before = Counter(old[start:stop_old])
    after = Counter(new[start:stop])
    whole = set(old)
    for number in range(start, stop):
        line = new[number]
        if after[line] <= before[line]:
            continue
        # Of equal lines of which there are more now, each may be the new one. Of blank lines and braces none counts.
        if len(line.strip()) >= _FEW_LETTERS or line not in whole:
            yield number + 1


def _runs(numbers: Sequence[int]) -> Lines:
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number - 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return tuple(runs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """A blob, and the first commit that holds it, at the first of its paths there."""

    blob: bytes
    path: str
    commit: int
    """The commit's place in `History.commits`."""


@dataclass(slots=True, kw_only=True)
class History:
    """Everything that the references of a repository lead to."""

    commits: tuple[Commit, ...] = ()
    """Each after its parents."""
    blobs: list[Brought]
    """Each once, in the order of the commits."""
    unread: list[tuple[str, str]]
    """What could not be read: a path (or empty) and the reason."""
    missing: int = 0
    """How many objects are not here."""
    submodules: int = 0


def sweep(repository: Repository) -> History:
    """All that the references of a repository lead to. GitTrouble where the references cannot be read."""
    history = History(blobs=[], unread=[])
    shallow = repository.shallow()
    commits: dict[bytes, Commit] = {}
    trees: list[bytes] = []
    loose: list[bytes] = []
    pending: list[bytes] = []
    for name, oid in repository.references().items():
        try:
            kind, target = repository.peeled(oid)
        except GitTrouble as error:
            history.missing += isinstance(error, Missing)
            history.unread.append(("", f"{name}: {error}"))
            continue
        {"commit": pending, "tree": trees, "blob": loose}[kind].append(target)
    while pending:
        oid = pending.pop()
        if oid in commits:
            continue
        try:
            commit = commits[oid] = repository.commit(oid)
        except GitTrouble as error:
            history.missing += isinstance(error, Missing)
            history.unread.append(("", str(error)))
            continue
        if oid not in shallow:
            pending += (parent for parent in commit.parents if parent not in commits)
    history.commits = in_order(list(commits.values()))
    seen: set[bytes] = set()
    for number, commit in enumerate(history.commits):
        _take(repository, commit.tree, number, seen, history)
    for oid in trees:
        _take(repository, oid, -1, seen, history)
    history.blobs += (Brought(blob=oid, path=oid.hex(), commit=-1) for oid in dict.fromkeys(loose) if oid not in seen)
    return history


def _take(repository: Repository, tree: bytes, number: int, seen: set[bytes], history: History) -> None:
    """Add what a tree holds and no former one did."""
    pending: list[tuple[bytes, bytes, int]] = [(b"", tree, 0)]
    while pending:
        place, oid, depth = pending.pop()
        if oid in seen:
            continue
        seen.add(oid)
        if depth > _DEEPEST:
            history.unread.append((_text(place.rstrip(b"/")), _TOO_DEEP))
            continue
        try:
            entries = repository.tree(oid)
        except GitTrouble as error:
            history.missing += isinstance(error, Missing)
            history.unread.append((_text(place.rstrip(b"/")), str(error)))
            continue
        below = []
        for mode, name, entry in entries:
            if entry in seen:
                continue
            if mode in (b"40000", b"040000"):
                below.append((place + name + b"/", entry, depth + 1))
                continue
            if mode == b"120000":
                continue  # a link's text may be a file's too
            seen.add(entry)
            if mode == b"160000":
                history.submodules += 1
            else:
                history.blobs.append(Brought(blob=entry, path=_text(place + name), commit=number))
        pending += reversed(below)


class Finder:
    """Finds files of a tree by path, reading each folder once."""

    def __init__(self, repository: Repository, tree: bytes) -> None:
        self._repository = repository
        self._folders: dict[str, dict[bytes, tuple[bytes, bytes]]] = {"": self._listing(tree)}

    def blob(self, path: str) -> bytes | None:
        """The blob at a path; None where there is none, or the way to it cannot be read."""
        folder, _, name = path.rpartition("/")
        mode, oid = self._folder(folder).get(os.fsencode(name), (b"", b""))
        return oid if mode.startswith(b"100") else None

    def _folder(self, path: str) -> dict[bytes, tuple[bytes, bytes]]:
        unknown = []
        while path not in self._folders:
            unknown.append(path)
            path = path.rpartition("/")[0]
        for place in reversed(unknown):
            above, _, name = place.rpartition("/")
            mode, oid = self._folders[above].get(os.fsencode(name), (b"", b""))
            self._folders[place] = self._listing(oid) if mode in (b"40000", b"040000") else {}
        return self._folders[unknown[0]] if unknown else self._folders[path]

    def _listing(self, tree: bytes) -> dict[bytes, tuple[bytes, bytes]]:
        try:
            return {name: (mode, oid) for mode, name, oid in self._repository.tree(tree)}
        except GitTrouble:
            return {}


def files_at(repository: Repository, tree: bytes, prefix: str = "") -> dict[str, bytes]:
    """The files of a tree (below `prefix`: empty, or ending in `/`) and their blobs; links, submodules and folders that
    cannot be read are left out."""
    return {
        change.path: change.blob
        for change in changes(repository, tree, (), os.fsencode(prefix))
        if isinstance(change, Change) and change.mode not in (GITLINK, LINK)
    }


def _text(path: bytes) -> str:
    return os.fsdecode(path)
