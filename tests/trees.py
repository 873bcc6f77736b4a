"""Folders and git work trees for tests, made in a few words."""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

NOBODY = 65534


def write(root: Path, contents: Mapping[str, str | bytes]) -> Path:
    """Make `root` with the files named, and return it."""
    root.mkdir(parents=True, exist_ok=True)
    for name, text in contents.items():
        path = os.path.join(os.fspath(root), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())
    return root


def git(root: Path, *words: str) -> str:
    """Run git in `root`, free of the machine's configuration."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": os.environ["HOME"],
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@example.com",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@example.com",
        "LC_ALL": "C.UTF-8",
    }
    command = [
        "git",
        "-c",
        "init.defaultBranch=main",
        "-c",
        "protocol.file.allow=always",
        "-C",
        os.fspath(root),
        *words,
    ]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout


def repository(root: Path, contents: Mapping[str, str | bytes]) -> Path:
    """A work tree with the files committed."""
    write(root, contents)
    git(root, "init", "-q")
    git(root, "add", "-A", "-f")
    git(root, "commit", "-qm", "one", "--allow-empty")
    return root


@contextlib.contextmanager
def unprivileged() -> Iterator[None]:
    """As a user whom permissions concern."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@contextlib.contextmanager
def reachable(folder: Path) -> Iterator[None]:
    """Let the user of `unprivileged` enter `folder` through the folders above it."""
    changed = []
    if os.geteuid() != 0:
        yield
        return
    for place in folder.parents:
        mode = stat.S_IMODE(place.stat().st_mode)
        if not mode & 0o001:
            place.chmod(mode | 0o011)
            changed.append((place, mode))
    try:
        yield
    finally:
        for place, mode in changed:
            place.chmod(mode)
