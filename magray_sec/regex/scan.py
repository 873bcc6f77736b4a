"""Files + rules -> what the rules found in them.

Hyperscan reads whole files and says where a rule's match *may* end; RE2 says what matches, in windows around those
places. The windows of a rule that overlap are one, so RE2 reads no byte twice for a rule: the time is linear in the
size of the input, whatever is in it. A file is read by Hyperscan for the rules alone that look at files of its path and
language; the databases of others are not even made.

What is found in a file is, for each rule, what RE2 alone would find reading all of it from left to right, each search
starting where the last token ended. For a pattern without a longest match this holds up to `REACH` bytes each way.
"""

from __future__ import annotations

import bisect
import operator
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, TypeAlias

import hyperscan
import re2

from magray_sec.errors import EngineError
from magray_sec.languages import language_of
from magray_sec.model.run import File
from magray_sec.model.scale import Domain
from magray_sec.regex.compile import Databases, Part, compile_pattern
from magray_sec.regex.confirm import Confirmed, Rejected, Span, confirm
from magray_sec.regex.doubt import Reason
from magray_sec.regex.encoding import is_minified, readable
from magray_sec.regex.exempt import Exempt
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
# A larger file is not copied, and no other of this kind is in memory at the same time.
_LARGE_BYTES = 32 << 20
# The last bytes of such a file that are scanned once more, with what the end of a joined text has behind it.
_TAIL_BYTES = 1 << 16
_FIRST_BYTES = 200
# A line that is longer is no line of a program that people write.
_LONG_LINE = 1000
_END = b"\n" * 64
_ENTRY = re.compile(rb"secret_[0-9]+")
# What RE2 may read of a file for a rule, in bytes and in sizes of the file: long matches around short tokens are read
# again for each token.
_MOST_READ = 16 << 20
_MOST_READ_AGAIN = 4
# Callbacks of a rule that already had too many; then the rest of the file is given up.
_MAX_WASTED = 2_000_000

Read: TypeAlias = Callable[[File], bytes]
"""A file's bytes. OSError where they cannot be had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A match of a rule's pattern in a file and what became of it. Spans as in `encoding.readable`."""

    rule: PatternRule
    file: File
    match: Span
    token: Span
    """The group that the rule is about."""
    outcome: Confirmed | Rejected
    preview: str = ""
    """What may be shown of it: its provider's published prefix and its length; empty where it has no such prefix."""

    @property
    def path(self) -> str:
        """The file's."""
        return self.file.path


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
    minified: list[str] = field(default_factory=list)
    """Those that rules for code would look at, and whose long lines were looked at for secrets alone."""
    files: int = 0
    """How many were looked at."""
    bytes: int = 0


class Engine:
    """A rule set with its databases. It may be used by any number of threads at once."""

    def __init__(self, ruleset: RuleSet, databases: Databases) -> None:
        self._rules = ruleset.rules
        self._databases = databases
        self._parts = databases.parts
        self._chooser = _Chooser(databases.parts)
        self._is_code = tuple(any(_is_for_code(self._rules[index]) for index in part.rules) for part in self._parts)
        self._patterns: dict[int, _Pattern] = {}
        self._own = threading.local()
        self._large = threading.Lock()

    def prepare(self, *, jobs: int = 1) -> None:
        """Have ready what can be without knowing the files: the database of the rules for all files, and of the others
        those in the cache. It needs not be called."""
        self._databases.recall()
        self._databases.prepare(self._databases.of_all_files, jobs=jobs)

    def scan(self, files: Sequence[File], read: Read, *, jobs: int = 1) -> Scanned:
        """What the rules find in `files`, in `jobs` threads. The result depends neither on `jobs` nor on the order."""
        alike: dict[tuple[int, ...], list[File]] = {}
        for file in files:
            alike.setdefault(self._chooser.by_path(file.path), []).append(file)
        self._databases.prepare({part for parts in alike for part in parts}, jobs=jobs)
        batches = [(parts, batch) for parts, group in alike.items() for batch in _batches(group)]
        results: list[Scanned | None] = [None] * len(batches)
        waiting = iter(range(len(batches)))
        failures: list[BaseException] = []

        def work() -> None:
            try:
                for index in waiting:
                    if failures:
                        return
                    parts, batch = batches[index]
                    results[index] = self._scan_batch(parts, batch, read)
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
        file = File(path=path, size=len(data))
        found: list[Judged] = []
        for part in range(len(self._parts)):
            hits = self._hits(part, text)
            found += self._judge(part, file, text, hits.runs, hits.full, everything=True)
        return tuple(sorted(found, key=_place))

    def _scan_batch(self, parts: tuple[int, ...], batch: Sequence[File], read: Read) -> Scanned:
        result = Scanned()
        texts: list[tuple[File, bytes]] = []
        for file in batch:
            if file.size > _LARGE_BYTES:
                with self._large:
                    self._scan_texts(parts, self._read(file, read, result), result)
            else:
                texts += self._read(file, read, result)
        self._scan_texts(parts, texts, result)
        return result

    def _read(self, file: File, read: Read, result: Scanned) -> tuple[tuple[File, bytes], ...]:
        """The file with its text; nothing where there is none, which is told."""
        try:
            data = read(file)
        except OSError as error:
            result.unreadable.append((file.path, error.strerror or str(error)))
            return ()
        result.files += 1
        result.bytes += len(data)
        text = readable(data)
        if text is None:
            result.binary.append(file.path)
        return ((file, text),) if text else ()

    def _scan_texts(self, parts: tuple[int, ...], texts: Sequence[tuple[File, bytes]], result: Scanned) -> None:
        if not texts:
            return
        # A line feed between two texts keeps anchors and word boundaries as they are; what matches across it is only a
        # candidate, and RE2 sees each text by itself.
        joined = texts[0][1] if len(texts) == 1 else b"\n".join((*(text for _, text in texts), _END))
        starts = [0, *accumulate(len(text) + 1 for _, text in texts)]
        for part in parts:
            self._scan_part(part, texts, joined, starts, result)
        is_for_code = any(self._is_code[part] for part in parts)
        for file, text in texts:
            more: tuple[int, ...] = ()
            # A script's first line may say what its name does not.
            if text.startswith(b"#!"):
                more = tuple(part for part in self._chooser.by_text(file.path, text) if part not in parts)
                for part in more:
                    self._scan_part(part, [(file, text)], text, [0], result)
            if (is_for_code or any(self._is_code[part] for part in more)) and is_minified(text):
                result.minified.append(file.path)

    def _scan_part(
        self,
        part: int,
        texts: Sequence[tuple[File, bytes]],
        joined: bytes,
        starts: Sequence[int],
        result: Scanned,
    ) -> None:
        """`joined`: the only text, or all of them with a line feed between two and `_END` behind the last; `starts`:
        where in it each stands."""
        hits = self._hits(part, joined)
        rules = self._parts[part].rules
        if len(texts) == 1:
            file, text = texts[0]
            result.found += self._judge(part, file, text, hits.runs, hits.full)
            result.flooded += (Flooded(path=file.path, rule=self._rules[rules[rule]]) for rule in sorted(hits.full))
            if hits.stopped_at is not None:
                result.flooded.append(Flooded(path=file.path, rule=None, offset=hits.stopped_at))
        elif hits.full:
            # Which file has too many is not known: each is scanned alone.
            for file, text in texts:
                self._scan_part(part, [(file, text)], text, [0], result)
        elif hits.runs:
            for index, runs in _by_file(texts, starts, hits.runs):
                file, text = texts[index]
                full: set[int] = set()
                result.found += self._judge(part, file, text, runs, full)
                result.flooded += (Flooded(path=file.path, rule=self._rules[rules[rule]]) for rule in sorted(full))

    def _hits(self, part: int, text: bytes) -> _Hits:
        database = self._databases.database(part)
        scratches = self._own.__dict__.setdefault("scratches", {})
        scratch = scratches.get(part)
        if scratch is None:
            scratch = scratches[part] = hyperscan.Scratch(database)
        hits = _Hits()
        # Vectorscan 5.4.12 overlooks some matches at the very end of what it scans: there are line feeds behind it.
        padded = text if text.endswith(_END) else None if len(text) > _LARGE_BYTES else text + _END
        try:
            database.scan(text if padded is None else padded, match_event_handler=hits.take, scratch=scratch)
            if padded is None:
                hits.behind = len(text) - _TAIL_BYTES
                database.scan(text[-_TAIL_BYTES:] + _END, match_event_handler=hits.take_again, scratch=scratch)
        except hyperscan.ScanTerminated:
            hits.stopped_at = hits.last
        return hits

    def _judge(
        self,
        part: int,
        file: File,
        text: bytes,
        runs: dict[int, list[int]],
        full: set[int],
        *,
        everything: bool = False,
    ) -> Iterator[Judged]:
        """What the runs come to: the confirmed matches, with `everything` the rejected ones too. A rule of which there
        was too much to read is put into `full`.
        """
        minified: bool | None = None
        for place, flat in runs.items():
            index = self._parts[part].rules[place]
            pattern = self._patterns.get(index)
            if pattern is None:
                # Two threads may both make it: the same twice.
                pattern = self._patterns[index] = _Pattern(self._rules[index])
            applies = pattern.applies(file.path, text)
            if not applies and not everything:
                continue
            for found in pattern.matches(text, flat):
                if found is None:
                    full.add(place)
                    break
                match, token = found
                rule = pattern.rule
                outcome = confirm(rule, text, match, token) if applies else Rejected(reason=Reason.OTHER_FILE)
                if isinstance(outcome, Confirmed) and pattern.exempt is not None:
                    reason = pattern.exempt.reason(file.path, text, match, token)
                    outcome = Rejected(reason=reason) if reason else outcome
                if isinstance(outcome, Confirmed) and _is_for_code(rule) and _is_on_long_line(text, match[0]):
                    minified = is_minified(text) if minified is None else minified
                    outcome = Rejected(reason=Reason.MINIFIED) if minified else outcome
                if everything or isinstance(outcome, Confirmed):
                    preview = _preview(rule, text, token)
                    yield Judged(rule=rule, file=file, match=match, token=token, outcome=outcome, preview=preview)


class _Chooser:
    """Which parts of a rule set look at a file."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = parts
        self._everywhere = tuple(index for index, part in enumerate(parts) if not part.languages and not part.include)
        self._of_language: dict[str, tuple[int, ...]] = {}
        for index, part in enumerate(parts):
            for language in part.languages if not part.include else ():
                self._of_language[language] = (*self._of_language.get(language, ()), index)
        self._including = tuple(index for index, part in enumerate(parts) if part.include)
        self._paths = Paths([part.include for part in parts if part.include])

    def by_path(self, path: str) -> tuple[int, ...]:
        """What can be told without the file's bytes."""
        return self._of(path, language_of(path))

    def by_text(self, path: str, text: bytes) -> tuple[int, ...]:
        """What looks at it, all told."""
        return self._of(path, language_of(path, text[:_FIRST_BYTES]))

    def _of(self, path: str, language: str | None) -> tuple[int, ...]:
        chosen = self._everywhere
        if language is not None:
            chosen += self._of_language.get(language, ())
        for place in self._paths.matching(path) if self._including else ():
            part = self._including[place]
            if not self._parts[part].languages or language in self._parts[part].languages:
                chosen += (part,)
        return chosen


class Paths:
    """Lists of regular expressions for paths, as `PatternRule.include`: which lists match, in linear time."""

    def __init__(self, lists: Sequence[Sequence[str]]) -> None:
        """EngineError where RE2 does not take one."""
        options = re2.Options()
        options.encoding = re2.Options.Encoding.LATIN1
        options.log_errors = False
        self._set = re2.Set.MatchSet(options)
        self._places: list[int] = []
        for place, regexes in enumerate(lists):
            for regex in regexes:
                try:
                    self._set.Add(os.fsencode(regex.replace("(?P<ps_d>/)", "/")))
                except re2.error as error:
                    raise EngineError(
                        f"a rule's pattern for paths is refused: {regex}", "say it another way"
                    ) from error
                self._places.append(place)
        if self._places:
            self._set.Compile()

    def matching(self, path: str) -> list[int]:
        """The places of the lists that match, ascending."""
        if not self._places:
            return []
        return sorted({self._places[index] for index in self._set.Match(os.fsencode(path)) or ()})


class _Hits:
    """Takes what Hyperscan reports: by rule, the runs of neighbouring ends as first, last, first, last, ..."""

    __slots__ = ("_wasted", "behind", "full", "last", "runs", "stopped_at")

    def __init__(self) -> None:
        self.runs: dict[int, list[int]] = {}
        self.full: set[int] = set()
        self.last = 0
        self.behind = 0
        """What `take_again` counts from."""
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

    def take_again(self, rule: int, start: int, end: int, flags: int, context: object) -> bool | None:
        """The same in a last part that was scanned before: what is known counts once."""
        end += self.behind
        runs = self.runs.get(rule, ())
        place = len(runs)
        while place and runs[place - 1] >= end:
            if runs[place - 2] <= end:
                return None
            place -= 2
        return self.take(rule, start, end, flags, context)


class _Pattern:
    """A rule with its RE2 pattern and the files it looks at."""

    def __init__(self, rule: PatternRule) -> None:
        self.rule = rule
        has_own_list = bool(rule.exemptions or rule.matching or rule.far_keywords)
        self.exempt = Exempt(rule.exemptions, rule.matching, rule.far_keywords) if has_own_list else None
        self._search = compile_pattern(rule.regex)
        named = self._search.groupindex.get(b"secret")
        self._groups = ([named] if named else []) + list(range(1, self._search.groups + 1))
        # Of a block each entry is a secret of its own.
        self._entries = tuple(
            index
            for name, index in sorted(self._search.groupindex.items(), key=operator.itemgetter(1))
            if _ENTRY.fullmatch(name)
        )
        self._paths = Paths([rule.include, rule.exclude])

    def applies(self, path: str, text: bytes) -> bool:
        """Whether the rule looks at this file."""
        rule = self.rule
        if rule.languages and language_of(path, text[:_FIRST_BYTES]) not in rule.languages:
            return False
        matching = self._paths.matching(path)
        return 1 not in matching and (0 in matching or not rule.include)

    def matches(self, text: bytes, runs: list[int]) -> Iterator[tuple[Span, Span] | None]:
        """The pattern's matches that the runs of hits stand for, each with its token, from left to right; None where
        the rest was given up.
        """
        search = self._search.search
        done = read = 0
        most = _MOST_READ + _MOST_READ_AGAIN * len(text)
        for low, high in self._windows(text, runs):
            at = max(low, done)
            while at < high:
                found = search(text, at, high)
                if found is None:
                    break
                if self.rule.after is None and found.end() == high:
                    found = self._longer(text, found, high)
                match = found.span()
                for token in self._tokens(found):
                    yield match, token
                read += match[1] - at
                if read > most:
                    yield None
                    return
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

    def _tokens(self, found: Any) -> list[Span]:
        """What the match is about: of groups `secret_1`, `secret_2`, ... all that matched, otherwise one."""
        if self._entries:
            return [span for span in map(found.span, self._entries) if 0 <= span[0] < span[1]] or [found.span()]
        return [self._token(found)]

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


def _by_file(
    texts: Sequence[tuple[File, bytes]], starts: Sequence[int], runs: dict[int, list[int]]
) -> Iterator[tuple[int, dict[int, list[int]]]]:
    """The runs in joined texts as those of each text: its index, and its runs by rule."""
    split: dict[int, dict[int, list[int]]] = {}
    for rule, flat in runs.items():
        for at in range(0, len(flat), 2):
            first, last = flat[at], flat[at + 1]
            # A hit at a text's first byte is the end of something before it.
            index = bisect.bisect_left(starts, first, 0, len(texts)) - 1
            while index < len(texts) and starts[index] < last:
                start, stop = starts[index], starts[index] + len(texts[index][1])
                if first <= stop:
                    own = split.setdefault(index, {}).setdefault(rule, [])
                    own += (max(first, start + 1) - start, min(last, stop) - start)
                index += 1
    yield from sorted(split.items())


def _is_for_code(rule: PatternRule) -> bool:
    """Whether it is about what people write in some files, and so says nothing of minified ones."""
    return rule.domain is not Domain.SECRETS and bool(rule.languages or rule.include)


def _is_on_long_line(text: bytes, at: int) -> bool:
    start = text.rfind(b"\n", max(0, at - _LONG_LINE), at) + 1
    end = text.find(b"\n", at, at + _LONG_LINE)
    if start == 0 and at > _LONG_LINE:
        return True
    return (min(len(text), at + _LONG_LINE) if end < 0 else end) - start >= _LONG_LINE


def _merged(results: Iterable[Scanned]) -> Scanned:
    merged = Scanned()
    for result in results:
        merged.found += result.found
        merged.binary += result.binary
        merged.unreadable += result.unreadable
        merged.flooded += result.flooded
        merged.minified += result.minified
        merged.files += result.files
        merged.bytes += result.bytes
    merged.found.sort(key=_place)
    merged.binary.sort()
    merged.unreadable.sort()
    merged.minified.sort()
    merged.flooded.sort(key=lambda entry: (entry.path, entry.rule.canonical if entry.rule else "", entry.offset))
    return merged


def _preview(rule: PatternRule, text: bytes, token: Span) -> str:
    start, end = token
    if not rule.preview or not text.startswith(rule.preview.encode(), start):
        return ""
    return f"{rule.preview}\u2026 ({end - start} characters)"


def _place(judged: Judged) -> tuple[str, str, int, str, int]:
    return judged.file.path, judged.file.blob, judged.token[0], judged.rule.canonical, judged.token[1]
