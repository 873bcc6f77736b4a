"""`magray-sec baseline`: write down what a repository has today, so that a scan asks for action on what is new."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from magray_sec.cli import _output, _scanning, _surroundings
from magray_sec.errors import UsageError
from magray_sec.model.report import BaselineEntry, ScanReport
from magray_sec.policy import baseline

app = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)

FILE = "magray-sec.baseline.jsonl"
"""Where a baseline lies unless the user says otherwise: in the target."""

_Target = Annotated[str, typer.Argument(help="The folder to scan.", metavar="[TARGET]")]
_File = Annotated[str, typer.Option("--file", help=f"The baseline; TARGET/{FILE} unless said.", metavar="FILE")]
_Database = Annotated[str, typer.Option(help="Advisory database to use as it is.", metavar="DIR")]
_Offline = Annotated[bool, typer.Option("--offline", help="Use no network.", envvar="MAGRAY_SEC_OFFLINE")]


@app.callback()
def _group() -> None:
    """Make or update a baseline."""


@app.command()
def create(target: _Target = ".", *, file: _File = "", advisory_db: _Database = "", offline: _Offline = False) -> None:
    """Scan, and write all there is to a new baseline."""
    place = file or os.path.join(target, FILE)
    if os.path.lexists(place):
        raise UsageError(f"there is a baseline at '{place}' already", "use `magray-sec baseline update`")
    report = _scan(target, advisory_db, offline=offline)
    entries = baseline.make(report.findings)
    _output.write_whole(place, baseline.dump(entries))
    _output.say(f"{place}: {_findings(entries)}\n{_incomplete(report)}".encode())


@app.command()
def update(target: _Target = ".", *, file: _File = "", advisory_db: _Database = "", offline: _Offline = False) -> None:
    """Scan, and make the baseline what there is now: what is new comes in, what is gone goes."""
    place = file or os.path.join(target, FILE)
    before = _scanning.read_baseline(place)
    report = _scan(target, advisory_db, offline=offline)
    compared = baseline.compare(report.findings, before)
    entries = baseline.make(report.findings)
    _output.write_whole(place, baseline.dump(entries))
    new = sum(1 for finding in compared.findings if finding.state.value == "new")
    gone = sum(entry.count for entry in compared.gone)
    _output.say(f"{place}: {_findings(entries)}; {new} new, {gone} gone\n{_incomplete(report)}".encode())


def _scan(target: str, advisory_db: str, *, offline: bool) -> ScanReport:
    options = _scanning.Options(target=target, advisory_db=advisory_db, offline=offline)
    return _scanning.perform(options, _surroundings.environment())


def _findings(entries: tuple[BaselineEntry, ...]) -> str:
    count = sum(entry.count for entry in entries)
    return f"{count} {'finding' if count == 1 else 'findings'}"


def _incomplete(report: ScanReport) -> str:
    if report.decision.complete:
        return ""
    return "note: the scan was incomplete; what it could not look at will be new when it can be\n"
