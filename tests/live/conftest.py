"""What the live tests share: the programs that `make tools` installed, one whole scan, and a table at the end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import live_scans
import pytest

from command_line import SAMPLE, Ended


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", live_scans.programs_path())


@pytest.fixture(scope="session", params=sorted({SAMPLE, live_scans.target()}), ids=lambda root: root.name)
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ended, Any]:
    """A whole scan with every scanner, of the sample and of LIVE_TARGET: of what, how it ended, its JSON report."""
    ended, report = live_scans.scanned(request.param, tmp_path_factory.mktemp("whole"), "--no-cache")
    return request.param, ended, report


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the table."""
    for line in config.stash.get(live_scans.TABLE, []):
        terminalreporter.write_line(line)
