"""cargo-tree: magray-sec's own look at the dependency graph that a Cargo.lock pins, as an attacker of it would look.

How many crates come in through others; crates that are there in several versions; sources other than crates.io (git,
other registries, folders outside of the repository); requirements that take any version; names that are one slip away
from a well-known crate's. And what of the graph runs or links on the machine that builds it: build scripts, procedural
macros, native code. Counted over the whole lock file, for all platforms and features. Versions that were yanked are
told by cargo-audit. What build scripts and macros there are stands in the crates' manifests: those that are not on disk
are told as a gap. What `cargo metadata --format-version 1` printed elsewhere can be taken in.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import parse_qs

from magray_sec.adapters import _cargo, _cargo_graph, _cargo_metadata
from magray_sec.adapters._cargo_graph import Graph, supply_chain_rule
from magray_sec.adapters._cargo_lock import Locked
from magray_sec.adapters._cargo_shelf import Manifest
from magray_sec.adapters._popular_crates import lookalike
from magray_sec.adapters._rustsec import DEFAULT_SOURCE, without_user
from magray_sec.model.adapter import Adapter, Metric, Said
from magray_sec.model.finding import Package, Place, Rule, Sighting
from magray_sec.model.run import Claim, Command, Gap, GapKind, Inventory, RawOutput, ScanContext, Source, Target
from magray_sec.model.scale import Confidence, Domain, Severity

MOST_INDIRECT = 100
"""More crates than this that nobody in the repository asked for are a finding."""

_MOST_NAMED = 8
"""How many crates a message names."""
_MOST_OWNERS = 3


def claims(inventory: Inventory) -> tuple[Claim, ...]:
    """Every Cargo.lock, and every Cargo.toml that none pins."""
    return _cargo_graph.claims(inventory, Domain.SUPPLY_CHAIN)


def inspect(source: Source, claimed: tuple[Claim, ...], context: ScanContext) -> Iterator[Said]:
    """What the graph of each claimed item shows."""
    at_build = _AtBuild()
    for graph in _cargo_graph.read_graphs(claimed, source, context):
        if isinstance(graph, Graph):
            yield from _look(graph)
            yield from at_build.add(graph)
            yield from _unread(graph, context)
        else:
            yield graph
    yield from at_build.say()


def imported(target: Target, inventory: Inventory) -> Command:
    """A report of cargo stands for the target's one lock file or manifest."""
    return _cargo_metadata.imported(target, inventory, Domain.SUPPLY_CHAIN)


def parse(raw: RawOutput) -> Iterator[Said]:
    """What `cargo metadata --format-version 1` printed elsewhere. ParseError where it is not that."""
    at_build = _AtBuild()
    for graph in _cargo_metadata.read_graph(raw):
        if isinstance(graph, Graph):
            yield from _look(graph)
            yield from at_build.add(graph)
        else:
            yield graph
    yield from at_build.say()


def _look(graph: Graph) -> Iterator[Said]:
    yield from _shape(graph)
    yield from _versions(graph)
    yield from _sources(graph)
    yield from _requirements(graph)
    yield from _names(graph)


def _shape(graph: Graph) -> Iterator[Said]:
    direct, every = len(graph.direct), len(graph.dependencies)
    yield Metric(name="packages", value=every)
    yield Metric(name="direct", value=direct)
    yield Metric(name="indirect", value=every - direct)
    if every - direct > MOST_INDIRECT:
        message = f"{every - direct} crates come in through the {direct} asked for; the limit is {MOST_INDIRECT}"
        yield _sighting("many-indirect-dependencies", message, graph.first_line)


def _versions(graph: Graph) -> Iterator[Said]:
    """One sighting for each crate that the repository itself asks for in several versions, and one for all others."""
    places: dict[str, list[int]] = defaultdict(list)
    for place, entry in enumerate(graph.lock.packages):
        if not graph.is_own(entry):
            places[entry.name].append(place)
    several = {name: found for name, found in places.items() if len(found) > 1}
    yield Metric(name="in-several-versions", value=len(several))
    others = []
    for name, found in sorted(several.items()):
        asked = [place for place in found if place in graph.direct]
        if len(asked) > 1:
            packages = sorted((graph.lock.packages[place] for place in asked), key=_cargo_graph.age)
            who = "; ".join(f"{entry.version} by {_askers(graph, entry)}" for entry in packages)
            message = f"{name} is asked for in {len(packages)} versions that cannot be one: {who}"
            yield _sighting("duplicate-versions", message, graph.place(packages[0]), graph.package(packages[0]))
        else:
            others.append((len(found), name))
    if others:
        named = [f"{name} in {count}" for count, name in sorted(others, key=lambda pair: (-pair[0], pair[1]))]
        word = "crate comes" if len(others) == 1 else "crates come"
        message = f"{len(others)} {word} in several versions through other crates: {_some(named)}"
        yield _sighting("duplicate-versions", message, graph.first_line)


def _askers(graph: Graph, package: Locked) -> str:
    owners = _owners(graph, package)
    more = f" and {len(owners) - _MOST_OWNERS} more" if len(owners) > _MOST_OWNERS else ""
    return ", ".join(owners[:_MOST_OWNERS]) + more


def _sources(graph: Graph) -> Iterator[Said]:
    """One sighting for each repository, registry and folder outside that packages come from."""
    groups: dict[tuple[str, str], list[Locked]] = defaultdict(list)
    for package in graph.dependencies:
        if package.source is None:
            groups["path", package.name].append(package)
        elif package.source != DEFAULT_SOURCE:
            kind = "git" if package.source.startswith("git+") else "registry"
            groups[kind, package.source.partition("+")[2] or package.source].append(package)
    for (kind, where), packages in sorted(groups.items()):
        first, names = packages[0], _some(entry.label for entry in packages)
        place, shown = graph.place(first), graph.package(first)
        if kind == "path":
            # What a package outside asks for by path is outside as well, and told with it.
            if _owners(graph, first):
                message = f"{first.label} lies outside of the repository: no commit pins it, no scan looks at it"
                yield _sighting("path-outside", message, _asked_for(graph, first) or place, shown)
        elif kind == "registry":
            message = f"{_count(packages, 'crate')} from the registry {without_user(where)}: {names}"
            yield _sighting("other-registry", message, place, shown)
        else:
            yield _from_git(where, packages, names, place, shown)


def _from_git(where: str, packages: list[Locked], names: str, place: Place, package: Package) -> Sighting:
    """Of a source such as `https://example.org/x?branch=main#0123abcd`."""
    address, _, rest = where.partition("#")[0].partition("?")
    asked = {word: values[0] for word, values in parse_qs(rest).items()}
    if "rev" in asked:
        what = f"fixed to the commit {asked['rev']}"
    elif "tag" in asked:
        what = f"fixed to the tag {asked['tag']}, which can be moved"
    else:
        branch = f"branch {asked['branch']}" if "branch" in asked else "default branch"
        what = f"as its {branch} is when the lock file is made"
    message = f"{_count(packages, 'crate')} from the git repository {without_user(address)}, {what}: {names}"
    severity = Severity.LOW if "rev" in asked else Severity.MEDIUM
    return _sighting("git-source", message, place, package, severity=severity)


def _owners(graph: Graph, package: Locked) -> list[str]:
    """The repository's own packages that ask for it."""
    wanted = graph.lock.packages.index(package)
    return [entry.name for entry in graph.lock.packages if graph.is_own(entry) and wanted in entry.dependencies]


def _asked_for(graph: Graph, package: Locked) -> Place | None:
    return next(filter(None, (graph.asking_line(owner, package.name) for owner in _owners(graph, package))), None)


def _requirements(graph: Graph) -> Iterator[Said]:
    """One sighting for each requirement in a manifest of the workspace that takes any version."""
    paths = dict.fromkeys((*graph.members.values(), _cargo_graph.manifest_of(graph.item)))
    for path in paths:
        for name in sorted(_cargo_graph.wild(graph.tables(path))):
            message = f"{name} is asked for in any version: the next release is taken, whatever it brings"
            place = graph.line_of(path, name)
            package = Package(purl=f"pkg:cargo/{name}", name=name, version="*", lockfile=graph.item.name)
            yield _sighting("wildcard-version", message, place, package)


def _names(graph: Graph) -> Iterator[Said]:
    """One sighting for each crate whose name is one slip away from a well-known one's."""
    seen = set()
    for package in graph.dependencies:
        meant = lookalike(package.name) if package.name not in seen else None
        seen.add(package.name)
        if meant is not None:
            message = f"{graph.in_words(package)} has a name that is one slip away from the well-known {meant}"
            place, found = graph.place(package), graph.package(package)
            yield _sighting("lookalike-name", message, place, found, confidence=Confidence.LOW)


@dataclass(slots=True, kw_only=True)
class _AtBuild:
    """What the graphs of a scan run or link when they are built: one finding a rule, however many graphs there are."""

    shown_at: Place | None = None
    graphs: int = 0
    crates: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def add(self, graph: Graph) -> Iterator[Metric]:
        """Take a graph in, and say how many there are in it."""
        manifests = {entry: graph.describe(entry, with_build_script=True) for entry in graph.dependencies}
        self.shown_at = self.shown_at or graph.first_line
        self.graphs += 1
        for rule, _, _, is_meant in _MEANT:
            meant = {entry.label for entry, manifest in manifests.items() if manifest and is_meant(entry, manifest)}
            self.crates[rule] |= meant
            yield Metric(name=rule, value=len(meant))

    def say(self) -> Iterator[Sighting]:
        """A sighting for all build scripts, one for all procedural macros, one for all native code."""
        for rule, one, many, _ in _MEANT:
            crates = sorted(self.crates[rule])
            if crates and self.shown_at:
                subject = f"1 crate {one}" if len(crates) == 1 else f"{len(crates)} crates {many}"
                where = f" (in {self.graphs} lock files)" if self.graphs > 1 else ""
                yield _sighting(rule, f"{subject}{where}: {_some(crates)}", self.shown_at)


def _unread(graph: Graph, context: ScanContext) -> Iterator[Gap]:
    unknown = [entry for entry in graph.dependencies if graph.describe(entry, with_build_script=True) is None]
    told = _cargo_graph.missing(graph, unknown, context, what="build scripts and macros")
    if told:
        reason, hint = told
        yield Gap(
            kind=GapKind.ITEM,
            domain=Domain.SUPPLY_CHAIN,
            item=graph.item.id,
            path=graph.item.name,
            reason=reason,
            hint=hint,
        )


def _is_native(package: Locked, manifest: Manifest) -> bool:
    return bool(manifest.links) or package.name.endswith(("-sys", "_sys", "-ffi", "_ffi"))


_MEANT: tuple[tuple[str, str, str, Callable[[Locked, Manifest], bool]], ...] = (
    ("build-scripts", "has a build script", "have build scripts", lambda _, said: said.has_build_script),
    ("proc-macros", "has procedural macros", "have procedural macros", lambda _, said: said.is_proc_macro),
    ("native-code", "binds or links native code", "bind or link native code", _is_native),
)


def _sighting(
    rule: str,
    message: str,
    place: Place,
    package: Package | None = None,
    *,
    severity: Severity | None = None,
    confidence: Confidence = Confidence.HIGH,
) -> Sighting:
    found = _RULES[rule]
    return Sighting(
        native_rule=rule,
        domain=Domain.SUPPLY_CHAIN,
        message=message,
        rule=found,
        severity=severity or found.severity,
        confidence=confidence,
        place=place,
        package=package,
        kind=rule,
    )


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    more = len(listed) - _MOST_NAMED
    return ", ".join(listed[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _count(packages: list[Locked], word: str) -> str:
    return f"{len(packages)} {word}" + ("" if len(packages) == 1 else "s")


_SPECIFYING = "https://doc.rust-lang.org/cargo/reference/specifying-dependencies.html"
_EVERY = (
    supply_chain_rule(
        "many-indirect-dependencies",
        Severity.LOW,
        title="Many crates that nobody here asked for",
        description="Each crate of the graph can carry a flaw, and its publisher's account can be taken over. "
        "Those that come in through others are looked at by nobody in this repository.",
        advice="`cargo tree --edges normal --depth 1` shows what is asked for, `cargo tree --invert NAME` who "
        "brings a crate in. Features that are not needed (`default-features = false`) and crates that do little "
        "are the ones to drop first.",
    ),
    supply_chain_rule(
        "duplicate-versions",
        Severity.LOW,
        title="Crate in several versions",
        description="Several versions of a crate are built into one program. A fix of one leaves the others as "
        "they are.",
        advice="Ask for the same version in every Cargo.toml, best by `[workspace.dependencies]`. `cargo tree "
        "--duplicates` shows who asks for which.",
        reference="https://doc.rust-lang.org/cargo/reference/resolver.html",
    ),
    supply_chain_rule(
        "git-source",
        Severity.MEDIUM,
        title="Dependency from a git repository",
        description="Whoever can push to the repository changes what is built, without the release, the checksum "
        "and the immutability that a registry gives; advisories are about releases and do not name it.",
        advice='Take a release from crates.io, or fix the commit: `rev = "…"` in the Cargo.toml.',
        reference=_SPECIFYING,
    ),
    supply_chain_rule(
        "other-registry",
        Severity.LOW,
        title="Dependency from another registry than crates.io",
        description="What the registry hands out, who may publish there, and whether its names are taken on "
        "crates.io by somebody else, is for its operator to say; public advisories do not cover its crates.",
        advice="Make sure that the registry is yours or one you trust, and that each of its crates names it "
        '(`registry = "…"`) in every Cargo.toml.',
        reference="https://doc.rust-lang.org/cargo/reference/registries.html",
    ),
    supply_chain_rule(
        "path-outside",
        Severity.MEDIUM,
        title="Dependency from outside of the repository",
        description="What is built depends on a folder that no commit of this repository pins, and that no scan "
        "of it looks at.",
        advice="Move the crate into the repository, or take a release of it.",
        reference=_SPECIFYING,
    ),
    supply_chain_rule(
        "wildcard-version",
        Severity.MEDIUM,
        title="Requirement that takes any version",
        description="`*` takes every release, those that break and those that somebody else publishes with a "
        "stolen account. crates.io refuses crates that ask so.",
        advice='Name the version that is known to work: `cargo add NAME` writes it. `"1.2"` takes compatible ones.',
        reference=_SPECIFYING,
    ),
    supply_chain_rule(
        "lookalike-name",
        Severity.HIGH,
        title="Crate whose name looks like a well-known one's",
        description="Crates have been published under misspelt names of well-known ones to be added by mistake, "
        "with code that steals from whoever builds them.",
        advice="Compare its repository, its owners and its downloads with those of the crate whose name it "
        "resembles. Where it is the one that was meant, waive it.",
        reference="https://blog.rust-lang.org/2022/05/10/malicious-crate-rustdecimal.html",
    ),
    supply_chain_rule(
        "build-scripts",
        Severity.INFO,
        title="Crates that run code when they are built",
        description="A build script is a program that cargo runs on the machine that builds: with its files, its "
        "network and its secrets.",
        advice="Build where no secret is to be had. Look at the script of a crate that is new in the graph.",
        reference="https://doc.rust-lang.org/cargo/reference/build-scripts.html",
    ),
    supply_chain_rule(
        "proc-macros",
        Severity.INFO,
        title="Crates that run inside the compiler",
        description="A procedural macro is code that the compiler runs, with all that whoever builds may do.",
        advice="Build where no secret is to be had. Look at the source of a macro crate that is new in the graph.",
        reference="https://doc.rust-lang.org/reference/procedural-macros.html",
    ),
    supply_chain_rule(
        "native-code",
        Severity.INFO,
        title="Crates that bind or link native code",
        description="C and C++ behind a crate has none of Rust's guarantees, and advisories for Rust rarely tell "
        "of its flaws.",
        advice="Know which native library, in which version, is built in or found on the system, and follow its "
        "own advisories.",
        reference="https://doc.rust-lang.org/cargo/reference/build-scripts.html#-sys-packages",
    ),
)
_RULES: Mapping[str, Rule] = MappingProxyType({rule.id.partition("/")[2]: rule for rule in _EVERY})


ADAPTER = Adapter(
    id="cargo-tree",
    title="Supply chain of Rust dependencies",
    domains=frozenset({Domain.SUPPLY_CHAIN}),
    reads=_cargo.reads,
    claims=claims,
    uses=("cargo",),
    prepare=_cargo_graph.prepare,
    inspect=inspect,
    imported=imported,
    parse=parse,
)
