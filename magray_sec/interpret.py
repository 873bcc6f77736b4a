"""What a step's processes left behind -> how the run went and what it saw. Here, once, trust is decided.

A run is COMPLETED only when every process ended with an exit code that is known, every output parses, carries the
tool's own mark of a finished run, and agrees with the exit code and the counts it states. Everything else is FAILED,
TIMED_OUT or PARTIAL, with the reason. An empty output is never a clean one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from magray_sec.model.adapter import Adapter, Interpretation, Marked, Metric, ParseError, Said, Stated, StepOutput
from magray_sec.model.finding import Sighting
from magray_sec.model.run import Claim, Gap, GapKind, Level, Notification, RawOutput, Skipped, ToolRun
from magray_sec.model.scale import Outcome
from magray_sec.model.text import cut

Parse = Callable[[RawOutput], Iterator[Said]]
_STDERR_LINES = 3
_STDERR_READ_BYTES = 20_000
_ERROR = re.compile(r"(?:error|fatal|panic)\b", re.IGNORECASE)
_VERSION = re.compile(r"\d+(?:\.\d+)+(?:[-.+]?[0-9A-Za-z]+)*")


@dataclass(slots=True, kw_only=True)
class _Heard:
    sightings: list[Sighting]
    gaps: list[Gap]
    skipped: list[Skipped]
    notifications: list[Notification]
    metrics: dict[str, int]
    marked: set[str]


def interpret(
    output: StepOutput, parse: Parse, *, shorten: Callable[[str], str] = str, is_import: bool = False
) -> Interpretation:
    """The run and the sightings of one step. `parse` is the adapter's, or the worker's for an in-process scanner;
    `shorten` takes the machine's own folders out of a text. `is_import`: a report made elsewhere, of which no exit code
    is known."""
    adapter, step = output.step.adapter, output.step
    heard = _Heard(sightings=[], gaps=list(step.gaps), skipped=[], notifications=[], metrics={}, marked=set())
    version, trouble, warning = stated_version(adapter, output.version)
    if is_import:
        # Whichever version made it, it is not the one that is installed here.
        version = ""
    if warning:
        heard.notifications.append(Notification(level=Level.WARNING, message=warning))
    troubles: list[tuple[Outcome, str, tuple[Claim, ...]]] = []
    if trouble:
        troubles.append((Outcome.FAILED, trouble, step.claims))
    else:
        for raw in output.outputs:
            ended = _one(adapter, raw, parse, heard, is_import=is_import)
            if ended:
                subject = f"{raw.command.subject}: " if raw.command.subject else ""
                troubles.append((ended[0], subject + ended[1], raw.command.claims))
        started = [raw.command for raw in output.outputs]
        for command in step.commands:
            known = {claim for _, _, claims in troubles for claim in claims}
            if command not in started and not known.intersection(command.claims):
                troubles.append((Outcome.FAILED, "it was never started", command.claims))
    outcome, reason = _outcome(output, troubles, heard)
    for kind, text, claims in troubles if outcome is Outcome.PARTIAL else ():
        heard.gaps += [_item_gap(adapter, claim, f"{adapter.id} {kind.value}: {text}") for claim in claims]
    run = ToolRun(
        adapter=adapter.id,
        domains=tuple(sorted(adapter.domains, key=lambda domain: domain.value)),
        outcome=outcome,
        reason=shorten(reason),
        hint=_hint(adapter, outcome),
        version=version,
        commands=tuple(shorten(" ".join(raw.command.argv)) for raw in output.outputs),
        started=output.started,
        duration_s=output.duration_s,
        exit_code=next((raw.exit_code for raw in reversed(output.outputs) if not raw.command.is_preparation), None),
        claims=step.claims,
        gaps=tuple(replace(gap, scanner=adapter.id, reason=shorten(gap.reason)) for gap in heard.gaps),
        skipped=tuple(heard.skipped),
        notifications=tuple(
            replace(entry, scanner=adapter.id, message=shorten(entry.message)) for entry in heard.notifications
        ),
        metrics=tuple(sorted(heard.metrics.items())),
        is_import=is_import,
    )
    return Interpretation(run=run, sightings=tuple(heard.sightings), marked=tuple(sorted(heard.marked)))


def _one(
    adapter: Adapter, raw: RawOutput, parse: Parse, heard: _Heard, *, is_import: bool
) -> tuple[Outcome, str] | None:
    """What is wrong with one process's end, or None. Whatever it saw is kept in either case."""
    if raw.command.may_fail:
        if raw.exit_code != 0:
            trouble = raw.spawn_error or ("it took too long" if raw.timed_out else _exit(raw))
            message = f"a preparation failed, and it ran without: {trouble}{_stderr(raw)}"
            heard.notifications.append(Notification(level=Level.WARNING, message=message, path=raw.command.subject))
        return None
    if raw.spawn_error:
        return Outcome.FAILED, f"it could not be started: {raw.spawn_error}"
    if raw.timed_out:
        _listen(raw, parse, heard)
        return Outcome.TIMED_OUT, f"it was ended after {raw.duration_s:.0f} s"
    if raw.command.is_preparation:
        if raw.exit_code == 0:
            return None
        return Outcome.FAILED, f"preparing it failed ({_exit(raw)}){_stderr(raw)}"
    before = len(heard.sightings)
    gaps = len(heard.gaps)
    complaint, stated = _listen(raw, parse, heard, is_import=is_import)
    seen = len(heard.sightings) - before
    # Of one thing that lies in the way of several commands a scanner speaks in each.
    known = set(heard.sightings[:before])
    heard.sightings[before:] = [entry for entry in heard.sightings[before:] if entry not in known]
    is_partial = raw.exit_code in adapter.partial_exits and not complaint and len(heard.gaps) > gaps
    if raw.output_capped:
        return Outcome.FAILED, f"it printed more than the {len(raw.stdout) // 1_000_000} MB that are read"
    if not is_import and not is_partial and raw.exit_code not in adapter.clean_exits | adapter.finding_exits:
        return Outcome.FAILED, f"it ended with {_exit(raw)}{_stderr(raw)}"
    if complaint:
        return Outcome.FAILED, f"{complaint}{_stderr(raw)}"
    if not is_import and not is_partial and raw.exit_code not in adapter.clean_exits and not seen:
        return (
            Outcome.FAILED,
            f"its exit code {raw.exit_code} says that it found something, its output does not",
        )
    if stated > seen:
        return Outcome.FAILED, f"it states {stated} findings, and {seen} could be read"
    return None


def _listen(raw: RawOutput, parse: Parse, heard: _Heard, *, is_import: bool = False) -> tuple[str, int]:
    """Take in what `parse` yields; return why it stopped before the end (or nothing), and the count the tool states."""
    stated = 0
    said: list[Said] = []
    complaint = ""
    try:
        said.extend(parse(raw))
    except ParseError as error:
        complaint = f"{'the report' if is_import else 'its output'} is not that of a finished run: {error}"
    except RecursionError:
        complaint = "its output is nested too deeply to be read"
    except Exception as error:  # noqa: BLE001 - a parser that breaks on foreign bytes is a failed run, never a clean one
        complaint = f"its output could not be read ({type(error).__name__})"
    for entry in said:
        match entry:
            case Sighting():
                heard.sightings.append(entry)
            case Gap():
                heard.gaps.append(entry)
            case Skipped():
                heard.skipped.append(entry)
            case Notification():
                heard.notifications.append(entry)
            case Metric():
                heard.metrics[entry.name] = heard.metrics.get(entry.name, 0) + entry.value
            case Stated():
                stated += entry.findings
            case Marked():
                heard.marked.add(entry.path)
    return complaint, stated


def _outcome(
    output: StepOutput, troubles: list[tuple[Outcome, str, tuple[Claim, ...]]], heard: _Heard
) -> tuple[Outcome, str]:
    if troubles:
        scans = [command for command in output.step.commands if not command.is_preparation]
        lost = {claim for _, _, claims in troubles for claim in claims}
        if any(set(command.claims) - lost for command in scans):
            return Outcome.PARTIAL, "; ".join(text for _, text, _ in troubles)
        worst = Outcome.FAILED if any(kind is Outcome.FAILED for kind, _, _ in troubles) else Outcome.TIMED_OUT
        return worst, troubles[0][1]
    if heard.gaps:
        first = min(heard.gaps, key=lambda gap: gap.sort_key)
        more = f" (and {len(heard.gaps) - 1} more)" if len(heard.gaps) > 1 else ""
        place = f"{first.path or first.item}: " if first.path or first.item else ""
        return Outcome.PARTIAL, f"{place}{first.reason}{more}"
    return Outcome.COMPLETED, ""


def stated_version(adapter: Adapter, raw: RawOutput | None) -> tuple[str, str, str]:
    """The version a tool states, why it cannot be used (empty: it can), and what to warn of (empty: nothing)."""
    if raw is None:
        return _library_version(adapter), "", ""
    if raw.spawn_error:
        return "", f"it could not be started: {raw.spawn_error}", ""
    if raw.timed_out:
        return "", f"it did not say its version within {raw.duration_s:.0f} s", ""
    if raw.exit_code != 0:
        return "", f"asked for its version it ended with {_exit(raw)}{_stderr(raw)}", ""
    from packaging.specifiers import SpecifierSet  # noqa: PLC0415
    from packaging.version import InvalidVersion, Version  # noqa: PLC0415

    match = _VERSION.search((raw.stdout or raw.stderr).decode("utf-8", "replace"))
    if not match:
        return "", "", "it does not state a version"
    try:
        stated = Version(match[0].split("+")[0])
    except InvalidVersion:
        return match[0], "", f"its version '{match[0]}' is not one that can be compared"
    known = SpecifierSet(adapter.versions, prereleases=True)
    if stated in known:
        return match[0], "", ""
    lowest = (Version(spec.version.rstrip(".*")) for spec in known if spec.operator in (">=", ">", "==", "~="))
    if any(stated < version for version in lowest):
        return match[0], f"its version {match[0]} is older than what is known to be right ({adapter.versions})", ""
    return match[0], "", f"its version {match[0]} is newer than what was tested ({adapter.versions})"


def _library_version(adapter: Adapter) -> str:
    """The version of the distribution that an in-process scanner runs the code of; empty where there is none."""
    if not adapter.library:
        return ""
    from importlib import metadata  # noqa: PLC0415

    try:
        return metadata.version(adapter.library)
    except metadata.PackageNotFoundError:
        return ""


def _item_gap(adapter: Adapter, claim: Claim, reason: str) -> Gap:
    return Gap(kind=GapKind.ITEM, domain=claim.domain, item=claim.item, reason=reason, scanner=adapter.id)


def _hint(adapter: Adapter, outcome: Outcome) -> str:
    if outcome is Outcome.TIMED_OUT:
        return "give it more time with --timeout, or leave it out with --skip-tool " + adapter.id
    if outcome is Outcome.FAILED and adapter.executable:
        return "run `magray-sec doctor` to see which one is used, and -v for all it printed"
    return ""


def _exit(raw: RawOutput) -> str:
    if raw.exit_code is None:
        return "no exit code"
    return f"signal {-raw.exit_code}" if raw.exit_code < 0 else f"exit code {raw.exit_code}"


def _stderr(raw: RawOutput) -> str:
    """What it said on standard error: from its first error on, else its last words. Lines of JSON are no words."""
    said = raw.stdout if raw.command.reports_on_stderr else raw.stderr
    # Not from the middle of a line on.
    said = said if len(said) <= _STDERR_READ_BYTES else said[-_STDERR_READ_BYTES:].partition(b"\n")[2]
    lines = [line.strip() for line in said.decode("utf-8", "replace").splitlines()]
    lines = [line for line in lines if line and not line.startswith("{")]
    first = next((index for index, line in enumerate(lines) if _ERROR.match(line)), None)
    told = lines[-_STDERR_LINES:] if first is None else lines[first : first + _STDERR_LINES]
    return f": {cut(' / '.join(told), 600)}" if told else ""
