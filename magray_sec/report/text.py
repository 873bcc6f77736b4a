"""The report a person reads: a table by domain, the findings, what was not looked at, the verdict and its reasons.

Plain lines with optional colour; nothing is wrapped, so a line of a log is a line of the report.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TextIO

from magray_sec.model.decision import GapRuling, Ruling
from magray_sec.model.finding import Finding
from magray_sec.model.report import ScanReport
from magray_sec.model.run import Level, SkipReason, ToolRun
from magray_sec.model.scale import Domain, Outcome, Severity, State, Verdict
from magray_sec.model.text import shown_path
from magray_sec.report.scope import came_in, is_inline, unlooked_domains

_STYLES = {
    "block": "1;31",
    "review": "1;33",
    "pass": "1;32",
    "critical": "31",
    "high": "31",
    "medium": "33",
    "heading": "1",
    "dim": "2",
}
_MOST_SHOWN = 50
_MOST_LISTED = 10
_MOST_NAMED = 5


def render(
    report: ScanReport,
    sink: TextIO,
    *,
    color: bool = False,
    verbose: bool = False,
    quiet: bool = False,
    min_severity: Severity = Severity.UNKNOWN,
    withheld: tuple[tuple[Domain, str], ...] = (),
) -> None:
    """Write the report to `sink`. `quiet`: the verdict and its reasons alone. `min_severity` leaves findings out of the
    list, never out of a count. `verbose`: every finding, gap and skipped file, and each scanner's commands. `withheld`:
    the domains that the SARIF for GitHub leaves out, and why."""
    page = _Page(color=color)
    if not quiet:
        _head(report, page)
        _domains(report, page)
        _findings(report, page, verbose=verbose, min_severity=min_severity)
        _unlooked(report, page, verbose=verbose)
        if verbose:
            _scanners(report, page)
        if withheld:
            page.heading("Left out of the SARIF for GitHub, so that no alert is closed")
            for domain, reason in withheld:
                page.add(f"  {domain.value}: {reason}")
    _verdict(report, page, quiet=quiet)
    sink.write("\n".join(page.lines) + "\n")


class _Page:
    def __init__(self, *, color: bool) -> None:
        self.lines: list[str] = []
        self._color = color

    def add(self, line: str = "") -> None:
        self.lines.append(line.rstrip())

    def heading(self, text: str) -> None:
        if self.lines and self.lines[-1]:
            self.add()
        self.add(self.style(text, "heading"))

    def style(self, text: str, name: str) -> str:
        code = _STYLES.get(name)
        return f"\x1b[{code}m{text}\x1b[0m" if self._color and code and text else text

    def table(self, rows: Iterable[tuple[str, ...]], indent: str = "  ", styles: tuple[str, ...] = ()) -> None:
        rows = list(rows)
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)] if rows else []
        for row in rows:
            cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
            cells.append(row[-1])
            self.add(indent + "  ".join(self.style(cell, _style_of(cell, styles)) for cell in cells))


def _style_of(cell: str, styles: tuple[str, ...]) -> str:
    word = cell.strip().lower()
    return word if word in styles else ""


def _head(report: ScanReport, page: _Page) -> None:
    target = report.target
    at = f" at {target.commit[:12]}" if target.commit else ""
    branch = f" ({shown_path(target.branch)})" if target.branch else ""
    dirty = ", with uncommitted changes" if target.is_dirty else ""
    page.add(f"magray-sec {report.tool_version}: {shown_path(target.name)}{at}{branch}{dirty}")
    if report.scope.is_part or report.scope.with_history:
        page.add(f"scan of {report.scope.label}")
    page.add(f"policy {report.decision.policy}" + (f", {_database(report)}" if report.database else ""))
    for name, value in report.options:
        page.add(f"note: {name}={value}")
    for entry in report.notifications:
        place = f"{shown_path(entry.path)}: " if entry.path else ""
        page.add(f"{entry.level.value}: {place}{entry.message}")
    for run in report.runs:
        for entry in run.notifications:
            if entry.level is not Level.NOTE:
                place = f"{shown_path(entry.path)}: " if entry.path else ""
                page.add(f"{entry.level.value}: {run.adapter}: {place}{entry.message}")


def _database(report: ScanReport) -> str:
    database = report.database
    if database is None:
        return ""
    age = ""
    if database.date:
        days = (report.started.date() - database.date).days
        # A pinned time of the report may lie before it.
        age = f" of {database.date.isoformat()}" + (f" ({days} days old)" if days >= 0 else "")
    return f"advisory database{age}: {database.advisories} advisories"


def _domains(report: ScanReport, page: _Page) -> None:
    page.heading("Domains")
    waived = {index for index, ruling in enumerate(report.decision.rulings) if ruling.waiver is not None}
    rows = []
    for domain in Domain:
        found = Counter(
            entry.severity
            for index, entry in enumerate(report.findings)
            if entry.domain is domain and index not in waived
        )
        hidden = [report.decision.rulings[index] for index in waived if report.findings[index].domain is domain]
        inline = sum(1 for ruling in hidden if is_inline(report, ruling))
        words = ", ".join(f"{found[severity]} {severity.value}" for severity in reversed(Severity) if found[severity])
        aside = [(len(hidden) - inline, "waived"), (inline, "allowed inline")]
        told = ", ".join(f"{count} {word}" for count, word in aside if count)
        if told:
            words = f"{words or 'none'} ({told})"
        rows.append((domain.value, *_coverage(report, domain, words)))
    page.table(rows)


def _coverage(report: ScanReport, domain: Domain, words: str) -> tuple[str, str]:
    rows = [row for row in report.coverage if row.domain is domain]
    scanners = sorted({scanner for row in rows for scanner in row.covered_by})
    if not rows and domain in report.scope.unlooked:
        return words or "not looked at", "whole trees alone are"
    if not rows:
        what = "what is scanned" if report.scope.is_part else "the target"
        return words or "not applicable", f"{what} holds nothing of the kind"
    if not scanners:
        return (words, f"0 of {_count(len(rows), 'item', 'items')} in full") if words else ("not looked at", "")
    covered = sum(1 for row in rows if row.covered_by)
    partly = "" if covered == len(rows) else f", {covered} of {len(rows)} items"
    ran = [run for run in report.runs if run.adapter in scanners and run.outcome.ran]
    named = [f"{run.adapter} {'(imported)' if run.is_import else run.version}".strip() for run in ran]
    return words or "none found", f"by {', '.join(named)}{partly}"


def _findings(report: ScanReport, page: _Page, *, verbose: bool, min_severity: Severity) -> None:
    pairs = list(zip(report.findings, report.decision.rulings, strict=True))
    shown = [pair for pair in pairs if pair[1].waiver is None and pair[0].severity.at_least(min_severity)]
    if not verbose:
        # What is known or fine is told by its number: a list is for what asks for an action.
        shown = [pair for pair in shown if not _is_quiet(*pair)]
    shown.sort(key=lambda pair: (-pair[1].verdict.rank, -pair[0].severity.rank))
    quiet = [pair for pair in pairs if pair[1].waiver is None and _is_quiet(*pair)] if not verbose else []
    if not shown and not quiet and report.baseline is None:
        return
    page.heading("Findings")
    _compared(report, page)
    info = sum(1 for finding, _ in quiet if finding.state is not State.EXISTING)
    if info:
        page.add(f"  {_count(info, 'finding', 'findings')} of severity info, which pass: see them with -v")
    limit = len(shown) if verbose else _MOST_SHOWN
    for finding, ruling in shown[:limit]:
        _finding(finding, ruling, page, verbose=verbose)
    if len(shown) > limit:
        page.add(f"  ... and {len(shown) - limit} more: see them with -v, or in the JSON or SARIF report")


def _is_quiet(finding: Finding, ruling: Ruling) -> bool:
    is_fine = finding.severity is Severity.INFO or finding.state is State.EXISTING
    return is_fine and ruling.verdict is Verdict.PASS


def _compared(report: ScanReport, page: _Page) -> None:
    if report.baseline is None:
        return
    new = sum(1 for finding in report.findings if finding.state is State.NEW)
    existing = sum(1 for finding in report.findings if finding.state is State.EXISTING)
    gone = sum(entry.count for entry in report.baseline.gone)
    page.add(f"  against {shown_path(report.baseline.file)}: {new} new, {existing} known, {gone} gone")
    if gone:
        page.add("  what is gone can be taken out of it with `magray-sec baseline update`")


def _finding(finding: Finding, ruling: Ruling, page: _Page, *, verbose: bool) -> None:
    region = finding.location.region
    column = f":{region.start_column}" if region and region.start_column else ""
    place = f"{finding.location.shown}:{finding.location.line}{column}" if region else finding.location.shown
    verdict = page.style(f"{ruling.verdict.value:<6}", ruling.verdict.value)
    severity = page.style(f"{finding.severity.value:<8}", finding.severity.value)
    page.add(f"  {verdict}  {severity}  {place}  {finding.rule.id}")
    page.add(f"          {finding.message}")
    if finding.preview:
        page.add(f"          value: {finding.preview}")
    if origin := came_in(finding):
        page.add(f"          {origin}")
    for reason in finding.hidden_by:
        page.add(f"          hidden from the scanner by the target: {reason}")
    if verbose:
        seen = ", ".join(sorted({f"{witness.tool} ({witness.native_rule})" for witness in finding.witnesses}))
        page.add(f"          seen by {seen}; judged by rule {ruling.rule}")
        page.add(page.style(f"          {finding.identity}", "dim"))


def _unlooked(report: ScanReport, page: _Page, *, verbose: bool) -> None:
    gaps = report.decision.gaps
    said = {ruling.gap.scanner for ruling in gaps}
    absent = [run for run in report.runs if run.outcome is Outcome.MISSING and run.adapter not in said]
    # What several scanners leave out is one entry.
    skipped = list(dict.fromkeys([*report.skipped, *(entry for run in report.runs for entry in run.skipped)]))
    if not gaps and not skipped and not absent:
        return
    page.heading("Not looked at")
    _gaps([ruling for ruling in gaps if verbose or ruling.effect != "noted"], page, verbose=verbose)
    if not verbose:
        _noted([ruling for ruling in gaps if ruling.effect == "noted"], page)
    _absent(absent, page, verbose=verbose)
    kinds = Counter(entry.reason for entry in skipped)
    for reason in (reason for reason in SkipReason if kinds[reason]):
        page.add(f"  skipped     {_count(kinds[reason], 'entry', 'entries')}: {reason.value}")
    for entry in skipped if verbose else ():
        detail = f" ({entry.detail})" if entry.detail else ""
        page.add(f"              {shown_path(entry.path)}: {entry.reason.value}{detail}")


def _absent(runs: list[ToolRun], page: _Page, *, verbose: bool) -> None:
    """The scanners that are not there, where others look at the same; those that are not installed in one line."""
    plain = [] if verbose else [run for run in runs if run.reason.endswith(" is not installed")]
    if len(plain) > 1:
        names = ", ".join(run.adapter for run in plain)
        page.add(
            f"  missing     {names}: not installed; others look at the same (-v, or `magray-sec doctor`, says how)"
        )
    for run in (run for run in runs if len(plain) < 2 or run not in plain):
        page.add(f"  missing     {run.adapter}: {run.reason}" + (f" (install: {run.hint})" if run.hint else ""))


def _gaps(gaps: list[GapRuling], page: _Page, *, verbose: bool) -> None:
    ordered = sorted(gaps, key=lambda ruling: (_GAP_ORDER.index(ruling.effect), ruling.gap.sort_key))
    incomplete = sum(1 for ruling in ordered if ruling.effect == "incomplete")
    limit = len(ordered) if verbose else max(_MOST_LISTED, incomplete)
    for ruling in ordered[:limit]:
        page.add(f"  {page.style(f'{ruling.effect:<10}', _EFFECT_STYLE.get(ruling.effect, ''))}  {_gap(ruling)}")
        if ruling.gap.hint and ruling.effect in ("incomplete", "review"):
            page.add(f"              help: {ruling.gap.hint}")
    if len(ordered) > limit:
        page.add(f"  ... and {len(ordered) - limit} more gaps: see them with -v")


def _noted(gaps: list[GapRuling], page: _Page) -> None:
    counts = Counter(ruling.gap.domain for ruling in gaps)
    for domain in (domain for domain in Domain if counts[domain]):
        items = _count(counts[domain], "item", "items")
        page.add(f"  noted       {domain.value}: {items} not looked at; the policy does not require it (-v names them)")


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


_GAP_ORDER = ("incomplete", "review", "accepted", "noted")
_EFFECT_STYLE = {"incomplete": "block", "review": "review"}


def _gap(ruling: GapRuling) -> str:
    gap = ruling.gap
    where = shown_path(gap.path) or shown_path(gap.item.partition(":")[2]) or gap.scanner or "the target"
    domain = f" [{gap.domain.value}]" if gap.domain else ""
    accepted = f" (accepted: {ruling.accepted_because})" if ruling.accepted_because else ""
    return f"{where}{domain}: {gap.reason}{accepted}"


def _scanners(report: ScanReport, page: _Page) -> None:
    page.heading("Scanners")
    for run in report.runs:
        name = f"{run.adapter} {run.version}".rstrip()
        page.add(f"  {name}: {run.outcome.value}{_why(run)}, {run.duration_s:.2f} s")
        for command in run.commands:
            page.add(f"    $ {command}")
        for name, value in run.metrics:
            page.add(f"    {name}: {value}")
        for entry in run.notifications:
            place = f"{shown_path(entry.path)}: " if entry.path else ""
            page.add(f"    {entry.level.value}: {place}{entry.message}")


def _why(run: ToolRun) -> str:
    return f" ({run.reason})" if run.reason else ""


def _allowed(report: ScanReport, page: _Page) -> None:
    """What comments in the target allow is always told: the target itself says it."""
    comments = [waiver for waiver in report.decision.waivers if waiver.is_inline]
    count = sum(1 for ruling in report.decision.rulings if is_inline(report, ruling))
    if not comments:
        return
    places = [f"{comment.file}:{comment.line}" for comment in comments[:_MOST_NAMED]]
    more = f" and {len(comments) - _MOST_NAMED} more" if len(comments) > _MOST_NAMED else ""
    what = "1 finding is" if count == 1 else f"{count} findings are"
    page.add(f"  allowed     {what} allowed inline, by comments in the target: {', '.join(places)}{more}")


def _verdict(report: ScanReport, page: _Page, *, quiet: bool) -> None:
    decision = report.decision
    word = decision.verdict.value.upper()
    incomplete = "" if decision.complete else ", INCOMPLETE"
    page.heading("Verdict: " + page.style(word, decision.verdict.value) + page.style(incomplete, "block"))
    unlooked = [reason for reason in decision.reasons if reason.incomplete]
    if unlooked and not quiet:
        count = _count(len(unlooked), "thing", "things")
        page.add(
            f"  {page.style('incomplete', 'block')}  {count} that the policy requires could not be looked at: see above"
        )
    for reason in decision.reasons:
        if reason.incomplete and not quiet:
            continue
        mark = "incomplete" if reason.incomplete else reason.verdict.value
        page.add(f"  {page.style(f'{mark:<10}', _EFFECT_STYLE.get(mark, mark))}  {reason.message}")
    _allowed(report, page)
    for note in decision.notes:
        page.add(f"  note        {note}")
    if left := unlooked_domains(report):
        page.add(f"  note        {left}")
    if not decision.complete:
        page.add("  This scan did not look at all it must: a pass here is not a pass.")
    elif report.scope.is_part and decision.verdict is Verdict.PASS and not decision.reasons:
        page.add("  Nothing in what was looked at calls for an action. The rest of the target was not looked at.")
    elif decision.verdict is Verdict.PASS and not decision.reasons:
        page.add("  All that the policy requires was looked at, and nothing in it calls for an action.")
