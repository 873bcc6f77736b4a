"""Install the scanners that `make live` runs: what `tools.toml` says, pinned, below one folder (`make tools`).

What is there already, or in a folder of LIVE_TOOLS (parted as in PATH), is not installed again. What cannot be installed
is said with the reason, and is in `installed.json` for the tests to say; the others are installed all the same.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PLACE = HERE.parent.parent.parent / ".live"
LONGEST_S = 3600
AT_ONCE = 2
SAID_LINES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """How it went with one scanner."""

    scanner: str
    state: str
    """`installed` now, `there` already, or `failed`."""
    detail: str
    """Where it comes from, or why it could not be installed."""


class CannotInstallError(Exception):
    """Why, in one line."""


def main() -> int:
    """Install what is missing; 1 where something could not be, with the reason."""
    recipes = tomllib.loads((HERE / "tools.toml").read_text(encoding="utf-8"))["tool"]
    given = [Path(folder) for folder in os.environ.get("LIVE_TOOLS", "").split(os.pathsep) if folder]
    (PLACE / "bin").mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        # The long ones first: what ends last should not be what began last.
        waiting = [
            pool.submit(install, recipe, given) for recipe in sorted(recipes, key=lambda entry: "wheel" in entry)
        ]
        made = sorted((future.result() for future in waiting), key=lambda entry: entry.scanner)
    stored = {entry.scanner: {"state": entry.state, "detail": entry.detail} for entry in made}
    (PLACE / "installed.json").write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")
    for entry in made:
        print(f"  {entry.scanner:<12}  {entry.state:<9}  {entry.detail}")
    failed = [entry.scanner for entry in made if entry.state == "failed"]
    if failed:
        print(f"could not be installed: {', '.join(failed)}")
    return 1 if failed else 0


def install(recipe: Mapping[str, Any], given: list[Path]) -> Installed:
    """Install one scanner's program, unless it is there."""
    scanner, program = recipe["scanner"], recipe["program"]
    for folder in given:
        if os.access(folder / program, os.X_OK):
            return Installed(scanner=scanner, state="there", detail=str(folder / program))
    source, link = pin(recipe), PLACE / "bin" / program
    stamp = PLACE / "done" / f"{scanner}.json"
    words = json.dumps(recipe, sort_keys=True)
    if os.access(link, os.X_OK) and stamp.exists() and stamp.read_text(encoding="utf-8") == words:
        return Installed(scanner=scanner, state="there", detail=source)
    began = time.monotonic()
    try:
        made = build(recipe)
        if made is not None:
            link.unlink(missing_ok=True)
            link.symlink_to(made)
            stamp.parent.mkdir(exist_ok=True)
            stamp.write_text(words, encoding="utf-8")
    except CannotInstallError as error:
        return Installed(scanner=scanner, state="failed", detail=f"{source}: {error}")
    if made is None:
        return Installed(scanner=scanner, state="there", detail=source)
    return Installed(scanner=scanner, state="installed", detail=f"{source}, in {time.monotonic() - began:.0f} s")


def pin(recipe: Mapping[str, Any]) -> str:
    """What is installed, in a few words."""
    for kind, words in (
        ("wheel", "pip install {}"),
        ("go", "go install {}"),
        ("module", "the Go module tests/live/tools/{}"),
        ("crate", "cargo install {}"),
        ("component", "rustup component add {}"),
        ("comes_with", "comes with {}"),
    ):
        if kind in recipe:
            return words.format(recipe[kind])
    raise AssertionError(f"tools.toml does not say where {recipe['scanner']} comes from")


def build(recipe: Mapping[str, Any]) -> Path | None:
    """Install it; the program's path, or None for one that is found on PATH."""
    program = str(recipe["program"])
    if "wheel" in recipe:
        return wheel(recipe, program)
    if "go" in recipe:
        needed("go", "it is built with Go")
        folder = PLACE / "go"
        run(["go", "install", *flags(recipe), recipe["go"]], {"GOBIN": str(folder), **recipe.get("variables", {})})
        return folder / program
    if "module" in recipe:
        needed("go", "it is built with Go")
        folder = PLACE / "go"
        folder.mkdir(exist_ok=True)
        run(["go", "build", *flags(recipe), "-o", f"{folder}{os.sep}", "tool"], {}, HERE / recipe["module"])
        return folder / program
    if "crate" in recipe:
        needed("cargo", "it is built with Cargo")
        folder, (name, _, version) = PLACE / "cargo", recipe["crate"].partition("@")
        run(["cargo", "install", "--locked", "--quiet", "--version", version, "--root", str(folder), name], {}, PLACE)
        return folder / "bin" / program
    if shutil.which(program):
        return None
    if "component" in recipe:
        needed("rustup", "it is a component of the Rust toolchain")
        run(["rustup", "component", "add", recipe["component"]], {}, PLACE)
        return None
    raise CannotInstallError(f"there is no {program} on PATH")


def flags(recipe: Mapping[str, Any]) -> list[str]:
    """For the Go compiler: no debugging symbols, nothing of this repository's commit, and the version it states."""
    stamp = f" -X={recipe['stamp']}" if "stamp" in recipe else ""
    return ["-buildvcs=false", f"-ldflags=-s -w{stamp}"]


def wheel(recipe: Mapping[str, Any], program: str) -> Path:
    """Install a wheel into an environment of its own."""
    folder = PLACE / "wheels" / str(recipe["scanner"])
    shutil.rmtree(folder, ignore_errors=True)
    run([sys.executable, "-m", "venv", "--without-pip", str(folder)])
    python = folder / "bin" / "python"
    asked = PLACE / f"{recipe['scanner']}.txt"
    hashes = "".join(f" --hash=sha256:{value}" for value in recipe.get("sha256", ()))
    asked.write_text(f"{recipe['wheel']}{hashes}\n", encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--disable-pip-version-check"]
    run([*pip, "--only-binary", ":all:", "-r", str(asked)])
    asked.unlink()
    if "file" not in recipe:
        return folder / "bin" / program
    (found,) = folder.glob(f"lib/python*/site-packages/{recipe['file']}")
    found.chmod(0o755)
    return found


def needed(client: str, why: str) -> None:
    """CannotInstallError where a client is not on PATH."""
    if not shutil.which(client):
        raise CannotInstallError(f"{why}, and there is no {client} on PATH")


def run(argv: list[str], more: Mapping[str, str] = {}, cwd: Path | None = None) -> None:
    """Run a client to its end. CannotInstallError with the end of what it said."""
    environment = {name: value for name, value in os.environ.items() if name != "GOFLAGS"}
    try:
        ended = subprocess.run(
            argv,
            env={**environment, **more},
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=LONGEST_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotInstallError(str(error)) from error
    if ended.returncode:
        lines = [line.strip() for line in (ended.stderr or ended.stdout).splitlines() if line.strip()]
        raise CannotInstallError("; ".join(lines[-SAID_LINES:]) or f"{argv[0]} ended with {ended.returncode}")


if __name__ == "__main__":
    sys.exit(main())
