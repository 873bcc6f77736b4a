"""clippy: flaws in Rust code that the compiler sees: panics, unchecked arithmetic, misused memory, locks and files.

https://github.com/rust-lang/rust-clippy

Builds the code, and so runs the build scripts and procedural macros of the target and of all it depends on: with
--allow-build alone, without a network, and unable to write to the target. The lints of security and correctness are
looked for, whatever the code allows or forbids; those of style are not, nor is the target's clippy.toml followed.
Looked at are libraries and programs with their default features, on this system: no tests, benchmarks, examples.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from magray_sec.adapters import _cargo_tools
from magray_sec.adapters._cargo_lock import package_name
from magray_sec.adapters._clippy_lints import LINTS, confidence, rule
from magray_sec.adapters._read import decode, document, records
from magray_sec.model.adapter import Adapter, Metric, ParseError, Said
from magray_sec.model.finding import Place, Sighting
from magray_sec.model.run import (
    Capabilities,
    Claim,
    Command,
    Farm,
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
from magray_sec.model.scale import Domain
from magray_sec.model.text import clean, shown_path

_LANGUAGE = "rust"
_SETTINGS = ("clippy.toml", ".clippy.toml")
_SCRIPT = re.compile(r"failed to run custom build command for `([^`(]+?)(?: \([^`]*)?`")
_ERROR = re.compile(r"error(?:\[E\d+\])?: (.+)")
_LEVELS = frozenset({"warning", "error"})
_MOST_MACROS = 200
"""Macros that bring in each other, after which no more are followed."""


class _Span(msgspec.Struct):
    file_name: str
    line_start: int
    line_end: int
    column_start: int
    column_end: int
    is_primary: bool = True
    expansion: _Expansion | None = None


class _Expansion(msgspec.Struct):
    span: _Span
    macro_decl_name: str = ""


class _Code(msgspec.Struct):
    code: str


class _Message(msgspec.Struct):
    message: str
    level: str
    code: _Code | None = None
    spans: list[_Span] = []


class _Line(msgspec.Struct):
    """One line of cargo's; which members there are depends on `reason`."""

    reason: str
    manifest_path: str = ""
    message: _Message | None = None
    success: bool | None = None


def claims(inventory: Inventory) -> tuple[Claim, ...]:
    """The Rust code, where cargo has something to build."""
    if not _cargo_tools.graphs(inventory):
        return ()
    items = (item for item in inventory.of(ItemKind.LANGUAGE) if item.name == _LANGUAGE)
    return tuple(Claim(domain=Domain.CODE, item=item.id) for item in items)


def commands(target: Target, claims: tuple[Claim, ...], context: ScanContext) -> tuple[Command | Gap, ...]:
    """A run for each workspace, in a folder of its own."""
    inventory = context.inventory or Inventory()
    paths = {file.path for file in inventory.files}
    made: list[Command | Gap] = []
    for claim in claims:
        for item in _cargo_tools.graphs(inventory):
            ready = _cargo_tools.ready(target, item, context, claim)
            if isinstance(ready, tuple):
                made.append(Gap(kind=GapKind.FILE, domain=claim.domain, path=item.name, reason=ready[0], hint=ready[1]))
                continue
            digest = hashlib.sha256(os.fsencode(item.id)).hexdigest()[:16]
            settings = os.path.join(context.work, "clippy", digest)
            folder = os.path.dirname(item.name)
            theirs = [name for name in _SETTINGS if os.path.join(folder, name) in paths]
            operators = context.environment.get("CARGO_CONFIG")
            made += ready.preparations
            made.append(
                Command(
                    argv=(
                        *("{tool}", "clippy", "--manifest-path", ready.manifest, "--workspace"),
                        *("--message-format=json", "--offline", "--quiet", "--keep-going"),
                        *(("--config", operators) if operators else ()),
                        *("--", "--cap-lints", "warn", "-A", "warnings", "-A", "clippy::all"),
                        *(f"--force-warn=clippy::{name}" for name in sorted(LINTS)),
                    ),
                    environment={
                        **_cargo_tools.environment(context),
                        "CARGO_TARGET_DIR": os.path.join(context.work, "cargo-targets", f"clippy-{digest}"),
                        "CLIPPY_CONF_DIR": settings,
                    },
                    # A file of ours: clippy would look for one in every folder above.
                    farm=Farm(source="", at=settings, files=(("clippy.toml", b"# nothing is set\n"),)),
                    claims=(claim,),
                    inputs=_cargo_tools.inputs(ready, context, target),
                    subject=item.name,
                    facts={**ready.facts, "settings": os.path.join(folder, theirs[0]) if theirs else ""},
                )
            )
    return tuple(made)


def imported(target: Target, inventory: Inventory) -> Command:
    """A report made elsewhere, of paths relative to the workspace or of another machine; it covers nothing."""
    graphs = _cargo_tools.graphs(inventory)
    folder = os.path.dirname(graphs[0].name) if len(graphs) == 1 else ""
    return Command(argv=(), facts={"root": target.root, "imported": "yes", "folder": folder})


def parse(raw: RawOutput) -> Iterator[Said]:
    """A sighting for each diagnostic. ParseError where cargo did not say that it has finished."""
    lines = records(raw.stdout, _Line)
    ended = [line for line in lines.values if line.reason == "build-finished"]
    if not ended:
        # What is wrong with its first line, where that is none.
        document(raw.stdout, dict[str, Any])
        raise ParseError("cargo did not say that the build is over")
    yield from _unread(raw, lines.broken)
    if lines.is_cut:
        yield Notification(
            level=Level.WARNING, message="what follows its report was not read", path=raw.command.subject
        )
    facts, subject = raw.command.facts, raw.command.subject
    survey = _Survey(raw=raw, folder=os.path.dirname(subject) or facts.get("folder", ""))
    for line in lines.values:
        yield from survey.take(line)
    yield Metric(name="diagnostics", value=len(survey.seen))
    yield Metric(name="crates checked", value=len(survey.checked))
    if facts.get("settings"):
        text = f"{shown_path(facts['settings'])} is not followed: all lints have their default settings"
        yield Notification(level=Level.NOTE, message=text, path=facts["settings"])
    if subject:
        yield from _cargo_tools.circumstances(raw, _cargo_tools.read_graph(raw))
    if not all(line.success for line in ended):
        yield from survey.failed()


def _unread(raw: RawOutput, broken: tuple[int, ...]) -> Iterator[Notification]:
    """Lines that are not cargo's. Macros that run in the compiler may print some, once cargo has begun; a report that
    was made elsewhere may have caught standard error as well."""
    if not broken:
        return
    lines = raw.stdout.split(b"\n")
    if any(lines[number - 1].lstrip().startswith(b"{") for number in broken):
        raise ParseError(f"line {broken[0]} is no JSON of cargo's")
    if broken[0] == 1 and not raw.command.facts.get("imported"):
        raise ParseError("text stands where its JSON should begin")
    is_behind = broken[-1] - broken[0] + 1 == len(broken) and broken[-1] >= len(lines) - 1
    where = "what follows its report" if is_behind else "what stands between the lines of its report"
    text = f"{where} ({len(broken)} lines) was not read"
    yield Notification(level=Level.WARNING, message=text, path=raw.command.subject)


@dataclass(slots=True, kw_only=True)
class _Survey:
    """What the lines of a report come to."""

    raw: RawOutput
    folder: str
    """The workspace's, relative to the root."""
    seen: set[tuple[object, ...]] = field(default_factory=set)
    checked: set[str] = field(default_factory=set)
    """The manifests of the target whose crates were compiled, relative to the root."""
    forbidden: set[str] = field(default_factory=set)
    """The lints that ended the build, in a report that was made elsewhere."""
    broken: dict[str, str] = field(default_factory=dict)
    """Those whose crates do not compile -> the first error."""

    def take(self, line: _Line) -> Iterator[Sighting]:
        """What one line says."""
        manifest = self._relative(line.manifest_path) if line.manifest_path else None
        if line.reason == "compiler-artifact" and manifest:
            self.checked.add(manifest)
        if line.reason != "compiler-message" or line.message is None:
            return
        message, code = line.message, line.message.code.code if line.message.code else ""
        if message.level == "error" and not code.startswith("clippy::"):
            where = next((span for span in message.spans if span.is_primary), None)
            at = f" at {where.file_name}:{where.line_start}" if where else ""
            if message.spans or code:
                self.broken.setdefault(manifest or "", clean(f"{code or 'an error'}{at}", limit=200))
            return
        if not code or message.level not in _LEVELS or not self._is_meant(code):
            return
        if message.level == "error":
            self.forbidden.add(code)
        place, told = self._place(message, manifest)
        key = (code, place, message.message)
        if key not in self.seen:
            self.seen.add(key)
            yield _sighting(code, message, place, told)

    def _is_meant(self, code: str) -> bool:
        """A lint that was asked for; what the code itself turns on is not looked for. Of a report that was made
        elsewhere all are taken."""
        name = code.removeprefix("clippy::")
        return bool(self.raw.command.facts.get("imported")) or (name != code and name in LINTS)

    def _relative(self, path: str) -> str | None:
        if self.raw.command.facts.get("imported"):
            return path if os.path.isabs(path) else os.path.join(self.folder, path)
        return _cargo_tools.outside_in(path, self.raw.command.facts, self.folder)

    def _place(self, message: _Message, manifest: str | None) -> tuple[Place | None, str]:
        """Where it stands, for what a macro makes the outermost call of it in the target; and what to say of that."""
        span = next((span for span in message.spans if span.is_primary), None)
        found, macro, name = None, "", ""
        for _ in range(_MOST_MACROS):
            if span is None:
                break
            path = None if span.file_name.startswith(("<", "/rustc/")) else self._relative(span.file_name)
            if path is not None and self._is_inside(span.file_name):
                found, macro = (path, span), name
            name = span.expansion.macro_decl_name if span.expansion else ""
            span = span.expansion.span if span.expansion else None
        if found is None:
            # Code that a build script made: it is the crate's, and stands in no file of the target.
            return (Place(path=manifest) if manifest else None), " (in code that its build makes)" if manifest else ""
        path, span = found
        place = Place(
            path=path,
            start_line=span.line_start,
            start_column=span.column_start,
            end_line=span.line_end,
            end_column=span.column_end,
            column_unit="characters",
        )
        return place, f" (in what the macro `{clean(macro, limit=80)}` makes)" if macro else ""

    def _is_inside(self, path: str) -> bool:
        """Of another machine's paths, those of cargo's own folders are not the target's."""
        return not (self.raw.command.facts.get("imported") and "/registry/src/" in path)

    def failed(self) -> Iterator[Gap]:
        """Why the build failed, and which crates were not looked at for it."""
        subject = self.raw.command.subject
        for manifest, why in sorted(self.broken.items()):
            yield _gap(manifest or subject, f"its crate does not compile ({why}), so that not all of it was looked at")
        said = decode(self.raw.stderr[-50_000:])
        scripts = sorted(set(_SCRIPT.findall(said)))
        for name in scripts:
            yield _gap(
                subject, f"the build script of {clean(name, limit=100)} failed, and crates that need it were lost"
            )
        members = self._members()
        lost = sorted(path for path in members if path not in self.checked and path not in self.broken)
        for path in lost:
            yield _gap(path, "its crate was not looked at, since something that it needs does not compile")
        if not self.broken and not scripts and not lost:
            words = _ERROR.search(said)
            reason = f"the build failed: {clean(words[1], limit=200)}" if words else "the build failed"
            if self.forbidden:
                shown = clean(", ".join(sorted(self.forbidden)), limit=200)
                reason = f"lints that are errors ended the build ({shown}), so that not all crates were looked at"
            yield _gap(subject, reason)

    def _members(self) -> list[str]:
        """The manifests of the workspace's packages."""
        facts = self.raw.command.facts
        paths = [path for path in facts.get("members", "").split("\n") if path]
        data = {path: self.raw.input(os.path.join(facts.get("root", ""), path)) for path in paths}
        return [path for path in paths if (content := data[path]) and package_name(content)]


def _gap(path: str, reason: str) -> Gap:
    hint = "make `cargo clippy --workspace` work without a network"
    return Gap(kind=GapKind.FILE, domain=Domain.CODE, path=path, reason=reason, hint=hint)


def _sighting(code: str, message: _Message, place: Place | None, told: str) -> Sighting:
    found = rule(code)
    return Sighting(
        native_rule=code,
        domain=Domain.CODE,
        message=clean(message.message, limit=400) + told,
        rule=found,
        native_severity=message.level,
        severity=found.severity,
        confidence=confidence(code),
        place=place,
        url=found.references[0] if found.references else "",
    )


ADAPTER = Adapter(
    id="clippy",
    title="Flaws in Rust code that the compiler sees",
    domains=frozenset({Domain.CODE}),
    claims=claims,
    needs=Capabilities(runs_target_code=True),
    versions=">=0.1.80,<0.2",
    executable="cargo-clippy",
    uses=("cargo",),
    requires=("cargo",),
    install="rustup component add clippy",
    cores=0,
    clean_exits=frozenset({0}),
    partial_exits=frozenset({101}),
    commands=commands,
    imported=imported,
    parse=parse,
)
