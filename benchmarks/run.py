"""All benchmarks, one after the other: start-up, the rule engine, 25,000 findings to SARIF. Fails where one misses its
budget."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

HERE = Path(__file__).resolve().parent
BENCHMARKS = {
    "Start-up": ("startup.py",),
    "Rule engine": ("engine.py", sysconfig.get_path("stdlib")),
    "SARIF": ("sarif.py",),
}


def main() -> int:
    missed = []
    for title, (script, *arguments) in BENCHMARKS.items():
        print(f"{title}\n{'-' * len(title)}", flush=True)
        if subprocess.run([sys.executable, str(HERE / script), *arguments], check=False).returncode:
            missed.append(title)
        print(flush=True)
    print(f"missed: {', '.join(missed)}" if missed else "every budget was kept")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
