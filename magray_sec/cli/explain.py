"""`magray-sec explain`: what a rule looks for and what to do, or all that is known of one finding of a report."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Annotated

import typer

from magray_sec import datafiles
from magray_sec.allow import can_be_allowed, comment_for
from magray_sec.cli import _stored, _surroundings
from magray_sec.cli._output import say
from magray_sec.errors import UsageError
from magray_sec.model.decision import Ruling
from magray_sec.model.finding import Finding
from magray_sec.model.report import ScanReport
from magray_sec.model.scale import Outcome, Verdict
from magray_sec.policy.explain import Explanation, case_of, changes_for_all, explain
from magray_sec.policy.types import Policy
from magray_sec.report.scope import ruled

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def run(
    name: Annotated[
        str,
        typer.Argument(
            help="A rule's id (`list rules`), or a finding's identity (`v1:...`); with --report, none: the whole scan.",
            metavar="[RULE|IDENTITY]",
        ),
    ] = "",
    *,
    report: Annotated[str, typer.Option(help="The JSON report that the identity is of.", metavar="FILE")] = "",
    policy: Annotated[
        str, typer.Option(help="Judge by this policy; by the report's own unless said.", metavar="NAME|FILE")
    ] = "",
    pack: Annotated[list[str] | None, typer.Option("--rules", help="A rule pack of your own.", metavar="FILE")] = None,
) -> None:
    """Explain a rule: what it looks for and what to do. Or a finding: who saw it, what judges it and why, and what
    would make it pass. Or, of a report alone, what would make the scan pass.
    """
    if not name and not report:
        raise UsageError("nothing is named to be explained", "give a rule's id, or --report FILE")
    if name and not name.startswith("v1:"):
        lines = _rule(name, tuple(pack or ()))
    else:
        lines = _finding(name, report, policy) if name else _whole(report, policy)
    say(("\n".join(lines).rstrip() + "\n").encode("utf-8", "backslashreplace"))


def _rule(name: str, packs: tuple[str, ...]) -> Iterator[str]:
    from magray_sec.regex.pack import load_packs  # noqa: PLC0415

    cache, _ = _surroundings.cache_folder(_surroundings.environment(), None)
    loaded = load_packs((*datafiles.files("rules"), *packs), cache)
    entry = loaded.find(name)
    if entry is None:
        names = [known for rule in loaded.rules for known in (rule.canonical, rule.canonical.partition("/")[2])]
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
        hint = f"did you mean '{near[0]}'? " if near else ""
        raise UsageError(f"there is no rule '{name}'", f"{hint}`magray-sec list rules` shows all")
    yield f"{entry.canonical}: {entry.title}"
    yield ""
    yield ", ".join([f"severity {entry.severity.value}", f"confidence {entry.confidence.value}", *entry.cwe])
    rule = loaded.catalogue[entry.canonical]
    yield from ("", rule.description, "", rule.help, "", *rule.references)


def _finding(name: str, file: str, policy: str) -> Iterator[str]:
    if not file:
        raise UsageError(
            "an identity is of a report", "name it: explain IDENTITY --report FILE (of `scan --json FILE`)"
        )
    report = _stored.read(file)
    found = _stored.called(report, name)
    judged_by, said = _stored.policy_of(report, policy)
    today = _surroundings.clock(_surroundings.environment()).now.date()
    for index in found:
        finding, ruling = list(ruled(report))[index]
        yield from _told(finding, ruling, report)
        if judged_by is not None and report.decision.rulings:
            yield from ("", *_reasons(explain(case_of(report, judged_by, today), index), judged_by))
        yield from (("", f"note: {said}") if said else ())
        if finding.rule.help:
            yield from ("", finding.rule.help)
        yield ""


def _reasons(why: Explanation, policy: Policy) -> Iterator[str]:
    """Why a finding is judged as it is, by the policy and the day of now."""
    rule = why.rule
    yield f"Judged today by policy {policy.name}: {why.ruling.verdict.value}"
    for passed in why.passed:
        at = f"{passed.rule.file}:{passed.rule.line}"
        yield f"  not by    '{passed.rule.id}' ({at}): {passed.because}"
    if rule is not None:
        speaks = f"{rule.verdict.value} where there are more than {rule.max}"
        yield f"  rule      '{rule.id}' ({rule.file}:{rule.line}): {speaks}"
        yield from (f"  because   {key.name} is {key.wanted}: {key.found}" for key in why.keys)
        if not why.keys:
            yield "  because   it is for every finding"
    else:
        yield f"  rule      none of the policy's rules: '{why.ruling.rule}' decides"
    more = f", {why.max} allowed" if rule is not None else ""
    yield f"  count     {why.count} that {'is' if why.count == 1 else 'are'} not waived{more}"
    if len(why.names) > 1:
        yield f"  names     {' = '.join(why.names)}"
    for waiver in why.waivers:
        yield f"  waiver    {waiver.label} ({waiver.file}:{waiver.line}): {waiver.why_not or 'it holds'}"
    if why.others:
        what = "1 other waiver is" if why.others == 1 else f"{why.others} other waivers are"
        yield f"  waivers   {what} of something else"
    for number, change in enumerate(why.changes):
        yield f"  {'to pass' if not number else 'or':<9} {change.words}"


def _whole(file: str, policy: str) -> Iterator[str]:
    """What would make a scan pass."""
    report = _stored.read(file)
    judged_by, said = _stored.policy_of(report, policy)
    if judged_by is None:
        raise UsageError(said, "explain --report FILE --policy NAME|FILE")
    case = case_of(report, judged_by, _surroundings.clock(_surroundings.environment()).now.date())
    decision = case.judged()
    incomplete = "" if decision.complete else ", incomplete"
    yield f"Judged today by policy {judged_by.name}: {decision.verdict.value}{incomplete}"
    for reason in decision.reasons:
        if reason.incomplete or reason.verdict is not Verdict.PASS:
            mark = "incomplete" if reason.incomplete else reason.verdict.value
            yield f"  {mark:<10}  {reason.message}"
    changes = changes_for_all(case)
    if changes is None:
        yield from ("", "No change of the policy is known that would make it pass.")
    elif changes:
        yield from ("", "It would pass, with all of this (tried out):", *(f"  - {change.words}" for change in changes))
    yield from (("", f"note: {said}") if said else ())


def _told(finding: Finding, ruling: Ruling, report: ScanReport) -> Iterator[str]:
    place = f"{finding.location.shown}:{finding.location.line}" if finding.location.region else finding.location.shown
    yield f"{place}: {finding.rule.id}"
    yield finding.message
    yield ""
    yield f"identity    {finding.identity}"
    yield from (f"also        {other}" for other in finding.also_known_as)
    if finding.aliases:
        yield f"aliases     {', '.join(finding.aliases)}"
    score = f", score {finding.score} ({finding.score_source})" if finding.score is not None else ""
    source = f" by {finding.severity_source}" if finding.severity_source else ""
    yield f"severity    {finding.severity.value}{source}{score}; confidence {finding.confidence.value}"
    if finding.package:
        yield f"package     {finding.package.purl}" + (
            f", {' > '.join(finding.package.path)}" if finding.package.path else ""
        )
        yield f"fixed in    {' or '.join(finding.package.fixed_versions) or 'no version that is known'}"
    if finding.state.value != "uncompared":
        yield f"state       {finding.state.value}"
    for witness in finding.witnesses:
        severity = f", severity {witness.native_severity}" if witness.native_severity else ""
        yield f"seen by     {witness.tool} as {witness.native_rule}{severity}"
    yield from _unseen(finding, report)
    yield from (f"hidden by   {reason}" for reason in finding.hidden_by)
    if ruling.waiver is not None:
        waiver = report.decision.waivers[ruling.waiver]
        if waiver.is_inline:
            yield f"allowed     {waiver.reason} (comment at {waiver.file}:{waiver.line})"
        else:
            yield f"waived      {waiver.reason} ({waiver.owner}, line {waiver.line} of the policy)"
    yield f"judged by   rule '{ruling.rule}' of policy {report.decision.policy}: {ruling.verdict.value}"
    if ruling.waiver is None and ruling.verdict is not Verdict.PASS and can_be_allowed(finding):
        yield f"to allow it {comment_for(finding)}"
        yield "            on the line above or at the end of the line, with your reason"


def _unseen(finding: Finding, report: ScanReport) -> Iterator[str]:
    """The scanners of its domain that did not see it, and those that could not."""
    seen = {witness.tool for witness in finding.witnesses}
    for run in report.runs:
        if run.adapter in seen or finding.domain not in run.domains:
            continue
        if run.outcome.ran:
            yield f"not seen by {run.adapter}, which looked"
        elif run.outcome is not Outcome.NOT_APPLICABLE:
            yield f"not seen by {run.adapter}, which {run.outcome.value}: {run.reason}"
