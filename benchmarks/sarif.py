"""25,000 generated findings to SARIF on disk, against the budget of 2.5 s.

    python benchmarks/sarif.py [--count N] [--rounds N] [--validate]

Prints the best of the rounds in seconds, and as a ratio to a fixed piece of work of this Python on this machine, so
that machines can be compared. `--validate` has the SARIF Multitool judge the file, which takes a minute.
"""

from __future__ import annotations

import argparse
import gzip
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import multitool
import reports
from magray_sec.model.report import ScanReport
from magray_sec.report import json_v1, sarif

BUDGET_S = 2.5
GITHUB_BYTES = 10_000_000


def yardstick() -> float:
    """Seconds for a million turns of a plain loop with a dict."""
    began = time.perf_counter()
    table: dict[int, int] = {}
    for number in range(1_000_000):
        table[number & 1023] = number
    return time.perf_counter() - began


def write(report: ScanReport, path: Path, render: Callable[[ScanReport, BinaryIO], None]) -> float:
    """Seconds to render a report into a file that is on disk when it ends."""
    began = time.perf_counter()
    with path.open("wb") as sink:
        render(report, sink)
        sink.flush()
        os.fsync(sink.fileno())
    return time.perf_counter() - began


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=25_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--validate", action="store_true")
    options = parser.parse_args()
    report = reports.large(options.count)
    unit = min(yardstick() for _ in range(options.rounds))
    ok = True
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for label, render in (("sarif", sarif.render), ("json", json_v1.render)):
            path = folder / f"report.{label}"
            best = min(write(report, path, render) for _ in range(options.rounds))
            size, packed = path.stat().st_size, len(gzip.compress(path.read_bytes(), 6))
            print(
                f"{label}: {options.count} findings in {best:.2f} s ({best / unit:.1f} yardsticks), "
                f"{size / 1e6:.1f} MB, {packed / 1e6:.2f} MB packed"
            )
            if label == "sarif":
                ok = best <= BUDGET_S and packed <= GITHUB_BYTES
        print(f"budget: {BUDGET_S} s and {GITHUB_BYTES / 1e6:.0f} MB packed: {'kept' if ok else 'MISSED'}")
        if options.validate:
            said = multitool.validate(folder / "report.sarif")["report"]
            print(f"SARIF Multitool: {dict(said)}")
            # Ids with '/', and the limits of five runs and a thousand results that GitHub no longer has.
            ok = ok and set(said) <= {"SARIF2009", "GH1004"}
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
