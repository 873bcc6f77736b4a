"""cargo-licenses: magray-sec's own look at the licences of all crates that a Cargo.lock pins.

Each crate's own manifest says it: read out of cargo's download cache, where the file is the one that the lock file
pins, or of a copy vendored in the target. Where the scan is online, cargo fetches what is missing first; nothing is
built. One finding a crate, whatever its licence: which are allowed is the policy's to say. The repository's own
packages are left out; a crate whose manifest is not on disk is told as a gap. What `cargo metadata --format-version 1`
printed elsewhere can be taken in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from magray_sec.adapters import _cargo, _cargo_graph, _cargo_metadata, _spdx
from magray_sec.adapters._cargo_graph import Graph
from magray_sec.adapters._spdx import Family, Licence, in_words
from magray_sec.model.adapter import Adapter, Metric, Said
from magray_sec.model.finding import Sighting
from magray_sec.model.run import Claim, Command, Inventory, RawOutput, ScanContext, Source, Target
from magray_sec.model.scale import Confidence, Domain


def claims(inventory: Inventory) -> tuple[Claim, ...]:
    """Every Cargo.lock, and every Cargo.toml that none pins."""
    return _cargo_graph.claims(inventory, Domain.LICENSES)


def inspect(source: Source, claimed: tuple[Claim, ...], context: ScanContext) -> Iterator[Said]:
    """A sighting for each dependency, and a gap for each lock file of which not all are known."""
    for graph in _cargo_graph.read_graphs(claimed, source, context):
        if isinstance(graph, Graph):
            yield from _licences(graph)
            yield from _unread(graph, context)
        else:
            yield graph


def imported(target: Target, inventory: Inventory) -> Command:
    """A report of cargo stands for the target's one lock file or manifest."""
    return _cargo_metadata.imported(target, inventory, Domain.LICENSES)


def parse(raw: RawOutput) -> Iterator[Said]:
    """What `cargo metadata --format-version 1` printed elsewhere. ParseError where it is not that."""
    for graph in _cargo_metadata.read_graph(raw):
        if isinstance(graph, Graph):
            yield from _licences(graph)
        else:
            yield graph


def _licences(graph: Graph) -> Iterator[Said]:
    manifests = {package: graph.describe(package) for package in graph.dependencies}
    kinds = graph.kinds(manifests)
    rules = {family: _spdx.rule(family) for family in Family}
    counts: Counter[Family] = Counter()
    for package, manifest in manifests.items():
        if manifest is None:
            continue
        licence = _spdx.read_licence(manifest.license, manifest.license_file)
        counts[licence.family] += 1
        yield Sighting(
            native_rule=licence.family.value,
            domain=Domain.LICENSES,
            message=_sentence(graph.in_words(package), licence),
            rule=rules[licence.family],
            native_severity="",
            severity=rules[licence.family].severity,
            confidence=Confidence.HIGH,
            place=graph.place(package),
            package=graph.package(package, license=licence.expression, kind=kinds.get(package)),
            kind=licence.family.value,
        )
    yield Metric(name="packages", value=len(manifests))
    yield from (Metric(name=family.value, value=counts[family]) for family in Family)


def _sentence(subject: str, licence: Licence) -> str:
    match licence.family:
        case Family.FILE_ONLY:
            return f"{subject} states no licence expression; its licence is the text in its file {licence.said}"
        case Family.UNKNOWN if licence.said:
            return f"{subject} states a licence that SPDX does not know: {licence.said}"
        case Family.UNKNOWN:
            return f"{subject} states no licence"
    return f"{subject} is under {in_words(licence)}"


def _unread(graph: Graph, context: ScanContext) -> Iterator[Said]:
    unknown = [package for package in graph.dependencies if graph.describe(package) is None]
    told = _cargo_graph.missing(graph, unknown, context, what="the licences")
    if told:
        yield _cargo_graph.gap(graph.item, Domain.LICENSES, *told)


ADAPTER = Adapter(
    id="cargo-licenses",
    title="Licences of Rust dependencies",
    domains=frozenset({Domain.LICENSES}),
    reads=_cargo.reads,
    claims=claims,
    uses=("cargo",),
    prepare=_cargo_graph.prepare,
    inspect=inspect,
    imported=imported,
    parse=parse,
)
