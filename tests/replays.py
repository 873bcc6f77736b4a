"""Programs that say what a scanner really said, or something made of it."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cases import Case, cases, filled
from command_line import Scanned, scan
from fake_tools import FakeTools
from magray_sec import adapters
from magray_sec.model.run import Limits
from magray_sec.scopes import Wanted, look

# Of the words that were recorded, the ones with a placeholder tell which folder stands in its place now: what is before
# the part that the recorded word and one of the given ones have in common.
_PLACED = """
def parts(then, words):
    for old in then:
        if old.partition("{")[2].partition("}")[0] in ("target", "work", "database"):
            start = old.index("{")
            for new in words:
                if new[:start] == old[:start] and new not in then:
                    before, behind = old[start:].split("/"), new[start:].split("/")
                    same = 0
                    while same < len(before) - 1 and same < len(behind) and before[-1 - same] == behind[-1 - same]:
                        same += 1
                    if same or len(before) == 1:
                        yield old, "/".join(before[: len(before) - same]), "/".join(behind[: len(behind) - same]), same

def likeness(then, words):
    return len(set(words) & set(then)) + sum({old: same + 1 for old, _, _, same in parts(then, words)}.values())

def placed(data, then, words):
    best = {}
    for old, before, behind, same in parts(then, words):
        rank = same, behind.endswith("/" + adapter)
        if behind.startswith("/") and (before not in best or rank > best[before][1]):
            best[before] = behind, rank
    for before, (behind, _) in sorted(best.items(), key=lambda pair: -len(pair[0])):
        data = data.replace(before.encode(), os.fsencode(behind))
    return data
"""

SCANNERS = tuple(name for name in adapters.names() if not adapters.load(name).only_imports)
"""The scanners that a scan runs, by what is in the adapters' folder: a new one is in every test over these."""
PROGRAMS = tuple(name for name in SCANNERS if adapters.load(name).executable)
GRANTED = ("--allow-build", "--history")
"""What some scanners need the operator's word for."""
NOWHERE = "/nonexistent"
_PROSE = re.compile(r"(?i)message|title|desc|summary|text|note|reason|help|label|detail|overview")

Change = Callable[[bytes], bytes]


def case_of(adapter: str, name: str = "many") -> Case:
    """A scanner's fixture by its name, of the newest version."""
    return max((case for case in cases(adapter) if case.name == name), key=lambda case: case.version)


def programs(folder: Path, made: Callable[[FakeTools, str, str], Path], **more: Path | str) -> dict[str, str]:
    """The `tools` of an operator's settings: for every scanner that is a program what `made` makes of the folder, the
    scanner's id and the executable's name; programs that do nothing for what they cannot do without; nothing in the
    places of what else they start. `more`: other programs by name.
    """
    idle = FakeTools(folder / "idle", version="idle 1.0.0")
    tools: dict[str, str] = {}
    for entry in map(adapters.load, SCANNERS):
        tools |= {name: f"{NOWHERE}/{name}" for name in entry.uses if name not in tools and name != "git"}
        tools |= {name: str(idle.shell(name, "exit 0")) for name in entry.requires}
    for name in PROGRAMS:
        fakes = FakeTools(folder / name, version=f"{name} {case_of(name).version}")
        tools[adapters.load(name).executable] = str(made(fakes, name, adapters.load(name).executable))
    return tools | {name: str(path) for name, path in more.items()}


def replays(folder: Path, case: Case, *, change: Change = bytes, chatter: bytes = b"", first: str = "") -> Path:
    """A program in `folder` that answers each command line with what was recorded for the one most like it (here, or in
    the scanner's case of a history), after `change`; `first` is Python that it runs before, `chatter` what it
    says after that on standard error.
    """
    fakes = FakeTools(folder, version=f"{case.adapter} {case.version}")
    histories = [entry for entry in cases(case.adapter) if entry.name == "history" and entry.version == case.version]
    recorded = [entry for source in (case, *histories) for entry in _recordings(folder, source, change)]
    body = (
        f"{first}\n"
        f"adapter, recorded, words = {case.adapter!r}, {recorded!r}, sys.argv[1:]\n"
        f"{_PLACED}"
        "then, path, code = max(recorded, key=lambda entry: likeness(entry[0], words))\n"
        "for stream, end in ((sys.stderr, '.stderr'), (sys.stdout, '')):\n"
        "    stream.buffer.write(placed(open(path + end, 'rb').read(), then, words))\n"
        "    stream.buffer.flush()\n"
        f"os.write(2, {chatter!r})\n"
        "sys.exit(code)"
    )
    return fakes.python(adapters.load(case.adapter).executable, body)


def _recordings(folder: Path, case: Case, change: Change) -> Iterator[tuple[list[str], str, int]]:
    """`change` is made to the stream that holds the report."""
    for number, command in enumerate(case.meta()["commands"]):
        if command["argv"][0] != "{tool}":
            continue
        place = folder / f"recorded.{case.name}.{number}"
        for stream, end in (("stdout", ""), ("stderr", ".stderr")):
            own = Path(f"{place}{end}")
            shutil.copyfile(case.folder / f"raw.{number}.{stream}", own)
            filled(own, f"{case.adapter}/{case.name}")
            if own.stat().st_size and (stream == "stdout" or not place.stat().st_size):
                own.write_bytes(change(own.read_bytes()))
        yield command["argv"][1:], str(place), int(command["exit_code"])


def replayed(folder: Path, **how: Any) -> Callable[[FakeTools, str, str], Path]:
    """For `programs`: each one says what it said of its own fixture."""
    return lambda fakes, name, _: replays(fakes.folder, case_of(name), **how)


def reworded(data: bytes, change: Callable[[str], str]) -> bytes:
    """Recorded JSON, or lines of it, with `change` made to all that was written for people to read."""

    def walk(value: Any, key: str) -> Any:
        if isinstance(value, Mapping):
            return {name: walk(entry, name) for name, entry in value.items()}
        if isinstance(value, list):
            return [walk(entry, key) for entry in value]
        return change(value) if isinstance(value, str) and len(value.split()) > 1 and _PROSE.search(key) else value

    try:
        return json.dumps(walk(json.loads(data), "")).encode()
    except ValueError:
        lines = data.splitlines(keepends=True)
        if len(lines) == 1:
            return data
        return b"".join(
            reworded(line, change) + (b"\n" if line.startswith(b"{") else b"") if line[:1] in b"{[" else line
            for line in lines
        )


@dataclass(frozen=True, kw_only=True)
class Whole:
    """A scan with every scanner, and one with those that stood back in it for another that does the same."""

    first: Scanned
    others: Scanned | None

    def of(self, adapter: str) -> Scanned:
        """The scan that a scanner had its part in."""
        return self.others if self.others and adapter in _stood_back(self.first) else self.first

    def run(self, adapter: str) -> Any:
        """The JSON report's entry of one scanner."""
        return self.of(adapter).run(adapter)

    @property
    def scans(self) -> tuple[Scanned, ...]:
        """Both, or the one."""
        return (self.first, self.others) if self.others else (self.first,)


def scan_whole(target: Path, *options: str | Path, reports: Path, **how: Any) -> Whole:
    """Scan with every scanner, and then once more with those alone that stood back for another; `how` as for `scan`. The
    operator's settings name all programs.
    """
    first = scan(target, *options, reports=reports, **how)
    left = _stood_back(first)
    if not left:
        return Whole(first=first, others=None)
    settings = Path(how["environment"]["HOME"]) / ".config/magray-sec/config.yaml"
    kept = settings.read_bytes()
    stated = json.loads(kept)
    stated["tools"] |= {adapters.load(name).executable: f"{NOWHERE}/{name}" for name in PROGRAMS if name not in left}
    settings.write_text(json.dumps(stated))
    others = scan(target, *options, reports=reports.with_name(f"{reports.name}-others"), **how)
    settings.write_bytes(kept)
    return Whole(first=first, others=others)


def _stood_back(scanned: Scanned) -> set[str]:
    """The scanners that were not run since another one was."""
    runs = scanned.json["runs"] if scanned.json else ()
    return {run["adapter"] for run in runs if run["outcome"] == "skipped" and "--skip-tool" in run.get("hint", "")}


def lay_over_all(target: Path) -> Path:
    """Add the fixture of every scanner to a tree, so that each has something to look at: first those of the ones that
    were told the whole tree, which lie where their paths say.
    """
    for name in sorted(SCANNERS, key=lambda name: (not _is_told_the_root(case_of(name)), name)):
        lay_over(case_of(name), target)
    return target


def lay_over_what_lacks(target: Path) -> Path:
    """Add fixtures to a tree until every program has something to look at: a smaller tree than that of all."""
    for name in PROGRAMS:
        if not adapters.load(name).claims(look(str(target), Limits(), Wanted()).inventory):
            lay_over(case_of(name), target)
    return target


def _is_told_the_root(case: Case) -> bool:
    return any("{target}" in command["argv"] for command in case.meta().get("commands", ()))


def lay_over(case: Case, target: Path) -> None:
    """Add a fixture's input to a tree; where that would replace a file, in a folder of the scanner's name."""
    files = [path for path in sorted((case.folder / "input").rglob("*")) if path.is_file()]
    paths = {path: path.relative_to(case.folder / "input") for path in files}
    root = target / case.adapter if any((target / path).exists() for path in paths.values()) else target
    for path, relative in paths.items():
        place = root / relative
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)
        filled(place, f"{case.adapter}/{case.name}")
    manifest = root / "Cargo.toml"
    if root != target and manifest.exists() and "[workspace" not in manifest.read_text():
        # It does not belong to the workspace that it lies in now.
        manifest.write_text(f"{manifest.read_text()}\n[workspace]\n")
