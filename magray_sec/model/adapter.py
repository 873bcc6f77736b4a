"""The adapter seam: one scanner, as a value."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from magray_sec.model.finding import Sighting
from magray_sec.model.run import (
    Capabilities,
    Claim,
    Command,
    Gap,
    Inventory,
    Notification,
    RawOutput,
    ScanContext,
    Skipped,
    Source,
    Target,
    Tool,
    ToolRun,
)
from magray_sec.model.scale import Domain


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A figure a run states about itself, added up over its commands."""

    name: str
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """A count of findings that the tool states about itself; `interpret` fails a run that does not reach it."""

    findings: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """A file that holds comments of ours, which allow findings (`magray_sec.allowance`)."""

    path: str


Said: TypeAlias = Sighting | Gap | Notification | Skipped | Metric | Stated | Marked
Inspect: TypeAlias = Callable[[Source, tuple[Claim, ...], ScanContext], Iterator[Said]]


class ParseError(Exception):
    """The tool's output is not what a finished run prints. The message says what is wrong, in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """One scanner, as a value: what it claims to look at, what it needs, and pure functions.

    Either `commands` and `parse` (a program) or `inspect` (in process, run in a worker of its own) is given, or `parse`
    and `imported` alone: it reads reports made elsewhere, claims nothing and is never part of a plan.
    """

    id: str
    """As in fixtures, settings and reports; the module is named the same with `_`."""
    title: str
    domains: frozenset[Domain]
    claims: Callable[[Inventory], tuple[Claim, ...]]
    needs: Capabilities = Capabilities()
    versions: str = ""
    """A PEP 440 range that the fixtures cover (`>=0.22,<0.23`): older is FAILED, newer a warning. Empty: our own."""
    executable: str = ""
    """The program's name; empty for an in-process scanner."""
    library: str = ""
    """The distribution whose code an in-process scanner runs, whose version is the run's; empty: our own alone."""
    version_argv: tuple[str, ...] = ("--version",)
    uses: tuple[str, ...] = ()
    """Other executables that its commands start where they are there (`cargo`)."""
    requires: tuple[str, ...] = ()
    """Those of them that it cannot do without: where one is not there, the scanner is as missing as its own program."""
    install: str = ""
    """The line that installs it."""
    cores: int = 1
    """How many processors it keeps busy; 0: all that it is given."""
    reads: Callable[[str], bool] | None = None
    """Whether what it says depends on the bytes of the file at a path (relative to the root); None: of every file. What
    it says of an unchanged tree is taken from the cache."""
    per_file: bool = False
    """What it says of a file depends on that file alone, so it is given only those that have changed. It states no
    number of files or bytes: that is counted for it."""
    shared: frozenset[str] = frozenset()
    """For a per-file scanner: the files on which its word of every file depends, by path."""
    clean_exits: frozenset[int] = frozenset({0})
    finding_exits: frozenset[int] = frozenset()
    partial_exits: frozenset[int] = frozenset()
    """Those of a run that could not do all: believed where its output is that of a finished one and `parse` says, as a
    gap, what was not done; else they mean that it broke."""
    commands: Callable[[Target, tuple[Claim, ...], ScanContext], tuple[Command | Gap, ...]] | None = None
    """What to run, and the claimed items that cannot be run on with the reason. `{tool}` as the first word of an argv
    stands for the executable's path. Every claim is in a command's `claims` or in a gap."""
    parse: Callable[[RawOutput], Iterator[Said]] | None = None
    """ParseError where the output is not that of a finished run."""
    imported: Callable[[Target, Inventory], Command] | None = None
    """For a report made elsewhere (`--input`): the command that stands for its making, with what the report covers in
    `claims` and the target's files that `parse` needs in `inputs`. None: it covers nothing and needs none."""
    inspect: Inspect | None = None
    ready: Callable[[ScanContext, Callable[[str], None]], Inspect] | None = None
    """For an in-process scanner that takes long to start: does what depends on no target, which goes on while that is
    looked through, and gives what is as good as `inspect`. The context has neither inventory nor database; the other
    argument tells who waits, in a few words, why it takes long."""
    looks_at_parts: bool = False
    """It can look at a part of a target: at the lines that `File.lines` names, and at git objects. Written out as
    `looks_at_parts=True` in the adapter's module, where `adapters.of_parts` looks for it."""
    prepare: Callable[[Target, tuple[Claim, ...], ScanContext], tuple[Command | Gap, ...]] | None = None
    """For an in-process scanner: programs that leave something in the work folder or the cache before it looks
    (preparations all), and the claimed items that it cannot look at with the reason. A claim of a preparation that must
    succeed, and does not, is lost; every other claim is inspected."""
    canonical: Mapping[str, str] = field(default_factory=dict)
    """Native rule -> canonical rule id (`secrets/github-pat`). The id's first part is its domain."""

    @property
    def only_imports(self) -> bool:
        """Whether it runs nothing and only reads reports made elsewhere."""
        return self.commands is None and self.inspect is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One scanner's share of a scan, ready to be run."""

    adapter: Adapter
    claims: tuple[Claim, ...]
    commands: tuple[Command, ...]
    """Run in order, one after the other; a failed preparation ends the step."""
    gaps: tuple[Gap, ...] = ()
    """Claimed items that no command can be run on."""
    tool: Tool | None = None
    """None: an in-process scanner, whose one command is a worker of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOutput:
    """What a step's processes left behind."""

    step: Step
    version: RawOutput | None
    """The answer to `version_argv`; None for an in-process scanner."""
    outputs: tuple[RawOutput, ...]
    """One for each command that was started, in order; fewer where a preparation failed."""
    started: datetime
    duration_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpretation:
    """A scanner's run and what it saw, in its own words."""

    run: ToolRun
    sightings: tuple[Sighting, ...] = ()
    marked: tuple[str, ...] = ()
    """The paths of the files that hold comments of ours."""
