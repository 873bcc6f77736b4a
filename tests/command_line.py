"""The real command line as a process, in surroundings that a test states in full."""

from __future__ import annotations

import atexit
import functools
import json
import os
import shutil
import subprocess
import sysconfig
import tempfile
import venv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from magray_sec import adapters

REPOSITORY = Path(__file__).resolve().parent.parent
FIXTURES = REPOSITORY / "fixtures"
SAMPLE = FIXTURES / "repos" / "sample"
ADVISORY_DB = FIXTURES / "advisory-db"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command line ended."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """Everything it printed."""
        return self.out + self.err


@functools.cache
def _place() -> Path:
    """A folder of this test process's own."""
    folder = Path(tempfile.mkdtemp(prefix="magray-sec-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@functools.cache
def programs() -> Path:
    """The machine's own programs but for scanners: what else is installed beside them must not change a test."""
    folder = _place() / "bin"
    folder.mkdir()
    scanners = {adapters.load(name).executable for name in adapters.names()}
    for place in ("/usr/bin", "/bin"):
        for name in os.listdir(place):
            if name not in scanners and not (folder / name).is_symlink():
                (folder / name).symlink_to(f"{place}/{name}")
    return folder


@functools.cache
def our_python() -> Path:
    """A Python with our packages, and cargo-audit alone of the scanners that may be installed beside them."""
    folder = _place() / "python"
    venv.create(folder, symlinks=True, with_pip=False)
    (packages,) = folder.glob("lib/python*/site-packages")
    here = dict.fromkeys((sysconfig.get_path("purelib"), sysconfig.get_path("platlib")))
    (packages / "ours.pth").write_text("".join(f"import site; site.addsitedir({place!r})\n" for place in here))
    (folder / "bin" / "cargo-audit").symlink_to(Path(sysconfig.get_path("scripts")) / "cargo-audit")
    return folder / "bin" / "python"


def surroundings(home: Path, *folders: Path | str, **more: str) -> dict[str, str]:
    """An environment with a HOME and a PATH (`folders` first) and nothing else."""
    path = os.pathsep.join([*map(str, folders), str(programs())])
    return {"HOME": str(home), "PATH": path, "LC_ALL": "C.UTF-8", **more}


def magray_sec(
    *arguments: str | Path,
    environment: Mapping[str, str],
    cwd: Path | None = None,
    stdin: bytes = b"",
    timeout: float = 120,
    python: Path | str = "",
) -> Ended:
    """Run `magray-sec` with these arguments."""
    ended = subprocess.run(
        [python or our_python(), "-m", "magray_sec", *map(str, arguments)],
        env=dict(environment),
        cwd=cwd or home_of(environment),
        input=stdin,
        capture_output=True,
        timeout=timeout,
        check=False,
    )
    return Ended(code=ended.returncode, out=ended.stdout.decode("utf-8"), err=ended.stderr.decode("utf-8"))


def home_of(environment: Mapping[str, str]) -> Path:
    """The HOME of an environment where it is a folder, else the root."""
    home = Path(environment.get("HOME", "/"))
    return home if home.is_dir() else Path("/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanned(Ended):
    """A scan, with its reports in every format."""

    json: Any
    sarif: Any
    full: Any

    def run(self, adapter: str) -> Any:
        """The JSON report's entry of one scanner."""
        (found,) = [run for run in self.json["runs"] if run["adapter"] == adapter]
        return found

    def coverage(self) -> list[str]:
        """The messages of the SARIF coverage run."""
        (run,) = [run for run in self.sarif["runs"] if run["automationDetails"]["id"] == "magray-sec/coverage/"]
        return [result["message"]["text"] for result in run["results"]]

    def domains(self) -> list[str]:
        """The domains that the github SARIF has a run of."""
        ids = [run["automationDetails"]["id"] for run in self.sarif["runs"]]
        return sorted(name.removeprefix("magray-sec/").rstrip("/") for name in ids if "coverage" not in name)


def scan(
    target: Path,
    *options: str | Path,
    environment: Mapping[str, str],
    reports: Path,
    timeout: float = 120,
    python: Path | str = "",
    cwd: Path | None = None,
    full: bool = True,
) -> Scanned:
    """Scan with every report; a report that was not written is None. `full`: the full SARIF too, by `report`."""
    reports.mkdir(parents=True, exist_ok=True)
    ended = magray_sec(
        "scan",
        target,
        *options,
        "--json",
        reports / "report.json",
        "--sarif",
        reports / "github.sarif",
        environment=environment,
        timeout=timeout,
        python=python,
        cwd=cwd,
    )
    stored = read(reports / "report.json")
    everything = None
    if stored is not None and full:
        magray_sec(
            "report",
            reports / "report.json",
            "--sarif",
            reports / "full.sarif",
            "--sarif-profile",
            "full",
            environment=environment,
        )
        everything = read(reports / "full.sarif")
    return Scanned(
        code=ended.code,
        out=ended.out,
        err=ended.err,
        json=stored,
        sarif=read(reports / "github.sarif"),
        full=everything,
    )


def read(path: Path) -> Any:
    """A JSON file, or None where there is none."""
    return json.loads(path.read_bytes()) if path.exists() else None


def git(folder: Path, *arguments: str) -> str:
    """Run git as a test's own user, without the machine's configuration."""
    identity: Sequence[str] = (
        "-c",
        "user.name=Test",
        "-c",
        "user.email=test@example.org",
        "-c",
        "commit.gpgsign=false",
    )
    surroundings_ = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    return subprocess.run(
        ["git", *identity, *arguments], cwd=folder, env=surroundings_, capture_output=True, text=True, check=True
    ).stdout
