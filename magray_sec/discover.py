"""What a folder holds: every file to be looked at, every item that some scanner has to cover, and what is left out.

Nothing of the target is executed, no link is followed out of it, and nothing is left out unsaid: what the limits,
the target's ignore files, git and the kind of a file leave out is listed in `Inventory.skipped`, and what should have
been looked at and could not be is in `Inventory.gaps`.
"""

from __future__ import annotations

import errno
import os
import posixpath
import stat
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from magray_sec import _cargo_workspace, _manifests
from magray_sec._git_tree import (
    GITLINK,
    LINK,
    GitTrouble,
    WorkTree,
    differs_from_commit,
    find_top,
    ignored_by_clone,
    is_bare,
    is_repository,
    is_untouched,
    name_of,
    read_work_tree,
)
from magray_sec._ignore import MOST_BYTES, Patterns
from magray_sec._paths import is_within
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
    Skipped,
    SkipReason,
    Target,
)
from magray_sec.model.scale import Domain
from magray_sec.model.text import shown_path
from magray_sec.source import TreeSource, state_of

_WORKFLOWS = ".github/workflows"
_FIRST_BYTES = 100
_MOST_MANIFEST_BYTES = 64_000_000
_READABLE = 0o444


def discover(path: str, limits: Limits) -> tuple[Target, Inventory]:
    """The target at `path`, and what it holds. UsageError where it is no folder that can be read.

    In a git work tree: the files that git tracks, and those that it neither tracks nor ignores. Elsewhere: every file
    that no `.gitignore` or `.ignore` of the folder hides. The order depends on the paths' bytes alone.
    """
    listed = _listed(path, limits)
    walk, tree, prefix, notifications = listed.walk, listed.tree, listed.prefix, list(listed.notifications)
    absent = walk.absent()
    notifications += _not_on_disk(tree, prefix, absent)
    items, gaps, notes = _items(walk)
    if not walk.files and not walk.skipped and not walk.gaps:
        gaps.append(
            Gap(
                kind=GapKind.ITEM,
                reason="there is no file in the folder",
                hint="check that the path is right, and that it was checked out",
            )
        )
    is_dirty = tree is not None and (
        walk.untracked > 0
        or walk.is_replaced
        or any(not tree.entries[prefix + path].is_left_out for path in absent)
        or differs_from_commit(tree, prefix, walk.states)
    )
    return _target(walk.source.root, tree, prefix, is_dirty=is_dirty), Inventory(
        items=tuple(sorted(items, key=lambda item: (item.kind.value, os.fsencode(item.name)))),
        files=_sorted(walk.files),
        states=walk.taken,
        skipped=tuple(sorted(walk.every_skip(), key=lambda skip: (os.fsencode(skip.path), skip.reason.value))),
        gaps=tuple(sorted((*walk.gaps, *gaps), key=lambda gap: gap.sort_key)),
        notifications=(*notifications, *notes),
    )


def _sorted(files: Iterable[File]) -> tuple[File, ...]:
    """By the bytes of their paths."""
    by_path = {file.path: file for file in files}
    # Characters are in the order of their UTF-8; not so what stands for bytes that are no UTF-8.
    order = sorted(by_path) if "".join(by_path).isascii() else sorted(by_path, key=os.fsencode)
    return tuple(by_path[path] for path in order)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkFiles:
    """The files of a work tree that a whole scan would read, and what git recorded of those that it tracks."""

    target: Target
    prefix: str
    """The target's place in the work tree: empty, or ending in `/`."""
    files: tuple[File, ...]
    """Sorted by path."""
    recorded: Mapping[str, bytes]
    """The blob of each tracked file that was not touched since git last looked, by path."""
    scripts: frozenset[str]
    """Executables whose names say nothing of what they are."""
    skipped: tuple[Skipped, ...]
    gaps: tuple[Gap, ...]
    notifications: tuple[Notification, ...]


def work_files(path: str, limits: Limits) -> WorkFiles:
    """The files at `path` as `discover` lists them, without asking what they are. UsageError as there, and where git's
    records of them cannot be read."""
    listed = _listed(path, limits)
    walk, tree, prefix = listed.walk, listed.tree, listed.prefix
    if tree is None:
        why = listed.notifications[0].message if listed.notifications else "git tracks nothing in it"
        raise UsageError(f"'{shown_path(path)}' cannot be compared with a commit: {why}", "scan the whole tree")
    recorded = {
        place[len(prefix) :]: tree.entries[place].oid
        for place, state in walk.states
        if is_untouched(tree.entries[place], state, tree.written_ns)
    }
    return WorkFiles(
        target=_target(walk.source.root, tree, prefix, is_dirty=walk.untracked > 0),
        prefix=prefix,
        files=_sorted(walk.files),
        recorded=recorded,
        scripts=frozenset(walk.scripts),
        skipped=tuple(sorted(walk.skipped, key=lambda skip: (os.fsencode(skip.path), skip.reason.value))),
        gaps=tuple(sorted(walk.gaps, key=lambda gap: gap.sort_key)),
        notifications=listed.notifications,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listed:
    walk: _Walk
    tree: WorkTree | None
    prefix: str
    notifications: tuple[Notification, ...]


def _listed(path: str, limits: Limits) -> _Listed:
    root = _root(path)
    tree, prefix, notifications = _work_tree(root)
    tracked = _Tracked.below(tree, prefix)
    walk = _Walk(source=TreeSource(root), limits=limits, tree=tree, prefix=prefix, tracked=tracked)
    walk.run()
    return _Listed(walk=walk, tree=tree, prefix=prefix, notifications=(*notifications, *walk.notifications))


def _root(path: str) -> str:
    shown = shown_path(path)
    try:
        root = os.path.realpath(path, strict=True)
        if not stat.S_ISDIR(os.stat(root).st_mode):
            raise UsageError(f"'{shown}' is not a folder", "give the folder of a repository, not a file in it")
        with os.scandir(root):
            pass
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        raise UsageError(f"there is no '{shown}'", "give the folder of a repository: magray-sec scan PATH") from error
    except OSError as error:
        raise UsageError(f"'{shown}' cannot be read: {error.strerror}", "check its permissions") from error
    if not is_repository(os.path.join(root, ".git")) and is_bare(root):
        raise UsageError(
            f"'{shown}' is a git repository without a work tree, which holds no files to scan",
            "clone it, and scan the clone",
        )
    return root


def _work_tree(root: str) -> tuple[WorkTree | None, str, list[Notification]]:
    """The git work tree that the root lies in, and the root's place in it (empty, or ending in `/`)."""
    top = find_top(root)
    if top is None:
        return None, "", []
    prefix = "" if top == root else os.path.relpath(root, top).replace(os.sep, "/") + "/"
    try:
        tree = read_work_tree(top)
    except (GitTrouble, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        message = f"git's records of this folder are not used: {reason}; its ignore files alone say what is left out"
        return None, "", [Notification(level=Level.WARNING, message=message)]
    if prefix and not any(path.startswith(prefix) for path in tree.entries):
        # A folder in a home or a temporary folder that happens to be a work tree.
        return None, "", []
    return tree, prefix, []


def _not_on_disk(tree: WorkTree | None, prefix: str, absent: list[str]) -> Iterator[Notification]:
    folders = sum(path.startswith(prefix) for path in tree.sparse) if tree else 0
    for count, word in ((len(absent), "file"), (folders, "folder")):
        if count:
            verb = f"{word} is" if count == 1 else f"{word}s are"
            yield Notification(level=Level.NOTE, message=f"{count} tracked {verb} not on disk and not looked at")


def _target(root: str, tree: WorkTree | None, prefix: str, *, is_dirty: bool) -> Target:
    folder = shown_path(os.path.basename(root)) or "target"
    if tree is None:
        return Target(root=root, name=folder)
    return Target(
        root=root,
        name=name_of(tree.repository, tree.top, prefix) or folder,
        commit=tree.commit,
        branch=tree.branch,
        repository=tree.repository,
        is_git=True,
        is_dirty=is_dirty,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tracked:
    """What git tracks below the root, by path relative to it."""

    files: frozenset[str] = frozenset()
    """Symbolic links among them."""
    links: frozenset[str] = frozenset()
    folders: frozenset[str] = frozenset()
    """Those that hold a tracked file, at any depth."""
    submodules: frozenset[str] = frozenset()

    @staticmethod
    def below(tree: WorkTree | None, prefix: str) -> _Tracked:
        if tree is None:
            return _Tracked()
        files: list[str] = []
        links: list[str] = []
        submodules: list[str] = []
        folders: set[str] = set()
        for path, entry in tree.entries.items():
            if not path.startswith(prefix):
                continue
            relative = path[len(prefix) :]
            kind = entry.mode & 0o170000
            (submodules if kind == GITLINK else files).append(relative)
            if kind == LINK:
                links.append(relative)
            folder = relative.rpartition("/")[0]
            while folder and folder not in folders:
                folders.add(folder)
                folder = folder.rpartition("/")[0]
        return _Tracked(
            files=frozenset(files), links=frozenset(links), folders=frozenset(folders), submodules=frozenset(submodules)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Folder:
    """A folder of the target, and the ignore files that hold in it."""

    path: str
    above: _Folder | None
    patterns: Patterns | None


@dataclass(slots=True, kw_only=True)
class _Walk:
    """One pass over the tree. Filled by `run`, read by `discover`, and gone with it."""

    source: TreeSource
    limits: Limits
    tree: WorkTree | None
    prefix: str
    tracked: _Tracked
    files: list[File] = field(default_factory=list)
    taken: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """The states of `files`, by path."""
    scripts: list[str] = field(default_factory=list)
    """Executables whose names say nothing of what they are."""
    skipped: list[Skipped] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    notifications: list[Notification] = field(default_factory=list)
    states: list[tuple[str, os.stat_result]] = field(default_factory=list)
    """The tracked files seen, by path relative to the work tree's top."""
    named: list[str] = field(default_factory=list)
    """Lock files and manifests that are items though no file to be read: behind a link, too large, unreadable."""
    untracked: int = 0
    is_replaced: bool = False
    """A tracked file is something else now."""
    _seen: set[str] = field(default_factory=set)
    _hidden: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    _ignored: dict[str, bool] = field(default_factory=dict)
    _excludes: tuple[tuple[SkipReason, Patterns], ...] = ()

    def run(self) -> None:
        """Go through the whole tree, without recursion: a target may be as deep as it likes."""
        settings = (
            (SkipReason.EXCLUDED, self.limits.exclude),
            (SkipReason.HIDDEN_BY_TARGET, self.limits.target_exclude),
        )
        self._excludes = tuple(
            (reason, Patterns([os.fsencode("\n".join(patterns))])) for reason, patterns in settings if patterns
        )
        for path in self.tracked.submodules:
            self._skip(SkipReason.SUBMODULE, path)
        pending = [_Folder(path="", above=None, patterns=self._outer_patterns())]
        while pending:
            pending += self._list(pending.pop())

    def absent(self) -> list[str]:
        """The tracked files that are not on disk."""
        unseen = self.tracked.files - self._seen
        return [path for path in unseen if not os.path.lexists(os.path.join(self.source.root, path))]

    def every_skip(self) -> Iterator[Skipped]:
        """What was left out; ignored files as one entry a folder."""
        yield from self.skipped
        for folder, paths in self._hidden.items():
            if len(paths) == 1:
                yield Skipped(reason=self._ignore_reason, path=paths[0])
            else:
                yield Skipped(reason=self._ignore_reason, path=folder or ".", detail=f"{len(paths)} files")

    @property
    def _ignore_reason(self) -> SkipReason:
        # Without git's word for what belongs to the target, an ignore file is a setting like any other.
        return SkipReason.IGNORED if self.tree else SkipReason.HIDDEN_BY_TARGET

    def _outer_patterns(self) -> Patterns | None:
        """What holds in the whole root and does not stand in it: the clone's own list, and outer ignore files."""
        if self.tree is None:
            return None
        patterns = Patterns([ignored_by_clone(self.tree)])
        outer = TreeSource(self.tree.top)
        place = ""
        for name in self.prefix.split("/")[:-1]:
            path = posixpath.join(place, ".gitignore")
            if os.path.isfile(os.path.join(outer.root, path)) and not os.path.islink(os.path.join(outer.root, path)):
                patterns = Patterns([self._ignore_file(outer, path)], place=place, above=patterns)
            place = posixpath.join(place, name)
        return patterns

    def _ignore_file(self, source: TreeSource, path: str) -> bytes:
        try:
            data = source.read(path)
        except OSError:
            return b""
        if len(data) <= MOST_BYTES:
            return data
        message = "this ignore file is larger than 1 MiB and not obeyed"
        self.notifications.append(Notification(level=Level.WARNING, message=message, path=path))
        return b""

    def _list(self, folder: _Folder) -> list[_Folder]:
        """Take what a folder holds; the folders in it that are to be listed."""
        root = self.source.root
        try:
            with os.scandir(os.path.join(root, folder.path) if folder.path else root) as listing:
                entries = list(listing)
        except OSError as error:
            self._gap(folder.path or ".", f"the folder cannot be read: {error.strerror}")
            return []
        folder = self._with_ignore_files(folder, entries)
        start = f"{folder.path}/" if folder.path else ""
        below = []
        for entry in entries:
            path = start + entry.name
            try:
                if entry.is_symlink():
                    self._link(entry, path, folder)
                elif entry.is_dir(follow_symlinks=False):
                    if self._enters(entry, path, folder):
                        below.append(_Folder(path=path, above=folder, patterns=folder.patterns))
                else:
                    self._file(entry, path, folder)
            except OSError as error:
                self._gap(path, f"it cannot be looked at: {error.strerror}")
        return below

    def _with_ignore_files(self, folder: _Folder, entries: list[os.DirEntry[str]]) -> _Folder:
        # git itself follows no link that is named .gitignore.
        names = (".gitignore",) if self.tree else (".gitignore", ".ignore")
        found = {entry.name for entry in entries if entry.name in names and entry.is_file(follow_symlinks=False)}
        if not found:
            return folder
        sources = [self._ignore_file(self.source, posixpath.join(folder.path, name)) for name in names if name in found]
        place = (self.prefix + folder.path).rstrip("/")
        return replace(folder, patterns=Patterns(sources, place=place, above=folder.patterns))

    def _enters(self, entry: os.DirEntry[str], path: str, folder: _Folder) -> bool:
        """Whether a folder is to be listed; says why not."""
        if entry.name == ".git" and is_repository(entry.path):
            return False
        if path in self.tracked.submodules or self._is_excluded(path, is_folder=True):
            return False
        if path in self.tracked.folders:
            return True
        if self.tree and is_repository(os.path.join(entry.path, ".git")):
            self._skip(SkipReason.NESTED_REPOSITORY, path)
        elif self._is_ignored(path, folder, is_folder=True):
            self._skip(self._ignore_reason, path, "folder")
        elif made := _made_by_a_tool(entry):
            self._skip(SkipReason.GENERATED, path, made)
        else:
            return True
        return False

    def _file(self, entry: os.DirEntry[str], path: str, folder: _Folder) -> None:
        if entry.name == ".git" and is_repository(entry.path):
            return
        is_tracked = path in self.tracked.files
        if is_tracked:
            self._seen.add(path)
        if self._is_excluded(path, is_folder=False):
            return
        if not entry.is_file(follow_symlinks=False):
            self.is_replaced = self.is_replaced or is_tracked
            self._skip(SkipReason.NOT_A_FILE, path)
            return
        state = entry.stat(follow_symlinks=False)
        if is_tracked:
            self.is_replaced = self.is_replaced or path in self.tracked.links
            self.states.append((self.prefix + path, state))
        elif self._is_ignored(path, folder, is_folder=False):
            # An unpacked archive holds a lock file that its .gitignore names, and the build uses it.
            if self.tree or not _manifests.is_lock(path):
                self._hidden[folder.path].append(path)
                return
        else:
            self.untracked += 1
        self._take(entry, path, state)

    def _take(self, entry: os.DirEntry[str], path: str, state: os.stat_result) -> None:
        is_readable = state.st_mode & _READABLE == _READABLE or os.access(
            entry.path, os.R_OK, effective_ids=os.access in os.supports_effective_ids
        )
        if is_readable and state.st_size <= self.limits.max_file_bytes:
            self.files.append(File(path=path, size=state.st_size))
            self.taken[path] = state_of(state)
            if state.st_mode & stat.S_IXUSR and "." not in entry.name:
                self.scripts.append(path)
            return
        if _manifests.is_known(path):
            self.named.append(path)
        if is_readable:
            self._skip(SkipReason.TOO_LARGE, path, f"{state.st_size} bytes")
        else:
            self._gap(path, "the file cannot be read: Permission denied")

    def _link(self, entry: os.DirEntry[str], path: str, folder: _Folder) -> None:
        is_tracked = path in self.tracked.files
        if is_tracked:
            self._seen.add(path)
        if self._is_excluded(path, is_folder=False):
            return
        if is_tracked:
            self.is_replaced = self.is_replaced or path not in self.tracked.links
            self.states.append((self.prefix + path, entry.stat(follow_symlinks=False)))
        elif self._is_ignored(path, folder, is_folder=False):
            self._hidden[folder.path].append(path)
            return
        else:
            self.untracked += 1
        root = self.source.root
        try:
            resolved = os.path.realpath(entry.path, strict=True)
        except OSError as error:
            self._skip(SkipReason.LINK_LOOP, path, error.strerror or "")
            return
        if not is_within(resolved, root):
            self._skip(SkipReason.LINK_OUTSIDE, path)
            return
        inside = os.path.relpath(resolved, root).replace(os.sep, "/")
        if ".git" in inside.split("/"):
            self._skip(SkipReason.LINK_OUTSIDE, path, "it leads into git's own folder")
        # What it leads to is met where it stands; only a name that means something there is worth a word here.
        elif os.path.isfile(resolved) and _manifests.is_known(path) and not _manifests.is_known(inside):
            self.named.append(path)

    def _is_excluded(self, path: str, *, is_folder: bool) -> bool:
        for reason, patterns in self._excludes:
            if patterns.decide(path, is_folder=is_folder):
                self._skip(reason, path, "folder" if is_folder else "")
                return True
        return False

    def _is_ignored(self, path: str, folder: _Folder, *, is_folder: bool) -> bool:
        """Whether an ignore file speaks of a path, or of a folder above it."""
        if self._is_ignored_folder(folder):
            return True
        return bool(folder.patterns and folder.patterns.decide(self.prefix + path, is_folder=is_folder))

    def _is_ignored_folder(self, folder: _Folder) -> bool:
        # A folder that holds tracked files is entered whatever its ignore files say, so it is asked about only when
        # something untracked is met in it.
        unknown = []
        place: _Folder | None = folder
        while place is not None and place.path not in self._ignored:
            unknown.append(place)
            place = place.above
        for entry in reversed(unknown):
            above = entry.above
            self._ignored[entry.path] = above is not None and (
                self._ignored[above.path]
                or bool(above.patterns and above.patterns.decide(self.prefix + entry.path, is_folder=True))
            )
        return self._ignored[folder.path]

    def _skip(self, reason: SkipReason, path: str, detail: str = "") -> None:
        self.skipped.append(Skipped(reason=reason, path=path, detail=detail))

    def _gap(self, path: str, reason: str) -> None:
        self.gaps.append(Gap(kind=GapKind.FILE, path=path, reason=reason, hint="check its permissions, or exclude it"))


def _made_by_a_tool(entry: os.DirEntry[str]) -> str:
    """What an untracked folder is known to be, where its files are a tool's and not the target's; empty: nothing."""
    if entry.name == "node_modules":
        return "installed packages"
    if entry.name == "target" and os.path.isfile(os.path.join(entry.path, "CACHEDIR.TAG")):
        return "a build's output"
    if entry.name in (".venv", "venv") and os.path.isfile(os.path.join(entry.path, "pyvenv.cfg")):
        return "a Python environment"
    return ""


def _items(walk: _Walk) -> tuple[list[Item], list[Gap], list[Notification]]:
    root = walk.source.root
    paths = frozenset((*(file.path for file in walk.files), *walk.named))

    def read(path: str) -> bytes:
        if os.stat(os.path.join(root, path)).st_size > _MOST_MANIFEST_BYTES:
            raise OSError(errno.EFBIG, "it is too large", path)
        return walk.source.read(path)

    def is_outside(path: str) -> bool:
        return path.startswith("/") or not is_within(os.path.realpath(os.path.join(root, path)), root)

    cargo = _cargo_workspace.survey(_cargo_workspace.Tree(paths=paths, read=read, is_outside=is_outside))
    others = _manifests.survey(paths, read)
    items = [*cargo.items, *others.items, *_languages(walk)]
    workflows = sum(path.rpartition("/")[0] == _WORKFLOWS and path.endswith((".yml", ".yaml")) for path in paths)
    if workflows:
        items.append(
            Item(kind=ItemKind.WORKFLOWS, name=_WORKFLOWS, domains=frozenset({Domain.WORKFLOWS}), files=workflows)
        )
    if walk.files:
        items.append(Item(kind=ItemKind.TREE, name="files", domains=frozenset({Domain.SECRETS}), files=len(walk.files)))
    return items, [*cargo.gaps, *others.gaps], [*cargo.notifications, *others.notifications]


def _languages(walk: _Walk) -> Iterator[Item]:
    scripts = frozenset(walk.scripts)
    counts: Counter[str] = Counter()
    for file in walk.files:
        language = language_of(file.path)
        if language is None and file.path in scripts:
            try:
                language = language_of(file.path, walk.source.first_bytes(file.path, _FIRST_BYTES))
            except OSError:
                # Whoever scans it says so.
                continue
        if language:
            counts[language] += 1
    for language, files in sorted(counts.items()):
        domains = {Domain.CODE, Domain.UNSAFE} if language == "rust" else {Domain.CODE}
        yield Item(kind=ItemKind.LANGUAGE, name=language, domains=frozenset(domains), files=files)
