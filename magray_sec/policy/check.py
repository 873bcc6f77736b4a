"""What is to be said of a valid policy as such: rules that nothing reaches, that contradict themselves or each other,
and severities that it leaves to chance.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from fnmatch import fnmatchcase
from functools import cached_property

from magray_sec.documents import closest
from magray_sec.model.scale import Confidence, Domain, Severity, Verdict
from magray_sec.model.text import clean
from magray_sec.policy.match import confidences, is_in_bounds, severities, split_operator, version_key
from magray_sec.policy.types import Match, Policy, PolicyRule, Problem, When
from magray_sec.policy.waiver import label

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
_OF_PACKAGES = ("fix", "dependency_kind", "package", "version", "lockfile", "license")
"""The keys that no finding without a package meets."""
_WITHOUT_PACKAGES = frozenset({Domain.SECRETS, Domain.CODE, Domain.WORKFLOWS})


def check_policy(policy: Policy, *, scanners: Iterable[str] = ()) -> tuple[Problem, ...]:
    """What is wrong with a valid policy, in order of files and lines. `scanners`: the ids there are; empty: they are
    not checked.

    Errors: a severity of a required domain that no rule can match while the default is pass; a required scanner that
    does not exist. Warnings: those of `warnings_of`, a required domain of which some findings may fall to a default of
    pass, a `tool` that does not exist.
    """
    found = [*_uncovered(policy), *warnings_of(policy), *_strangers(policy, frozenset(scanners))]
    return tuple(sorted(found, key=lambda problem: (problem.file, problem.line, problem.message)))


def warnings_of(policy: Policy) -> tuple[Problem, ...]:
    """The rules that no finding reaches or that can match nothing, rules that contradict each other, limits that mean
    nothing, and waivers that are written twice; in order of files and lines.
    """
    found = [*_unreachable(policy), *_without_meaning(policy), *_twice(policy)]
    return tuple(sorted(found, key=lambda problem: (problem.file, problem.line, problem.message)))


def _uncovered(policy: Policy) -> Iterator[Problem]:
    if policy.default is not Verdict.PASS:
        return
    for domain in policy.require:
        if domain is Domain.LICENSES and policy.licenses.decides:
            continue
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
                _may_match(rule.match, domain, severity) and _is_by_domain_and_severity(rule) for rule in policy.rules
            )
        ]
        if open_to_all:
            yield Problem(
                is_error=True,
                file=policy.require_file,
                line=policy.require_line,
                message=f"{domain.value} is required, but no rule is for severity {', '.join(open_to_all)}: "
                "such findings pass by default",
                hint=f"add a rule with {{domain: {domain.value}}} and no other condition, or set default: review",
            )
        if partly:
            yield Problem(
                is_error=False,
                file=policy.require_file,
                line=policy.require_line,
                message=f"{domain.value} is required, but findings of severity {', '.join(partly)} that meet no rule's "
                "other conditions pass by default",
                hint=f"add a last rule with {{domain: {domain.value}}} and no other condition",
            )


def _unreachable(policy: Policy) -> Iterator[Problem]:
    taken: set[tuple[Domain, Severity]] = set()
    seen: list[_Meant] = []
    for rule in policy.rules:
        meant = _Meant(rule)
        cells = {
            (domain, severity)
            for domain in rule.match.domain or Domain
            for severity in (meant.severities if rule.match.severity else Severity)
        }
        earlier = next((other for other in seen if _implies(meant, other)), None)
        why = "" if cells else "no severity is meant"
        why = why or _contradiction(rule)
        if why:
            yield _warning(rule, f"rule '{rule.id}' can match nothing: {why}", "mend its match")
        elif policy.licenses.decides and _is_of_licenses_alone(rule) and rule.file == policy.licenses.file:
            message = f"rule '{rule.id}' is never reached: 'licenses' decides on every licence"
            yield _warning(rule, message, "say it under 'licenses', or remove it")
        elif earlier is not None:
            other = earlier.rule
            where = f"line {other.line}" if other.file == rule.file else f"{other.file}:{other.line}"
            if other.verdict is not rule.verdict and _implies(earlier, meant):
                message = (
                    f"rule '{rule.id}' contradicts '{other.id}' ({where}): they are for the same findings, "
                    f"and the first one decides ({other.verdict.value})"
                )
                yield _warning(rule, message, "keep one of them")
            else:
                message = f"rule '{rule.id}' is never reached: '{other.id}' ({where}) takes all it matches"
                yield _warning(rule, message, f"move it above '{other.id}', or remove it")
        elif cells <= taken:
            message = f"rule '{rule.id}' is never reached: the rules above it take all it matches"
            yield _warning(rule, message, "move it up, or remove it")
        if _is_by_domain_and_severity(rule):
            taken |= cells
        seen.append(meant)


def _without_meaning(policy: Policy) -> Iterator[Problem]:
    for rule in policy.rules:
        if rule.verdict is Verdict.PASS and rule.max:
            message = f"rule '{rule.id}' passes whatever belongs to it: its 'max' means nothing"
            yield _warning(rule, message, "remove 'max', or choose another verdict")


def _twice(policy: Policy) -> Iterator[Problem]:
    seen: dict[tuple[Match, date], int] = {}
    for waiver in policy.waivers:
        key = (waiver.match, waiver.expires)
        if key in seen:
            message = f"a waiver of {label(waiver.match)} stands on line {seen[key]} already"
            yield Problem(is_error=False, file=waiver.file, line=waiver.line, message=message, hint="keep one of them")
        seen.setdefault(key, waiver.line)


def _warning(rule: PolicyRule, message: str, hint: str) -> Problem:
    return Problem(is_error=False, file=rule.file, line=rule.line, message=message, hint=hint)


def _strangers(policy: Policy, scanners: frozenset[str]) -> Iterator[Problem]:
    if not scanners:
        return
    for name in policy.require_scanners:
        if name not in scanners:
            yield Problem(
                is_error=True,
                file=policy.require_file,
                line=policy.require_line,
                message=f"the required scanner '{clean(name, limit=60)}' does not exist",
                hint=_suggestion(name, scanners),
            )
    for rule in policy.rules:
        for name in rule.match.tool:
            if name not in scanners:
                message = f"rule '{rule.id}' names the scanner '{clean(name, limit=60)}', which does not exist"
                yield _warning(rule, message, _suggestion(name, scanners))


def _suggestion(name: str, scanners: frozenset[str]) -> str:
    meant = closest(name, sorted(scanners))
    return f"did you mean '{meant}'?" if meant else f"there are: {', '.join(sorted(scanners))}"


def _may_match(match: Match, domain: Domain, severity: Severity) -> bool:
    return (not match.domain or domain in match.domain) and (
        not match.severity or severity in severities(match.severity)
    )


def _is_by_domain_and_severity(rule: PolicyRule) -> bool:
    return rule.when == When() and replace(rule.match, domain=(), severity=()) == Match()


def _is_of_licenses_alone(rule: PolicyRule) -> bool:
    return rule.match.domain == (Domain.LICENSES,) and not rule.match.state


# --- rules that can match nothing


def _contradiction(rule: PolicyRule) -> str:
    """Why no finding can meet all that a rule asks for; empty: one may."""
    match = rule.match
    if match.confidence and not confidences(match.confidence):
        return "no confidence is meant"
    if match.verified is False and match.confidence and confidences(match.confidence) == {Confidence.VERIFIED}:
        return "what is verified is not unverified"
    if match.verified and match.confidence and Confidence.VERIFIED not in confidences(match.confidence):
        return "what is verified is of the confidence 'verified'"
    if match.domain and _WITHOUT_PACKAGES.issuperset(match.domain):
        key = next((key for key in _OF_PACKAGES if getattr(match, key) not in ((), None)), "")
        if key:
            return f"findings of {' and '.join(domain.value for domain in match.domain)} have no '{key}'"
    if match.score and not any(is_in_bounds(tenths / 10, word) for tenths in range(101) for word in match.score):
        return f"no score is {' or '.join(match.score)}"
    if match.version and all(_is_empty_range(word) for word in match.version):
        return f"no version is {' or '.join(match.version)}"
    if match.license and match.license_not and set(match.license) <= set(match.license_not):
        return "what is met under 'license' is met under 'license_not'"
    return _elsewhere(rule)


def _elsewhere(rule: PolicyRule) -> str:
    here, there = rule.match.branch, rule.when.branch
    apart = here and there and not any(_overlap(one, other) for one in here for other in there)
    return "no branch is meant by both 'match' and 'when'" if apart else ""


def _overlap(one: str, other: str) -> bool:
    """Whether two patterns may mean the same branch; of two with wildcards, they are taken to."""
    if any(character in one and character in other for character in "*?["):
        return True
    return fnmatchcase(one, other) or fnmatchcase(other, one)


def _is_empty_range(word: str) -> bool:
    least, most = None, None
    for part in word.split(","):
        operator, bound = split_operator(part.strip())
        key = version_key(bound)
        if key is None or operator in ("", "=", "=="):
            return False
        # Beside a bound that is left out, there is always a version more.
        if operator.startswith(">") and (least is None or key > least):
            least = key
        if operator.startswith("<") and (most is None or key < most):
            most = key
    return least is not None and most is not None and least > most


# --- rules that others take everything of


@dataclass(frozen=True)
class _Meant:
    """A rule with what its words mean, worked out once."""

    rule: PolicyRule

    @cached_property
    def severities(self) -> frozenset[Severity]:
        return severities(self.rule.match.severity)

    @cached_property
    def confidences(self) -> frozenset[Confidence]:
        return confidences(self.rule.match.confidence)

    @cached_property
    def lists(self) -> tuple[tuple[int, frozenset[object]], ...]:
        """The lists that it gives, with their numbers."""
        match, when = self.rule.match, self.rule.when
        every = (*(getattr(match, key) for key in _LISTS), when.branch, when.event, when.path)
        return tuple((number, frozenset(words)) for number, words in enumerate(every) if words)

    @cached_property
    def by_number(self) -> dict[int, frozenset[object]]:
        return dict(self.lists)


def _implies(narrow: _Meant, wide: _Meant) -> bool:
    """Whether every finding that `narrow` means is one that `wide` means, as far as their words say."""
    inner, outer = narrow.rule.match, wide.rule.match
    for number, words in wide.lists:
        given = narrow.by_number.get(number)
        if given is None or not given <= words:
            return False
    if outer.severity and not (inner.severity and narrow.severities <= wide.severities):
        return False
    if outer.confidence and not (inner.confidence and narrow.confidences <= wide.confidences):
        return False
    if outer.verified is not None and outer.verified is not inner.verified:
        return False
    if outer.fix is not None and outer.fix is not inner.fix:
        return False
    return not outer.license_not or bool(inner.license_not and set(outer.license_not) <= set(inner.license_not))
