"""pip-audit: known flaws in the Python packages that lock files and requirement files pin, by the advisories of PyPI.

https://github.com/pypa/pip-audit

Names and versions of the packages are sent to PyPI. pip-audit is given what we read in a file (`name==version`, on
standard input), never the file: a requirement file may name other files and addresses, and a source package runs code
when pip looks at it. Nothing is resolved or installed, so that what names no exact version is a gap.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping

import msgspec
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from magray_sec.adapters import _flaws
from magray_sec.adapters._flaws import Flaw, LockFile
from magray_sec.adapters._python_pins import Asked, Pin, read_pins
from magray_sec.adapters._read import convert, document
from magray_sec.model.adapter import Adapter, Metric, ParseError, Said
from magray_sec.model.finding import Place
from magray_sec.model.run import (
    Capabilities,
    Claim,
    Command,
    Gap,
    GapKind,
    Inventory,
    Item,
    ItemKind,
    Level,
    Notification,
    RawOutput,
    ScanContext,
    Target,
)
from magray_sec.model.scale import Domain
from magray_sec.model.text import clean, cut
from magray_sec.source import TreeSource

_ECOSYSTEM = "pypi"
_MOST_NAMED = 3
_HINT = "pin them, with pip-compile or uv pip compile"


class _Vulnerability(msgspec.Struct):
    id: str
    fix_versions: list[str] = []
    aliases: list[str] = []
    description: str | None = ""


class _Dependency(msgspec.Struct):
    name: str
    version: str = ""
    vulns: list[_Vulnerability] = []
    skip_reason: str | None = None


def claims(inventory: Inventory) -> tuple[Claim, ...]:
    """Every lock file and requirement file of Python."""
    return tuple(Claim(domain=Domain.DEPENDENCIES, item=item.id) for item in _items(inventory))


def _items(inventory: Inventory) -> tuple[Item, ...]:
    return inventory.of(ItemKind.LOCKFILE, _ECOSYSTEM)


def commands(target: Target, claims: tuple[Claim, ...], context: ScanContext) -> tuple[Command | Gap, ...]:
    """For each file one command over what it pins, and a gap where it also asks for what it does not pin."""
    wanted = {claim.item: claim for claim in claims}
    source = TreeSource(target.root)
    made: list[Command | Gap] = []
    for item in _items(context.inventory or Inventory()):
        if item.id not in wanted:
            continue
        claim = wanted[item.id]
        try:
            asked = read_pins(item.name, source.read)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            made.append(_gap(claim, item, f"it cannot be read: {clean(str(reason), limit=200)}", "mend the file"))
            continue
        pinned, loose = _parted(asked)
        if loose:
            few = ", ".join(loose[:_MOST_NAMED]) + (" ..." if len(loose) > _MOST_NAMED else "")
            made.append(_gap(claim, item, f"{len(loose)} of its requirements name no exact version: {few}", _HINT))
        if asked.unread:
            line, why = asked.unread[0]
            made.append(_gap(claim, item, f"line {line}: {why}", "mend the file"))
        if pinned:
            made.append(_command(target, claim, item, context, pinned, is_closed=asked.is_closed))
        elif not loose and not asked.unread:
            made.append(_gap(claim, item, "it holds no package", ""))
    return tuple(made)


def _command(
    target: Target, claim: Claim, item: Item, context: ScanContext, pinned: list[Pin], *, is_closed: bool
) -> Command:
    stdin = "".join(f"{name}=={version}\n" for name, version in sorted({(pin.name, pin.version) for pin in pinned}))
    facts = {
        "root": target.root,
        "pins": json.dumps([[pin.name, pin.version, pin.line, pin.path or item.name] for pin in pinned]),
        "open": "" if is_closed else "yes",
    }
    return Command(
        argv=(
            *("{tool}", "--requirement", "/dev/stdin", "--no-deps", "--disable-pip", "--format", "json"),
            *("--desc", "on", "--aliases", "on", "--progress-spinner", "off"),
            *("--cache-dir", os.path.join(context.work, "pip-audit")),
        ),
        stdin=stdin.encode(),
        claims=(claim,),
        network=True,
        subject=item.name,
        facts=facts,
    )


def _parted(asked: Asked) -> tuple[list[Pin], list[str]]:
    """The pins with a version that is one, and the names of the others."""
    pinned, loose = [], []
    for pin in asked.pins:
        try:
            Version(pin.version or "")
            pinned.append(pin)
        except InvalidVersion:
            loose.append(pin.name)
    return pinned, loose


def _gap(claim: Claim, item: Item, reason: str, hint: str) -> Gap:
    return Gap(kind=GapKind.ITEM, domain=claim.domain, item=claim.item, path=item.name, reason=reason, hint=hint)


def reads(path: str) -> bool:
    """Whether what it says depends on a file: any text file may be included by a requirement file."""
    return path.endswith((".txt", ".lock", ".toml", ".in"))


def imported(target: Target, inventory: Inventory) -> Command:
    """A report made elsewhere is shown at the target's lock file where there is one alone."""
    items = _items(inventory)
    facts = {"root": target.root, "pins": "", "open": ""}
    if len(items) != 1:
        return Command(argv=(), facts=facts)
    claim = Claim(domain=Domain.DEPENDENCIES, item=items[0].id)
    lock = os.path.join(target.root, items[0].name)
    return Command(
        argv=(), claims=(claim,), inputs=(lock,), subject=items[0].name, facts=facts | {"lock": items[0].name}
    )


def parse(raw: RawOutput) -> Iterator[Said]:
    """A sighting for each flaw of a package, a gap where packages were left out. ParseError where it was not given all
    that the file pins."""
    report, notes = document(raw.stdout, _flaws.ANY)
    yield from notes
    listed = report.get("dependencies") if isinstance(report, dict) else report
    if not isinstance(listed, list):
        raise ParseError("it holds no list of dependencies")
    dependencies = convert(listed, list[_Dependency])
    pins = _pins(raw)
    _compare(dependencies, pins)
    yield Metric(name="packages", value=sum(not entry.skip_reason for entry in dependencies))
    yield from _left_out(raw, dependencies)
    path = raw.command.facts.get("lock") or (raw.command.subject if raw.command.argv else "")
    data = raw.input(raw.command.inputs[0]) if raw.command.inputs else None
    lock = LockFile(path=path, ecosystem=_ECOSYSTEM, data=data)
    for entry in dependencies:
        name = canonicalize_name(entry.name)
        for vulnerability in entry.vulns:
            line, file = pins.get((name, entry.version), (None, ""))
            place = Place(path=file, start_line=line) if file else None
            yield _flaws.sighting(_flaw(vulnerability), lock, name, entry.version, place=place)
    if raw.command.facts.get("open") and raw.command.argv:
        text = "it need not list all packages: what those that it lists bring in is not looked at"
        yield Notification(level=Level.NOTE, message=text, path=raw.command.subject)


def _pins(raw: RawOutput) -> Mapping[tuple[str, str], tuple[int, str]]:
    """What it was given -> where that stands."""
    stated = raw.command.facts.get("pins")
    found: dict[tuple[str, str], tuple[int, str]] = {}
    for name, version, line, path in json.loads(stated) if stated else ():
        found.setdefault((name, version), (line, path))
    return found


def _compare(dependencies: list[_Dependency], pins: Mapping[tuple[str, str], tuple[int, str]]) -> None:
    names = {canonicalize_name(entry.name) for entry in dependencies}
    missing = {name for name, _ in pins} - names
    if missing:
        raise ParseError(f"{len(missing)} of the packages that it was given are not in it")


def _left_out(raw: RawOutput, dependencies: list[_Dependency]) -> Iterator[Said]:
    skipped = [entry for entry in dependencies if entry.skip_reason]
    if not skipped:
        return
    if len(skipped) == len(dependencies) and raw.command.argv:
        raise ParseError("none of the packages was found on PyPI: it cannot be reached, or they are not there")
    few = ", ".join(clean(entry.name, limit=60) for entry in skipped[:_MOST_NAMED])
    words = "package is" if len(skipped) == 1 else "packages are"
    reason = f"{len(skipped)} {words} not on PyPI and not looked at: {few}"
    for claim in raw.command.claims:
        yield Gap(kind=GapKind.ITEM, domain=claim.domain, item=claim.item, path=raw.command.subject, reason=reason)
    if not raw.command.claims:
        yield Notification(level=Level.WARNING, message=reason)


def _flaw(vulnerability: _Vulnerability) -> Flaw:
    ids = dict.fromkeys((vulnerability.id, *vulnerability.aliases))
    description = vulnerability.description or ""
    return Flaw(
        ids=tuple(ids),
        title=cut(description.strip().partition("\n")[0], 120),
        description=description,
        fixed=tuple(f">={version}" for version in vulnerability.fix_versions),
        url=f"https://osv.dev/vulnerability/{clean(vulnerability.id, limit=80)}",
    )


ADAPTER = Adapter(
    id="pip-audit",
    title="Known flaws in Python dependencies",
    domains=frozenset({Domain.DEPENDENCIES}),
    claims=claims,
    reads=reads,
    needs=Capabilities(network=True),
    versions=">=2.9,<3",
    executable="pip-audit",
    install="pip install pip-audit",
    clean_exits=frozenset({0}),
    finding_exits=frozenset({1}),
    commands=commands,
    imported=imported,
    parse=parse,
)
