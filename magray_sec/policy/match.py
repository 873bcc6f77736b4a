"""Whether a finding is one that a `Match` means."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from typing import Any, TypeAlias

from magray_sec.model.finding import Finding, Package
from magray_sec.model.scale import Confidence, Domain, Severity
from magray_sec.policy import license as licenses
from magray_sec.policy.types import UNKNOWN, Glob, Match

Condition: TypeAlias = Callable[[Finding], bool]

_SURROGATE = re.compile("[\ud800-\udfff]")
_VERSION = re.compile(
    r"v?([0-9]+(?:\.[0-9]+)*)(?:-([0-9A-Za-z.-]+)|[.]?([A-Za-z][0-9A-Za-z.-]*))?(?:\+.*)?\Z", re.DOTALL
)
_MAX_VERSION = 200
_AT_ONCE = 100
"""How many patterns are compiled together: RE2 gives up on a set that outgrows its memory, without a word when that
happens while it matches. A hundred of the longest patterns that a policy may hold stay far below."""
_MATCHER_BYTES = 256 << 20
"""RE2's limit for one set of patterns, far above what it takes."""


class Paths:
    """What one judgement works out once: which of many path patterns a path fits (all tried at once, in linear time),
    and what a finding may be called.
    """

    def __init__(self, globs: Iterable[Glob]) -> None:
        self._regexes = tuple(dict.fromkeys(glob.regex for glob in globs))
        self._sets: tuple[tuple[int, Any], ...] | None = None
        self._seen: dict[str, frozenset[str]] = {}
        self._names: dict[int, tuple[Finding, frozenset[str]]] = {}
        self._tools: dict[int, tuple[Finding, frozenset[str]]] = {}

    def fit(self, path: str, globs: tuple[Glob, ...]) -> bool:
        """Whether the path fits one of `globs`, which are of those given at first."""
        fitting = self.fitting(path)
        return any(glob.regex in fitting for glob in globs)

    def fitting(self, path: str) -> frozenset[str]:
        """The expressions of all the globs that the path fits."""
        found = self._seen.get(path)
        if found is None:
            found = self._seen[path] = self._fitting(path)
        return found

    def names(self, finding: Finding) -> frozenset[str]:
        """`names` of the finding, worked out once."""
        # Kept by the object, with the object, so that no other can have its id: to hash a finding takes longer.
        known = self._names.get(id(finding))
        if known is None:
            known = self._names[id(finding)] = (finding, names(finding))
        return known[1]

    def tools(self, finding: Finding) -> frozenset[str]:
        """The scanners that saw the finding, worked out once."""
        known = self._tools.get(id(finding))
        if known is None:
            known = self._tools[id(finding)] = (finding, frozenset(witness.tool for witness in finding.witnesses))
        return known[1]

    def _fitting(self, path: str) -> frozenset[str]:
        if not path:
            return frozenset()
        if self._sets is None:
            starts = range(0, len(self._regexes), _AT_ONCE)
            self._sets = tuple((start, _compile(self._regexes[start : start + _AT_ONCE])) for start in starts)
        text = _SURROGATE.sub("\ufffd", path)
        return frozenset(
            self._regexes[start + index] for start, together in self._sets for index in together.Match(text) or ()
        )


def _compile(regexes: tuple[str, ...]) -> Any:
    import re2  # noqa: PLC0415

    options = re2.Options()
    options.dot_nl = True
    options.log_errors = False
    options.max_mem = _MATCHER_BYTES
    together = re2.Set.SearchSet(options)
    for regex in regexes:
        together.Add(regex)
    together.Compile()
    return together


def conditions(match: Match, paths: Paths, branch: str | None) -> tuple[Condition, ...]:
    """The conditions of a match, the cheap ones first: a finding is meant when all of them hold.

    `branch` is the one scanned, None where it is not known: then no condition on it holds.
    """
    if not is_branch(match.branch, branch):
        return (_never,)
    domains, severe, sure = frozenset(match.domain), severities(match.severity), confidences(match.confidence)
    found: list[Condition] = []
    if domains:
        found.append(lambda finding: finding.domain in domains)
    if match.severity:
        found.append(lambda finding: finding.severity in severe)
    if match.confidence:
        found.append(lambda finding: finding.confidence in sure)
    return (*found, *finer(match, paths))


def is_coarsely(match: Match, domain: Domain, severity: Severity, confidence: Confidence) -> bool:
    """Whether the conditions of a match that few values tell apart hold. With those of `finer`, they are all but that
    on the branch.
    """
    return (
        (not match.domain or domain in match.domain)
        and (not match.severity or severity in severities(match.severity))
        and (not match.confidence or confidence in confidences(match.confidence))
    )


def is_branch(patterns: tuple[str, ...], branch: str | None) -> bool:
    """Whether the branch (None: not known) is one of those meant; none given: any is."""
    return not patterns or (branch is not None and any(fnmatchcase(branch, pattern) for pattern in patterns))


def finer(match: Match, paths: Paths) -> tuple[Condition, ...]:
    """The conditions that have to be tried on each finding."""
    found: list[Condition] = []
    if match.verified is not None:
        verified = match.verified
        found.append(lambda finding: (finding.confidence is Confidence.VERIFIED) is verified)
    if match.state:
        states = frozenset(match.state)
        found.append(lambda finding: finding.state in states)
    if match.kind:
        kinds = frozenset(match.kind)
        found.append(lambda finding: finding.kind in kinds)
    if match.rule:
        rules = frozenset(name.casefold() for name in match.rule)
        found.append(lambda finding: not rules.isdisjoint(paths.names(finding)))
    found += _package_conditions(match, paths)
    if match.identity:
        wanted = frozenset(match.identity)
        found.append(lambda finding: not wanted.isdisjoint(finding.identities))
    if match.tool:
        tools = frozenset(match.tool)
        found.append(lambda finding: not tools.isdisjoint(paths.tools(finding)))
    if match.cwe:
        weaknesses = frozenset(match.cwe)
        found.append(lambda finding: not weaknesses.isdisjoint(finding.rule.cwe))
    if match.score:
        bounds = tuple(_bounds(word) for word in match.score)
        found.append(lambda finding: finding.score is not None and _in_bounds(finding.score, bounds))
    if match.path:
        found.append(on_paths(match.path, paths))
    if match.license:
        allowed = frozenset(match.license)
        found.append(lambda finding: licenses.is_met(_license(finding), allowed))
    if match.license_not:
        others = frozenset(match.license_not)
        found.append(lambda finding: not licenses.is_met(_license(finding), others))
    return tuple(found)


def on_paths(globs: tuple[Glob, ...], paths: Paths) -> Condition:
    """The condition that a finding lies on one of the paths."""
    wanted = frozenset(glob.regex for glob in globs)
    return lambda finding: not wanted.isdisjoint(paths.fitting(finding.location.path))


def _package_conditions(match: Match, paths: Paths) -> list[Condition]:
    found: list[Condition] = []
    if match.fix is not None:
        fix = match.fix
        found.append(lambda finding: finding.package is not None and bool(finding.package.fixed_versions) is fix)
    if match.dependency_kind:
        uses = frozenset(match.dependency_kind)
        found.append(lambda one: one.package is not None and (one.package.dependency_kind or UNKNOWN) in uses)
    if match.package:
        packages = frozenset(match.package)
        found.append(lambda finding: finding.package is not None and not packages.isdisjoint(called(finding.package)))
    if match.version:
        ranges = match.version
        found.append(lambda one: one.package is not None and is_in_range(one.package.version, ranges))
    if match.lockfile:
        files = frozenset(glob.regex for glob in match.lockfile)
        found.append(
            lambda finding: (
                finding.package is not None and not files.isdisjoint(paths.fitting(finding.package.lockfile))
            )
        )
    return found


def _never(_: Finding) -> bool:
    return False


def names(finding: Finding) -> frozenset[str]:
    """What a finding's rule may be called, case folded: its id, the id without the domain, the advisory's aliases."""
    rule = finding.rule.id.casefold()
    return frozenset((rule, rule.partition("/")[2] or rule, *(alias.casefold() for alias in finding.aliases)))


def severities(words: tuple[str, ...]) -> frozenset[Severity]:
    """The severities that any of the words means. A comparison never means UNKNOWN, which ranks nowhere."""
    known = [severity for severity in Severity if severity is not Severity.UNKNOWN]
    found: set[Severity] = set()
    for word in words:
        operator, name = split_operator(word)
        meant = Severity(name)
        found |= {one for one in known if _holds(one.rank, operator, meant.rank)} if operator else {meant}
    return frozenset(found)


def confidences(words: tuple[str, ...]) -> frozenset[Confidence]:
    """The confidences that any of the words means."""
    found: set[Confidence] = set()
    for word in words:
        operator, name = split_operator(word)
        found |= {one for one in Confidence if _holds(one.rank, operator, Confidence(name).rank)}
    return frozenset(found)


def split_operator(word: str) -> tuple[str, str]:
    """`>=high` as `>=` and `high`; the operator is empty where the word has none."""
    for operator in (">=", "<=", "==", ">", "<", "="):
        if word.startswith(operator):
            return operator, word[len(operator) :].strip()
    return "", word.strip()


def _holds(left: Any, operator: str, right: Any) -> bool:
    match operator:
        case ">=":
            return bool(left >= right)
        case "<=":
            return bool(left <= right)
        case ">":
            return bool(left > right)
        case "<":
            return bool(left < right)
    return bool(left == right)


def is_in_bounds(score: float, word: str) -> bool:
    """Whether a score meets a word of comparisons."""
    return _in_bounds(score, (_bounds(word),))


def _in_bounds(score: float, words: tuple[tuple[tuple[str, float], ...], ...]) -> bool:
    for bounds in words:
        for operator, bound in bounds:
            if not _holds(score, operator, bound):
                break
        else:
            return True
    return False


@functools.lru_cache(maxsize=1024)
def _bounds(word: str) -> tuple[tuple[str, float], ...]:
    pairs = [split_operator(part.strip()) for part in word.split(",")]
    return tuple((operator, float(number)) for operator, number in pairs)


def is_in_range(version: str, ranges: tuple[str, ...]) -> bool:
    """Whether the version is in one of the ranges, each of comparisons that all have to hold."""
    return any(all(_version_holds(version, part.strip()) for part in one.split(",")) for one in ranges)


def _version_holds(version: str, part: str) -> bool:
    operator, bound = split_operator(part)
    if operator in ("", "=", "=="):
        return version == bound
    left, right = version_key(version), version_key(bound)
    return left is not None and right is not None and _holds(left, operator, right)


@functools.lru_cache(maxsize=4096)
def version_key(version: str) -> tuple[Any, ...] | None:
    """A key that orders versions as SemVer does (a pre-release before its release); None for what is no version."""
    found = _VERSION.match(version) if len(version) <= _MAX_VERSION else None
    if found is None:
        return None
    numbers = [int(number) for number in found[1].split(".")]
    while numbers and not numbers[-1]:
        numbers.pop()
    pre_release = found[2] or found[3]
    if pre_release is None:
        return (tuple(numbers), 1, ())
    parts = pre_release.split(".")
    return (tuple(numbers), 0, tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts))


def called(package: Package) -> tuple[str, ...]:
    """What a policy may call a package: its name, or its package URL without a version."""
    return (package.name, bare_purl(package.purl))


@functools.lru_cache(maxsize=16384)
def bare_purl(purl: str) -> str:
    """A package URL without its version, qualifiers and subpath."""
    return re.split("[@?#]", purl, maxsplit=1)[0]


def _license(finding: Finding) -> str | None:
    return finding.package.license if finding.package is not None else None
