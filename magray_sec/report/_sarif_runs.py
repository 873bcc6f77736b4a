"""How the scanners' runs went, for the full profile: invocations, their notifications, and the decision."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from magray_sec.model.decision import GapRuling
from magray_sec.model.report import ScanReport
from magray_sec.model.run import Level, ToolRun
from magray_sec.model.scale import Outcome
from magray_sec.report import _sarif_coverage as coverage
from magray_sec.report import _sarif_objects as sarif

# The folders of this machine before a name in a command line: nobody else can use them, and they name people.
_FOLDERS = re.compile(r"(?<![\w{}./:\\-])(?:[A-Za-z]:[\\/]|/)(?:[^\s/\\'\"=]+[/\\])*(?=[^\s/\\'\"])")
_STARTED = frozenset({Outcome.COMPLETED, Outcome.PARTIAL, Outcome.FAILED, Outcome.TIMED_OUT})
_OUTCOME_LEVEL = {Outcome.MISSING: "warning", Outcome.SKIPPED: "note", Outcome.NOT_APPLICABLE: "note"}


def portable_command(command: str) -> str:
    """A command line without the folders of this machine."""
    return _FOLDERS.sub("", command)


def invocations(runs: Iterable[ToolRun], make: sarif.Factory, uri: sarif.Uri) -> list[sarif.Object]:
    """One for each scanner that was started, and one of ours for what there is to say of the others."""
    runs = tuple(runs)
    idle = [run for run in runs if run.outcome not in _STARTED]
    own = sarif.invocation(
        successful=True,
        notifications=[
            sarif.notification(
                _OUTCOME_LEVEL[run.outcome],
                f"'{run.adapter}' was not run ({run.outcome.value}): {run.reason or 'no reason is given'}",
                properties={"scanner": sarif.safe(run.adapter)},
            )
            for run in idle
        ],
    )
    return [*([own] if idle else []), *(_invocation(run, make, uri) for run in runs if run.outcome in _STARTED)]


def own_invocation(
    report: ScanReport, gaps: Iterable[GapRuling], make: sarif.Factory, uri: sarif.Uri, more: Iterable[str] = ()
) -> sarif.Object:
    """magray-sec's own run: everything that was not looked at or is worth knowing and belongs to no scanner."""
    said = [
        sarif.notification(
            coverage.level(ruling),
            coverage.message(ruling),
            location=make.file(uri(ruling.gap.path)) if ruling.gap.path else None,
        )
        for ruling in gaps
    ]
    said += [
        sarif.notification(
            entry.level.value, entry.message, location=make.file(uri(entry.path)) if entry.path else None
        )
        for entry in report.notifications
    ]
    skipped = Counter(entry.reason.value for entry in report.skipped)
    said += [
        sarif.notification("note", f"{count} {'file was' if count == 1 else 'files were'} left out: {reason}")
        for reason, count in sorted(skipped.items())
    ]
    said += [sarif.notification("note", text) for text in (*report.decision.notes, *more)]
    return sarif.invocation(successful=True, notifications=said, started=report.started, duration_s=report.duration_s)


def decision(report: ScanReport) -> dict[str, Any]:
    """The verdict and its reasons, as a run's properties."""
    made = report.decision
    return {
        "verdict": made.verdict.value,
        "complete": made.complete,
        "policy": sarif.safe(made.policy),
        "policyDigest": sarif.safe(made.policy_digest),
        "reasons": [
            {"verdict": entry.verdict.value, "rule": sarif.safe(entry.rule), "message": sarif.safe(entry.message)}
            for entry in made.reasons
        ],
        "scope": sarif.safe(report.scope.label),
        "notLookedAt": [domain.value for domain in report.scope.unlooked],
        "notApplicable": [domain.value for domain in made.not_applicable],
        "options": [f"{sarif.safe(name)}={sarif.safe(value)}" for name, value in report.options],
    }


def _invocation(run: ToolRun, make: sarif.Factory, uri: sarif.Uri) -> sarif.Object:
    said = [
        sarif.notification(
            entry.level.value, entry.message, location=make.file(uri(entry.path)) if entry.path else None
        )
        for entry in run.notifications
    ]
    if run.reason:
        level = Level.ERROR if run.outcome.broke else Level.WARNING
        said.append(sarif.notification(level.value, f"'{run.adapter}' {run.outcome.value}: {run.reason}"))
    commands = [sarif.safe(portable_command(entry)) for entry in run.commands]
    properties: dict[str, Any] = {"scanner": sarif.safe(run.adapter), "outcome": run.outcome.value}
    if len(commands) > 1:
        properties["commands"] = commands
    if run.is_import:
        properties["imported"] = True
    if run.metrics:
        properties["metrics"] = {sarif.safe(name): value for name, value in run.metrics}
    return sarif.invocation(
        successful=run.outcome.ran,
        notifications=said,
        command=commands[0] if len(commands) == 1 else None,
        started=run.started,
        duration_s=run.duration_s,
        exit_code=run.exit_code,
        properties=properties,
    )
