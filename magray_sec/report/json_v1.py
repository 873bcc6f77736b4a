"""The JSON report, version 1: all that a scan says, for other programs and for `magray-sec report`.

`parse(render(report))` is `portable(report)`: the same report without the folders of the machine it was made on.
Every entry of a list stands on a line of its own, so that two reports can be compared line by line.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, BinaryIO, NoReturn
from urllib.parse import quote, unquote_to_bytes

import msgspec

from magray_sec.errors import EngineError, ReportError
from magray_sec.model import decision as model_decision
from magray_sec.model import finding as model_finding
from magray_sec.model import report as model_report
from magray_sec.model import run as model_run
from magray_sec.model.report import ScanReport
from magray_sec.model.text import shown_path
from magray_sec.report import _json_v1_shape as shape

_SURROGATE = re.compile("[\ud800-\udfff]")
_SKIP_WORDS = {reason: reason.name.lower().replace("_", "-") for reason in model_run.SkipReason}
_SKIP_REASONS = {word: reason for reason, word in _SKIP_WORDS.items()}
_AGAIN = "give the file that `magray-sec scan --json FILE` wrote, or scan again"


def render(report: ScanReport, sink: BinaryIO) -> None:
    """Write the report as UTF-8; equal reports give equal bytes.

    EngineError where the decision does not rule on every finding or on none: such a report cannot be told.
    """
    document = _report(report)
    sink.write(b"{")
    for number, name in enumerate(document.__struct_fields__):
        value = getattr(document, name)
        sink.write(b",\n" if number else b"\n")
        sink.write(b'"%s": ' % name.encode("ascii"))
        if isinstance(value, tuple) and value:
            sink.write(b"[\n  " + b",\n  ".join(map(_encode, value)) + b"\n]")
        else:
            sink.write(_encode(value))
    sink.write(b"\n}\n")


def parse(data: bytes) -> ScanReport:
    """The report that `render` wrote. ReportError (exit 2) for anything else, with what to do."""
    try:
        head = msgspec.json.decode(data, type=shape.Head)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        _refuse(f"this is no report of magray-sec: {error}", _AGAIN, error)
    if head.schema != shape.NAME:
        _refuse(f"this is no report of magray-sec: its schema is not '{shape.NAME}'", _AGAIN)
    if head.version != shape.VERSION:
        writer = head.tool.get("version")
        made_by = f" {writer}" if isinstance(writer, str) and re.fullmatch(r"[\w.+-]{1,40}", writer) else ""
        _refuse(
            f"this report is of version {head.version}, and version {shape.VERSION} is read here",
            f"use the magray-sec{made_by} that wrote it, or scan again",
        )
    try:
        return _from_report(msgspec.json.decode(data, type=shape.Report))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        _refuse(f"this report is damaged or of a newer magray-sec: {error}", _AGAIN, error)


def portable(report: ScanReport) -> ScanReport:
    """The report without what is of no use on another machine: the target's and the database's folders."""
    database = replace(report.database, path="") if report.database else None
    return replace(report, target=replace(report.target, root=""), database=database)


def _refuse(message: str, hint: str, cause: Exception | None = None) -> NoReturn:
    error = ReportError(message, hint)
    error.exit_code = 2
    raise error from cause


def _encode(value: Any) -> bytes:
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return msgspec.json.encode(_without_surrogates(msgspec.to_builtins(value)))


def _without_surrogates(value: Any) -> Any:
    """Text is cleaned before it gets here; should some have escaped, a report is still better than none."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_surrogates(entry) for entry in value]
    return value


def _quoted(text: str) -> str:
    """A path, or the id of an item, without anything that could be misread; `_unquoted` gives it back exactly."""
    return quote(os.fsencode(text), safe="/: +@,()=")


def _unquoted(text: str) -> str:
    return os.fsdecode(unquote_to_bytes(text))


def _uri(path: str) -> str:
    return quote(os.fsencode(path), safe="/")


def _report(report: ScanReport) -> shape.Report:
    rulings: tuple[model_decision.Ruling | None, ...] = report.decision.rulings
    if not rulings:
        rulings = (None,) * len(report.findings)
    if len(rulings) != len(report.findings):
        raise EngineError(f"{len(rulings)} rulings on {len(report.findings)} findings", "please report this")
    rules: dict[str, model_finding.Rule] = {}
    for finding in report.findings:
        rules.setdefault(finding.rule.id, finding.rule)
    return shape.Report(
        schema=shape.NAME,
        version=shape.VERSION,
        tool=shape.Tool(name="magray-sec", version=report.tool_version),
        target=_target(report.target),
        started=report.started,
        duration_s=float(report.duration_s),
        whole=report.is_whole,
        decision=_decision(report.decision),
        gaps=tuple(_ruled_gap(entry) for entry in report.decision.gaps),
        findings=tuple(_finding(*pair) for pair in zip(report.findings, rulings, strict=True)),
        rules=tuple(_rule(rules[rule_id]) for rule_id in sorted(rules)),
        runs=tuple(_run(entry) for entry in report.runs),
        items=tuple(_item(entry) for entry in report.items),
        coverage=tuple(
            shape.Coverage(
                domain=entry.domain, item=_quoted(entry.item), covered_by=entry.covered_by, files=entry.files
            )
            for entry in report.coverage
        ),
        skipped=_skipped(report.skipped),
        notifications=_notifications(report.notifications),
        database=_database(report.database),
        baseline=_baseline(report.baseline),
        options=report.options,
        anchor=_quoted(report.anchor),
        line_hashes=tuple(shape.LineHash(uri=_uri(path), hash=value) for path, value in report.line_hashes),
        scope=_scope(report.scope),
    )


def _from_report(document: shape.Report) -> ScanReport:
    rules = {entry.id: _from_rule(entry) for entry in document.rules}
    for entry in document.findings:
        if entry.rule not in rules:
            raise ValueError(f"its rule '{entry.rule}' is not in it")
    judged = [entry for entry in document.findings if entry.verdict is not None]
    if judged and len(judged) != len(document.findings):
        raise ValueError("some of its findings have no verdict")
    return ScanReport(
        tool_version=document.tool.version,
        target=model_run.Target(root="", **_fields(document.target)),
        started=document.started,
        duration_s=document.duration_s,
        items=tuple(_from_item(entry) for entry in document.items),
        coverage=tuple(
            model_report.Coverage(
                domain=entry.domain, item=_unquoted(entry.item), covered_by=entry.covered_by, files=entry.files
            )
            for entry in document.coverage
        ),
        runs=tuple(_from_run(entry) for entry in document.runs),
        findings=tuple(_from_finding(entry, rules[entry.rule]) for entry in document.findings),
        decision=_from_decision(document),
        skipped=_from_skipped(document.skipped),
        notifications=_from_notifications(document.notifications),
        database=model_run.Database(path="", **_fields(document.database)) if document.database else None,
        baseline=_from_baseline(document.baseline),
        options=document.options,
        is_whole=document.whole,
        anchor=_unquoted(document.anchor),
        line_hashes=tuple((_unquoted(entry.uri), entry.hash) for entry in document.line_hashes),
        scope=model_run.Scope(**_fields(document.scope)),
    )


def _fields(struct: msgspec.Struct, *without: str) -> dict[str, Any]:
    return {name: getattr(struct, name) for name in struct.__struct_fields__ if name not in without}


def _target(target: model_run.Target) -> shape.Target:
    return shape.Target(
        name=target.name,
        commit=target.commit,
        branch=target.branch,
        repository=target.repository,
        is_git=target.is_git,
        is_dirty=target.is_dirty,
    )


def _database(database: model_run.Database | None) -> shape.Database | None:
    if database is None:
        return None
    return shape.Database(
        date=database.date,
        advisories=database.advisories,
        commit=database.commit,
        chosen_by_user=database.chosen_by_user,
    )


def _baseline(baseline: model_report.Baseline | None) -> shape.Baseline | None:
    if baseline is None:
        return None
    gone = tuple(
        shape.BaselineEntry(
            identity=entry.identity,
            count=entry.count,
            also_known_as=entry.also_known_as,
            rule=entry.rule,
            path=entry.path,
        )
        for entry in baseline.gone
    )
    return shape.Baseline(file=baseline.file, known=baseline.known, gone=gone)


def _from_baseline(baseline: shape.Baseline | None) -> model_report.Baseline | None:
    if baseline is None:
        return None
    gone = tuple(model_report.BaselineEntry(**_fields(entry)) for entry in baseline.gone)
    return model_report.Baseline(file=baseline.file, known=baseline.known, gone=gone)


def _decision(decision: model_decision.Decision) -> shape.Decision:
    return shape.Decision(
        verdict=decision.verdict,
        complete=decision.complete,
        policy=decision.policy,
        policy_digest=decision.policy_digest,
        reasons=tuple(
            shape.Reason(
                verdict=entry.verdict,
                rule=entry.rule,
                message=entry.message,
                count=entry.count,
                max=entry.max,
                incomplete=entry.incomplete,
            )
            for entry in decision.reasons
        ),
        waivers=tuple(
            shape.Waiver(
                label=entry.label,
                reason=entry.reason,
                owner=entry.owner,
                expires=entry.expires,
                file=entry.file,
                line=entry.line,
                used=entry.used,
                expired=entry.expired,
                source="inline" if entry.is_inline else "policy",
            )
            for entry in decision.waivers
        ),
        not_applicable=decision.not_applicable,
        notes=decision.notes,
    )


def _from_decision(document: shape.Report) -> model_decision.Decision:
    decision = document.decision
    return model_decision.Decision(
        verdict=decision.verdict,
        complete=decision.complete,
        reasons=tuple(model_decision.Reason(**_fields(entry)) for entry in decision.reasons),
        rulings=tuple(
            model_decision.Ruling(
                identity=entry.identity, rule=entry.policy_rule, verdict=entry.verdict, waiver=entry.waiver
            )
            for entry in document.findings
            if entry.verdict is not None
        ),
        waivers=tuple(
            model_decision.WaiverUse(**_fields(entry, "source"), is_inline=entry.source == "inline")
            for entry in decision.waivers
        ),
        gaps=tuple(
            model_decision.GapRuling(gap=_from_gap(entry), effect=entry.effect, accepted_because=entry.accepted_because)
            for entry in document.gaps
        ),
        not_applicable=decision.not_applicable,
        policy=decision.policy,
        policy_digest=decision.policy_digest,
        notes=decision.notes,
    )


def _finding(finding: model_finding.Finding, ruling: model_decision.Ruling | None) -> shape.Finding:
    return shape.Finding(
        identity=finding.identity,
        verdict=ruling.verdict if ruling else None,
        policy_rule=ruling.rule if ruling else "",
        waiver=ruling.waiver if ruling else None,
        rule=finding.rule.id,
        domain=finding.domain,
        severity=finding.severity,
        severity_source=finding.severity_source,
        score=_number(finding.score),
        score_source=finding.score_source,
        confidence=finding.confidence,
        message=finding.message,
        location=_location(finding.location),
        line_hash=finding.line_hash,
        package=_package(finding.package),
        aliases=finding.aliases,
        also_known_as=finding.also_known_as,
        kind=finding.kind,
        preview=finding.preview,
        witnesses=tuple(
            shape.Witness(
                tool=entry.tool,
                native_rule=entry.native_rule,
                native_severity=entry.native_severity,
                url=entry.url,
                imported=entry.imported,
            )
            for entry in finding.witnesses
        ),
        state=finding.state,
        hidden_by=finding.hidden_by,
        origin=_origin(finding.origin),
    )


def _from_finding(entry: shape.Finding, rule: model_finding.Rule) -> model_finding.Finding:
    return model_finding.Finding(
        identity=entry.identity,
        also_known_as=entry.also_known_as,
        domain=entry.domain,
        rule=rule,
        severity=entry.severity,
        severity_source=entry.severity_source,
        score=entry.score,
        score_source=entry.score_source,
        confidence=entry.confidence,
        message=entry.message,
        location=model_finding.Location(
            path=_unquoted(entry.location.uri),
            region=model_finding.Region(**_fields(entry.location.region)) if entry.location.region else None,
            commit=entry.location.commit,
        ),
        line_hash=entry.line_hash,
        package=_from_package(entry.package),
        aliases=entry.aliases,
        kind=entry.kind,
        preview=entry.preview,
        witnesses=tuple(model_finding.Witness(**_fields(witness)) for witness in entry.witnesses),
        state=entry.state,
        hidden_by=entry.hidden_by,
        origin=model_run.Origin(
            commit=entry.origin.commit,
            date=entry.origin.date,
            path=_unquoted(entry.origin.uri),
            is_at_head=entry.origin.at_head,
        )
        if entry.origin
        else None,
    )


def _origin(origin: model_run.Origin | None) -> shape.Origin | None:
    if origin is None:
        return None
    return shape.Origin(
        commit=origin.commit,
        date=origin.date,
        path=shown_path(origin.path),
        uri=_uri(origin.path),
        at_head=origin.is_at_head,
    )


def _scope(scope: model_run.Scope) -> shape.Scope:
    return shape.Scope(
        kind=scope.kind,
        label=scope.label,
        base=scope.base,
        tip=scope.tip,
        commits=scope.commits,
        with_history=scope.with_history,
        unlooked=scope.unlooked,
    )


def _location(location: model_finding.Location) -> shape.Location:
    region = location.region
    return shape.Location(
        path=location.shown,
        uri=location.uri,
        region=shape.Region(
            start_line=region.start_line,
            start_column=region.start_column,
            end_line=region.end_line,
            end_column=region.end_column,
        )
        if region
        else None,
        commit=location.commit,
    )


def _package(package: model_finding.Package | None) -> shape.Package | None:
    if package is None:
        return None
    return shape.Package(
        purl=package.purl,
        name=package.name,
        version=package.version,
        fixed_versions=package.fixed_versions,
        dependency_path=package.path,
        lockfile=_quoted(package.lockfile),
        lock_is_generated=package.lock_is_generated,
        license=package.license,
        dependency_kind=package.dependency_kind,
    )


def _from_package(package: shape.Package | None) -> model_finding.Package | None:
    if package is None:
        return None
    return model_finding.Package(
        path=package.dependency_path,
        lockfile=_unquoted(package.lockfile),
        **_fields(package, "dependency_path", "lockfile"),
    )


def _rule(rule: model_finding.Rule) -> shape.Rule:
    return shape.Rule(
        id=rule.id,
        domain=rule.domain,
        title=rule.title,
        description=rule.description,
        help=rule.help,
        cwe=rule.cwe,
        references=rule.references,
        severity=rule.severity,
        score=_number(rule.score),
    )


def _from_rule(rule: shape.Rule) -> model_finding.Rule:
    return model_finding.Rule(**_fields(rule))


def _gap(gap: model_run.Gap) -> dict[str, Any]:
    return {
        "kind": gap.kind,
        "reason": gap.reason,
        "hint": gap.hint,
        "domain": gap.domain,
        "item": _quoted(gap.item),
        "path": shown_path(gap.path),
        "uri": _uri(gap.path),
        "scanner": gap.scanner,
    }


def _ruled_gap(ruling: model_decision.GapRuling) -> shape.RuledGap:
    return shape.RuledGap(effect=ruling.effect, accepted_because=ruling.accepted_because, **_gap(ruling.gap))


def _from_gap(gap: shape.Gap) -> model_run.Gap:
    return model_run.Gap(
        kind=gap.kind,
        reason=gap.reason,
        hint=gap.hint,
        domain=gap.domain,
        item=_unquoted(gap.item),
        path=_unquoted(gap.uri),
        scanner=gap.scanner,
    )


def _item(item: model_run.Item) -> shape.Item:
    return shape.Item(
        id=_quoted(item.id),
        kind=item.kind,
        ecosystem=item.ecosystem,
        domains=tuple(sorted(item.domains, key=lambda domain: domain.value)),
        files=item.files,
        facts=dict(item.facts),
    )


def _from_item(item: shape.Item) -> model_run.Item:
    kind, _, name = _unquoted(item.id).partition(":")
    if kind != item.kind.value:
        raise ValueError(f"the item '{item.id}' is not of the kind '{item.kind.value}'")
    return model_run.Item(
        kind=item.kind,
        name=name,
        ecosystem=item.ecosystem,
        domains=frozenset(item.domains),
        files=item.files,
        facts=tuple(item.facts.items()),
    )


def _run(run: model_run.ToolRun) -> shape.Run:
    return shape.Run(
        adapter=run.adapter,
        outcome=run.outcome,
        domains=run.domains,
        reason=run.reason,
        hint=run.hint,
        version=run.version,
        imported=run.is_import,
        commands=run.commands,
        started=run.started,
        duration_s=float(run.duration_s),
        exit_code=run.exit_code,
        claims=tuple(shape.Claim(domain=entry.domain, item=_quoted(entry.item)) for entry in run.claims),
        gaps=tuple(shape.Gap(**_gap(entry)) for entry in run.gaps),
        skipped=_skipped(run.skipped),
        notifications=_notifications(run.notifications),
        metrics=dict(run.metrics),
    )


def _from_run(run: shape.Run) -> model_run.ToolRun:
    return model_run.ToolRun(
        adapter=run.adapter,
        domains=run.domains,
        outcome=run.outcome,
        reason=run.reason,
        hint=run.hint,
        version=run.version,
        commands=run.commands,
        started=run.started,
        duration_s=run.duration_s,
        exit_code=run.exit_code,
        claims=tuple(model_run.Claim(domain=entry.domain, item=_unquoted(entry.item)) for entry in run.claims),
        gaps=tuple(_from_gap(entry) for entry in run.gaps),
        skipped=_from_skipped(run.skipped),
        notifications=_from_notifications(run.notifications),
        metrics=tuple(run.metrics.items()),
        is_import=run.imported,
    )


def _skipped(entries: Iterable[model_run.Skipped]) -> tuple[shape.Skipped, ...]:
    return tuple(
        shape.Skipped(
            reason=_SKIP_WORDS[entry.reason], path=shown_path(entry.path), uri=_uri(entry.path), detail=entry.detail
        )
        for entry in entries
    )


def _from_skipped(entries: Iterable[shape.Skipped]) -> tuple[model_run.Skipped, ...]:
    made = []
    for entry in entries:
        if entry.reason not in _SKIP_REASONS:
            raise ValueError(f"'{entry.reason}' is no reason to leave out a file")
        made.append(
            model_run.Skipped(reason=_SKIP_REASONS[entry.reason], path=_unquoted(entry.uri), detail=entry.detail)
        )
    return tuple(made)


def _notifications(entries: Iterable[model_run.Notification]) -> tuple[shape.Notification, ...]:
    return tuple(
        shape.Notification(
            level=entry.level,
            message=entry.message,
            path=shown_path(entry.path),
            uri=_uri(entry.path),
            scanner=entry.scanner,
        )
        for entry in entries
    )


def _from_notifications(entries: Iterable[shape.Notification]) -> tuple[model_run.Notification, ...]:
    return tuple(
        model_run.Notification(
            level=entry.level, message=entry.message, path=_unquoted(entry.uri), scanner=entry.scanner
        )
        for entry in entries
    )


def _number(value: float | None) -> float | None:
    """A whole number is written as a float too, so that a report that was read back is the same bytes."""
    return None if value is None else float(value)
