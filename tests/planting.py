"""Trees with known flaws for whole scans, and how to tell that a report holds them.

Secrets are made when a test runs: nothing that looks like one stands in this repository.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from command_line import ADVISORY_DB, SAMPLE
from magray_sec.regex.examples import fill
from trees import write

# One secret that blocks by the shipped policies, and the rule that knows it.
SECRET_RULE = "secrets/github-pat"
_SECRET = "{{github-crc32:ghp_}}"

DATABASE = ("--advisory-db", ADVISORY_DB)
NOTHING_BLOCKS = "version: 1\nrequire: [{}]\nrules: []\ndefault: pass\n"


def token(seed: str) -> str:
    """A GitHub token of its own for every seed."""
    return fill(_SECRET, seed)


def plant(root: Path, seed: str = "planted") -> Path:
    """Put one secret into a tree; the file's path relative to it."""
    write(root, {"planted/settings.env": f"TOKEN={token(seed)}\n"})
    return Path("planted/settings.env")


def sample(folder: Path, more: Mapping[str, str | bytes] | None = None) -> Path:
    """A copy of the sample workspace, with the files `more`."""
    shutil.copytree(SAMPLE, folder)
    return write(folder, more or {})


def operator(home: Path, settings: Mapping[str, Any]) -> None:
    """Write the configuration of the user whose HOME this is."""
    write(home, {".config/magray-sec/config.yaml": json.dumps({"version": 1, **settings})})


def policy(folder: Path, *domains: str) -> Path:
    """A policy that requires the domains and blocks nothing."""
    write(folder, {"policy.yaml": NOTHING_BLOCKS.format(", ".join(domains))})
    return folder / "policy.yaml"


def notifications(full: Any) -> list[str]:
    """Every notification of every run of a SARIF file."""
    return [
        said["message"]["text"]
        for run in full["runs"]
        for invocation in run.get("invocations", ())
        for said in invocation.get("toolExecutionNotifications", ())
    ]


def found(report: Any, rule: str) -> list[Any]:
    """The findings of a JSON report by one rule."""
    return [finding for finding in report["findings"] if finding["rule"] == rule]
