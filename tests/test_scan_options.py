"""Options of `scan` that do not go together are refused before anything is looked at."""

from __future__ import annotations

from pathlib import Path

import pytest

from command_line import magray_sec, surroundings


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "target"
    folder.mkdir()
    (folder / "notes.txt").write_text("nothing\n")
    return folder


@pytest.mark.parametrize(
    ("option", "value"), [("--exclude", "docs"), ("--tool", "rust-unsafe"), ("--skip-tool", "rust-unsafe")]
)
def test_a_part_of_the_target_gives_no_sarif_for_github(tmp_path: Path, target: Path, option: str, value: str) -> None:
    file = tmp_path / "scan.sarif"
    ended = magray_sec("scan", target, "--offline", option, value, "--sarif", file, environment=surroundings(tmp_path))
    assert (ended.code, ended.out, file.exists()) == (2, "", False)
    assert ended.err.startswith(f"error: {option} leaves out a part of the target")
    assert "--sarif-profile full" in ended.err


def test_the_full_profile_takes_a_part_of_the_target(tmp_path: Path, target: Path) -> None:
    file = tmp_path / "scan.sarif"
    ended = magray_sec(
        *("scan", target, "--offline", "--tool", "rust-unsafe", "--sarif", file, "--sarif-profile", "full"),
        environment=surroundings(tmp_path),
    )
    assert (ended.code, ended.err) == (3, "")
    assert file.stat().st_size > 0
