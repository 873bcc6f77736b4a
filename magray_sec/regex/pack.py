"""Rule packs: YAML in, validated rules out, with the file, line and column of whatever is wrong."""

from __future__ import annotations

import functools
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from magray_sec import __version__, datafiles
from magray_sec import _kept as kept
from magray_sec.documents import Document, Path, load, problem, raise_all, read
from magray_sec.errors import SettingsError
from magray_sec.model.finding import Rule
from magray_sec.model.scale import Confidence, Domain, Severity
from magray_sec.model.text import clean, shown_path
from magray_sec.regex.exempt import Exemption, check

_SOURCES = ("pack.py", "syntax.py", "exempt.py", "gitleaks.py")
# What rules of one id for several languages have in common: the rest (help, pattern, confidence) is each one's own.
_SHARED = ("title", "description", "severity", "cwe")
_PACK_NAMES = (".yaml", ".yml", "gitleaks.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternRule:
    """One rule of a pack, validated and made ready for the engine."""

    canonical: str
    """Its id as findings carry it: `secrets/github-pat`."""
    aliases: tuple[str, ...] = ()
    """Former canonical ids."""
    domain: Domain
    title: str
    description: str
    help: str
    severity: Severity
    confidence: Confidence
    provider: str = ""
    """Whose credential it finds, in a reader's spelling; empty where that cannot be known."""
    cwe: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    pattern: str
    """As written, without `ignore_case`."""
    ignore_case: bool = False
    keywords: tuple[str, ...] = ()
    """In lower case."""
    far_keywords: tuple[str, ...] = ()
    """The same, where they may stand anywhere near the match, see `exempt.NEAR`."""
    preview: str = ""
    entropy: float = 0.0
    checks: tuple[str, ...] = ()
    comments: str = ""
    """The mark behind which a line is a comment, in which nothing is found; empty: comments count."""
    placeholders: bool = True
    is_generic: bool = False
    """It finds values by the name they are assigned to, so what the value is has to be looked at closely."""
    include: tuple[str, ...] = ()
    """Regular expressions of paths, made of the globs."""
    exclude: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    """Empty: all files."""
    include_globs: tuple[str, ...] = ()
    """As written."""
    matching: tuple[str, ...] = ()
    """Regular expressions in RE2 syntax, one of which has to be found in a file's path; empty: all files."""
    exemptions: tuple[Exemption, ...] = ()
    """The rule's own, and its pack's."""
    match_examples: tuple[str, ...]
    """Templates, see `examples`. Rules of a gitleaks file have none."""
    no_match_examples: tuple[str, ...]
    expression: str
    """What Hyperscan looks for, see `syntax.Shape`, as the next ones."""
    least: int
    before: int | None
    after: int | None
    is_one_line: bool
    line: int
    """Where it stands in its pack, from 1."""
    column: int
    pattern_position: tuple[int, int]
    """Line and column of its pattern."""

    @property
    def regex(self) -> bytes:
        """The pattern as RE2 takes it, with Latin-1."""
        return (f"(?i){self.pattern}" if self.ignore_case else self.pattern).encode()

    @property
    def rule(self) -> Rule:
        """The rule as findings carry it."""
        return Rule(
            id=self.canonical,
            domain=self.domain,
            title=self.title,
            description=self.description,
            help=self.help,
            cwe=self.cwe,
            references=self.references,
            severity=self.severity,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """The rules of one file."""

    name: str
    description: str = ""
    languages: tuple[str, ...] = ()
    """What it claims to look at for the domain code."""
    rules: tuple[PatternRule, ...]
    file: str = ""
    """The path it was loaded from."""
    notes: tuple[str, ...] = ()
    """What of the file could not be kept, each with its `file:line:column`: a gitleaks file says more than a pack."""

    def covers(self, domain: Domain, language: str = "") -> bool:
        """Whether it looks at a language for `code`, at all text for `secrets`, at CI files for `workflows`."""
        own = (rule for rule in self.rules if rule.domain is domain)
        if domain is not Domain.CODE:
            return any(own)
        return language in self.languages and any(not rule.languages or language in rule.languages for rule in own)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSet:
    """The rules of all packs, in the packs' order."""

    packs: tuple[Pack, ...]

    @property
    def rules(self) -> tuple[PatternRule, ...]:
        """All rules; a rule's index is its number in the engine."""
        return tuple(rule for pack in self.packs for rule in pack.rules)

    def only(self, domains: frozenset[Domain]) -> RuleSet:
        """The rules of some domains; packs that have none are left out."""
        packs = (
            replace(pack, rules=tuple(rule for rule in pack.rules if rule.domain in domains)) for pack in self.packs
        )
        return RuleSet(packs=tuple(pack for pack in packs if pack.rules))

    @property
    def catalogue(self) -> Mapping[str, Rule]:
        """Each canonical id's rule as findings carry it, see `catalogue_of`."""
        return catalogue_of(self.rules)

    def find(self, name: str) -> PatternRule | None:
        """The rule of that canonical id, former id, or id without its domain where that is unambiguous; of several
        languages' rules the first.
        """
        for rule in self.rules:
            if name == rule.canonical or name in rule.aliases:
                return rule
        short = [rule for rule in self.rules if rule.canonical.partition("/")[2] == name]
        return short[0] if len({rule.canonical for rule in short}) == 1 else None


def catalogue_of(rules: Iterable[PatternRule]) -> Mapping[str, Rule]:
    """Rules as findings carry them, by canonical id. Of one that several languages share the helps are joined."""
    same: dict[str, list[PatternRule]] = {}
    for rule in rules:
        same.setdefault(rule.canonical, []).append(rule)
    return {name: _joined(alike) for name, alike in same.items()}


def _joined(rules: Sequence[PatternRule]) -> Rule:
    if len(rules) == 1:
        return rules[0].rule
    helps = (f"For {', '.join(rule.languages)}:\n\n{rule.help}" for rule in rules)
    references = dict.fromkeys(address for rule in rules for address in rule.references)
    return replace(rules[0].rule, help="\n\n".join(helps), references=tuple(references))


def load_packs(paths: Sequence[str], cache: str | None) -> RuleSet:
    """The rules of the packs at `paths`: YAML packs, gitleaks TOML files, and folders of both (see `pack_files`).

    SettingsError (`file:line:column`, further ones in `more`) where one is wrong;
    whether Hyperscan takes a pattern shows in `compile_rules`.

    `cache`: the user's cache folder, where a pack that was found valid is kept by the digest of its bytes; or None.
    """
    folder = f"{cache}/regex" if cache else None
    packs = tuple(_load_pack(file, folder) for path in paths for file in pack_files(path))
    _refuse_duplicates(packs)
    return RuleSet(packs=packs)


def pack_files(path: str) -> tuple[str, ...]:
    """The packs at a path: the file itself, or of a folder every `*.yaml`, `*.yml` and `*gitleaks.toml` in it and
    below, sorted; hidden folders and links to folders are not entered. SettingsError where a folder holds none.
    """
    if not os.path.isdir(path):
        return (path,)
    found = []
    for place, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [os.path.join(place, name) for name in names if name.endswith(_PACK_NAMES)]
    if not found:
        raise SettingsError(
            f"{shown_path(path)}:1:1: the folder holds no rule pack", f"packs end in {', '.join(_PACK_NAMES)}"
        )
    return tuple(sorted(found))


def _load_pack(path: str, folder: str | None) -> Pack:
    import msgspec  # noqa: PLC0415

    text = read(path, file=path)
    is_toml = path.endswith(".toml")
    # Notes hold the path; what another file adds to one is in no digest, so that such a file is read each time.
    name = f"{_digest(text + path if is_toml else text)}.pack"
    folder = None if is_toml and "extend" in text.lower() else folder
    for known in (_packed(name), kept.recall(folder, name)):
        if known is not None:
            try:
                return replace(msgspec.msgpack.decode(known, type=Pack), file=path)
            except msgspec.DecodeError:
                pass  # as good as none: it is read anew
    if is_toml:
        from magray_sec.regex.gitleaks import convert  # noqa: PLC0415

        pack = pack_of(*convert(path))
    else:
        pack = _read_pack(text, path)
    kept.keep(folder, name, msgspec.msgpack.encode(pack))
    return replace(pack, file=path)


def packed(path: str) -> tuple[str, bytes]:
    """A YAML pack, read and found valid, as a wheel carries it: the name and the content of a file. SettingsError where
    it is wrong."""
    import msgspec  # noqa: PLC0415

    text = read(path, file=path)
    return f"{_digest(text)}.pack", msgspec.msgpack.encode(_read_pack(text, path))


def _packed(name: str) -> bytes | None:
    try:
        with open(datafiles.packed(name), "rb") as stream:
            return stream.read()
    except OSError:
        return None


def _digest(text: str) -> str:
    parts = [__version__.encode(), _schema_text(), *_own_sources(), text.encode()]
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()[:40]


@functools.cache
def _own_sources() -> tuple[bytes, ...]:
    # A checkout changes without its version; a pack that was read by another reader is read again.
    folder = __file__.rpartition("pack.py")[0]
    contents = []
    for name in _SOURCES:
        with open(folder + name, "rb") as stream:
            contents.append(stream.read())
    return tuple(contents)


@functools.cache
def _schema_text() -> bytes:
    with open(datafiles.schema("pack"), "rb") as stream:
        return stream.read()


# --- validation


def _read_pack(text: str, path: str) -> Pack:
    return pack_of(load(text, file=path, schema=json.loads(_schema_text())))


def pack_of(document: Document, notes: tuple[str, ...] = ()) -> Pack:
    """The pack of a document that is valid by the schema (examples may be missing)."""
    data = document.data
    languages = tuple(data.get("languages", ()))
    errors = list(_bad_exemptions(document, (), data))
    shared = _exemptions(data)
    rules: list[PatternRule] = []
    seen: dict[str, int] = {}
    for index, plain in enumerate(data["rules"]):
        where: Path = ("rules", index)
        found = list(_problems(document, where, plain))
        for name in (plain["id"], *plain.get("aliases", ())):
            full = f"{plain['domain']}/{name}"
            if full in seen:
                message = f"rules[{index}]: the id {full} is that of the rule on line {seen[full]}"
                found.append(problem(document, (*where, "id"), message, "give each rule an id of its own"))
            seen.setdefault(full, document.line(where))
        if not found:
            made = _rule(document, where, plain, languages, shared)
            found += [made] if isinstance(made, SettingsError) else []
            rules += [made] if isinstance(made, PatternRule) else []
        errors += found
    if languages and not any(plain["domain"] == "code" for plain in data["rules"]):
        message = "languages: no rule of this pack is of the domain code"
        errors.insert(0, problem(document, ("languages",), message, "remove it, or add such a rule", at_key=True))
    raise_all(errors)
    return Pack(
        name=data["pack"],
        description=data.get("description", ""),
        languages=languages,
        rules=tuple(rules),
        file=document.file,
        notes=notes,
    )


def _problems(document: Document, where: Path, plain: dict[str, Any]) -> Iterator[SettingsError]:
    """What the schema cannot say of a rule, its pattern aside."""
    from magray_sec.regex.examples import TemplateError, fill  # noqa: PLC0415

    rule = f"{plain['domain']}/{plain['id']}"
    for kind in ("match", "no_match"):
        for number, template in enumerate(plain.get("examples", {}).get(kind, ())):
            try:
                fill(template, "")
            except TemplateError as error:
                yield problem(document, (*where, "examples", kind, number), f"{rule}: {error}", "see `rules test`")
    yield from _bad_exemptions(document, where, plain)
    for number, regex in enumerate(plain.get("paths", {}).get("matching", ())):
        if wrong := check(regex):
            message = f"{rule}: regular expression refused: RE2: {wrong}"
            yield problem(document, (*where, "paths", "matching", number), message, "it is searched for in the path")
    if "keywords_in" in plain and "keywords" not in plain:
        message = f"{rule}: keywords_in says where the keywords stand, and there are none"
        yield problem(document, (*where, "keywords_in"), message, "add keywords, or remove it", at_key=True)
    if plain["domain"] != "secrets":
        for key in ("preview", "entropy", "checksum", "generic"):
            if key in plain:
                message = f"{rule}: {key} is for secrets"
                yield problem(document, (*where, key), message, "remove it", at_key=True)
    if plain["domain"] == "workflows" and "include" not in plain.get("paths", {}):
        message = f"{rule}: a rule of the domain workflows has to say which files are workflows"
        yield problem(document, where, message, "add paths.include, such as ['.github/workflows/*.yml']")


def _bad_exemptions(document: Document, where: Path, plain: dict[str, Any]) -> Iterator[SettingsError]:
    for index, entry in enumerate(plain.get("reject", ())):
        if not entry.keys() - {"every"}:
            message = "reject: nothing is said of what is no finding"
            yield problem(document, (*where, "reject", index), message, "add token, match, line, words or paths")
        for kind in ("token", "match", "line", "paths"):
            for number, regex in enumerate(entry.get(kind, ())):
                if wrong := check(regex):
                    place = (*where, "reject", index, kind, number)
                    message = f"regular expression refused: RE2: {wrong}"
                    yield problem(
                        document, place, message, "RE2 has no look-around, back-references or possessive repeats"
                    )


def _exemptions(plain: dict[str, Any]) -> tuple[Exemption, ...]:
    return tuple(
        Exemption(
            token=tuple(entry.get("token", ())),
            match=tuple(entry.get("match", ())),
            line=tuple(entry.get("line", ())),
            words=tuple(word.lower() for word in entry.get("words", ())),
            paths=tuple(entry.get("paths", ())),
            every=entry.get("every", False),
        )
        for entry in plain.get("reject", ())
    )


def _rule(
    document: Document,
    where: Path,
    plain: dict[str, Any],
    pack_languages: tuple[str, ...],
    shared: tuple[Exemption, ...],
) -> PatternRule | SettingsError:
    import re2  # noqa: PLC0415

    from magray_sec.regex.compile import compile_pattern  # noqa: PLC0415
    from magray_sec.regex.syntax import PatternError, read_pattern, refuse_hopeless  # noqa: PLC0415

    rule_id = f"{plain['domain']}/{plain['id']}"

    def refused(reason: str, hint: str) -> SettingsError:
        return problem(document, (*where, "pattern"), f"{rule_id}: pattern refused: {reason}", hint)

    pattern, ignore_case = plain["pattern"], plain.get("ignore_case", False)
    try:
        compile_pattern((f"(?i){pattern}" if ignore_case else pattern).encode())
    except re2.error as error:
        reason = error.args[0].decode("utf-8", "replace") if isinstance(error.args[0], bytes) else str(error)
        return refused(f"RE2: {clean(reason, limit=200)}", _re2_hint(reason))
    try:
        shape = read_pattern(pattern, ignore_case=ignore_case)
        refuse_hopeless(shape)
    except PatternError as error:
        return refused(str(error), f"see character {error.offset + 1} of the pattern")
    is_secret = plain["domain"] == "secrets"
    paths = plain.get("paths", {})
    languages = tuple(plain.get("languages", ()))
    if not languages and not paths.get("include") and plain["domain"] == "code":
        languages = pack_languages
    line, column = document.position(where)
    keywords = tuple(word.lower() for word in plain.get("keywords", ()))
    is_far = plain.get("keywords_in") == "file"
    is_generic = is_secret and plain["confidence"] != "high" and "preview" not in plain and "checksum" not in plain
    return PatternRule(
        canonical=rule_id,
        aliases=tuple(f"{plain['domain']}/{alias}" for alias in plain.get("aliases", ())),
        domain=Domain(plain["domain"]),
        title=plain["title"].strip(),
        provider=plain.get("provider", ""),
        description=plain["description"].strip(),
        help=plain["help"].strip(),
        severity=Severity(plain["severity"]),
        confidence=Confidence(plain["confidence"]),
        cwe=tuple(sorted(_listed(plain.get("cwe")))),
        references=tuple(plain.get("references", ())),
        pattern=pattern,
        ignore_case=ignore_case,
        keywords=() if is_far else keywords,
        far_keywords=keywords if is_far else (),
        preview=plain.get("preview", ""),
        entropy=float(plain.get("entropy", 0.0)),
        checks=_listed(plain.get("checksum")),
        comments=plain.get("comments", ""),
        placeholders=plain.get("placeholders", is_secret),
        is_generic=plain.get("generic", is_generic),
        include=_path_regexes(paths.get("include", ())),
        exclude=_path_regexes(paths.get("exclude", ())),
        include_globs=tuple(paths.get("include", ())),
        matching=tuple(paths.get("matching", ())),
        exemptions=(*_exemptions(plain), *shared),
        languages=languages,
        match_examples=tuple(plain.get("examples", {}).get("match", ())),
        no_match_examples=tuple(plain.get("examples", {}).get("no_match", ())),
        expression=shape.expression,
        least=shape.least,
        before=shape.before,
        after=shape.after,
        is_one_line=shape.is_one_line,
        line=line,
        column=column,
        pattern_position=document.position((*where, "pattern")),
    )


_RE2_HINTS = (
    ("invalid escape sequence: \\Z", r"the end of the text is \z"),
    ("invalid perl operator: (?x", "RE2 has no extended syntax: write the pattern on one line, without comments"),
    ("invalid perl operator: (?#", "RE2 has no comments in a pattern: put them beside the rule"),
    ("invalid repetition size", "a repeat is at most 1000, in all: write {20,} for a token without a longest length"),
    ("invalid character class range", "a class names its members, as in [a-z0-9_-] or [[:alpha:]]; `-` stands last"),
    ("no argument for repetition operator", "put a backslash before a `*`, `+`, `?` or `{` that is meant as text"),
    ("missing )", "close each parenthesis; one that is meant as text is \\("),
    ("unexpected )", "open each parenthesis; one that is meant as text is \\)"),
    ("missing ]", "close each class; a `[` that is meant as text is \\["),
    ("trailing \\", "a backslash that is meant as text is \\\\"),
    ("invalid escape sequence: \\x{", r"on bytes \x{..} is at most ff: write a letter beyond ASCII as itself"),
)


def _re2_hint(reason: str) -> str:
    return next(
        (hint for start, hint in _RE2_HINTS if reason.startswith(start)),
        "RE2 has no look-around, back-references or possessive repeats",
    )


def _listed(value: Any) -> tuple[str, ...]:
    return () if value is None else (value,) if isinstance(value, str) else tuple(value)


def _path_regexes(globs: Sequence[str]) -> tuple[str, ...]:
    if not globs:
        return ()
    from pathspec import GitIgnoreSpec  # noqa: PLC0415

    patterns = GitIgnoreSpec.from_lines(globs).patterns
    return tuple(str(entry.regex.pattern) for entry in patterns if entry.regex is not None)


def _refuse_duplicates(packs: tuple[Pack, ...]) -> None:
    seen: dict[str, list[tuple[Pack, PatternRule]]] = {}
    for pack in packs:
        for rule in pack.rules:
            for name in (rule.canonical, *rule.aliases):
                earlier = seen.setdefault(name, [])
                for other, first in earlier:
                    if first is not rule and not _is_same_flaw(rule, first):
                        place = f"{pack.file}:{rule.line}:{rule.column}"
                        raise SettingsError(
                            f"{place}: the id {name} is that of {other.file}:{first.line}",
                            "give each rule an id of its own, or load one of the two packs; rules for other languages "
                            "may share one with the same title, description, severity and CWE",
                        )
                earlier.append((pack, rule))


def _is_same_flaw(rule: PatternRule, other: PatternRule) -> bool:
    """Whether two rules of one id look for the same flaw, each in languages of its own."""
    if not rule.languages or not other.languages or set(rule.languages) & set(other.languages):
        return False
    return all(getattr(rule, name) == getattr(other, name) for name in ("canonical", *_SHARED))
