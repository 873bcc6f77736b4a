"""magray-sec's own rule engine over the history: secrets in every file of every commit that a reference leads to.

Branches, tags, remote branches, notes, every stash and the HEADs of linked work trees; each version of a file once,
however many commits hold it. A secret that is still at HEAD is told there, one that is not where it came in first, each
with the commit that brought it in. Read from git's objects alone: no filter, replacement or graft takes part.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from magray_sec import datafiles
from magray_sec.adapters._parts import reader
from magray_sec.adapters._skips import binary
from magray_sec.model.adapter import Adapter, Metric, Said
from magray_sec.model.finding import Place, Sighting
from magray_sec.model.run import (
    Capabilities,
    Claim,
    File,
    Gap,
    GapKind,
    Inventory,
    ItemKind,
    Level,
    Notification,
    Origin,
    ScanContext,
    Skipped,
    SkipReason,
    Source,
)
from magray_sec.model.scale import Domain
from magray_sec.regex.encoding import readable
from magray_sec.regex.tune import rules_in_use

if TYPE_CHECKING:  # whoever lists scanners does not wait for them
    from magray_sec._git_log import History
    from magray_sec._git_objects import Repository
    from magray_sec.regex.scan import Engine, Judged

_BATCH_FILES = 2048
_MOST_SAID = 20
_LFS = b"version https://git-lfs.github.com/spec/v1"
_MOST_LFS_BYTES = 1024
_CHECK = "check it with `git fsck`"
_DEEPEN = "fetch the whole history: `git fetch --unshallow`, or `fetch-depth: 0` of actions/checkout"
_FILL = "fetch the objects that the clone left behind: `git fetch --refetch --no-filter`"


def claims(inventory: Inventory) -> tuple[Claim, ...]:
    """The history, where it was asked for."""
    return tuple(Claim(domain=Domain.SECRETS, item=item.id) for item in inventory.of(ItemKind.HISTORY))


def inspect(source: Source, claimed: tuple[Claim, ...], context: ScanContext) -> Iterator[Said]:
    """Scan what the references of the repository around `source` lead to by the packs of `context`."""
    from magray_sec import _git_log as log  # noqa: PLC0415
    from magray_sec._git_objects import GitTrouble, Repository  # noqa: PLC0415
    from magray_sec.regex.compile import compile_rules  # noqa: PLC0415
    from magray_sec.regex.scan import Engine  # noqa: PLC0415

    (item,) = (claim.item for claim in claimed)

    def lost(reason: str, hint: str) -> Gap:
        return Gap(kind=GapKind.ITEM, domain=Domain.SECRETS, item=item, reason=reason, hint=hint)

    try:
        repository = Repository.at(source.root)
        history = log.sweep(repository) if repository else None
        head = _at_head(repository) if repository else {}
    except GitTrouble as error:
        yield lost(f"the repository cannot be read: {error}", _CHECK)
        return
    if repository is None or history is None:
        yield lost("there is no repository", _CHECK)
        return
    ruleset = rules_in_use(
        context.packs or datafiles.files("rules"), context.cache, context.rule_settings
    ).ruleset.only(frozenset({Domain.SECRETS}))
    if not ruleset.rules:
        yield lost("none of the rules in use looks at secrets", "use the shipped packs too")
        return
    if shallow := repository.shallow():
        yield lost(f"this is a shallow clone: what lies before {_count(len(shallow), 'commit')} is not here", _DEEPEN)
    sweep = _Sweep(
        repository=repository,
        history=history,
        head=head,
        engine=Engine(ruleset, compile_rules(ruleset, context.cache)),
        source=source,
        context=context,
    )
    sweep.run()
    catalogue = ruleset.catalogue
    for hit in sweep.told():
        rule = hit.judged.rule
        yield Sighting(
            native_rule=rule.canonical,
            domain=rule.domain,
            message=rule.title,
            rule=catalogue[rule.canonical],
            native_severity=rule.severity.value,
            severity=rule.severity,
            confidence=rule.confidence,
            place=Place(path=hit.judged.file.path, span=hit.judged.token, commit=hit.commit, blob=hit.judged.file.blob),
            preview=hit.judged.preview,
            origin=hit.origin,
        )
    yield from sweep.skipped
    yield from binary(dict.fromkeys(sweep.binary))
    missing = history.missing + sweep.missing
    if missing:
        partial = repository.places.is_partial
        why = "this is a partial clone" if partial else "the repository is not whole"
        yield lost(
            f"{_count(missing, 'object')} of the history {'is' if missing == 1 else 'are'} not here: {why}",
            _FILL if partial else _CHECK,
        )
    for path, reason in sorted({*history.unread, *sweep.unread})[:_MOST_SAID]:
        yield replace(lost(f"a part of the history cannot be read: {reason}", _CHECK), path=path)
    rest = len({*history.unread, *sweep.unread}) - _MOST_SAID
    if rest > 0:
        yield lost(f"{rest} more parts of the history cannot be read", _CHECK)
    if history.submodules:
        message = f"{_count(history.submodules, 'commit')} of submodules in the history: not looked at"
        yield Notification(level=Level.NOTE, message=message)
    yield Metric(name="commits", value=len(history.commits))
    yield Metric(name="files", value=sweep.files)
    yield Metric(name="bytes", value=sweep.bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hit:
    judged: Judged
    origin: Origin
    commit: str
    """One that holds the file at its path."""
    token: bytes
    """A keyed digest of what was found: enough to tell two apart within this process, and nothing else."""


class _Sweep:
    """One pass over the versions of all files, batch by batch, so that memory does not grow with the history."""

    def __init__(
        self,
        *,
        repository: Repository,
        history: History,
        head: dict[bytes, list[str]],
        engine: Engine,
        source: Source,
        context: ScanContext,
    ) -> None:
        self._repository = repository
        self._history = history
        self._head = head
        self._head_commit = (repository.head() or b"").hex()
        self._engine = engine
        self._source = source
        self._context = context
        self._key = secrets.token_bytes(16)
        self._hits: list[_Hit] = []
        self.skipped: list[Skipped] = []
        self.binary: list[str] = []
        self.unread: list[tuple[str, str]] = []
        self.missing = 0
        self.files = 0
        self.bytes = 0

    def run(self) -> None:
        """Look at all of it."""
        blobs = self._history.blobs
        # The versions of a file lie beside each other in a pack, each stored as a difference to the next.
        order = sorted(range(len(blobs)), key=lambda index: (blobs[index].path, -index))
        for start in range(0, len(order), _BATCH_FILES):
            self._batch(order[start : start + _BATCH_FILES])

    def _batch(self, indexes: list[int]) -> None:
        from magray_sec._git_objects import GitTrouble, Missing  # noqa: PLC0415

        files = []
        origins = {}
        for index in indexes:
            brought = self._history.blobs[index]
            try:
                size = self._repository.objects.size(brought.blob)
            except GitTrouble as error:
                if isinstance(error, Missing):
                    self.missing += 1
                else:
                    self.unread.append((brought.path, str(error)))
                continue
            blob = brought.blob.hex()
            if size > self._context.limits.max_file_bytes:
                self.skipped.append(
                    Skipped(reason=SkipReason.TOO_LARGE, path=brought.path, detail=f"{size} bytes, in the history")
                )
                continue
            origins[blob] = self._origin(index)
            files.append(File(path=brought.path, size=size, blob=blob))
        self._scan(files, origins)

    def _scan(self, files: list[File], origins: dict[str, Origin]) -> None:
        read = reader(self._source)
        scanned = self._engine.scan(files, read, jobs=max(1, self._context.jobs))
        self.files += scanned.files
        self.bytes += scanned.bytes
        self.binary += scanned.binary
        self.unread += scanned.unreadable
        self.unread += sorted({(flooded.path, "a file has too many candidates") for flooded in scanned.flooded})
        last: tuple[str, bytes] = ("", b"")
        for judged in scanned.found:
            if judged.file.blob != last[0]:
                try:
                    last = (judged.file.blob, readable(read(judged.file)) or b"")
                except OSError:
                    continue  # it was read a moment ago
            token = hashlib.blake2b(last[1][slice(*judged.token)], key=self._key, digest_size=16).digest()
            origin = origins[judged.file.blob]
            self._hits.append(_Hit(judged=judged, origin=origin, commit=origin.commit, token=token))

    def _origin(self, index: int) -> Origin:
        from magray_sec._git_log import date_of  # noqa: PLC0415

        brought = self._history.blobs[index]
        if brought.commit < 0:
            # In no commit: a reference leads straight to it.
            return Origin(commit=brought.blob.hex(), path=brought.path, rank=len(self._history.commits))
        commit = self._history.commits[brought.commit]
        return Origin(commit=commit.id.hex(), date=date_of(commit.authored), path=brought.path, rank=brought.commit)

    def told(self) -> Iterator[_Hit]:
        """What is to be said: of what is at HEAD each place there, of what is not the first place of each path."""
        found: dict[tuple[str, bytes], list[_Hit]] = {}
        for hit in self._hits:
            found.setdefault((hit.judged.rule.canonical, hit.token), []).append(hit)
        said: list[_Hit] = []
        for group in found.values():
            group.sort(key=_age)
            first = group[0].origin
            here = [hit for hit in group if bytes.fromhex(hit.judged.file.blob) in self._head]
            if here:
                origin = replace(first, is_at_head=True)
                said += (
                    _moved(hit, path, origin, self._head_commit)
                    for hit in here
                    for path in self._head[bytes.fromhex(hit.judged.file.blob)]
                )
                continue
            paths: set[str] = set()
            for hit in group:
                if hit.judged.file.path not in paths:
                    paths.add(hit.judged.file.path)
                    said.append(_moved(hit, hit.judged.file.path, hit.origin, hit.commit))
        yield from sorted(said, key=_order)


def _moved(hit: _Hit, path: str, origin: Origin, commit: str) -> _Hit:
    own = replace(origin, path="" if origin.path == path else origin.path)
    file = replace(hit.judged.file, path=path)
    return replace(hit, judged=replace(hit.judged, file=file), origin=own, commit=commit)


def _at_head(repository: Repository) -> dict[bytes, list[str]]:
    """The blobs of the commit that is checked out and the paths they stand at; nothing where there is none."""
    from magray_sec._git_log import files_at  # noqa: PLC0415

    head = repository.head()
    found: dict[bytes, list[str]] = {}
    if head is not None:
        for path, blob in files_at(repository, repository.commit(head).tree).items():
            found.setdefault(blob, []).append(path)
    return found


def _age(hit: _Hit) -> tuple[object, ...]:
    return (hit.origin.rank, os.fsencode(hit.judged.file.path), hit.judged.token)


def _order(hit: _Hit) -> tuple[object, ...]:
    judged = hit.judged
    return (os.fsencode(judged.file.path), hit.origin.rank, judged.file.blob, judged.token, judged.rule.canonical)


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


ADAPTER = Adapter(
    id="secret-history",
    title="secrets in the history, by magray-sec's own rules",
    domains=frozenset({Domain.SECRETS}),
    claims=claims,
    needs=Capabilities(git_history=True),
    inspect=inspect,
)
