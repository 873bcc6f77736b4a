"""trufflehog: credentials by detectors of some 800 providers; each can be tried with its provider.

https://github.com/trufflesecurity/trufflehog

Every file, archives and base64 included, and with --history every change of every commit. With --verify-secrets each
credential is tried with its provider, which sends it to hosts that the target names; what that came to is told apart:
verified, unknown (nobody could be asked), unverified. It cannot be told to look at lines that the target marks
`trufflehog:ignore`: where these stand is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from magray_sec.adapters import _secret_reports
from magray_sec.adapters._read import document, records
from magray_sec.adapters._secret_reports import Seen, is_history, is_import, number_of, text_of, value_of
from magray_sec.adapters._secret_rules import TRUFFLEHOG
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

_OPTIONS = ("--json", "--no-update", "--no-color", "--concurrency=1", "--fail-on-scan-errors")
_RESULTS = "--results=verified,unknown,unverified"
_COMMENT = b"trufflehog:ignore"
_END = "finished scanning"
_PLAIN = frozenset({"", "PLAIN", "UTF8", "UTF16"})
_KEY = b"-----BEGIN "
_MOST_NAMED = 20


def commands(target: Target, claims: tuple[Claim, ...], context: ScanContext) -> tuple[Command | Gap, ...]:
    """One for the tree; for the history a copy of the repository, and one for that."""
    made: list[Command | Gap] = []
    verifies = context.verify_secrets and not context.offline
    # Never both: without verification it would leave out all that is not verified.
    options = (*_OPTIONS, _RESULTS) if verifies else (*_OPTIONS, "--no-verification")
    if tree := _secret_reports.of_kind(claims, ItemKind.TREE):
        patterns = "".join(f"{pattern}\n" for pattern in _secret_reports.excluding(target, context))
        made.append(
            Command(
                argv=("{tool}", "filesystem", *options, "--exclude-paths=/dev/stdin", "--", target.root),
                stdin=patterns.encode("utf-8"),
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
        lambda place: ("{tool}", "git", *options, "--bare", "--", f"file://{quote(place)}"),
        verifies=verifies,
    )
    return tuple(made)


def parse(raw: RawOutput) -> Iterator[Said]:
    """A sighting for each result. ParseError where the run did not come to its end."""
    entries, notes = _entries(raw)
    yield from notes
    if not is_import(raw):
        yield from _circumstances(raw, len(entries))
        if not is_history(raw):
            yield from _obeyed(raw)
    asked = is_import(raw) or raw.command.facts.get("verifies") == "yes"
    seen = [one for entry in entries for one in _seen(entry, asked=asked)]
    # It prints in another order each time.
    seen.sort(key=lambda one: (one.path, one.line or 0, one.rule, one.value, one.commit))
    yield from _secret_reports.report(raw, seen)


def _entries(raw: RawOutput) -> tuple[list[dict[str, Any]], tuple[Notification, ...]]:
    data, notes = _without_rest(raw.stdout)
    if is_import(raw):
        if data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"["):
            return _secret_reports.of_array(data)
        if not data.strip():
            raise ParseError("it is empty, as are the reports of a scan that found nothing and of one that failed")
        data = data if data.endswith(b"\n") else data + b"\n"
        _secret_reports.refuse_sarif(_first(raw.stdout))
    lines = records(data, dict[str, Any])
    if lines.is_cut:
        raise ParseError("its output breaks off within a line")
    if lines.broken:
        raise ParseError(f"line {lines.broken[0]} of its output is no JSON object")
    entries = [entry for entry in lines.values if not _is_log(entry)]
    if is_import(raw) and not entries and not any(entry.get("msg") == _END for entry in lines.values):
        raise ParseError("it holds no result, and nothing that says that the scan came to its end")
    return entries, notes


def _without_rest(data: bytes) -> tuple[bytes, tuple[Notification, ...]]:
    """The output up to the end of the last line that may be a result, and a warning where text follows it."""
    last = data.rfind(b"\n{") + 1
    end = data.find(b"\n", last) + 1
    rest = data[end:].strip()
    if not end or not data.startswith(b"{", last) or not rest:
        return data, ()
    message = f"what follows its report ({len(rest)} characters) was not read"
    return data[:end], (Notification(level=Level.WARNING, message=message),)


def _first(data: bytes) -> Mapping[str, Any]:
    """The object that an output begins with, over however many lines; empty where there is none."""
    try:
        return document(data, dict[str, Any])[0]
    except ParseError:
        return {}


def _is_log(entry: Mapping[str, Any]) -> bool:
    return "msg" in entry and "level" in entry


def _circumstances(raw: RawOutput, count: int) -> Iterator[Said]:
    """What its log says of how it went."""
    log = [entry for entry in records(raw.stderr, dict[str, Any]).values if _is_log(entry)]
    end = next((entry for entry in reversed(log) if entry.get("msg") == _END), None)
    troubles = [entry for entry in log if entry.get("level") in ("error", "fatal", "panic", "dpanic")]
    if end is None:
        why = f": {clean(_words(troubles[-1]), limit=300)}" if troubles else ""
        raise ParseError(f"it does not say that it came to its end{why}")
    amount = number_of(end, "bytes") or 0
    _secret_reports.nothing_read(raw, amount)
    stated = (number_of(end, "verified_secrets") or 0) + (number_of(end, "unverified_secrets") or 0)
    if stated > count:
        raise ParseError(f"it states {stated} results, and printed {count}")
    yield Metric(name="bytes", value=amount)
    yield from _secret_reports.shallow(raw)
    for entry in troubles:
        path = text_of(entry, "path")
        if path:
            yield from _secret_reports.unread(raw, path, clean(text_of(entry, "error").rpartition(": ")[2], limit=200))
            continue
        for claim in raw.command.claims:
            reason = f"it says: {clean(_words(entry), limit=300)}"
            yield Gap(kind=GapKind.ITEM, domain=claim.domain, item=claim.item, reason=reason, hint="see -v")


def _words(entry: Mapping[str, Any]) -> str:
    errors = entry.get("errors")
    more = [str(error) for error in errors[:3]] if isinstance(errors, list) else []
    return ": ".join(filter(None, (text_of(entry, "msg"), text_of(entry, "error"), *more)))


def _obeyed(raw: RawOutput) -> Iterator[Notification]:
    """Where the target tells it not to look, which it obeys."""
    root = f"{raw.command.facts.get('root', '')}/"
    found = 0
    for path in raw.command.inputs:
        data = raw.input(path)
        count = data.count(_COMMENT) if data else 0
        if not count:
            continue
        found += 1
        if found > _MOST_NAMED:
            message = f"more than {_MOST_NAMED} files hold comments `trufflehog:ignore`, which it obeys"
            yield Notification(level=Level.WARNING, message=message)
            return
        what = "a comment" if count == 1 else f"{count} comments"
        message = f"{what} `trufflehog:ignore`: it obeys that, whatever it is told, and did not look at the lines"
        yield Notification(level=Level.WARNING, message=message, path=path.removeprefix(root))


def _seen(entry: Mapping[str, Any], *, asked: bool) -> Iterator[Seen]:
    """What is said by a result of version 3, or by one of version 2, which holds several strings."""
    if isinstance(strings := entry.get("stringsFound"), list):
        for text in strings:
            yield Seen(
                rule=text_of(entry, "reason") or "unknown",
                title=text_of(entry, "reason") or "A secret",
                path=text_of(entry, "path"),
                value=value_of(str(text)),
                confidence=Confidence.LOW,
                commit=text_of(entry, "commitHash"),
                date=_secret_reports.date_of(text_of(entry, "date")),
            )
        return
    name = text_of(entry, "DetectorName")
    data = entry.get("SourceMetadata")
    data = data.get("Data") if isinstance(data, dict) else None
    if not name or not isinstance(data, dict):
        raise ParseError("a result of its output names no detector or no source")
    source = next((found for found in data.values() if isinstance(found, dict)), {})
    value = value_of(text_of(entry, "Raw", "RawV2"))
    state, note, confidence = _validity(entry, asked=asked)
    decoder = text_of(entry, "DecoderName").upper()
    yield Seen(
        rule=name,
        title=f"{name} credential",
        path=text_of(source, "file", "path", "filename", "key", "link"),
        line=number_of(source, "line"),
        value=value,
        is_decoded=decoder not in _PLAIN,
        # It mends the line breaks of a key.
        by_header=value.startswith(_KEY),
        confidence=confidence,
        state=state,
        note=note,
        commit=text_of(source, "commit"),
        date=_secret_reports.date_of(text_of(source, "timestamp")),
    )


def _validity(entry: Mapping[str, Any], *, asked: bool) -> tuple[str, str, Confidence]:
    """Whether it is valid: a word, the end of a sentence, and how sure that makes. `asked`: providers were."""
    if entry.get("Verified") is True:
        return "verified", "its provider accepts it", Confidence.VERIFIED
    if text_of(entry, "VerificationError"):
        return "unknown", "its provider could not be asked", Confidence.MEDIUM
    # Not accepted, or not understood: some detectors take no answer for a no.
    return ("unverified" if asked else ""), "", Confidence.MEDIUM


ADAPTER = Adapter(
    id="trufflehog",
    title="secrets, by the detectors of trufflehog",
    domains=frozenset({Domain.SECRETS}),
    claims=_secret_reports.claims,
    versions=">=3.90,<4",
    executable="trufflehog",
    uses=_secret_reports.GIT,
    install="on macOS: brew install trufflehog; else from https://github.com/trufflesecurity/trufflehog/releases",
    clean_exits=frozenset({0}),
    commands=commands,
    imported=_secret_reports.imported,
    parse=parse,
    canonical=TRUFFLEHOG,
)
