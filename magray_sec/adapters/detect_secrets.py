"""detect-secrets: credentials by their providers' formats.

https://github.com/Yelp/detect-secrets

Its plugins run in process, over every text file and whatever the encoding; those that guess (by entropy, by a
variable's name) and the one for public addresses do not. Nothing is verified over the network. A line that the target
marks `pragma: allowlist secret`, or lists in its `.secrets.baseline`, is reported all the same, and marked.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from magray_sec.adapters._detect_secrets import Hit, Plugins, token_by_digest
from magray_sec.adapters._read import document
from magray_sec.adapters._secret_kinds import Judged, canonical, judge
from magray_sec.adapters._skips import binary
from magray_sec.model.adapter import Adapter, Metric, ParseError, Said, Stated
from magray_sec.model.finding import Place, Sighting
from magray_sec.model.run import (
    Claim,
    Command,
    Gap,
    GapKind,
    Inventory,
    ItemKind,
    Level,
    Notification,
    RawOutput,
    ScanContext,
    Source,
    Target,
)
from magray_sec.model.scale import Confidence, Domain, Severity
from magray_sec.model.text import clean
from magray_sec.regex.encoding import readable

_BASELINE = ".secrets.baseline"
_MOST_BASELINE_BYTES = 16_000_000
_MOST_HITS = 10_000
"""In one file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Baseline:
    """What the target's own baseline lists: path -> pairs of type and digest."""

    listed: Mapping[str, frozenset[tuple[str, str]]] = field(default_factory=dict)
    trouble: str = ""
    is_there: bool = False

    def holds(self, path: str, token: bytes) -> bool:
        """Whether a token of a file is a digest of this baseline itself."""
        return path == _BASELINE and any(
            digest.encode() == token for entries in self.listed.values() for _, digest in entries
        )


def claims(inventory: Inventory) -> tuple[Claim, ...]:
    """All text, for secrets."""
    return tuple(Claim(domain=Domain.SECRETS, item=item.id) for item in inventory.of(ItemKind.TREE))


def inspect(source: Source, _claimed: tuple[Claim, ...], context: ScanContext) -> Iterator[Said]:
    """Every file of `source`. Spans count in the bytes of `regex.encoding.readable`."""
    plugins = Plugins(context.cache)
    baseline = _baseline(source)
    if baseline.is_there:
        message = baseline.trouble or "what it lists is reported, and marked; its settings are not followed"
        yield Notification(level=Level.NOTE, message=message, path=_BASELINE)
    skipped = []
    for file in source.files():
        try:
            raw = source.read(file.path)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            yield Gap(kind=GapKind.FILE, path=file.path, reason=f"it cannot be read: {reason}", hint="make it readable")
            continue
        text = readable(raw)
        if text is None:
            skipped.append(file.path)
            continue
        hidden = 0
        for number, hit in enumerate(plugins.hits(file.path, text)):
            if number == _MOST_HITS:
                yield Gap(
                    kind=GapKind.FILE,
                    path=file.path,
                    domain=Domain.SECRETS,
                    reason=f"it has more than {_MOST_HITS} candidates; it was looked at in part",
                    hint="exclude the file, or accept the gap",
                )
                break
            judged = None if baseline.holds(file.path, text[slice(*hit.span)]) else judge(hit.type, text, hit.span)
            if judged is None:
                continue  # a placeholder or an example
            sighting = _sighting(file.path, text, hit, judged, baseline)
            hidden += bool(sighting.hidden_by)
            yield sighting
        if hidden:
            what = "finding stands" if hidden == 1 else "findings stand"
            message = f"{hidden} {what} where the target tells detect-secrets not to look; that is not followed"
            yield Notification(level=Level.NOTE, message=message, path=file.path)
    yield from binary(skipped)
    yield Metric(name="plugins", value=plugins.count)


def _sighting(path: str, text: bytes, hit: Hit, judged: Judged, baseline: _Baseline) -> Sighting:
    kind = judged.kind
    reasons = [f"the comment `{hit.allowed_by}`"] if hit.allowed_by else []
    if (hit.type, hit.digest) in baseline.listed.get(path, ()):
        reasons.append(_BASELINE)
    return Sighting(
        native_rule=hit.type,
        domain=Domain.SECRETS,
        message=kind.title if kind else hit.type,
        rule=kind.rule if kind else None,
        severity=kind.severity if kind else Severity.UNKNOWN,
        confidence=judged.confidence,
        place=Place(path=path, span=hit.span),
        preview=_preview(judged, text, hit.span),
        hidden_by=" and ".join(reasons),
    )


def _preview(judged: Judged, text: bytes, span: tuple[int, int]) -> str:
    prefix = judged.kind.preview if judged.kind else ""
    if not prefix or not text.startswith(prefix.encode(), span[0]):
        return ""
    return f"{prefix}\u2026 ({span[1] - span[0]} characters)"


def _baseline(source: Source) -> _Baseline:
    if not any(file.path == _BASELINE and file.size <= _MOST_BASELINE_BYTES for file in source.files()):
        return _Baseline()
    try:
        results = json.loads(source.read(_BASELINE))["results"]
        listed = {
            str(path): frozenset((str(entry["type"]), str(entry["hashed_secret"])) for entry in entries)
            for path, entries in results.items()
        }
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return _Baseline(
            is_there=True, trouble="it cannot be understood; it is not one that detect-secrets would follow"
        )
    return _Baseline(is_there=True, listed=listed)


class _Entry(msgspec.Struct):
    type: str
    hashed_secret: str
    line_number: int = 0
    is_verified: bool = False
    is_secret: bool | None = None


class _Report(msgspec.Struct):
    version: str
    plugins_used: list[Any]
    results: dict[str, list[_Entry]]


def imported(target: Target, inventory: Inventory) -> Command:
    """A report made elsewhere covers nothing, since it names only the files that it found something in."""
    inputs = tuple(os.path.join(target.root, file.path) for file in inventory.files)
    return Command(argv=(), inputs=inputs, facts={"root": target.root})


def parse(raw: RawOutput) -> Iterator[Said]:
    """What `detect-secrets scan` printed, or a baseline file. ParseError where it is neither.

    It holds no secret and no column: the token is looked for on its line by the digest.
    """
    report, notes = document(raw.stdout, _Report)
    if not report.plugins_used:
        raise ParseError("it was made without any plugin")
    yield from notes
    entries = [(path.replace("\\", "/"), entry) for path in sorted(report.results) for entry in report.results[path]]
    plugins = Plugins(None) if entries else None
    for path, group in itertools.groupby(entries, key=lambda pair: pair[0]):
        data = raw.input(os.path.join(raw.command.facts.get("root", ""), path))
        text = readable(data) if data is not None else None
        known = plugins.by_digest(path, text) if plugins and text is not None else {}
        for _, entry in group:
            yield _reported(path, text, entry, known)
    yield Stated(findings=len(entries))


def _reported(path: str, text: bytes | None, entry: _Entry, known: Mapping[tuple[int, str, str], Hit]) -> Sighting:
    hit = known.get((entry.line_number, entry.type, entry.hashed_secret))
    span = hit.span if hit else token_by_digest(text or b"", entry.line_number, entry.hashed_secret)
    judged = judge(entry.type, text, span) if text is not None and span else None
    kind = judged.kind if judged else None
    confidence = Confidence.VERIFIED if entry.is_verified else judged.confidence if judged else Confidence.LOW
    return Sighting(
        native_rule=entry.type,
        domain=Domain.SECRETS,
        message=kind.title if kind else clean(entry.type, limit=100),
        rule=kind.rule if kind else None,
        severity=kind.severity if kind else Severity.UNKNOWN,
        confidence=confidence,
        place=Place(path=path, span=span) if span else Place(path=path, start_line=max(entry.line_number, 1)),
        preview=_preview(judged, text, span) if judged and text is not None and span else "",
        hidden_by="an audit of the report, which calls it no secret" if entry.is_secret is False else "",
    )


ADAPTER = Adapter(
    id="detect-secrets",
    title="secrets, by the plugins of detect-secrets",
    domains=frozenset({Domain.SECRETS}),
    claims=claims,
    library="detect-secrets",
    inspect=inspect,
    per_file=True,
    shared=frozenset({_BASELINE}),
    imported=imported,
    parse=parse,
    canonical=canonical(),
)
