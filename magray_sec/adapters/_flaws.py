"""Known flaws of packages, as the scanners of any ecosystem tell them: what one is called, how bad it is, where it
stands. The same flaw of the same package has one identity, whichever scanner saw it.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, cast

from packaging.utils import canonicalize_name

from magray_sec.adapters import _rustsec
from magray_sec.adapters._cargo_lock import Pins, read_lock
from magray_sec.adapters._python_pins import Asked, read_pins
from magray_sec.model.adapter import ParseError
from magray_sec.model.finding import Package, Place, Rule, Sighting
from magray_sec.model.run import Claim, Gap, GapKind, Inventory, Item, ItemKind
from magray_sec.model.scale import Confidence, Domain, Severity
from magray_sec.model.text import clean, clean_block

WORDS: Mapping[str, Severity] = MappingProxyType(
    {
        "info": Severity.INFO,
        "informational": Severity.INFO,
        "negligible": Severity.LOW,
        "low": Severity.LOW,
        "moderate": Severity.MEDIUM,
        "medium": Severity.MEDIUM,
        "important": Severity.HIGH,
        "high": Severity.HIGH,
        "critical": Severity.CRITICAL,
    }
)
"""The words that the tools and the databases have for how bad a flaw is."""
ANY: type[Any] = cast("type[Any]", dict[str, Any] | list[Any])
"""Any report that is JSON."""
_SCHEMES = ("RUSTSEC-", "GHSA-", "CVE-", "PYSEC-", "GO-")
"""What a flaw is called by, best first."""
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,80}")
_END = re.compile(r"\}|\n[ \t]*\n")
"""Where what is said of a package ends, in JSON and in most other lock files."""
_NEAR = 300
"""In a lock file's JSON a version stands so many characters behind its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A CVSS base score, and which edition of it."""

    value: float
    source: str
    """`cvss-3.1`, `cvss-4.0`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """What a scanner says of a flaw, whatever it was seen in."""

    ids: tuple[str, ...]
    """Every name of it, the scanner's own first."""
    title: str = ""
    description: str = ""
    severity: Severity = Severity.UNKNOWN
    score: Score | None = None
    native_severity: str = ""
    kind: str = "vulnerability"
    cwe: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    """Version requirements."""
    url: str = ""

    @property
    def id(self) -> str:
        """The name that it goes by here. ParseError where no name of it is a word."""
        names = [name for name in self.ids if _ID.fullmatch(name)]
        if not names:
            raise ParseError("an advisory's id is none")
        ranks = {name: next((r for r, p in enumerate(_SCHEMES) if name.startswith(p)), len(_SCHEMES)) for name in names}
        return min(names, key=lambda name: ranks[name])


def base_score(vectors: Iterable[str]) -> Score | None:
    """The highest base score of CVSS 3 and 4 vectors; None where there is none. Those of version 2 are left out: its
    scale is another."""
    from cvss import CVSS3, CVSS4  # noqa: PLC0415 - 25 ms that a scan without a flaw need not pay
    from cvss.exceptions import CVSSError  # noqa: PLC0415

    found: list[Score] = []
    for vector in vectors:
        version = vector.partition("/")[0].removeprefix("CVSS:")
        try:
            if version in ("3.0", "3.1"):
                found.append(Score(value=float(CVSS3(vector).base_score), source=f"cvss-{version}"))
            elif version == "4.0":
                found.append(Score(value=float(CVSS4(vector).base_score), source="cvss-4.0"))
        except CVSSError:
            continue
    return max(found, key=lambda score: (score.value, score.source), default=None)


def word(text: str) -> Severity:
    """A word of a tool or a database; unknown where it is none of those known."""
    return WORDS.get(text.strip().lower(), Severity.UNKNOWN)


class LockFile:
    """A lock file of the target as it was read, to show packages at their lines."""

    def __init__(self, *, path: str, ecosystem: str, data: bytes | None) -> None:
        self.path = path
        """Relative to the target's root; empty: not known."""
        self.ecosystem = ecosystem
        """As in a purl."""
        self._data = data

    def package(
        self, name: str, version: str, fixed: tuple[str, ...], place: Place | None
    ) -> tuple[Package, Place | None]:
        """A package that it pins, and where it stands: at the line found, else where the tool says."""
        way: tuple[str, ...] = ()
        source: str | None = None
        if self.ecosystem == "pypi":
            name = canonicalize_name(name)
        elif self.ecosystem == "golang":
            version = version.removeprefix("v")
        if self._cargo:
            way, found = self._cargo.locate(name, version, None)
            entry = self._cargo.lock.find(name, version, None)
            source = entry.source if entry else None
        else:
            found = self._place(name, version)
        url = _rustsec.purl(name, version, source) if self.ecosystem == "cargo" else purl(self.ecosystem, name, version)
        package = Package(purl=url, name=name, version=version, fixed_versions=fixed, path=way, lockfile=self.path)
        if found.start_line is None and place is not None:
            found = place
        return package, found if found.path else None

    @cached_property
    def _cargo(self) -> Pins | None:
        if self._data is None or self.ecosystem != "cargo":
            return None
        try:
            return Pins(lock=read_lock(self._data), path=self.path)
        except ValueError:
            return None

    @cached_property
    def python(self) -> Asked | None:
        """What a file of Python asks for, without the files that it includes; None where it is none that is read."""
        if self._data is None or self.ecosystem != "pypi":
            return None
        return _asked(self.path, self._data)

    @cached_property
    def _text(self) -> str:
        return (self._data or b"").decode("utf-8", "replace")

    def _place(self, name: str, version: str) -> Place:
        if self.python:
            line = next((pin.line for pin in self.python.pins if pin.name == name and not pin.path), None)
            return Place(path=self.path, start_line=line)
        at = self._offset(name, version)
        return Place(path=self.path, start_line=self._text.count("\n", 0, at) + 1 if at is not None else None)

    def _offset(self, name: str, version: str) -> int | None:
        """Where a name stands with its version close behind, in npm's lock files first where it is installed; else
        where it stands first."""
        short = re.escape(name.rpartition(":")[2] if self.ecosystem == "maven" else name)
        wanted = re.compile(rf"(?<![\w.]){re.escape(version)}(?!\w)")
        installed = (rf"node_modules/{short}\"",) if self.ecosystem == "npm" else ()
        first: int | None = None
        for pattern in (*installed, rf"(?<![\w@/.-]){short}(?![\w-])"):
            for match in re.finditer(pattern, self._text):
                first = match.start() if first is None else first
                end = _END.search(self._text, match.end(), match.end() + _NEAR)
                if wanted.search(self._text, match.end(), end.start() if end else match.end() + _NEAR):
                    return match.start()
        return first


def _asked(path: str, data: bytes) -> Asked | None:
    def read(wanted: str) -> bytes:
        if wanted != path:
            raise FileNotFoundError(wanted)
        return data

    try:
        return read_pins(path, read)
    except (OSError, ValueError):
        return None


def purl(ecosystem: str, name: str, version: str) -> str:
    """The package URL; `name` as the ecosystem writes it, with its group, scope or folders."""
    from packageurl import PackageURL  # noqa: PLC0415 - 35 ms that a scan without a flaw need not pay

    mark = ":" if ecosystem == "maven" else "/"
    group, _, last = name.rpartition(mark)
    return PackageURL(ecosystem, group or None, last or name, version or None).to_string()


def sighting(
    flaw: Flaw, lock: LockFile, name: str, version: str, *, place: Place | None = None, hidden_by: str = ""
) -> Sighting:
    """What a tool saw, in full."""
    package, found = lock.package(name, version, flaw.fixed, place)
    score = flaw.score
    return Sighting(
        native_rule=flaw.ids[0],
        domain=Domain.DEPENDENCIES,
        message=_sentence(flaw, package),
        rule=_rule(flaw),
        native_severity=flaw.native_severity,
        severity=flaw.severity,
        score=score.value if score else None,
        score_source=score.source if score else "",
        confidence=Confidence.HIGH,
        place=found,
        package=package,
        aliases=tuple(sorted({entry for entry in flaw.ids if _ID.fullmatch(entry)})),
        kind=flaw.kind,
        url=flaw.url,
        hidden_by=hidden_by,
    )


def _rule(flaw: Flaw) -> Rule:
    title = clean(flaw.title, limit=250) or flaw.id
    fixed = (
        f"\n\n### How to mend it\n\nUpgrade to {' or '.join(f'`{entry}`' for entry in flaw.fixed)}."
        if flaw.fixed
        else ""
    )
    return Rule(
        id=f"dependencies/{flaw.id}",
        domain=Domain.DEPENDENCIES,
        title=title,
        description=clean_block(flaw.description),
        help=clean_block(flaw.description) + fixed,
        cwe=tuple(sorted(set(flaw.cwe))),
        references=tuple(dict.fromkeys(entry for entry in (flaw.url, *flaw.references) if entry.startswith("http"))),
        severity=flaw.severity,
        score=flaw.score.value if flaw.score else None,
    )


def _sentence(flaw: Flaw, package: Package) -> str:
    subject = f"{package.name} {package.version}".strip()
    way = package.path
    if len(way) == _DIRECT:
        subject += f", a direct dependency of {way[0].partition(' ')[0]},"
    elif len(way) > _DIRECT:
        subject += f", which {way[0].partition(' ')[0]} gets through {way[1]},"
    title = clean(flaw.title, limit=250).rstrip(" .") or clean(flaw.description, limit=200).rstrip(" .")
    said = {
        "unmaintained": "is unmaintained",
        "unsound": f"is unsound: {title}",
        "notice": f"carries a notice: {title}",
    }.get(flaw.kind, f"has a vulnerability: {title}" if title else "has a vulnerability")
    known = [flaw.id]
    if flaw.fixed:
        known.append(f"fixed in {' or '.join(flaw.fixed)}")
    elif flaw.kind == "vulnerability":
        known.append("no fixed version is known")
    return clean(f"{subject} {said} ({', '.join(known)})")


_DIRECT = 2
"""The length of the way to a direct dependency: whose it is, and itself."""


def locks(inventory: Inventory, kinds: Mapping[str, str]) -> tuple[tuple[Item, str], ...]:
    """The lock files that a tool reads, by their file names, each with what the tool calls its kind."""
    known = ((item, kind_of(item.name, kinds)) for item in inventory.of(ItemKind.LOCKFILE))
    return tuple((item, kind) for item, kind in known if kind is not None)


def kind_of(path: str, kinds: Mapping[str, str]) -> str | None:
    """What a tool calls the kind of a lock file; None where it does not read it. `*.txt` stands for every requirement
    file, `pylock.*.toml` for every named one."""
    name = posixpath.basename(path)
    if name in kinds:
        return kinds[name]
    if name.endswith(".txt"):
        return kinds.get("*.txt")
    return kinds.get("pylock.*.toml") if name.startswith("pylock.") and name.endswith(".toml") else None


def unpinned(lock: LockFile, claims: Iterable[Claim]) -> Iterator[Gap]:
    """A gap for a requirement file that asks for packages in no exact version: there is nothing to compare."""
    asked = lock.python
    if asked is None or asked.is_closed:
        return
    loose = [pin.name for pin in asked.pins if pin.version is None]
    if not loose:
        return
    for claim in claims:
        yield Gap(
            kind=GapKind.ITEM,
            domain=claim.domain,
            item=claim.item,
            path=lock.path,
            reason=f"{len(loose)} of its requirements name no exact version: {', '.join(loose[:3])}",
            hint="pin them, with pip-compile or uv pip compile",
        )


def same_file(path: str, root: str, inputs: Iterable[str]) -> str:
    """The path, relative to the root, of the input that a path of another machine ends with, the longest such; else the
    path without its leading slash."""
    parts = [part for part in path.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    known = {os.path.relpath(entry, root).replace(os.sep, "/") for entry in inputs}
    endings = ("/".join(parts[index:]) for index in range(len(parts)))
    return next((ending for ending in endings if ending in known), "/".join(parts))
