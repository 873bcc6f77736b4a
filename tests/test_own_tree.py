"""This repository holds no secret, not even one made up for a test: they are generated when tests run."""

from __future__ import annotations

from pathlib import Path

from command_line import REPOSITORY, magray_sec, read, surroundings


def test_our_own_scan_finds_no_secret(tmp_path: Path, warm_cache: Path) -> None:
    stored = tmp_path / "report.json"
    environment = surroundings(tmp_path, XDG_CACHE_HOME=str(warm_cache))
    scanners = ("--tool", "regex-rules", "--tool", "detect-secrets")
    magray_sec("scan", REPOSITORY, *scanners, "--offline", "--json", stored, environment=environment)
    report = read(stored)
    assert {run["outcome"] for run in report["runs"] if run["adapter"] in scanners} == {"completed"}
    places = [
        (entry["location"]["path"], entry["rule"]) for entry in report["findings"] if entry["domain"] == "secrets"
    ]
    assert places == []
