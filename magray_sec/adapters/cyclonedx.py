"""cyclonedx: an SBOM in CycloneDX, taken in with `--input cyclonedx=FILE`: licences, and the flaws that it lists.

https://cyclonedx.org

Versions 1.2 to 1.7 in JSON (`cyclonedx convert` makes JSON of XML). The licences of all packages it lists are told as
cargo-licenses and pip-licenses tell theirs; its `vulnerabilities` as known flaws in them, but for those that its
analysis says do not concern the product: they are counted. Of the one lock file of the target it stands for the
licences, where it lists all that the file pins. It is no look at known flaws: nobody knows with what, and when,
packages were compared.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import msgspec

from magray_sec.adapters import _formats, _sbom
from magray_sec.adapters._read import convert
from magray_sec.adapters._sbom import Component, Locks
from magray_sec.model.adapter import Adapter, Metric, ParseError, Said
from magray_sec.model.finding import Package, Rule, Sighting
from magray_sec.model.run import Claim, Inventory, Level, Notification, RawOutput
from magray_sec.model.scale import Confidence, Domain, Severity
from magray_sec.model.text import clean

_WANTED = "a CycloneDX SBOM"
_VERSION = re.compile(r"1\.\d{1,2}\Z")
_NO_PACKAGES = frozenset(
    {"file", "operating-system", "device", "device-driver", "data", "cryptographic-asset", "machine-learning-model"}
)
_MOST_LEVELS = 100
_NOT_CONCERNED = frozenset({"not_affected", "false_positive", "resolved", "resolved_with_pedigree"})
_METHODS = {"CVSSv4": "cvss-4.0", "CVSSv31": "cvss-3.1", "CVSSv3": "cvss-3.0", "CVSSv2": "cvss-2.0"}
_SEVERITIES = {
    "critical": Severity.CRITICAL,
    "high": Severity.HIGH,
    "medium": Severity.MEDIUM,
    "low": Severity.LOW,
    "info": Severity.INFO,
    "none": Severity.INFO,
}
_ADVISORY = re.compile(r"(?:CVE|GHSA|RUSTSEC|PYSEC|GO|OSV|MAL|SNYK|DSA|DLA|ELSA|RHSA|USN|ALAS)-[0-9A-Za-z:._-]+\Z")
_FIXED = re.compile(r"\bto version[s]? ([^;\n]+?)(?:[;.]?\s*\Z|;)")
_HIGHEST = 10.0


class _License(msgspec.Struct):
    id: str | None = None
    name: str | None = None
    acknowledgement: str | None = None


class _Choice(msgspec.Struct):
    license: _License | None = None
    expression: str | None = None
    acknowledgement: str | None = None


class _Component(msgspec.Struct, rename={"ref": "bom-ref"}):
    name: str = ""
    type: str = ""
    group: str | None = None
    version: str | None = None
    ref: str | None = None
    purl: str | None = None
    licenses: list[_Choice] | None = None
    components: list[Any] | None = None


class _Source(msgspec.Struct):
    name: str | None = None
    url: str | None = None


class _Rating(msgspec.Struct):
    score: float | None = None
    severity: str | None = None
    method: str | None = None
    vector: str | None = None


class _Reference(msgspec.Struct):
    id: str | None = None


class _Link(msgspec.Struct):
    url: str | None = None


class _Affected(msgspec.Struct):
    ref: str


class _Analysis(msgspec.Struct):
    state: str | None = None


class _Vulnerability(msgspec.Struct):
    id: str | None = None
    source: _Source | None = None
    references: list[_Reference] | None = None
    ratings: list[_Rating] | None = None
    cwes: list[int] | None = None
    description: str | None = None
    detail: str | None = None
    recommendation: str | None = None
    advisories: list[_Link] | None = None
    analysis: _Analysis | None = None
    affects: list[_Affected] | None = None


class _Metadata(msgspec.Struct):
    component: _Component | None = None
    tools: Any = None


class _Bom(msgspec.Struct, rename={"spec_version": "specVersion", "format": "bomFormat"}):
    format: str = ""
    spec_version: str = ""
    metadata: _Metadata | None = None
    components: list[_Component] | None = None
    vulnerabilities: list[_Vulnerability] | None = None


def claims(inventory: Inventory) -> tuple[Claim, ...]:  # noqa: ARG001 - it looks at reports, not at the target
    """Nothing."""
    return ()


def parse(raw: RawOutput) -> Iterator[Said]:
    """A sighting for each package's licence, and one for each flaw and package that has it. ParseError where it is no
    whole SBOM."""
    value, notes = _formats.read(raw.stdout, _WANTED)
    if not isinstance(value, dict) or value.get("bomFormat") != "CycloneDX":
        raise _formats.refuse(value, _WANTED)
    bom = convert(value, _Bom)
    if not _VERSION.match(bom.spec_version):
        raise ParseError("its version of CycloneDX is not one that is known")
    if bom.components is None and bom.vulnerabilities is None and not (bom.metadata and bom.metadata.component):
        raise ParseError("it lists no component and no vulnerability, and does not say what it is of")
    yield from notes
    tool = _sbom.maker(_makers(bom), "cyclonedx")
    everything = list(_flat(bom.components or []))
    packages = [component for component in everything if _is_package(component)]
    by_ref = {entry.ref: entry for entry in everything if entry.ref}
    if bom.metadata and bom.metadata.component and bom.metadata.component.ref:
        by_ref.setdefault(bom.metadata.component.ref, bom.metadata.component)
    others = len(everything) - len(packages)
    if others:
        some = "1 of its components is" if others == 1 else f"{others} of its components are"
        message = f"{some} left out: no package (a file, a system, a manifest)"
        yield Notification(level=Level.NOTE, message=message)
    locks = Locks(raw)
    components = _sbom.once(_component(entry) for entry in packages)
    yield from _sbom.licences(components, locks, tool)
    yield from _sbom.unlisted(raw, components)
    yield from _flaws(bom, by_ref, locks, tool)


def _makers(bom: _Bom) -> Iterator[str]:
    """The names of the tools that made it: a list until 1.4, an object of lists since 1.5."""
    tools = bom.metadata.tools if bom.metadata else None
    listed = [*(tools.get("components") or ()), *(tools.get("services") or ())] if isinstance(tools, dict) else tools
    for tool in listed if isinstance(listed, list) else ():
        if isinstance(tool, dict) and isinstance(tool.get("name"), str):
            yield tool["name"]


def _flat(components: list[_Component], level: int = 0) -> Iterator[_Component]:
    if level > _MOST_LEVELS:
        raise ParseError("its components are nested too deeply to be read")
    for component in components:
        yield component
        if component.components:
            yield from _flat(convert(component.components, list[_Component]), level + 1)


def _is_package(component: _Component) -> bool:
    if component.type in _NO_PACKAGES:
        return False
    return bool(component.purl) or bool(component.version and component.type != "application")


def _component(entry: _Component) -> Component:
    """What it declares, where it says which that is; a licence that somebody concluded only where it declares none."""
    choices = entry.licenses or []
    declared = [choice for choice in choices if _acknowledged(choice) != "concluded"]
    chosen = declared or choices
    expressions = [choice.expression for choice in chosen if choice.expression]
    words = tuple(word for choice in chosen if (word := choice.license and (choice.license.id or choice.license.name)))
    name = f"{entry.group}/{entry.name}" if entry.group else entry.name
    if len(expressions) == 1 and not words:
        return Component(name=name, version=entry.version or "", purl=entry.purl or "", expression=expressions[0])
    return Component(name=name, version=entry.version or "", purl=entry.purl or "", words=(*expressions, *words))


def _acknowledged(choice: _Choice) -> str:
    return choice.acknowledgement or (choice.license.acknowledgement if choice.license else None) or ""


# --- known flaws


def _flaws(bom: _Bom, by_ref: Mapping[str, _Component], locks: Locks, tool: str) -> Iterator[Said]:
    left_out: Counter[str] = Counter()
    for number, flaw in enumerate(bom.vulnerabilities or (), 1):
        state = flaw.analysis.state if flaw.analysis else None
        if state in _NOT_CONCERNED:
            left_out[state] += 1
            continue
        if not flaw.id and not (flaw.references and flaw.references[0].id):
            raise ParseError(f"its vulnerability {number} has no id")
        if not flaw.affects:
            yield _sighting(flaw, None, locks, tool)
        for ref in dict.fromkeys(entry.ref for entry in flaw.affects or ()):
            yield _sighting(flaw, by_ref.get(ref) or _stranger(ref), locks, tool)
    yield Metric(name="vulnerabilities", value=len(bom.vulnerabilities or ()))
    for state, count in sorted(left_out.items()):
        some = "1 flaw is" if count == 1 else f"{count} flaws are"
        message = f"{some} left out: its analysis says {state.replace('_', ' ')}"
        yield Notification(level=Level.WARNING, message=message)


def _stranger(ref: str) -> _Component:
    """What is affected and not listed: a link into another SBOM, or a purl."""
    inner = unquote(ref.rpartition("#")[2]) if ref.startswith("urn:cdx:") else ref
    is_purl = inner.startswith("pkg:")
    return _Component(name="" if is_purl else inner, purl=inner if is_purl else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rated:
    severity: Severity
    score: float | None = None
    source: str = ""
    native: str = ""


def _rate(flaw: _Vulnerability) -> _Rated:
    """By the newest CVSS that scores it, the highest of several; else by the worst word; else not known."""
    ratings = flaw.ratings or []
    for method, source in _METHODS.items():
        scores = [
            entry.score
            for entry in ratings
            if entry.method == method and entry.score is not None and 0.0 < entry.score <= _HIGHEST
        ]
        if scores:
            score = max(scores)
            native = next(
                (entry.vector or "" for entry in ratings if entry.method == method and entry.score == score), ""
            )
            return _Rated(severity=Severity.from_score(score), score=score, source=source, native=native)
    words = [entry.severity.lower() for entry in ratings if entry.severity and entry.severity.lower() in _SEVERITIES]
    if not words:
        return _Rated(severity=Severity.UNKNOWN)
    worst = max(words, key=lambda word: _SEVERITIES[word].rank)
    return _Rated(severity=_SEVERITIES[worst], native=worst)


def _sighting(flaw: _Vulnerability, component: _Component | None, locks: Locks, tool: str) -> Sighting:
    others = [entry.id for entry in flaw.references or () if entry.id]
    own = (flaw.id or others[0]).strip()
    names = tuple(dict.fromkeys(_cased(name) for name in (own, *others) if _ADVISORY.match(_cased(name))))
    rated = _rate(flaw)
    title = clean(flaw.description or "", limit=250).partition(". ")[0] or own
    links = [flaw.source.url if flaw.source else None, *(link.url for link in flaw.advisories or ())]
    urls = tuple(dict.fromkeys(url for url in links if url and url.startswith(("https://", "http://"))))
    package = place = None
    subject = "the product"
    if component is not None:
        named = _sbom.name_package(_component(component))
        lockfile, place = locks.find(named)
        subject = f"{named.name} {named.version}".strip()
        fixed = _FIXED.search(flaw.recommendation or "")
        package = Package(
            purl=named.purl,
            name=named.name,
            version=named.version,
            fixed_versions=tuple(part.strip() for part in fixed[1].split(",") if part.strip()) if fixed else (),
            lockfile=lockfile,
        )
    advised = "\n\n".join(filter(None, (flaw.description, flaw.detail, flaw.recommendation)))
    rule = Rule(
        id=f"{Domain.DEPENDENCIES.value}/{_cased(own)}",
        domain=Domain.DEPENDENCIES,
        title=title,
        description=flaw.description or "",
        help=advised if advised != (flaw.description or "") else "",
        cwe=tuple(sorted(f"CWE-{number}" for number in flaw.cwes or () if number > 0)),
        references=urls,
        severity=rated.severity,
        score=rated.score,
    )
    return Sighting(
        native_rule=own,
        domain=Domain.DEPENDENCIES,
        message=f"{subject} has a vulnerability: {title} ({', '.join(names) or own})",
        rule=rule,
        native_severity=rated.native,
        severity=rated.severity,
        score=rated.score,
        score_source=rated.source,
        confidence=Confidence.HIGH,
        place=place,
        package=package,
        aliases=tuple(sorted(names)) if package else (),
        kind="vulnerability",
        url=urls[0] if urls else "",
        tool=tool,
    )


def _cased(name: str) -> str:
    scheme, mark, rest = name.strip().partition("-")
    if not mark:
        return name.strip()
    return f"GHSA-{rest.lower()}" if scheme.upper() == "GHSA" else f"{scheme.upper()}-{rest}"


ADAPTER = Adapter(
    id="cyclonedx",
    title="SBOMs in CycloneDX",
    domains=frozenset({Domain.LICENSES, Domain.DEPENDENCIES}),
    claims=claims,
    imported=_sbom.imported,
    parse=parse,
)
