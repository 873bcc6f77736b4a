"""npm audit: known flaws in the packages that a package-lock.json pins, by the registry's advisories.

https://docs.npmjs.com/cli/commands/npm-audit

Names and versions of the packages are sent to the registry. npm is given a folder of links without the repository's
.npmrc, which could name another registry; it installs nothing and runs no script.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from magray_sec.adapters import _flaws
from magray_sec.adapters._flaws import Flaw, LockFile
from magray_sec.adapters._read import convert, document
from magray_sec.model.adapter import Adapter, Metric, ParseError, Said
from magray_sec.model.run import (
    Capabilities,
    Claim,
    Command,
    Farm,
    Gap,
    Inventory,
    RawOutput,
    ScanContext,
    Target,
)
from magray_sec.model.scale import Domain

_KINDS = {"package-lock.json": "npm", "npm-shrinkwrap.json": "npm"}
_CODE = re.compile(r"[A-Z][A-Z0-9_]{1,40}")
_GHSA = re.compile(r"GHSA(?:-[0-9a-z]{4}){3}")
_NO_FIX = "<0.0.0"
"""How the old format says that no version is free of a flaw."""


class _Via(msgspec.Struct):
    """What an entry of `via` says where it is an advisory, not the name of another package."""

    name: str = ""
    dependency: str = ""
    source: Any = None
    title: str = ""
    url: str = ""
    severity: str = ""
    cwe: list[str] | str | None = None
    cvss: dict[str, Any] | None = None
    range: str = ""


class _Package(msgspec.Struct):
    name: str
    severity: str = ""
    via: list[Any] = []
    nodes: list[str] = []


class _Advisory(msgspec.Struct):
    """An advisory of the format of npm 6 (and of pnpm)."""

    module_name: str
    id: Any = None
    title: str = ""
    overview: str = ""
    severity: str = ""
    url: str = ""
    cves: list[str] | None = None
    cwe: list[str] | str | None = None
    cvss: dict[str, Any] | None = None
    github_advisory_id: str | None = None
    patched_versions: str | None = None
    findings: list[dict[str, Any]] | None = None


def claims(inventory: Inventory) -> tuple[Claim, ...]:
    """Every lock file of npm itself; those of yarn, pnpm and bun it does not read."""
    return tuple(Claim(domain=Domain.DEPENDENCIES, item=item.id) for item, _ in _flaws.locks(inventory, _KINDS))


def commands(target: Target, claims: tuple[Claim, ...], context: ScanContext) -> tuple[Command | Gap, ...]:
    """One command for each lock file, in a farm of links to what lies beside it."""
    wanted = {claim.item: claim for claim in claims}
    made = []
    for number, (item, _) in enumerate(_flaws.locks(context.inventory or Inventory(), _KINDS)):
        if item.id not in wanted:
            continue
        folder, name = os.path.split(item.name)
        place = os.path.join(context.work, f"npm-audit-{number}")
        made.append(
            Command(
                argv=(
                    *("{tool}", "audit", "--json", "--package-lock-only", "--ignore-scripts", "--no-fund"),
                    *("--no-update-notifier", "--prefix", place),
                ),
                claims=(wanted[item.id],),
                environment={"npm_config_cache": os.path.join(context.work, "npm-cache")},
                inputs=(os.path.join(target.root, item.name),),
                farm=Farm(
                    source=os.path.join(target.root, folder) if folder else target.root,
                    at=place,
                    leave_out=frozenset({".npmrc", "node_modules", ".git", *(_KINDS.keys() - {name})}),
                    copied=frozenset({"package.json", name}),
                ),
                network=True,
                subject=item.name,
                facts={"root": target.root},
            )
        )
    return tuple(made)


def reads(path: str) -> bool:
    """Whether what it says depends on a file."""
    return os.path.basename(path) in ("package.json", *_KINDS)


def imported(target: Target, inventory: Inventory) -> Command:
    """A report made elsewhere is taken to be of the target's lock file where there is one alone."""
    locks = [item for item, _ in _flaws.locks(inventory, _KINDS)]
    if len(locks) != 1:
        return Command(argv=(), facts={"root": target.root})
    claim = Claim(domain=Domain.DEPENDENCIES, item=locks[0].id)
    lock = os.path.join(target.root, locks[0].name)
    facts = {"root": target.root, "lock": locks[0].name}
    return Command(argv=(), claims=(claim,), inputs=(lock,), subject=locks[0].name, facts=facts)


def parse(raw: RawOutput) -> Iterator[Said]:
    """A sighting for each advisory and version of a package. ParseError where the registry was not asked."""
    report, notes = document(raw.stdout, dict[str, Any])
    yield from notes
    _refuse(report)
    path = raw.command.facts.get("lock") or (raw.command.subject if raw.command.argv else "")
    data = raw.input(raw.command.inputs[0]) if raw.command.inputs else None
    lock = LockFile(path=path, ecosystem="npm", data=data)
    yield Metric(name="packages", value=_packages(report))
    found: dict[tuple[str, str, str], tuple[Flaw, str, str]] = {}
    if "vulnerabilities" in report:
        entries = _whole(convert(report["vulnerabilities"], dict[str, _Package]), report)
        hits = _hits(entries, _versions(data))
    else:
        hits = _old_hits(convert(report["advisories"], dict[str, _Advisory]))
    for flaw, name, version in hits:
        found.setdefault((flaw.id, name, version), (flaw, name, version))
    for flaw, name, version in found.values():
        yield _flaws.sighting(flaw, lock, name, version)


def _refuse(report: Mapping[str, Any]) -> None:
    """ParseError where it is npm's word of an error, or no audit."""
    error = report.get("error")
    if isinstance(error, dict) or "message" in report:
        code = error.get("code") if isinstance(error, dict) else None
        status = report.get("statusCode")
        why = code if isinstance(code, str) and _CODE.fullmatch(code) else ""
        if isinstance(status, int):
            why = f"the registry answered {status}"
        raise ParseError(f"npm could not audit it{f': {why}' if why else ''}")
    if not isinstance(report.get("metadata"), dict) or not ("vulnerabilities" in report or "advisories" in report):
        raise ParseError("it holds no audit")


def _packages(report: Mapping[str, Any]) -> int:
    metadata = report["metadata"]
    counts = metadata.get("dependencies")
    total = counts.get("total") if isinstance(counts, dict) else metadata.get("totalDependencies", counts)
    return total if isinstance(total, int) and not isinstance(total, bool) else 0


def _whole(entries: dict[str, _Package], report: Mapping[str, Any]) -> dict[str, _Package]:
    """The packages; ParseError where the report states another number of them."""
    counts = report["metadata"].get("vulnerabilities")
    total = counts.get("total") if isinstance(counts, dict) else None
    if isinstance(total, int) and total != len(entries):
        raise ParseError(f"it states {total} flawed packages and lists {len(entries)}")
    return entries


def _hits(entries: dict[str, _Package], versions: Mapping[str, str]) -> Iterator[tuple[Flaw, str, str]]:
    """What npm from 7 on lists: packages, each with its advisories, and with the names of the flawed ones it needs."""
    for package in entries.values():
        installed = sorted({versions.get(node, "") for node in package.nodes}) or [""]
        for entry in package.via:
            if isinstance(entry, dict):
                via = convert(entry, _Via)
                for version in installed:
                    yield _flaw(via), via.dependency or via.name or package.name, version


def _flaw(via: _Via) -> Flaw:
    known = _GHSA.search(via.url)
    ids = (known[0] if known else f"npm-{via.source}",)
    score, severity = _score(via.cvss), _flaws.word(via.severity)
    free = _fixed_by(via.range)
    return Flaw(
        ids=ids,
        title=via.title,
        severity=severity,
        score=score,
        native_severity=via.severity,
        cwe=_cwe(via.cwe),
        fixed=free,
        url=via.url,
    )


def _fixed_by(vulnerable: str) -> tuple[str, ...]:
    """What follows from the range of flawed versions where it has a plain upper end."""
    last = vulnerable.rsplit("||", maxsplit=1)[-1].strip().split(" ")[-1]
    return (f">={last[1:]}",) if re.fullmatch(r"<\d[\w.+-]*", last) else ()


def _score(stated: Mapping[str, Any] | None) -> _flaws.Score | None:
    vector = (stated or {}).get("vectorString")
    return _flaws.base_score([vector]) if isinstance(vector, str) else None


def _cwe(stated: list[str] | str | None) -> tuple[str, ...]:
    return tuple([stated] if isinstance(stated, str) else stated or ())


def _old_hits(advisories: dict[str, _Advisory]) -> Iterator[tuple[Flaw, str, str]]:
    """What npm 6 and pnpm list: advisories, each with the versions found."""
    for key, advisory in advisories.items():
        known = _GHSA.search(f"{advisory.github_advisory_id or ''} {advisory.url}")
        ids = [*([known[0]] if known else []), *(advisory.cves or ())] or [f"npm-{advisory.id or key}"]
        patched = advisory.patched_versions or ""
        flaw = Flaw(
            ids=tuple(ids),
            title=advisory.title,
            description=advisory.overview,
            severity=_flaws.word(advisory.severity),
            score=_score(advisory.cvss),
            native_severity=advisory.severity,
            cwe=_cwe(advisory.cwe),
            fixed=(patched,) if patched and patched != _NO_FIX else (),
            url=advisory.url,
        )
        versions = {str(entry.get("version") or "") for entry in advisory.findings or ()} or {""}
        for version in sorted(versions):
            yield flaw, advisory.module_name, version


def _versions(data: bytes | None) -> Mapping[str, str]:
    """Place in node_modules -> version, by the lock file; empty where it is not known or not read."""
    if data is None:
        return {}
    try:
        lock, _ = document(data, dict[str, Any])
    except ParseError:
        return {}
    found: dict[str, str] = {}
    packages = lock.get("packages")
    for place, entry in packages.items() if isinstance(packages, dict) else ():
        if isinstance(entry, dict) and isinstance(entry.get("version"), str):
            found[place] = entry["version"]
    # The first version of the format has a tree of them.
    pending = [("", lock.get("dependencies"))] if not found else []
    while pending:
        above, entries = pending.pop()
        for name, entry in entries.items() if isinstance(entries, dict) else ():
            if isinstance(entry, dict):
                place = f"{above}node_modules/{name}"
                if isinstance(entry.get("version"), str):
                    found[place] = entry["version"]
                pending.append((f"{place}/", entry.get("dependencies")))
    return found


ADAPTER = Adapter(
    id="npm-audit",
    title="Known flaws in npm dependencies",
    domains=frozenset({Domain.DEPENDENCIES}),
    claims=claims,
    reads=reads,
    needs=Capabilities(network=True),
    versions=">=7,<12",
    executable="npm",
    uses=("node",),
    install="https://nodejs.org/en/download (npm comes with it)",
    clean_exits=frozenset({0}),
    finding_exits=frozenset({1}),
    commands=commands,
    imported=imported,
    parse=parse,
)
