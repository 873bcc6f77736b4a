"""Which findings are waived, and what became of each waiver."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from magray_sec.model.decision import Allowed, Comment, WaiverUse
from magray_sec.model.finding import Finding, Package
from magray_sec.model.scale import Severity
from magray_sec.policy.match import Condition, Paths, bare_purl, conditions, names, version_key
from magray_sec.policy.types import Match, Policy, Statement, Waiver

_NAMED = 3
"""How many places a sentence names before it counts the rest."""


def waive(
    findings: Sequence[Finding], policy: Policy, today: date, paths: Paths, allowed: Allowed
) -> tuple[tuple[int | None, ...], tuple[WaiverUse, ...], tuple[str, ...]]:
    """The index of the waiver in force on each finding (the first that fits; None: none), every waiver's use, and what
    is to be said of waivers that have expired, do not hold, end soon, or waive nothing.

    Behind the policy's waivers come its VEX statements that waive, then the comments that allow findings, where the
    policy honours them.
    """
    honoured = allowed.by if policy.inline_allow == "honour" else ()
    by_comment = honoured or (None,) * len(findings)
    shelf = Shelf(policy.waivers, paths)
    vex = _Vex(policy.vex)
    first_statement = len(policy.waivers)
    first_comment = first_statement + len(vex.waiving)
    limits = dict(policy.waiver_limits)
    taken: list[int | None] = []
    used: Counter[int] = Counter()
    missed: dict[int, Counter[str]] = defaultdict(Counter)
    for finding, comment in zip(findings, by_comment, strict=True):
        index = None
        failing: list[tuple[int, str]] = []
        for number in shelf.fitting(finding):
            why_not = fails(policy.waivers[number], finding, today, limits)
            if not why_not:
                index = number
                break
            failing.append((number, why_not))
        else:
            statement = vex.on(finding, paths)
            if statement is not None:
                index = first_statement + statement
            elif comment is not None:
                index = first_comment + comment
        taken.append(index)
        if index is None:
            for number, why_not in failing:
                missed[number][why_not] += 1
        else:
            used[index] += 1
    uses = [_use(waiver, policy, used[index], today) for index, waiver in enumerate(policy.waivers)]
    notes: list[str] = []
    for index, (waiver, use) in enumerate(zip(policy.waivers, uses, strict=True)):
        notes += _notes(use, waiver, missed[index], today, policy.warn_before_days)
    uses += [_stated(policy.vex[number], used[first_statement + place]) for place, number in enumerate(vex.waiving)]
    notes += [
        f"{use.label} ({use.file}:{use.line}) is unused: no finding is of it"
        for use in uses[first_statement:]
        if not use.used
    ]
    if honoured:
        uses += [_comment(entry, used[first_comment + index]) for index, entry in enumerate(allowed.comments)]
    else:
        notes += _passed_over(allowed)
    return tuple(taken), tuple(uses), tuple(notes)


def fails(waiver: Waiver, finding: Finding, today: date, limits: dict[Severity, int]) -> str:
    """Why a waiver that fits the finding does not hold today, to be read after 'it'; empty: it holds."""
    if today > waiver.expires:
        return f"expired on {waiver.expires}"
    if waiver.created is not None and today < waiver.created:
        return f"begins on {waiver.created}"
    limit = limits.get(finding.severity)
    if limit is not None:
        of = f"the policy waives {finding.severity.value} findings for {in_words(limit)}"
        if waiver.created is None:
            return f"does not say when it was made, and {of}: add 'created'"
        if today > (end := waiver.created + timedelta(days=limit)):
            return f"ended on {end}: {of}"
    if waiver.until_fixed and finding.package is not None and finding.package.fixed_versions:
        return f"held until there is a fix, which {' or '.join(finding.package.fixed_versions)} is"
    return ""


def in_words(days: int) -> str:
    """A number of days."""
    return "1 day" if days == 1 else f"{days} days"


def in_days(days: int) -> str:
    """When something is that many days ahead."""
    return "today" if days == 0 else f"in {in_words(days)}"


def label(match: Match) -> str:
    """A match in words: `rule RUSTSEC-2023-0071, package rsa`."""
    parts = (
        ("identity", match.identity),
        ("rule", match.rule),
        ("package", match.package),
        ("version", match.version),
        ("path", tuple(glob.pattern for glob in match.path)),
    )
    return ", ".join(f"{name} {' or '.join(words)}" for name, words in parts if words)


def _use(waiver: Waiver, policy: Policy, used: int, today: date) -> WaiverUse:
    return WaiverUse(
        label=label(waiver.match),
        reason=waiver.reason,
        owner=waiver.owner,
        expires=waiver.expires,
        line=waiver.line,
        used=used,
        expired=today > waiver.expires,
        file=waiver.file or policy.file,
    )


def _comment(comment: Comment, used: int) -> WaiverUse:
    return WaiverUse(
        label=f"rule {' or '.join(comment.rules)}",
        reason=comment.reason,
        owner="",
        expires=None,
        line=comment.line,
        used=used,
        expired=False,
        file=comment.file,
        is_inline=True,
    )


def _stated(statement: Statement, used: int) -> WaiverUse:
    what = "not affected by" if statement.status == "not_affected" else "fixed:"
    reason = f"{what} {statement.names[0].upper()}" + (f": {statement.why}" if statement.why else "")
    return WaiverUse(
        label=f"VEX statement on {statement.names[0].upper()}",
        reason=reason,
        owner=statement.author,
        expires=None,
        line=statement.line,
        used=used,
        expired=False,
        file=statement.file,
    )


def _passed_over(allowed: Allowed) -> list[str]:
    """What is said where comments allow findings and the policy does not honour them."""
    count = sum(comment is not None for comment in allowed.by)
    if not count:
        return []
    places = [f"{comment.file}:{comment.line}" for comment in allowed.comments[:_NAMED]]
    more = f" and {len(allowed.comments) - _NAMED} more" if len(allowed.comments) > _NAMED else ""
    what = "1 finding is" if count == 1 else f"{count} findings are"
    where = f"{', '.join(places)}{more}"
    return [
        f"{what} allowed by comments in the target ({where}), not honoured here (inline_allow: ignore): each counts"
    ]


def _notes(use: WaiverUse, waiver: Waiver, missed: Counter[str], today: date, warn_before: int) -> Iterator[str]:
    where = f"waiver of {use.label} ({use.file}:{use.line}, owner {use.owner})"
    if use.expired and not missed:
        yield f"{where} expired on {use.expires} and fits no finding that counts: remove it"
        return
    for why_not, count in sorted(missed.items()):
        again = "the finding it fits counts" if count == 1 else f"the {count} findings it fits count"
        yield f"{where} {why_not}: {again} again"
    if not use.expired and not use.used and not missed:
        yield f"{where} is unused: no finding needs it"
    left = (waiver.expires - today).days
    if use.used and left < warn_before:
        again = "the finding it waives counts" if use.used == 1 else f"the {use.used} findings it waives count"
        yield f"{where} ends on {use.expires}, {in_days(left)}: then {again} again"


class Shelf:
    """Waivers by what they name, so that a finding meets only those that may fit it."""

    def __init__(self, waivers: Sequence[Waiver], paths: Paths) -> None:
        self._paths = paths
        self._conditions: list[tuple[Condition, ...]] = [conditions(waiver.match, paths, None) for waiver in waivers]
        self._by_identity: dict[str, list[int]] = defaultdict(list)
        self._by_rule: dict[str, list[int]] = defaultdict(list)
        self._others: list[int] = []
        for index, waiver in enumerate(waivers):
            for identity in waiver.match.identity:
                self._by_identity[identity].append(index)
            if not waiver.match.identity:
                for rule in waiver.match.rule:
                    self._by_rule[rule.casefold()].append(index)
                if not waiver.match.rule:
                    self._others.append(index)

    def fitting(self, finding: Finding) -> list[int]:
        """The indices of the waivers that fit the finding, in order."""
        candidates = set(self._others)
        if self._by_identity:
            for identity in finding.identities:
                candidates.update(self._by_identity.get(identity, ()))
        if self._by_rule:
            for name in self._paths.names(finding):
                candidates.update(self._by_rule.get(name, ()))
        return [index for index in sorted(candidates) if all(holds(finding) for holds in self._conditions[index])]


# --- VEX statements


class _Vex:
    """Statements by the vulnerabilities they are of. Of all that speak of a finding the newest holds, whatever it says:
    one that takes an earlier one back does.
    """

    def __init__(self, statements: Sequence[Statement]) -> None:
        self._statements = statements
        self.waiving = [number for number, statement in enumerate(statements) if statement.waives]
        """The statements that waive, in order: their places are those of the indices that `on` gives."""
        self._place = {number: place for place, number in enumerate(self.waiving)}
        self._by_name: dict[str, list[int]] = defaultdict(list)
        for number, statement in enumerate(statements):
            for name in statement.names:
                self._by_name[name].append(number)

    def on(self, finding: Finding, paths: Paths) -> int | None:
        """The place among `waiving` of the statement that waives the finding; None: none does."""
        if not self._by_name or finding.package is None:
            return None
        about = {number for name in paths.names(finding) for number in self._by_name.get(name, ())}
        speaking = [number for number in about if is_product(finding.package, self._statements[number].products)]
        newest = max(speaking, key=lambda number: (self._statements[number].written, number), default=None)
        return None if newest is None else self._place.get(newest)


def statement_on(finding: Finding, statements: Sequence[Statement]) -> Statement | None:
    """The newest statement that speaks of the finding."""
    if finding.package is None:
        return None
    package, called = finding.package, names(finding)
    speaking = [
        (one.written, number)
        for number, one in enumerate(statements)
        if not called.isdisjoint(one.names) and is_product(package, one.products)
    ]
    return statements[max(speaking)[1]] if speaking else None


def is_product(package: Package, products: Sequence[str]) -> bool:
    """Whether the package is one of the products (package URLs): of the same name, of the version where one is given,
    and with the qualifiers that are given.
    """
    return any(_is_product(package.purl, product) for product in products)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Purl:
    bare: str
    version: str
    qualifiers: frozenset[str]


def _purl(text: str) -> _Purl:
    rest = text.partition("#")[0].replace("/@", "/%40")
    rest, _, qualifiers = rest.partition("?")
    bare = bare_purl(rest)
    version = rest[len(bare) + 1 :]
    return _Purl(
        bare=bare.casefold().replace("%40", "@"),
        version=version.replace("%2B", "+").replace("%2b", "+"),
        qualifiers=frozenset(qualifiers.split("&")) - {""},
    )


def _is_product(purl: str, product: str) -> bool:
    ours, theirs = _purl(purl), _purl(product)
    if ours.bare != theirs.bare or not theirs.qualifiers <= ours.qualifiers:
        return False
    if not theirs.version or theirs.version == ours.version:
        return True
    left, right = version_key(ours.version), version_key(theirs.version)
    return left is not None and left == right and "+" not in ours.version + theirs.version
