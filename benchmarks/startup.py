"""What `--version` and `--help` cost, side by side with a bare Python, against the budget of 0.1 s more.

python benchmarks/startup.py [--rounds N]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

BUDGET_S = 0.1
BARE = (sys.executable, "-c", "pass")
COMMANDS = {
    "--version": (sys.executable, "-m", "magray_sec", "--version"),
    "--help": (sys.executable, "-m", "magray_sec", "--help"),
    "scan --help": (sys.executable, "-m", "magray_sec", "scan", "--help"),
}


def once(command: tuple[str, ...]) -> float:
    """Seconds of one run."""
    began = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    times: dict[str, list[float]] = {name: [] for name in ("bare", *COMMANDS)}
    for name in times:  # once to warm the caches of the system
        once(BARE if name == "bare" else COMMANDS[name])
    for _ in range(rounds):
        for name, taken in times.items():
            taken.append(once(BARE if name == "bare" else COMMANDS[name]))
    bare = statistics.median(times["bare"])
    ok = True
    for name in COMMANDS:
        more = statistics.median(times[name]) - bare
        within = more <= BUDGET_S
        ok = ok and (within or name == "scan --help")
        print(f"{name}: {more * 1000:.0f} ms more than a bare Python ({bare * 1000:.0f} ms)")
    print(f"budget: {BUDGET_S * 1000:.0f} ms more for --version and --help: {'kept' if ok else 'MISSED'}")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
