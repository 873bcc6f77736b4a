"""From what a scan found and could not look at to a verdict, by a policy. Pure, total, and the same for any order."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fnmatch import fnmatchcase
from typing import Literal

from magray_sec.model.decision import Allowed, Decision, GapRuling, Reason, Ruling
from magray_sec.model.finding import Finding
from magray_sec.model.run import Database, Gap, GapKind, ToolRun
from magray_sec.model.scale import Confidence, Domain, Outcome, Severity, State, Verdict
from magray_sec.model.text import shown_path
from magray_sec.policy import license as licenses
from magray_sec.policy.match import (
    Condition,
    Paths,
    called,
    finer,
    is_branch,
    is_coarsely,
    is_in_range,
    on_paths,
)
from magray_sec.policy.types import (
    LICENSES,
    Acceptance,
    Clarification,
    Glob,
    LicenseException,
    LicensePolicy,
    Match,
    Policy,
    PolicyRule,
    When,
)
from magray_sec.policy.waiver import in_days, waive

DATABASE_ITEM = "advisory-database"
"""The item of the gap that too old an advisory database is; an acceptance may name it."""
DATABASE_MAX_AGE_DAYS = 30
"""For a database that the user did not choose, where the policy says nothing."""
_NOTHING_ALLOWED = Allowed()
_NAMED = 3
"""How many things a sentence lists before it counts the rest."""


def judge(
    *,
    findings: tuple[Finding, ...],
    gaps: tuple[Gap, ...],
    runs: tuple[ToolRun, ...],
    not_applicable: frozenset[Domain],
    database: Database | None,
    policy: Policy,
    today: date,
    branch: str | None = None,
    event: str | None = None,
    allowed: Allowed = _NOTHING_ALLOWED,
) -> Decision:
    """The verdict on a scan, whether it looked at all that it must, and why.

    `gaps` are all of the scan's; `not_applicable` the domains of which the target holds no item; `branch` and `event`
    what is scanned and what set it off, None where nobody says; `allowed` what comments in the target allow, which
    counts where the policy honours it. One more finding, one more gap that nobody accepted, or one waiver or comment
    less never lowers the verdict and never makes an incomplete scan complete.
    """
    paths = Paths(globs_of(policy))
    findings = clarified(findings, policy.licenses)
    waived, waivers, notes = waive(findings, policy, today, paths, allowed)
    rules = rules_of(policy, paths, branch=branch, event=event)
    rulings, rule_reasons = _rule(findings, waived, policy, rules)
    absent = tuple(sorted(not_applicable & set(policy.require), key=lambda domain: domain.value))
    all_gaps = (*gaps, *_database_gap(database, policy, today, not_applicable), *_holes(gaps, runs, policy, absent))
    coverage = _Coverage(gaps=all_gaps, runs=runs, policy=policy, today=today, paths=paths)
    reasons = (*rule_reasons, *coverage.reasons())
    return Decision(
        verdict=max((reason.verdict for reason in reasons), default=Verdict.PASS),
        complete=not any(reason.incomplete for reason in reasons),
        reasons=reasons,
        rulings=rulings,
        waivers=waivers,
        gaps=coverage.rulings,
        not_applicable=absent,
        policy=policy.name,
        policy_digest=policy.digest,
        notes=(*_warned(policy), *_not_in_force(policy, branch, event), *notes, *coverage.notes),
    )


def exit_code(decision: Decision, fail_on: Literal["block", "review", "never"]) -> int:
    """The exit code of a scan: 1 where the verdict is at least `fail_on`, else 3 where the scan is incomplete, else 0.

    With `never` it is 0. ValueError for another word.
    """
    match fail_on:
        case "never":
            return 0
        case "block" | "review":
            if decision.verdict.at_least(Verdict(fail_on)):
                return 1
            return 0 if decision.complete else 3
    raise ValueError(f"no such verdict to fail on: {fail_on}")


def globs_of(policy: Policy) -> Iterator[Glob]:
    """Every path pattern of a policy, for `Paths`."""
    for rule in policy.rules:
        yield from (*rule.match.path, *rule.match.lockfile, *rule.when.path)
    for waiver in policy.waivers:
        yield from waiver.match.path
    for acceptance in policy.accept:
        yield from acceptance.path


def _warned(policy: Policy) -> Iterator[str]:
    for problem in policy.warnings:
        yield f"{problem.file or policy.file}:{problem.line}: {problem.message}"


def _not_in_force(policy: Policy, branch: str | None, event: str | None) -> Iterator[str]:
    """The rules that are out of force because nobody says what they ask for."""
    for rule in policy.rules:
        where = f"rule '{rule.id}' ({rule.file or policy.file}:{rule.line})"
        if rule.when.event and event is None:
            yield f"{where} is for {' or '.join(rule.when.event)}, and no event is stated (--event): it is not in force"
        elif rule.when.branch and branch is None:
            yield f"{where} is for {' or '.join(rule.when.branch)}, and the branch is not known: it is not in force"


# --- findings


def clarified(findings: tuple[Finding, ...], terms: LicensePolicy) -> tuple[Finding, ...]:
    """The findings with the licences that the policy clarifies."""
    if not terms.clarify:
        return findings
    by_name: dict[str, list[Clarification]] = defaultdict(list)
    for entry in terms.clarify:
        for name in entry.package:
            by_name[name].append(entry)
    return tuple(_clarified(finding, by_name) for finding in findings)


def _clarified(finding: Finding, by_name: dict[str, list[Clarification]]) -> Finding:
    package = finding.package
    if package is None:
        return finding
    for entry in (entry for name in called(package) for entry in by_name.get(name, ())):
        if not entry.version or is_in_range(package.version, entry.version):
            return finding.replace(package=replace(package, license=entry.license))
    return finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A rule made ready for one scan."""

    rule: PolicyRule
    in_force: bool
    finer: tuple[Condition, ...]
    """What has to hold besides what `is_coarsely` tries."""


def rules_of(policy: Policy, paths: Paths, *, branch: str | None, event: str | None) -> tuple[Ready, ...]:
    """The rules that decide, in order: what `licenses` says first, then the policy's own."""
    own = (
        Ready(
            rule=rule,
            in_force=_is_now(rule.when, branch, event) and is_branch(rule.match.branch, branch),
            finer=(*((on_paths(rule.when.path, paths),) if rule.when.path else ()), *finer(rule.match, paths)),
        )
        for rule in policy.rules
    )
    return (*_license_rules(policy.licenses), *own)


def _is_now(when: When, branch: str | None, event: str | None) -> bool:
    return (not when.event or event in when.event) and is_branch(when.branch, branch)


def _license_rules(terms: LicensePolicy) -> Iterator[Ready]:
    """The licence policy as rules: one a verdict, which together take every licence that is found."""
    if not terms.decides:
        return
    judged = _Licences(terms)

    def says(verdict: Verdict) -> Condition:
        return lambda finding: judged.verdict(finding) is verdict

    for verdict in (Verdict.BLOCK, Verdict.REVIEW, Verdict.PASS):
        rule = PolicyRule(
            id=LICENSES[verdict.value],
            match=Match(domain=(Domain.LICENSES,)),
            verdict=verdict,
            file=terms.file,
            line=terms.line,
        )
        yield Ready(rule=rule, in_force=True, finer=(says(verdict),))


class _Licences:
    """What the licence policy says of each licence and package, worked out once."""

    def __init__(self, terms: LicensePolicy) -> None:
        self._said: dict[str, Verdict] = {
            **dict.fromkeys(terms.allow, Verdict.PASS),
            **dict.fromkeys(terms.review, Verdict.REVIEW),
            **dict.fromkeys(terms.deny, Verdict.BLOCK),
        }
        self._unlisted = terms.of_unlisted
        self._exceptions: dict[str, list[LicenseException]] = defaultdict(list)
        for entry in terms.exceptions:
            for name in entry.package:
                self._exceptions[name].append(entry)
        self._known: dict[tuple[str | None, frozenset[str]], Verdict] = {}

    def verdict(self, finding: Finding) -> Verdict:
        package = finding.package
        expression = package.license if package else None
        more: frozenset[str] = frozenset()
        if package is not None and self._exceptions:
            more = frozenset(
                licence
                for name in called(package)
                for entry in self._exceptions.get(name, ())
                if not entry.version or is_in_range(package.version, entry.version)
                for licence in entry.allow
            )
        key = (expression, more)
        if key not in self._known:
            said = {**self._said, **dict.fromkeys(more, Verdict.PASS)}
            self._known[key] = licenses.verdict(expression, licenses.Terms(said=said, unlisted=self._unlisted))
        return self._known[key]


def _rule(
    findings: Sequence[Finding],
    waived: Sequence[int | None],
    policy: Policy,
    rules: tuple[Ready, ...],
) -> tuple[tuple[Ruling, ...], tuple[Reason, ...]]:
    """The policy's word on each finding, and the rules that speak, in the policy's order."""
    belongs = belonging(findings, rules)
    known = [rule is None and finding.state is State.EXISTING for finding, rule in zip(findings, belongs, strict=True)]
    counts = Counter(
        rule for rule, waiver, is_known in zip(belongs, waived, known, strict=True) if waiver is None and not is_known
    )
    verdicts: dict[int | None, Verdict] = {
        index: ready.rule.verdict if counts[index] > ready.rule.max else Verdict.PASS
        for index, ready in enumerate(rules)
    }
    verdicts[None] = policy.default
    rulings = tuple(
        Ruling(
            identity=finding.identity,
            rule=rules[rule].rule.id if rule is not None else "baseline" if is_known else "default",
            verdict=verdicts[rule] if waiver is None and not is_known else Verdict.PASS,
            waiver=waiver,
        )
        for finding, rule, waiver, is_known in zip(findings, belongs, waived, known, strict=True)
    )
    reasons = [
        _rule_reason(ready.rule, counts[index], verdicts[index])
        for index, ready in enumerate(rules)
        if counts[index] and ready.rule.verdict is not Verdict.PASS
    ]
    if counts[None]:
        some = _count(counts[None], "finding", "matches", "match")
        message = f"{some} no rule of the policy, whose default is {policy.default.value}"
        reasons.append(Reason(verdict=policy.default, rule="default", message=message, count=counts[None]))
    return rulings, tuple(reasons)


def belonging(findings: Iterable[Finding], rules: tuple[Ready, ...]) -> list[int | None]:
    """For each finding the index of the rule that it belongs to: the first one in force that means it; None: none."""
    # What few values tell apart is tried once for all findings that are alike in them.
    alike: dict[tuple[Domain, Severity, Confidence, bool], list[tuple[int, tuple[Condition, ...]]]] = {}
    found = []
    for finding in findings:
        key = (finding.domain, finding.severity, finding.confidence, finding.state is State.EXISTING)
        if key not in alike:
            alike[key] = [(index, ready.finer) for index, ready in enumerate(rules) if _may_take(ready, finding)]
        found.append(_first(finding, alike[key]))
    return found


def _may_take(ready: Ready, finding: Finding) -> bool:
    # What the baseline holds is known, and counts for the rules that ask for a state alone.
    is_asked = finding.state is not State.EXISTING or bool(ready.rule.match.state)
    return (
        ready.in_force
        and is_asked
        and is_coarsely(ready.rule.match, finding.domain, finding.severity, finding.confidence)
    )


def _first(finding: Finding, rules: list[tuple[int, tuple[Condition, ...]]]) -> int | None:
    for index, wanted in rules:
        for holds in wanted:
            if not holds(finding):
                break
        else:
            return index
    return None


def _rule_reason(rule: PolicyRule, count: int, verdict: Verdict) -> Reason:
    if rule.id in LICENSES.values():
        some = _count(count, "licence", "is", "are")
        what = "denied" if rule.verdict is Verdict.BLOCK else "to be reviewed"
        return Reason(verdict=verdict, rule=rule.id, message=f"{some} {what} by the licence policy", count=count, max=0)
    allowed = f"at most {rule.max}" if rule.max else "none"
    about = f" ({rule.description})" if rule.description else ""
    message = f"{_count(count, 'finding', 'belongs', 'belong')} to '{rule.id}'{about}, which allows {allowed}"
    return Reason(verdict=verdict, rule=rule.id, message=message, count=count, max=rule.max)


# --- what was not looked at


def _database_gap(
    database: Database | None, policy: Policy, today: date, not_applicable: frozenset[Domain]
) -> Iterator[Gap]:
    """The gap that an advisory database too old for the policy is. No database at all is its scanner's gap."""
    limit = policy.max_age_days
    if database is None or (database.chosen_by_user and limit is None) or Domain.DEPENDENCIES in not_applicable:
        return
    limit = DATABASE_MAX_AGE_DAYS if limit is None else limit
    if database.date is None:
        reason = f"the advisory database does not say how old it is; the policy wants at most {_days(limit)}"
    elif (age := (today - database.date).days) > limit:
        reason = f"the advisory database is {_days(age)} old; the policy wants at most {_days(limit)}"
    else:
        return
    hint = "name a newer one" if database.chosen_by_user else "refresh it: magray-sec db update"
    yield Gap(kind=GapKind.ITEM, domain=Domain.DEPENDENCIES, item=DATABASE_ITEM, reason=reason, hint=hint)


def _holes(
    gaps: tuple[Gap, ...], runs: tuple[ToolRun, ...], policy: Policy, absent: tuple[Domain, ...]
) -> Iterator[Gap]:
    """Required domains that no scanner looked at and no gap speaks of: holes in the coverage itself, so that nothing
    passes through them.
    """
    spoken_for = {domain for run in runs if run.outcome.ran for domain in _looked_at(run)}
    spoken_for |= {gap.domain for gap in gaps if gap.kind is GapKind.ITEM and gap.domain is not None}
    for domain in policy.require:
        if domain not in spoken_for and domain not in absent:
            yield Gap(kind=GapKind.ITEM, domain=domain, reason="no scanner looked at it")


def _looked_at(run: ToolRun) -> Iterable[Domain]:
    """A report made elsewhere speaks for what it covers alone."""
    return {claim.domain for claim in run.claims} if run.is_import else run.domains


class _Coverage:
    """What the policy says of the gaps, of the runs that broke, and of the scanners that did not run."""

    def __init__(
        self, *, gaps: Iterable[Gap], runs: tuple[ToolRun, ...], policy: Policy, today: date, paths: Paths
    ) -> None:
        self._policy = policy
        self._runs = sorted(runs, key=lambda run: (run.adapter, run.outcome.value, run.reason))
        self._in_force = [(index, entry) for index, entry in enumerate(policy.accept) if today <= entry.expires]
        self._paths = paths
        self._used: Counter[int] = Counter()
        self._on_incomplete = dict(policy.on_incomplete_of)
        self._broken = {run.adapter for run in runs if run.outcome.broke}
        ran = {run.adapter for run in runs if run.outcome.ran or run.outcome is Outcome.NOT_APPLICABLE}
        self._not_run = [name for name in policy.require_scanners if name not in ran | self._broken]
        ordered = sorted(gaps, key=lambda gap: gap.sort_key)
        self.rulings = tuple(self._ruling(gap) for gap in ordered)
        self._accepted_scanners = {name for name in (*self._broken, *self._not_run) if self._accepts_scanner(name)}
        self.notes = (*self._acceptance_notes(ordered, today), *self._warnings())

    def _ruling(self, gap: Gap) -> GapRuling:
        for index, entry in self._in_force:
            if self._fits(entry, gap):
                self._used[index] += 1
                because = f"{entry.reason} ({entry.owner}, until {entry.expires})"
                return GapRuling(gap=gap, effect="accepted", accepted_because=because)
        return GapRuling(gap=gap, effect=self._effect(gap))

    def _effect(self, gap: Gap) -> str:
        if gap.kind is GapKind.FILE:
            return self._softened(self._policy.gaps.file, gap)
        if gap.scanner in self._broken or gap.scanner in self._not_run:
            return "incomplete"
        # A gap of no domain says that nothing is known of any: it counts as one of a required domain.
        is_required = gap.domain is None or gap.domain in self._policy.require
        return self._softened(self._policy.gaps.item, gap) if is_required else "noted"

    def _softened(self, effect: str, gap: Gap) -> str:
        """The effect by what the policy says of the gap's domain where it is not looked at; what blocks is incomplete
        as well.
        """
        if effect != "incomplete":
            return effect
        return {"review": "review", "warn": "noted"}.get(self._said_of(gap.domain), "incomplete")

    def _said_of(self, domain: Domain | None) -> str:
        return self._on_incomplete.get(domain, self._policy.on_incomplete) if domain else self._policy.on_incomplete

    def _verdict_of(self, domains: Iterable[Domain | None]) -> Verdict:
        """The verdict of what makes the scan incomplete, by the strictest word on the domains that it is of."""
        words = {self._said_of(domain) for domain in domains} or {self._policy.on_incomplete}
        if "block" in words:
            return Verdict.BLOCK
        return Verdict.REVIEW if "review" in words else Verdict.PASS

    def _of_scanner(self, name: str) -> Iterator[Domain | None]:
        yield from (domain for run in self._runs if run.adapter == name for domain in run.domains)
        yield from (ruling.gap.domain for ruling in self.rulings if ruling.gap.scanner == name)

    def _fits(self, entry: Acceptance, gap: Gap) -> bool:
        if entry.scanner and entry.scanner != gap.scanner:
            return False
        name = gap.item.partition(":")[2] or gap.item
        if entry.item and not any(named == entry.item or fnmatchcase(named, entry.item) for named in (gap.item, name)):
            return False
        return not entry.path or self._paths.fit(gap.path or name, entry.path)

    def _accepts_scanner(self, name: str) -> bool:
        """Whether the scanner's failure as a whole is accepted: by an entry that names it and nothing narrower."""
        for index, entry in self._in_force:
            if entry.scanner == name and not entry.item and not entry.path:
                self._used[index] += 1
                return True
        return False

    def _acceptance_notes(self, gaps: Sequence[Gap], today: date) -> Iterator[str]:
        for index, entry in enumerate(self._policy.accept):
            file = entry.file or self._policy.file
            where = f"acceptance of {_label(entry)} ({file}:{entry.line}, owner {entry.owner})"
            fitting = sum(self._fits(entry, gap) for gap in gaps)
            if today > entry.expires and fitting:
                yield f"{where} expired on {entry.expires}: {_count(fitting, 'gap', 'counts', 'count')} again"
            elif today > entry.expires:
                yield f"{where} expired on {entry.expires} and fits no gap: remove it"
            elif not self._used[index]:
                yield f"{where} is unused: there is no such gap"
            elif (left := (entry.expires - today).days) < self._policy.warn_before_days:
                yield f"{where} ends on {entry.expires}, {in_days(left)}"

    def _warnings(self) -> Iterator[str]:
        """What was not looked at where the policy wants to be told and nothing more."""
        lost: dict[Domain | None, list[str]] = defaultdict(list)
        for ruling in self.rulings:
            is_required = ruling.gap.domain is None or ruling.gap.domain in self._policy.require
            if ruling.effect == "noted" and is_required and self._said_of(ruling.gap.domain) == "warn":
                lost[ruling.gap.domain].append(_named(ruling.gap) or ruling.gap.reason)
        for domain, names in sorted(lost.items(), key=lambda entry: entry[0].value if entry[0] else ""):
            about = f"{domain.value}: " if domain else ""
            yield f"{about}{_list(names)} not looked at; the policy asks for a warning alone (on_incomplete: warn)"

    def reasons(self) -> tuple[Reason, ...]:
        """Why the scan is incomplete or to be reviewed, sorted within each kind."""
        return (*self._broken_reasons(), *self._required_reasons(), *self._item_reasons(), *self._file_reasons())

    def _broken_reasons(self) -> Iterator[Reason]:
        """A scanner that started and came to no usable end makes the scan incomplete, whatever its domain."""
        for run in self._runs:
            if run.outcome.broke and run.adapter not in self._accepted_scanners:
                how = "timed out" if run.outcome is Outcome.TIMED_OUT else "failed"
                own = (ruling for ruling in self.rulings if ruling.gap.scanner == run.adapter)
                lost = [_named(ruling.gap) for ruling in own if _is_item(ruling, "incomplete")]
                rest = f"; not looked at: {_list(lost)}" if any(lost) else ""
                message = f"{run.adapter} {how}{_because(run.reason)}{rest}"
                yield _incomplete(message, self._verdict_of(self._of_scanner(run.adapter)))

    def _required_reasons(self) -> Iterator[Reason]:
        for name in self._not_run:
            if name not in self._accepted_scanners:
                why = next((run.reason for run in self._runs if run.adapter == name), "")
                message = f"{name}, which the policy requires, did not run{_because(why)}"
                yield _incomplete(message, self._verdict_of(self._of_scanner(name)))

    def _item_reasons(self) -> Iterator[Reason]:
        grouped: dict[tuple[str, str, str, str], list[str]] = defaultdict(list)
        for ruling in self.rulings:
            gap = ruling.gap
            if gap.scanner in self._broken or gap.scanner in self._not_run or gap.kind is not GapKind.ITEM:
                continue
            if ruling.effect in ("incomplete", "review"):
                rule = "database-age" if gap.item == DATABASE_ITEM else "coverage"
                domain = gap.domain.value if gap.domain else ""
                grouped[domain, gap.reason, ruling.effect, rule].append(_named(gap))
        for (domain, why, effect, rule), items in sorted(grouped.items()):
            shown = [item for item in items if item not in why and item != DATABASE_ITEM]
            parts = (domain, f"{_list(shown)} not looked at" if shown else "", why)
            message = ": ".join(part for part in parts if part)
            if effect == "incomplete":
                yield _incomplete(message, self._verdict_of([Domain(domain) if domain else None]), rule)
            else:
                yield _review(message, rule, len(items))

    def _file_reasons(self) -> Iterator[Reason]:
        for effect in ("incomplete", "review"):
            rulings = [ruling for ruling in self.rulings if _is_file(ruling, effect)]
            lost = sorted({ruling.gap.path for ruling in rulings})
            if lost:
                some = _count(len(lost), "file", "was", "were")
                message = f"{some} not looked at in full: {_list([shown_path(path) for path in lost])}"
                if effect == "incomplete":
                    yield _incomplete(message, self._verdict_of({ruling.gap.domain for ruling in rulings}))
                else:
                    yield _review(message, "coverage", len(lost))


def _is_item(ruling: GapRuling, effect: str) -> bool:
    return ruling.gap.kind is GapKind.ITEM and ruling.effect == effect


def _is_file(ruling: GapRuling, effect: str) -> bool:
    return ruling.gap.kind is GapKind.FILE and ruling.effect == effect


def _incomplete(message: str, verdict: Verdict, rule: str = "coverage") -> Reason:
    return Reason(verdict=verdict, rule=rule, message=message, incomplete=True)


def _review(message: str, rule: str, count: int) -> Reason:
    return Reason(verdict=Verdict.REVIEW, rule=rule, message=message, count=count)


def _named(gap: Gap) -> str:
    return shown_path(gap.item.partition(":")[2] or gap.item or gap.path)


def _label(entry: Acceptance) -> str:
    parts = (
        ("path", " or ".join(glob.pattern for glob in entry.path)),
        ("item", entry.item),
        ("scanner", entry.scanner),
    )
    return ", ".join(f"{name} {word}" for name, word in parts if word)


def _because(reason: str) -> str:
    return f": {reason}" if reason else ""


def _list(names: Sequence[str]) -> str:
    """`a, b, c and 4 more`."""
    unique = list(dict.fromkeys(name for name in names if name))
    listed = ", ".join(unique[:_NAMED])
    return f"{listed} and {len(unique) - _NAMED} more" if len(unique) > _NAMED else listed


def _count(number: int, noun: str, singular: str, plural: str) -> str:
    return f"1 {noun} {singular}" if number == 1 else f"{number} {noun}s {plural}"


def _days(number: int) -> str:
    return "1 day" if number == 1 else f"{number} days"
