"""Rules -> what the two engines run: a Hyperscan database for each kind of files, and RE2 patterns one by one."""

from __future__ import annotations

import hashlib
import platform
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import hyperscan
import re2

from magray_sec import _kept as kept
from magray_sec.errors import EngineError, SettingsError
from magray_sec.regex.pack import PatternRule, RuleSet

# No UTF-8 (files are bytes), no start of match (slow; RE2 finds it), no single match (a file may hold two).
_FLAGS = int(hyperscan.HS_FLAG_MULTILINE)
_FORMAT = b"2"
# Of rules for some paths alone: more kinds of them than this are run on every file, as one.
_MOST_PARTS = 24
# So many rules take long enough to compile that whoever waits is told.
_MANY = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Rules that look at the same files, and so are one database. Empty `languages` and `include`: at all files."""

    languages: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    """As `PatternRule.include`."""
    rules: tuple[int, ...]
    """Indices into the rule set's rules; the database reports places in this tuple."""


class Databases:
    """The databases of a rule set, each made when it is first asked for. It may be used by any number of threads."""

    def __init__(self, ruleset: RuleSet, cache: str | None, tell: Callable[[str], None] | None = None) -> None:
        self._tell = tell
        self._ruleset = ruleset
        self._rules = ruleset.rules
        self._folder = f"{cache}/regex" if cache else None
        self.parts = _parts(self._rules)
        """The rules of all files first."""
        self._made: dict[int, hyperscan.Database] = {}
        self._locks = tuple(threading.Lock() for _ in self.parts)
        self._expressions = tuple([self._rules[index].expression for index in part.rules] for part in self.parts)

    @property
    def of_all_files(self) -> tuple[int, ...]:
        """The parts that are about no certain files."""
        return tuple(place for place, part in enumerate(self.parts) if not part.languages and not part.include)

    def database(self, part: int) -> hyperscan.Database:
        """The database of `parts[part]`.

        It is taken from the user's cache folder where the same rules were compiled before by the same library for the
        same kind of machine, and kept there else. SettingsError (`file:line:column`) where Hyperscan does not take a
        rule's pattern, EngineError where it takes each and not all together.
        """
        made = self._made.get(part)
        if made is not None:
            return made
        with self._locks[part]:
            if part not in self._made:
                self._made[part] = self._recalled(part) or self._compiled(part)
            return self._made[part]

    def recall(self) -> None:
        """Have those databases ready that lie in the cache."""
        for part, lock in enumerate(self._locks):
            with lock:
                known = self._made.get(part) or self._recalled(part)
                if known is not None:
                    self._made[part] = known

    def prepare(self, parts: Iterable[int], *, jobs: int = 1) -> None:
        """Have the databases of some parts ready, compiled in `jobs` threads where they are not in the cache."""
        absent = []
        for part in sorted(set(parts)):
            with self._locks[part]:
                known = self._made.get(part) or self._recalled(part)
                if known is None:
                    absent.append(part)
                else:
                    self._made[part] = known
        count = sum(len(self.parts[part].rules) for part in absent)
        if count >= _MANY and self._tell:
            self._tell(f"compiling {count} rules{', once' if self._folder else ''}")
        # The large ones first: each thread takes the next that nobody has.
        waiting = iter(sorted(absent, key=lambda part: -len(self.parts[part].rules)))
        failures: list[BaseException] = []

        def work() -> None:
            for part in waiting:
                try:
                    self.database(part)
                except BaseException as error:  # noqa: BLE001 - it is raised again, by the thread that waits
                    failures.append(error)
                    return

        threads = [threading.Thread(target=work) for _ in range(min(jobs, len(absent)) - 1)]
        for thread in threads:
            thread.start()
        work()
        for thread in threads:
            thread.join()
        if failures:
            raise min(failures, key=str)

    def _recalled(self, part: int) -> hyperscan.Database | None:
        return recall(self._folder, _name(self._expressions[part]))

    def _compiled(self, part: int) -> hyperscan.Database:
        expressions = self._expressions[part]
        try:
            database = _database(expressions)
        except hyperscan.error as error:
            _refuse_first(self._ruleset, frozenset(expressions))
            raise EngineError(f"the rules cannot be compiled together: {error}", "load fewer packs at once") from error
        kept.keep(self._folder, _name(expressions), hyperscan.dumpb(database))
        return database


def compile_pattern(regex: bytes) -> Any:
    """An RE2 pattern on bytes. `re2.error` where RE2 does not take it."""
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.log_errors = False
    return re2.compile(regex, options)


def compile_rules(ruleset: RuleSet, cache: str | None, tell: Callable[[str], None] | None = None) -> Databases:
    """What reports each rule's candidates; nothing is compiled before it is needed. `cache`: as for `load_packs`.
    `tell` is told, in a few words, of compiling that takes a while.
    """
    return Databases(ruleset, cache, tell)


def recall(folder: str | None, name: str) -> hyperscan.Database | None:
    """The database that was kept under that name; None where there is none that this machine can use."""
    known = kept.recall(folder, name)
    if known is None:
        return None
    try:
        database = hyperscan.loadb(known, hyperscan.HS_MODE_BLOCK)
        # Whether it fits this machine shows here.
        hyperscan.Scratch(database)
    except hyperscan.error:
        return None  # of another processor: compiled anew
    return database


def flaw() -> str:
    """Why the installed library is not to be trusted with every match, in one line; empty where no reason is known."""
    # https://github.com/VectorCamp/vectorscan/issues/382: some matches of some patterns are overlooked, about one in a
    # thousand of ours. What is known to keep it small is done here in any case: see `syntax` and `scan`.
    if "5.4.12" in str(_database(["a"]).info()):
        return "the installed hyperscan holds Vectorscan 5.4.12, which is known to overlook matches of some patterns"
    return ""


def _parts(rules: tuple[PatternRule, ...]) -> tuple[Part, ...]:
    alike: dict[tuple[tuple[str, ...], tuple[str, ...]], list[int]] = {((), ()): []}
    for index, rule in enumerate(rules):
        key = tuple(sorted(rule.languages)), tuple(sorted(rule.include))
        if key not in alike and rule.include and len(alike) >= _MOST_PARTS:
            # Whether it looks at a file is asked once more for each of its candidates.
            key = key[0], ()
        alike.setdefault(key, []).append(index)
    return tuple(
        Part(languages=languages, include=include, rules=tuple(indices))
        for (languages, include), indices in alike.items()
        if indices
    )


def _refuse_first(ruleset: RuleSet, expressions: frozenset[str]) -> None:
    for pack in ruleset.packs:
        for rule in pack.rules:
            if rule.expression not in expressions:
                continue
            try:
                _database([rule.expression])
            except hyperscan.error as error:
                line, column = rule.pattern_position
                raise SettingsError(
                    f"{pack.file}:{line}:{column}: {rule.canonical}: pattern refused: Hyperscan: {error}",
                    "make the pattern smaller or say it another way",
                ) from error


def _database(expressions: list[str]) -> hyperscan.Database:
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(
        expressions=[expression.encode("ascii") for expression in expressions],
        ids=list(range(len(expressions))),
        flags=[_FLAGS] * len(expressions),
    )
    return database


def _name(expressions: list[str]) -> str:
    parts = [
        _FORMAT,
        str(_FLAGS).encode(),
        str(getattr(hyperscan, "__version__", "")).encode(),
        platform.machine().encode(),
    ]
    parts += [expression.encode("ascii") for expression in expressions]
    digest = hashlib.sha256(b"".join(len(part).to_bytes(4, "big") + part for part in parts))
    return f"{digest.hexdigest()[:40]}.hsdb"
