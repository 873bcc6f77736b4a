"""From a policy's YAML, and that of the policies it extends, to a `Policy`.

A policy that was seen before is taken from the user's cache by the digest of its text, without the parser and the
validator.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, TypeAlias, TypeVar

from magray_sec import __version__, _kept, datafiles, documents
from magray_sec._paths import is_within
from magray_sec.documents import Document, Path
from magray_sec.errors import SettingsError
from magray_sec.model.codec import from_plain, to_plain
from magray_sec.model.scale import Domain, Severity, State, Verdict
from magray_sec.model.text import clean, shown_path
from magray_sec.policy import license as licenses
from magray_sec.policy.check import warnings_of
from magray_sec.policy.types import (
    KINDS,
    RESERVED,
    WARN_BEFORE_DAYS,
    Acceptance,
    Clarification,
    GapEffects,
    Glob,
    LicenseException,
    LicensePolicy,
    Match,
    Policy,
    PolicyRule,
    Statement,
    Waiver,
    When,
)
from magray_sec.policy.vex import parse_vex

_FORMAT = 3
"""Of the cached form; raised with every change to the types."""
_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Another file that a policy names, and where."""

    name: str
    line: int
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """What one policy file says by itself, before what it extends."""

    policy: Policy
    given: tuple[str, ...]
    """The keys that it gives, those of `gaps`, `database` and `licenses` as `gaps.item`; sorted."""
    extends: tuple[Reference, ...] = ()
    vex: tuple[Reference, ...] = ()


def load_policy(reference: str, *, root: str | None, cache: str | None, place: str = "") -> Policy:
    """The policy that `reference` names: a shipped one by its name (`default`), else a file by its path.

    With `root` (absolute, resolved) the reference comes from the target: the path is relative to `root` and must not
    lead out of it, and so with what the policy extends. Without, it is the operator's own path. `place`
    (`file:line:column`) is where the reference stands, for messages. `cache` is the user's cache folder, None for none.
    SettingsError where there is no such policy or it is not a valid one.
    """
    name = reference.strip()
    loader = _Loader(root, cache)
    policy, _, digest = loader.load(name, place, ())
    return replace(policy, name=shown_path(name), digest=digest)


def parse_policy(text: str, *, file: str) -> Policy:
    """The policy written in `text`; what it extends lies beside `file`. SettingsError with the place, what is wrong and
    the likely word.
    """
    source = _Source(file=file, path=os.path.abspath(file))
    return _Loader(None, None).complete(read_sheet(text, file), source, ())[0]


def load_vex(path: str, *, file: str, root: str | None, cache: str | None) -> tuple[Statement, ...]:
    """The statements of the OpenVEX document at `path`, named `file` in messages. SettingsError where it is none."""
    text = documents.read(path, file=file, root=root)
    digest = _digest(text)
    known = _recall(cache, f"vex-{digest}", _Statements)
    if known is None:
        known = _Statements(statements=parse_vex(text, file=file))
        _remember(cache, f"vex-{digest}", known)
    return tuple(replace(statement, file=shown_path(file)) for statement in known.statements)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Statements:
    statements: tuple[Statement, ...]


def shipped() -> tuple[str, ...]:
    """The names of the shipped policies, sorted."""
    return tuple(os.path.basename(path).removesuffix(".yaml") for path in datafiles.files("policies"))


# --- where a policy lies, and what it extends

_MOST_FILES = 50
"""How many files a policy may be made of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """Where a policy stands."""

    file: str
    """As messages name it."""
    path: str
    """Absolute; what tells two policies apart."""
    is_shipped: bool = False


class _Loader:
    """Reads a policy with all that it extends, each file once."""

    def __init__(self, root: str | None, cache: str | None) -> None:
        self._root = root
        self._cache = cache
        self._done: dict[str, tuple[Policy, frozenset[str], str]] = {}

    def load(self, reference: str, place: str, chain: tuple[_Source, ...]) -> tuple[Policy, frozenset[str], str]:
        """The policy, the keys that it or what it extends gives, and the digest of all its files. `chain`: the policies
        that led here, the one that names it last.
        """
        source = self._locate(reference, place, chain)
        if any(source.path == other.path for other in chain):
            circle = " > ".join(entry.file for entry in (*chain[_index(chain, source) :], source))
            raise SettingsError(f"{place}: extends itself: {clean(circle, limit=300)}", "take one of them out")
        if source.path not in self._done:
            if len(self._done) + len(chain) >= _MOST_FILES:
                raise SettingsError(f"{place}: a policy of more than {_MOST_FILES} files", "put some of them together")
            text = documents.read(source.path, file=source.file, root=None if source.is_shipped else self._root)
            digest = _digest(text)
            sheet = _recall(self._cache, digest, Sheet)
            if sheet is None:
                sheet = read_sheet(text, source.file)
                _remember(self._cache, digest, sheet)
            policy, given, others = self.complete(sheet, source, chain)
            if others:
                digest = _digest("\n".join((digest, *others)))
            self._done[source.path] = (policy, given, digest)
        return self._done[source.path]

    def complete(
        self, sheet: Sheet, source: _Source, chain: tuple[_Source, ...]
    ) -> tuple[Policy, frozenset[str], tuple[str, ...]]:
        """The sheet with what it extends and the statements it names, the keys that all of these give, and the digests
        of those that it names.
        """
        own = _placed(sheet.policy, source.file)
        here = (*chain, source)
        digests: list[str] = []
        statements: list[Statement] = []
        for entry in sheet.vex:
            place = f"{shown_path(source.file)}:{entry.line}:{entry.column}"
            lies = self._beside(entry.name, place, source, "VEX document")
            found = load_vex(lies.path, file=lies.file, root=self._root, cache=self._cache)
            statements += found
            digests.append(_digest(repr(found)))
        own = replace(own, vex=tuple(statements))
        given = frozenset(sheet.given)
        if not sheet.extends:
            return own, given, tuple(digests)
        base = Policy(name="")
        stated: frozenset[str] = frozenset()
        bases: list[str] = []
        for entry in sheet.extends:
            place = f"{shown_path(source.file)}:{entry.line}:{entry.column}"
            loaded, more, digest = self.load(entry.name, place, here)
            digests.append(digest)
            base = _overlaid(base, loaded, more)
            stated |= more
            bases += [*loaded.bases, loaded.name]
        made = _overlaid(base, own, given)
        made = replace(made, name=own.name, file=own.file, bases=tuple(dict.fromkeys(bases)))
        return replace(made, warnings=warnings_of(made)), stated | given, tuple(digests)

    def _locate(self, reference: str, place: str, chain: tuple[_Source, ...]) -> _Source:
        if _is_name(reference):
            return _Source(file=f"{reference}.yaml", path=_shipped_path(reference, place), is_shipped=True)
        if chain:
            return self._beside(reference, place, chain[-1], "policy")
        return _Source(file=reference, path=_resolve(reference, self._root, place))

    def _beside(self, reference: str, place: str, source: _Source, what: str) -> _Source:
        """A file that a policy names by its path from its own folder."""
        path = os.path.normpath(os.path.join(os.path.dirname(source.path), reference))
        named = clean(reference, limit=200)
        if source.is_shipped:  # none of ours does
            raise SettingsError(f"{place}: a shipped policy stands alone", "name a shipped one")
        if self._root is not None and (os.path.isabs(reference) or not is_within(path, self._root)):
            hint = "what a target's policy names lies inside the target; the operator names any with --policy"
            raise SettingsError(f"{place}: the {what} '{named}' lies outside the target", hint)
        if not os.path.lexists(path):
            raise SettingsError(
                f"{place}: there is no {what} file '{named}'", "mend the path: it starts from this file"
            )
        return _Source(file=_join(source.file, reference), path=path)


def _index(chain: tuple[_Source, ...], source: _Source) -> int:
    return next(index for index, entry in enumerate(chain) if entry.path == source.path)


def _join(file: str, reference: str) -> str:
    return os.path.normpath(os.path.join(os.path.dirname(file), reference))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _is_name(reference: str) -> bool:
    return os.sep not in reference and "/" not in reference and not reference.endswith(_SUFFIXES)


def _shipped_path(name: str, place: str) -> str:
    if name not in shipped():
        start = f"{place}: " if place else ""
        meant = documents.closest(name, shipped())
        asked = f"did you mean '{meant}'? " if meant else ""
        hint = f"{asked}Shipped: {', '.join(shipped())}. A file is named by its path: ./{clean(name, limit=60)}.yaml"
        raise SettingsError(f"{start}no policy is called '{clean(name, limit=60)}'", hint)
    return os.path.join(datafiles.folder("policies"), f"{name}.yaml")


def _resolve(reference: str, root: str | None, place: str) -> str:
    if root is None:
        return os.path.abspath(reference)
    start = f"{place}: " if place else ""
    path = os.path.normpath(os.path.join(root, reference))
    if os.path.isabs(reference) or not is_within(path, root):
        raise SettingsError(
            f"{start}the policy '{clean(reference, limit=200)}' lies outside the target",
            "the target may only name a shipped policy or a file of its own; the operator names any with --policy",
        )
    if start and not os.path.lexists(path):
        raise SettingsError(f"{start}there is no policy file '{clean(reference, limit=200)}'", "mend the path")
    return path


# --- one policy over another

_FIELDS: Mapping[str, tuple[str, ...]] = {
    "require": ("require", "on_incomplete_of", "require_line", "require_file"),
    "on_incomplete": ("on_incomplete",),
    "require_scanners": ("require_scanners",),
    "default": ("default", "default_line"),
    "database.max_age_days": ("max_age_days",),
    "inline_allow": ("inline_allow",),
    "warn_before": ("warn_before_days",),
}
"""The keys of a file of which what it says stands in place of what it extends, and the fields they are."""
_LICENSE_LISTS = ("allow", "deny", "review")


def _placed(policy: Policy, file: str) -> Policy:
    """The policy with the file that all of it stands in."""
    shown = shown_path(file)
    terms = policy.licenses
    return replace(
        policy,
        name=shown,
        file=shown,
        require_file=shown,
        rules=tuple(replace(rule, file=shown) for rule in policy.rules),
        waivers=tuple(replace(waiver, file=shown) for waiver in policy.waivers),
        accept=tuple(replace(entry, file=shown) for entry in policy.accept),
        licenses=replace(
            terms,
            file=shown,
            exceptions=tuple(replace(entry, file=shown) for entry in terms.exceptions),
            clarify=tuple(replace(entry, file=shown) for entry in terms.clarify),
        ),
        warnings=tuple(replace(problem, file=shown) for problem in policy.warnings),
    )


def _overlaid(base: Policy, own: Policy, given: frozenset[str]) -> Policy:
    """`own` over `base`: its rules take the place of those with their ids, its new ones come first; single values stand
    in place of the base's; waivers, accepted gaps and statements come behind the base's.
    """
    replaced = {rule.id: rule for rule in own.rules}
    known = {rule.id for rule in base.rules}
    changes: dict[str, Any] = {field: getattr(own, field) for key in given for field in _FIELDS.get(key, ())}
    return replace(
        base,
        **changes,
        rules=(
            *(rule for rule in own.rules if rule.id not in known),
            *(replaced.get(rule.id, rule) for rule in base.rules),
        ),
        gaps=GapEffects(
            item=own.gaps.item if "gaps.item" in given else base.gaps.item,
            file=own.gaps.file if "gaps.file" in given else base.gaps.file,
        ),
        waivers=tuple(dict.fromkeys((*base.waivers, *own.waivers))),
        accept=tuple(dict.fromkeys((*base.accept, *own.accept))),
        vex=tuple(dict.fromkeys((*base.vex, *own.vex))),
        waiver_limits=tuple({**dict(base.waiver_limits), **dict(own.waiver_limits)}.items()),
        licenses=_overlaid_terms(base.licenses, own.licenses, given),
    )


def _overlaid_terms(base: LicensePolicy, own: LicensePolicy, given: frozenset[str]) -> LicensePolicy:
    """A list that is given stands in place of the base's, and what it names is in no other list of the base's."""
    named = {name for key in _LICENSE_LISTS for name in getattr(own, key)}
    lists = {
        key: getattr(own, key)
        if f"licenses.{key}" in given and getattr(own, key)
        else tuple(name for name in getattr(base, key) if name not in named)
        for key in _LICENSE_LISTS
    }
    is_own = own.decides or bool(own.clarify)
    return LicensePolicy(
        **lists,
        unlisted=base.unlisted if own.unlisted is None else own.unlisted,
        exceptions=tuple(dict.fromkeys((*base.exceptions, *own.exceptions))),
        clarify=tuple(dict.fromkeys((*own.clarify, *base.clarify))),
        file=own.file if is_own else base.file,
        line=own.line if is_own else base.line,
    )


# --- the cache

_K = TypeVar("_K")


def _recall(cache: str | None, digest: str, kind: type[_K]) -> _K | None:
    """What was kept of that kind; None where there is none, or anything about it is off."""
    known = _kept.recall(_folder(cache), _entry(digest))
    if known is None:
        return None
    try:
        return from_plain(kind, json.loads(known))
    except (ValueError, RecursionError):
        return None


def _remember(cache: str | None, digest: str, value: object) -> None:
    """Keep the value for the next scan."""
    _kept.keep(_folder(cache), _entry(digest), json.dumps(to_plain(value), sort_keys=True).encode())


def _folder(cache: str | None) -> str | None:
    return os.path.join(cache, "policies") if cache else None


def _entry(digest: str) -> str:
    return f"{digest}-{__version__}-{_FORMAT}.json"


def read_sheet(text: str, file: str) -> Sheet:
    """What the text of one file says. SettingsError as `parse_policy`."""
    with open(datafiles.schema("policy"), encoding="utf-8") as stream:
        schema = json.load(stream)
    document = documents.load(text, file=file, schema=schema)
    faults = sorted(_faults(document), key=lambda fault: document.position(fault[0]))
    documents.raise_all(documents.problem(document, *fault) for fault in faults)
    policy = _policy(document)
    extends = _references(document, "extends")
    given = [key for key in document.data if key not in ("gaps", "database", "licenses")]
    given += [f"{key}.{name}" for key in ("gaps", "database", "licenses") for name in document.data.get(key, ())]
    return Sheet(
        # Of one that extends others, all of them together are looked at.
        policy=policy if extends else replace(policy, warnings=warnings_of(policy)),
        given=tuple(sorted(given)),
        extends=extends,
        vex=_references(document, "vex"),
    )


def _references(document: Document, key: str) -> tuple[Reference, ...]:
    made = []
    for path, name in _each((key,), document.data.get(key)):
        line, column = document.position(path)
        made.append(Reference(name=name, line=line, column=column))
    return tuple(made)


# --- what a schema cannot say

_Fault: TypeAlias = tuple[Path, str, str]
"""Where, what is wrong, what to do."""


def _faults(document: Document) -> Iterator[_Fault]:
    data = document.data
    seen: dict[str, int] = {}
    domains: set[str] = set()
    for index, entry in enumerate(data.get("require", ())):
        domain = entry if isinstance(entry, str) else entry["domain"]
        if domain in domains:
            yield ("require", index), f"'{domain}' is required twice", "keep one of them"
        domains.add(domain)
    for index, rule in enumerate(data.get("rules", ())):
        path: Path = ("rules", index)
        name = rule["id"]
        if name in RESERVED:
            yield (*path, "id"), f"the id '{name}' is taken by magray-sec", "choose another"
        elif name in seen:
            hint = f"the rule on line {seen[name]} has it"
            yield (*path, "id"), f"the id '{name}' is given twice", hint
        seen.setdefault(name, document.line(path))
        yield from _match_faults((*path, "match"), rule["match"])
        yield from _glob_faults((*path, "when", "path"), rule.get("when", {}).get("path"))
    for index, entry in enumerate(data.get("accept", ())):
        path = ("accept", index)
        if not {"path", "item", "scanner"} & entry.keys():
            hint = "add 'path', 'item' or 'scanner': no one may accept every gap there is"
            yield path, f"accept[{index}] does not say which gap", hint
        yield from _glob_faults((*path, "path"), entry.get("path"))
    for index, waiver in enumerate(data.get("waivers", ())):
        yield from _match_faults(("waivers", index, "match"), waiver["match"])
        if waiver.get("created", "") > waiver["expires"]:
            yield ("waivers", index, "created"), "it was made after its last day", "mend 'created' or 'expires'"
    yield from _license_faults(data.get("licenses", {}))


def _license_faults(terms: Mapping[str, Any]) -> Iterator[_Fault]:
    seen: dict[str, str] = {}
    for key in _LICENSE_LISTS:
        for place, name in _each(("licenses", key), terms.get(key)):
            spelt = licenses.key(name)
            if spelt is None:
                yield place, f"'{clean(name, limit=60)}' is not a licence of the SPDX list", _license_hint(name)
            elif spelt in seen:
                what = (
                    f"'{clean(name, limit=60)}' stands in '{seen[spelt]}' as well"
                    if seen[spelt] != key
                    else (f"'{clean(name, limit=60)}' is given twice")
                )
                yield place, what, "keep it in one place"
            else:
                seen[spelt] = key
    for index, entry in enumerate(terms.get("exceptions", ())):
        for place, name in _each(("licenses", "exceptions", index, "allow"), entry["allow"]):
            if licenses.key(name) is None:
                yield place, f"'{clean(name, limit=60)}' is not a licence of the SPDX list", _license_hint(name)
    for index, entry in enumerate(terms.get("clarify", ())):
        if not licenses.is_expression(entry["license"]):
            said = clean(entry["license"], limit=60)
            hint = "join SPDX ids with OR, AND and WITH; a text of their own is LicenseRef-name"
            yield ("licenses", "clarify", index, "license"), f"'{said}' is no SPDX expression", hint


def _match_faults(path: Path, match: dict[str, Any]) -> Iterator[_Fault]:
    for key in ("path", "lockfile"):
        yield from _glob_faults((*path, key), match.get(key))
    for place, kind in _each((*path, "kind"), match.get("kind")):
        meant = documents.closest(kind, KINDS)
        if kind not in KINDS and meant is not None:
            yield place, f"'{clean(kind, limit=60)}' is no kind", f"did you mean '{meant}'?"
    for key in ("license", "license_not"):
        for place, name in _each((*path, key), match.get(key)):
            if licenses.key(name) is None:
                yield place, f"'{clean(name, limit=60)}' is not a licence of the SPDX list", _license_hint(name)


def _license_hint(name: str) -> str:
    if " " in name.strip():
        return "name each licence by itself, by its SPDX id"
    known = licenses.names()
    begun = [one for one in known if one.casefold().startswith(f"{name.casefold()}-")]
    meant = begun or [one for one in (documents.closest(name, known),) if one]
    return f"did you mean {' or '.join(meant[:5])}?" if meant else "name it by its SPDX id, or as LicenseRef-..."


def _glob_faults(path: Path, patterns: Any) -> Iterator[_Fault]:
    for place, pattern in _each(path, patterns):
        if _regex(pattern) is None:
            message = f"'{clean(pattern, limit=60)}' is not a path pattern"
            yield place, message, "write it as in a .gitignore file, relative to the root"


def _each(path: Path, value: Any) -> Iterator[tuple[Path, str]]:
    """The entries of a word or a list of words, and where each stands."""
    if isinstance(value, list):
        yield from (((*path, index), entry) for index, entry in enumerate(value))
    elif value is not None:
        yield path, value


def _regex(pattern: str) -> str | None:
    """The RE2 expression of a gitignore pattern; None where it is none or matches nothing."""
    import re2  # noqa: PLC0415
    from pathspec.patterns.gitignore import GitIgnorePatternError  # noqa: PLC0415
    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern  # noqa: PLC0415

    try:
        regex, is_included = GitIgnoreSpecPattern.pattern_to_regex(pattern)
        if not regex or not is_included:
            return None
        plain = str(regex).replace("(?P<ps_d>/)", "/")
        re2.compile(plain)
    except (GitIgnorePatternError, ValueError, re2.error):
        return None
    return plain


# --- from plain data to the values


def _policy(document: Document) -> Policy:
    data = document.data
    gaps = data.get("gaps", {})
    return Policy(
        name=shown_path(document.file),
        file=shown_path(document.file),
        require=tuple(Domain(_domain(entry)) for entry in data.get("require", ())),
        on_incomplete=data.get("on_incomplete", "incomplete"),
        on_incomplete_of=tuple(
            (Domain(entry["domain"]), entry["on_incomplete"])
            for entry in data.get("require", ())
            if isinstance(entry, dict) and "on_incomplete" in entry
        ),
        require_scanners=tuple(data.get("require_scanners", ())),
        rules=tuple(
            PolicyRule(
                id=rule["id"],
                match=_match(rule["match"]),
                when=_when(rule.get("when", {})),
                verdict=Verdict(rule["verdict"]),
                max=rule.get("max", 0),
                description=_line(rule.get("description", "")),
                line=document.line(("rules", index)),
            )
            for index, rule in enumerate(data.get("rules", ()))
        ),
        default=Verdict(data.get("default", "pass")),
        gaps=GapEffects(item=gaps.get("item", "incomplete"), file=gaps.get("file", "review")),
        accept=tuple(
            Acceptance(
                path=_globs(entry.get("path")),
                item=entry.get("item", ""),
                scanner=entry.get("scanner", ""),
                reason=_line(entry["reason"]),
                owner=_line(entry["owner"]),
                expires=date.fromisoformat(entry["expires"]),
                line=document.line(("accept", index)),
            )
            for index, entry in enumerate(data.get("accept", ()))
        ),
        waivers=tuple(
            Waiver(
                match=_match(entry["match"]),
                reason=_line(entry["reason"]),
                owner=_line(entry["owner"]),
                expires=date.fromisoformat(entry["expires"]),
                created=date.fromisoformat(entry["created"]) if "created" in entry else None,
                until_fixed=entry.get("until_fixed", False),
                line=document.line(("waivers", index)),
            )
            for index, entry in enumerate(data.get("waivers", ()))
        ),
        waiver_limits=tuple((Severity(name), _days(entry)) for name, entry in data.get("waiver_limits", {}).items()),
        warn_before_days=_days(data["warn_before"]) if "warn_before" in data else WARN_BEFORE_DAYS,
        licenses=_licenses(document, data.get("licenses", {})),
        max_age_days=data.get("database", {}).get("max_age_days"),
        inline_allow=data.get("inline_allow", "honour"),
        require_line=document.key_position(("require",))[0],
        default_line=document.key_position(("default",))[0],
    )


def _domain(entry: str | dict[str, str]) -> str:
    return entry if isinstance(entry, str) else entry["domain"]


def _days(text: str) -> int:
    return int(text.removesuffix("d"))


def _when(data: dict[str, Any]) -> When:
    return When(branch=_words(data, "branch"), event=_words(data, "event"), path=_globs(data.get("path")))


def _licenses(document: Document, data: dict[str, Any]) -> LicensePolicy:
    return LicensePolicy(
        allow=_license_keys(data.get("allow", ())),
        deny=_license_keys(data.get("deny", ())),
        review=_license_keys(data.get("review", ())),
        unlisted=Verdict(data["unlisted"]) if "unlisted" in data else None,
        exceptions=tuple(
            LicenseException(
                package=_words(entry, "package"),
                version=_words(entry, "version"),
                allow=_license_keys(entry["allow"]),
                reason=_line(entry["reason"]),
                line=document.line(("licenses", "exceptions", index)),
            )
            for index, entry in enumerate(data.get("exceptions", ()))
        ),
        clarify=tuple(
            Clarification(
                package=_words(entry, "package"),
                version=_words(entry, "version"),
                license=entry["license"],
                reason=_line(entry["reason"]),
                line=document.line(("licenses", "clarify", index)),
            )
            for index, entry in enumerate(data.get("clarify", ()))
        ),
        line=document.key_position(("licenses",))[0],
    )


def _license_keys(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(licenses.key(word) or word for word in words)


def _match(data: dict[str, Any]) -> Match:
    return Match(
        identity=_words(data, "identity"),
        domain=tuple(Domain(word) for word in _words(data, "domain")),
        rule=_words(data, "rule"),
        tool=_words(data, "tool"),
        severity=_words(data, "severity"),
        score=_words(data, "score"),
        confidence=_words(data, "confidence"),
        verified=data.get("verified"),
        path=_globs(data.get("path")),
        lockfile=_globs(data.get("lockfile")),
        package=_words(data, "package"),
        version=_words(data, "version"),
        license=tuple(licenses.key(word) or word for word in _words(data, "license")),
        license_not=tuple(licenses.key(word) or word for word in _words(data, "license_not")),
        cwe=tuple(f"CWE-{word.removeprefix('CWE-')}" for word in _words(data, "cwe")),
        fix={"available": True, "none": False}.get(data.get("fix", "")),
        state=tuple(State(word) for word in _words(data, "state")),
        branch=_words(data, "branch"),
        kind=_words(data, "kind"),
        dependency_kind=_words(data, "dependency_kind"),
    )


def _words(data: dict[str, Any], key: str) -> tuple[str, ...]:
    value = data.get(key, ())
    return tuple(str(entry) for entry in (value if isinstance(value, (list, tuple)) else (value,)))


def _globs(value: Any) -> tuple[Glob, ...]:
    patterns = value if isinstance(value, list) else [] if value is None else [value]
    return tuple(Glob(pattern=pattern, regex=_regex(pattern) or "") for pattern in patterns)


def _line(text: str) -> str:
    return clean(text, limit=500)
