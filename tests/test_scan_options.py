"""Options of `scan` that do not go together are refused before anything is looked at."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import magray_sec


@pytest.mark.parametrize(
    "narrowed", [("--exclude", "docs"), ("--tool", "regex-rules"), ("--skip-tool", "regex-rules")], ids=lambda o: o[0]
)
def test_a_part_of_the_target_gives_no_sarif_for_github(tmp_path: Path, narrowed: tuple[str, str]) -> None:
    (tmp_path / "target").mkdir()
    file = tmp_path / "scan.sarif"
    ended = magray_sec("scan", tmp_path / "target", "--offline", *narrowed, "--sarif", file)
    assert (ended.returncode, file.exists(), ended.stdout) == (2, False, "")
    assert ended.stderr.startswith(f"error: {narrowed[0]} leaves out a part of the target")
    assert "--sarif-profile full" in ended.stderr


def test_the_full_profile_takes_a_part_of_the_target(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "notes.txt").write_text("nothing\n")
    file = tmp_path / "scan.sarif"
    ended = magray_sec(
        *("scan", tmp_path / "target", "--offline", "--tool", "regex-rules"),
        *("--sarif", file, "--sarif-profile", "full"),
    )
    assert ended.returncode in (0, 3)
    assert file.stat().st_size > 0
