"""`magray-sec explain`: what a rule looks for and what to do, or all that is known of one finding of a report."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Annotated

import typer

from magray_sec import datafiles
from magray_sec.allow import can_be_allowed, comment_for
from magray_sec.cli import _surroundings
from magray_sec.cli._output import say
from magray_sec.errors import UsageError
from magray_sec.model.decision import Ruling
from magray_sec.model.finding import Finding
from magray_sec.model.report import ScanReport
from magray_sec.model.scale import Outcome, Verdict

app = typer.Typer(rich_markup_mode=None, add_completion=False)

_SHORTEST = 6
"""Hexadecimal digits that an identity has to be given by."""


@app.command()
def run(
    name: Annotated[
        str,
        typer.Argument(help="A rule's id (`list rules`), or a finding's identity (`v1:...`).", metavar="RULE|IDENTITY"),
    ],
    *,
    report: Annotated[str, typer.Option(help="The JSON report that the identity is of.", metavar="FILE")] = "",
    pack: Annotated[list[str] | None, typer.Option("--rules", help="A rule pack of your own.", metavar="FILE")] = None,
) -> None:
    """Explain a rule: what it looks for and what to do. Or a finding: who saw it, who could have, what judges it."""
    lines = _finding(name, report) if name.startswith("v1:") else _rule(name, tuple(pack or ()))
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


def _finding(name: str, file: str) -> Iterator[str]:
    from magray_sec.report import json_v1  # noqa: PLC0415

    if not file:
        raise UsageError(
            "an identity is of a report", "name it: explain IDENTITY --report FILE (of `scan --json FILE`)"
        )
    try:
        with open(file, "rb") as stored:
            report = json_v1.parse(stored.read())
    except OSError as error:
        raise UsageError(f"'{file}' cannot be read: {error.strerror}", "give the file of `scan --json`") from error
    pairs = list(zip(report.findings, report.decision.rulings, strict=True))
    if len(name) < len("v1:") + _SHORTEST:
        raise UsageError(f"'{name}' is too short to name one finding", f"give {_SHORTEST} digits or more")
    found = [pair for pair in pairs if any(known.startswith(name) for known in pair[0].identities)]
    if not found:
        raise UsageError(f"no finding of the report is called '{name}'", "`scan -v` prints the identities")
    if len({pair[0].identity for pair in found}) > 1:
        raise UsageError(f"'{name}' is the start of several identities", "give more digits")
    for finding, ruling in found:
        yield from _told(finding, ruling, report)
        yield ""


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
    if finding.rule.help:
        yield from ("", finding.rule.help)


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
