"""pip-licenses: the licences of the Python packages that a project asks for, by the metadata of those installed.

https://github.com/raimon49/pip-licenses

Lock files, requirement files and manifests say which packages; environments in the target (`.venv`, `venv` ...) and
vendored copies say under which licence. Metadata is read as text: neither the target's interpreter nor its
configuration is used. What is not installed in the target is a gap; a report of pip-licenses can be taken in instead.
"""

from __future__ import annotations

import os
import posixpath
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import msgspec
from packaging.utils import canonicalize_name

from magray_sec.adapters import _spdx
from magray_sec.adapters._python_installed import Environment, Installed
from magray_sec.adapters._python_licences import Found, Words, find_licence
from magray_sec.adapters._python_pins import Asked, Pin, read_pins
from magray_sec.adapters._read import document
from magray_sec.adapters._spdx import Family, Licence, in_words
from magray_sec.model.adapter import Adapter, Metric, ParseError, Said
from magray_sec.model.finding import Package, Place, Sighting
from magray_sec.model.run import (
    Claim,
    Command,
    Gap,
    GapKind,
    Inventory,
    Item,
    ItemKind,
    RawOutput,
    ScanContext,
    Source,
    Target,
)
from magray_sec.model.scale import Domain
from magray_sec.model.text import clean, shown_path

_ECOSYSTEM = "pypi"
_MOST_NAMED = 5
_MOST_STEPS = 20_000
"""From package to package, of one file."""
_INSTALL = (
    "install the project's dependencies into .venv in the target before the scan, or take in a report of pip-licenses "
    "with --input pip-licenses=FILE"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reached:
    """A package that a file asks for, itself or by way of others."""

    pin: Pin
    """What stands in the file."""
    installed: Installed | None
    name: str
    version: str | None
    path: tuple[str, ...]
    """`name version` of what leads to it, from the file's own entry on."""
    is_other_version: bool = False


def claims(inventory: Inventory) -> tuple[Claim, ...]:
    """Every lock file, requirement file and manifest of Python."""
    return tuple(Claim(domain=Domain.LICENSES, item=item.id) for item in _items(inventory))


def _items(inventory: Inventory) -> tuple[Item, ...]:
    return (*inventory.of(ItemKind.LOCKFILE, _ECOSYSTEM), *inventory.of(ItemKind.MANIFEST, _ECOSYSTEM))


def inspect(source: Source, claimed: tuple[Claim, ...], _context: ScanContext) -> Iterator[Said]:
    """A sighting for each package whose metadata lies in the target, a gap for each file of which not all does."""
    paths = {claim.item: claim.item.partition(":")[2] for claim in claimed}
    environment = Environment(source, [posixpath.dirname(path) for path in paths.values()])
    for claim in claimed:
        path = paths[claim.item]
        try:
            asked = read_pins(path, source.read)
        except OSError as error:
            yield _item_gap(claim, path, f"it cannot be read: {error.strerror or type(error).__name__}")
            continue
        except ValueError as error:
            yield _item_gap(claim, path, f"it cannot be understood: {clean(str(error), limit=200)}")
            continue
        yield from _licences(claim, path, asked, environment)


def _licences(claim: Claim, path: str, asked: Asked, environment: Environment) -> Iterator[Said]:
    unknown: list[_Reached] = []
    counts: Counter[Family] = Counter()
    packages = 0
    for reached in _reach(path, asked, environment):
        packages += 1
        if reached.installed is None:
            unknown.append(reached)
            continue
        installed = reached.installed
        words = Words.of(installed.metadata)
        found = find_licence(words, partial(environment.licence_texts, installed))
        counts[found.licence.family] += 1
        pin = reached.pin
        yield _sighting(
            name=installed.name,
            version=installed.version,
            words=words,
            found=found,
            place=Place(path=pin.path or path, start_line=pin.line),
            package_path=reached.path,
            lockfile=path,
            kind=pin.kind,
        )
    yield Metric(name="packages", value=packages)
    yield from (Metric(name=family.value, value=counts[family]) for family in Family)
    for line, trouble in asked.unread:
        yield Gap(
            kind=GapKind.FILE,
            domain=claim.domain,
            path=path,
            reason=f"line {line}: {clean(trouble, limit=300)}",
            hint="pin the project's packages in a lock file",
        )
    if unknown:
        yield _item_gap(claim, path, _unknown(unknown, packages), _INSTALL)


def _reach(path: str, asked: Asked, environment: Environment) -> Iterator[_Reached]:
    """Every package once, those that the file names first; what packages ask for only where it does not list all."""
    folder = posixpath.dirname(path)
    seen: set[tuple[str, str | None]] = set()
    pending: deque[tuple[Pin, str, str | None, tuple[str, ...], bool]] = deque()
    named = set()
    for pin in asked.pins:
        named.add(pin.name)
        pending.append((pin, pin.name, pin.version, (), True))
    for _ in range(_MOST_STEPS):
        if not pending:
            return
        pin, name, version, above, is_needed = pending.popleft()
        if (name, version) in seen or (above and name in named):
            continue
        installed, is_other = environment.find(name, version, folder)
        if installed is None and not is_needed:
            # On another system it may be: nothing of this one's environment asks for it.
            continue
        seen.add((name, version))
        known = version or (installed.version if installed else None)
        here = (*above, f"{name} {known}" if known else name)
        yield _Reached(
            pin=pin,
            installed=installed,
            name=name,
            version=known,
            path=here,
            is_other_version=is_other and installed is None,
        )
        if installed and not asked.is_closed:
            pending += [(pin, wanted, None, here, always) for wanted, always in installed.asks()]


def _unknown(unknown: list[_Reached], packages: int) -> str:
    names = [entry.path[-1] for entry in unknown[:_MOST_NAMED]]
    more = f" and {len(unknown) - _MOST_NAMED} more" if len(unknown) > _MOST_NAMED else ""
    others = sum(entry.is_other_version for entry in unknown)
    told = f"; {others} in another version" if others else ""
    if packages == 1:
        return f"its one package is not installed in the target, so its licence is not known{told} ({names[0]})"
    share = f"its {packages} packages" if len(unknown) == packages else f"{len(unknown)} of its {packages} packages"
    verb = "is" if len(unknown) == 1 else "are"
    whose = "its licence is" if len(unknown) == 1 else "their licences are"
    return f"{share} {verb} not installed in the target, so {whose} not known{told} ({', '.join(names)}{more})"


def _item_gap(claim: Claim, path: str, reason: str, hint: str = "") -> Gap:
    return Gap(kind=GapKind.ITEM, domain=claim.domain, item=claim.item, path=path, reason=reason, hint=hint)


def _sighting(
    *,
    name: str,
    version: str,
    words: Words,
    found: Found,
    place: Place | None,
    package_path: tuple[str, ...],
    lockfile: str,
    kind: str | None,
) -> Sighting:
    from packageurl import PackageURL  # noqa: PLC0415

    licence = found.licence
    rule = _spdx.rule(licence.family)
    by = f" (asked for by {package_path[-2]})" if len(package_path) > 1 else ""
    return Sighting(
        native_rule=clean(words.printed, limit=100) or "UNKNOWN",
        domain=Domain.LICENSES,
        message=_sentence(f"{name} {version}{by}", licence),
        rule=rule,
        severity=rule.severity,
        confidence=found.confidence,
        place=place,
        package=Package(
            purl=PackageURL(type=_ECOSYSTEM, name=name, version=version).to_string(),
            name=name,
            version=version,
            path=package_path,
            lockfile=lockfile,
            license=licence.expression,
            dependency_kind=kind,
        ),
        kind=licence.family.value,
    )


def _sentence(subject: str, licence: Licence) -> str:
    match licence.family:
        case Family.FILE_ONLY:
            return f"{subject} does not name its licence; what there is, is a text: {licence.said}"
        case Family.UNKNOWN if licence.said:
            return f"{subject} names a licence that is not one of the SPDX list: {licence.said}"
        case Family.UNKNOWN:
            return f"{subject} states no licence"
    return f"{subject} is under {in_words(licence)}"


class _Row(msgspec.Struct):
    name: str = msgspec.field(name="Name")
    version: str = msgspec.field(name="Version")
    license: str | None = msgspec.field(name="License", default=None)
    expression: str | None = msgspec.field(name="License-Expression", default=None)
    classifier: str | None = msgspec.field(name="License-Classifier", default=None)
    metadata: str | None = msgspec.field(name="License-Metadata", default=None)


def imported(target: Target, inventory: Inventory) -> Command:
    """A report made elsewhere is held against the target's one file of Python packages, where there is just one."""
    items = _items(inventory)
    inputs = tuple(os.path.join(target.root, item.name) for item in items)
    claim = (Claim(domain=Domain.LICENSES, item=items[0].id),) if len(items) == 1 else ()
    return Command(argv=(), claims=claim, inputs=inputs, facts={"root": target.root})


def parse(raw: RawOutput) -> Iterator[Said]:
    """What `pip-licenses --format=json` printed, a sighting for each row. ParseError where it is not that."""
    rows, notes = document(raw.stdout, list[_Row])
    if not rows:
        raise ParseError("it lists no package")
    yield from notes
    for row in rows:
        if not any((row.license, row.expression, row.classifier, row.metadata)):
            raise ParseError("a row names no licence: made with --from or with columns that leave it out")
    asked = dict(_asked(raw))
    pins = {pin.name: (path, pin) for path in sorted(asked, reverse=True) for pin in asked[path].pins}
    for row in rows:
        words = _words(row)
        name = canonicalize_name(row.name)
        path, pin = pins.get(name, (next(iter(sorted(asked)), ""), None))
        yield _sighting(
            name=name,
            version=row.version,
            words=words,
            found=find_licence(words, tuple),
            place=Place(path=(pin.path if pin else "") or path, start_line=pin.line if pin else 1) if path else None,
            package_path=(f"{name} {row.version}",),
            lockfile=path,
            kind=pin.kind if pin else None,
        )
    yield Metric(name="packages", value=len(rows))
    named = {(str(canonicalize_name(row.name)), row.version) for row in rows}
    for claim in raw.command.claims:
        yield from _unnamed(claim, asked, named)


def _asked(raw: RawOutput) -> Iterator[tuple[str, Asked]]:
    """What the target's files of Python packages ask for, by their paths; what is not understood is left out."""
    root = raw.command.facts.get("root", "")
    files = {os.path.relpath(path, root).replace(os.sep, "/"): path for path in raw.command.inputs}

    def read(path: str) -> bytes:
        data = raw.input(files[path]) if path in files else None
        if data is None:
            raise FileNotFoundError(path)
        return data

    for path in sorted(files):
        try:
            yield path, read_pins(path, read)
        except (OSError, ValueError):
            continue


def _unnamed(claim: Claim, asked: Mapping[str, Asked], named: set[tuple[str, str]]) -> Iterator[Gap]:
    path = claim.item.partition(":")[2]
    if path not in asked:
        yield _item_gap(claim, path, "the report cannot be held against it: it cannot be understood")
        return
    names = {name for name, _ in named}
    pins = asked[path].pins
    lost = [
        pin for pin in pins if (pin.name not in names if pin.version is None else (pin.name, pin.version) not in named)
    ]
    if lost:
        told = ", ".join(f"{pin.name} {pin.version or ''}".strip() for pin in lost[:_MOST_NAMED])
        more = f" and {len(lost) - _MOST_NAMED} more" if len(lost) > _MOST_NAMED else ""
        reason = f"the report that was taken in lacks {len(lost)} of its {len(pins)} packages ({told}{more})"
        yield _item_gap(claim, path, reason, f"make it where what {shown_path(path)} asks for is installed")


def _words(row: _Row) -> Words:
    def split(text: str | None) -> tuple[str, ...]:
        return tuple(part.strip() for part in (text or "").split(";") if part.strip() not in ("", "UNKNOWN"))

    if row.expression is not None or row.classifier is not None or row.metadata is not None:
        field = "" if row.metadata in (None, "UNKNOWN") else str(row.metadata)
        expression = "" if row.expression in (None, "UNKNOWN") else str(row.expression)
        return Words(expression=expression, field=field, classifiers=split(row.classifier))
    parts = split(row.license)
    if len(parts) == 1:
        return Words(field=parts[0], classifiers=parts)
    return Words(classifiers=parts)


ADAPTER = Adapter(
    id="pip-licenses",
    title="Licences of Python dependencies",
    domains=frozenset({Domain.LICENSES}),
    claims=claims,
    library="pip-licenses",
    inspect=inspect,
    imported=imported,
    parse=parse,
)
