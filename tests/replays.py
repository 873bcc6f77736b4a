"""Programs that say what a scanner really said, or something made of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from cases import Case, cases, filled
from fake_tools import FakeTools
from magray_sec import adapters

# Where a recorded word has a placeholder for the target's folder, the word that is given now tells it.
_PLACED = """
def placed(data, then, words):
    for pairs in (zip(then, words), ((old, new) for old in then for new in words)):
        for old, new in pairs:
            before, mark, behind = old.partition("{target}")
            root = new[len(before) : len(new) - len(behind)]
            if mark and new == before + root + behind and root.startswith("/"):
                return data.replace(b"{target}", root.encode())
    return data
"""

SCANNERS = tuple(
    name
    for name in adapters.names()
    if adapters.load(name).inspect is not None or adapters.load(name).commands is not None
)
"""The scanners that a scan runs, by what is in the adapters' folder: a new one is in every test over these."""


def case_of(adapter: str, name: str = "many") -> Case:
    """A scanner's fixture by its name."""
    return next(case for case in cases(adapter) if case.name == name)


def replays(
    folder: Path, case: Case, *, change: Callable[[bytes], bytes] = bytes, stderr: bytes = b"", first: str = ""
) -> Path:
    """A program in `folder` that answers each command line with what was recorded for the one most like it, after
    `change`; `first` is Python that it runs before.
    """
    fakes = FakeTools(folder, version=f"{case.adapter} {case.version}")
    recorded = list(_recordings(folder, case, change))
    body = (
        f"{first}\n"
        f"recorded, words = {recorded!r}, sys.argv[1:]\n"
        "then, path, code = max(recorded, key=lambda entry: len(set(words) & set(entry[0])))\n"
        f"sys.stderr.buffer.write({stderr!r})\n"
        f"{_PLACED}"
        "sys.stdout.buffer.write(placed(open(path, 'rb').read(), then, words))\n"
        "sys.stdout.buffer.flush()\n"
        "sys.exit(code)"
    )
    return fakes.python(adapters.load(case.adapter).executable, body)


def _recordings(folder: Path, case: Case, change: Callable[[bytes], bytes]) -> Iterator[tuple[list[str], str, int]]:
    for number, command in enumerate(case.meta()["commands"]):
        if command["argv"][0] != "{tool}":
            continue
        place = folder / f"recorded.{number}"
        shutil.copyfile(case.folder / f"raw.{number}.stdout", place)
        filled(place, f"{case.adapter}/{case.name}")
        place.write_bytes(change(place.read_bytes()))
        yield command["argv"][1:], str(place), int(command["exit_code"])


def lay_over_all(target: Path) -> Path:
    """Add the fixture of every scanner to a tree, so that each has something to look at."""
    for name in SCANNERS:
        lay_over(case_of(name), target)
    return target


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
