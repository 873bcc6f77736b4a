"""Why a policy says what it says of a finding, and the smallest changes that would make it pass.

A change is only named after the scan was judged again with it. Of the changes for one finding each is enough by itself,
the one that lets least through first; those for a whole scan are made together.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from datetime import date, timedelta

from magray_sec.model.decision import Allowed, Comment, Decision, GapRuling, Ruling
from magray_sec.model.finding import Finding
from magray_sec.model.report import ScanReport
from magray_sec.model.run import Database, Gap, GapKind, ToolRun
from magray_sec.model.scale import Confidence, Domain, Verdict
from magray_sec.model.text import shown_path
from magray_sec.policy import license as licenses
from magray_sec.policy.judge import DATABASE_ITEM, clarified, globs_of, judge
from magray_sec.policy.match import Paths, called, conditions
from magray_sec.policy.types import (
    LICENSES,
    Acceptance,
    Glob,
    LicenseException,
    Match,
    Policy,
    PolicyRule,
    Waiver,
)
from magray_sec.policy.waiver import fails, label, statement_on

_WAIVED_DAYS = 90
"""For how long a waiver that is proposed holds, where the policy does not allow less."""
_FEW = 3
"""Up to how many findings are waived one by one for a scan to pass; of more, the rule's limit is raised."""
_SURROGATE = re.compile("[\ud800-\udfff]")
_EVENT = "--event"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """All that a decision is made of, so that it can be made again."""

    findings: tuple[Finding, ...] = ()
    gaps: tuple[Gap, ...] = ()
    runs: tuple[ToolRun, ...] = ()
    not_applicable: frozenset[Domain] = frozenset()
    database: Database | None = None
    policy: Policy
    today: date
    branch: str | None = None
    event: str | None = None
    allowed: Allowed = Allowed()

    def judged(self) -> Decision:
        """The decision."""
        return judge(**{entry.name: getattr(self, entry.name) for entry in fields(self)})


def case_of(report: ScanReport, policy: Policy, today: date) -> Case:
    """What a stored report was judged by, with this policy and today in place of those of then.

    Licences that the policy of then permitted are not in a report: they are not judged again.
    """
    present = {domain for item in report.items for domain in item.domains}
    absent = frozenset(report.scope.unlooked) if report.scope.is_part else frozenset()
    uses = report.decision.waivers
    inline = [index for index, use in enumerate(uses) if use.is_inline]
    by = tuple(inline.index(ruling.waiver) if ruling.waiver in inline else None for ruling in report.decision.rulings)
    comments = tuple(
        Comment(
            file=uses[index].file,
            line=uses[index].line,
            rules=tuple(uses[index].label.removeprefix("rule ").split(" or ")),
            reason=uses[index].reason,
        )
        for index in inline
    )
    return Case(
        findings=report.findings,
        # The age of the database is judged anew.
        gaps=tuple(ruling.gap for ruling in report.decision.gaps if ruling.gap.item != DATABASE_ITEM),
        runs=report.runs,
        not_applicable=frozenset(Domain) - present | absent,
        database=report.database,
        policy=policy,
        today=today,
        branch=report.target.branch,
        event=next((value for name, value in report.options if name == _EVENT), None),
        allowed=Allowed(comments=comments, by=by) if comments else Allowed(),
    )


# --- why


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A condition of a match: what it asks for, and what the finding is."""

    name: str
    wanted: str
    found: str
    holds: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """A rule above the one that decides, and the condition by which it does not take the finding."""

    rule: PolicyRule
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Considered:
    """A waiver that fits the finding, or misses it by some of its conditions, and what keeps it from holding."""

    label: str
    file: str
    line: int
    why_not: str
    """Empty: it holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a finding is judged as it is."""

    ruling: Ruling
    rule: PolicyRule | None
    """None: no rule of the policy's own decides."""
    keys: tuple[Key, ...]
    passed: tuple[Passed, ...]
    count: int
    """How many findings that are not waived belong to what decides."""
    max: int
    names: tuple[str, ...]
    """All that the advisory or rule is called, the canonical id first."""
    waivers: tuple[Considered, ...]
    others: int
    """How many waivers have nothing to do with it."""
    changes: tuple[Change, ...]


def explain(case: Case, index: int) -> Explanation:
    """Why the finding at `index` is judged as it is, and what would make it pass."""
    decision = case.judged()
    finding = clarified(case.findings, case.policy.licenses)[index]
    ruling = decision.rulings[index]
    paths = Paths(globs_of(case.policy))
    rule = next((entry for entry in case.policy.rules if entry.id == ruling.rule), None)
    passed = []
    for entry in case.policy.rules if ruling.rule not in LICENSES.values() else ():
        if entry is rule:
            break
        passed.append(Passed(rule=entry, because=_missed(entry, finding, case, paths)))
    considered = tuple(_considered(case, finding, paths))
    return Explanation(
        ruling=ruling,
        rule=rule,
        keys=tuple(_keys(rule, finding, case, paths)) if rule else (),
        passed=tuple(passed),
        count=sum(other.rule == ruling.rule and other.waiver is None for other in decision.rulings),
        max=rule.max if rule else 0,
        names=tuple(dict.fromkeys((finding.rule.id, *finding.aliases))),
        waivers=considered,
        others=len(case.policy.waivers) + len(case.policy.vex) - len(considered),
        changes=changes_for(case, index),
    )


def _missed(rule: PolicyRule, finding: Finding, case: Case, paths: Paths) -> str:
    missed = next((key for key in _keys(rule, finding, case, paths) if not key.holds), None)
    if missed is None:
        return "what the baseline holds counts for rules that ask for a state alone"
    return f"{missed.name} is {missed.found}, not {missed.wanted}"


def _keys(rule: PolicyRule, finding: Finding, case: Case, paths: Paths) -> Iterator[Key]:
    when = rule.when
    if when.branch:
        yield _key(
            "when.branch", when.branch, case.branch, holds=_meets(Match(branch=when.branch), finding, case, paths)
        )
    if when.event:
        yield _key("when.event", when.event, case.event, holds=case.event in when.event)
    if when.path:
        patterns = tuple(glob.pattern for glob in when.path)
        holds = _meets(Match(path=when.path), finding, case, paths)
        yield _key("when.path", patterns, finding.location.shown, holds=holds)
    yield from _of_match(rule.match, finding, case, paths)


def _of_match(match: Match, finding: Finding, case: Case, paths: Paths) -> Iterator[Key]:
    nothing = Match()
    for entry in fields(match):
        wanted = getattr(match, entry.name)
        if wanted == getattr(nothing, entry.name) or entry.name == "version":
            continue
        alone: Match = replace(nothing, **{entry.name: wanted})
        words = tuple(_word(word) for word in wanted) if isinstance(wanted, tuple) else (_word(wanted),)
        if entry.name == "package" and match.version:
            alone = replace(alone, version=match.version)
            words = tuple(f"{word} {' or '.join(match.version)}" for word in words)
        holds = _meets(alone, finding, case, paths)
        yield _key(entry.name, words, _value(entry.name, finding, case), holds=holds)


def _key(name: str, wanted: tuple[str, ...], found: str | None, *, holds: bool) -> Key:
    shown = " or ".join(wanted) if len(wanted) <= _FEW else f"one of {len(wanted)}"
    return Key(name=name, wanted=shown, found=found or "not known", holds=holds)


def _meets(match: Match, finding: Finding, case: Case, paths: Paths) -> bool:
    return all(holds(finding) for holds in conditions(match, paths, case.branch))


def _word(value: object) -> str:
    if isinstance(value, Glob):
        return value.pattern
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(getattr(value, "value", value))


def _value(name: str, finding: Finding, case: Case) -> str | None:
    """What the finding is in the respect that a key of a match asks of."""
    package = finding.package
    match name:
        case "identity" | "kind":
            return str(getattr(finding, name))
        case "domain" | "severity" | "confidence" | "state":
            return str(getattr(finding, name).value)
        case "rule":
            return " = ".join(dict.fromkeys((finding.rule.id, *finding.aliases)))
        case "tool":
            return ", ".join(dict.fromkeys(witness.tool for witness in finding.witnesses))
        case "score":
            return None if finding.score is None else str(finding.score)
        case "verified":
            return "yes" if finding.confidence is Confidence.VERIFIED else "no"
        case "path":
            return finding.location.shown
        case "cwe":
            return ", ".join(finding.rule.cwe)
        case "branch":
            return case.branch
    if package is None:
        return "that of no package"
    match name:
        case "package":
            return f"{package.name} {package.version}"
        case "lockfile":
            return shown_path(package.lockfile)
        case "license" | "license_not":
            return package.license
        case "fix":
            return "yes" if package.fixed_versions else "no"
    return package.dependency_kind


def _considered(case: Case, finding: Finding, paths: Paths) -> Iterator[Considered]:
    limits = dict(case.policy.waiver_limits)
    near = []
    for waiver in case.policy.waivers:
        keys = tuple(_of_match(waiver.match, finding, case, paths))
        missed = next((key for key in keys if not key.holds), None)
        file = waiver.file or case.policy.file
        told = Considered(label=label(waiver.match), file=file, line=waiver.line, why_not="")
        if missed is None:
            why_not = fails(waiver, finding, case.today, limits)
            yield replace(told, why_not=f"it {why_not}" if why_not else "")
        elif any(key.holds for key in keys):
            near.append(
                replace(told, why_not=f"its {missed.name} is {missed.wanted}, and the finding's {missed.found}")
            )
    yield from near
    statement = statement_on(finding, case.policy.vex)
    if statement is not None:
        why_not = "" if statement.waives else f"its status is {statement.status}"
        name = f"VEX statement on {statement.names[0].upper()}"
        yield Considered(label=name, file=statement.file, line=statement.line, why_not=why_not)


# --- what would pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change to the policy, or to what is scanned. What is not given stays."""

    words: str
    """What to do, as an order."""
    gone: frozenset[str] = frozenset()
    """Identities of findings that it mends."""
    waiver: Waiver | None = None
    rule: str = ""
    """The rule whose `max` becomes `max`."""
    max: int = 0
    exception: LicenseException | None = None
    acceptance: Acceptance | None = None
    unrequired: Domain | None = None
    default: Verdict | None = None


def applied(case: Case, change: Change) -> Case:
    """The case with the change made."""
    policy = case.policy
    if change.waiver is not None:
        policy = replace(policy, waivers=(change.waiver, *policy.waivers))
    if change.rule:
        rules = (replace(rule, max=change.max) if rule.id == change.rule else rule for rule in policy.rules)
        policy = replace(policy, rules=tuple(rules))
    if change.exception is not None:
        terms = policy.licenses
        policy = replace(policy, licenses=replace(terms, exceptions=(*terms.exceptions, change.exception)))
    if change.acceptance is not None:
        policy = replace(policy, accept=(change.acceptance, *policy.accept))
    if change.unrequired is not None:
        policy = replace(policy, require=tuple(entry for entry in policy.require if entry is not change.unrequired))
    if change.default is not None:
        policy = replace(policy, default=change.default)
    kept = [index for index, finding in enumerate(case.findings) if finding.identity not in change.gone]
    by = case.allowed.by
    return replace(
        case,
        policy=policy,
        findings=tuple(case.findings[index] for index in kept),
        allowed=replace(case.allowed, by=tuple(by[index] for index in kept) if by else ()),
    )


def changes_for(case: Case, index: int) -> tuple[Change, ...]:
    """The changes of which each makes the finding at `index` pass, tried out, the one that lets least through first;
    none where it passes already.
    """
    decision = case.judged()
    ruling = decision.rulings[index]
    if ruling.verdict is Verdict.PASS:
        return ()
    finding = case.findings[index]
    proposed = [*_of_finding(case, finding, ruling)]
    count = sum(other.rule == ruling.rule and other.waiver is None for other in decision.rulings)
    rule = next((entry for entry in case.policy.rules if entry.id == ruling.rule), None)
    if rule is not None:
        proposed.append(_raised(case, rule, count))
    return tuple(change for change in proposed if _passes(applied(case, change), finding.identity))


def changes_for_all(case: Case) -> tuple[Change, ...] | None:
    """Changes that together make the scan pass and be complete, tried out; empty where it does already, None where no
    change of the policy is known that would.
    """
    found: list[Change] = []
    tried = case
    # One change may bring out what another hid (a rule that now has other findings), so there may be several turns.
    for _ in range(5):
        decision = tried.judged()
        if decision.verdict is Verdict.PASS and decision.complete:
            return tuple(found)
        more = [*_of_rules(tried, decision), *_of_coverage(tried, decision)]
        if not more:
            return None
        for change in more:
            tried = applied(tried, change)
        found += more
    return None


def _passes(case: Case, identity: str) -> bool:
    return all(ruling.verdict is Verdict.PASS for ruling in case.judged().rulings if ruling.identity == identity)


def _of_finding(case: Case, finding: Finding, ruling: Ruling) -> Iterator[Change]:
    """What makes one finding pass: mend it, allow its licence, or waive it."""
    package = finding.package
    if package is not None and package.fixed_versions:
        fixed = " or ".join(package.fixed_versions)
        words = f"upgrade {package.name} {package.version} to {fixed}"
        yield Change(words=words, gone=frozenset({finding.identity}))
    if ruling.rule in LICENSES.values() and package is not None:
        (judged,) = clarified((finding,), case.policy.licenses)
        allow = licenses.leaves(judged.package.license if judged.package else None)
        words = f"allow {package.name} to be under {' and '.join(allow)}: licenses.exceptions"
        exception = LicenseException(package=called(package)[:1], allow=allow, reason="proposed", line=0)
        yield Change(words=words, exception=exception)
    until = case.today + timedelta(days=dict(case.policy.waiver_limits).get(finding.severity, _WAIVED_DAYS))
    until = min(until, case.today + timedelta(days=_WAIVED_DAYS))
    words = f"waive it: magray-sec waive {finding.identity} --reason ... --owner ... --expires {until}"
    yield Change(words=words, waiver=_waiver((finding.identity,), case.today, until))


def _waiver(identities: tuple[str, ...], today: date, until: date) -> Waiver:
    match = Match(identity=identities)
    return Waiver(match=match, reason="proposed", owner="proposed", created=today, expires=until, line=0)


def _raised(case: Case, rule: PolicyRule, count: int) -> Change:
    where = f"{rule.file or case.policy.file}:{rule.line}"
    words = f"raise 'max' of the rule '{rule.id}' ({where}) from {rule.max} to {count}"
    return Change(words=words, rule=rule.id, max=count)


def _of_rules(case: Case, decision: Decision) -> Iterator[Change]:
    counts = Counter(ruling.rule for ruling in decision.rulings if ruling.waiver is None)
    speaking = dict.fromkeys(ruling.rule for ruling in decision.rulings if ruling.verdict is not Verdict.PASS)
    by_id = {rule.id: rule for rule in case.policy.rules}
    for name in speaking:
        rule = by_id.get(name)
        belonging = [
            (finding, ruling)
            for finding, ruling in zip(case.findings, decision.rulings, strict=True)
            if ruling.rule == name and ruling.waiver is None
        ]
        surplus = counts[name] - (rule.max if rule else 0)
        # Those with a fix first: they need no leave.
        belonging.sort(key=lambda pair: (not (pair[0].package and pair[0].package.fixed_versions), pair[0].identity))
        if surplus <= _FEW or name in LICENSES.values():
            wanted = dict.fromkeys(finding.identity for finding, _ in belonging[:surplus])
            for identity in wanted:
                finding, ruling = next(pair for pair in belonging if pair[0].identity == identity)
                change = next(_of_finding(case, finding, ruling))
                at = f"{finding.location.shown}: {finding.rule.id}"
                yield replace(change, words=f"{change.words} ({at})")
        elif rule is not None:
            yield _raised(case, rule, counts[name])
        else:
            said = case.policy.default.value
            words = f"set 'default: pass': {surplus} findings are of no rule, and the policy says {said}"
            yield Change(words=words, default=Verdict.PASS)


def _of_coverage(case: Case, decision: Decision) -> Iterator[Change]:
    until = case.today + timedelta(days=_WAIVED_DAYS)
    broken = {run.adapter for run in case.runs if run.outcome.broke}
    ran = {run.adapter for run in case.runs if run.outcome.ran or run.outcome.value == "not-applicable"}
    accepted = {
        entry.scanner
        for entry in case.policy.accept
        if case.today <= entry.expires and not entry.item and not entry.path
    }
    lost = (broken | (set(case.policy.require_scanners) - ran)) - accepted
    for name in sorted(lost):
        words = f"mend the scanner {name}, or accept that it does not look: accept {{scanner: {name}}}"
        yield Change(words=words, acceptance=_acceptance(until, scanner=name))
    said: set[str] = set()
    for ruling in decision.gaps:
        change = _of_gap(ruling, lost, until)
        if change is not None and change.words not in said:
            said.add(change.words)
            yield change


def _of_gap(ruling: GapRuling, lost: set[str], until: date) -> Change | None:
    gap = ruling.gap
    if ruling.effect not in ("incomplete", "review") or (gap.scanner and gap.scanner in lost):
        return None
    by = {"scanner": gap.scanner} if gap.scanner else {}
    if gap.kind is GapKind.ITEM and gap.item:
        keys = {"item": gap.item, **by}
    elif gap.path:
        keys = {"path": f"/{_escaped(gap.path)}", **by}
    elif gap.scanner:
        keys = by
    elif gap.domain is not None:
        words = f"have a scanner look at {gap.domain.value}, or take it out of 'require'"
        return Change(words=words, unrequired=gap.domain)
    else:
        return None
    written = ", ".join(f"{key}: '{shown_path(value)}'" for key, value in keys.items())
    return Change(words=f"accept the gap: accept {{{written}}}", acceptance=_acceptance(until, gap=gap, **keys))


def _acceptance(
    until: date, *, gap: Gap | None = None, path: str = "", item: str = "", scanner: str = ""
) -> Acceptance:
    globs: tuple[Glob, ...] = ()
    if path and gap is not None:
        exact = _SURROGATE.sub("\ufffd", gap.path)
        globs = (Glob(pattern=path, regex=f"^{re.escape(exact)}$"),)
    return Acceptance(
        path=globs, item=item, scanner=scanner, reason="proposed", owner="proposed", expires=until, line=0
    )


def _escaped(path: str) -> str:
    """A path as a gitignore pattern that means it alone."""
    return re.sub(r"([*?\[\]\\#! ])", r"\\\1", path)
