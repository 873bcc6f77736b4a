"""What every test has: no surroundings of the machine, and a way to write goldens again."""

from __future__ import annotations

import os
import sysconfig
import venv
from pathlib import Path

import pytest

from command_line import SAMPLE, magray_sec, surroundings

# What a developer's machine may have set and no test may depend on.
_SCRUBBED = ("MAGRAY_SEC_", "SOURCE_DATE_EPOCH", "NO_COLOR", "CI", "GITHUB_", "CARGO_", "RUSTFLAGS", "GIT_")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--golden", action="store_true", help="write golden files instead of comparing with them")


@pytest.fixture(autouse=True)
def _scrubbed(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    for name in list(os.environ):
        if name.startswith(_SCRUBBED):
            monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> bool:
    """Whether goldens are to be written."""
    return bool(request.config.getoption("--golden"))


@pytest.fixture(scope="session")
def warm_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for XDG_CACHE_HOME in which the shipped packs and policies are compiled already: for tests of scans that
    are not about the cache, each of which would spend seconds on compiling them."""
    folder = tmp_path_factory.mktemp("warm")
    environment = surroundings(folder, XDG_CACHE_HOME=str(folder / "cache"))
    magray_sec("scan", SAMPLE, "--offline", environment=environment)
    return folder / "cache"


@pytest.fixture(scope="session")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with our packages and none of the programs that may be installed beside them."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, symlinks=True, with_pip=False)
    (packages,) = folder.glob("lib/python*/site-packages")
    here = dict.fromkeys((sysconfig.get_path("purelib"), sysconfig.get_path("platlib")))
    (packages / "ours.pth").write_text("".join(f"import site; site.addsitedir({place!r})\n" for place in here))
    return folder / "bin" / "python"
