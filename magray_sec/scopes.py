"""What a scan is of: the whole tree, added lines of the work tree or of commits, the history, standard input.

Each scope gives the same three values: a target, an inventory, and a source that reads what the inventory lists. A part
of a target lists what is in it alone; nothing here says that the rest is clean. Where the commits that a scope needs
are not there, it is a `UsageError` that says what to do, never another scope.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from magray_sec.errors import UsageError
from magray_sec.languages import language_of
from magray_sec.model.run import (
    File,
    Gap,
    GapKind,
    Inventory,
    Item,
    ItemKind,
    Level,
    Limits,
    Notification,
    Origin,
    Scope,
    ScopeKind,
    Skipped,
    SkipReason,
    Source,
    Target,
)
from magray_sec.model.scale import Domain
from magray_sec.model.text import shown_path
from magray_sec.source import TextSource, TreeSource

if TYPE_CHECKING:  # a scan of the whole tree does without them
    from magray_sec._git_log import Change, Unread
    from magray_sec._git_objects import Repository
    from magray_sec._ignore import Patterns

_LFS = b"version https://git-lfs.github.com/spec/v1"
_MOST_LFS_BYTES = 1024
_FIRST_BYTES = 200
_DEEPEN = "fetch the history it needs: `git fetch --unshallow`, or `fetch-depth: 0` of actions/checkout"
_WORKFLOWS = ".github/workflows/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a scan is asked to be of; nothing set: the whole tree."""

    diff: str = ""
    """A branch, tag or commit: added lines of the work tree since its merge base with HEAD."""
    ranges: tuple[str, ...] = ()
    """`OLD..NEW`, `..NEW` or `NEW` each: the lines that each commit adds which leads to a NEW and to no OLD. An id of
    zeros, as git names what is not there, is no commit."""
    not_in: str = ""
    """With ranges: the name of a remote whose branches, as they are known here, are OLDs too."""
    text: bytes | None = None
    """Standard input."""
    text_name: str = "stdin"
    """What it is called in reports, as a path relative to the target."""
    history: bool = False
    """Besides the whole tree: everything that the references of the repository lead to."""

    @property
    def is_part(self) -> bool:
        """Whether it is less than the whole tree."""
        return bool(self.diff or self.ranges) or self.text is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a scan is of, ready to be looked at."""

    target: Target
    inventory: Inventory
    source: Source
    scope: Scope = Scope()


def look(path: str, limits: Limits, wanted: Wanted) -> Scene:
    """What there is to be scanned. UsageError where that cannot be had."""
    if wanted.text is not None:
        return _text(path, wanted.text, wanted.text_name)
    if wanted.ranges:
        return _commits(path, limits, wanted)
    if wanted.diff:
        return _difference(path, limits, wanted.diff)
    from magray_sec.discover import discover  # noqa: PLC0415

    target, inventory = discover(path, limits)
    if not wanted.history:
        return Scene(target=target, inventory=inventory, source=TreeSource(target.root, inventory.files))
    return _with_history(target, inventory)


def _with_history(target: Target, inventory: Inventory) -> Scene:
    from magray_sec._git_objects import BlobSource  # noqa: PLC0415

    repository = _repository(target.root, "--history")
    if repository.places.top != target.root:
        raise UsageError(
            f"--history: '{shown_path(target.root)}' is a folder of a repository, whose history is one",
            f"scan {shown_path(repository.places.top)}",
        )
    item = Item(kind=ItemKind.HISTORY, name="commits", domains=frozenset({Domain.SECRETS}))
    items = sorted((*inventory.items, item), key=lambda item: (item.kind.value, os.fsencode(item.name)))
    return Scene(
        target=target,
        inventory=replace(inventory, items=tuple(items)),
        source=BlobSource(target.root, inventory.files, repository.objects),
        scope=Scope(label="the whole tree and the history", with_history=True),
    )


def _repository(root: str, option: str) -> Repository:
    from magray_sec._git_objects import GitTrouble, Repository  # noqa: PLC0415

    try:
        repository = Repository.at(root)
    except GitTrouble as error:
        raise UsageError(f"{option}: the git repository cannot be read: {error}", "check it with `git fsck`") from error
    if repository is None:
        raise UsageError(
            f"{option}: '{shown_path(root)}' is in no git work tree", "name a clone, or scan the folder without it"
        )
    if repository.objects.borrows:
        raise UsageError(
            f"{option}: the repository borrows objects from another one, which is not read",
            "make it whole: `git repack -a -d && rm .git/objects/info/alternates`",
        )
    return repository


# --- standard input


def _text(path: str, text: bytes, name: str) -> Scene:
    from magray_sec.regex.encoding import readable  # noqa: PLC0415

    root = os.path.realpath(path)
    parts = name.split("/")
    if not name or name.startswith("/") or "\0" in name or not {"", ".", ".."}.isdisjoint(parts):
        raise UsageError(f"--stdin-name '{shown_path(name)}' is no path below the target", "name it as logs/build.txt")
    if readable(text) is None:
        raise UsageError("standard input is binary, and nothing can be found in it", "unpack it first")
    source = TextSource(root, name, text)
    language = language_of(name, text[:_FIRST_BYTES])
    return Scene(
        target=Target(root=root, name=shown_path(name)),
        inventory=Inventory(items=_items([name], {language: 1} if language else {}), files=source.files()),
        source=source,
        scope=Scope(kind=ScopeKind.STDIN, label=f"standard input ({_count(len(text), 'byte')})"),
    )


# --- commits


def _commits(path: str, limits: Limits, wanted: Wanted) -> Scene:
    from magray_sec import _git_log as log  # noqa: PLC0415
    from magray_sec._git_objects import BlobSource, GitTrouble  # noqa: PLC0415

    root = os.path.realpath(path)
    repository = _repository(root, "--range")
    ends = _Ends()
    try:
        for words in wanted.ranges:
            ends.take(repository, words, has_other=bool(wanted.not_in))
        if wanted.not_in:
            ends.leave_out(repository, wanted.not_in)
        commits = log.between(repository, ends.tips, ends.known)
        prefix = _prefix(root, repository.places.top)
        found = _Found(repository=repository, limits=limits, prefix=prefix)
        for rank, commit in enumerate(commits):
            parents = [repository.commit(parent).tree for parent in commit.parents]
            origin = Origin(commit=commit.id.hex(), date=log.date_of(commit.authored), rank=rank)
            for change in log.changes(repository, commit.tree, parents, os.fsencode(prefix)):
                found.take(change, origin)
    except GitTrouble as error:
        hint = _DEEPEN if repository.shallow() else "check it with `git fsck`"
        raise UsageError(f"--range: {error}", hint) from error
    head = repository.head()
    found.finish(head)
    # Those of one path stay in the order of the commits.
    files = tuple(sorted(found.files, key=lambda file: os.fsencode(file.path)))
    words = " ".join(ends.words) if ends.words else "nothing"
    label = f"the lines that {_count(len(commits), 'commit')} {'adds' if len(commits) == 1 else 'add'} ({words})"
    tip = next(iter(ends.tips), None) if len(ends.tips) == 1 else None
    base = next(iter(ends.known), None) if len(ends.known) == 1 else None
    return Scene(
        target=_target(root, repository, prefix, tip),
        inventory=found.inventory(files, [*ends.notifications, *_unlooked(found.paths)]),
        source=BlobSource(root, files, repository.objects),
        scope=Scope(
            kind=ScopeKind.RANGE,
            label=label,
            base=base.hex() if base else None,
            tip=tip.hex() if tip else None,
            commits=len(commits),
        ),
    )


@dataclass(slots=True, kw_only=True)
class _Ends:
    """Where the ranges that were asked for end, on both sides."""

    tips: dict[bytes, None] = field(default_factory=dict)
    known: dict[bytes, None] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)
    notifications: list[Notification] = field(default_factory=list)

    def take(self, repository: Repository, words: str, *, has_other: bool) -> None:
        """Add one range."""
        from magray_sec._git_objects import GitTrouble  # noqa: PLC0415

        old, dots, new = words.partition("..")
        if new.startswith("."):
            raise UsageError(f"--range {shown_path(words)}: three dots are no range of commits", "write OLD..NEW")
        old, new = (old, new) if dots else ("", old)
        if not old and not new:
            raise UsageError(f"--range '{shown_path(words)}' names no commit", "write OLD..NEW, or NEW alone")
        new = new or "HEAD"
        if _is_nothing(new):
            self.words.append("a reference that is deleted")
            return
        tip = repository.resolve(new)
        self.tips[tip] = None
        shown = tip.hex()[:12]
        if not old or _is_nothing(old):
            self.words.append(shown)
            return
        try:
            known = repository.resolve(old)
            repository.commit(known)
        except GitTrouble as error:
            if not has_other:
                raise UsageError(
                    f"--range: {error}", "fetch it (`git fetch`), or say what is known with --not-in REMOTE"
                ) from error
            message = f"{error}: what the branches of the remote lack is looked at"
            self.notifications.append(Notification(level=Level.NOTE, message=message))
            self.words.append(shown)
            return
        self.known[known] = None
        self.words.append(f"{known.hex()[:12]}..{shown}")

    def leave_out(self, repository: Repository, remote: str) -> None:
        """Add what the branches of a remote are known to hold."""
        start = f"refs/remotes/{remote}/"
        known = [oid for name, oid in repository.references().items() if name.startswith(start)]
        self.known.update(dict.fromkeys(known))
        self.words.append(f"and not in {shown_path(remote)}")
        if not known:
            message = f"no branch of '{shown_path(remote)}' is known here: every commit before is looked at too"
            self.notifications.append(Notification(level=Level.NOTE, message=message))


def _is_nothing(name: str) -> bool:
    """Whether it is what git writes for a commit that is not there."""
    return len(name) in (40, 64) and not name.strip("0")


class _Found:
    """The files of a scope, with the lines that count, as they are found."""

    def __init__(self, *, repository: Repository, limits: Limits, prefix: str) -> None:
        self._repository = repository
        self._limits = limits
        self._prefix = prefix
        self._excludes = _Excludes(limits)
        self.files: list[File] = []
        self.paths: set[str] = set()
        """All that changed, whether it is looked at or not."""
        self._languages: dict[str, str] = {}
        self._skipped: dict[tuple[str, SkipReason], str] = {}
        self._gaps: list[Gap] = []

    def take(self, change: Change | Unread, origin: Origin) -> None:
        """Add what a commit changed."""
        from magray_sec import _git_log as log  # noqa: PLC0415
        from magray_sec._git_objects import GITLINK, LINK, GitTrouble  # noqa: PLC0415
        from magray_sec.regex.encoding import readable  # noqa: PLC0415

        if isinstance(change, log.Unread):
            self._lost(change.path, f"in commit {origin.commit[:12]}: {change.reason}")
            return
        path = change.path[len(self._prefix) :]
        if change.mode == LINK:
            return
        if change.mode == GITLINK:
            self._skipped[path, SkipReason.SUBMODULE] = ""
            return
        self.paths.add(path)
        if reason := self._excludes.reason(path):
            self._skipped[path, reason] = ""
            return
        objects = self._repository.objects
        try:
            size = objects.size(change.blob)
            if size > self._limits.max_file_bytes:
                self._skipped[path, SkipReason.TOO_LARGE] = f"{size} bytes in commit {origin.commit[:12]}"
                return
            data = objects.of_kind(change.blob, "blob")
        except GitTrouble as error:
            why = f"it cannot be read in commit {origin.commit[:12]}: {error}"
            self._gaps.append(Gap(kind=GapKind.FILE, path=path, reason=why, hint="check it with `git fsck`"))
            return
        if len(data) <= _MOST_LFS_BYTES and data.startswith(_LFS):
            self._skipped[path, SkipReason.LFS_POINTER] = ""
            return
        text = readable(data)
        lines = log.added_lines(text, list(self._older(change.before))) if text is not None else None
        if lines == ():
            return
        self.add(File(path=path, size=size, blob=change.blob.hex(), lines=lines, origin=origin), data[:_FIRST_BYTES])

    def _older(self, blobs: Sequence[bytes]) -> Iterator[bytes]:
        """What stood there before; what cannot be read, or is huge, accounts for nothing."""
        from magray_sec._git_objects import GitTrouble  # noqa: PLC0415

        objects = self._repository.objects
        for blob in blobs:
            try:
                known = objects.size(blob) <= 4 * self._limits.max_file_bytes
                yield objects.of_kind(blob, "blob") if known else b""
            except GitTrouble:
                yield b""

    def add(self, file: File, first_bytes: bytes) -> None:
        """Add a file that is to be looked at."""
        self.files.append(file)
        self.paths.add(file.path)
        if language := language_of(file.path, first_bytes):
            self._languages[file.path] = language

    def finish(self, head: bytes | None) -> None:
        """Tell of each file what the commit that is checked out holds in its place."""
        from magray_sec import _git_log as log  # noqa: PLC0415
        from magray_sec._git_objects import GitTrouble  # noqa: PLC0415

        if head is None or not self.files:
            return
        try:
            finder = log.Finder(self._repository, self._repository.commit(head).tree)
        except GitTrouble:
            return
        for index, file in enumerate(self.files):
            blob = finder.blob(self._prefix + file.path)
            self.files[index] = replace(file, head=blob.hex() if blob else "")

    def _lost(self, path: str, reason: str) -> None:
        self._gaps.append(
            Gap(
                kind=GapKind.ITEM,
                domain=Domain.SECRETS,
                item=f"{ItemKind.TREE.value}:files",
                path=path,
                reason=reason,
                hint="check it with `git fsck`",
            )
        )

    def inventory(self, files: tuple[File, ...], notifications: Iterable[Notification]) -> Inventory:
        """All of it."""
        skipped = [Skipped(reason=reason, path=path, detail=text) for (path, reason), text in self._skipped.items()]
        return Inventory(
            items=_items({file.path for file in files}, Counter(self._languages.values())),
            files=files,
            skipped=tuple(sorted(skipped, key=lambda skip: (os.fsencode(skip.path), skip.reason.value))),
            gaps=tuple(sorted(self._gaps, key=lambda gap: gap.sort_key)),
            notifications=tuple(notifications),
        )


class _Excludes:
    """What the operator and the target's settings leave out, asked about single paths."""

    def __init__(self, limits: Limits) -> None:
        self._sets: list[tuple[SkipReason, Patterns]] = []
        settings = ((SkipReason.EXCLUDED, limits.exclude), (SkipReason.HIDDEN_BY_TARGET, limits.target_exclude))
        for reason, patterns in settings:
            if patterns:
                from magray_sec._ignore import Patterns  # noqa: PLC0415

                self._sets.append((reason, Patterns([os.fsencode("\n".join(patterns))])))

    def reason(self, path: str) -> SkipReason | None:
        """Why a file, or a folder above it, is left out; None: it is not."""
        places = [path[:index] for index, character in enumerate(path) if character == "/"] if self._sets else []
        for reason, patterns in self._sets:
            for place, is_folder in (*((place, True) for place in places), (path, False)):
                if patterns.decide(place, is_folder=is_folder):
                    return reason
        return None


# --- the work tree


def _difference(path: str, limits: Limits, name: str) -> Scene:
    from magray_sec import _git_log as log  # noqa: PLC0415
    from magray_sec._git_objects import GitTrouble  # noqa: PLC0415
    from magray_sec.discover import work_files  # noqa: PLC0415
    from magray_sec.regex.encoding import readable  # noqa: PLC0415

    root = os.path.realpath(path)
    repository = _repository(root, "--diff")
    hint = _DEEPEN if repository.shallow() else "name a branch, tag or commit that is fetched: `git fetch origin main`"
    shown = shown_path(name)
    try:
        head = repository.head()
        if head is None:
            raise UsageError("--diff: nothing is committed yet", "scan the whole tree")
        known = repository.resolve(name)
        base = log.merge_base(repository, known, head)
        if base is None:
            raise UsageError(f"--diff {shown}: it has no commit in common with HEAD here", hint)
        work = work_files(root, limits)
        before = log.files_at(repository, repository.commit(base).tree, work.prefix)
    except GitTrouble as error:
        raise UsageError(f"--diff {shown}: {error}", hint) from error
    found = _Found(repository=repository, limits=limits, prefix=work.prefix)
    source = TreeSource(work.target.root)
    gaps = list(work.gaps)
    for file in work.files:
        old = before.get(work.prefix + file.path)
        if old is not None and work.recorded.get(file.path) == old:
            continue
        try:
            data = source.read(file.path)
        except OSError as error:
            reason = f"it cannot be read: {error.strerror or error}"
            gaps.append(Gap(kind=GapKind.FILE, path=file.path, reason=reason, hint="make it readable"))
            continue
        if old is not None and _blob_id(data, len(old)) == old:
            continue
        text = readable(data)
        try:
            older = [repository.objects.of_kind(old, "blob")] if old is not None else []
        except GitTrouble:
            older = []
        lines = log.added_lines(text, older) if text is not None else None
        if lines != ():
            found.add(replace(file, lines=lines), data[:_FIRST_BYTES])
    files = tuple(found.files)
    inventory = found.inventory(files, [*work.notifications, *_unlooked(found.paths)])
    skipped = [skip for skip in work.skipped if _may_have_changed(skip, work.prefix, work.recorded, before)]
    return Scene(
        target=work.target,
        inventory=replace(inventory, skipped=tuple(skipped), gaps=tuple(sorted(gaps, key=lambda gap: gap.sort_key))),
        source=TreeSource(work.target.root, files),
        scope=Scope(
            kind=ScopeKind.DIFF,
            label=f"the lines added since {shown} (merge base {base.hex()[:12]})",
            base=base.hex(),
            tip=head.hex(),
        ),
    )


def _may_have_changed(skip: Skipped, prefix: str, recorded: Mapping[str, bytes], before: Mapping[str, bytes]) -> bool:
    """Whether what a whole scan leaves out belongs to the difference: files that did not change do not."""
    if skip.reason in (SkipReason.SUBMODULE, SkipReason.NESTED_REPOSITORY, SkipReason.GENERATED, SkipReason.IGNORED):
        return False
    now = recorded.get(skip.path)
    return now is None or before.get(prefix + skip.path) != now


def _blob_id(data: bytes, width: int) -> bytes:
    # git's own content addresses, not a protection of anything.
    blob = b"blob %d\0" % len(data)
    digest = hashlib.sha256(blob) if width == 32 else hashlib.sha1(blob, usedforsecurity=False)
    digest.update(data)
    return digest.digest()


# --- all of them


def _items(paths: Iterable[str], languages: dict[str, int] | Counter[str]) -> tuple[Item, ...]:
    """What a part of a target holds that a scanner has to look at."""
    count = len(set(paths))
    items = [
        Item(kind=ItemKind.LANGUAGE, name=name, domains=frozenset({Domain.CODE}), files=files)
        for name, files in sorted(languages.items())
    ]
    if count:
        items.append(Item(kind=ItemKind.TREE, name="files", domains=frozenset({Domain.SECRETS}), files=count))
    return tuple(items)


def _unlooked(paths: Iterable[str]) -> Iterator[Notification]:
    """A word on each changed file that scanners of whole trees look at: it changed and they did not see it."""
    from magray_sec._manifests import is_known  # noqa: PLC0415

    for path in sorted(paths, key=os.fsencode):
        if is_known(path) or path.startswith(_WORKFLOWS) or posixpath.basename(path) == "Cargo.toml":
            message = "it changed, and nothing looked at what it means for dependencies: scan the whole tree"
            if path.startswith(_WORKFLOWS):
                message = "it changed, and was not looked at as a workflow: scan the whole tree"
            yield Notification(level=Level.WARNING, message=message, path=path)


def _prefix(root: str, top: str) -> str:
    return "" if root == top else os.path.relpath(root, top).replace(os.sep, "/") + "/"


def _target(root: str, repository: Repository, prefix: str, tip: bytes | None) -> Target:
    from magray_sec._git_tree import head_of, name_of  # noqa: PLC0415

    places = repository.places
    commit, branch = head_of(places.git_dir, places.common_dir)
    return Target(
        root=root,
        name=name_of(places.repository, places.top, prefix) or shown_path(os.path.basename(root)) or "target",
        commit=tip.hex() if tip else commit,
        branch=branch,
        repository=places.repository,
        is_git=True,
    )


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
