"""What scanners said of files that have not changed since, kept in the user's own cache.

An entry is named by the digest of all that a scanner's word depends on besides the target's files: the adapter and the
code of magray-sec, the program, its command lines, rules, advisory database, the day. It holds the state of every file
that was read, and what was said. A file is unchanged where its size, its times, its number and its device are those of
then, as git judges it; one that was written so shortly before that a later write could bear the same time is taken
for a changed one.

Nothing is kept that a scan which failed, or was ended, said. No entry holds a secret: a place in a file stands for it.
An entry that is damaged, foreign or of another format is as good as none.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from magray_sec import __version__, _kept
from magray_sec.model.adapter import Adapter, Interpretation, Step
from magray_sec.model.codec import from_plain, to_plain
from magray_sec.model.finding import Sighting
from magray_sec.model.run import Command, File, Inventory, ItemKind, ScanContext, ToolRun
from magray_sec.model.scale import Outcome
from magray_sec.source import state_of

State = tuple[int, ...]
"""Of a file, see `source.state_of`."""

_FORMAT = b"magray-sec results 1"
_MOST_ENTRIES = 256
_MOST_BYTES = 200_000_000
_KEPT_OUTCOMES = (Outcome.COMPLETED, Outcome.PARTIAL)
# A write within one tick of the file system's clock leaves the time as it was.
_TICK_NS = 100_000_000
_COARSE_TICK_NS = 2_000_000_000
_WHOLE_SECOND_NS = 1_000_000_000


def states(root: str, files: Sequence[File]) -> dict[str, State]:
    """The state of each file on disk; one that cannot be looked at is absent."""
    found: dict[str, State] = {}
    prefix = os.path.join(root, "")
    for file in files:
        try:
            found[file.path] = state_of(os.lstat(prefix + file.path))
        except OSError:
            continue
    return found


def changed(before: Mapping[str, State], after: Mapping[str, State]) -> tuple[str, ...]:
    """The paths whose state is another one, or which came or went; sorted."""
    if before == after:
        return ()
    paths = before.keys() | after.keys()
    return tuple(sorted(path for path in paths if before.get(path) != after.get(path)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalled:
    """What is known of a step before it is run."""

    interpretation: Interpretation
    """What was said of the files that have not changed."""
    files: tuple[File, ...] = ()
    """The files that the scanner has yet to look at; none: nothing has to be run."""


@dataclass(slots=True, kw_only=True)
class Results:
    """The entries of one target. `folder`: where they lie; None: nothing is known and nothing kept."""

    folder: str | None
    root: str
    files: tuple[File, ...]
    states: Mapping[str, State]
    """Of the files, as they were before any scanner ran."""
    is_fresh: bool = False
    """Nothing is recalled, whatever is known; what is found is kept."""
    names: dict[str, str] = field(default_factory=dict)
    """Adapter id -> the name of its entry."""

    def recall(self, step: Step, context: ScanContext) -> Recalled | None:
        """What is known of a step; None where it has to be run as if it never was."""
        adapter = step.adapter
        of_history = any(claim.item.startswith(f"{ItemKind.HISTORY.value}:") for claim in step.claims)
        if self.folder is None or not is_kept(adapter, context) or of_history:
            # NOTE: the history changes while every file stays as it is.
            return None
        name = self.names[adapter.id] = _name(step, context, self.root)
        data = None if self.is_fresh else _kept.recall(self.folder, name)
        if data is None:
            return None
        try:
            entry = json.loads(data)
            then = {path: tuple(state) for path, state in entry["states"].items()}
            interpretation = Interpretation(
                run=from_plain(ToolRun, entry["run"]),
                sightings=from_plain(tuple[Sighting, ...], entry["sightings"]),
                marked=from_plain(tuple[str, ...], entry["marked"]),
            )
        except (ValueError, TypeError, KeyError, AttributeError):
            return None  # of another format
        read = [file for file in self.files if reads(adapter, file.path)]
        dirty = tuple(file for file in read if self.states.get(file.path, ()) != then.get(file.path))
        if adapter.per_file:
            if any(self.states.get(path, ()) != then.get(path, ()) for path in adapter.shared):
                return None
            if dirty:
                changed_paths = {file.path for file in dirty}
                dirty = tuple(file for file in read if file.path in changed_paths or file.path in adapter.shared)
            clean = {file.path for file in read} - {file.path for file in dirty}
            return Recalled(interpretation=_only(interpretation, clean, is_all=not dirty), files=dirty)
        is_same = not dirty and len(then) == len(read)
        return Recalled(interpretation=interpretation) if is_same else None

    def keep(self, step: Step, interpretation: Interpretation, hide: Callable[[str], str], *, now_ns: int) -> None:
        """Keep what a step came to. `interpretation` holds no sealed secret; `hide` takes every secret of the scan out
        of a text; `now_ns`: when the states were taken."""
        name = self.names.get(step.adapter.id)
        if self.folder is None or name is None or interpretation.run.outcome not in _KEPT_OUTCOMES:
            return
        if any(entry.secret is not None for entry in interpretation.sightings):
            return
        read = [file.path for file in self.files if reads(step.adapter, file.path)]
        settled = {
            path: state
            for path in read
            if (state := self.states.get(path)) is not None and _is_settled(state, now_ns=now_ns)
        }
        if not step.adapter.per_file and len(settled) < len(read):
            return
        entry = {
            "states": settled,
            "run": _hidden(to_plain(interpretation.run), hide),
            "sightings": _hidden(to_plain(interpretation.sightings), hide),
            "marked": interpretation.marked,
        }
        # ASCII: a path that is no UTF-8 is kept as what stands for its bytes.
        content = json.dumps(entry, separators=(",", ":")).encode("ascii")
        _kept.keep(self.folder, name, content, most=_MOST_ENTRIES, most_bytes=_MOST_BYTES)

    def durations(self) -> dict[str, float]:
        """How long each scanner took the last time that it ran over this target, in seconds."""
        try:
            known = json.loads(_kept.recall(self.folder, self._pace) or b"{}")
            return {str(name): float(seconds) for name, seconds in known.items()}
        except (ValueError, TypeError, AttributeError):
            return {}

    def keep_durations(self, taken: Mapping[str, float]) -> None:
        """Remember how long scanners took."""
        content = json.dumps({**self.durations(), **{name: round(taken[name], 1) for name in taken}}, sort_keys=True)
        _kept.keep(self.folder, self._pace, content.encode("ascii"), most=_MOST_ENTRIES, most_bytes=_MOST_BYTES)

    @property
    def _pace(self) -> str:
        return hashlib.sha256(_FORMAT + os.fsencode(self.root)).hexdigest()[:40] + ".durations"


def is_kept(adapter: Adapter, context: ScanContext) -> bool:
    """Whether what an adapter says may be kept: not where it depends on more than is known here."""
    return not (context.verify_secrets or adapter.needs.runs_target_code or adapter.needs.git_history)


def reads(adapter: Adapter, path: str) -> bool:
    """Whether what an adapter says depends on the bytes of the file at `path`."""
    return adapter.reads is None or adapter.reads(path)


def merge(known: Interpretation, fresh: Interpretation) -> Interpretation:
    """What was said of the unchanged files, and what is said of the others now, as one run over all of them."""
    if fresh.run.outcome not in _KEPT_OUTCOMES:
        return fresh
    gaps = (*known.run.gaps, *fresh.run.gaps)
    is_partial = bool(gaps) or fresh.run.outcome is Outcome.PARTIAL
    notifications = dict.fromkeys((*known.run.notifications, *fresh.run.notifications))
    run = replace(
        fresh.run,
        outcome=Outcome.PARTIAL if is_partial else Outcome.COMPLETED,
        reason=fresh.run.reason or (known.run.reason if is_partial else ""),
        gaps=tuple(sorted(gaps, key=lambda gap: gap.sort_key)),
        skipped=(*known.run.skipped, *fresh.run.skipped),
        notifications=tuple(notifications),
    )
    return Interpretation(
        run=run,
        sightings=(*known.sightings, *fresh.sightings),
        marked=tuple(sorted({*known.marked, *fresh.marked})),
    )


def measured(run: ToolRun, files: Iterable[File]) -> ToolRun:
    """A per-file scanner's run with how many files and bytes it was given, less what it could not look at."""
    missed = {gap.path for gap in run.gaps}
    seen = [file for file in files if file.path not in missed]
    metrics = dict(run.metrics) | {"files": len(seen), "bytes": sum(file.size for file in seen)}
    return replace(run, metrics=tuple(sorted(metrics.items())))


def _only(interpretation: Interpretation, paths: set[str], *, is_all: bool) -> Interpretation:
    """What was said of the files at `paths`; and, where these are all there are, of no file: a run over the others
    says that again."""
    run = interpretation.run
    wanted = paths | {""} if is_all else paths
    gaps = tuple(entry for entry in run.gaps if entry.path in wanted)
    kept = replace(
        run,
        outcome=Outcome.PARTIAL if gaps else Outcome.COMPLETED,
        reason=run.reason if gaps else "",
        gaps=gaps,
        skipped=tuple(entry for entry in run.skipped if entry.path in wanted),
        notifications=tuple(entry for entry in run.notifications if entry.path in wanted),
    )
    return Interpretation(
        run=kept,
        sightings=tuple(entry for entry in interpretation.sightings if entry.place and entry.place.path in paths),
        marked=tuple(path for path in interpretation.marked if path in paths),
    )


def _is_settled(state: State, *, now_ns: int) -> bool:
    newest = max(state[1], state[2])
    if newest + _COARSE_TICK_NS < now_ns:
        return True
    is_coarse = not any(moment % _WHOLE_SECOND_NS for moment in state[1:3])
    return newest + (_COARSE_TICK_NS if is_coarse else _TICK_NS) < now_ns


def _hidden(plain: object, hide: Callable[[str], str]) -> object:
    """Every text in it without the scan's secrets."""
    if isinstance(plain, str):
        return hide(plain)
    if isinstance(plain, dict):
        return {key: _hidden(value, hide) for key, value in plain.items()}
    if isinstance(plain, (list, tuple)):
        return [_hidden(value, hide) for value in plain]
    return plain


def _name(step: Step, context: ScanContext, root: str) -> str:
    """The digest of all that a step's word depends on besides the files that it reads."""
    adapter = step.adapter
    places = ((context.work, "{work}"), (root, "{target}"))

    def anywhere(text: str) -> str:
        for place, word in places:
            text = text.replace(place, word)
        return text

    database = context.database
    programs = {adapter.executable, *adapter.uses} - {""}
    parts = (
        __version__,
        sys.version,
        _own_code(),
        root,
        adapter.id,
        [_program(context.tools[name].path) for name in sorted(programs) if name in context.tools],
        [_shape(command, anywhere) for command in step.commands],
        [to_plain(gap) for gap in step.gaps],
        to_plain((context.inventory or Inventory()).items),
        context.today.isoformat(),
        context.offline,
        context.resolve,
        to_plain(context.limits),
        to_plain(context.rule_settings),
        [_content(pack) for pack in context.packs],
        [database.path, database.commit, str(database.date), database.advisories, _program(database.path)]
        if database
        else [],
    )
    return hashlib.sha256(_FORMAT + json.dumps(parts).encode("ascii")).hexdigest()[:40] + ".results"


def _shape(command: Command, anywhere: Callable[[str], str]) -> list[object]:
    return [
        [anywhere(word) for word in command.argv],
        sorted((name, anywhere(value)) for name, value in command.environment.items()),
        sorted((name, anywhere(value)) for name, value in command.facts.items()),
        [anywhere(path) for path in command.inputs],
        [claim.key for claim in command.claims],
    ]


def _program(path: str | None) -> list[object]:
    if not path:
        return []  # it is not there, which is all that there is to know
    try:
        real = os.path.realpath(path, strict=True)
        state = os.stat(real)
    except OSError:
        return [path, time.time_ns()]  # nothing is known of it, so nothing that it said holds
    return [real, state.st_size, state.st_mtime_ns, state.st_ino]


def _content(path: str) -> str:
    try:
        with open(path, "rb") as stream:
            return hashlib.sha256(stream.read()).hexdigest()
    except OSError:
        return f"{path} {time.time_ns()}"


def _own_code() -> str:
    """The state of our own modules: a checkout changes without its version."""
    digest = hashlib.sha256()
    for place, folders, names in os.walk(os.path.dirname(os.path.abspath(__file__))):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        for name in sorted(names):
            state = os.stat(os.path.join(place, name))
            digest.update(f"{place}/{name} {state.st_size} {state.st_mtime_ns}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
