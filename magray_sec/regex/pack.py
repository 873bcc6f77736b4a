"""Rule packs: YAML in, validated rules out, with the file, line and column of whatever is wrong."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from magray_sec import __version__, datafiles
from magray_sec.documents import Document, Path, load, problem, raise_all, read
from magray_sec.errors import SettingsError
from magray_sec.model.finding import Rule
from magray_sec.model.scale import Confidence, Domain, Severity
from magray_sec.regex import cache as kept

_SOURCES = ("pack.py", "syntax.py")


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
    cwe: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    pattern: str
    """As written, without `ignore_case`."""
    ignore_case: bool = False
    keywords: tuple[str, ...] = ()
    """In lower case."""
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
    match_examples: tuple[str, ...]
    """Templates, see `examples`."""
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

    def covers(self, domain: Domain, language: str = "") -> bool:
        """Whether it looks at a language for `code`, or at all text for `secrets`."""
        if domain is Domain.CODE and language not in self.languages:
            return False
        return any(rule.domain is domain for rule in self.rules)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSet:
    """The rules of all packs, in the packs' order."""

    packs: tuple[Pack, ...]

    @property
    def rules(self) -> tuple[PatternRule, ...]:
        """All rules; a rule's index is its number in the engine."""
        return tuple(rule for pack in self.packs for rule in pack.rules)

    def find(self, name: str) -> PatternRule | None:
        """The rule of that canonical id, former id, or id without its domain where that is unambiguous."""
        for rule in self.rules:
            if name == rule.canonical or name in rule.aliases:
                return rule
        short = [rule for rule in self.rules if rule.canonical.partition("/")[2] == name]
        return short[0] if len(short) == 1 else None


def load_packs(paths: Sequence[str], cache: str | None) -> RuleSet:
    """The rules of the packs at `paths`. SettingsError (`file:line:column`, further ones in `more`) where one is wrong;
    whether Hyperscan takes a pattern shows in `compile_rules`.

    `cache`: the user's cache folder, where a pack that was found valid is kept by the digest of its bytes; or None.
    """
    folder = f"{cache}/regex" if cache else None
    packs = tuple(_load_pack(path, folder) for path in paths)
    _refuse_duplicates(packs)
    return RuleSet(packs=packs)


def _load_pack(path: str, folder: str | None) -> Pack:
    import msgspec  # noqa: PLC0415

    text = read(path, file=path)
    name = f"{_digest(text)}.pack"
    known = kept.recall(folder, name)
    if known is not None:
        try:
            return replace(msgspec.msgpack.decode(known, type=Pack), file=path)
        except msgspec.DecodeError:
            pass  # as good as none: it is read anew
    pack = _read_pack(text, path)
    kept.keep(folder, name, msgspec.msgpack.encode(pack))
    return replace(pack, file=path)


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
    document = load(text, file=path, schema=json.loads(_schema_text()))
    data = document.data
    languages = tuple(data.get("languages", ()))
    errors: list[SettingsError] = []
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
            made = _rule(document, where, plain, languages)
            found += [made] if isinstance(made, SettingsError) else []
            rules += [made] if isinstance(made, PatternRule) else []
        errors += found
    if languages and not any(plain["domain"] == "code" for plain in data["rules"]):
        message = "languages: no rule of this pack is of the domain code"
        errors.insert(0, problem(document, ("languages",), message, "remove it, or add such a rule", at_key=True))
    raise_all(errors)
    return Pack(name=data["pack"], description=data.get("description", ""), languages=languages, rules=tuple(rules))


def _problems(document: Document, where: Path, plain: dict[str, Any]) -> Iterator[SettingsError]:
    """What the schema cannot say of a rule, its pattern aside."""
    from magray_sec.regex.examples import TemplateError, fill  # noqa: PLC0415

    rule = f"{plain['domain']}/{plain['id']}"
    for kind in ("match", "no_match"):
        for number, template in enumerate(plain["examples"][kind]):
            try:
                fill(template, "")
            except TemplateError as error:
                yield problem(document, (*where, "examples", kind, number), f"{rule}: {error}", "see `rules test`")
    if plain["domain"] == "code":
        for key in ("preview", "entropy", "checksum"):
            if key in plain:
                message = f"{rule}: {key} is for secrets"
                yield problem(document, (*where, key), message, "remove it", at_key=True)


def _rule(
    document: Document, where: Path, plain: dict[str, Any], pack_languages: tuple[str, ...]
) -> PatternRule | SettingsError:
    import re2  # noqa: PLC0415

    from magray_sec.regex.compile import compile_pattern  # noqa: PLC0415
    from magray_sec.regex.syntax import PatternError, read_pattern  # noqa: PLC0415

    rule_id = f"{plain['domain']}/{plain['id']}"

    def refused(reason: str, hint: str) -> SettingsError:
        return problem(document, (*where, "pattern"), f"{rule_id}: pattern refused: {reason}", hint)

    pattern, ignore_case = plain["pattern"], plain.get("ignore_case", False)
    try:
        compile_pattern((f"(?i){pattern}" if ignore_case else pattern).encode())
    except re2.error as error:
        reason = error.args[0].decode("utf-8", "replace") if isinstance(error.args[0], bytes) else str(error)
        return refused(f"RE2: {reason}", "RE2 has no look-around, back-references or possessive repeats")
    try:
        shape = read_pattern(pattern, ignore_case=ignore_case)
    except PatternError as error:
        return refused(str(error), f"see character {error.offset + 1} of the pattern")
    is_secret = plain["domain"] == "secrets"
    paths = plain.get("paths", {})
    languages = tuple(plain.get("languages", ()))
    if not languages and not paths.get("include") and not is_secret:
        languages = pack_languages
    line, column = document.position(where)
    return PatternRule(
        canonical=rule_id,
        aliases=tuple(f"{plain['domain']}/{alias}" for alias in plain.get("aliases", ())),
        domain=Domain(plain["domain"]),
        title=plain["title"].strip(),
        description=plain["description"].strip(),
        help=plain["help"].strip(),
        severity=Severity(plain["severity"]),
        confidence=Confidence(plain["confidence"]),
        cwe=tuple(sorted(_listed(plain.get("cwe")))),
        references=tuple(plain.get("references", ())),
        pattern=pattern,
        ignore_case=ignore_case,
        keywords=tuple(word.lower() for word in plain.get("keywords", ())),
        preview=plain.get("preview", ""),
        entropy=float(plain.get("entropy", 0.0)),
        checks=_listed(plain.get("checksum")),
        comments=plain.get("comments", ""),
        placeholders=plain.get("placeholders", is_secret),
        is_generic=is_secret and plain["confidence"] != "high" and "preview" not in plain and "checksum" not in plain,
        include=_path_regexes(paths.get("include", ())),
        exclude=_path_regexes(paths.get("exclude", ())),
        include_globs=tuple(paths.get("include", ())),
        languages=languages,
        match_examples=tuple(plain["examples"]["match"]),
        no_match_examples=tuple(plain["examples"]["no_match"]),
        expression=shape.expression,
        least=shape.least,
        before=shape.before,
        after=shape.after,
        is_one_line=shape.is_one_line,
        line=line,
        column=column,
        pattern_position=document.position((*where, "pattern")),
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
    seen: dict[str, tuple[Pack, PatternRule]] = {}
    for pack in packs:
        for rule in pack.rules:
            for name in (rule.canonical, *rule.aliases):
                if name in seen and seen[name][1] is not rule:
                    other, first = seen[name]
                    raise SettingsError(
                        f"{pack.file}:{rule.line}:{rule.column}: the id {name} is that of {other.file}:{first.line}",
                        "give each rule an id of its own, or load one of the two packs",
                    )
                seen[name] = (pack, rule)
