"""The report that people paste: a step summary of GitHub Actions, a comment. In GitHub's Markdown, under 1 MiB.

Verdict, reasons and what was not looked at come first, then a table by domain, the findings, the waivers, the comments
that allow and the scanners. What does not fit is left out at the end of its section and counted there and at the top.
Every foreign string is text: it cannot make a table cell, markup, a link, an image, a formula, an emoji or a mention.
There is no time in it but the day of the advisory database, so that equal scans give equal bytes.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, TypeVar

from magray_sec.model.decision import GapRuling, Ruling, WaiverUse
from magray_sec.model.finding import Finding
from magray_sec.model.report import ScanReport
from magray_sec.model.run import GapKind, Level, Skipped, ToolRun
from magray_sec.model.scale import Domain, Outcome, Severity, State, Verdict
from magray_sec.model.text import clean, shown_path
from magray_sec.report.scope import came_in, is_inline, ruled, unlooked_domains

_T = TypeVar("_T")

MOST_BYTES = 1_000_000
"""No report is larger; a step summary may have 1,048,576 bytes in all."""

# What each section may take of that; together less than `MOST_BYTES` with the headings.
_ROOM = {
    "reasons": 100_000,
    "gaps": 200_000,
    "notes": 60_000,
    "block": 250_000,
    "review": 150_000,
    "pass": 80_000,
    "waivers": 60_000,
    "comments": 60_000,
    "scanners": 40_000,
}
_MOST_PASSING = 200
_LONGEST_TEXT = 400
_LONGEST_PATH = 200

# Any of these could begin markup, a link, a mention or a table cell in GitHub's Markdown. An entity cannot.
_MARKUP = re.compile(r"[\\`*_\[\]<>&|~$#!@]|(?<=:)/(?=/)|(?<=www)\.|(?<=GH)-(?=\d)|:(?=[a-z0-9_+-]+:)", re.IGNORECASE)
# GitHub looks for mentions, issues, addresses and emoji in finished text once more: there it must find them broken, by
# a character of no width. Code is left alone, so that paths can be copied.
_LOOKED_FOR = re.compile(r"@|#(?=\d)|(?<=:)/(?=/)|(?<=www)\.|(?<=GH)-(?=\d)|:(?=[a-z0-9_+-]+:)", re.IGNORECASE)
_NO_WIDTH = "&#8203;"

_WORDS = {
    "incomplete": "**incomplete**",
    "block": "**block**",
    "review": "**review**",
    "pass": "pass",
    "accepted": "accepted",
    "noted": "noted",
}
_GAP_ORDER = ("incomplete", "review", "accepted")
_SEVERITIES = tuple(reversed(Severity))


def render(report: ScanReport, sink: BinaryIO) -> None:
    """Write the report to `sink`, as UTF-8."""
    sections = [
        _reasons(report),
        _gaps(report),
        _notes(report),
        _domains(report),
        *(_findings(report, verdict) for verdict in (Verdict.BLOCK, Verdict.REVIEW, Verdict.PASS)),
        _waivers(report),
        _comments(report),
        _scanners(report),
    ]
    cut = ", ".join(section.cut for section in sections if section.cut)
    lines = [*_head(report)]
    if cut:
        lines += ["", f"> This summary was cut: {cut} were left out of it. The JSON report has all of them."]
    for section in sections:
        if section.lines:
            lines += ["", *section.lines]
    sink.write(("\n".join(lines) + "\n").encode("utf-8", "backslashreplace"))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Section:
    lines: tuple[str, ...] = ()
    cut: str = ""
    """What was left out of it, in words: `3 gaps`."""


def _section(
    heading: str,
    entries: Sequence[_T],
    row: Callable[[_T], str],
    name: str,
    room: int,
    *,
    before: Sequence[str] = (),
    most: int = sys.maxsize,
    is_folded: bool = False,
) -> _Section:
    """As many rows as there is room for (in bytes), and how many more there are. No entries: no section."""
    if not entries:
        return _Section()
    lines: list[str] = []
    for entry in entries[:most]:
        line = row(entry)
        room -= len(line.encode("utf-8", "backslashreplace")) + 1
        if room < 0:
            break
        lines.append(line)
    left_out = len(entries) - len(lines)
    body = [*before, *lines, *(["", f"... and {left_out} more {name}."] if left_out else [])]
    if is_folded:
        body = ["<details><summary>Show them</summary>", "", *body, "", "</details>"]
    return _Section(lines=(heading, "", *body), cut=f"{left_out} {name}" if left_out else "")


def _head(report: ScanReport) -> Iterator[str]:
    decision, target = report.decision, report.target
    yield f"# magray-sec: {decision.verdict.value.upper()}{'' if decision.complete else ', INCOMPLETE'}"
    yield ""
    at = f" at {_code(target.commit[:12])}" if target.commit else ""
    branch = f" ({_code(target.branch)})" if target.branch else ""
    dirty = ", with uncommitted changes" if target.is_dirty else ""
    database = report.database
    of_day = f" of {database.date.isoformat()}" if database and database.date else ""
    advisories = f", advisory database{of_day} with {database.advisories} advisories" if database else ""
    policy = f"policy {_code(decision.policy)}" if decision.policy else "no policy"
    yield f"{_code(target.name)}{at}{branch}{dirty}; {policy}{advisories}."
    if report.scope.is_part or report.scope.with_history:
        yield ""
        yield f"Scan of {_text(report.scope.label)}."
    if left := unlooked_domains(report):
        yield ""
        yield f"**{_text(left[:1].upper() + left[1:])}.**"
    if not decision.complete:
        yield ""
        yield "**This scan did not look at all it must: a pass here is not a pass.**"


def _reasons(report: ScanReport) -> _Section:
    decision = report.decision
    ordered = sorted(decision.reasons, key=lambda reason: (not reason.incomplete, -reason.verdict.rank))
    rows = [
        f"- {_WORDS['incomplete' if reason.incomplete else reason.verdict.value]}: {_text(reason.message)}"
        for reason in ordered
    ]
    if not rows and decision.complete and decision.verdict is Verdict.PASS and report.scope.is_part:
        rows = ["Nothing in what was looked at calls for an action. The rest of the target was not looked at."]
    elif not rows and decision.complete and decision.verdict is Verdict.PASS:
        rows = ["All that the policy requires was looked at, and nothing in it calls for an action."]
    rows += [f"- note: {_text(note)}" for note in decision.notes]
    return _section("## Why", rows, str, "reasons", _ROOM["reasons"])


def _gaps(report: ScanReport) -> _Section:
    """What was not looked at: the gaps that count, how many do not, scanners that are missing, files left out."""
    gaps = [ruling for ruling in report.decision.gaps if ruling.effect in _GAP_ORDER]
    gaps.sort(key=lambda ruling: (_GAP_ORDER.index(ruling.effect), ruling.gap.sort_key, ruling.gap.hint))
    told = {ruling.gap.scanner for ruling in report.decision.gaps}
    noted = Counter(ruling.gap.domain for ruling in report.decision.gaps if ruling.effect not in _GAP_ORDER)
    skipped = Counter(entry.reason.value for entry in (*report.skipped, *_skipped_by_scanners(report)))
    others = [
        f"- {domain.value}: {_count(noted[domain], 'item', 'items')} not looked at; the policy does not require it"
        for domain in Domain
        if noted[domain]
    ]
    others += (
        [f"- {_count(noted[None], 'more thing', 'more things')} not looked at, and not required"] if noted[None] else []
    )
    others += [
        f"- the scanner {_code(run.adapter)} is missing: {_text(run.reason)}"
        + (f" (install: {_code(run.hint)})" if run.hint else "")
        for run in report.runs
        if run.outcome is Outcome.MISSING and run.adapter not in told
    ]
    others += [
        f"- {_count(count, 'file or folder', 'files or folders')} left out: {_text(reason)}"
        for reason, count in sorted(skipped.items())
    ]
    heading = "## Not looked at"
    table = _table(("", "what", "why", "what to do"))
    section = _section(heading, gaps, _gap, "gaps", _ROOM["gaps"], before=table)
    if not others:
        return section
    rest = _section(heading, others, str, "things not looked at", _ROOM["gaps"] // 4)
    if not section.lines:
        return rest
    cut = ", ".join(part for part in (section.cut, rest.cut) if part)
    return _Section(lines=(*section.lines, "", *rest.lines[2:]), cut=cut)


def _skipped_by_scanners(report: ScanReport) -> Iterator[Skipped]:
    for run in report.runs:
        yield from run.skipped


def _gap(ruling: GapRuling) -> str:
    gap = ruling.gap
    name = gap.path or gap.item.partition(":")[2] or gap.item
    what = f"{_path(name)}" if name else "all that it has to see" if gap.scanner else "a part of the repository"
    what += f" ({gap.domain.value})" if gap.domain else ""
    what += f", by {_code(gap.scanner)}" if gap.scanner else ""
    kind = " (file)" if gap.kind is GapKind.FILE else ""
    todo = f"accepted: {ruling.accepted_because}" if ruling.effect == "accepted" else gap.hint
    return _row(_WORDS[ruling.effect] + kind, what, _text(gap.reason), _text(todo))


def _notes(report: ScanReport) -> _Section:
    rows = [f"- set: {_text(f'{name}={value}')}" for name, value in report.options]
    said = [("", entry) for entry in report.notifications]
    said += [
        (run.adapter, entry) for run in report.runs for entry in run.notifications if entry.level is not Level.NOTE
    ]
    for scanner, entry in said:
        place = f"{_path(entry.path)}: " if entry.path else ""
        who = f"{_code(scanner)}: " if scanner else ""
        rows.append(f"- {entry.level.value}: {who}{place}{_text(entry.message)}")
    return _section("## Notes", rows, str, "notes", _ROOM["notes"])


def _domains(report: ScanReport) -> _Section:
    pairs = list(ruled(report))
    rows = []
    for domain in Domain:
        mine = [(finding, ruling) for finding, ruling in pairs if finding.domain is domain]
        counts = Counter(finding.severity for finding, ruling in mine if ruling.waiver is None)
        inline = sum(1 for _, ruling in mine if is_inline(report, ruling))
        waived = sum(1 for _, ruling in mine if ruling.waiver is not None) - inline
        cells = [str(counts[severity] or "") for severity in _SEVERITIES]
        rows.append(_row(domain.value, *cells, str(waived or ""), str(inline or ""), _coverage(report, domain)))
    table = _table(("domain", *(severity.value for severity in _SEVERITIES), "waived", "allowed inline", "looked at"))
    return _Section(lines=("## Domains", "", *table, *rows))


def _coverage(report: ScanReport, domain: Domain) -> str:
    rows = [row for row in report.coverage if row.domain is domain]
    if not rows and domain in report.scope.unlooked:
        return "**not looked at**: whole trees alone are"
    if not rows:
        what = "what is scanned" if report.scope.is_part else "the target"
        return f"not applicable: {what} holds nothing of the kind"
    scanners = {scanner for row in rows for scanner in row.covered_by}
    if not scanners:
        return "**not looked at**"
    covered = sum(1 for row in rows if row.covered_by)
    partly = "" if covered == len(rows) else f", {covered} of {len(rows)} items"
    imported = {run.adapter for run in report.runs if run.is_import}
    shown = sorted(scanners)[:10]
    named = ", ".join(f"{_code(name)}{' (imported)' if name in imported else ''}" for name in shown)
    more = f" and {len(scanners) - len(shown)} more" if len(scanners) > len(shown) else ""
    return f"by {named}{more}{partly}"


def _findings(report: ScanReport, verdict: Verdict) -> _Section:
    pairs = [pair for pair in ruled(report) if pair[1].waiver is None and pair[1].verdict is verdict]
    pairs.sort(key=lambda pair: -pair[0].severity.rank)
    heading = {
        Verdict.BLOCK: f"## Blocks: {_count(len(pairs), 'finding', 'findings')}",
        Verdict.REVIEW: f"## To review: {_count(len(pairs), 'finding', 'findings')}",
        Verdict.PASS: f"## Other findings: {len(pairs)}",
    }[verdict]
    return _section(
        heading,
        pairs,
        _finding,
        f"findings that {_SPEAKS[verdict]}",
        _ROOM[verdict.value],
        before=_table(("severity", "where", "what", "rule", "seen by", "policy rule")),
        most=_MOST_PASSING if verdict is Verdict.PASS else sys.maxsize,
        is_folded=verdict is Verdict.PASS,
    )


_SPEAKS = {Verdict.BLOCK: "block", Verdict.REVIEW: "are to be reviewed", Verdict.PASS: "pass"}
_STATES = {State.NEW: ", **new**", State.EXISTING: ", known", State.CARRIED: ", carried over"}


def _finding(pair: tuple[Finding, Ruling]) -> str:
    finding, ruling = pair
    location = finding.location
    where = _path(location.path) + (f":{location.line}" if location.region else "")
    where += f" at {_code(location.commit[:12])}" if location.commit else ""
    what = _text(finding.message)
    if origin := came_in(finding):
        what += f" ({_text(origin)})"
    if finding.hidden_by:
        what += f" (hidden from the scanner by the target: {_text('; '.join(finding.hidden_by))})"
    own = {witness.tool for witness in finding.witnesses if not witness.imported}
    tools = sorted({witness.tool for witness in finding.witnesses})
    seen = ", ".join(f"{_code(tool)}{'' if tool in own else ' (imported)'}" for tool in tools[:5])
    seen += f" and {len(tools) - 5} more" if len(tools) > 5 else ""
    severity = finding.severity.value + _STATES.get(finding.state, "")
    return _row(severity, where, what, _code(finding.rule.id), seen, _code(ruling.rule))


def _waivers(report: ScanReport) -> _Section:
    table = _table(("waiver", "reason", "owner", "until", "findings"))
    waivers = [waiver for waiver in report.decision.waivers if not waiver.is_inline]
    return _section("## Waivers", waivers, _waiver, "waivers", _ROOM["waivers"], before=table)


def _waiver(waiver: WaiverUse) -> str:
    until = waiver.expires.isoformat() if waiver.expires else "never"
    until += " (**expired**)" if waiver.expired else ""
    return _row(_text(waiver.label), _text(waiver.reason), _text(waiver.owner), until, str(waiver.used))


def _comments(report: ScanReport) -> _Section:
    comments = [waiver for waiver in report.decision.waivers if waiver.is_inline]
    count = sum(comment.used for comment in comments)
    heading = f"## Allowed inline: {_count(count, 'finding', 'findings')}"
    table = _table(("where", "what", "reason", "findings"))
    return _section(heading, comments, _comment, "comments that allow findings", _ROOM["comments"], before=table)


def _comment(comment: WaiverUse) -> str:
    where = f"{_path(comment.file)}:{comment.line}"
    return _row(where, _text(comment.label), _text(comment.reason), str(comment.used))


def _scanners(report: ScanReport) -> _Section:
    table = _table(("scanner", "version", "outcome", "why"))
    return _section("## Scanners", report.runs, _scanner, "scanners", _ROOM["scanners"], before=table)


def _scanner(run: ToolRun) -> str:
    outcome = f"**{run.outcome.value}**" if run.outcome.broke else run.outcome.value
    name = _code(run.adapter) + (" (imported)" if run.is_import else "")
    return _row(name, _text(run.version), outcome, _text(run.reason))


# --- words


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _table(names: Sequence[str]) -> tuple[str, str]:
    return f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _text(text: str) -> str:
    """A foreign string as plain text on one line, cut where it is long."""
    return _MARKUP.sub(_unmarked, clean(text, limit=_LONGEST_TEXT))


def _code(text: str) -> str:
    """A foreign string as code on one line, cut where it is long; empty where it is empty."""
    inner = _MARKUP.sub(_entity, clean(text, limit=_LONGEST_PATH))
    return f"<code>{inner}</code>" if inner else ""


def _path(path: str) -> str:
    """A path as code; of a long one its end, which tells more."""
    shown = shown_path(path)
    shown = shown if len(shown) <= _LONGEST_PATH else "\u2026" + shown[1 - _LONGEST_PATH :]
    return _code(shown)


def _entity(match: re.Match[str]) -> str:
    return f"&#{ord(match[0])};"


def _unmarked(match: re.Match[str]) -> str:
    found = match.string
    start = match.start()
    broken = _LOOKED_FOR.match(found, start)
    return _entity(match) + (_NO_WIDTH if broken else "")
