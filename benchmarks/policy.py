"""25,000 findings against 100 rules, against the budget of 1 s of processor time, and what a policy seen before costs.

    python benchmarks/policy.py [--count N] [--rounds N]

Three policies of 100 rules: by paths, by packages and licences, by advisories and scores. Prints the best of the rounds
in seconds of processor time, and as a ratio to a fixed piece of work of this Python on this machine.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from sarif import yardstick

from judging import decide, finding, package
from magray_sec.model.finding import Finding
from magray_sec.model.scale import Domain, Severity
from magray_sec.policy.load import load_policy

JUDGE_S = 1.0
LOAD_S = 0.05
RULES = 100
MATCHES: dict[str, str] = {
    "by paths": "severity: low, path: 'src/m{n}/**'",
    "by licences": "domain: licenses, package: p{n}, license_not: [MIT, Apache-2.0, Zlib, ISC]",
    "by advisories": "rule: CVE-2024-{n}, score: '>=4.0,<{digit}', tool: cargo-audit",
}


def of_path(number: int) -> Finding:
    path = f"src/m{number % (2 * RULES)}/x{number}.rs"
    return finding(number, Domain.CODE, severity=Severity.LOW, path=path)


def of_licence(number: int) -> Finding:
    found = package(f"p{number % (2 * RULES)}", license="MIT OR GPL-3.0-only")
    return finding(number, Domain.LICENSES, package=found)


def of_advisory(number: int) -> Finding:
    aliases = (f"CVE-2024-{number % (2 * RULES)}", "GHSA-aaaa-bbbb-cccc")
    return finding(number, score=5.0, aliases=aliases, package=package(f"p{number}"))


MAKERS: dict[str, Callable[[int], Finding]] = dict(zip(MATCHES, (of_path, of_licence, of_advisory), strict=True))


def text(match: str) -> str:
    rules = (f"  - {{id: r{n}, match: {{{match.format(n=n, digit=n % 10)}}}, verdict: review}}\n" for n in range(RULES))
    return f"version: 1\nextends: default\nrules:\n{''.join(rules)}"


def taken(work: Callable[[], object]) -> float:
    """Seconds of processor time."""
    began = time.process_time()
    work()
    return time.process_time() - began


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=25_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    unit = min(yardstick() for _ in range(options.rounds))
    ok = True
    with tempfile.TemporaryDirectory() as folder:
        for name, match in MATCHES.items():
            file = Path(folder) / f"{name.replace(' ', '-')}.yaml"
            file.write_text(text(match))
            cache = str(Path(folder) / "cache")

            load = partial(load_policy, str(file), root=None, cache=cache)
            first = taken(load)
            again = min(taken(load) for _ in range(options.rounds))
            policy = load_policy(str(file), root=None, cache=cache)
            findings = [MAKERS[name](number) for number in range(options.count)]
            best = min(taken(partial(decide, policy, *findings)) for _ in range(options.rounds))
            ok = ok and best <= JUDGE_S and again <= LOAD_S
            print(
                f"{name}: {options.count} findings, {len(policy.rules)} rules in {best:.2f} s "
                f"({best / unit:.1f} yardsticks); read in {first * 1000:.0f} ms, again in {again * 1000:.0f} ms"
            )
    print(f"budget: {JUDGE_S:.0f} s, and {LOAD_S * 1000:.0f} ms for a policy seen before: {'kept' if ok else 'MISSED'}")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
