"""gitleaks: credentials by the formats of some 200 providers, and by the names they are assigned to.

https://github.com/gitleaks/gitleaks

Every file, archives and base64 included, and with --history every line that a commit added. It leaves out lock files,
fonts, images, `node_modules` and other folders of packages by its own list. It verifies nothing. The target's own
.gitleaks.toml, .gitleaksignore and comments are not followed: what they would have hidden is marked.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from typing import Any

from magray_sec.adapters import _secret_reports
from magray_sec.adapters._read import decode
from magray_sec.adapters._secret_reports import Seen, is_history, is_import, number_of, text_of, value_of
from magray_sec.adapters._secret_rules import GITLEAKS
from magray_sec.model.adapter import Adapter, Metric, ParseError, Said
from magray_sec.model.run import (
    Claim,
    Command,
    Gap,
    GapKind,
    ItemKind,
    Level,
    Notification,
    RawOutput,
    ScanContext,
    Target,
)
from magray_sec.model.scale import Confidence, Domain
from magray_sec.model.text import clean

_OPTIONS = (
    *("--no-banner", "--no-color", "--log-level=info", "--report-format=json", "--report-path=-", "--exit-code=0"),
    *("--ignore-gitleaks-allow", "--gitleaks-ignore-path=/nonexistent", "--max-archive-depth=3"),
)
_COMMENT = b"gitleaks:allow"
_IGNORE = ".gitleaksignore"
_SETTINGS = ".gitleaks.toml"
_GUESSES = frozenset({"generic-api-key", "curl-auth-header", "curl-auth-user", "kubernetes-secret-yaml"})
_BROKEN = re.compile(r"\b(?:ERR|FTL|PNC)\b.*|partial scan.*")
_UNREAD = re.compile(r"\bWRN skipping (?:file|directory).*?permission denied.*?\bpath=(?P<path>\".*\"|.*)$")
_SCANNED = re.compile(r"\bscanned ~(\d+) bytes")
_FOUND = re.compile(r"\bleaks found: (\d+)")
_COMMITS = re.compile(r"\b(\d+) commits scanned")
_LONG_LINE = 10_000
"""From here on its columns are not those of the line."""


def commands(target: Target, claims: tuple[Claim, ...], context: ScanContext) -> tuple[Command | Gap, ...]:
    """One for the tree; for the history a copy of the repository, and one for that."""
    made: list[Command | Gap] = []
    size = f"--max-target-megabytes={max(1, context.limits.max_file_bytes // 1_000_000)}"
    environment = {"GITLEAKS_CONFIG_TOML": _settings(target, context), "GOMAXPROCS": "1"}
    if tree := _secret_reports.of_kind(claims, ItemKind.TREE):
        made.append(
            Command(
                argv=("{tool}", "dir", *_OPTIONS, size, "--", target.root),
                environment=environment,
                claims=tree,
                inputs=_secret_reports.listed(target, context),
                facts=_secret_reports.facts(target, context),
            )
        )
    made += _secret_reports.of_history(
        target,
        claims,
        context,
        lambda place: ("{tool}", "git", *_OPTIONS, size, "--platform=none", "--", place),
        environment=environment,
    )
    return tuple(made)


def _settings(target: Target, context: ScanContext) -> str:
    """Its settings, handed over in a variable: with these it reads none of the target's."""
    paths = ", ".join(json.dumps(pattern) for pattern in _secret_reports.excluding(target, context))
    return f"[extend]\nuseDefault = true\n[[allowlists]]\npaths = [{paths}]\n"


def parse(raw: RawOutput) -> Iterator[Said]:
    """A sighting for each leak. ParseError where the run did not come to its end."""
    entries, notes = _secret_reports.of_array(raw.stdout)
    yield from notes
    if not is_import(raw):
        yield from _circumstances(raw, len(entries))
    seen = [_seen(entry) for entry in entries]
    ignored: frozenset[tuple[str, str, int]] = frozenset()
    if not is_import(raw) and not is_history(raw):
        yield from _own_files(raw)
        ignored = _ignored(_ignore_file(raw) or b"")
    yield from _secret_reports.report(raw, seen, (_COMMENT,), ignored, _IGNORE)


def _circumstances(raw: RawOutput, count: int) -> Iterator[Said]:
    """What its log says of how it went."""
    log = decode(raw.stderr)
    if broken := _BROKEN.search(log):
        raise ParseError(f"it complains: {clean(broken[0], limit=300)}")
    scanned = _SCANNED.search(log)
    if scanned is None:
        raise ParseError("it does not say that it came to its end")
    amount = int(scanned[1])
    _secret_reports.nothing_read(raw, amount)
    found = _FOUND.search(log)
    if found and int(found[1]) != count:
        raise ParseError(f"it states {int(found[1])} leaks, and its report holds {count}")
    if is_history(raw):
        commits = _COMMITS.search(log)
        if commits is None:
            raise ParseError("it does not say how many commits it looked at")
        yield Metric(name="commits", value=int(commits[1]))
        yield from _secret_reports.shallow(raw)
    yield Metric(name="bytes", value=amount)
    for line in log.splitlines():
        if unread := _UNREAD.search(line):
            told = unread["path"]
            if told.startswith('"'):
                try:
                    told = str(json.loads(told))
                except ValueError:
                    told = told.strip('"')
            yield from _secret_reports.unread(raw, told, "permission denied")


def _own_files(raw: RawOutput) -> Iterator[Said]:
    """What the target has for it, and what of that it obeys all the same."""
    root = raw.command.facts.get("root", "")
    if os.path.join(root, _SETTINGS) in raw.command.inputs:
        yield Notification(level=Level.NOTE, message="the target's settings for it are not followed", path=_SETTINGS)
    data = _ignore_file(raw)
    if data is None:
        return
    yield Notification(level=Level.NOTE, message="what it lists is reported all the same", path=_IGNORE)
    if f"{root}/".encode("utf-8", "surrogateescape") in data:
        # NOTE: it reads the file in any case, and the names in its own report are absolute.
        reason = f"{_IGNORE} names files by where this very folder lies, and gitleaks obeys that"
        hint = "take these lines out, or scan a copy in another folder"
        for claim in raw.command.claims:
            yield Gap(kind=GapKind.ITEM, domain=claim.domain, item=claim.item, reason=reason, hint=hint)


def _ignore_file(raw: RawOutput) -> bytes | None:
    """The target's list of what is not to be reported; None where there is none."""
    return raw.input(os.path.join(raw.command.facts.get("root", ""), _IGNORE))


def _ignored(data: bytes) -> frozenset[tuple[str, str, int]]:
    """What that list names: path, rule and line of each entry that is of no single commit."""
    entries = set()
    for text in decode(data).splitlines():
        fields = text.strip().rsplit(":", 2)
        if len(fields) == 3 and fields[2].isdecimal() and len(fields[2]) < 12:
            entries.add((fields[0], fields[1], int(fields[2])))
    return frozenset(entries)


def _seen(entry: dict[str, Any]) -> Seen:
    """An entry of a report of version 8, or 7, whose fields have other names."""
    rule = text_of(entry, "RuleID", "ruleID", "rule_id", "rule", "Rule", "Description")
    path = text_of(entry, "File", "file")
    if not rule or not ("File" in entry or "file" in entry):
        raise ParseError("an entry of its report names no rule or no file")
    line = number_of(entry, "StartLine", "startLine", "lineNumber", "LineNumber", "Line")
    tags = entry.get("Tags")
    return Seen(
        rule=rule,
        title=text_of(entry, "Description", "rule") or rule,
        path=path,
        line=line,
        value=value_of(text_of(entry, "Secret", "secret", "offender", "Offender")),
        columns=_columns(entry, line or 1),
        is_decoded=isinstance(tags, list) and any(str(tag).startswith("decoded:") for tag in tags),
        confidence=Confidence.LOW if rule in _GUESSES else Confidence.MEDIUM,
        commit=text_of(entry, "Commit", "commit"),
        date=_secret_reports.date_of(text_of(entry, "Date", "date")),
    )


def _columns(entry: dict[str, Any], line: int) -> tuple[int, int] | None:
    """They are one too many on every line but the first, and the end is inclusive."""
    start, end = number_of(entry, "StartColumn"), number_of(entry, "EndColumn")
    if start is None or end is None or not 0 < start <= end < _LONG_LINE:
        return None
    if number_of(entry, "EndLine") not in (None, line):
        return None
    return (start, end + 1) if line == 1 else (max(1, start - 1), end)


ADAPTER = Adapter(
    id="gitleaks",
    title="secrets, by the rules of gitleaks",
    domains=frozenset({Domain.SECRETS}),
    claims=_secret_reports.claims,
    versions=">=8.25,<8.31",
    executable="gitleaks",
    uses=_secret_reports.GIT,
    install="go install github.com/zricethezav/gitleaks/v8@v8.30.1, or on macOS: brew install gitleaks",
    clean_exits=frozenset({0}),
    commands=commands,
    imported=_secret_reports.imported,
    parse=parse,
    canonical=GITLEAKS,
)
