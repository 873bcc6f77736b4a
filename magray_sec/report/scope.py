"""Which domains the github profile holds: an empty or thinner run closes alerts, so what was not looked at stays out.

| a domain ...                                                                              | its run            |
|-------------------------------------------------------------------------------------------|--------------------|
| that no scanner of this version is for, and no finding is of                              | none               |
| with a scanner that started and did not come to a usable end (failed, timed out)          | withheld           |
| with a gap of an item; or of everything a scanner of the domain, or the scan, had to see   | withheld           |
| with an item that only an imported report covers, or nothing does                         | withheld           |
| with an item gap of an item that no scanner of this version is for                        | its findings       |
| with gaps of files, a scanner missing whose items others cover, or nothing to complain of | its findings       |
| of which the target holds no item                                                         | `results: []`      |

Findings that are in commits alone have no file that GitHub could show them in, and the next scan without the history
would close their alerts: they are in the full profile and in every other report. Gaps of the history withhold nothing.

An item that no scanner knows never had an alert that could be closed; its gap stands in the coverage run. That a
scanner failed can be accepted for the verdict, and still closes no alert.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from magray_sec.model.decision import GapRuling, Ruling
from magray_sec.model.finding import Finding
from magray_sec.model.report import ScanReport
from magray_sec.model.run import Gap, GapKind, ItemKind, ToolRun
from magray_sec.model.scale import Domain, Outcome, Verdict
from magray_sec.model.text import shown_path

_HISTORY = f"{ItemKind.HISTORY.value}:"
_FILE_ITEMS = frozenset({ItemKind.LOCKFILE.value, ItemKind.MANIFEST.value})


class Fate(enum.Enum):
    """What becomes of a domain's run in the github profile."""

    UPLOADED = "uploaded"
    WITHHELD = "withheld"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A domain's fate and, where it is withheld, why and by which gap (None: by a scanner's end or an item's row)."""

    domain: Domain
    fate: Fate
    reason: str = ""
    gap: Gap | None = None


def standings(report: ScanReport) -> tuple[Standing, ...]:
    """The fate of every domain, in the order of `Domain`."""
    rulings = gap_rulings(report)
    return tuple(_standing(report, domain, rulings) for domain in Domain)


def withheld(report: ScanReport) -> tuple[tuple[Domain, str], ...]:
    """The domains that the github profile leaves out so that no alert is closed, each with the reason."""
    return tuple((entry.domain, entry.reason) for entry in standings(report) if entry.fate is Fate.WITHHELD)


def left_out(report: ScanReport) -> tuple[tuple[Domain, str], ...]:
    """All that the github profile leaves out so that no alert is closed: domains, and what is in commits alone."""
    counts = Counter(finding.domain for finding in report.findings if not is_in_tree(finding))
    said = tuple(
        (domain, f"{counts[domain]} found in commits alone, in no file that GitHub could show")
        for domain in Domain
        if counts[domain]
    )
    return (*withheld(report), *said)


def anchors(report: ScanReport) -> tuple[str, ...]:
    """The files that this report's gaps are attached to, sorted. With the hashes of their first lines in
    `ScanReport.line_hashes`, GitHub follows these alerts as it follows the others."""
    places = {anchor(ruling.gap, report) for ruling in gap_rulings(report)} | {report.anchor}
    return tuple(sorted(places - {""}))


def anchor(gap: Gap, report: ScanReport) -> str:
    """The file of the target that a gap is attached to; empty where the target holds none."""
    if gap.path:
        return gap.path
    kind, _, name = gap.item.partition(":")
    if kind in _FILE_ITEMS and any(entry.id == gap.item for entry in report.items):
        return name
    return report.anchor


def gap_rulings(report: ScanReport) -> tuple[GapRuling, ...]:
    """What the policy says of every gap of the scan, sorted; a gap of a run that it says nothing of counts as noted."""
    judged = {ruling.gap: ruling for ruling in report.decision.gaps}
    for run in report.runs:
        for gap in run.gaps if not run.is_import else ():
            judged.setdefault(gap, GapRuling(gap=gap, effect="noted"))
    return tuple(sorted(judged.values(), key=lambda ruling: (ruling.gap.sort_key, ruling.gap.hint)))


def ruled(report: ScanReport) -> Iterator[tuple[Finding, Ruling]]:
    """Each finding with what the policy says of it; one without a ruling passes."""
    rulings = report.decision.rulings
    for index, finding in enumerate(report.findings):
        if index < len(rulings):
            yield finding, rulings[index]
        else:
            yield finding, Ruling(identity=finding.identity, rule="default", verdict=Verdict.PASS)


def is_inline(report: ScanReport, ruling: Ruling) -> bool:
    """Whether the finding is allowed by a comment in the target."""
    waivers = report.decision.waivers
    return ruling.waiver is not None and 0 <= ruling.waiver < len(waivers) and waivers[ruling.waiver].is_inline


def unlooked_domains(report: ScanReport) -> str:
    """Which domains a scan of a part did not look at, as a sentence; empty for a scan of the whole tree."""
    scope = report.scope
    if not scope.is_part or not scope.unlooked:
        return ""
    names = ", ".join(domain.value for domain in scope.unlooked)
    return f"not looked at: {names} (whole trees alone are; this scan is of {scope.label})"


def came_in(finding: Finding) -> str:
    """Which commit brought a finding in, and whether it is still there, in words; empty where nobody looked."""
    origin = finding.origin
    if origin is None:
        return ""
    day = f" of {origin.date[:10]}" if origin.date else ""
    path = f" as {shown_path(origin.path)}" if origin.path and origin.path != finding.location.path else ""
    now = "still at HEAD" if origin.is_at_head else "no longer at HEAD"
    return f"came in by commit {origin.commit[:12]}{day}{path}, {now}"


def is_in_tree(finding: Finding) -> bool:
    """Whether a finding stands in a file of the tree, and not in a commit alone."""
    return finding.location.commit is None


def imported_alone(report: ScanReport) -> frozenset[str]:
    """The scanners whose word comes from imported reports alone: their own tools upload those."""
    imported = {run.adapter for run in report.runs if run.is_import}
    return frozenset(imported - {run.adapter for run in report.runs if not run.is_import})


def seen_by_us(finding: Finding, imported: frozenset[str]) -> bool:
    """Whether a scanner of this scan saw the finding, not only an imported report."""
    return not finding.witnesses or any(
        not witness.imported and witness.tool not in imported for witness in finding.witnesses
    )


def _standing(report: ScanReport, domain: Domain, rulings: tuple[GapRuling, ...]) -> Standing:
    runs = [run for run in report.runs if domain in run.domains and not run.is_import and not _is_of_history(run)]
    broken = next((run for run in runs if run.outcome.broke), None)
    if broken is not None:
        return Standing(domain=domain, fate=Fate.WITHHELD, reason=_why(broken))
    gap = next((ruling.gap for ruling in rulings if _withholds(ruling, domain, report)), None)
    if gap is not None and runs:
        return Standing(domain=domain, fate=Fate.WITHHELD, reason=gap.reason, gap=gap)
    imported = imported_alone(report)
    excused = {(r.gap.domain, r.gap.item) for r in rulings if _is_excused(r, report)}
    for row in report.coverage if runs else ():
        if row.domain is domain and not set(row.covered_by) - imported and (domain, row.item) not in excused:
            only = " but an imported report" if row.covered_by else ""
            return Standing(domain=domain, fate=Fate.WITHHELD, reason=f"nothing{only} looked at {row.item}")
    if runs or any(f.domain is domain and seen_by_us(f, imported) for f in report.findings):
        return Standing(domain=domain, fate=Fate.UPLOADED)
    return Standing(domain=domain, fate=Fate.ABSENT)


def _withholds(ruling: GapRuling, domain: Domain, report: ScanReport) -> bool:
    gap = ruling.gap
    if gap.kind is not GapKind.ITEM or _is_excused(ruling, report):
        return False
    if gap.domain is not None:
        return gap.domain is domain
    runs = [run for run in report.runs if run.adapter == gap.scanner]
    if runs and all(run.is_import for run in runs):
        return False
    # A gap that names neither a domain nor a scanner we know may be of any: nothing is uploaded past it.
    return not runs or any(domain in run.domains for run in runs)


def _is_excused(ruling: GapRuling, report: ScanReport) -> bool:
    """Whether the gap is of an item that no scanner of this version is for, or of the history: it never had an alert
    that could close."""
    gap = ruling.gap
    if gap.item.startswith(_HISTORY):
        return True
    if gap.kind is not GapKind.ITEM or gap.scanner or gap.domain is None:
        return False
    claimed = any(claim.key == (gap.domain.value, gap.item) for run in report.runs for claim in run.claims)
    return not claimed and any(item.id == gap.item for item in report.items)


def _is_of_history(run: ToolRun) -> bool:
    """Whether the scanner looked at commits alone: what it found is in no file, and so in no alert."""
    return bool(run.claims) and all(claim.item.startswith(_HISTORY) for claim in run.claims)


def _why(run: ToolRun) -> str:
    word = "timed out" if run.outcome is Outcome.TIMED_OUT else "failed"
    return f"{run.adapter} {word}: {run.reason}" if run.reason else f"{run.adapter} {word}"
