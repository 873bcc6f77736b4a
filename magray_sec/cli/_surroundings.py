"""What the command line takes from its surroundings: the environment, the clock, the user's folders.

Nothing below `cli` reads any of it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from magray_sec.errors import EngineError, SettingsError, UsageError
from magray_sec.model.run import Level, Notification, Tool
from magray_sec.settings import OperatorSettings, load_operator
from magray_sec.toolbox import PASSED_ON, PASSED_ON_PATHS, locate

# What adapters read of the environment themselves, beside what the runner hands on.
_FOR_ADAPTERS = ("CARGO_HOME", "CARGO_HTTP_CAINFO", "RUSTUP_TOOLCHAIN")


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """The time of a scan. `pinned`: written times are SOURCE_DATE_EPOCH; waivers and ages use the real clock."""

    now: datetime
    written: datetime
    pinned: bool


def clock(environment: Mapping[str, str]) -> Clock:
    """The clock, in UTC, by whole seconds. SettingsError for a SOURCE_DATE_EPOCH that is no number."""
    now = datetime.now(UTC).replace(microsecond=0)
    epoch = environment.get("SOURCE_DATE_EPOCH", "")
    if not epoch:
        return Clock(now=now, written=now, pinned=False)
    if not epoch.isascii() or not epoch.isdigit() or len(epoch) > 11:
        raise SettingsError(
            f"SOURCE_DATE_EPOCH is '{epoch}', which is no count of seconds", "unset it, or set it to seconds since 1970"
        )
    return Clock(now=now, written=datetime.fromtimestamp(int(epoch), UTC), pinned=True)


def environment() -> Mapping[str, str]:
    """The process's environment; the one place it is read."""
    return dict(os.environ)


def operator_settings(environment: Mapping[str, str]) -> OperatorSettings:
    """The user's own configuration, `config.yaml` in their configuration folder; empty where there is none."""
    folder = _user_folder(environment, "XDG_CONFIG_HOME", ".config")
    path = os.path.join(folder, "config.yaml") if folder else None
    return load_operator(path if path and os.path.isfile(path) else None)


def cache_folder(environment: Mapping[str, str], chosen: str | None) -> tuple[str | None, Notification | None]:
    """The user's own cache folder (0700), or None with the reason why there is none."""
    folder = chosen or _user_folder(environment, "XDG_CACHE_HOME", ".cache")
    if not folder:
        return None, Notification(level=Level.NOTE, message="there is no HOME: nothing is cached")
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        state = os.lstat(folder)
        if not stat.S_ISDIR(state.st_mode) or (hasattr(os, "getuid") and state.st_uid != os.getuid()):
            return None, Notification(level=Level.WARNING, message="the cache folder is not the user's own: not used")
        if state.st_mode & 0o077:
            os.chmod(folder, 0o700)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = f"the cache folder cannot be written ({error.strerror}): nothing is cached"
        return None, Notification(level=Level.NOTE, message=reason)
    return os.path.realpath(folder), None


def _user_folder(environment: Mapping[str, str], variable: str, below_home: str) -> str | None:
    base = environment.get(variable, "")
    if not os.path.isabs(base):
        home = environment.get("HOME") or environment.get("USERPROFILE") or ""
        base = os.path.join(home, below_home) if os.path.isabs(home) else ""
    return os.path.join(base, "magray-sec") if base else None


@contextlib.contextmanager
def work_folder(target_root: str = "") -> Iterator[str]:
    """A private folder (0700) for one scan, removed at its end. UsageError where it would lie inside the target: tools
    read settings upward from the folder they run in.
    """
    try:
        folder = os.path.realpath(tempfile.mkdtemp(prefix="magray-sec-"))
    except OSError as error:
        raise EngineError(
            f"no temporary folder can be made: {error.strerror}",
            "free some space, or set TMPDIR to a folder that can be written",
        ) from error
    try:
        if target_root and os.path.commonpath((folder, target_root)) == target_root:
            raise UsageError("the folder for temporary files lies inside the target", "set TMPDIR to one that does not")
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def passed_on(environment: Mapping[str, str]) -> Mapping[str, str]:
    """The part of the environment that scanners may see, with the homes of the Rust tools spelt out."""
    passed = {
        name: environment[name] for name in (*PASSED_ON, *PASSED_ON_PATHS, *_FOR_ADAPTERS) if environment.get(name)
    }
    home = environment.get("HOME", "")
    for name, folder in (("RUSTUP_HOME", ".rustup"), ("CARGO_HOME", ".cargo")):
        if name not in passed and os.path.isabs(home) and os.path.isdir(os.path.join(home, folder)):
            passed[name] = os.path.join(home, folder)
    for name in ("config.toml", "config"):
        settings = os.path.join(passed.get("CARGO_HOME", ""), name)
        if os.path.isabs(settings) and os.path.isfile(settings):
            passed.setdefault("CARGO_CONFIG", settings)
    return passed


def tools(
    names: frozenset[str], environment: Mapping[str, str], operator: OperatorSettings, target_root: str
) -> Mapping[str, Tool]:
    """Where each executable is, by the operator's path, PATH, and the package's own environment."""
    path = environment.get("PATH", "")
    scripts = (sysconfig.get_path("scripts"), os.path.dirname(sys.executable))
    return {
        name: locate(name, operator=dict(operator.tools), path=path, package_dirs=scripts, target_root=target_root)
        for name in sorted(names)
    }


def folder_to_scan(path: str) -> str:
    """The resolved folder of a TARGET argument. UsageError where it is not there or no folder."""
    if not os.path.lexists(path):
        raise UsageError(f"there is no '{path}'", "give the folder of a repository: magray-sec scan PATH")
    if not os.path.isdir(path):
        raise UsageError(f"'{path}' is not a folder", "give the folder of a repository, not a file in it")
    return os.path.realpath(path)
