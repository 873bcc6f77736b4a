"""Holds rust-unsafe's figures against those of cargo-geiger, crate by crate: the table in docs/unsafe.md.

    python benchmarks/geiger.py path/to/Cargo.toml [CRATE ...]

Builds the package of the manifest, and so runs code of all it depends on. cargo and cargo-geiger have to be on PATH,
and the packages fetched (`cargo fetch`). Without names every crate that was built is compared, and
those that differ are shown.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from magray_sec.adapters._rust_modules import Use, find_crates, reach
from magray_sec.adapters._rust_syntax import Counters, RustReader

# geiger's word for each of our counters.
_WORDS = {
    "functions": "functions",
    "expressions": "exprs",
    "impls": "item_impls",
    "traits": "item_traits",
    "methods": "methods",
}


def main(arguments: list[str]) -> int:
    """Print the table."""
    if not arguments:
        print(__doc__, file=sys.stderr)
        return 2
    manifest, wanted = os.path.abspath(arguments[0]), set(arguments[1:])
    folders = dict(_folders(manifest))
    report = _geiger(manifest)
    scanned = [entry for entry in report["used_but_not_scanned_files"] if entry.endswith(".rs")]
    print("| crate | cargo-geiger: used, unused | rust-unsafe: used, unused | not read by cargo-geiger |")
    print("|---|---|---|---|")
    equal, whole, every = 0, 0, 0
    for entry in report["packages"]:
        identity = entry["package"]["id"]
        key = (identity["name"], identity["version"])
        theirs = {use: _totals(entry["unsafety"][use]) for use in ("used", "unused")}
        ours = _counted(folders[key])
        is_equal = theirs == ours
        every, equal = every + 1, equal + is_equal
        whole += _whole(theirs) == _whole(ours)
        if identity["name"] in wanted or (not wanted and not is_equal):
            lost = [os.path.basename(path) for path in scanned if path.startswith(str(folders[key]) + os.sep)]
            cells = [", ".join(_shown(counts[use]) for use in ("used", "unused")) for counts in (theirs, ours)]
            print(f"| {' '.join(key)} | {cells[0]} | {cells[1]} | {', '.join(lost) or 'none'} |")
    print(f"\nThe same ten figures over all files: {whole} of {every} crates; used and unused apart: {equal}.")
    return 0


def _folders(manifest: str) -> Iterator[tuple[tuple[str, str], Path]]:
    """(name, version) -> the folder of each package of the graph."""
    command = ("cargo", "metadata", "--format-version", "1", "--offline", "--manifest-path", manifest)
    told = json.loads(subprocess.run(command, check=True, capture_output=True, cwd=os.sep).stdout)
    for package in told["packages"]:
        yield (package["name"], package["version"]), Path(package["manifest_path"]).parent


def _geiger(manifest: str) -> Any:
    command = (
        *("cargo-geiger", "geiger", "--output-format", "Json", "--quiet", "--offline"),
        *("--manifest-path", manifest),
    )
    with tempfile.TemporaryDirectory() as built:
        environment = {**os.environ, "CARGO_TARGET_DIR": built}
        ended = subprocess.run(command, capture_output=True, cwd=built, env=environment, check=False)
    if not ended.stdout.startswith(b"{"):
        sys.exit(ended.stderr[-2000:].decode("utf-8", "replace"))
    return json.loads(ended.stdout)


def _totals(counts: Any) -> dict[str, tuple[int, int]]:
    return {ours: (counts[theirs]["unsafe_"], counts[theirs]["safe"]) for ours, theirs in _WORDS.items()}


def _whole(counts: dict[str, dict[str, tuple[int, int]]]) -> dict[str, tuple[int, ...]]:
    """Of the used files and the others together."""
    return {name: tuple(map(sum, zip(counts["used"][name], counts["unused"][name], strict=True))) for name in _WORDS}


def _counted(folder: Path) -> dict[str, dict[str, tuple[int, int]]]:
    """What rust-unsafe counts in a package's folder: in its libraries and programs, and in all other Rust files."""
    paths = {str(path.relative_to(folder)): path for path in sorted(folder.rglob("*")) if path.is_file()}
    reader = RustReader()
    files = {
        name: reader.read(path.read_bytes())
        for name, path in paths.items()
        if name.endswith(".rs") and name != "build.rs" and not name.startswith("target/")
    }
    brings = {name: file.brings for name, file in files.items()}
    crates = find_crates(frozenset(paths), lambda name: paths[name].read_bytes())
    used: set[str] = set()
    for crate in crates.crates:
        if not crate.folder:
            used |= {path for path, found in reach(crate, brings).items() if found.use is Use.USED}
    totals = {"used": Counters(), "unused": Counters()}
    for name, file in files.items():
        use = "used" if name in used else "unused"
        totals[use] += file.counters
    return {use: {name: (count.unsafe, count.safe) for name, count in total.each()} for use, total in totals.items()}


def _shown(counts: dict[str, tuple[int, int]]) -> str:
    """`unsafe/all` of the expressions and of everything else together."""
    unsafe, safe = counts["expressions"]
    others = [pair for name, pair in counts.items() if name != "expressions"]
    return f"{unsafe}/{unsafe + safe} + {sum(pair[0] for pair in others)}/{sum(map(sum, others))}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
