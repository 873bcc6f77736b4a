"""Runs the SARIF Multitool over a file, as GitHub's ingestion rules are checked: its exit code alone says nothing."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections import Counter
from pathlib import Path

_ROOT = Path(__file__).parent.parent
CONFIG = Path(__file__).parent / "data" / "ghas.config.xml"


class NotInstalledError(AssertionError):
    """The Multitool is not there; a test that needs it fails rather than saying nothing."""


def program() -> Path:
    """The Multitool's binary for this machine."""
    for name in ("Sarif.Multitool", "Sarif.Multitool.exe"):
        for found in sorted((_ROOT / ".multitool" / "node_modules" / "@microsoft").glob(f"*/{name}")):
            return found
    raise NotInstalledError("the SARIF Multitool is not installed: run .ci/multitool")


def validate(*paths: Path) -> dict[str, Counter]:
    """How many results of each rule the Multitool has on each SARIF file (by its stem), at every level, in one run.

    Fails where it did not work: it ends with 0 on errors too, and a rule of its own that broke is a notification.
    """
    folder = paths[0].parent
    output, scratch = folder / "said-by-multitool.json", folder / "dotnet"
    scratch.mkdir(exist_ok=True)
    command = [
        *(str(program()), "validate", *map(str, paths), "--rule-kind", "Sarif;Ghas", "--config", str(CONFIG)),
        *("--level", "Error;Warning;Note", "-o", str(output), "--log", "ForceOverwrite"),
        *("--max-file-size-in-kb", "200000"),
    ]
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "HOME": str(scratch),
        "DOTNET_BUNDLE_EXTRACT_BASE_DIR": str(scratch),
        "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1",
    }
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(paths)} file" in done.stdout, done.stdout
    said = json.loads(output.read_text(encoding="utf-8-sig"))
    rules: dict[str, Counter] = {path.stem: Counter() for path in paths}
    for run in said["runs"]:
        for invocation in run.get("invocations", ()):
            for kind in ("toolExecutionNotifications", "toolConfigurationNotifications"):
                errors = [entry for entry in invocation.get(kind, ()) if entry.get("level") == "error"]
                assert not errors, json.dumps(errors)[:2000]
        for result in run.get("results", ()):
            place = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
            rules[Path(place).stem][result["ruleId"].split("/")[0]] += 1
    return rules


def is_pascal(name: str) -> bool:
    """What the Multitool takes for a rule's name."""
    return re.fullmatch(r"([A-Z][a-z0-9]+)+", name) is not None
