"""Unsafe Rust: where the compiler's guarantees end, read from the sources without a build.

docs/unsafe.md; the counters are those of https://github.com/geiger-rs/cargo-geiger

Each unsafe block, function, method, impl, trait, foreign block and exported symbol of the target's own crates is a
finding to be reviewed, not a flaw. Test code has none; the sources of dependencies are counted where they are vendored.
Figures: cargo-geiger's five counters for all own crates, each crate, and each file that has unsafe code. Whether a file
is used is told by following `mod` declarations, which is an approximation.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from magray_sec.adapters._rust_modules import Crate, Crates, Reached, Use, find_crates, is_built, reach, unreached
from magray_sec.adapters._rust_syntax import Counters, Kind, RustFile, RustReader, Site
from magray_sec.languages import language_of
from magray_sec.model.adapter import Adapter, Metric, Said
from magray_sec.model.finding import Package, Place, Rule, Sighting
from magray_sec.model.run import (
    Claim,
    Gap,
    GapKind,
    Inventory,
    ItemKind,
    Level,
    Notification,
    ScanContext,
    Source,
)
from magray_sec.model.scale import Confidence, Domain, Severity
from magray_sec.model.text import clean, shown_path

_LANGUAGE = "rust"
# A file without any of these words has no unsafe code, whether it can be read or not.
_TELLING = re.compile(rb"\bunsafe\b|\bno_mangle\b|\bexport_name\b|\blink_section\b|\bextern\s*+(?:\"[^\"]*+\"\s*+)?+\{")


def claims(inventory: Inventory) -> tuple[Claim, ...]:
    """The Rust code, where there is any."""
    items = (item for item in inventory.of(ItemKind.LANGUAGE) if item.name == _LANGUAGE)
    return tuple(Claim(domain=Domain.UNSAFE, item=item.id) for item in items)


def inspect(source: Source, claims: tuple[Claim, ...], context: ScanContext) -> Iterator[Said]:  # noqa: ARG001
    """A sighting for each unsafe site outside of tests, and the figures."""
    paths = frozenset(file.path for file in source.files())
    crates = find_crates(paths, source.read)
    for path, reason in crates.unclear:
        text = f"{reason}, so it is not known which crate the files below it belong to"
        yield Notification(level=Level.WARNING, message=text, path=path)
    survey = _Survey(crates=crates, paths=paths)
    yield from survey.read(source)
    yield from survey.sightings()
    yield from survey.figures()
    yield from survey.remarks()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wording:
    title: str
    what: str
    """What a message says before the item's path."""
    description: str
    advice: str
    cwe: tuple[str, ...]


_MEMORY = ("CWE-119", "CWE-695")
_WORDINGS: Mapping[Kind, _Wording] = MappingProxyType(
    {
        Kind.BLOCK: _Wording(
            title="Unsafe block",
            what="an unsafe block",
            description="Inside an unsafe block the compiler lets raw pointers be dereferenced, unsafe functions be "
            "called, mutable statics be used and unions be read. That none of it breaks memory safety is the author's "
            "word alone.",
            advice="Say in a `// SAFETY:` comment above the block why each operation in it is sound, and keep the "
            "block to those operations. Look for a safe way first: an index that is checked, a type of the standard "
            "library, a crate that is audited for just this.",
            cwe=_MEMORY,
        ),
        Kind.FUNCTION: _Wording(
            title="Unsafe function",
            what="an unsafe function",
            description="Who calls an unsafe function has to keep the conditions that its documentation states; the "
            "compiler checks none of them.",
            advice="State the conditions under `# Safety` in its documentation. Where the function can check them "
            "itself, make it a safe one with an unsafe block inside, and forbid `unsafe_op_in_unsafe_fn`.",
            cwe=_MEMORY,
        ),
        Kind.METHOD: _Wording(
            title="Unsafe method",
            what="an unsafe method",
            description="Who calls an unsafe method, or implements it for a trait that declares it, has to keep the "
            "conditions that its documentation states; the compiler checks none of them.",
            advice="State the conditions under `# Safety` in its documentation. Where the method can check them "
            "itself, make it a safe one with an unsafe block inside.",
            cwe=_MEMORY,
        ),
        Kind.IMPL: _Wording(
            title="Unsafe implementation of a trait",
            what="an unsafe implementation",
            description="An `unsafe impl` is a promise to the compiler that it cannot check. Of `Send` and `Sync` it "
            "is that a value may be used by several threads; where that is wrong, there is a data race in safe code.",
            advice="Say in a `// SAFETY:` comment why the promise holds for every field and type parameter, and bound "
            "the parameters (`T: Send`). Often a safe type inside makes the promise needless.",
            cwe=("CWE-362", "CWE-695"),
        ),
        Kind.TRAIT: _Wording(
            title="Unsafe trait",
            what="an unsafe trait",
            description="Other code relies for its soundness on what the implementations of an unsafe trait promise.",
            advice="State the promise under `# Safety` in its documentation. Seal the trait where nobody else has to "
            "implement it.",
            cwe=("CWE-695",),
        ),
        Kind.EXTERN: _Wording(
            title="Foreign functions",
            what="foreign functions declared in",
            description="An extern block declares functions and statics of another language. The compiler believes "
            "their signatures, and cannot see what they do with memory.",
            advice="Have the declarations made from the headers (bindgen), and keep them in one module behind safe "
            "functions that check lengths, null and ownership.",
            cwe=_MEMORY,
        ),
        Kind.EXPORT: _Wording(
            title="Symbol exported under a fixed name",
            what="a symbol exported under a fixed name:",
            description="`no_mangle`, `export_name` and `link_section` put a symbol into the program under a name "
            "or in a place of the author's choice. One of that name elsewhere, in a library of the system too, is "
            "replaced by it or replaces it, without an error.",
            advice="Use a name that nobody else has (with the crate's name in front), and check what a foreign caller "
            "hands in: lengths, null, encodings, panics that would cross the border.",
            cwe=("CWE-695",),
        ),
    }
)


def _rule(kind: Kind) -> Rule:
    wording = _WORDINGS[kind]
    return Rule(
        id=f"unsafe/{kind.value}",
        domain=Domain.UNSAFE,
        title=wording.title,
        description=wording.description,
        help=f"{wording.description}\n\n"
        "This is a place to review, not a flaw: much sound code has to have such places. What counts is that somebody "
        f"checked each, and notices a new one.\n\n### What to do\n\n{wording.advice}\n\nA crate that needs none can "
        "say so for good with `#![forbid(unsafe_code)]`.",
        cwe=wording.cwe,
        references=(
            "https://doc.rust-lang.org/book/ch20-01-unsafe-rust.html",
            "https://doc.rust-lang.org/nomicon/",
        ),
        severity=Severity.LOW,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Own:
    """A file of the target's own code."""

    path: str
    crate: Crate | None
    content: RustFile


@dataclass(slots=True, kw_only=True)
class _Survey:
    """The Rust files of a target, while they are looked at."""

    crates: Crates
    paths: frozenset[str]
    own: list[_Own] = field(default_factory=list)
    reached: dict[str, Reached] = field(default_factory=dict)
    vendored: dict[tuple[str, str], Counters] = field(default_factory=dict)
    """By name and version."""
    vendored_files: int = 0
    unread: int = 0
    """Vendored files that could not be read, or not whole."""
    built: int = 0

    def read(self, source: Source) -> Iterator[Said]:
        """Read every file; a gap for each of the target's own that is not understood."""
        reader = RustReader()
        owner = self.crates.owners()
        self.vendored.update(
            ((crate.name, crate.version), Counters()) for crate in self.crates.crates if crate.is_dependency
        )
        for file in source.files():
            if not _may_be_rust(file.path):
                continue
            crate = owner(file.path)
            is_vendored = crate is not None and crate.is_dependency
            try:
                data = source.read(file.path)
            except OSError as error:
                self.unread += is_vendored
                if not is_vendored and file.path.endswith(".rs"):
                    yield _gap(file.path, f"it cannot be read: {error.strerror}", "check its permissions")
                continue
            if language_of(file.path, data[:100]) != _LANGUAGE:
                continue
            if is_built(file.path, self.paths):
                self.built += 1
            elif crate is not None and crate.is_dependency:
                self._count(reader, crate, data)
            else:
                content = reader.read(data)
                self.own.append(_Own(path=file.path, crate=crate, content=content))
                yield from _troubles(file.path, data, content)
        self._follow()

    def _count(self, reader: RustReader, crate: Crate, data: bytes) -> None:
        self.vendored_files += 1
        if _TELLING.search(data):
            content = reader.read(data)
            self.vendored[crate.name, crate.version] += content.counters
            self.unread += content.broken_at is not None or bool(content.refused)

    def _follow(self) -> None:
        """Find out what each own file is used for. One that several crates share is what it is used for most; its
        module is what the crate that it lies in calls it."""
        brings = {file.path: file.content.brings for file in self.own}
        owner = {file.path: file.crate for file in self.own}
        for crate in self.crates.crates:
            for path, found in () if crate.is_dependency else reach(crate, brings).items():
                before = self.reached.get(path)
                module = found.module if before is None or owner[path] is crate else before.module
                use = found.use if before is None else min(found.use, before.use)
                self.reached[path] = Reached(use=use, module=module)
        for file in self.own:
            if file.path not in self.reached:
                self.reached[file.path] = unreached(file.path, file.crate)

    def sightings(self) -> Iterator[Sighting]:
        """Every site of the own code that is not in a test."""
        rules = {kind: _rule(kind) for kind in Kind}
        for file in self.own:
            found = self.reached[file.path]
            for site in file.content.sites:
                if not (site.is_test or found.use is Use.TEST):
                    yield _sighting(file, found, site, rules[site.kind])

    def figures(self) -> Iterator[Metric]:
        """What the run counts; `used` is what libraries and programs are made of."""
        sites = [(file, site) for file in self.own for site in file.content.sites]
        tests = sum(site.is_test or self.reached[file.path].use is Use.TEST for file, site in sites)
        uses = Counter(self.reached[file.path].use for file in self.own)
        own = [crate for crate in self.crates.crates if not crate.is_dependency and crate.roots]
        forbidding = [crate for crate in own if self._forbids(crate)]
        yield Metric(name="files", value=len(self.own))
        yield Metric(name="files used", value=uses[Use.USED])
        yield Metric(name="crates", value=len(own))
        yield Metric(name="crates that forbid unsafe code", value=len(forbidding))
        yield Metric(name="unsafe sites", value=len(sites) - tests)
        yield Metric(name="unsafe sites in tests", value=tests)
        yield from _all_counters("", *self._counters(self.own))
        for crate in own:
            name = f"crate {clean(crate.name, limit=100)}: "
            yield Metric(name=f"{name}forbids unsafe code", value=int(crate in forbidding))
            yield from _all_counters(name, *self._counters([file for file in self.own if file.crate is crate]))
        for file in self.own:
            yield from _unsafe_counters(f"file {shown_path(file.path)}: ", file.content.counters)
        if self.vendored:
            yield Metric(name="dependencies", value=len(self.vendored))
            yield Metric(name="dependencies: files", value=self.vendored_files)
            total = Counters()
            for (crate_name, version), counters in self.vendored.items():
                total += counters
                label = f"dependency {clean(crate_name, limit=100)} {clean(version, limit=60)}: "
                yield from _unsafe_counters(label, counters)
            yield from _unsafe_counters("dependencies: ", total)

    def _counters(self, files: list[_Own]) -> tuple[Counters, Counters]:
        """Of the used files, and of the others."""
        used, unused = Counters(), Counters()
        for file in files:
            if self.reached[file.path].use is Use.USED:
                used += file.content.counters
            else:
                unused += file.content.counters
        return used, unused

    def _forbids(self, crate: Crate) -> bool:
        """Whether all of a crate's libraries and programs forbid unsafe code."""
        contents = {file.path: file.content for file in self.own}
        roots = [root.path for root in crate.roots if root.use is Use.USED]
        return bool(roots) and all(path in contents and contents[path].forbids_unsafe for path in roots)

    def remarks(self) -> Iterator[Notification]:
        """What a reader of the figures has to know."""
        if self.own:
            yield _note(
                "which files are used is told by following `mod` declarations from each crate's library and programs: "
                "an approximation, in which every `cfg` but that of tests holds"
            )
        if self.vendored:
            word = "dependency" if len(self.vendored) == 1 else "dependencies"
            text = f"unsafe code in {len(self.vendored)} vendored {word} is counted; none of it is a finding"
            yield _note(text)
        else:
            yield _note("the sources of dependencies are not in the target: their unsafe code is not counted")
        if self.unread:
            text = f"{self.unread} files of vendored dependencies could not be read whole: the figures may be too low"
            yield Notification(level=Level.WARNING, message=text)
        if self.built:
            yield _note(f"{self.built} files that cargo built, in a folder `target`, were not looked at")


def _may_be_rust(path: str) -> bool:
    """Whether a file is to be opened: its name says that it is Rust, or does not say what it is."""
    return path.endswith(".rs") or "." not in path.rpartition("/")[2]


def _troubles(path: str, data: bytes, content: RustFile) -> Iterator[Said]:
    """A gap for a file in which a site may have been missed; a warning for one whose figures may be off."""
    if content.refused:
        reason, hint = f"it was not read: {content.refused}", "leave it out with --exclude where it is a test's input"
    elif content.broken_at is not None:
        reason = f"not all of it can be read as Rust, first at line {content.broken_at}; the rest was looked at"
        hint = "mend it, or delete it where nothing uses it"
    elif (line := _no_text_at(data)) is not None:
        reason, hint = f"it is not UTF-8 (line {line}), so that rustc would not compile it", "save it as UTF-8"
    else:
        return
    if _TELLING.search(data):
        yield _gap(path, reason, hint)
    else:
        text = f"{reason}; no word in it stands for unsafe code, so that none is missed, but its figures may be off"
        yield Notification(level=Level.WARNING, message=text, path=path)


def _no_text_at(data: bytes) -> int | None:
    """The line of the first byte that is not UTF-8, or None."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        return data.count(b"\n", 0, error.start) + 1
    return None


def _gap(path: str, reason: str, hint: str) -> Gap:
    return Gap(kind=GapKind.FILE, domain=Domain.UNSAFE, path=path, reason=reason, hint=hint)


def _note(message: str) -> Notification:
    return Notification(level=Level.NOTE, message=message)


def _sighting(file: _Own, found: Reached, site: Site, rule: Rule) -> Sighting:
    item = "::".join(filter(None, (found.module, site.item)))
    between = " in" if site.kind is Kind.BLOCK else ""
    message = f"{_WORDINGS[site.kind].what}{between} `{clean(item, limit=300) or 'crate'}`"
    if site.in_macro:
        message += ", among the tokens of a macro"
    if found.use is Use.UNREACHED and file.crate is not None:
        message += "; no `mod` declaration leads to this file"
    return Sighting(
        native_rule=site.kind.value,
        domain=Domain.UNSAFE,
        message=message,
        rule=rule,
        severity=rule.severity,
        confidence=Confidence.LOW if found.use is Use.UNREACHED and file.crate is not None else Confidence.HIGH,
        place=Place(path=file.path, span=site.span),
        package=_package(file.crate) if file.crate else None,
        kind=site.kind.value,
        item=item,
    )


def _package(crate: Crate) -> Package:
    from packageurl import PackageURL  # noqa: PLC0415 - 25 ms that a scan without unsafe code need not pay

    purl = PackageURL("cargo", None, crate.name, crate.version).to_string()
    return Package(purl=purl, name=crate.name, version=crate.version)


def _all_counters(prefix: str, used: Counters, unused: Counters) -> Iterator[Metric]:
    """Of what is used and of the rest; for a crate those alone that are not 0."""
    for (name, count), (_, more) in zip(used.each(), unused.each(), strict=True):
        for use, entry in (("used", count), ("unused", more)):
            for word, value in (("unsafe", entry.unsafe), ("safe", entry.safe)):
                if value or not prefix:
                    yield Metric(name=f"{prefix}{word} {name} {use}", value=value)


def _unsafe_counters(prefix: str, counters: Counters) -> Iterator[Metric]:
    for name, count in counters.each():
        if count.unsafe:
            yield Metric(name=f"{prefix}unsafe {name}", value=count.unsafe)


ADAPTER = Adapter(
    id="rust-unsafe",
    title="Unsafe code in Rust",
    domains=frozenset({Domain.UNSAFE}),
    claims=claims,
    inspect=inspect,
    canonical={kind.value: f"unsafe/{kind.value}" for kind in Kind},
)
