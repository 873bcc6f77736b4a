"""OpenVEX documents: what somebody states of vulnerabilities in products, as statements that may waive.

`not_affected` and `fixed` waive the findings of that vulnerability (under any of its names) in that package;
`affected` and `under_investigation` take back what an earlier statement said.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from magray_sec import datafiles, documents
from magray_sec.documents import Document, Path
from magray_sec.errors import SettingsError
from magray_sec.model.text import clean, shown_path
from magray_sec.policy.types import Statement


def parse_vex(text: str, *, file: str) -> tuple[Statement, ...]:
    """The statements of the document. SettingsError with the place and what is wrong where it is no OpenVEX document,
    or one that names no package by its package URL.
    """
    with open(datafiles.schema("openvex"), encoding="utf-8") as stream:
        schema = json.load(stream)
    document = documents.load_json(text, file=file, schema=schema)
    documents.raise_all(_faults(document))
    data = document.data
    return tuple(_statement(document, entry, index, data["author"]) for index, entry in enumerate(data["statements"]))


def _statement(document: Document, entry: Mapping[str, Any], index: int, author: str) -> Statement:
    vulnerability = entry["vulnerability"]
    said = (entry.get("justification", "").replace("_", " "), entry.get("impact_statement", ""))
    data = document.data
    stamps = [source[key] for source in (entry, data) for key in ("last_updated", "timestamp") if key in source]
    return Statement(
        names=tuple(
            name.casefold() for name in dict.fromkeys((vulnerability["name"], *vulnerability.get("aliases", ())))
        ),
        products=tuple(dict.fromkeys(_purls(entry))),
        status=entry["status"],
        why=clean(": ".join(part.strip() for part in said if part.strip()), limit=500),
        author=clean(author, limit=200),
        written=_moment(stamps[0]) or datetime.min.replace(tzinfo=UTC),
        file=shown_path(document.file),
        line=document.line(("statements", index)),
    )


def _purls(entry: Mapping[str, Any]) -> Iterator[str]:
    """The packages that the statement is of: where a product names its parts, those, and else the product itself."""
    for product in entry["products"]:
        parts = product.get("subcomponents") or (product,)
        for part in parts:
            yield from (word for word in _ids(part) if word.startswith("pkg:"))


def _ids(part: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(word for word in (part.get("@id"), part.get("identifiers", {}).get("purl")) if word)


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text.upper())
    except ValueError:
        return None


def _faults(document: Document) -> Iterator[SettingsError]:
    """What the schema cannot say, in order of position."""
    found: list[tuple[Path, str, str]] = []
    data = document.data
    for place, holder in (((), data), *((("statements", index), one) for index, one in enumerate(data["statements"]))):
        found += [
            ((*place, key), f"{documents.shown((*place, key))}: there is no such time", "mend it")
            for key in ("timestamp", "last_updated")
            if key in holder and _moment(holder[key]) is None
        ]
    for index, entry in enumerate(data["statements"]):
        where: Path = ("statements", index)
        at = documents.shown(where)
        if entry["status"] == "not_affected" and not (entry.get("justification") or entry.get("impact_statement")):
            hint = "OpenVEX asks for a 'justification' or an 'impact_statement' beside not_affected"
            found.append((where, f"{at} does not say why it is not affected", hint))
        if entry["status"] == "affected" and not entry.get("action_statement"):
            hint = "OpenVEX asks for an 'action_statement' beside affected"
            found.append((where, f"{at} does not say what to do about it", hint))
        if not any(True for _ in _purls(entry)):
            hint = 'name the package by its package URL: {"@id": "pkg:cargo/rsa@0.9.6"}'
            found.append(((*where, "products"), f"{at}.products names no package by its package URL", hint))
    found.sort(key=lambda fault: document.position(fault[0]))
    return (documents.problem(document, *fault) for fault in found)
