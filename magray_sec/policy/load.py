"""From a policy's YAML to a `Policy`, and what is to be said of a policy as such.

A policy that was seen before is taken from the user's cache by the digest of its text, without the parser and the
validator.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date
from typing import Any, TypeAlias

from magray_sec import __version__, _kept, datafiles, documents
from magray_sec.documents import Document, Path
from magray_sec.errors import SettingsError
from magray_sec.model.codec import from_plain, to_plain
from magray_sec.model.scale import Confidence, Domain, Severity, State, Verdict
from magray_sec.model.text import clean, shown_path
from magray_sec.policy import license as licenses
from magray_sec.policy.match import confidences, severities
from magray_sec.policy.types import (
    KINDS,
    RESERVED,
    Acceptance,
    GapEffects,
    Glob,
    Match,
    Policy,
    PolicyRule,
    Problem,
    Waiver,
)

_LISTS = (
    "identity",
    "domain",
    "rule",
    "tool",
    "score",
    "path",
    "lockfile",
    "package",
    "version",
    "license",
    "cwe",
    "state",
    "branch",
    "kind",
    "dependency_kind",
)
"""The keys of a match of which a part of the words means a part of the findings."""
_FORMAT = 2
"""Of the cached form; raised with every change to the types."""
_SUFFIXES = (".yaml", ".yml")


def load_policy(reference: str, *, root: str | None, cache: str | None, place: str = "") -> Policy:
    """The policy that `reference` names: a shipped one by its name (`default`), else a file by its path.

    With `root` (absolute, resolved) the reference comes from the target: the path is relative to `root` and must not
    lead out of it. Without, it is the operator's own path. `place` (`file:line:column`) is where the reference stands,
    for messages. `cache` is the user's cache folder, None for none. SettingsError where there is no such policy or it
    is not a valid one.
    """
    name = reference.strip()
    if _is_name(name):
        file = f"{name}.yaml"
        text = _shipped_text(name, place)
    else:
        file = name
        text = documents.read(_resolve(name, root, place), file=file, root=root)
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    policy = _recall(cache, digest)
    if policy is None:
        policy = parse_policy(text, file=file)
        _remember(cache, digest, policy)
    return replace(policy, name=shown_path(name), file=shown_path(file), digest=digest)


def parse_policy(text: str, *, file: str) -> Policy:
    """The policy written in `text`. SettingsError with the place, what is wrong and the likely word."""
    with open(datafiles.schema("policy"), encoding="utf-8") as stream:
        schema = json.load(stream)
    document = documents.load(text, file=file, schema=schema)
    faults = sorted(_faults(document), key=lambda fault: document.position(fault[0]))
    documents.raise_all(documents.problem(document, *fault) for fault in faults)
    return _policy(document)


def shipped() -> tuple[str, ...]:
    """The names of the shipped policies, sorted."""
    return tuple(os.path.basename(path).removesuffix(".yaml") for path in datafiles.files("policies"))


# --- where a policy lies


def _is_name(reference: str) -> bool:
    return os.sep not in reference and "/" not in reference and not reference.endswith(_SUFFIXES)


def _shipped_text(name: str, place: str) -> str:
    if name not in shipped():
        start = f"{place}: " if place else ""
        meant = documents.closest(name, shipped())
        asked = f"did you mean '{meant}'? " if meant else ""
        hint = f"{asked}Shipped: {', '.join(shipped())}. A file is named by its path: ./{clean(name, limit=60)}.yaml"
        raise SettingsError(f"{start}no policy is called '{clean(name, limit=60)}'", hint)
    path = os.path.join(datafiles.folder("policies"), f"{name}.yaml")
    return documents.read(path, file=f"{name}.yaml")


def _resolve(reference: str, root: str | None, place: str) -> str:
    if root is None:
        return os.path.abspath(reference)
    start = f"{place}: " if place else ""
    path = os.path.join(root, reference)
    if os.path.isabs(reference) or not documents.is_inside(os.path.normpath(path), root):
        raise SettingsError(
            f"{start}the policy '{clean(reference, limit=200)}' lies outside the target",
            "the target may only name a shipped policy or a file of its own; the operator names any with --policy",
        )
    if start and not os.path.lexists(path):
        raise SettingsError(f"{start}there is no policy file '{clean(reference, limit=200)}'", "mend the path")
    return path


# --- the cache


def _recall(cache: str | None, digest: str) -> Policy | None:
    """The policy as it was kept; None where there is none, or anything about it is off."""
    known = _kept.recall(_folder(cache), _entry(digest))
    if known is None:
        return None
    try:
        return from_plain(Policy, json.loads(known))
    except (ValueError, RecursionError):
        return None


def _remember(cache: str | None, digest: str, policy: Policy) -> None:
    """Keep the policy for the next scan."""
    _kept.keep(_folder(cache), _entry(digest), json.dumps(to_plain(policy), sort_keys=True).encode())


def _folder(cache: str | None) -> str | None:
    return os.path.join(cache, "policies") if cache else None


def _entry(digest: str) -> str:
    return f"{digest}-{__version__}-{_FORMAT}.json"


# --- what a schema cannot say

_Fault: TypeAlias = tuple[Path, str, str]
"""Where, what is wrong, what to do."""


def _faults(document: Document) -> Iterator[_Fault]:
    data = document.data
    seen: dict[str, int] = {}
    for index, rule in enumerate(data["rules"]):
        path: Path = ("rules", index)
        name = rule["id"]
        if name in RESERVED:
            yield (*path, "id"), f"the id '{name}' is taken by magray-sec", "choose another"
        elif name in seen:
            hint = f"the rule on line {seen[name]} has it"
            yield (*path, "id"), f"the id '{name}' is given twice", hint
        seen.setdefault(name, document.line(path))
        yield from _match_faults((*path, "match"), rule["match"])
    for index, entry in enumerate(data.get("accept", ())):
        path = ("accept", index)
        if not {"path", "item", "scanner"} & entry.keys():
            hint = "add 'path', 'item' or 'scanner': no one may accept every gap there is"
            yield path, f"accept[{index}] does not say which gap", hint
        yield from _glob_faults((*path, "path"), entry.get("path"))
    for index, waiver in enumerate(data.get("waivers", ())):
        yield from _match_faults(("waivers", index, "match"), waiver["match"])


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
        require=tuple(Domain(name) for name in data["require"]),
        require_scanners=tuple(data.get("require_scanners", ())),
        rules=tuple(
            PolicyRule(
                id=rule["id"],
                match=_match(rule["match"]),
                verdict=Verdict(rule["verdict"]),
                max=rule.get("max", 0),
                description=_line(rule.get("description", "")),
                line=document.line(("rules", index)),
            )
            for index, rule in enumerate(data["rules"])
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
                line=document.line(("waivers", index)),
            )
            for index, entry in enumerate(data.get("waivers", ()))
        ),
        max_age_days=data.get("database", {}).get("max_age_days"),
        inline_allow=data.get("inline_allow", "honour"),
        require_line=document.key_position(("require",))[0],
        default_line=document.key_position(("default",))[0],
    )


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


# --- what is to be said of a policy as such


def check_policy(policy: Policy, *, scanners: Iterable[str] = ()) -> tuple[Problem, ...]:
    """What is wrong with a valid policy, in order of lines. `scanners`: the ids there are; empty: they are not checked.

    Errors: a severity of a required domain that no rule can match while the default is pass; a required scanner that
    does not exist. Warnings: a rule that no finding can reach or that can match nothing, a required domain of which
    some findings may fall to a default of pass, a `tool` that does not exist.
    """
    found = [*_uncovered(policy), *_unreachable(policy), *_strangers(policy, frozenset(scanners))]
    return tuple(sorted(found, key=lambda problem: (problem.line, problem.message)))


def _uncovered(policy: Policy) -> Iterator[Problem]:
    if policy.default is not Verdict.PASS:
        return
    for domain in policy.require:
        open_to_all = [
            severity.value
            for severity in reversed(Severity)
            if not any(_may_match(rule.match, domain, severity) for rule in policy.rules)
        ]
        partly = [
            severity.value
            for severity in reversed(Severity)
            if severity.value not in open_to_all
            and not any(
                _may_match(rule.match, domain, severity) and _is_by_domain_and_severity(rule.match)
                for rule in policy.rules
            )
        ]
        if open_to_all:
            yield Problem(
                is_error=True,
                line=policy.require_line,
                message=f"{domain.value} is required, but no rule is for severity {', '.join(open_to_all)}: "
                "such findings pass by default",
                hint=f"add a rule with {{domain: {domain.value}}} and no other condition, or set default: review",
            )
        if partly:
            yield Problem(
                is_error=False,
                line=policy.require_line,
                message=f"{domain.value} is required, but findings of severity {', '.join(partly)} that meet no rule's "
                "other conditions pass by default",
                hint=f"add a last rule with {{domain: {domain.value}}} and no other condition",
            )


def _unreachable(policy: Policy) -> Iterator[Problem]:
    taken: set[tuple[Domain, Severity]] = set()
    for index, rule in enumerate(policy.rules):
        cells = {
            (domain, severity) for domain in Domain for severity in Severity if _may_match(rule.match, domain, severity)
        }
        earlier = next((other for other in policy.rules[:index] if _implies(rule.match, other.match)), None)
        if not cells or _is_empty(rule.match):
            yield Problem(
                is_error=False, line=rule.line, message=f"rule '{rule.id}' can match nothing", hint="mend its match"
            )
        elif earlier is not None:
            yield Problem(
                is_error=False,
                line=rule.line,
                message=f"rule '{rule.id}' is never reached: '{earlier.id}' (line {earlier.line}) takes all it matches",
                hint=f"move it above '{earlier.id}', or remove it",
            )
        elif cells <= taken:
            yield Problem(
                is_error=False,
                line=rule.line,
                message=f"rule '{rule.id}' is never reached: the rules above it take all it matches",
                hint="move it up, or remove it",
            )
        if _is_by_domain_and_severity(rule.match):
            taken |= cells


def _strangers(policy: Policy, scanners: frozenset[str]) -> Iterator[Problem]:
    if not scanners:
        return
    for name in policy.require_scanners:
        if name not in scanners:
            yield Problem(
                is_error=True,
                line=policy.require_line,
                message=f"the required scanner '{clean(name, limit=60)}' does not exist",
                hint=_suggestion(name, scanners),
            )
    for rule in policy.rules:
        for name in rule.match.tool:
            if name not in scanners:
                message = f"rule '{rule.id}' names the scanner '{clean(name, limit=60)}', which does not exist"
                yield Problem(is_error=False, line=rule.line, message=message, hint=_suggestion(name, scanners))


def _suggestion(name: str, scanners: frozenset[str]) -> str:
    meant = documents.closest(name, sorted(scanners))
    return f"did you mean '{meant}'?" if meant else f"there are: {', '.join(sorted(scanners))}"


def _may_match(match: Match, domain: Domain, severity: Severity) -> bool:
    return (not match.domain or domain in match.domain) and (
        not match.severity or severity in severities(match.severity)
    )


def _is_by_domain_and_severity(match: Match) -> bool:
    return replace(match, domain=(), severity=()) == Match()


def _is_empty(match: Match) -> bool:
    """Whether its conditions contradict each other."""
    no_confidence = bool(match.confidence) and not confidences(match.confidence)
    unverified = (
        match.verified is False and bool(match.confidence) and confidences(match.confidence) == {Confidence.VERIFIED}
    )
    return no_confidence or unverified


def _implies(narrow: Match, wide: Match) -> bool:
    """Whether every finding that `narrow` means is one that `wide` means, as far as their words say."""
    if wide.severity and not (narrow.severity and severities(narrow.severity) <= severities(wide.severity)):
        return False
    if wide.confidence and not (narrow.confidence and confidences(narrow.confidence) <= confidences(wide.confidence)):
        return False
    if wide.verified is not None and wide.verified is not narrow.verified:
        return False
    if wide.fix is not None and wide.fix is not narrow.fix:
        return False
    if wide.license_not and not (narrow.license_not and set(wide.license_not) <= set(narrow.license_not)):
        return False
    for key in _LISTS:
        outer, inner = getattr(wide, key), getattr(narrow, key)
        if outer and not (inner and set(inner) <= set(outer)):
            return False
    return True
