"""The scanners that are compared: where they are, and how they are called."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys

OTHERS = ("gitleaks", "kingfisher", "rg", "detect-secrets")
OURS = (sys.executable, "-m", "magray_sec")


def add_options(parser: argparse.ArgumentParser) -> None:
    """`--gitleaks PATH` and so on."""
    for name in OTHERS:
        parser.add_argument(f"--{name}", metavar="PATH", help=f"{name}, when it is not on PATH")


def found(options: argparse.Namespace) -> dict[str, str]:
    """Path by name; who is not there is missing. Says so on standard error."""
    paths = {}
    for name in OTHERS:
        given = getattr(options, name.replace("-", "_")) or os.environ.get(f"BENCH_{name.replace('-', '_').upper()}")
        path = shutil.which(given or name) or shutil.which(name, path=os.path.dirname(sys.executable))
        if path:
            paths[name] = path
        else:
            print(f"{name} is not installed: its column stays empty", file=sys.stderr)
    return paths


def versions(paths: dict[str, str]) -> dict[str, str]:
    """What each says of its version, ours included; gitleaks from the Go module's build information."""
    said = {"magray-sec": _first(OURS, "--version")}
    for name, path in paths.items():
        said[name] = _first((path,), "version" if name == "gitleaks" else "--version")
        if name == "gitleaks" and not any(letter.isdigit() for letter in said[name]) and shutil.which("go"):
            shown = subprocess.run(("go", "version", "-m", path), capture_output=True, text=True, check=False).stdout
            rows = [line.split() for line in shown.splitlines() if line.strip().startswith("mod")]
            said[name] = rows[0][2] if rows else said[name]
    return said


def _first(command: tuple[str, ...], word: str) -> str:
    shown = subprocess.run((*command, word), capture_output=True, text=True, check=False).stdout.strip()
    return shown.splitlines()[0] if shown else "unknown"


def gitleaks(path: str, report: str, target: str = ".", verb: str = "dir") -> tuple[str, ...]:
    return (path, verb, "--no-banner", "--log-level", "error", "--exit-code", "0", "-f", "json", "-r", report, target)


def kingfisher(path: str, report: str, target: str = ".", *more: str) -> tuple[str, ...]:
    """Without asking the providers, which would send secrets out."""
    return (path, "scan", "--no-validate", "--no-update-check", "-f", "json", "-o", report, *more, target)


def ours(report: str, *more: str, target: str = ".") -> tuple[str, ...]:
    return (*OURS, "scan", target, "--offline", "-q", "--no-target-config", "--json", report, *more)
