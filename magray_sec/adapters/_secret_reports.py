"""What the programs that look for secrets have in common: which file a report speaks of, where in it a secret stands,
and what of the target they are not to be bothered with.

A report holds a line and the raw secret; its columns are off in some way with each program. The secret is looked for in
the file itself, so that the finding is a span of bytes. Where it is not there as such (in an archive, in base64) its
value goes on sealed. Nothing else of a record is kept: what stands around a secret, who committed it.
"""

from __future__ import annotations

import bisect
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from magray_sec.adapters._read import document
from magray_sec.model.adapter import ParseError, Said
from magray_sec.model.finding import Place, Sealed, Sighting
from magray_sec.model.run import (
    Claim,
    Command,
    Gap,
    GapKind,
    Inventory,
    ItemKind,
    Level,
    Notification,
    Origin,
    RawOutput,
    ScanContext,
    SkipReason,
    Target,
)
from magray_sec.model.scale import Confidence, Domain
from magray_sec.model.text import clean
from magray_sec.regex.encoding import readable

HISTORY = "history"
"""The subject of a command that looks at the history."""
GIT = ("git",)
_UNLISTED = (
    SkipReason.IGNORED,
    SkipReason.EXCLUDED,
    SkipReason.HIDDEN_BY_TARGET,
    SkipReason.NESTED_REPOSITORY,
    SkipReason.SUBMODULE,
)
_MOST_EXCLUDED_BYTES = 60_000
"""Of folder names on one command line or in one variable, for which systems have limits."""
_SHORTEST_MOVED = 8
"""A shorter value that does not stand on its line is not looked for on others."""
_UNDECODABLE = re.compile("[\ufffd\u2757\udc80-\udcff]+")
_ARCHIVE = re.compile(
    r"(?i)\.(?:zip|jar|war|ear|aar|whl|apk|ipa|tar|tgz|tbz2?|txz|gz|bz2|xz|zst|7z|rar|br|lz4?|sz|zz|deb|rpm|ar|cab)\Z"
)
_REDACTED = re.compile(r"REDACTED|\*{6}|\.\.\.\Z|\A\[hidden\]", re.IGNORECASE)
_TEXT = (
    *(".rs", ".toml", ".md", ".py", ".sh", ".txt", ".json", ".yml", ".yaml", ".js", ".ts", ".go", ".java", ".c", ".h"),
    *(".env", ".ini", ".cfg", ".rb", ".php"),
)
_DEEPEN = "fetch the whole history: `git fetch --unshallow`, or `fetch-depth: 0` of actions/checkout"
_DATES = ("%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d %H:%M:%S %z", "%Y-%m-%dT%H:%M:%S.%f%z")
_LAST = 1 << 40
"""The rank of a commit whose place among the others is not known: behind all whose place is."""
_DAY = len("2026-01-01")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One entry of a report."""

    rule: str
    title: str
    path: str
    """As the program prints it; empty: it names none."""
    line: int | None = None
    """From 1, parted by line feeds alone."""
    value: bytes = b""
    """Empty: the report does not hold it."""
    columns: tuple[int, int] | None = None
    """On that line, in bytes from 1, the end exclusive; as good as the program counts."""
    is_decoded: bool = False
    """The value is not in the file as such."""
    by_header: bool = False
    """Of the value, a key, only the first line is as it stands in the file."""
    member: str = ""
    """The file of an archive that it is in."""
    confidence: Confidence = Confidence.MEDIUM
    state: str = ""
    """What is known of whether it is valid, in the program's words."""
    note: str = ""
    """The same as the end of a sentence."""
    commit: str = ""
    date: str = ""


# --- what to run


def claims(inventory: Inventory) -> tuple[Claim, ...]:
    """All text, for secrets; and the history, where it was asked for."""
    items = (*inventory.of(ItemKind.TREE), *inventory.of(ItemKind.HISTORY))
    return tuple(Claim(domain=Domain.SECRETS, item=item.id) for item in items)


def of_kind(claimed: tuple[Claim, ...], kind: ItemKind) -> tuple[Claim, ...]:
    """The claims on items of a kind."""
    return tuple(claim for claim in claimed if claim.item.partition(":")[0] == kind.value)


def listed(target: Target, context: ScanContext) -> tuple[str, ...]:
    """Every file that the target is known to hold, absolute: what a parser may look into."""
    inventory = context.inventory or Inventory()
    return tuple(os.path.join(target.root, file.path) for file in inventory.files)


def facts(target: Target, context: ScanContext, *, verifies: bool = False) -> dict[str, str]:
    """What `report` needs besides the output of a program."""
    files = (context.inventory or Inventory()).files
    has_text = any(file.size and file.path.lower().endswith(_TEXT) for file in files)
    return {"root": target.root, "text": "yes" if has_text else "", "verifies": "yes" if verifies else ""}


def excluded(context: ScanContext) -> tuple[str, ...]:
    """The folders that discovery did not enter, relative to the root, as far as a command line can name them."""
    skipped = (context.inventory or Inventory()).skipped
    folders = []
    size = 0
    for entry in skipped:
        whole = entry.detail == "folder" or entry.reason in (SkipReason.SUBMODULE, SkipReason.NESTED_REPOSITORY)
        if entry.reason not in _UNLISTED or not whole or entry.path in ("", ".") or not entry.path.isprintable():
            continue
        size += len(entry.path) + 8
        if size > _MOST_EXCLUDED_BYTES:
            break
        folders.append(entry.path)
    return tuple(folders)


def excluding(target: Target, context: ScanContext) -> tuple[str, ...]:
    """The same folders, and the repository's own, as patterns of RE2 for absolute paths."""
    names = (".git", *excluded(context))
    return tuple(f"^{re.escape(os.path.join(target.root, name))}(?:/|$)" for name in names)


def mirror(target: Target, claimed: tuple[Claim, ...], context: ScanContext) -> tuple[Command, str]:
    """A copy of the repository that all look at, and where it lies: without the target's own configuration of git,
    which names programs, without its files that hide findings, and without its index.
    """
    place = os.path.join(context.work, "history.git")
    command = Command(
        argv=("git", "clone", "--mirror", "--no-local", "--quiet", "--template=", "--", target.root, place),
        environment={"GIT_ALLOW_PROTOCOL": "file", "GIT_NO_LAZY_FETCH": "1"},
        claims=claimed,
        subject=HISTORY,
        is_preparation=True,
    )
    return command, place


def of_history(
    target: Target,
    claimed: tuple[Claim, ...],
    context: ScanContext,
    argv: Callable[[str], tuple[str, ...]],
    *,
    environment: Mapping[str, str] | None = None,
    verifies: bool = False,
) -> tuple[Command, ...]:
    """A copy of the repository, and a program over it, whose command line `argv` makes of where the copy lies; nothing
    where the history is not claimed."""
    history = of_kind(claimed, ItemKind.HISTORY)
    if not history:
        return ()
    copy, place = mirror(target, history, context)
    command = Command(
        argv=argv(place),
        environment=environment or {},
        claims=history,
        inputs=(os.path.join(place, "shallow"), *listed(target, context)),
        network=verifies,
        subject=HISTORY,
        facts=facts(target, context, verifies=verifies),
    )
    return copy, command


def imported(target: Target, inventory: Inventory) -> Command:
    """A report made elsewhere covers nothing: it names only the files that something was found in."""
    inputs = tuple(os.path.join(target.root, file.path) for file in inventory.files)
    return Command(argv=(), inputs=inputs, facts={"root": target.root, "imported": "yes"})


# --- what was said


def is_import(raw: RawOutput) -> bool:
    """Whether it is a report that was made elsewhere."""
    return raw.command.facts.get("imported") == "yes"


def is_history(raw: RawOutput) -> bool:
    """Whether the history was looked at."""
    return raw.command.subject == HISTORY


def of_array(data: bytes) -> tuple[list[dict[str, Any]], tuple[Notification, ...]]:
    """An output that is one JSON array of objects. ParseError where it is not."""
    value: Any
    value, notes = document(data, object)
    if isinstance(value, dict):
        refuse_sarif(value)
        raise ParseError("a JSON object stands where an array of findings should be")
    if not all(isinstance(entry, dict) for entry in value):
        raise ParseError("its array holds something else than findings")
    return value, notes


def refuse_sarif(value: Mapping[str, Any]) -> None:
    """ParseError where it is a report in SARIF."""
    if "runs" in value and ("$schema" in value or value.get("version") == "2.1.0"):
        raise ParseError("it is SARIF: take it in with --input sarif=FILE")


def text_of(record: Mapping[str, Any], *names: str) -> str:
    """The first of these fields that is a text and not empty; empty where none is."""
    return next((found for name in names if isinstance(found := record.get(name), str) and found), "")


def number_of(record: Mapping[str, Any], *names: str) -> int | None:
    """The first of these fields that is a number; None where none is."""
    for name in names:
        found = record.get(name)
        if isinstance(found, str) and found.isdigit() and len(found) < 12:
            found = int(found)
        if isinstance(found, int) and not isinstance(found, bool):
            return found
    return None


def value_of(text: str) -> bytes:
    """A secret as bytes; empty where the report holds a word in its stead."""
    return b"" if _REDACTED.search(text) else text.encode("utf-8", "surrogatepass")


def date_of(text: str) -> str:
    """A date as ISO 8601 in UTC; empty where it is none."""
    for form in _DATES:
        try:
            return datetime.strptime(text, form).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        except (ValueError, OverflowError):
            continue
    return text if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text) else ""


def report(
    raw: RawOutput,
    seen: Iterable[Seen],
    comments: tuple[bytes, ...] = (),
    ignored: frozenset[tuple[str, str, int]] = frozenset(),
    ignoring: str = "",
) -> Iterator[Said]:
    """A sighting for each entry. What stands in a file that was not to be looked at is counted and left out. `comments`
    and `ignored` (path, rule, line; listed by the file `ignoring`) are those that the program was told not to obey.
    """
    files = _Files(raw)
    dropped = hidden = 0
    for entry in seen:
        path, member = files.find(entry)
        if path is None:
            dropped += 1
            continue
        sighting = files.sighting(entry, path, member, comments)
        if not sighting.hidden_by and (path, entry.rule, entry.line or 0) in ignored:
            sighting = replace(sighting, hidden_by=ignoring)
        hidden += bool(sighting.hidden_by)
        yield sighting
    if dropped:
        what = "1 finding is" if dropped == 1 else f"{dropped} findings are"
        message = f"{what} in files that are left out of the scan (ignored by git, excluded, too large): not reported"
        yield Notification(level=Level.NOTE, message=message)
    if hidden:
        what = "finding stands" if hidden == 1 else "findings stand"
        message = f"{hidden} {what} where the target tells it not to look; that is not followed"
        yield Notification(level=Level.NOTE, message=message)


def shallow(raw: RawOutput) -> Iterator[Gap]:
    """A gap for each claim on a history that is not all here. The copy's list of cut commits is its first input."""
    if is_history(raw) and raw.command.inputs and raw.input(raw.command.inputs[0]) is not None:
        for claim in raw.command.claims:
            reason = "this is a shallow clone: what lies before it is not here"
            yield Gap(kind=GapKind.ITEM, domain=claim.domain, item=claim.item, reason=reason, hint=_DEEPEN)


def unread(raw: RawOutput, told: str, reason: str) -> Iterator[Gap]:
    """A gap for a file or folder that the program says it could not read; none where it was not to be looked at."""
    files = _Files(raw)
    path = files.known(told)
    hint = "make it readable, or exclude it"
    if path is not None:
        yield Gap(kind=GapKind.FILE, path=path, domain=Domain.SECRETS, reason=f"it cannot be read: {reason}", hint=hint)
        return
    inside = files.relative(told)
    if inside is None or any(name.startswith(f"{inside}/") for name in files.names):
        for claim in raw.command.claims:
            where = inside or "a part of it"
            reason = f"{clean(where, limit=200)} cannot be read: {reason}"
            yield Gap(kind=GapKind.ITEM, domain=claim.domain, item=claim.item, reason=reason, hint=hint)


def nothing_read(raw: RawOutput, amount: int) -> None:
    """ParseError where a tree with text in it was looked at, and nothing of it was read."""
    if raw.command.facts.get("text") == "yes" and not is_history(raw) and amount <= 0:
        raise ParseError("it read nothing of a target that holds text")


class _Files:
    """The target's files, as far as a report may speak of them."""

    def __init__(self, raw: RawOutput) -> None:
        self._raw = raw
        root = raw.command.facts.get("root", "")
        self._prefix = f"{root.rstrip('/')}/"
        own = (path for path in raw.command.inputs if path.startswith(self._prefix))
        self.names = frozenset(path[len(self._prefix) :] for path in own)
        self._spelled: dict[str, str] = {}
        for name in self.names:
            if _UNDECODABLE.search(name):
                self._spelled[_UNDECODABLE.sub("\ufffd", name)] = name
        self._texts: dict[str, _Text | None] = {}

    def relative(self, told: str) -> str | None:
        """A path below the root, relative to it."""
        if told.startswith(self._prefix):
            return told[len(self._prefix) :]
        return None if told.startswith("/") else told

    def known(self, told: str) -> str | None:
        """The listed file that is meant; None where there is none."""
        for path in dict.fromkeys((told, told.replace("\\", "/"))):
            inside = self.relative(path)
            if inside is None and not is_import(self._raw):
                continue
            parts = [part for part in (path if inside is None else inside).split("/") if part not in ("", ".", "..")]
            # A report of another machine names files by the folders that it saw them in.
            most = len(parts) if is_import(self._raw) and (inside is None or "\\" in told or ".." in told) else 1
            for start in range(most):
                name = "/".join(parts[start:])
                if name in self.names:
                    return name
                if (spelled := self._spelled.get(_UNDECODABLE.sub("\ufffd", name))) is not None:
                    return spelled
        return None

    def find(self, entry: Seen) -> tuple[str | None, str]:
        """The path that a sighting gets and the archive's member it is of; None: not to be reported."""
        path = self.known(entry.path)
        outer, mark, member = entry.path.partition("!")
        while path is None and mark:
            path = self.known(outer)
            if path is not None:
                return path, entry.member or member
            if (is_history(self._raw) or is_import(self._raw)) and _ARCHIVE.search(outer):
                return self.relative(outer) or outer, entry.member or member
            more, mark, member = member.partition("!")
            outer = f"{outer}!{more}"
        if path is not None:
            return path, entry.member
        if is_history(self._raw):
            return self.relative(entry.path) or entry.path, entry.member
        if is_import(self._raw):
            told = self.relative(entry.path) or entry.path
            return told.removeprefix("./"), entry.member
        return None, ""

    def sighting(self, entry: Seen, path: str, member: str, comments: tuple[bytes, ...]) -> Sighting:
        """What is said of an entry."""
        text = None if member else self._text(path)
        span = text.find(entry) if text else None
        is_still_there = bool(span) or (path in self.names and (text is None or entry.is_decoded))
        if is_history(self._raw):
            # The file as it was then.
            text = span = None
        place, sealed = self._place(entry, path, member, text, span)
        origin = None
        if entry.commit:
            rank = _LAST + (len(entry.date) <= _DAY)
            origin = Origin(commit=entry.commit, date=entry.date, is_at_head=is_still_there, rank=rank)
        around = text.lines(span) if text and span else text.line(entry.line) if text and entry.line else b""
        comment = next((mark.decode() for mark in comments if mark in around), "")
        return Sighting(
            native_rule=entry.rule,
            domain=Domain.SECRETS,
            message=_message(entry, member),
            title=entry.title,
            native_severity=entry.state,
            confidence=entry.confidence,
            place=place,
            secret=sealed,
            hidden_by=f"the comment `{comment}`" if comment else "",
            origin=origin,
        )

    def _place(
        self, entry: Seen, path: str, member: str, text: _Text | None, span: tuple[int, int] | None
    ) -> tuple[Place | None, Sealed | None]:
        if not path:
            return None, Sealed(entry.value) if entry.value else None
        if span:
            # It still stands there, whichever commit it was seen in.
            return Place(path=path, span=span), None
        value = entry.value
        sealed = Sealed(value) if value else None
        commit = entry.commit or None
        if entry.line is None or member or (text is None and _ARCHIVE.search(path)):
            # A line of a file that nobody can look into.
            return Place(path=path, commit=commit), sealed
        if entry.by_header:
            sealed = Sealed(value.splitlines()[0])
        start, end = entry.columns or (None, None)
        if value:
            # Where it stands is looked for, from there on.
            end = None
        return (
            Place(
                path=path,
                start_line=max(entry.line, 1),
                start_column=start,
                end_column=end,
                column_unit="bytes",
                commit=commit,
            ),
            sealed,
        )

    def _text(self, path: str) -> _Text | None:
        if path not in self._texts:
            data = self._raw.input(self._prefix + path) if path in self.names else None
            text = readable(data) if data is not None else None
            self._texts[path] = _Text(text) if text is not None else None
        return self._texts[path]


class _Text:
    """A text with its lines as programs count them: parted by line feeds alone."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._starts = [0, *(match.end() for match in re.finditer(b"\n", data))]

    def find(self, entry: Seen) -> tuple[int, int] | None:
        """The bytes that an entry is about; None where its value is not known or does not stand there."""
        value = entry.value.splitlines()[0] if entry.by_header else entry.value
        if not value:
            return None
        line = entry.line or 1
        start = self._starts[line - 1] if 1 <= line <= len(self._starts) else 0
        end = self._starts[line] if 1 <= line < len(self._starts) else len(self._data)
        hint = start + max(0, entry.columns[0] - 3) if entry.columns else start
        for first in (hint, start):
            found = self._data.find(value, first)
            if 0 <= found < max(end, start + 1):
                return found, found + len(value)
        if entry.is_decoded or len(value) < _SHORTEST_MOVED or entry.by_header:
            return None
        # The line is wrong, as it is for some programs where the text is no UTF-8.
        found = self._data.find(value, start)
        found = self._data.find(value) if found < 0 else found
        return (found, found + len(value)) if found >= 0 else None

    def line(self, number: int) -> bytes:
        """A line by its number."""
        if not 1 <= number <= len(self._starts):
            return b""
        end = self._starts[number] if number < len(self._starts) else len(self._data)
        return self._data[self._starts[number - 1] : end]

    def lines(self, span: tuple[int, int]) -> bytes:
        """All lines that a span touches."""
        first = bisect.bisect_right(self._starts, span[0])
        last = bisect.bisect_right(self._starts, max(span[0], span[1] - 1))
        return b"".join(self.line(number) for number in range(first, last + 1))


def _message(entry: Seen, member: str) -> str:
    words = [clean(entry.title, limit=200).rstrip(".")]
    if member:
        words.append(f"in {clean(member, limit=200)} of the archive")
    if entry.is_decoded:
        words.append("encoded, in base64 most often")
    if entry.note:
        words.append(entry.note)
    return "; ".join(words)
