"""A RustSec advisory, as the tools that read the database print it: how bad it is, and the rule it makes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType

import msgspec

from magray_sec.adapters._cargo_lock import Pins
from magray_sec.model.adapter import ParseError
from magray_sec.model.finding import Package, Rule, Sighting
from magray_sec.model.scale import Confidence, Domain, Severity
from magray_sec.model.text import clean, clean_block

DEFAULT_SOURCE = "registry+https://github.com/rust-lang/crates.io-index"
"""How Cargo.lock names crates.io."""

# RustSec's closed set of categories. An advisory that carries no CVSS vector still says what kind of flaw it is.
_CWE = MappingProxyType(
    {
        "code-execution": "CWE-94",
        "crypto-failure": "CWE-327",
        "denial-of-service": "CWE-400",
        "file-disclosure": "CWE-22",
        "format-injection": "CWE-74",
        "memory-corruption": "CWE-119",
        "memory-exposure": "CWE-200",
        "privilege-escalation": "CWE-269",
        "thread-safety": "CWE-362",
        "unmaintained": "CWE-1104",  # a kind of warning rather than a category
    }
)
_GRAVE = frozenset({"code-execution", "memory-corruption"})
_GRAVE_SCORE, _OTHER_SCORE = 8.0, 5.5
KIND_SEVERITY = MappingProxyType(
    {
        "unmaintained": Severity.LOW,
        "notice": Severity.LOW,
        "yanked": Severity.LOW,
        "unsound": Severity.MEDIUM,
    }
)
"""How bad what is no vulnerability is, where no score says so."""
_WHAT_TO_DO = MappingProxyType(
    {
        "unmaintained": "Nobody mends this crate any more. Move to one of the alternatives that the advisory names, or "
        "to a maintained fork.",
    }
)
_DIRECT = 2
"""The length of the way to a direct dependency: whose it is, and itself."""
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,80}")
_EXACT = re.compile(r"(?:>=|\^|=|~)?\s*(\d+\.\d+\.\d+(?:[-+][0-9A-Za-z.+-]+)?)")


class Advisory(msgspec.Struct, frozen=True):
    """The advisory's own facts."""

    id: str
    package: str
    title: str
    description: str
    date: str
    aliases: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    cvss: str | None = None
    informational: str | None = None
    references: tuple[str, ...] = ()
    url: str | None = None
    license: str | None = None


class Versions(msgspec.Struct, frozen=True):
    """Version requirements: a version that meets one of `patched` or of `unaffected` is free of the flaw."""

    patched: tuple[str, ...] = ()
    unaffected: tuple[str, ...] = ()

    @property
    def fixed(self) -> tuple[str, ...]:
        """What to upgrade to. An advisory may call all later versions unaffected in place of patched."""
        later = (entry for entry in self.unaffected if entry.lstrip().startswith(">") and "<" not in entry)
        return self.patched or tuple(later)


class Affected(msgspec.Struct, frozen=True):
    """What the flaw is confined to; empty: it is not."""

    arch: tuple[str, ...] = ()
    os: tuple[str, ...] = ()
    functions: dict[str, tuple[str, ...]] = {}


class HitPackage(msgspec.Struct, frozen=True):
    """The package that an advisory was found to concern, as a lock file names it."""

    name: str
    version: str
    source: str | None = None


class Hit(msgspec.Struct, frozen=True):
    """An advisory that concerns a package; or a package that was yanked, which no advisory tells."""

    package: HitPackage
    advisory: Advisory | None
    versions: Versions | None = None
    affected: Affected | None = None
    kind: str = "vulnerability"
    """`vulnerability`, `unmaintained`, `unsound`, `notice` or `yanked`."""

    @property
    def id(self) -> str:
        """The advisory's id, or the kind where there is none. ParseError where it is no word."""
        name = self.advisory.id if self.advisory else self.kind
        if not _ID.fullmatch(name):
            raise ParseError("an advisory's id is none")
        return name


@dataclass(frozen=True, slots=True, kw_only=True)
class Rating:
    """How bad a hit is and where that comes from."""

    severity: Severity
    score: float | None = None
    source: str = ""
    """`cvss-3.1`, `cvss-4.0`, or `category`; empty: no score."""
    trouble: str = ""
    """Why its CVSS vector is not used, where it has one."""


def rate(hit: Hit) -> Rating:
    """By the CVSS vector; else by what kind of warning it is; else by the category, marked so; else unknown."""
    advisory, trouble = hit.advisory, ""
    if advisory is not None and advisory.cvss:
        scored = _cvss(advisory.cvss)
        if scored is not None:
            score, version = scored
            return Rating(severity=Severity.from_score(score), score=score, source=f"cvss-{version}")
        trouble = f"the CVSS vector of {hit.id} cannot be read, so it is not scored by it"
    if hit.kind in KIND_SEVERITY:
        return Rating(severity=KIND_SEVERITY[hit.kind], trouble=trouble)
    if advisory is not None and advisory.categories:
        score = _GRAVE_SCORE if _GRAVE & set(advisory.categories) else _OTHER_SCORE
        return Rating(severity=Severity.from_score(score), score=score, source="category", trouble=trouble)
    return Rating(severity=Severity.UNKNOWN, trouble=trouble)


def sighting(hit: Hit, rating: Rating, pins: Pins | None, *, generated: bool = False, hidden_by: str = "") -> Sighting:
    """What a tool saw, in full. `pins`: the lock file it saw it in, where that is known; `generated`: we made it."""
    advisory, package = hit.advisory, hit.package
    versions = hit.versions or Versions()
    way, place = pins.locate(package.name, package.version, package.source) if pins else ((), None)
    return Sighting(
        native_rule=hit.id,
        domain=Domain.DEPENDENCIES,
        message=_sentence(hit, versions, way),
        rule=rule(advisory, versions, hit.affected, hit.kind, rating) if advisory else _unadvised(hit.kind, rating),
        native_severity=hit.kind if hit.kind != "vulnerability" else (advisory.cvss or "") if advisory else "",
        severity=rating.severity,
        score=rating.score,
        score_source=rating.source,
        confidence=Confidence.HIGH,
        place=place,
        package=Package(
            purl=purl(package.name, package.version, package.source),
            name=package.name,
            version=package.version,
            fixed_versions=versions.fixed,
            path=way,
            lockfile=pins.path if pins else "",
            lock_is_generated=generated,
        ),
        aliases=tuple(sorted({hit.id, *advisory.aliases})) if advisory else (),
        kind=hit.kind,
        url=page(advisory) if advisory else "",
        hidden_by=hidden_by,
    )


def page(advisory: Advisory) -> str:
    """The advisory's own page; for one imported under CC-BY-4.0 the page it was taken from, as its licence asks."""
    if advisory.license == "CC-BY-4.0" and advisory.url:
        return advisory.url
    return f"https://rustsec.org/advisories/{advisory.id}"


def rule(advisory: Advisory, versions: Versions, affected: Affected | None, kind: str, rating: Rating) -> Rule:
    """The canonical rule of an advisory: the same whatever version of the crate it was seen in."""
    cwe = {_CWE[entry] for entry in (*advisory.categories, kind) if entry in _CWE}
    links = dict.fromkeys((page(advisory), advisory.url or "", *advisory.references))
    return Rule(
        id=f"dependencies/{advisory.id}",
        domain=Domain.DEPENDENCIES,
        title=clean(advisory.title, limit=250),
        description=clean_block(advisory.description),
        help="\n".join(_help(advisory, versions, affected, kind, rating)),
        cwe=tuple(sorted(cwe)),
        references=tuple(link for link in links if link.startswith(("https://", "http://"))),
        severity=rating.severity,
        score=rating.score,
    )


def _unadvised(kind: str, rating: Rating) -> Rule:
    """The rule of all hits of a kind that no advisory tells of."""
    if kind != "yanked":
        return Rule(id=f"dependencies/{kind}", domain=Domain.DEPENDENCIES, title=kind, severity=rating.severity)
    return Rule(
        id="dependencies/yanked",
        domain=Domain.DEPENDENCIES,
        title="Package version yanked from its registry",
        description="The publisher withdrew this version. Builds with a lock file still get it; a new resolution never "
        "chooses it. A version is withdrawn for a flaw as well as for a slip of its release.",
        help="### How to mend it\n\nTake another version: `cargo update -p NAME`. Where a requirement in a Cargo.toml "
        "holds the old one back, `cargo tree --invert NAME` shows whose it is.",
        references=("https://doc.rust-lang.org/cargo/commands/cargo-yank.html",),
        severity=rating.severity,
    )


def _sentence(hit: Hit, versions: Versions, way: tuple[str, ...]) -> str:
    """One sentence for a human: what, brought in by whom, what is wrong, and what is free of it."""
    subject = f"{hit.package.name} {hit.package.version}"
    owner = way[0].partition(" ")[0] if way else ""
    if len(way) == _DIRECT:
        subject += f", a direct dependency of {owner},"
    elif len(way) > _DIRECT:
        subject += f", which {owner} gets through {way[1]},"
    title = clean(hit.advisory.title, limit=250).rstrip(" .") if hit.advisory else ""
    said = {
        "vulnerability": f"has a vulnerability: {title}",
        "unmaintained": "is unmaintained",
        "unsound": f"is unsound: {title}",
        "notice": f"carries a notice: {title}",
        "yanked": "was yanked from its registry by its publisher",
    }.get(hit.kind, f"is {hit.kind}: {title}")
    known = [hit.advisory.id] if hit.advisory else []
    if versions.fixed:
        known.append(f"fixed in {' or '.join(versions.fixed)}")
    elif hit.kind in ("vulnerability", "unsound"):
        known.append("no fixed version is known")
    return clean(f"{subject} {said}" + (f" ({', '.join(known)})" if known else ""))


def purl(name: str, version: str, source: str | None) -> str:
    """The package URL of a package of a lock file, without what its source says of a user."""
    from packageurl import PackageURL  # noqa: PLC0415 - 35 ms that a scan without a flaw need not pay

    source = source or DEFAULT_SOURCE
    qualifiers = {}
    if source.startswith("git+"):
        qualifiers = {"vcs_url": without_user(source)}
    elif source != DEFAULT_SOURCE:
        qualifiers = {"repository_url": without_user(source.partition("+")[2] or source)}
    return PackageURL("cargo", None, name, version, qualifiers or None).to_string()


def without_user(url: str) -> str:
    """A URL without a user's name and password, which no filter sees any more once it is encoded."""
    scheme, mark, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}"


def _cvss(vector: str) -> tuple[float, str] | None:
    """The base score of a CVSS 3 or 4 vector and its version, or None where it is no such vector."""
    from cvss import CVSS3, CVSS4  # noqa: PLC0415 - 25 ms that a scan without a flaw need not pay
    from cvss.exceptions import CVSSError  # noqa: PLC0415

    version = vector.partition("/")[0].removeprefix("CVSS:")
    try:
        if version in ("3.0", "3.1"):
            return float(CVSS3(vector).base_score), version
        if version == "4.0":
            return float(CVSS4(vector).base_score), version
    except CVSSError:
        return None
    return None


def _help(
    advisory: Advisory, versions: Versions, affected: Affected | None, kind: str, rating: Rating
) -> Iterator[str]:
    name = clean(advisory.package, limit=100)
    yield clean_block(advisory.description)
    yield ""
    yield f"| `{_cell(name)}` | |"
    yield "|---|---|"
    yield f"| Patched versions | {_requirements(versions.patched) or 'none'} |"
    if versions.unaffected:
        yield f"| Never affected | {_requirements(versions.unaffected)} |"
    if affected is not None:
        for path, requirements in sorted(affected.functions.items()):
            yield f"| Affected function | `{_cell(path)}` in {_requirements(requirements) or 'every version'} |"
        for title, words in (("Affected systems", affected.os), ("Affected architectures", affected.arch)):
            if words:
                yield f"| {title} | {', '.join(_cell(word) for word in words)} |"
    if rating.score is not None and rating.source != "category":
        yield f"| CVSS | {rating.score:.1f} (`{_cell(advisory.cvss or '')}`) |"
    if rating.source == "category":
        yield f"| Score | {rating.score:.1f}, derived from its category: the advisory carries no CVSS vector |"
    if advisory.categories:
        yield f"| Category | {', '.join(_cell(word) for word in advisory.categories)} |"
    if advisory.aliases:
        yield f"| Also known as | {', '.join(_cell(word) for word in advisory.aliases)} |"
    yield f"| Reported | {_cell(advisory.date)} |"
    yield ""
    yield "### How to mend it"
    yield ""
    yield _advice(name, versions, kind)


def _advice(name: str, versions: Versions, kind: str) -> str:
    fixed = versions.fixed
    if not fixed:
        return _WHAT_TO_DO.get(kind) or (
            f"No fixed version is known. Replace `{name}`, or what brings it in: `cargo tree --invert {name}` "
            "shows it. Where the flaw cannot be reached, waive it with that reason and an expiry date."
        )
    exact = next((match[1] for entry in reversed(fixed) if (match := _EXACT.fullmatch(entry.strip()))), "")
    step = f"`cargo update -p {name} --precise {exact}`" if exact else f"`cargo update -p {name}`"
    return (
        f"Upgrade to {_requirements(fixed)}: {step}. Where cargo refuses, a requirement holds the old version back; "
        f"`cargo tree --invert {name}` shows whose: raise it in your Cargo.toml, or upgrade the crate that brings "
        f"`{name}` in."
    )


def _requirements(requirements: tuple[str, ...]) -> str:
    return " or ".join(f"`{_cell(entry)}`" for entry in requirements)


def _cell(text: str) -> str:
    """A word that can stand in a table and in a code span."""
    return clean(text, limit=300).replace("|", "\\|").replace("`", "'")
