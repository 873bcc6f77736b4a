"""`magray-sec waive`: write a waiver into a policy's file, or take out those that are of no use any more."""

from __future__ import annotations

import os
import re
from datetime import date, timedelta
from typing import Annotated

import typer

from magray_sec import documents
from magray_sec.cli import _output, _stored, _surroundings
from magray_sec.errors import UsageError
from magray_sec.model.finding import Finding
from magray_sec.model.text import clean
from magray_sec.policy import write
from magray_sec.policy.explain import case_of
from magray_sec.policy.load import load_policy
from magray_sec.policy.types import Policy
from magray_sec.policy.waiver import in_words, label
from magray_sec.settings import load_target

app = typer.Typer(rich_markup_mode=None, add_completion=False)

_IDENTITY = re.compile(r"v[0-9]+:[0-9a-f]{32}\Z")
_DAYS = re.compile(r"([0-9]{1,5})d\Z")


@app.command()
def run(
    identity: Annotated[
        str, typer.Argument(help="A finding's identity; its first digits with --report.", metavar="[IDENTITY]")
    ] = "",
    *,
    reason: Annotated[str, typer.Option(help="Why it may be lived with.", metavar="TEXT")] = "",
    owner: Annotated[str, typer.Option(help="Who answers for it.", metavar="WHO")] = "",
    expires: Annotated[
        str, typer.Option(help="The last day on which it holds: YYYY-MM-DD, or days from today (30d).", metavar="DATE")
    ] = "",
    until_fixed: Annotated[
        bool, typer.Option("--until-fixed", help="It ends when a version without the flaw is known.")
    ] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Take out waivers that expired and, with --report, that nothing needs.")
    ] = False,
    report: Annotated[str, typer.Option(help="The JSON report that it is of.", metavar="FILE")] = "",
    policy: Annotated[str, typer.Option(help="The policy's file; that of the settings here.", metavar="FILE")] = "",
) -> None:
    """Write a waiver of one finding into a policy, whose comments stay; or take out old ones (--prune)."""
    file = policy or _of_settings()
    if not os.path.isfile(file):
        raise UsageError(f"there is no policy file '{file}'", "name yours: --policy FILE")
    loaded = load_policy(file if os.sep in file or "/" in file else f"./{file}", root=None, cache=None)
    text = documents.read(os.path.abspath(file), file=file)
    today = _surroundings.clock(_surroundings.environment()).now.date()
    if prune:
        if identity or reason or owner or expires:
            raise UsageError("--prune writes no waiver", "run one after the other")
        _prune(file, text, loaded, report, today)
        return
    for name, value in (("IDENTITY", identity), ("--reason", reason), ("--owner", owner), ("--expires", expires)):
        if not value.strip():
            raise UsageError(f"{name} is missing", "waive IDENTITY --reason TEXT --owner WHO --expires DATE")
    finding = _stored.one(_stored.read(report), identity) if report else None
    if finding is None and not _IDENTITY.match(identity):
        raise UsageError(f"'{identity}' is no identity in full", "give all 32 digits, or --report FILE")
    until = _day(expires, today)
    if finding is not None:
        _within_limits(finding, loaded, (until - today).days)
    waiver = write.NewWaiver(
        match=(("identity", finding.identity if finding else identity),),
        reason=clean(reason, limit=500),
        owner=clean(owner, limit=200),
        created=today,
        expires=until,
        until_fixed=until_fixed,
    )
    _output.write_whole(file, write.with_waiver(text, waiver, file=file).encode())
    of = f"{finding.rule.id} in {finding.location.shown}" if finding else identity
    _output.say(f"{file}: waives {of} until {until}\n".encode("utf-8", "backslashreplace"))


def _of_settings() -> str:
    """The policy file that the settings of the current folder name. UsageError where they name none."""
    named = load_target(os.path.realpath(".")).policy
    if not named:
        raise UsageError("no policy file is named here", "name yours: --policy FILE")
    if not named.endswith((".yaml", ".yml")):
        hint = f"write your own with 'extends: {named}', and name that"
        raise UsageError(f"the policy '{named}' is a part of magray-sec and takes no waivers", hint)
    return named


def _day(text: str, today: date) -> date:
    """The day that is meant. UsageError for none, or one that is over."""
    days = _DAYS.match(text)
    try:
        day = today + timedelta(days=int(days[1])) if days else date.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f"--expires '{text}' is no day", "write it as 2026-12-31, or as days from today: 30d"
        ) from error
    if day < today:
        raise UsageError(f"--expires {day} is over", "give a day to come")
    return day


def _within_limits(finding: Finding, policy: Policy, days: int) -> None:
    limit = dict(policy.waiver_limits).get(finding.severity)
    if limit is not None and days > limit:
        raise UsageError(
            f"{in_words(days)} are too long: the policy waives {finding.severity.value} findings for {in_words(limit)}",
            f"--expires {limit}d",
        )


def _prune(file: str, text: str, policy: Policy, report: str, today: date) -> None:
    said: dict[int, str] = {}
    used: dict[int, int] = {}
    is_telling = False
    if report:
        stored = _stored.read(report)
        # What was not looked at may need the waiver that nothing seems to need.
        is_telling = stored.is_whole and stored.decision.complete and not stored.scope.is_part
        decision = case_of(stored, policy, today).judged()
        used = {index: decision.waivers[index].used for index in range(len(policy.waivers))}
    for index, waiver in enumerate(policy.waivers):
        if waiver.file != policy.file:
            continue
        if today > waiver.expires:
            said[waiver.line] = f"{label(waiver.match)}: expired on {waiver.expires}"
        elif is_telling and not used[index]:
            said[waiver.line] = f"{label(waiver.match)}: no finding needs it"
    if said:
        _output.write_whole(file, write.without_waivers(text, said, file=file).encode())
    lines = [f"{file}:{line}: removed the waiver of {words}" for line, words in sorted(said.items())]
    lines += [] if said else [f"{file}: there is nothing to remove"]
    if report and not is_telling:
        lines.append("note: the report is of a part, or incomplete: it does not tell which waivers are unused")
    elif not report:
        lines.append("note: which waivers are unused, a report tells: --report FILE")
    _output.say(("\n".join(lines) + "\n").encode("utf-8", "backslashreplace"))
