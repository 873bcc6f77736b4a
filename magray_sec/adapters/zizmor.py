"""zizmor: flaws of GitHub Actions workflows and actions.

https://docs.zizmor.sh

Workflows, `action.yml` files and `dependabot.yml`, by the audits that need no network. The repository's own zizmor.yml
is not followed, and its `# zizmor: ignore[...]` comments hide nothing: what both would have hidden is marked.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import msgspec

from magray_sec.adapters._read import decode, document
from magray_sec.adapters._yaml import read_yaml
from magray_sec.model.adapter import Adapter, Metric, ParseError, Said
from magray_sec.model.finding import Place, Sighting
from magray_sec.model.run import (
    Claim,
    Command,
    Gap,
    GapKind,
    Inventory,
    ItemKind,
    Level,
    Notification,
    RawOutput,
    ScanContext,
    Target,
)
from magray_sec.model.scale import Confidence, Domain, Severity
from magray_sec.model.text import clean, shown_path

_FOLDER = ".github/workflows"
_CONFIGURATIONS = (".github/zizmor.yml", ".github/zizmor.yaml", "zizmor.yml", "zizmor.yaml")
"""Where zizmor itself looks for its settings; it takes the first."""
_MOST_CONFIGURATION_BYTES = 1_000_000
_UNPARSED = re.compile(r"WARN .*?failed to (?:parse|validate|load)[^:]*: *(.*)")
_COMPLETED = re.compile(r"completed (.+)")
_IGNORE = re.compile(r"#\s*zizmor:\s*ignore")

_SEVERITIES = MappingProxyType(
    {
        "informational": Severity.INFO,
        "low": Severity.LOW,
        "medium": Severity.MEDIUM,
        "high": Severity.HIGH,
    }
)
_CONFIDENCES = MappingProxyType({"low": Confidence.LOW, "medium": Confidence.MEDIUM, "high": Confidence.HIGH})

_CANONICAL = MappingProxyType(
    {
        "artipacked": "workflows/persisted-credentials",
        "dangerous-triggers": "workflows/dangerous-trigger",
        "excessive-permissions": "workflows/excessive-permissions",
        "github-env": "workflows/environment-file-injection",
        "hardcoded-container-credentials": "secrets/hardcoded-container-credentials",
        "insecure-commands": "workflows/insecure-commands",
        "overprovisioned-secrets": "workflows/all-secrets-exposed",
        "secrets-inherit": "workflows/secrets-inherit",
        "template-injection": "workflows/template-injection",
        "unpinned-images": "workflows/unpinned-image",
        "unpinned-uses": "workflows/unpinned-action",
    }
)
"""Its names for what the rules of `rules/code/ci.yaml` look for; every other one is named after itself."""
_TELLING = MappingProxyType(
    {
        "github-env": re.compile(r"GITHUB_(?:ENV|PATH)"),
        "insecure-commands": re.compile(r"ACTIONS_ALLOW_UNSECURE_COMMANDS"),
        "hardcoded-container-credentials": re.compile(r"password"),
    }
)
"""What stands on the line that a finding is about, where zizmor points to a whole block."""


class _Determinations(msgspec.Struct):
    severity: str = ""
    confidence: str = ""


class _Point(msgspec.Struct):
    row: int
    column: int


class _Span(msgspec.Struct):
    start_point: _Point
    end_point: _Point


class _Concrete(msgspec.Struct):
    location: _Span
    feature: str = ""
    comments: list[Any] = []


class _Symbolic(msgspec.Struct):
    key: dict[str, Any]
    annotation: str = ""
    kind: str = ""
    feature_kind: Any = None


class _Location(msgspec.Struct):
    symbolic: _Symbolic
    concrete: _Concrete | None = None

    @property
    def path(self) -> str:
        """The file as zizmor was given it; empty where it names none."""
        for name in ("Local", "Remote"):
            key = self.symbolic.key.get(name)
            for word in ("verbatim_path", "given_path", "path"):
                if isinstance(key, dict) and isinstance(key.get(word), str):
                    return str(key[word])
        return ""


class _Finding(msgspec.Struct):
    ident: str
    locations: list[_Location]
    desc: str = ""
    url: str = ""
    determinations: _Determinations = msgspec.field(default_factory=_Determinations)
    ignored: bool = False


def claims(inventory: Inventory) -> tuple[Claim, ...]:
    """The workflows."""
    return tuple(Claim(domain=Domain.WORKFLOWS, item=item.id) for item in inventory.of(ItemKind.WORKFLOWS))


def commands(target: Target, claims: tuple[Claim, ...], context: ScanContext) -> tuple[Command | Gap, ...]:
    """One command for all files; each is named, so that no ignore file of the target leaves one out."""
    inventory = context.inventory or Inventory()
    paths = [file.path for file in inventory.files if reads(file.path) and file.path not in _CONFIGURATIONS]
    if not any(path.startswith(f"{_FOLDER}/") for path in paths):
        why = "none of the workflows can be read as a file of its own"
        return tuple(Gap(kind=GapKind.ITEM, domain=entry.domain, item=entry.item, reason=why) for entry in claims)
    flags = ("--offline", "--no-config", "--no-ignores", "--no-exit-codes", "--no-progress", "--color", "never")
    return (
        Command(
            argv=("{tool}", *flags, "--format", "json-v1", *(os.path.join(target.root, path) for path in paths)),
            claims=claims,
            inputs=tuple(os.path.join(target.root, path) for path in _CONFIGURATIONS),
            facts={"root": target.root, "files": "\0".join(paths)},
        ),
    )


def reads(path: str) -> bool:
    """Whether it looks at a file, or at the settings in it."""
    folder, _, name = path.rpartition("/")
    if folder == _FOLDER:
        return name.endswith((".yml", ".yaml"))
    return name in ("action.yml", "action.yaml") or path in (
        ".github/dependabot.yml",
        ".github/dependabot.yaml",
        *_CONFIGURATIONS,
    )


def imported(target: Target, inventory: Inventory) -> Command:
    """A report made elsewhere is one of the target's workflows."""
    inputs = tuple(os.path.join(target.root, path) for path in _CONFIGURATIONS)
    known = "\0".join(file.path for file in inventory.files if reads(file.path))
    facts = {"root": target.root, "files": "", "known": known}
    return Command(argv=(), claims=claims(inventory), inputs=inputs, facts=facts)


def parse(raw: RawOutput) -> Iterator[Said]:
    """A sighting for each finding's primary location. ParseError where there is no list of findings."""
    findings, notes = document(raw.stdout, list[_Finding])
    yield from notes
    named = [path for path in raw.command.facts.get("files", "").split("\0") if path]
    unparsed = list(_unparsed(raw, named))
    yield from unparsed
    yield Metric(name="files", value=max(len(named) - len(unparsed), 0))
    settings = _settings(raw)
    hidden: Counter[str] = Counter()
    for finding in findings:
        primary = _primary(finding)
        hider = _hider(finding, primary, settings)
        if settings and hider.startswith(settings.path):
            hidden[settings.path] += 1
        yield _sighting(finding, primary, hider, is_here=_is_here(raw, primary.path))
    for path, count in sorted(hidden.items()):
        message = f"{path} would have hidden {count} of the findings; it is not followed"
        yield Notification(level=Level.NOTE, message=message)


def _primary(finding: _Finding) -> _Location:
    placed = [entry for entry in finding.locations if entry.concrete and entry.path]
    if not placed:
        raise ParseError("one of its findings has no place")
    return next((entry for entry in placed if entry.symbolic.kind == "Primary"), placed[0])


def _is_here(raw: RawOutput, path: str) -> bool:
    """Whether the target has the file: without it a place is a line alone, and two of one block would be one."""
    known = raw.command.facts.get("known")
    return known is None or any(f"/{path}".endswith(f"/{name}") for name in known.split("\0") if name)


def _sighting(finding: _Finding, primary: _Location, hider: str, *, is_here: bool) -> Sighting:
    said = [clean(finding.desc, limit=250), clean(primary.symbolic.annotation, limit=250)]
    severity = finding.determinations.severity
    return Sighting(
        native_rule=finding.ident,
        domain=Domain.WORKFLOWS,
        message=": ".join(entry for entry in said if entry),
        title=said[0] or finding.ident,
        native_severity=severity,
        severity=_SEVERITIES.get(severity.lower(), Severity.UNKNOWN),
        confidence=_CONFIDENCES.get(finding.determinations.confidence.lower(), Confidence.MEDIUM),
        place=_place(finding, primary, is_here=is_here),
        url=finding.url,
        hidden_by=hider,
    )


def _place(finding: _Finding, primary: _Location, *, is_here: bool) -> Place:
    """The place that a reader looks for, and at which other scanners see the same flaw: the block that the expression
    is put into, from its key on; the line that matters of a block; of a job or a whole file, its first line."""
    assert primary.concrete is not None  # noqa: S101 - `_primary` gives no other
    span, feature = primary.concrete.location, primary.concrete.feature
    start, end = span.start_point, span.end_point
    if finding.ident == "template-injection" and is_here:
        key = _key_above(finding, primary)
        start = key.location.start_point if key else start
        return _between(primary.path, start, end)
    if finding.ident == "secrets-inherit":
        inherits = next((e for e in _related(finding, primary) if "inherit" in e.feature), primary.concrete)
        start, end = inherits.location.start_point, inherits.location.end_point
        feature = inherits.feature
    telling = _TELLING.get(finding.ident)
    if telling:
        lines = feature.split("\n")[: end.row - start.row + 1]
        row = next((number for number, line in enumerate(lines) if telling.search(line)), 0)
        return Place(path=primary.path, start_line=start.row + row + 1)
    if end.row > start.row:
        return Place(path=primary.path, start_line=start.row + 1)
    return _between(primary.path, start, end)


def _between(path: str, start: _Point, end: _Point) -> Place:
    return Place(
        path=path,
        start_line=start.row + 1,
        start_column=start.column + 1,
        end_line=end.row + 1,
        end_column=end.column + 1,
        column_unit="bytes",
    )


def _related(finding: _Finding, primary: _Location) -> Iterator[_Concrete]:
    for entry in finding.locations:
        if entry is not primary and entry.concrete and entry.path == primary.path:
            yield entry.concrete


def _key_above(finding: _Finding, primary: _Location) -> _Concrete | None:
    """The key (`run:`, `script:`) of the block that an expression stands in."""
    assert primary.concrete is not None  # noqa: S101 - `_primary` gives no other
    last = primary.concrete.location.start_point.row
    for entry in finding.locations:
        if entry.symbolic.feature_kind == "KeyOnly" and entry.concrete and entry.path == primary.path:
            key = entry.concrete
            if key.feature in ("run", "script") and key.location.start_point.row <= last:
                return key
    return None


def _unparsed(raw: RawOutput, named: list[str]) -> Iterator[Gap]:
    """The files that zizmor left out: it says why, and not which; which it came to the end of, it says."""
    lines = decode(raw.stderr).splitlines()
    troubles = [match[1] for line in lines if (match := _UNPARSED.search(line))]
    if not troubles:
        return
    completed = {match[1].strip() for line in lines if (match := _COMPLETED.search(line))}
    root = raw.command.facts["root"]
    lost = [path for path in named if os.path.join(root, path) not in completed]
    if not completed or len(lost) != len(troubles):
        for claim in raw.command.claims:
            reason = (
                f"{len(troubles)} files could not be parsed, and which is not said: {clean(troubles[0], limit=200)}"
            )
            yield Gap(kind=GapKind.ITEM, domain=claim.domain, item=claim.item, reason=reason)
        return
    for path in lost:
        why = f": {clean(troubles[0], limit=200)}" if len(lost) == 1 else ""
        yield Gap(
            kind=GapKind.FILE,
            domain=Domain.WORKFLOWS,
            path=path,
            reason=f"it is no workflow or action that can be parsed{why}",
            hint="mend it: GitHub cannot run it either",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Settings:
    """A zizmor.yml of the target."""

    path: str
    rules: Mapping[str, Any]


def _settings(raw: RawOutput) -> _Settings | None:
    """The target's own settings, read to be said. Where they cannot be read, zizmor would follow none."""
    for path in raw.command.inputs:
        data = raw.input(path)
        if data is None:
            continue
        try:
            read = read_yaml(data, most_bytes=_MOST_CONFIGURATION_BYTES)
        except ValueError:
            return None
        rules = read.get("rules") if isinstance(read, dict) else None
        relative = os.path.relpath(path, raw.command.facts["root"]).replace(os.sep, "/")
        return _Settings(path=relative, rules=rules) if isinstance(rules, dict) else None
    return None


def _hider(finding: _Finding, primary: _Location, settings: _Settings | None) -> str:
    """What of the target would have hidden a finding from zizmor; empty: nothing."""
    rule = settings.rules.get(finding.ident) if settings else None
    if settings and isinstance(rule, dict):
        if rule.get("disable") is True:
            return f"{settings.path} switches {finding.ident} off"
        listed = rule.get("ignore")
        for entry in listed if isinstance(listed, list) else ():
            if isinstance(entry, str) and any(_covers(entry, place) for place in finding.locations):
                return f"{settings.path} ignores {finding.ident} in {shown_path(entry)}"
    if finding.ignored:
        return "a comment in the file: # zizmor: ignore"
    comments = primary.concrete.comments if primary.concrete else []
    if any(isinstance(entry, str) and _IGNORE.match(entry) and finding.ident in entry for entry in comments):
        return "a comment in the file: # zizmor: ignore"
    return ""


def _covers(entry: str, place: _Location) -> bool:
    """Whether `file.yml`, `file.yml:line` or `file.yml:line:column` of the settings means a place."""
    name, *numbers = entry.split(":")
    if not place.concrete or os.path.basename(place.path) != name:
        return False
    start = place.concrete.location.start_point
    stated = (str(start.row + 1), str(start.column + 1))
    return all(number == known for number, known in zip(numbers, stated, strict=False))


ADAPTER = Adapter(
    id="zizmor",
    title="Flaws of GitHub Actions workflows",
    domains=frozenset({Domain.WORKFLOWS, Domain.SECRETS}),
    claims=claims,
    reads=reads,
    versions=">=1.32,<2",
    executable="zizmor",
    install="pip install zizmor, or: cargo install --locked zizmor",
    clean_exits=frozenset({0}),
    commands=commands,
    imported=imported,
    parse=parse,
    canonical=_CANONICAL,
)
