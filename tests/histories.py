"""Repositories with a history, made in a few words or from a file; the same words give the same commits anywhere."""

from __future__ import annotations

import os
import subprocess
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from magray_sec.regex.examples import fill
from trees import write

FIRST = 1_700_000_000
"""When the first commit is made, in seconds since 1970; each one after it a minute later."""


class History:
    """A repository in the making."""

    def __init__(self, root: Path, *, start: bool = True) -> None:
        self.root = root
        self.minutes = 0
        self.in_order = True
        """Whether each commit is newer than its parents."""
        if start:
            root.mkdir(parents=True, exist_ok=True)
            self.git("init", "-q")

    def git(self, *words: str, stdin: str | bytes = b"", check: bool = True, **more: str) -> str:
        """Run git in it, free of the machine's configuration, at its own time; what it prints."""
        when = f"{FIRST + 60 * self.minutes} +0000"
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": "/nonexistent",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "a",
            "GIT_AUTHOR_EMAIL": "a@example.com",
            "GIT_COMMITTER_NAME": "a",
            "GIT_COMMITTER_EMAIL": "a@example.com",
            "GIT_AUTHOR_DATE": when,
            "GIT_COMMITTER_DATE": when,
            "LC_ALL": "C.UTF-8",
            **more,
        }
        options = ["-c", "init.defaultBranch=main", "-c", "protocol.file.allow=always", "-c", "gc.auto=0"]
        ended = subprocess.run(
            ["git", *options, "-C", os.fspath(self.root), *words],
            env=environment,
            check=check,
            capture_output=True,
            input=stdin.encode() if isinstance(stdin, str) else stdin,
        )
        return ended.stdout.decode("utf-8", "surrogateescape").strip()

    def commit(
        self, contents: Mapping[str, str | bytes] | None = None, *, delete: Iterable[str] = (), **more: str
    ) -> str:
        """Write files, delete others, commit all; the commit's id."""
        self.minutes += 1
        write(self.root, contents or {})
        for name in delete:
            (self.root / name).unlink()
        self.git("add", "-A", "-f")
        self.git("commit", "-q", "--allow-empty", "-m", f"commit {self.minutes}", **more)
        return self.git("rev-parse", "HEAD")

    def lose(self, oid: str) -> None:
        """Take an object out of the repository."""
        self.loose(oid).unlink()

    def loose(self, oid: str) -> Path:
        """The file of a loose object."""
        return self.root / ".git" / "objects" / oid[:2] / oid[2:]


def replay(root: Path, file: Path, seed: str) -> None:
    """Make the history that a file tells of in `root`: `[[commit]]` tables with `branch`, `write`, `delete`, `stash`, and
    `lose`, the `COMMIT:PATH` of objects that are not there in the end."""
    told: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
    made = History(root)
    for commit in told["commit"]:
        branch = commit.get("branch", "main")
        if made.git("branch", "--show-current") != branch:
            made.git("checkout", "-q", *(["-b"] if not made.git("branch", "--list", branch) else []), branch)
        contents = {name: fill(text, seed) for name, text in commit.get("write", {}).items()}
        if commit.get("stash"):
            write(root, contents)
            made.minutes += 1
            made.git("stash", "-q", "-u")
        else:
            made.commit(contents, delete=commit.get("delete", ()))
    made.git("checkout", "-q", "main")
    for name in told.get("lose", ()):
        made.lose(made.git("rev-parse", name))
