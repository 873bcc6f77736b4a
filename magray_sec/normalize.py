"""Sightings + the target's files -> Findings. Here secrets are opened, used for the last time, and destroyed.

Paths become relative, tools' columns become UTF-16 regions, native rules become canonical ones, identities and GitHub's
line hashes are made, and every foreign string passes the filter, which knows all secrets of this scan.
"""

from __future__ import annotations

import bisect
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import accumulate

from magray_sec import identity
from magray_sec.allowance import Allowance, allowances
from magray_sec.linehash import line_hash
from magray_sec.model.adapter import Adapter, Interpretation
from magray_sec.model.finding import Finding, Location, Package, Place, Region, Rule, Sighting, Witness
from magray_sec.model.run import Gap, Notification, Skipped, Source, ToolRun
from magray_sec.model.scale import Domain, Severity
from magray_sec.model.text import clean, clean_block, slug
from magray_sec.regex.encoding import readable

# Credentials in code are secrets, whichever scanner calls them a flaw of the code.
_CREDENTIAL_CWE = frozenset({"CWE-798", "CWE-259", "CWE-321", "CWE-522"})
# A shorter value is no secret worth hiding everywhere: it would black out words.
_SHORTEST_HIDDEN = 6
_MOST_LITERALS = 64
# Nor is it looked for on other lines than its own.
_SHORTEST_MOVED = 12


Hide = Callable[[str], str]
"""Takes every secret of the scan out of a text."""


_PIECE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Normalized:
    """The runs with harmless strings, and one finding a sighting."""

    runs: tuple[ToolRun, ...]
    findings: tuple[Finding, ...]
    allowances: Mapping[tuple[str, str], tuple[Allowance, ...]]
    """(path, commit; empty: the file as it is) -> the comments that are to allow something, of every file with a
    finding that could be read, as they are written."""
    marked: tuple[str, ...]
    """The paths of all files in which scanners saw such comments, sorted."""
    hide: Hide
    """Takes every secret of the scan out of a text."""


def normalize(
    interpretations: Iterable[Interpretation],
    source: Source,
    adapters: Mapping[str, Adapter],
    *,
    anchor: str,
) -> Normalized:
    """Findings out of what the tools saw. `anchor`: the file that a sighting without a place is attached to."""
    interpretations = tuple(interpretations)
    known = frozenset(file.path for file in source.files())
    by_path: dict[tuple[str, str], list[tuple[ToolRun, Sighting]]] = defaultdict(list)
    for interpretation in interpretations:
        for sighting in interpretation.sightings:
            path = _relative(sighting.place.path, source.root, known) if sighting.place else anchor
            if sighting.place and sighting.place.commit and not sighting.place.blob:
                # A scanner that is told of a commit and a path alone; where the repository is at hand, that is enough.
                found_at = source.blob_at(sighting.place.commit, path)
                sighting = replace(sighting, place=replace(sighting.place, blob=found_at))  # noqa: PLW2901
            blob = sighting.place.blob if sighting.place else ""
            by_path[path, blob].append((interpretation.run, sighting))
    placed: list[_Placed] = []
    hidden: set[str] = set()
    comments: dict[tuple[str, str], tuple[Allowance, ...]] = {}
    for path, blob in sorted(by_path):
        text, raw = _Text.read(source, path, blob)
        for run, sighting in by_path[path, blob]:
            placed.append(_place(run, sighting, path, text, hidden, adapters[run.adapter].canonical))
        first = len(placed) - len(by_path[path, blob])
        lines = {entry.location.line for entry in placed[first:] if not entry.location.commit}
        hashes = line_hash(raw, lines) if raw is not None else {}
        if text.data is not None:
            written = allowances(text.data)
            commits = {entry.location.commit or "" for entry in placed[first:]} if blob else {""}
            comments.update(((path, commit), written) for commit in sorted(commits))
        for index in range(first, len(placed)):
            location = placed[index].location
            found = None if location.commit else hashes.get(location.line)
            placed[index] = replace(placed[index], line_hash=found)
    hide = _filter(hidden)
    rules: dict[str, Rule] = {}
    for entry in sorted(placed, key=lambda entry: (_poverty(entry.rule), entry.tool)):
        rules.setdefault(entry.rule.id, entry.rule)
    cleaned = {key: _clean_rule(rule, hide) for key, rule in rules.items()}
    findings = tuple(_finding(entry, cleaned[entry.rule.id], hide) for entry in placed)
    return Normalized(
        runs=tuple(_clean_run(interpretation.run, hide) for interpretation in interpretations),
        findings=findings,
        allowances=comments,
        marked=tuple(sorted({path for interpretation in interpretations for path in interpretation.marked})),
        hide=hide,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Placed:
    tool: str
    imported: bool
    sighting: Sighting
    domain: Domain
    rule: Rule
    location: Location
    identity: str
    also_known_as: tuple[str, ...]
    line_hash: str | None = None


def settle(interpretation: Interpretation, source: Source) -> Interpretation | None:
    """The same, with every secret's raw value replaced by its place in a file; nothing that was said is left in memory
    alone. None where a value does not stand where its scanner saw it. The values themselves are not touched.
    """
    known = frozenset(file.path for file in source.files())
    texts: dict[str, _Text] = {}
    sightings = []
    for sighting in interpretation.sightings:
        place = sighting.place
        if sighting.secret is None:
            sightings.append(sighting)
            continue
        if place is None or place.blob or place.commit:
            return None
        path = _relative(place.path, source.root, known)
        text = texts.get(path)
        if text is None:
            text = texts[path] = _Text.read(source, path, "")[0]
        span = _span(sighting, text)
        value = sighting.secret.use(bytes)
        if span is None or not value or (found := _find(text, span, value)) is None:
            return None
        sightings.append(replace(sighting, secret=None, place=Place(path=place.path, span=(found, found + len(value)))))
    return replace(interpretation, sightings=tuple(sightings))


def _find(text: _Text, span: tuple[int, int], value: bytes) -> int | None:
    """Where a value stands in a file, on the lines of a span; None where it does not."""
    start, end = span
    data = text.data or b""
    found = data.find(value, start)
    if found < 0 or text.line_of(found) > text.line_of(end - 1):
        found = data.find(value, text.starts[text.line_of(start) - 1], end + len(value))
    return found if found >= 0 else None


class _Text:
    """A file's bytes with its lines found once. `data` is None where the file cannot be read."""

    def __init__(self, data: bytes | None) -> None:
        self.data = data
        self._starts: list[int] | None = None
        self._counted = (0, 0, 0)
        """The start of a line, an offset on it, and the UTF-16 units between them."""

    @staticmethod
    def read(source: Source, path: str, blob: str = "") -> tuple[_Text, bytes | None]:
        """The file, or the git object: as text (UTF-16 as UTF-8, as scanners count), and as it is, as GitHub counts."""
        try:
            raw = source.read_blob(blob) if blob else source.read(path)
        except (OSError, ValueError):
            # The scanner saw it, we cannot: the finding stays, without region columns and line hash.
            return _Text(None), None
        text = readable(raw)
        return _Text(raw if text is None else text), raw

    @property
    def starts(self) -> list[int]:
        """The byte offset of each line's first byte."""
        if self._starts is None:
            data = self.data or b""
            if b"\r" in data:
                self._starts = [0, *(match.end() for match in re.finditer(rb"\r\n|\r|\n", data))]
            else:
                self._starts = [0, *accumulate(len(line) + 1 for line in data.split(b"\n")[:-1])]
        return self._starts

    def line_of(self, offset: int) -> int:
        """The line (from 1) that a byte offset lies on."""
        return bisect.bisect_right(self.starts, offset)

    def line(self, number: int) -> bytes:
        """A line's bytes without its line break; empty beyond the file's end."""
        if self.data is None or not 1 <= number <= len(self.starts):
            return b""
        end = self.starts[number] if number < len(self.starts) else len(self.data)
        return self.data[self.starts[number - 1] : end].rstrip(b"\r\n")

    def column(self, offset: int) -> int:
        """The column (from 1, UTF-16 units) of a byte offset on its line."""
        start, data = self.starts[self.line_of(offset) - 1], self.data or b""
        line, at, units = self._counted
        if line != start or at > offset:
            at, units = start, 0
        # On from where it was counted last, piece by piece: a line may be 200 MB and hold thousands of findings.
        while at < offset:
            piece = min(offset, at + _PIECE, len(data))
            # No piece ends within a character.
            while at < piece < len(data) and piece < offset and data[piece - 1] >= 0x80:
                piece -= 1
            piece = piece if at < piece else offset
            units += _utf16(data[at:piece])
            at = piece
        if at == start or at > len(data) or data[at - 1] < 0x80:
            self._counted = (start, at, units)
        return units + 1

    def region(self, start: int, end: int) -> Region:
        """The region of a stretch of bytes, `end` exclusive."""
        last = max(start, end - 1)
        return Region(
            start_line=self.line_of(start),
            start_column=self.column(start),
            end_line=self.line_of(last),
            end_column=self.column(end) if self.line_of(last) == self.line_of(end) else self.column(last) + 1,
        )

    def offset(self, line: int, column: int | None, unit: str) -> int:
        """The byte offset of a tool's line and column; the line's start where there is no column."""
        if not 1 <= line <= len(self.starts):
            return len(self.data or b"")
        start, raw = self.starts[line - 1], self.line(line)
        if column is None or column <= 1:
            return start
        if unit == "bytes":
            return start + min(column - 1, len(raw))
        text = raw.decode("utf-8", "surrogateescape")
        if unit == "utf16":
            prefix = text.encode("utf-16-le", "surrogatepass")[: (column - 1) * 2]
            text = prefix.decode("utf-16-le", "surrogatepass")
        else:
            text = text[: column - 1]
        return start + len(text.encode("utf-8", "surrogateescape"))


def _place(
    run: ToolRun, sighting: Sighting, path: str, text: _Text, hidden: set[str], canonical: Mapping[str, str]
) -> _Placed:
    tool = sighting.tool or run.adapter
    commit = sighting.place.commit if sighting.place else None
    if commit and not (sighting.place and sighting.place.blob):
        # The file as it was then, not as it is: its lines are not these.
        text = _Text(None)
    span = _span(sighting, text)
    domain, rule = _rule(tool, sighting, canonical)
    others: tuple[str, ...] = ()
    if domain is Domain.SECRETS:
        name, region = _open(sighting, path, text, span, rule, hidden)
    else:
        region = text.region(*span) if span and text.data is not None else _given(sighting.place)
        name, others = _identities(sighting, path, text, rule, domain, region)
    return _Placed(
        tool=tool,
        imported=run.is_import,
        sighting=sighting,
        domain=domain,
        rule=rule,
        location=Location(path=path, region=region, commit=commit),
        identity=name,
        also_known_as=others,
    )


def _span(sighting: Sighting, text: _Text) -> tuple[int, int] | None:
    """The bytes that a sighting is about; None where the file or the line is not there."""
    place = sighting.place
    if place is None or text.data is None:
        return None
    if place.span is not None:
        start, end = place.span
        return (start, end) if 0 <= start < end <= len(text.data) else None
    if place.start_line is None or place.start_line > len(text.starts):
        return None
    start = text.offset(place.start_line, place.start_column, place.column_unit)
    last = place.end_line or place.start_line
    if place.end_column is not None:
        end = text.offset(last, place.end_column, place.column_unit)
    else:
        end = text.offset(last, None, "bytes") + len(text.line(last))
    if place.start_column is None:
        raw = text.line(place.start_line)
        start += len(raw) - len(raw.lstrip())
    return (start, max(end, start + 1)) if start < len(text.data) else None


def _given(place: Place | None) -> Region | None:
    if place is None or place.start_line is None:
        return None
    return Region(start_line=place.start_line)


def _open(
    sighting: Sighting, path: str, text: _Text, span: tuple[int, int] | None, rule: Rule, hidden: set[str]
) -> tuple[str, Region | None]:
    """A secret's identity and region; its raw values go to `hidden` for the filter and are destroyed here."""
    value = b""
    if sighting.secret is not None:
        value = sighting.secret.use(bytes)
        sighting.secret.destroy()
        _hide(value, hidden)
    if text.data is None or span is None:
        return identity.secret_elsewhere(path, rule.id, value), _given(sighting.place)
    start, end = span
    if not value and sighting.place and sighting.place.span is None and sighting.place.start_column is None:
        start, end = identity.likeliest(text.data, start, end)
    if value:
        found = _find(text, span, value)
        if found is None and sighting.place and sighting.place.commit and len(value) >= _SHORTEST_MOVED:
            # Programs that look at changes count lines in their own way where a text is no UTF-8, or has old line ends.
            whole = text.data.find(value)
            found = whole if whole >= 0 else None
        if found is None:
            return identity.secret_elsewhere(path, rule.id, value), Region(start_line=text.line_of(start))
        start, end = found, found + len(value)
    _hide(text.data[start:end], hidden)
    token = identity.token_at(text.data, start, end)
    _hide(text.data[token.start : token.end], hidden)
    stop = token.end
    if token.is_pem:
        for line in text.data[token.start : token.end].splitlines()[1:-1]:
            _hide(line.strip(), hidden)
        newline = text.data.find(b"\n", token.start, token.end)
        stop = newline if newline > 0 else token.end
    return identity.secret(path, text.data, token), text.region(token.start, stop)


def _hide(value: bytes, hidden: set[str]) -> None:
    text = value.decode("utf-8", "replace").strip()
    for part in {text, *text.split("\n")}:
        if len(part.strip()) >= _SHORTEST_HIDDEN and not part.strip().startswith("-----"):
            hidden.add(part.strip())


def _rule(tool: str, sighting: Sighting, canonical: Mapping[str, str]) -> tuple[Domain, Rule]:
    if sighting.rule is not None:
        rule = sighting.rule
        if rule.domain is Domain.CODE and _CREDENTIAL_CWE & set(rule.cwe):
            name = rule.id.partition("/")[2]
            rule = replace(rule, domain=Domain.SECRETS, id=f"{Domain.SECRETS.value}/{name}")
        return rule.domain, rule
    mapped = canonical.get(sighting.native_rule)
    domain = Domain(mapped.partition("/")[0]) if mapped else sighting.domain
    name = mapped or f"{domain.value}/{slug(tool)}.{slug(sighting.native_rule)}"
    title = sighting.title or sighting.native_rule
    return domain, Rule(id=name, domain=domain, title=title, severity=sighting.severity)


def _identities(
    sighting: Sighting, path: str, text: _Text, rule: Rule, domain: Domain, region: Region | None
) -> tuple[str, tuple[str, ...]]:
    package = sighting.package
    if domain is Domain.DEPENDENCIES and package:
        own = rule.id.rpartition("/")[2]
        name = identity.dependency(own, package.name, package.version, package.lockfile)
        others = {
            identity.dependency(alias, package.name, package.version, package.lockfile) for alias in sighting.aliases
        }
        return name, tuple(sorted(others - {name}))
    if domain is Domain.LICENSES and package:
        return identity.license_(package.name, package.version, package.license or "unknown"), ()
    if domain is Domain.UNSAFE and package:
        return identity.unsafe(package.name, sighting.item, sighting.kind), ()
    if domain is Domain.SUPPLY_CHAIN and (package or sighting.kind):
        # Several packages are brought in by one line; what is said of a graph as a whole is shown on a file's first
        # line, and is not about it.
        return identity.other(domain.value, rule.id, path, package.name if package else sighting.item), ()
    if region and text.data is not None:
        last = region.end_line or region.start_line
        lines = b"\n".join(text.line(number) for number in range(region.start_line, last + 1))
        return identity.code(rule.id, path, lines), ()
    subject = package.purl if package else sighting.message
    return identity.other(domain.value, rule.id, path, subject), ()


def _relative(path: str, root: str, known: frozenset[str]) -> str:
    """A tool's path relative to the root. One of another machine (a report made elsewhere) is the target's file whose
    path it ends with, the longest such; where there is none it stays, without its leading slash."""
    if os.path.isabs(path):
        inside = os.path.relpath(path, root).replace(os.sep, "/")
        if inside != ".." and not inside.startswith("../"):
            return inside
    parts = [part for part in os.path.normpath(path).replace("\\", "/").split("/") if part not in ("", ".", "..")]
    whole = "/".join(parts)
    if whole in known:
        return whole
    endings = ("/".join(parts[index:]) for index in range(1, len(parts)))
    return next((ending for ending in endings if ending in known), whole) if os.path.isabs(path) else whole


def _utf16(raw: bytes) -> int:
    text = raw.decode("utf-8", "replace")
    return len(text) + sum(1 for character in text if ord(character) > 0xFFFF) if not raw.isascii() else len(raw)


def _filter(hidden: set[str]) -> Hide:
    """A function that takes every secret of the scan out of a text; linear in the text for many secrets too."""
    values = sorted(hidden, key=lambda value: (-len(value), value))
    if not values:
        return lambda text: text
    if len(values) <= _MOST_LITERALS:

        def by_one(text: str) -> str:
            for value in values:
                if value in text:
                    text = text.replace(value, "[REDACTED]")
            return text

        return by_one
    import re2  # noqa: PLC0415

    options = re2.Options()
    options.max_mem = 1 << 30
    options.encoding = re2.Options.Encoding.LATIN1
    pattern = re2.compile(b"|".join(re2.escape(value.encode("utf-8", "surrogatepass")) for value in values), options)

    def by_all(text: str) -> str:
        # Bytes: the name of a file may be no UTF-8, which RE2 does not take as text.
        data = text.encode("utf-8", "surrogatepass")
        if not pattern.search(data):
            return text
        return bytes(pattern.sub(b"[REDACTED]", data)).decode("utf-8", "surrogatepass")

    return by_all


def _poverty(rule: Rule) -> tuple[bool, bool, bool, int]:
    """Least first: the fuller of two texts of one rule."""
    return (not rule.help, not rule.description, rule.severity is Severity.UNKNOWN, -len(rule.references))


def _clean_rule(rule: Rule, hide: Hide) -> Rule:
    return replace(
        rule,
        title=clean(hide(rule.title), limit=255),
        description=clean_block(hide(rule.description)),
        help=clean_block(hide(rule.help)),
        cwe=tuple(sorted({entry for entry in map(str.upper, rule.cwe) if re.fullmatch(r"CWE-\d+", entry)})),
        references=tuple(dict.fromkeys(filter(None, (_url(hide(entry)) for entry in rule.references)))),
    )


def _url(url: str) -> str:
    url = clean(url, limit=1000)
    return url if re.fullmatch(r"https?://[^\s\"'<>`)(\\]+", url) else ""


def _finding(entry: _Placed, rule: Rule, hide: Hide) -> Finding:
    sighting = entry.sighting
    package = sighting.package
    return Finding(
        identity=entry.identity,
        also_known_as=entry.also_known_as,
        domain=entry.domain,
        rule=rule,
        severity=sighting.severity,
        severity_source=clean(hide(entry.tool), limit=60),
        score=sighting.score,
        score_source=sighting.score_source,
        confidence=sighting.confidence,
        message=clean(hide(sighting.message)) or rule.title,
        location=entry.location,
        line_hash=entry.line_hash,
        package=_clean_package(package, hide) if package else None,
        aliases=tuple(sorted({clean(alias, limit=60) for alias in sighting.aliases} - {rule.id.rpartition("/")[2]})),
        kind=clean(sighting.kind, limit=60),
        preview=clean(hide(sighting.preview), limit=80),
        witnesses=(
            Witness(
                tool=clean(hide(entry.tool), limit=60),
                native_rule=clean(hide(sighting.native_rule), limit=200),
                native_severity=clean(sighting.native_severity, limit=60),
                url=_url(hide(sighting.url)),
                imported=entry.imported,
            ),
        ),
        hidden_by=(clean(hide(sighting.hidden_by), limit=300),) if sighting.hidden_by else (),
        origin=sighting.origin,
    )


def _clean_package(package: Package, hide: Hide) -> Package:
    return replace(
        package,
        name=clean(hide(package.name), limit=200),
        version=clean(hide(package.version), limit=100),
        purl=clean(hide(package.purl), limit=500),
        fixed_versions=tuple(clean(entry, limit=100) for entry in package.fixed_versions),
        path=tuple(clean(hide(entry), limit=300) for entry in package.path),
        license=clean(hide(package.license), limit=500) if package.license else package.license,
    )


def clean_gap(gap: Gap, hide: Hide = str) -> Gap:
    """The gap with harmless strings."""
    return replace(gap, reason=clean(hide(gap.reason), limit=700), hint=clean(hide(gap.hint), limit=400))


def clean_notification(entry: Notification, hide: Hide = str) -> Notification:
    """The notification with harmless strings."""
    return replace(entry, message=clean(hide(entry.message), limit=700))


def _clean_run(run: ToolRun, hide: Hide) -> ToolRun:
    return replace(
        run,
        reason=clean(hide(run.reason), limit=900),
        hint=clean(hide(run.hint), limit=400),
        version=clean(hide(run.version), limit=60),
        commands=tuple(clean(hide(entry), limit=2000) for entry in run.commands),
        gaps=tuple(sorted((clean_gap(gap, hide) for gap in run.gaps), key=lambda gap: gap.sort_key)),
        skipped=tuple(sorted((_clean_skip(skip, hide) for skip in run.skipped), key=_skip_order)),
        notifications=tuple(
            sorted(
                (clean_notification(entry, hide) for entry in run.notifications),
                key=lambda entry: (entry.level.value, entry.path, entry.message),
            )
        ),
    )


def _clean_skip(skip: Skipped, hide: Hide) -> Skipped:
    return replace(skip, detail=clean(hide(skip.detail), limit=300))


def _skip_order(skip: Skipped) -> tuple[str, str, str]:
    return (skip.reason.value, skip.path, skip.detail)
