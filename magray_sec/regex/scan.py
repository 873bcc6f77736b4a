"""Files + rules -> what the rules found in them.

Hyperscan reads whole files and says where a rule's match *may* end; RE2 says what matches, in windows around those
places. The windows of a rule that overlap are one, so RE2 reads no byte twice for a rule: the time is linear in the
size of the input, whatever is in it.

What is found in a file is, for each rule, what RE2 alone would find reading all of it from left to right, each search
starting where the last token ended. For a pattern without a longest match this holds up to `REACH` bytes each way.
"""

from __future__ import annotations

import bisect
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import hyperscan

from magray_sec.languages import language_of
from magray_sec.model.run import File
from magray_sec.regex.compile import compile_pattern
from magray_sec.regex.confirm import Confirmed, Rejected, Span, confirm
from magray_sec.regex.doubt import Reason
from magray_sec.regex.encoding import readable
from magray_sec.regex.pack import PatternRule, RuleSet

MAX_HITS = 10_000
"""Of a rule in a file; neighbouring ones count as one. What comes beyond is not looked at, and that is said."""
REACH = 4096
"""How far from a hit a match without a longest length is looked for, in bytes each way."""
MAX_MATCH = 1 << 20
"""No match is longer than this, in bytes."""

# Small files are scanned together: one call for many keeps the threads from waiting for each other.
_BATCH_BYTES = 1 << 20
_BATCH_FILES = 256
_END = b"\n" * 64
# Callbacks of a rule that already had too many; then the rest of the file is given up.
_MAX_WASTED = 2_000_000

Read = Callable[[str], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A match of a rule's pattern in a file and what became of it. Spans as in `encoding.readable`."""

    rule: PatternRule
    path: str
    match: Span
    token: Span
    """The group that the rule is about."""
    outcome: Confirmed | Rejected
    preview: str = ""
    """What may be shown of it: its provider's published prefix and its length; empty where it has no such prefix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flooded:
    """A file that was not fully looked at for a rule, because it has too many candidates."""

    path: str
    rule: PatternRule | None
    """None: for all rules, from `offset` on."""
    offset: int = 0


@dataclass(slots=True, kw_only=True)
class Scanned:
    """All that came of a scan; every list is sorted by path (and then by place and rule)."""

    found: list[Judged] = field(default_factory=list)
    """Confirmed ones alone."""
    binary: list[str] = field(default_factory=list)
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    """Path and reason."""
    flooded: list[Flooded] = field(default_factory=list)
    files: int = 0
    """How many were looked at."""
    bytes: int = 0


class Engine:
    """A rule set with its compiled database. It may be used by any number of threads at once."""

    def __init__(self, ruleset: RuleSet, database: hyperscan.Database) -> None:
        self._rules = ruleset.rules
        self._database = database
        self._patterns: dict[int, _Pattern] = {}
        self._own = threading.local()

    def scan(self, files: Sequence[File], read: Read, *, jobs: int = 1) -> Scanned:
        """What the rules find in `files` (sorted by path), in `jobs` threads. The result does not depend on `jobs`."""
        batches = list(_batches(files))
        results: list[Scanned | None] = [None] * len(batches)
        waiting = iter(range(len(batches)))
        lock = threading.Lock()
        failures: list[BaseException] = []

        def work() -> None:
            try:
                while not failures:
                    with lock:
                        index = next(waiting, None)
                    if index is None:
                        return
                    results[index] = self._scan_batch(batches[index], read)
            except BaseException as error:  # noqa: BLE001 - it is raised again, by the thread that waits
                failures.append(error)

        threads = [threading.Thread(target=work) for _ in range(min(jobs, len(batches)) - 1)]
        for thread in threads:
            thread.start()
        work()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        return _merged(result for result in results if result is not None)

    def examine(self, path: str, data: bytes) -> tuple[Judged, ...]:
        """Every match in a file's bytes, rejected ones with the reason, sorted by place; nothing if it is binary."""
        text = readable(data)
        if not text:
            return ()
        hits = self._hits([text])
        return tuple(sorted(self._judge(path, text, hits.runs, everything=True), key=_place))

    def _scan_batch(self, batch: Sequence[File], read: Read) -> Scanned:
        result = Scanned()
        texts: list[tuple[str, bytes]] = []
        for file in batch:
            try:
                data = read(file.path)
            except OSError as error:
                result.unreadable.append((file.path, error.strerror or str(error)))
                continue
            result.files += 1
            result.bytes += len(data)
            text = readable(data)
            if text is None:
                result.binary.append(file.path)
            elif text:
                texts.append((file.path, text))
        self._scan_texts(texts, result)
        return result

    def _scan_texts(self, texts: list[tuple[str, bytes]], result: Scanned) -> None:
        if not texts:
            return
        hits = self._hits([text for _, text in texts])
        if len(texts) == 1:
            path, text = texts[0]
            result.found += self._judge(path, text, hits.runs)
            result.flooded += (Flooded(path=path, rule=self._rules[rule]) for rule in sorted(hits.full))
            if hits.stopped_at is not None:
                result.flooded.append(Flooded(path=path, rule=None, offset=hits.stopped_at))
        elif hits.full:
            # Which file has too many is not known: each is scanned alone.
            for entry in texts:
                self._scan_texts([entry], result)
        elif hits.runs:
            for index, runs in self._by_file(texts, hits.runs):
                path, text = texts[index]
                result.found += self._judge(path, text, runs)

    def _by_file(
        self, texts: list[tuple[str, bytes]], runs: dict[int, list[int]]
    ) -> Iterator[tuple[int, dict[int, list[int]]]]:
        """The runs in joined texts as those of each text: its index, and its runs by rule."""
        starts = []
        offset = 0
        for _, text in texts:
            starts.append(offset)
            offset += len(text) + 1
        split: dict[int, dict[int, list[int]]] = {}
        for rule, flat in runs.items():
            for at in range(0, len(flat), 2):
                first, last = flat[at], flat[at + 1]
                # A hit at a text's first byte is the end of something before it.
                index = bisect.bisect_left(starts, first) - 1
                while index < len(texts) and starts[index] < last:
                    start, stop = starts[index], starts[index] + len(texts[index][1])
                    if first <= stop:
                        own = split.setdefault(index, {}).setdefault(rule, [])
                        own += (max(first, start + 1) - start, min(last, stop) - start)
                    index += 1
        yield from sorted(split.items())

    def _hits(self, texts: Sequence[bytes]) -> _Hits:
        # A line feed between two texts keeps anchors and word boundaries as they are; what matches across it is only a
        # candidate, and RE2 sees each text by itself. Those behind the last one are for Vectorscan 5.4.12, which
        # overlooks some matches at the very end of what it scans.
        text = b"\n".join((*texts, _END))
        scratch = getattr(self._own, "scratch", None)
        if scratch is None:
            scratch = self._own.scratch = hyperscan.Scratch(self._database)
        hits = _Hits()
        try:
            self._database.scan(text, match_event_handler=hits.take, scratch=scratch)
        except hyperscan.ScanTerminated:
            hits.stopped_at = hits.last
        return hits

    def _judge(
        self, path: str, text: bytes, runs: dict[int, list[int]], *, everything: bool = False
    ) -> Iterator[Judged]:
        """What the runs come to: the confirmed matches, with `everything` the rejected ones too."""
        for index, flat in runs.items():
            pattern = self._patterns.get(index)
            if pattern is None:
                # Two threads may both make it: the same twice.
                pattern = self._patterns[index] = _Pattern(self._rules[index])
            applies = pattern.applies(path, text)
            if not applies and not everything:
                continue
            for match, token in pattern.matches(text, flat):
                rule = pattern.rule
                outcome = confirm(rule, text, match, token) if applies else Rejected(reason=Reason.OTHER_FILE)
                if everything or isinstance(outcome, Confirmed):
                    preview = _preview(rule, text, token)
                    yield Judged(rule=rule, path=path, match=match, token=token, outcome=outcome, preview=preview)


class _Hits:
    """Takes what Hyperscan reports: by rule, the runs of neighbouring ends as first, last, first, last, ..."""

    __slots__ = ("_wasted", "full", "last", "runs", "stopped_at")

    def __init__(self) -> None:
        self.runs: dict[int, list[int]] = {}
        self.full: set[int] = set()
        self.last = 0
        self.stopped_at: int | None = None
        self._wasted = 0

    def take(self, rule: int, _start: int, end: int, _flags: int, _context: object) -> bool | None:
        """Hyperscan's callback; True ends the scan."""
        runs = self.runs.get(rule)
        if runs is None:
            self.runs[rule] = [end, end]
        elif end - runs[-1] in (0, 1):
            runs[-1] = end
        elif len(runs) < 2 * MAX_HITS:
            runs += (end, end)
        else:
            self.full.add(rule)
            self._wasted += 1
            if self._wasted > _MAX_WASTED:
                self.last = end
                return True
        return None


class _Pattern:
    """A rule with its RE2 pattern and the files it looks at."""

    def __init__(self, rule: PatternRule) -> None:
        self.rule = rule
        self._search = compile_pattern(rule.regex)
        named = self._search.groupindex.get(b"secret")
        self._groups = ([named] if named else []) + list(range(1, self._search.groups + 1))
        self._include = tuple(re.compile(regex) for regex in rule.include)
        self._exclude = tuple(re.compile(regex) for regex in rule.exclude)

    def applies(self, path: str, text: bytes) -> bool:
        """Whether the rule looks at this file."""
        rule = self.rule
        if rule.languages and language_of(path, text[:200]) not in rule.languages:
            return False
        if self._include and not any(regex.match(path) for regex in self._include):
            return False
        return not any(regex.match(path) for regex in self._exclude)

    def matches(self, text: bytes, runs: list[int]) -> Iterator[tuple[Span, Span]]:
        """The pattern's matches that the runs of hits stand for, each with its token, from left to right."""
        search = self._search.search
        done = 0
        for low, high in self._windows(text, runs):
            at = max(low, done)
            while at < high:
                found = search(text, at, high)
                if found is None:
                    break
                if self.rule.after is None and found.end() == high:
                    found = self._longer(text, found, high)
                match, token = found.span(), self._token(found)
                yield match, token
                at = done = token[1]

    def _windows(self, text: bytes, runs: list[int]) -> Iterator[Span]:
        """The stretches of text to search, apart from each other and in order."""
        rule = self.rule
        before = REACH if rule.before is None else rule.before
        after = REACH if rule.after is None else rule.after
        pairs = sorted(zip(runs[::2], runs[1::2], strict=True))
        current: Span | None = None
        for first, last in pairs:
            low, high = max(0, first - before), min(len(text), last + after)
            if rule.is_one_line:
                low = max(low, text.rfind(b"\n", low, first) + 1)
                end = text.find(b"\n", last, high)
                high = high if end < 0 else end
            if current is not None and low <= current[1]:
                current = (current[0], max(current[1], high))
            else:
                if current is not None:
                    yield current
                current = (low, high)
        if current is not None:
            yield current

    def _longer(self, text: bytes, found: Any, high: int) -> Any:
        """The match, looked for again in ever larger windows as long as it fills them."""
        start = found.start()
        while found.end() == high and high < len(text) and high - start < MAX_MATCH:
            high = min(len(text), start + 2 * (high - start))
            found = self._search.search(text, start, high) or found
        return found

    def _token(self, found: Any) -> Span:
        for group in self._groups:
            start, end = found.span(group)
            if 0 <= start < end:
                return start, end
        start, end = found.span()
        return start, end


def _batches(files: Sequence[File]) -> Iterator[Sequence[File]]:
    start = total = 0
    for index, file in enumerate(files):
        if index > start and (total + file.size > _BATCH_BYTES or index - start >= _BATCH_FILES):
            yield files[start:index]
            start, total = index, 0
        total += file.size
    if start < len(files):
        yield files[start:]


def _merged(results: Iterable[Scanned]) -> Scanned:
    merged = Scanned()
    for result in results:
        merged.found += result.found
        merged.binary += result.binary
        merged.unreadable += result.unreadable
        merged.flooded += result.flooded
        merged.files += result.files
        merged.bytes += result.bytes
    merged.found.sort(key=_place)
    merged.binary.sort()
    merged.unreadable.sort()
    merged.flooded.sort(key=lambda entry: (entry.path, entry.rule.canonical if entry.rule else ""))
    return merged


def _preview(rule: PatternRule, text: bytes, token: Span) -> str:
    start, end = token
    if not rule.preview or not text.startswith(rule.preview.encode(), start):
        return ""
    return f"{rule.preview}\u2026 ({end - start} characters)"


def _place(judged: Judged) -> tuple[str, int, str, int]:
    return judged.path, judged.token[0], judged.rule.canonical, judged.token[1]
