"""Findings that comments in the target allow: `magray-sec: allow RULE reason` on the finding's line or the line above.

The line above counts where nothing but the comment stands on it; of several such lines above each other all do. A
comment names rules by id, and findings in files of the tree alone: what lock files bring in is waived in the policy.
What a comment says is shown wherever the finding is, and one that allows nothing is told.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

from magray_sec import datafiles, documents
from magray_sec.allowance import MOST, START, Allowance, allowances
from magray_sec.errors import SettingsError
from magray_sec.model.adapter import Adapter
from magray_sec.model.decision import Allowed, Comment
from magray_sec.model.finding import Finding
from magray_sec.model.run import Level, Notification, Source, ToolRun
from magray_sec.model.scale import Domain, Outcome
from magray_sec.model.text import clean, shown_path, slug
from magray_sec.regex.encoding import readable
from magray_sec.regex.pack import load_packs

ALLOWABLE = frozenset({Domain.SECRETS, Domain.CODE, Domain.UNSAFE, Domain.WORKFLOWS})
"""The domains whose findings a comment may allow: those about lines that somebody of the project wrote."""
_OTHERS = frozenset(domain.value for domain in Domain if domain not in ALLOWABLE)

Written = Mapping[tuple[str, str], tuple[Allowance, ...]]
"""(path, commit; empty: the file as it is) -> the comments in it."""
Hide = Callable[[str], str]

_TALLEST = 100
"""How many lines of comments above a finding are looked at."""
_MOST_WARNINGS = 50
_LONGEST_REASON = 300
_LONGEST_RULE = 100
_RULES_ENGINE = "regex-rules"
_MARKDOWN = (".md", ".mdx", ".markdown", ".mdown", ".qmd", ".rmd")
_FENCE = re.compile(rb"[ \t>]*(`{3,}|~{3,})")
_RULE = re.compile(r"[A-Za-z0-9][\w./-]*")
_ADVISORY = re.compile(r"(?:RUSTSEC|CVE|GHSA|PYSEC|GO)-\w", re.IGNORECASE)
# An unmapped rule of some tool: `code/codeql.js-sql-injection`.
_FOREIGN = re.compile(r"[a-z-]+/([a-z0-9_-]+)\.\S")

# How comments are written, where it is not `# ...`; in JSON, which has none, as a value.
_SLASHES = (
    "adoc c cc cjs cpp cs cts cxx dart fs go gradle groovy h hh hpp java js jsonc json5 jsx kt kts less m mjs mm mts "
    "php proto rs sass sbt scala scss sol swift ts tsx zig"
)
_MARKS = (
    (("// ", ""), _SLASHES),
    (("/* ", " */"), "css"),
    (("-- ", ""), "sql hs lua elm ads adb vhd vhdl"),
    (("<!-- ", " -->"), "html htm xml md markdown mdx svg vue svelte xhtml xsl xslt csproj fsproj vbproj plist"),
    (("; ", ""), "asm clj cljs el ini lisp scm reg"),
    (("% ", ""), "tex erl hrl"),
    (("REM ", ""), "bat cmd"),
    (("' ", ""), "vb vbs bas"),
    (('"//": "', '",'), "json ipynb"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a comment may name, and who could have found it."""

    adapters: Sequence[Adapter]
    packs: tuple[str, ...]
    """The rule packs in use, absolute paths; none: the shipped ones."""
    cache: str | None
    runs: tuple[ToolRun, ...]


def allow(
    findings: Sequence[Finding],
    written: Written,
    source: Source,
    known: Known,
    *,
    marked: Iterable[str] = (),
    hide: Hide = str,
    is_part: bool = False,
) -> Allowed:
    """Which findings comments allow. `written` holds the comments of every file with a finding; `marked` names further
    files that hold comments, which are read to tell of those that allow nothing. `hide` takes secrets out of a text.
    `is_part`: not the whole target was scanned, so what allows nothing here may allow something else.
    """
    files = {key: _File(*key, marks) for key, marks in written.items() if marks}
    for path in () if is_part else marked:
        if (path, "") not in written:
            marks = _read(source, path)
            if marks:
                files[path, ""] = _File(path, "", marks)
    if not files:
        return Allowed()
    catalogue = _Catalogue(known, findings)
    by: list[tuple[_File, int] | None] = []
    for finding in findings:
        place = finding.location
        file = files.get((place.path, place.commit or ""))
        index = file.allowing(finding, catalogue) if file and can_be_allowed(finding) else None
        by.append((file, index) if file and index is not None else None)
    index_of: dict[tuple[str, str, int], int] = {}
    comments: list[Comment] = []
    words = _Words(hide)
    for key in sorted(files):
        file = files[key]
        for index, names in sorted(file.used.items()):
            index_of[*key, index] = len(comments)
            mark = file.marks[index]
            rules = tuple(words.rule(name) for name in mark.rules if name in names)
            comments.append(Comment(file=file.shown, line=mark.line, rules=rules, reason=words.reason(mark)))
    return Allowed(
        comments=tuple(comments),
        by=tuple(index_of[entry[0].path, entry[0].commit, entry[1]] if entry else None for entry in by),
        warnings=tuple(_warnings(files, catalogue, words, source, is_part=is_part)),
    )


def can_be_allowed(finding: Finding) -> bool:
    """Whether a comment may allow it: it is about a line of a file, and not about a dependency."""
    return finding.domain in ALLOWABLE and finding.location.region is not None


def comment_for(finding: Finding) -> str:
    """The comment that allows the finding, in the way of its file, with a place for the reason."""
    text = f"{START} {finding.rule.id} WHY IT IS FINE"
    name = finding.location.path.rpartition("/")[2].lower()
    suffix = name.rpartition(".")[2]
    before, after = next((marks for marks, suffixes in _MARKS if suffix in suffixes.split()), ("# ", ""))
    return f"{before}{text}{after}"


def _read(source: Source, path: str) -> tuple[Allowance, ...]:
    try:
        text = readable(source.read(path))
    except (OSError, ValueError):
        return ()  # gone since the scanner saw it, and with it what it says
    return allowances(text) if text else ()


class _Words:
    """What a comment says as it may be shown: harmless, and without any secret of the scan."""

    def __init__(self, hide: Hide) -> None:
        self._hide = hide

    def reason(self, mark: Allowance) -> str:
        return self._shown(mark.reason, _LONGEST_REASON)

    def rule(self, name: str) -> str:
        return self._shown(name, _LONGEST_RULE)

    def _shown(self, text: str, limit: int) -> str:
        # Cleaned before too: a secret with invisible characters in it would be whole again without them.
        return clean(self._hide(clean(text, limit=len(text) + 1)), limit=limit)


@dataclass(slots=True)
class _File:
    """The comments of a file and which of them allow something."""

    path: str
    commit: str
    marks: tuple[Allowance, ...]
    used: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Index in `marks` -> the names in it by which it allows a finding."""
    _by_line: dict[int, list[int]] | None = None
    _offers: dict[int, dict[str, list[tuple[int, str]]]] = field(default_factory=dict)
    _answers: dict[tuple[int, str], int | None] = field(default_factory=dict)

    @property
    def shown(self) -> str:
        # As git names a file of a commit.
        return (f"{self.commit[:12]}:" if self.commit else "") + shown_path(self.path)

    def allowing(self, finding: Finding, catalogue: _Catalogue) -> int | None:
        """The index of the comment that allows the finding, the nearest; None: none does."""
        line, rule = finding.location.line, finding.rule.id.casefold()
        if (line, rule) not in self._answers:
            offers = self._offered(line, catalogue)
            found = [*offers.get(rule, ()), *offers.get(_short(rule), ())]
            for index, name in found:
                self.used[index].add(name)
            # On the line itself before those above, the nearest first.
            self._answers[line, rule] = (
                min(found, key=lambda entry: self._distance(line, entry[0]))[0] if found else None
            )
        return self._answers[line, rule]

    def _distance(self, line: int, index: int) -> tuple[int, int]:
        return (line - self.marks[index].line, index)

    def _offered(self, line: int, catalogue: _Catalogue) -> dict[str, list[tuple[int, str]]]:
        """What is allowed on a line: the rules and short names, case folded, and by which comments."""
        if line not in self._offers:
            offers: dict[str, list[tuple[int, str]]] = defaultdict(list)
            for index in self._speaking_for(line):
                for name in self.marks[index].rules if _counts(self.marks[index]) else ():
                    for meant in catalogue.meant_by(name):
                        offers[meant].append((index, name))
            self._offers[line] = offers
        return self._offers[line]

    def _speaking_for(self, line: int) -> Iterator[int]:
        if self._by_line is None:
            self._by_line = defaultdict(list)
            for index, mark in enumerate(self.marks):
                self._by_line[mark.line].append(index)
        yield from self._by_line.get(line, ())
        for above in range(line - 1, max(0, line - 1 - _TALLEST), -1):
            alone = [index for index in self._by_line.get(above, ()) if self.marks[index].is_alone]
            if not alone:
                return
            yield from alone


def _counts(mark: Allowance) -> bool:
    return mark.counts and re.search(r"\w", clean(mark.reason)) is not None


def _short(rule: str) -> str:
    return rule.partition("/")[2] or rule


class _Catalogue:
    """The rules that there are, by every name they have."""

    def __init__(self, known: Known, findings: Sequence[Finding]) -> None:
        self._canonical: dict[str, set[str]] = defaultdict(set)
        self._scanners: dict[str, set[str]] = defaultdict(set)
        self._runs: dict[str, list[ToolRun]] = defaultdict(list)
        self._choices: set[str] = set()
        self._adapters = {slug(adapter.id) for adapter in known.adapters}
        self._others: set[str] = set()
        for run in known.runs:
            self._runs[run.adapter].append(run)
        self._holes = {gap.path for run in known.runs for gap in run.gaps if gap.path}
        self.is_complete = self._add_packs(known)
        for adapter in known.adapters:
            for rule in adapter.canonical.values():
                self._add(rule, rule, adapter.id)
        for finding in findings:
            if finding.domain in ALLOWABLE:
                for witness in finding.witnesses:
                    self._add(finding.rule.id, finding.rule.id, witness.tool)
            else:
                rule = finding.rule.id.casefold()
                self._others |= {rule, _short(rule), *(alias.casefold() for alias in finding.aliases)}

    def _add_packs(self, known: Known) -> bool:
        try:
            ruleset = load_packs(known.packs or datafiles.files("rules"), known.cache)
        except SettingsError:
            return False  # the scanner that uses them says so
        for rule in ruleset.rules:
            for name in (rule.canonical, *rule.aliases):
                self._add(name, rule.canonical, _RULES_ENGINE)
        return True

    def _add(self, name: str, rule: str, scanner: str) -> None:
        self._choices.add(name)
        for word in (name.casefold(), _short(name.casefold())):
            self._canonical[word].add(rule.casefold())
            self._scanners[word].add(scanner)

    def meant_by(self, name: str) -> set[str]:
        """The rules, and the short name, that a name in a comment stands for; all case folded."""
        word = name.casefold()
        return {word} | self._canonical.get(word, set())

    def knows(self, name: str) -> bool:
        """Whether there may be a rule of that name."""
        return not self.is_complete or name.casefold() in self._canonical or bool(_FOREIGN.match(name.casefold()))

    def is_of_other_domain(self, name: str) -> bool:
        """Whether it names what no comment can allow."""
        word = name.casefold()
        if word in self._canonical:
            return False
        return word in self._others or word.partition("/")[0] in _OTHERS or _ADVISORY.match(_short(word)) is not None

    def nearest(self, name: str) -> str:
        """The rule that was probably meant, or nothing."""
        short = {_short(choice): choice for choice in sorted(self._choices, reverse=True)}
        return short.get(documents.closest(_short(name), short) or "", "")

    def was_looked_for(self, name: str, path: str) -> bool:
        """Whether everyone who could have found it there looked."""
        word = name.casefold()
        foreign = _FOREIGN.match(word)
        scanners = self._scanners.get(word) or ({foreign[1]} if foreign else set())
        ends = [run.outcome for scanner in scanners for run in self._runs.get(scanner, ())]
        absent = (Outcome.MISSING, Outcome.NOT_APPLICABLE)
        return (
            path not in self._holes and any(end.ran for end in ends) and all(end.ran or end in absent for end in ends)
        )


def _warnings(
    files: Mapping[tuple[str, str], _File], catalogue: _Catalogue, words: _Words, source: Source, *, is_part: bool
) -> Iterator[Notification]:
    """What is to be said of comments, by place; the first ones in full, the rest by their number."""
    told = 0
    more = 0
    for key in sorted(key for key in files if not key[1]):
        file = files[key]
        examples = _Examples(source, file.path)
        if len(file.marks) == MOST:
            yield _warning(f"{file.shown}: it holds {MOST} comments that allow something; those beyond are not read")
        for complaint in sorted(_complaints(file, catalogue, is_part=is_part), key=attrgetter("line")):
            if complaint.line in examples:
                continue
            told += 1
            if told <= _MOST_WARNINGS:
                yield _warning(f"{file.shown}:{complaint.line}: {complaint.told(words, catalogue)}")
            else:
                more += 1
    if more:
        yield _warning(f"{more} more comments that are to allow something do not")


def _warning(message: str) -> Notification:
    return Notification(level=Level.WARNING, message=message)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Complaint:
    """What is wrong with a comment, or with one name in it."""

    line: int
    kind: str
    names: tuple[str, ...] = ()

    def told(self, words: _Words, catalogue: _Catalogue) -> str:
        names = ", ".join(words.rule(name) for name in self.names[:3])
        match self.kind:
            case "no rule":
                return f"the comment names no rule and allows nothing: write '{START} RULE why it is fine'"
            case "wildcard":
                return f"'{names}' is no rule: there is no wildcard, name each rule by its id"
            case "no reason":
                return f"the comment gives no reason and allows nothing: write '{START} {names} why it is fine'"
            case "other domain":
                return f"'{names}' cannot be allowed by a comment: findings in dependencies are waived in the policy"
            case "unknown":
                meant = catalogue.nearest(self.names[0])
                hint = f"did you mean '{meant}'?" if meant else "`magray-sec list rules` shows all"
                return f"the comment allows '{names}', and there is no such rule: {hint}"
        return f"the comment allows '{names}', and there is no such finding here: remove it"


def _complaints(file: _File, catalogue: _Catalogue, *, is_part: bool) -> Iterator[_Complaint]:
    for index, mark in enumerate(file.marks):
        used = file.used.get(index, set())
        if not mark.rules:
            yield _Complaint(line=mark.line, kind="no rule")
            continue
        if not _counts(mark):
            named = tuple(name for name in mark.rules if _RULE.fullmatch(name)) or ("RULE",)
            yield _Complaint(line=mark.line, kind="no reason", names=named)
            continue
        for name in mark.rules:
            if name in used:
                continue
            if "*" in name:
                yield _Complaint(line=mark.line, kind="wildcard", names=(name,))
            elif catalogue.is_of_other_domain(name):
                yield _Complaint(line=mark.line, kind="other domain", names=(name,))
            elif not catalogue.knows(name):
                yield _Complaint(line=mark.line, kind="unknown", names=(name,))
            elif not is_part and catalogue.was_looked_for(name, file.path):
                yield _Complaint(line=mark.line, kind="unused", names=(name,))


class _Examples:
    """The lines of a Markdown file's code blocks: what is shown there need not allow anything."""

    def __init__(self, source: Source, path: str) -> None:
        self._source = source
        self._path = path
        self._lines: frozenset[int] | None = None

    def __contains__(self, line: int) -> bool:
        if not self._path.lower().endswith(_MARKDOWN):
            return False
        if self._lines is None:
            self._lines = frozenset(self._found())
        return line in self._lines

    def _found(self) -> Iterator[int]:
        try:
            text = readable(self._source.read(self._path)) or b""
        except (OSError, ValueError):
            return
        fence = b""
        for number, line in enumerate(re.split(rb"\r\n|\r|\n", text), start=1):
            found = _FENCE.match(line)
            if found and not fence:
                fence = found[1]
            elif found and found[1].startswith(fence):
                fence = b""
            elif fence:
                yield number
