"""spdx: an SBOM in SPDX, taken in with `--input spdx=FILE`: the licences of all packages that it lists.

https://spdx.dev

SPDX 2.2 and 2.3 in JSON and as tags and values, as the dependency graph of GitHub exports it too, and 3.0 in JSON. What
a package declares counts; what somebody concluded only where it declares nothing. Of the target's one lock file it
stands for the licences, where it lists all that the file pins.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from magray_sec.adapters import _formats, _sbom
from magray_sec.adapters._read import decode
from magray_sec.adapters._sbom import Component, Locks
from magray_sec.model.adapter import Adapter, ParseError, Said
from magray_sec.model.run import Claim, Inventory, Level, Notification, RawOutput
from magray_sec.model.scale import Domain

_WANTED = "an SPDX document"
_VERSION = re.compile(r"SPDX-2\.\d{1,2}\Z")
_TAGS = re.compile(r"\A(?:\s*#[^\n]*\n|\s*\n)*\s*SPDXVersion\s*:", re.IGNORECASE)
_SILENT = frozenset({"", "NOASSERTION", "NONE"})
_NO_PACKAGES = frozenset({"FILE", "OPERATING-SYSTEM", "OPERATING_SYSTEM", "OPERATINGSYSTEM", "DEVICE"})
_DESCRIBES = "DESCRIBES"
_TEXT = re.compile(r"<text>(.*?)</text>", re.DOTALL)
_LISTED = re.compile(r"https?://spdx\.org/licenses/([A-Za-z0-9.+-]+?)(?:\.html|\.json)?/?\Z")
_LICENCE_LINKS = {"hasDeclaredLicense": "declared", "hasConcludedLicense": "concluded"}


def claims(inventory: Inventory) -> tuple[Claim, ...]:  # noqa: ARG001 - it looks at reports, not at the target
    """Nothing."""
    return ()


def parse(raw: RawOutput) -> Iterator[Said]:
    """A sighting for each package. ParseError where it is no whole SPDX document."""
    text = decode(raw.stdout).lstrip("\ufeff")
    notes: tuple[Notification, ...] = ()
    if _TAGS.match(text):
        packages, makers = _from_tags(_TEXT.sub(lambda match: match[1].replace("\n", " "), text))
    else:
        value, notes = _formats.read(raw.stdout, _WANTED)
        if isinstance(value, dict) and isinstance(value.get("sbom"), dict):
            value = value["sbom"]  # as GitHub answers
        if not isinstance(value, dict) or _formats.seems(value)[0] != "spdx":
            raise _formats.refuse(value, _WANTED)
        packages, makers = _from_graph(value) if "@graph" in value else _from_json(value)
    yield from notes
    kept = [component for component in packages if component is not None]
    left_out = len(packages) - len(kept)
    if left_out:
        some = "1 of its packages is" if left_out == 1 else f"{left_out} of its packages are"
        message = f"{some} left out: what it is of, or no package (a file, a system)"
        yield Notification(level=Level.NOTE, message=message)
    components = _sbom.once(kept)
    yield from _sbom.licences(components, Locks(raw), _sbom.maker(makers, "spdx"))
    yield from _sbom.unlisted(raw, components)


Read = tuple[list[Component | None], tuple[str, ...]]
"""The packages (None: one that is left out) and the names of the tools that made the document."""


def _chosen(declared: str, concluded: str) -> str:
    return declared if declared.strip() not in _SILENT else concluded if concluded.strip() not in _SILENT else ""


def _tools(creators: list[str]) -> tuple[str, ...]:
    """`Tool: syft-1.2.3` -> `syft`."""
    named = (entry.partition(":")[2].strip() for entry in creators if entry.strip().lower().startswith("tool:"))
    return tuple(re.sub(r"[-_ ]v?\d[\w.+-]*\Z", "", name) for name in named)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _objects(value: Any, what: str) -> list[Mapping[str, Any]]:
    """A list of objects; empty where it is absent. ParseError for anything else."""
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise ParseError(f"its {what} are no list of objects")
    return value


# --- 2.x


def _from_json(value: Mapping[str, Any]) -> Read:
    if not _VERSION.match(_text(value.get("spdxVersion"))):
        raise ParseError("its version of SPDX is not one that is known")
    packages = _objects(value.get("packages"), "packages")
    if "packages" not in value and not _text(value.get("name")):
        raise ParseError("it lists no package, and does not say what it is of")
    creation = value.get("creationInfo")
    creators = creation.get("creators") if isinstance(creation, dict) else None
    roots = {_text(entry) for entry in value.get("documentDescribes") or () if isinstance(entry, str)}
    for link in _objects(value.get("relationships"), "relationships"):
        if _text(link.get("relationshipType")).upper() == _DESCRIBES:
            roots.add(_text(link.get("relatedSpdxElement")))
    found = [
        _package(
            name=_text(entry.get("name")),
            version=_text(entry.get("versionInfo")),
            purl=_purl(_objects(entry.get("externalRefs"), "external references")),
            purpose=_text(entry.get("primaryPackagePurpose")),
            licence=_chosen(_text(entry.get("licenseDeclared")), _text(entry.get("licenseConcluded"))),
            is_root=_text(entry.get("SPDXID")) in roots,
            number=number,
        )
        for number, entry in enumerate(packages, 1)
    ]
    return _roots_kept(found), _tools([entry for entry in creators or () if isinstance(entry, str)])


def _purl(references: list[Mapping[str, Any]]) -> str:
    for reference in references:
        if _text(reference.get("referenceType")).lower().rpartition("/")[2] == "purl":
            return _text(reference.get("referenceLocator"))
    return ""


Found = tuple[Component, bool, bool]
"""A package, whether it is what the document is of, whether it is none of the kinds that have a licence."""


def _package(*, name: str, version: str, purl: str, purpose: str, licence: str, is_root: bool, number: int) -> Found:
    if not name.strip():
        raise ParseError(f"its package {number} has no name")
    component = Component(name=name, version=version, purl=purl, expression=licence)
    return component, is_root, purpose.upper() in _NO_PACKAGES


def _roots_kept(found: list[Found]) -> list[Component | None]:
    """Without what the document is of, unless it lists nothing else: then it is of packages as such."""
    is_left_out = any(not is_root and not is_none for _, is_root, is_none in found)
    return [None if is_none or (is_root and is_left_out) else entry for entry, is_root, is_none in found]


def _from_tags(text: str) -> Read:
    packages: list[dict[str, str]] = []
    roots: set[str] = set()
    creators: list[str] = []
    version = ""
    is_in_package = False
    for line in text.splitlines():
        name, mark, rest = line.partition(":")
        tag, value = name.strip(), rest.strip()
        if not mark or line.lstrip().startswith("#"):
            continue
        match tag:
            case "SPDXVersion":
                version = value
            case "Creator":
                creators.append(value)
            case "PackageName":
                packages.append({"PackageName": value})
                is_in_package = True
            case "FileName" | "SnippetSPDXID" | "LicenseID":
                is_in_package = False
            case "Relationship":
                words = value.split()
                if _DESCRIBES in words[1:2]:
                    roots.add(words[-1])
            case "ExternalRef" if is_in_package:
                words = value.split()
                if [word.lower() for word in words[1:2]] == ["purl"]:
                    packages[-1].setdefault("purl", words[-1])
            case _ if is_in_package:
                packages[-1].setdefault(tag, value)
    if not _VERSION.match(version):
        raise ParseError("its version of SPDX is not one that is known")
    made = [
        _package(
            name=entry["PackageName"],
            version=entry.get("PackageVersion", ""),
            purl=entry.get("purl", ""),
            purpose=entry.get("PrimaryPackagePurpose", ""),
            licence=_chosen(entry.get("PackageLicenseDeclared", ""), entry.get("PackageLicenseConcluded", "")),
            is_root=entry.get("SPDXID", "") in roots,
            number=number,
        )
        for number, entry in enumerate(packages, 1)
    ]
    return _roots_kept(made), _tools(creators)


# --- 3.0


def _from_graph(value: Mapping[str, Any]) -> Read:
    elements = _objects(value.get("@graph"), "elements")
    if not any(_kind(entry) == "SpdxDocument" for entry in elements):
        raise ParseError("it holds no SPDX document")
    by_id = {_id(entry): entry for entry in elements if _id(entry)}
    licences: dict[str, dict[str, str]] = {}
    roots: set[str] = set()
    for entry in elements:
        kind = _kind(entry)
        if kind in ("SpdxDocument", "software_Sbom"):
            roots |= {root for root in _many(entry.get("rootElement")) if _kind(by_id.get(root, {})) != "software_Sbom"}
        link = _LICENCE_LINKS.get(_text(entry.get("relationshipType")))
        if link:
            stated = [_expression(by_id.get(to, {}), to) for to in _many(entry.get("to"))]
            licences.setdefault(_text(entry.get("from")), {})[link] = " AND ".join(filter(None, stated))
    packages = [entry for entry in elements if _kind(entry) == "software_Package"]
    found = []
    for number, entry in enumerate(packages, 1):
        words = licences.get(_id(entry), {})
        found.append(
            _package(
                name=_text(entry.get("name")),
                version=_text(entry.get("software_packageVersion")),
                purl=_text(entry.get("software_packageUrl")) or _identifier(entry),
                purpose=_text(entry.get("software_primaryPurpose")),
                licence=_chosen(words.get("declared", ""), words.get("concluded", "")),
                is_root=_id(entry) in roots,
                number=number,
            )
        )
    makers = tuple(_text(entry.get("name")) for entry in elements if _kind(entry) == "Tool")
    return _roots_kept(found), makers


def _kind(entry: Mapping[str, Any]) -> str:
    return _text(entry.get("type") or entry.get("@type"))


def _id(entry: Mapping[str, Any]) -> str:
    return _text(entry.get("spdxId") or entry.get("@id"))


def _many(value: Any) -> list[str]:
    return [entry for entry in (value if isinstance(value, list) else [value]) if isinstance(entry, str)]


def _identifier(entry: Mapping[str, Any]) -> str:
    for known in _objects(entry.get("externalIdentifier"), "external identifiers"):
        if _text(known.get("externalIdentifierType")) in ("packageUrl", "purl"):
            return _text(known.get("identifier"))
    return ""


def _expression(element: Mapping[str, Any], name: str) -> str:
    """The expression that an element of a licence stands for; empty where it says nothing."""
    stated = _text(element.get("simplelicensing_licenseExpression"))
    listed = _LISTED.match(name)
    text = stated or (listed[1] if listed else "") or _text(element.get("name"))
    return f"({text})" if " OR " in text else text


ADAPTER = Adapter(
    id="spdx",
    title="SBOMs in SPDX",
    domains=frozenset({Domain.LICENSES}),
    claims=claims,
    imported=_sbom.imported,
    parse=parse,
)
