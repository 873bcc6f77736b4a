"""kingfisher: credentials by the formats of some 300 providers; each can be tried with its provider.

https://github.com/mongodb/kingfisher

Every file, binary ones, archives and base64 included, and with --history every file of every commit. It tries no
credential unless --verify-secrets is given. Comments of the target that tell it not to look are not followed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from magray_sec.adapters import _secret_reports
from magray_sec.adapters._read import decode, document, records
from magray_sec.adapters._secret_reports import Seen, is_import, number_of, text_of, value_of
from magray_sec.adapters._secret_rules import KINGFISHER
from magray_sec.model.adapter import Adapter, Metric, ParseError, Said
from magray_sec.model.run import (
    Claim,
    Command,
    Gap,
    GapKind,
    ItemKind,
    Notification,
    RawOutput,
    ScanContext,
    Target,
)
from magray_sec.model.scale import Confidence, Domain
from magray_sec.model.text import clean

_OPTIONS = (
    *("--format=json", "--no-update-check", "--quiet", "--no-dedup", "--no-ignore", "--jobs=1"),
    "--confidence=low",
)
_COMMENTS = (b"kingfisher:ignore", b"kingfisher:allow")
_CONFIDENCE = {"low": Confidence.LOW, "medium": Confidence.MEDIUM, "high": Confidence.HIGH}
_UNREAD = re.compile(r"\bERROR\b.*?\bFailed to load blob from (?P<path>.+?): (?P<why>I/O error: [^:]*)")
_ERROR = re.compile(r"\bERROR\b .*")
_OFFLINE = "the scan is offline, so no credential was tried with its provider"


def commands(target: Target, claims: tuple[Claim, ...], context: ScanContext) -> tuple[Command | Gap, ...]:
    """One for the tree; for the history a copy of the repository, and one for that."""
    made: list[Command | Gap] = []
    verifies = context.verify_secrets and not context.offline
    checks = () if verifies else ("--no-validate",)
    # To make its rules ready takes it longer than to look at most targets.
    environment = {"KF_RULE_CACHE_DIR": os.path.join(context.cache or context.work, "kingfisher")}
    size = f"--max-file-size={max(1, context.limits.max_file_bytes // 1_000_000)}"
    if tree := _secret_reports.of_kind(claims, ItemKind.TREE):
        # Its own walk would take the objects of the repository for files.
        left_out = (
            "--exclude=**/.git/**",
            *(f"--skip-path-prefix={name}/" for name in _secret_reports.excluded(context)),
        )
        made.append(
            Command(
                argv=("{tool}", "scan", *_OPTIONS, *checks, size, "--git-history=none", *left_out, "--", target.root),
                environment=environment,
                claims=tree,
                inputs=_secret_reports.listed(target, context),
                network=verifies,
                facts=_secret_reports.facts(target, context, verifies=verifies),
            )
        )
    made += _secret_reports.of_history(
        target,
        claims,
        context,
        lambda place: ("{tool}", "scan", *_OPTIONS, *checks, size, "--git-history=full", "--", place),
        environment=environment,
        verifies=verifies,
    )
    return tuple(made)


def parse(raw: RawOutput) -> Iterator[Said]:
    """A sighting for each finding. ParseError where the run did not come to its end."""
    if is_import(raw):
        entries, notes = _imported(raw.stdout)
        yield from notes
    else:
        value, notes = document(raw.stdout, dict[str, Any])
        yield from notes
        yield from _circumstances(raw, value)
        entries = _findings(value)
    seen = [_seen(entry) for entry in entries]
    yield from _secret_reports.report(raw, seen, _COMMENTS)


def _circumstances(raw: RawOutput, value: Mapping[str, Any]) -> Iterator[Said]:
    """What it says of how it went."""
    audit, metadata = value.get("audit"), value.get("metadata")
    went = audit.get("summary") if isinstance(audit, dict) else None
    summary = metadata.get("summary") if isinstance(metadata, dict) else None
    if not isinstance(went, dict) or not isinstance(summary, dict):
        raise ParseError("it does not say how the scan went")
    if number_of(went, "scan_failed") != 0 or number_of(went, "pending") not in (0, None):
        raise ParseError("it says that it failed to scan the target")
    partial, whole = number_of(went, "scan_partial") or 0, number_of(went, "scan_succeeded") or 0
    if partial + whole < 1:
        raise ParseError("it says of nothing that it was scanned")
    log = decode(raw.stderr)
    if partial:
        yield from _unread(raw, log)
    if (number_of(summary, "rules_applied") or 0) <= 0:
        raise ParseError("it applied no rule")
    amount = number_of(summary, "bytes_scanned") or 0
    _secret_reports.nothing_read(raw, amount)
    stated = number_of(summary, "findings")
    if stated is not None and stated != len(_findings(value)):
        raise ParseError(f"it states {stated} findings, and its report holds {len(_findings(value))}")
    yield Metric(name="bytes", value=amount)
    yield from _secret_reports.shallow(raw)


def _unread(raw: RawOutput, log: str) -> Iterator[Said]:
    told = [(match["path"], match["why"].removeprefix("I/O error: ").lower()) for match in _UNREAD.finditer(log)]
    for path, why in told:
        yield from _secret_reports.unread(raw, path, clean(why, limit=100))
    if not told:
        complaint = _ERROR.search(log)
        why = clean(complaint[0], limit=300) if complaint else "it does not say which"
        for claim in raw.command.claims:
            reason = f"a part could not be scanned: {why}"
            yield Gap(kind=GapKind.ITEM, domain=claim.domain, item=claim.item, reason=reason, hint="see -v")


def _findings(value: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = value.get("findings")
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise ParseError("its JSON holds no list of findings")
    return found


def _imported(data: bytes) -> tuple[list[dict[str, Any]], tuple[Notification, ...]]:
    """The findings of a report in any of its forms: one object, an array, one object a line."""
    text = data.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text.startswith(b"["):
        return _secret_reports.of_array(data)
    try:
        value, notes = document(data, dict[str, Any])
    except ParseError:
        # Lines of which the first is broken off or none.
        value, notes = {}, ()
    if "findings" in value:
        if not value["findings"] and not ("metadata" in value or "audit" in value):
            raise ParseError("it holds no finding, and nothing that says that the scan came to its end")
        return _findings(value), notes
    _secret_reports.refuse_sarif(value)
    lines = records(data if data.endswith(b"\n") else data + b"\n", dict[str, Any])
    if lines.broken:
        raise ParseError(f"line {lines.broken[0]} of it is no JSON object")
    entries = [entry for entry in lines.values if "rule" in entry or "finding" in entry]
    ends = [entry for entry in lines.values if "audit" in entry or "metadata" in entry]
    if len(entries) + len(ends) < len(lines.values):
        raise ParseError("a line of it is neither a finding nor the end of a report")
    if not entries and not ends:
        raise ParseError("it holds no finding, and nothing that says that the scan came to its end")
    return entries, ()


def _seen(entry: Mapping[str, Any]) -> Seen:
    rule = entry.get("rule")
    rule = rule if isinstance(rule, dict) else {"id": rule, "name": entry.get("rule_name")}
    inner = entry.get("finding")
    found: Mapping[str, Any] = inner if isinstance(inner, dict) else entry
    name = text_of(rule, "id", "name")
    if not name or not text_of(found, "path"):
        raise ParseError("a finding of its report names no rule or no file")
    line = number_of(found, "line", "line_start", "start_line")
    start, end = number_of(found, "column_start"), number_of(found, "column_end")
    # From 0, the end inclusive.
    columns = (start + 1, end + 2) if start is not None and end is not None and 0 <= start <= end else None
    validation = found.get("validation")
    state, note, confidence = _validity(validation if isinstance(validation, dict) else {})
    told = _CONFIDENCE.get(text_of(found, "confidence").lower(), Confidence.MEDIUM)
    git = found.get("git_metadata")
    git = git if isinstance(git, dict) else {}
    commit = git.get("commit")
    commit = commit if isinstance(commit, dict) else {}
    file = git.get("file")
    return Seen(
        rule=name,
        title=text_of(rule, "description", "name") or name,
        path=text_of(file, "path") if isinstance(file, dict) and text_of(file, "path") else text_of(found, "path"),
        line=line,
        value=value_of(text_of(found, "snippet")),
        columns=columns,
        is_decoded=bool(found.get("encoding")),
        confidence=confidence or told,
        state=state,
        note=note,
        commit=text_of(commit, "id"),
        date=_secret_reports.date_of(text_of(commit, "date")),
    )


def _validity(validation: Mapping[str, Any]) -> tuple[str, str, Confidence | None]:
    """What is known of whether it is valid: a word, the end of a sentence, and what that makes of the confidence."""
    outcome = (text_of(validation, "outcome") or text_of(validation, "status")).lower().replace(" ", "_")
    if outcome in ("verified_active", "verified", "active_credential"):
        return "verified", "its provider accepts it", Confidence.VERIFIED
    if outcome in ("verified_inactive", "inactive_credential", "inactive"):
        return "inactive", "its provider does not accept it any more", Confidence.LOW
    if outcome in ("unavailable", "inconclusive_validation", "error"):
        return "unknown", "its provider could not be asked", None
    return "", "", None


ADAPTER = Adapter(
    id="kingfisher",
    title="secrets, by the rules of kingfisher",
    domains=frozenset({Domain.SECRETS}),
    claims=_secret_reports.claims,
    versions=">=2.14,<2.15",
    executable="kingfisher",
    uses=_secret_reports.GIT,
    install="pip install 'kingfisher-bin>=2.14', or on macOS: brew install kingfisher",
    clean_exits=frozenset({0}),
    finding_exits=frozenset({200, 205}),
    commands=commands,
    imported=_secret_reports.imported,
    parse=parse,
    canonical=KINGFISHER,
)
