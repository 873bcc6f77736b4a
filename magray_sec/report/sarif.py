"""SARIF 2.1.0 of a scan: what GitHub code scanning takes whole, or everything for other readers.

One run a domain, named `magray-sec/<domain>/` for ever, and one of what was not looked at. Nothing here reads a file:
times, fingerprints and the places of gaps are the report's.

- `github`: domains that were looked at (`scope`), without waived findings, at most 5,000 a run.
- `full`: every domain and finding, waivers and comments that allow as suppressions, each scanner's run as an
  invocation. Not for uploading.
"""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, BinaryIO, Literal, TypeAlias

import msgspec

from magray_sec.errors import ReportError, UsageError
from magray_sec.model.decision import GapRuling, Ruling, WaiverUse
from magray_sec.model.finding import Finding, Location, Region
from magray_sec.model.report import ScanReport
from magray_sec.model.run import GapKind, ToolRun
from magray_sec.model.scale import Domain, Severity, State, Verdict
from magray_sec.model.text import REDACTED
from magray_sec.report import _sarif_coverage as coverage
from magray_sec.report import _sarif_objects as sarif
from magray_sec.report import _sarif_rules as rules
from magray_sec.report import _sarif_runs as runs_of
from magray_sec.report.scope import (
    Fate,
    Standing,
    anchor,
    anchors,
    gap_rulings,
    imported_alone,
    is_in_tree,
    ruled,
    seen_by_us,
    standings,
    withheld,
)

__all__ = ["Profile", "anchors", "render", "withheld"]

Profile: TypeAlias = Literal["github", "full"]
"""Who the file is for."""

_LEVEL = {Verdict.BLOCK: "error", Verdict.REVIEW: "warning", Verdict.PASS: "note"}
_WORST_VERDICT = {verdict: -rank for rank, verdict in enumerate(Verdict)}
_WORST_SEVERITY = {severity: -rank for rank, severity in enumerate(Severity)}
_PROJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}(?:/[A-Za-z0-9][A-Za-z0-9._-]{0,99}){0,9}")


def render(report: ScanReport, sink: BinaryIO, *, profile: Profile = "github", project: str = "") -> None:
    """Write the report as SARIF, one line of UTF-8; equal reports give equal bytes.

    `project` (letters, digits, `.`, `_`, `-`, parts divided by `/`) tells the projects of one repository apart in the
    runs' ids; UsageError for another. ReportError for the github profile of a scan that was not whole: it would close
    alerts.
    """
    if project and not _PROJECT.fullmatch(project):
        raise UsageError(f"'{project}' cannot name a project", "use letters, digits, '.', '_', '-' and '/' between")
    if profile == "github" and not report.is_whole:
        raise ReportError(
            "this scan left out scanners or files: on GitHub its SARIF would close their alerts",
            "scan the whole target with all scanners, or write the full profile, which is not for uploading",
        )
    sink.write(_Document(report, profile, project).encoded())
    sink.write(b"\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    finding: Finding
    ruling: Ruling

    @property
    def level(self) -> str:
        return _LEVEL[self.ruling.verdict]

    @property
    def order(self) -> tuple[object, ...]:
        finding = self.finding
        region = finding.location.region
        line, column = (region.start_line, region.start_column or 0) if region else (1, 0)
        return (finding.location.path, line, column, finding.rule.id, finding.identity, finding.message)

    @property
    def worst_first(self) -> tuple[object, ...]:
        return (_WORST_VERDICT[self.ruling.verdict], _WORST_SEVERITY[self.finding.severity], self.order)


class _Document:
    """One file in the making."""

    def __init__(self, report: ScanReport, profile: Profile, project: str) -> None:
        self._report = report
        self._is_full = profile == "full"
        self._prefix = f"{sarif.TOOL}/{project}/" if project else f"{sarif.TOOL}/"
        self._make = sarif.Factory()
        self._json = sarif.Serializer()
        self._sentences: dict[str, str] = {}
        self._places: dict[str, tuple[str, str]] = {}
        self._repository = sarif.repository_uri(report.target.repository)
        self._first_lines = dict(report.line_hashes)
        self._standings = standings(report)
        self._gaps = gap_rulings(report)
        self._left_out: dict[Domain, int] = {}

    def encoded(self) -> bytes:
        """The whole file: the domains in order, then what was not looked at."""
        found = self._found()
        runs = [
            self._domain_run(entry, found.get(entry.domain, []))
            for entry in self._standings
            if entry.fate is Fate.UPLOADED or (self._is_full and (entry.fate is Fate.WITHHELD or entry.domain in found))
        ]
        return msgspec.json.encode(self._json.plain(sarif.log([*runs, self._coverage_run()])))

    def _found(self) -> dict[Domain, list[_Entry]]:
        imported = imported_alone(self._report)
        found: dict[Domain, list[_Entry]] = defaultdict(list)
        for finding, ruling in ruled(self._report):
            is_alert = ruling.waiver is None and seen_by_us(finding, imported) and is_in_tree(finding)
            if self._is_full or is_alert:
                found[finding.domain].append(_Entry(finding=finding, ruling=ruling))
        for domain, entries in found.items():
            if len(entries) > sarif.MOST_RESULTS:
                self._left_out[domain] = len(entries) - sarif.MOST_RESULTS
                if not self._is_full:
                    entries.sort(key=attrgetter("worst_first"))
                    del entries[sarif.MOST_RESULTS :]
            entries.sort(key=attrgetter("order"))
        return dict(found)

    def _domain_run(self, standing: Standing, entries: list[_Entry]) -> sarif.Object:
        domain = standing.domain
        by_rule: dict[str, list[_Entry]] = defaultdict(list)
        for entry in entries:
            by_rule[entry.finding.rule.id].append(entry)
        index = {rule_id: place for place, rule_id in enumerate(sorted(by_rule))}
        descriptors = [
            rules.descriptor(by_rule[rule_id][0].finding.rule, [(e.finding, e.level) for e in by_rule[rule_id]])
            for rule_id in index
        ]
        runs = [run for run in self._report.runs if domain in run.domains]
        return self._run(
            domain.value,
            rules.about(domain),
            descriptors or [rules.stand_in(domain)],
            [self._json.sealed(self._result(entry, index[entry.finding.rule.id])) for entry in entries],
            runs,
            redacted=any(REDACTED in entry.finding.message for entry in entries),
            invocations=runs_of.invocations(runs, self._make, self._uri) if self._is_full else None,
        )

    def _coverage_run(self) -> sarif.Object:
        # A target without any file has no place to attach a result to; the full profile says it as notifications.
        results = sorted(
            (entry for entry in self._unlooked() if entry is not None),
            key=lambda entry: (-rules.LEVELS.index(entry.level), *_place_of(entry)),
        )
        if len(results) > sarif.MOST_RESULTS and not self._is_full:
            rest = len(results) - sarif.MOST_RESULTS + 1
            text = f"{rest} more things were not looked at than fit here: the JSON report has all of them"
            results[sarif.MOST_RESULTS - 1 :] = [self._said(coverage.TRUNCATED, "warning", text, ("coverage",))]
        own = None
        if self._is_full:
            more = [
                f"The github profile leaves out {left} findings of '{domain.value}': GitHub stores "
                f"{sarif.MOST_RESULTS} of a run"
                for domain, left in self._left_out.items()
            ]
            own = [runs_of.own_invocation(self._report, self._gaps, self._make, self._uri, more)]
        return self._run(
            "coverage",
            "What was not looked at and should have been.",
            coverage.descriptors(),
            [self._json.sealed(entry) for entry in sorted(results, key=_place_of)],
            self._report.runs,
            redacted=any(REDACTED in entry.message.text for entry in results),
            invocations=own,
            properties=runs_of.decision(self._report) if self._is_full else None,
        )

    def _unlooked(self) -> Iterable[sarif.Object]:
        fates = {entry.domain: entry for entry in self._standings}
        for ruling in self._gaps:
            yield self._gap(ruling, fates)
        if self._is_full:
            return
        for domain, entry in fates.items():
            if entry.fate is Fate.WITHHELD and entry.gap is None:
                text = (
                    f"Findings of '{domain.value}' are not uploaded and their alerts stay as they are: {entry.reason}"
                )
                yield self._said(coverage.SCANNER_FAILED, "error", text, (domain.value,))
        for domain, left in self._left_out.items():
            if fates[domain].fate is Fate.UPLOADED:
                text = (
                    f"{left} findings of '{domain.value}' are not here: GitHub stores {sarif.MOST_RESULTS} of a run, "
                    "and these are the worst; the JSON report has all of them"
                )
                yield self._said(coverage.TRUNCATED, "warning", text, (domain.value,))

    def _gap(self, ruling: GapRuling, fates: dict[Domain, Standing]) -> sarif.Object:
        gap = ruling.gap
        withheld_by_it = [entry.domain for entry in fates.values() if entry.gap == gap and not self._is_full]
        words = (gap.kind.value, gap.domain.value if gap.domain else "", gap.item, gap.path, gap.scanner)
        properties = {
            "effect": ruling.effect,
            "domain": words[1],
            "item": sarif.safe(gap.item),
            "scanner": sarif.safe(gap.scanner),
        }
        return self._said(
            coverage.FILE_GAP if gap.kind is GapKind.FILE else coverage.ITEM_GAP,
            coverage.level(ruling),
            coverage.message(ruling, withheld_by_it),
            words,
            path=anchor(gap, self._report),
            properties={name: value for name, value in properties.items() if value},
        )

    def _said(
        self,
        rule_id: str,
        level: str,
        text: str,
        words: tuple[str, ...],
        *,
        path: str = "",
        properties: dict[str, Any] | None = None,
    ) -> sarif.Object:
        """A result of the coverage run at the start of a file; None where the target has no file."""
        path = path or self._report.anchor
        if not path:
            return None
        uri, shown = self._place(Location(path=path))
        fingerprints = {"magraySecFinding/v1": coverage.fingerprint(rule_id, *words)}
        known = self._first_lines.get(path)
        if known:
            fingerprints = {"primaryLocationLineHash": known, **fingerprints}
        return sarif.result(
            rule_id=rule_id,
            rule_index=coverage.INDEX[rule_id],
            level=level,
            text=self._sentence(text),
            argument=shown,
            locations=[self._make.place(uri, None)],
            fingerprints=fingerprints,
            properties=properties,
        )

    def _run(
        self,
        name: str,
        about: str,
        descriptors: list[sarif.Object],
        results: list[msgspec.Raw],
        runs: Iterable[ToolRun],
        *,
        redacted: bool,
        invocations: list[sarif.Object] | None = None,
        properties: dict[str, Any] | None = None,
    ) -> sarif.Object:
        report = self._report
        scanners = {
            (sarif.safe(run.adapter), sarif.safe(run.version) or report.tool_version)
            for run in runs
            if run.outcome.ran and (self._is_full or not run.is_import)
        }
        return sarif.run(
            run_id=f"{self._prefix}{name}/",
            about=about,
            version=report.tool_version,
            rules=descriptors,
            extensions=sorted(scanners),
            results=results,
            repository=self._repository,
            commit=report.target.commit,
            branch=report.target.branch,
            redacted=redacted,
            invocations=invocations,
            properties=properties,
        )

    def _result(self, entry: _Entry, rule_index: int) -> sarif.Object:
        finding = entry.finding
        location, package = finding.location, finding.package
        uri, shown = self._place(location)
        fingerprints = {"primaryLocationLineHash": finding.line_hash} if finding.line_hash else {}
        version, _, digest = finding.identity.rpartition(":")
        fingerprints[f"magraySecFinding/{version or 'v1'}"] = digest
        text = finding.message or finding.rule.title or finding.rule.id
        if location.commit:
            text = f"{text.rstrip('.')} (in commit '{location.commit[:12]}')"
        logical = sarif.package(package.name, package.purl) if package else None
        return sarif.result(
            rule_id=sarif.safe(finding.rule.id),
            rule_index=rule_index,
            level=entry.level,
            text=self._sentence(text),
            argument=shown,
            locations=[self._make.place(uri, location.region, logical=logical)],
            fingerprints=fingerprints,
            related=self._all_lines(uri, location.region) if self._is_full else None,
            suppressions=self._suppressions(entry.ruling) if self._is_full else None,
            properties=_properties(entry),
        )

    def _all_lines(self, uri: str, region: Region | None) -> list[sarif.Object] | None:
        if region is None or region.end_line is None or region.end_line <= region.start_line:
            return None
        return [self._make.whole(uri, region, "All lines of the finding.")]

    def _suppressions(self, ruling: Ruling) -> list[sarif.Object] | None:
        if ruling.waiver is None:
            return None
        waivers = self._report.decision.waivers
        if not 0 <= ruling.waiver < len(waivers):
            return [sarif.suppression("Waived by the policy")]
        waiver = waivers[ruling.waiver]
        return [sarif.suppression(_justification(waiver), is_inline=waiver.is_inline)]

    def _sentence(self, text: str) -> str:
        known = self._sentences.get(text)
        if known is None:
            known = self._sentences[text] = sarif.sentence(text)
        return known

    def _uri(self, path: str) -> str:
        return self._place(Location(path=path))[0]

    def _place(self, location: Location) -> tuple[str, str]:
        """A path's URI and how it is shown. What is no path below the target's root is put at the anchor: one result
        with a bad place makes GitHub reject the whole file."""
        known = self._places.get(location.path)
        if known is None:
            path = location.path
            is_below = bool(path) and not path.startswith("/") and posixpath.normpath(path) == path != "."
            inside = location if is_below and ".." not in path.split("/") else Location(path=self._report.anchor or ".")
            known = self._places[location.path] = (inside.uri, inside.shown)
        return known


def _place_of(result: sarif.Object) -> tuple[str, str, str]:
    return (result.locations[0].physical_location.artifact_location.uri, result.rule_id, result.message.text)


def _justification(waiver: WaiverUse) -> str:
    if waiver.is_inline:
        return f"{waiver.reason} (comment at {waiver.file}:{waiver.line})"
    until = f", until {waiver.expires.isoformat()}" if waiver.expires else ""
    owner = f" ({waiver.owner}{until})" if waiver.owner else f" ({until[2:]})" if until else ""
    return f"{waiver.reason}{owner}"


def _properties(entry: _Entry) -> dict[str, Any]:
    """What GitHub does not read and other readers want to know of a finding."""
    finding, ruling = entry.finding, entry.ruling
    properties: dict[str, Any] = {
        "severity": finding.severity.value,
        "confidence": finding.confidence.value,
        "verdict": ruling.verdict.value,
        "policyRule": sarif.safe(ruling.rule),
        "scanners": sorted({sarif.safe(witness.tool) for witness in finding.witnesses}),
        "nativeRules": [sarif.safe(f"{witness.tool}: {witness.native_rule}") for witness in finding.witnesses],
    }
    if finding.kind:
        properties["kind"] = sarif.safe(finding.kind)
    if finding.score is not None:
        properties["score"] = finding.score
        properties["scoreSource"] = sarif.safe(finding.score_source)
    if finding.package is not None:
        properties["package"] = sarif.safe(finding.package.purl)
        properties["fixedVersions"] = [sarif.safe(entry) for entry in finding.package.fixed_versions]
        if finding.package.path:
            properties["dependencyPath"] = [sarif.safe(entry) for entry in finding.package.path]
    if finding.aliases:
        properties["aliases"] = [sarif.safe(entry) for entry in finding.aliases]
    if finding.preview:
        properties["preview"] = sarif.safe(finding.preview)
    if finding.state is not State.UNCOMPARED:
        properties["state"] = finding.state.value
    if finding.origin is not None:
        origin = finding.origin
        properties["commit"] = origin.commit
        properties["commitDate"] = origin.date
        properties["atHead"] = origin.is_at_head
        if origin.path:
            properties["commitPath"] = Location(path=origin.path).uri
    if finding.hidden_by:
        properties["hiddenBy"] = [sarif.safe(entry) for entry in finding.hidden_by]
    return properties
