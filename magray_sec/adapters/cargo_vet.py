"""cargo-vet: dependencies of Rust code that nobody has vetted, by the project's own record of audits.

https://mozilla.github.io/cargo-vet/

Looked at is a workspace with a `supply-chain` folder, by what stands in it: the audits of the project, those that it
has imported, and its exemptions. Nothing is fetched, nothing is written. A crate without an audit that meets the
criteria is a finding, and so is one that an audit warns of; exemptions are counted.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from typing import Any

import msgspec

from magray_sec.adapters import _cargo, _cargo_tools
from magray_sec.adapters._cargo_graph import Graph, supply_chain_rule
from magray_sec.adapters._read import convert, document
from magray_sec.adapters._rustsec import purl
from magray_sec.model.adapter import Adapter, Metric, ParseError, Said
from magray_sec.model.finding import Package, Place, Sighting
from magray_sec.model.run import (
    Claim,
    Command,
    Farm,
    Gap,
    Inventory,
    Item,
    ItemKind,
    Level,
    Notification,
    RawOutput,
    ScanContext,
    Target,
)
from magray_sec.model.scale import Confidence, Domain, Severity
from magray_sec.model.text import clean

_STORE = os.path.join("supply-chain", "config.toml")
_RECORD = frozenset({"config.toml", "audits.toml", "imports.lock"})
_FAILED = 255


class _Crate(msgspec.Struct):
    name: str
    version: str
    missing_criteria: list[str] = []


class _Report(msgspec.Struct):
    conclusion: str = ""
    vetted_fully: list[_Crate] = []
    vetted_partially: list[_Crate] = []
    vetted_with_exemptions: list[_Crate] = []
    failures: list[_Crate] = []
    violations: dict[str, Any] = {}
    error: dict[str, Any] | None = None


def claims(inventory: Inventory) -> tuple[Claim, ...]:
    """Every Cargo.lock or unpinned Cargo.toml beside which a record of audits lies."""
    return tuple(Claim(domain=Domain.SUPPLY_CHAIN, item=item.id) for item in _vetted(inventory))


def _vetted(inventory: Inventory) -> Iterator[Item]:
    paths = {file.path for file in inventory.files}
    for item in _cargo_tools.graphs(inventory):
        if os.path.join(os.path.dirname(item.name), _STORE) in paths:
            yield item


def commands(target: Target, claims: tuple[Claim, ...], context: ScanContext) -> tuple[Command | Gap, ...]:
    """One run for each workspace."""
    items = {item.id: item for item in (context.inventory or Inventory()).items}
    made: list[Command | Gap] = []
    operators = context.environment.get("CARGO_CONFIG")
    for claim in claims:
        item = items[claim.item]
        ready = _cargo_tools.ready(target, item, context, claim)
        if isinstance(ready, tuple):
            made.append(_cargo_tools.gap(claim, item, ready))
            continue
        # It locks the record for writing, which the target's own cannot be: it gets a copy.
        store = os.path.join(context.work, "cargo-vet", hashlib.sha256(os.fsencode(item.id)).hexdigest()[:16])
        source = os.path.join(target.root, os.path.dirname(item.name), os.path.dirname(_STORE))
        made += ready.preparations
        made.append(
            Command(
                argv=(
                    *("{tool}", "vet", "--manifest-path", ready.manifest, "--store-path", store),
                    *("--locked", "--frozen"),
                    "--output-format=json",
                    *(("--cargo-arg=--config", f"--cargo-arg={operators}") if operators else ()),
                ),
                environment=_cargo_tools.environment(context),
                farm=Farm(source=source, at=store, copied=_RECORD),
                claims=(claim,),
                inputs=_cargo_tools.inputs(ready, context, target),
                subject=item.name,
                facts=ready.facts,
            )
        )
    return tuple(made)


def imported(target: Target, inventory: Inventory) -> Command:
    """A report made elsewhere: it covers nothing, and is held against the target's Cargo.lock where there is one."""
    locks = inventory.of(ItemKind.LOCKFILE, "cargo")
    facts = {"root": target.root, "imported": "yes"}
    if len(locks) != 1:
        return Command(argv=(), facts=facts)
    known = (file.path for file in inventory.files if os.path.basename(file.path) in ("Cargo.toml", "Cargo.lock"))
    inputs = tuple(os.path.join(target.root, path) for path in known)
    return Command(
        argv=(), inputs=inputs, subject=locks[0].name, facts={**facts, "members": locks[0].fact("members") or ""}
    )


def parse(raw: RawOutput) -> Iterator[Said]:
    """A sighting for each crate that is not vetted. ParseError where it came to no conclusion."""
    report, notes = _read(raw)
    graph = _cargo_tools.read_graph(raw)
    yield from notes
    if not raw.command.facts.get("imported"):
        yield from _cargo_tools.circumstances(raw, graph)
    for name, crates in (
        ("crates vetted", report.vetted_fully),
        ("crates vetted in part", report.vetted_partially),
        ("crates exempted", report.vetted_with_exemptions),
        ("crates not vetted", report.failures),
    ):
        yield Metric(name=name, value=len(crates))
    exempted = len(report.vetted_with_exemptions) + len(report.vetted_partially)
    if exempted:
        text = f"{exempted} crates pass by an exemption in {_STORE}: nobody has vetted them, or not all of them"
        yield Notification(level=Level.NOTE, message=text, path=raw.command.subject)
    for crate in report.failures:
        criteria = clean(", ".join(crate.missing_criteria), limit=200) or "the policy's criteria"
        yield _sighting("unvetted-crate", crate, f"is not vetted for {criteria}", graph)
    for name in sorted(report.violations):
        crate = _Crate(name=name.partition(":")[0], version=name.partition(":")[2])
        yield _sighting("audit-violation", crate, "is one that an audit in the project's record warns of", graph)


def _read(raw: RawOutput) -> tuple[_Report, tuple[Notification, ...]]:
    """What it printed. ParseError where that is an error, or no conclusion that is known."""
    text = raw.stdout if raw.stdout.strip() else raw.stderr if raw.stderr.lstrip().startswith(b"{") else b""
    report, notes = document(text, _Report)
    if report.error is not None:
        raise ParseError(f"it gave up: {_trouble(report.error)}")
    is_known = (
        (report.conclusion == "success" and not report.failures and not report.violations)
        or (report.conclusion == "fail (vetting)" and report.failures)
        or (report.conclusion == "fail (violation)" and report.violations)
    )
    if not is_known:
        raise ParseError("it comes to no conclusion")
    return report, notes


class _Error(msgspec.Struct):
    message: str
    filename: str = ""
    causes: list[str] = []
    related: list[Any] = []


def _trouble(error: dict[str, Any]) -> str:
    """An error of its, with the first that it is related to, in one line."""
    found = convert(error, _Error)
    inner = convert(found.related[0], _Error).message if found.related else ""
    words = [found.message, f"in {found.filename}" if found.filename else "", *found.causes[:1], inner.split("\n")[0]]
    return clean(" / ".join(" ".join(word.split()) for word in words if word), limit=400)


def _sighting(rule: str, crate: _Crate, what: str, graph: Graph | None) -> Sighting:
    place: Place | None
    locked = graph.lock.find(crate.name, crate.version, None) if graph else None
    if graph and locked:
        subject, place, package = graph.in_words(locked), graph.place(locked), graph.package(locked)
    else:
        name, version = crate.name, crate.version.partition("@")[0]
        subject, place = f"{name} {version}", graph.first_line if graph else None
        package = Package(purl=purl(name, version, None), name=name, version=version)
    found = _RULES[rule]
    return Sighting(
        native_rule=rule,
        domain=Domain.SUPPLY_CHAIN,
        message=f"{subject} {what}",
        rule=found,
        severity=found.severity,
        confidence=Confidence.HIGH,
        place=place,
        package=package,
        kind=rule,
    )


_HOME = "https://mozilla.github.io/cargo-vet/"
_RULES = {
    "unvetted-crate": supply_chain_rule(
        "unvetted-crate",
        Severity.MEDIUM,
        title="Crate that nobody has vetted",
        description="The project has decided that each crate it takes is looked at by somebody it trusts. Of this "
        "version there is no audit that meets its criteria, and no exemption.",
        advice="`cargo vet` suggests what to read; `cargo vet inspect NAME VERSION` or `cargo vet diff NAME OLD NEW` "
        "shows it, `cargo vet certify` records what was found. `cargo vet add-exemption` puts it off.",
        reference=_HOME,
    ),
    "audit-violation": supply_chain_rule(
        "audit-violation",
        Severity.HIGH,
        title="Crate that an audit warns of",
        description="Somebody whose audits the project follows has recorded that this version must not be used.",
        advice="Read the notes of the audit in `supply-chain/audits.toml` or `imports.lock`, and take another version.",
        reference=_HOME,
    ),
}


def _reads(path: str) -> bool:
    return _cargo.reads(path) or f"/{path}".rpartition("/")[0].endswith("/supply-chain")


ADAPTER = Adapter(
    id="cargo-vet",
    title="Rust dependencies that nobody has vetted",
    domains=frozenset({Domain.SUPPLY_CHAIN}),
    reads=_reads,
    claims=claims,
    versions=">=0.10,<0.11",
    executable="cargo-vet",
    uses=("cargo",),
    requires=("cargo",),
    install="cargo install --locked cargo-vet",
    clean_exits=frozenset({0}),
    finding_exits=frozenset({_FAILED}),
    commands=commands,
    imported=imported,
    parse=parse,
)
