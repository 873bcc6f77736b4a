"""The target, what it holds, and how each scanner's run over it went."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol

from magray_sec.model.scale import Domain, Outcome, Severity


class ItemKind(enum.Enum):
    """The kinds of things in a repository that some scanner has to look at."""

    LOCKFILE = "lockfile"
    MANIFEST = "manifest"
    """A manifest whose dependencies no lock file beside it pins."""
    LANGUAGE = "language"
    TREE = "tree"
    """All text files of the target."""
    WORKFLOWS = "workflows"
    HISTORY = "history"
    """Every commit that a reference of the repository leads to; an item only where the history was asked for."""


class ScopeKind(enum.Enum):
    """What part of a target a scan is of."""

    TREE = "tree"
    DIFF = "diff"
    RANGE = "range"
    STDIN = "stdin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a scan was of. All but TREE are a part: what is not in it was not looked at, and is never called clean."""

    kind: ScopeKind = ScopeKind.TREE
    label: str = "the whole tree"
    """In words: `lines added since origin/main (merge base abc1234)`."""
    base: str | None = None
    """The commit that added lines are counted from, where there is one."""
    tip: str | None = None
    """The newest commit looked at, where it is commits that are looked at."""
    commits: int = 0
    """How many of them."""
    with_history: bool = False
    """The history was looked at besides the tree."""
    unlooked: tuple[Domain, ...] = ()
    """The domains that a scan of a part cannot look at, in the order of `Domain`."""

    @property
    def is_part(self) -> bool:
        """Whether it is not the whole tree."""
        return self.kind is not ScopeKind.TREE


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One coverage item: in each of its `domains` a scanner that completes has to claim it, or it is a gap."""

    kind: ItemKind
    name: str
    """The file's path relative to the root (lock files, manifests, workflow folders), or the language."""
    ecosystem: str = ""
    """The purl type a lock file or manifest belongs to: `cargo`, `npm`, `pypi`, `golang` ..."""
    domains: frozenset[Domain] = frozenset()
    files: int = 1
    """How many files it stands for."""
    facts: tuple[tuple[str, str], ...] = ()
    """What `discover` learnt of it that a scanner needs (sorted pairs), such as a dependency source that is not the
    ecosystem's own registry."""

    @property
    def id(self) -> str:
        """`kind:name`, unique within an inventory."""
        return f"{self.kind.value}:{self.name}"

    def fact(self, name: str) -> str | None:
        """The named fact, or None."""
        return dict(self.facts).get(name)


class SkipReason(enum.Enum):
    """Why a file was left out by the user's limits or by its nature; counted and listed, never a gap."""

    BINARY = "binary"
    TOO_LARGE = "larger than the size limit"
    EXCLUDED = "excluded by the operator"
    HIDDEN_BY_TARGET = "hidden by the target's settings"
    LINK_OUTSIDE = "symbolic link that leaves the target"
    LINK_LOOP = "symbolic link that leads nowhere"
    NOT_A_FILE = "not a regular file"
    GENERATED = "generated or minified"
    SUBMODULE = "git submodule"
    NESTED_REPOSITORY = "nested git repository"
    IGNORED = "ignored by git and not tracked"
    LFS_POINTER = "git LFS pointer: its content is not in git"


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """Files that were not looked at on purpose."""

    reason: SkipReason
    path: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The commit that brought something in."""

    commit: str
    date: str = ""
    """When its author wrote it: ISO 8601, UTC. Empty where the commit says nothing that is a date."""
    path: str = ""
    """The file's path in that commit; empty: the path of the finding."""
    is_at_head: bool = False
    """Whether what was brought in is still in the commit that is checked out."""
    rank: int = 0
    """Its place among the commits looked at, each after its parents; of use within one scan only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A regular file of the target. `path` as in `Location`; `size` in bytes."""

    path: str
    size: int
    blob: str = ""
    """The id of the git object that holds its bytes; empty: they are on disk."""
    lines: tuple[tuple[int, int], ...] | None = None
    """The lines that count (first and last, from 1, parted by line feeds alone); None: all of them."""
    origin: Origin | None = None
    """The commit that brought those lines in, in a scan of commits."""
    head: str = ""
    """The object at the same path in the commit that is checked out, for a file with an origin; empty: none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is scanned: a folder, and the commit it stands at where it is a git work tree."""

    root: str
    """Absolute, resolved."""
    name: str
    commit: str | None = None
    branch: str | None = None
    repository: str | None = None
    """The remote's URL without user info."""
    is_git: bool = False
    is_dirty: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """What `discover` found: the coverage items, every file to be read, and what was left out or unreadable."""

    items: tuple[Item, ...] = ()
    files: tuple[File, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    gaps: tuple[Gap, ...] = ()
    notifications: tuple[Notification, ...] = ()
    states: Mapping[str, tuple[int, ...]] = field(default_factory=dict, compare=False, repr=False)
    """Of each file, by its path, what `source.state_of` tells; empty where nobody looked."""

    def of(self, kind: ItemKind, ecosystem: str = "") -> tuple[Item, ...]:
        """The items of a kind, of one ecosystem where it is named."""
        return tuple(i for i in self.items if i.kind is kind and (not ecosystem or i.ecosystem == ecosystem))


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A scanner's word that it looks at an item of a domain."""

    domain: Domain
    item: str
    """`Item.id`."""

    @property
    def key(self) -> tuple[str, str]:
        """What claims and gaps are compared by."""
        return (self.domain.value, self.item)


class GapKind(enum.Enum):
    """`ITEM`: a coverage item (or a whole scanner) was not looked at. `FILE`: one file could not be."""

    ITEM = "item"
    FILE = "file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Something that was not looked at and should have been."""

    kind: GapKind
    reason: str
    hint: str = ""
    """What to do about it."""
    domain: Domain | None = None
    item: str = ""
    path: str = ""
    scanner: str = ""

    @property
    def sort_key(self) -> tuple[str, ...]:
        """A total order that no run order can change."""
        domain = self.domain.value if self.domain else ""
        return (self.kind.value, domain, self.item, self.path, self.scanner, self.reason)


class Level(enum.Enum):
    """How loud a notification is, in SARIF's words."""

    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """Something the user should know of a run that is neither a finding nor a gap."""

    level: Level
    message: str
    path: str = ""
    scanner: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a scanner needs of its surroundings. What the operator does not grant skips it, with that reason."""

    network: bool = False
    git_history: bool = False
    runs_target_code: bool = False
    writes_tree: bool = False
    advisory_database: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """An executable that was found (or refused), and how."""

    name: str
    path: str | None = None
    found_by: str = ""
    """`operator`, `path` or `package`."""
    refused: str = ""
    """Why a path that was found is not used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """An advisory database on disk."""

    path: str
    date: date | None
    """The day of its newest change; None where nothing says."""
    advisories: int
    commit: str | None = None
    chosen_by_user: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the operator or the target's settings leave out."""

    max_file_bytes: int = 10_000_000
    exclude: tuple[str, ...] = ()
    """Patterns in gitignore syntax, from the operator."""
    target_exclude: tuple[str, ...] = ()
    """The same from the target's settings: what they hide is reported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSetting:
    """What the settings say of one rule of the rule packs."""

    rule: str
    """Its canonical id, or a former one."""
    enabled: bool | None = None
    """None: not said, as in the next ones."""
    reason: str = ""
    severity: Severity | None = None
    entropy: float | None = None
    """The least, in bits a character."""
    by_target: bool = False
    """The target's settings say so, not the operator's."""
    place: str = ""
    """`file:line:column`, for messages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanContext:
    """All that a scan may use and is allowed to do; made once by the caller, passed down, never global."""

    today: date
    started: datetime
    """Aware, UTC."""
    work: str
    """A private folder (0700) that lives as long as the scan."""
    cache: str | None
    """The user's own cache folder; None: no cache is used."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """The operator's environment variables that scanners may need (PATH, proxies, RUSTUP_HOME ...); no secrets."""
    tools: Mapping[str, Tool] = field(default_factory=dict)
    database: Database | None = None
    packs: tuple[str, ...] = ()
    """Rule pack files, absolute, in order."""
    rule_settings: tuple[RuleSetting, ...] = ()
    """What is said of single rules; where two speak of the same, the operator's counts."""
    jobs: int = 2
    timeout_s: float = 600.0
    output_cap_bytes: int = 256_000_000
    offline: bool = False
    resolve: bool = False
    allow_build: bool = False
    verify_secrets: bool = False
    limits: Limits = Limits()
    inventory: Inventory | None = None
    """What `discover` found, for a scanner that needs the facts of the items it claims."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Farm:
    """A folder of symbolic links to a folder's entries, made by the runner before a command, so that a tool can write
    beside the target's files without touching the target.
    """

    source: str
    """The folder whose entries are linked, absolute; empty: none are."""
    at: str
    """The folder to make, absolute, inside the scan's work folder."""
    leave_out: frozenset[str] = frozenset()
    """Entry names that get no link, in `source` and in every folder on the way to `within`."""
    copied: frozenset[str] = frozenset()
    """Names of files that are copied, so that a tool that writes them leaves those of the target as they are."""
    within: str = ""
    """A folder below `source`, relative to it: it and the folders on the way to it are made as real folders of links
    of their own, so that a tool can write in it and still finds what lies above. Empty: only `source` is."""
    files: tuple[tuple[str, bytes], ...] = ()
    """Files that are written besides, by their paths relative to `at`: settings of ours that a tool takes by a name."""


PROGRESS = "progress: "


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One process to run. Nothing but this says how."""

    argv: tuple[str, ...]
    claims: tuple[Claim, ...] = ()
    """What this command covers when it completes."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Added to the runner's allow-list."""
    inputs: tuple[str, ...] = ()
    """Absolute paths the adapter's `parse` needs the bytes of; read by the runner after the process ended."""
    output_file: str | None = None
    """Where the tool writes its report, absolute; None: standard output."""
    reports_on_stderr: bool = False
    """The tool writes its report to standard error: that is read as its standard output is, up to the same cap."""
    stdin: bytes = b""
    farm: Farm | None = None
    is_preparation: bool = False
    """Its output is not parsed; an exit that is not 0 fails the step with its standard error as the reason."""
    may_fail: bool = False
    """For a preparation: the step goes on without it, and the scanner's own output tells what was lost."""
    timeout_s: float | None = None
    """None: the scan's."""
    tells_progress: bool = False
    """Lines of its standard error that begin with `PROGRESS` are for whoever waits, and are not kept."""
    network: bool = False
    """It may use the network; every other command is cut off from it where the platform can do that."""
    subject: str = ""
    """What it is about (a lock file's path relative to the root), for messages and for `parse`."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """What `commands` knows and `parse` needs besides the output: the day, the target's root, why a check is off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RawOutput:
    """What a process left behind. `spawn_error` set: it never ran."""

    command: Command
    exit_code: int | None = None
    """None: it was killed, or never ran. Negative: the signal that ended it."""
    stdout: bytes = b""
    """Standard output, or the output file's bytes where the command names one."""
    stderr: bytes = b""
    """The last part of it, at most 1 MB; empty where the tool reports on it."""
    inputs: Mapping[str, bytes] = field(default_factory=dict)
    """By the paths of `Command.inputs`; an absent one could not be read."""
    timed_out: bool = False
    output_capped: bool = False
    spawn_error: str = ""
    duration_s: float = 0.0
    is_confined: bool | None = None
    """Whether it had no network and could not write to the target; None: it may use the network, or never ran."""

    def input(self, path: str) -> bytes | None:
        """The bytes of a declared input, or None where it could not be read."""
        return self.inputs.get(path)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolRun:
    """How one scanner's run went, whatever it found."""

    adapter: str
    domains: tuple[Domain, ...]
    outcome: Outcome
    reason: str = ""
    """Why it is not COMPLETED, one line; empty else."""
    hint: str = ""
    version: str = ""
    commands: tuple[str, ...] = ()
    """The command lines as run, with the target's root and the work folder as `{target}` and `{work}`."""
    started: datetime | None = None
    duration_s: float = 0.0
    exit_code: int | None = None
    claims: tuple[Claim, ...] = ()
    """What it set out to look at."""
    gaps: tuple[Gap, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    notifications: tuple[Notification, ...] = ()
    metrics: tuple[tuple[str, int], ...] = ()
    """Figures the run states about itself: files and bytes read, packages and advisories compared."""
    is_import: bool = False


class Source(Protocol):
    """Read-only view of the target's files; the only way for a step to see their bytes."""

    @property
    def root(self) -> str:
        """The target's root, absolute."""

    def files(self) -> tuple[File, ...]:
        """Every file that may be read, sorted by path."""

    def read(self, path: str) -> bytes:
        """A file's bytes. OSError where it cannot be read, is not a regular file, or leads out of the target."""

    def read_blob(self, blob: str) -> bytes:
        """The bytes of a git object by its id. OSError where it cannot be read, or there are no git objects."""

    def blob_at(self, commit: str, path: str) -> str:
        """The id of the git object that is the file at a path in a commit. Empty where there is none, where it cannot
        be read, or where there are no git objects."""
