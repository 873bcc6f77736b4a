from __future__ import annotations

import os
import shutil
import stat
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pygit2
import pytest

from magray_sec import database
from magray_sec.database import DatabaseError
from magray_sec.model.run import Level

OURS = Path(__file__).parent.parent / "fixtures" / "advisory-db"
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=2)


def advisory(name: str, day: str = "2026-01-02") -> bytes:
    return f'```toml\n[advisory]\nid = "{name}"\npackage = "x"\ndate = "{day}"\n```\n\n# x\n'.encode()


@pytest.fixture
def upstream(tmp_path: Path) -> Upstream:
    return Upstream(tmp_path / "upstream.git")


class Upstream:
    """A bare repository that stands for the published database."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.repository = pygit2.init_repository(path, bare=True, initial_head="trunk")

    @property
    def url(self) -> str:
        return str(self.path)

    def publish(self, files: dict[str, bytes], day: datetime = NOW, *, links: dict[str, str] | None = None) -> str:
        """Commit exactly these files, and return the commit's id."""
        entries = {name: (data, pygit2.enums.FileMode.BLOB) for name, data in files.items()}
        entries |= {name: (to.encode(), pygit2.enums.FileMode.LINK) for name, to in (links or {}).items()}
        index = pygit2.Index()
        for name, (data, mode) in entries.items():
            index.add(pygit2.IndexEntry(name, self.repository.create_blob(data), mode))
        who = pygit2.Signature("x", "x@example.com", int(day.timestamp()), 0)
        parents = [] if self.repository.head_is_unborn else [self.repository.head.target]
        tree = index.write_tree(self.repository)
        return str(self.repository.create_commit("refs/heads/trunk", who, who, "x", tree, parents))


FIRST = {"crates/a/RUSTSEC-2026-0001.md": advisory("RUSTSEC-2026-0001"), "support.toml": b"# oldest\n"}
SECOND = {**FIRST, "crates/b/RUSTSEC-2026-0002.md": advisory("RUSTSEC-2026-0002"), "rust/std/CVE-2026-00001.md": b"x"}


# --- describe ---


def test_a_folder_is_of_the_day_of_its_newest_advisory() -> None:
    found = database.describe(str(OURS))
    assert (found.advisories, found.date, found.commit) == (11, date(2025, 2, 25), None)
    assert found.path == str(OURS)
    assert not found.chosen_by_user


def test_a_work_tree_is_of_the_day_of_its_commit_and_a_folder_in_one_is_not(tmp_path: Path) -> None:
    repository = pygit2.init_repository(tmp_path, initial_head="trunk")
    inner = tmp_path / "inner"
    for root in (tmp_path, inner):
        file = root / "crates" / "a" / "RUSTSEC-2026-0001.md"
        file.parent.mkdir(parents=True)
        file.write_bytes(advisory("RUSTSEC-2026-0001", "2026-01-02"))
    assert database.describe(str(tmp_path)).date == date(2026, 1, 2), "a repository without a commit says no day"
    who = pygit2.Signature("x", "x@example.com", int(NOW.timestamp()), 0)
    commit = repository.create_commit("HEAD", who, who, "x", repository.TreeBuilder().write(), [])
    outer = database.describe(str(tmp_path))
    assert (outer.date, outer.commit) == (NOW.date(), str(commit))
    assert database.describe(str(inner)).date == date(2026, 1, 2)
    assert database.describe(str(inner)).commit is None


def test_days_that_cannot_be_read_are_not_guessed(tmp_path: Path) -> None:
    folder = tmp_path / "crates" / "a"
    folder.mkdir(parents=True)
    (folder / "RUSTSEC-2026-0001.md").write_bytes(advisory("RUSTSEC-2026-0001", "2026-02-31"))
    (folder / "RUSTSEC-2026-0002.md").mkdir()
    (folder / "README.md").write_bytes(advisory("RUSTSEC-2026-0009", "2030-01-01"))
    found = database.describe(str(tmp_path))
    assert (found.advisories, found.date) == (2, None)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda path: None, "there is no such folder"),
        (lambda path: path.write_bytes(b""), "there is no such folder"),
        (lambda path: path.mkdir(), "holds no advisory"),
        (lambda path: (path / "crates" / "a").mkdir(parents=True), "holds no advisory"),
    ],
)
def test_what_is_no_database_says_why(tmp_path: Path, make, why: str) -> None:
    make(tmp_path / "db")
    with pytest.raises(DatabaseError, match=why) as caught:
        database.describe(str(tmp_path / "db"))
    assert caught.value.exit_code == 2


# --- our own copy ---


def test_a_first_refresh_makes_a_copy_and_later_ones_follow(tmp_path: Path, upstream: Upstream) -> None:
    cache = str(tmp_path / "cache")
    assert database.find(cache) is None
    first = upstream.publish(FIRST, datetime(2026, 11, 20, tzinfo=UTC))
    made = database.refresh(cache, now=NOW, url=upstream.url)
    assert made.database is not None
    assert (made.changed, made.reason) == (True, "")
    assert (made.database.commit, made.database.date, made.database.advisories) == (first, date(2026, 11, 20), 1)
    assert database.find(cache) == made.database
    assert database.describe(made.database.path).advisories == 1
    assert (Path(made.database.path) / "support.toml").read_bytes() == b"# oldest\n"
    assert not (Path(made.database.path) / ".git").exists()

    same = database.refresh(cache, now=NOW, url=upstream.url)
    assert (same.database, same.changed, same.reason) == (made.database, False, "")

    second = upstream.publish(SECOND)
    moved = database.refresh(cache, now=LATER, url=upstream.url)
    assert moved.database is not None
    assert (moved.changed, moved.database.commit, moved.database.advisories) == (True, second, 3)
    assert Path(made.database.path).is_dir(), "a scan that is under way keeps its folder"


def test_folders_of_old_commits_are_cleared_away(tmp_path: Path, upstream: Upstream) -> None:
    cache = str(tmp_path / "cache")
    upstream.publish(FIRST)
    made = database.refresh(cache, now=NOW, url=upstream.url)
    assert made.database is not None
    os.utime(made.database.path, (0, 0))
    upstream.publish(SECOND)
    moved = database.refresh(cache, now=LATER, url=upstream.url)
    assert moved.database is not None
    kept = sorted(name for name in os.listdir(tmp_path / "cache" / "advisory-db") if not name.startswith("."))
    assert kept == sorted([moved.database.commit or "", "current.json", "git"])


def test_history_that_was_written_anew_is_followed(tmp_path: Path, upstream: Upstream) -> None:
    cache = str(tmp_path / "cache")
    upstream.publish(SECOND)
    database.refresh(cache, now=NOW, url=upstream.url)
    shutil.rmtree(upstream.path)
    other = Upstream(upstream.path)
    commit = other.publish(FIRST)
    found = database.refresh(cache, now=LATER, url=other.url).database
    assert found is not None
    assert (found.commit, found.advisories) == (commit, 1)


@pytest.mark.parametrize("where", ["missing", "no repository", "no advisory", "huge"])
def test_a_refresh_that_fails_keeps_what_was_there_and_says_why(
    tmp_path: Path, upstream: Upstream, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    cache = str(tmp_path / "cache")
    upstream.publish(FIRST)
    before = database.refresh(cache, now=NOW, url=upstream.url).database
    url = str(tmp_path / "elsewhere")
    if where == "no repository":
        os.mkdir(url)
    elif where == "no advisory":
        Upstream(Path(url)).publish({"README.md": b"gone"})
    elif where == "huge":
        monkeypatch.setattr(database, "_FILE_LIMIT_BYTES", 10)
        url = upstream.url
        upstream.publish(SECOND)
    failed = database.refresh(cache, now=LATER, url=url)
    assert failed.reason
    assert "\n" not in failed.reason
    assert (failed.database, failed.changed) == (before, False)
    assert database.find(cache) == before


def test_a_first_refresh_that_fails_leaves_no_copy_and_nothing_half_made(tmp_path: Path) -> None:
    failed = database.refresh(str(tmp_path / "cache"), now=NOW, url=str(tmp_path / "missing"))
    assert failed.database is None
    assert failed.reason
    assert os.listdir(tmp_path / "cache" / "advisory-db") == []


def test_a_cache_that_cannot_be_written_is_a_reason(tmp_path: Path, upstream: Upstream) -> None:
    upstream.publish(FIRST)
    (tmp_path / "cache").write_bytes(b"a file")
    failed = database.refresh(str(tmp_path / "cache"), now=NOW, url=upstream.url)
    assert (failed.database, failed.reason) == (None, "Not a directory")


def break_objects(home: Path, commit: str) -> None:
    for path in (home / "git" / "objects").rglob("*"):
        if path.is_file():
            path.chmod(stat.S_IRUSR | stat.S_IWUSR)
            path.write_bytes(b"garbage")


def break_reference(home: Path, commit: str) -> None:
    (home / "git" / "HEAD").write_bytes(b"\0")
    shutil.rmtree(home / "git" / "refs")


def lose_store(home: Path, commit: str) -> None:
    shutil.rmtree(home / "git")


def lose_advisory(home: Path, commit: str) -> None:
    shutil.rmtree(home / commit / "crates" / "a")


def break_state(home: Path, commit: str) -> None:
    (home / "current.json").write_bytes(b'{"commit": "../../etc", "checked": 1')


@pytest.mark.parametrize("damage", [break_objects, break_reference, lose_store, lose_advisory, break_state])
def test_a_damaged_copy_is_made_anew(tmp_path: Path, upstream: Upstream, damage) -> None:
    cache = str(tmp_path / "cache")
    commit = upstream.publish(SECOND)
    database.refresh(cache, now=NOW, url=upstream.url)
    damage(tmp_path / "cache" / "advisory-db", commit)
    mended, notes = database.ready(cache, now=LATER, url=upstream.url)
    assert notes == []
    assert mended is not None
    assert (mended.commit, mended.advisories) == (commit, 3)
    assert database.describe(mended.path).advisories == 3


@pytest.mark.parametrize("damage", [lose_advisory, break_state])
def test_a_damaged_copy_is_none_where_it_cannot_be_mended(tmp_path: Path, upstream: Upstream, damage) -> None:
    cache = str(tmp_path / "cache")
    commit = upstream.publish(FIRST)
    database.refresh(cache, now=NOW, url=upstream.url)
    damage(tmp_path / "cache" / "advisory-db", commit)
    assert database.ready(cache, now=LATER, offline=True) == (None, [])


def test_only_advisories_are_written_and_nothing_of_the_repository_runs(tmp_path: Path, upstream: Upstream) -> None:
    flag = tmp_path / "ran"
    cache = tmp_path / "cache"
    files = {
        **FIRST,
        ".gitattributes": b"* filter=evil\n*.md ident\n",
        "crates/a/sub/RUSTSEC-2026-0003.md": b"too deep",
        "crates/RUSTSEC-2026-0004.md": b"too high",
        "crates/.hidden/RUSTSEC-2026-0005.md": b"hidden",
        "crates/a/-rf": b"an option",
        "other/a/RUSTSEC-2026-0006.md": b"elsewhere",
    }
    upstream.publish(files, links={"crates/a/RUSTSEC-2026-0007.md": "/etc/passwd", "crates/c": str(tmp_path)})
    hooks = cache / "advisory-db" / "git" / "hooks"
    database.refresh(str(cache), now=NOW, url=upstream.url)
    hooks.mkdir(exist_ok=True)
    for name in ("post-checkout", "reference-transaction", "post-merge"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {flag}\n")
        (hooks / name).chmod(0o755)
    with (cache / "advisory-db" / "git" / "config").open("a") as config:
        config.write(
            f'[filter "evil"]\n\tsmudge = touch {flag}\n\trequired = true\n[core]\n\tfsmonitor = touch {flag}\n'
        )
    files["crates/d/RUSTSEC-2026-0008.md"] = b"$Id$"
    upstream.publish(files)
    found = database.refresh(str(cache), now=LATER, url=upstream.url)
    assert not found.reason
    assert found.database is not None
    written = {
        os.path.relpath(os.path.join(folder, name), found.database.path)
        for folder, _, names in os.walk(found.database.path)
        for name in names
    }
    assert written == {
        "support.toml", "crates/a/RUSTSEC-2026-0001.md", "crates/d/RUSTSEC-2026-0008.md",
    }  # fmt: skip
    assert (Path(found.database.path) / "crates/d/RUSTSEC-2026-0008.md").read_bytes() == b"$Id$"
    assert not flag.exists()


# --- for a scan ---


def test_a_scan_refreshes_what_was_not_checked_within_the_hour(tmp_path: Path, upstream: Upstream) -> None:
    cache = str(tmp_path / "cache")
    first = upstream.publish(FIRST)
    made, notes = database.ready(cache, now=NOW, url=upstream.url)
    assert made is not None
    assert (made.commit, notes) == (first, [])
    second = upstream.publish(SECOND)
    assert database.ready(cache, now=NOW + timedelta(minutes=59), url=upstream.url) == (made, [])
    moved, notes = database.ready(cache, now=NOW + timedelta(minutes=61), url=upstream.url)
    assert moved is not None
    assert (moved.commit, notes) == (second, [])


def test_a_clock_that_was_set_back_does_not_keep_an_old_copy(tmp_path: Path, upstream: Upstream) -> None:
    cache = str(tmp_path / "cache")
    upstream.publish(FIRST)
    database.ready(cache, now=NOW + timedelta(days=900), url=upstream.url)
    second = upstream.publish(SECOND)
    found, _ = database.ready(cache, now=NOW, url=upstream.url)
    assert found is not None
    assert found.commit == second


def test_offline_nothing_is_fetched(tmp_path: Path, upstream: Upstream) -> None:
    cache = str(tmp_path / "cache")
    upstream.publish(FIRST)
    assert database.ready(cache, now=NOW, url=upstream.url, offline=True) == (None, [])
    assert not os.path.exists(cache)
    made, _ = database.ready(cache, now=NOW, url=upstream.url)
    upstream.publish(SECOND)
    assert database.ready(cache, now=LATER, url=upstream.url, offline=True) == (made, [])


@pytest.mark.parametrize("days", [0, 29, 31, 400])
def test_a_failed_refresh_is_said_with_the_age_of_what_is_used(tmp_path: Path, upstream: Upstream, days: int) -> None:
    cache = str(tmp_path / "cache")
    upstream.publish(FIRST, NOW)
    made, _ = database.ready(cache, now=NOW, url=upstream.url)
    shutil.rmtree(upstream.path)
    later = NOW + timedelta(days=days, hours=2)
    found, (note,) = database.ready(cache, now=later, url=upstream.url)
    assert found == made
    assert note.level is Level.NOTE
    assert "could not be brought up to date" in note.message
    assert f"the copy of 2026-11-24, {days} days old, is used" in note.message


def test_a_first_refresh_that_fails_is_a_warning(tmp_path: Path) -> None:
    found, (note,) = database.ready(str(tmp_path / "cache"), now=NOW, url=str(tmp_path / "missing"))
    assert found is None
    assert note.level is Level.WARNING
    assert "could not be fetched" in note.message


def test_the_limits_of_the_process_are_left_as_they_were(tmp_path: Path, upstream: Upstream) -> None:
    before = pygit2.settings.server_timeout, pygit2.settings.server_connect_timeout
    upstream.publish(FIRST)
    database.refresh(str(tmp_path / "cache"), now=NOW, url=upstream.url)
    database.refresh(str(tmp_path / "cache"), now=NOW, url=str(tmp_path / "missing"))
    assert (pygit2.settings.server_timeout, pygit2.settings.server_connect_timeout) == before


def test_the_database_is_fetched_over_a_connection_that_is_checked() -> None:
    assert database.URL.startswith("https://github.com/RustSec/")
