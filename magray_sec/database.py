"""The RustSec advisory database: what a copy of it holds, and our own copy in the user's cache, kept fresh by git.

Our copy is never checked out: a bare repository holds what was fetched, and the advisories of its newest commit are
written, by their bytes, to a folder named after that commit. So no filter or hook of anyone can run, a scan that is
under way keeps its folder while another refreshes, and a folder is whole or not there.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from magray_sec.errors import MagraySecError
from magray_sec.model.run import Database, Level, Notification
from magray_sec.model.text import clean

if TYPE_CHECKING:
    import pygit2

URL = "https://github.com/RustSec/advisory-db.git"
"""Where RustSec publishes its database."""

_FRESH = timedelta(hours=1)
"""A copy that was checked this recently is not checked again by a scan."""
_CONNECT_TIMEOUT_MS, _SILENCE_TIMEOUT_MS, _FETCH_LIMIT_S = 5_000, 15_000, 60.0
_FETCH_LIMIT_BYTES = 200_000_000
_FILE_LIMIT_BYTES, _FILE_LIMIT = 1_000_000, 50_000
_COLLECTIONS = ("crates", "rust")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_ADVISORY = re.compile(r"[A-Z]+-[0-9]{4}-[0-9]{4,}\.md")
_DATE = re.compile(rb"^date\s*=\s*[\"']?(\d{4}-\d{2}-\d{2})", re.MULTILINE)
_HEAD_BYTES = 4096
_HEAD = "refs/magray-sec/head"


class DatabaseError(MagraySecError):
    """A folder is no advisory database, or one could not be fetched or kept."""

    exit_code = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshed:
    """How a refresh went: the copy there is now, whether it changed, and why it could not be brought up to date."""

    database: Database | None
    changed: bool = False
    reason: str = ""
    """Empty: it is up to date."""


def describe(path: str) -> Database:
    """What the advisory database in the folder `path` (absolute) holds, and of which day it is.

    The day is that of the commit it stands at, or, where it is no git repository of its own, that of its newest
    advisory. DatabaseError where there is no such folder, or it holds no advisory in RustSec's layout.
    """
    if not os.path.isdir(path):
        raise DatabaseError("there is no such folder")
    files = _advisories(path)
    if not files:
        raise DatabaseError("it holds no advisory (crates/NAME/RUSTSEC-YYYY-NNNN.md)")
    commit, day = _head(path) or ("", None)
    return Database(path=path, date=day or _newest(files), advisories=len(files), commit=commit or None)


def find(cache: str) -> Database | None:
    """Our own copy in the user's cache folder, as it was last fetched; None where there is none that is whole."""
    state = _State.read(cache)
    if state is None:
        return None
    path = os.path.join(_home(cache), state.commit)
    if len(_advisories(path)) != state.advisories:
        return None
    return Database(path=path, date=state.date, advisories=state.advisories, commit=state.commit)


def ready(
    cache: str, *, now: datetime, offline: bool = False, url: str = URL
) -> tuple[Database | None, list[Notification]]:
    """Our own copy for a scan, refreshed first unless `offline` or it was just checked, and what is to be said of it.

    Whether it is too old is the policy's to say.
    """
    found, state = find(cache), _State.read(cache)
    if offline or (found and state and timedelta(0) <= now - state.checked < _FRESH and state.url == url):
        return found, []
    refreshed = refresh(cache, now=now, url=url)
    if not refreshed.reason:
        return refreshed.database, []
    if refreshed.database is None:
        message = f"the advisory database could not be fetched: {refreshed.reason}"
        return None, [Notification(level=Level.WARNING, message=message)]
    day = refreshed.database.date
    age = f"the copy of {day.isoformat()}, {(now.date() - day).days} days old, is used" if day else "the copy is used"
    message = f"the advisory database could not be brought up to date: {refreshed.reason}; {age}"
    return refreshed.database, [Notification(level=Level.NOTE, message=message)]


def refresh(cache: str, *, now: datetime, url: str = URL) -> Refreshed:
    """Bring our own copy up to date, or make it. Trouble is data: the copy there was stays in use."""
    before = find(cache)
    try:
        os.makedirs(_home(cache), mode=0o700, exist_ok=True)
        database = _update(cache, url, now)
    except (DatabaseError, OSError) as error:
        return Refreshed(database=before, reason=_reason(error))
    return Refreshed(database=database, changed=before is None or before.commit != database.commit)


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    """What is known of our own copy."""

    commit: str
    date: date
    advisories: int
    checked: datetime
    url: str

    @classmethod
    def read(cls, cache: str) -> _State | None:
        try:
            with open(os.path.join(_home(cache), "current.json"), "rb") as file:
                data = json.loads(file.read(_HEAD_BYTES))
            commit, checked = str(data["commit"]), datetime.fromisoformat(data["checked"])
            if not re.fullmatch(r"[0-9a-f]{40,64}", commit) or checked.tzinfo is None:
                return None
            return cls(
                commit=commit,
                date=date.fromisoformat(data["date"]),
                advisories=int(data["advisories"]),
                checked=checked,
                url=str(data["url"]),
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None  # never fetched, or a file that something cut off: it is fetched again

    def write(self, cache: str) -> None:
        data = {
            "commit": self.commit,
            "date": self.date.isoformat(),
            "advisories": self.advisories,
            "checked": self.checked.isoformat(),
            "url": self.url,
        }
        handle, path = tempfile.mkstemp(dir=_home(cache), prefix=".current-")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(data, file)
        os.replace(path, os.path.join(_home(cache), "current.json"))


def _home(cache: str) -> str:
    return os.path.join(cache, "advisory-db")


def _advisories(path: str) -> list[str]:
    """The advisory files of a database, sorted."""
    found: list[str] = []
    for collection in _COLLECTIONS:
        try:
            with os.scandir(os.path.join(path, collection)) as folders:
                names = [entry.path for entry in folders if entry.is_dir()]
        except OSError:
            continue
        for name in names:
            try:
                found += [os.path.join(name, entry) for entry in os.listdir(name) if _ADVISORY.fullmatch(entry)]
            except OSError:
                continue
    return sorted(found)


def _newest(files: list[str]) -> date | None:
    days = []
    for path in files:
        try:
            with open(path, "rb") as file:
                match = _DATE.search(file.read(_HEAD_BYTES))
            days += [date.fromisoformat(match[1].decode("ascii"))] if match else []
        except (OSError, ValueError):
            continue  # unreadable, or a day that no calendar has: it is not the newest
    return max(days, default=None)


def _head(path: str) -> tuple[str, date] | None:
    """The commit that a folder stands at and its day, where the folder is a git repository itself (not in one)."""
    if not os.path.lexists(os.path.join(path, ".git")) and not os.path.lexists(os.path.join(path, "HEAD")):
        return None
    import pygit2  # noqa: PLC0415 - 90 ms

    try:
        repository = pygit2.Repository(path, pygit2.enums.RepositoryOpenFlag.NO_SEARCH)
        commit = repository[repository.head.target].peel(pygit2.Commit)
    except (pygit2.GitError, KeyError, ValueError):
        return None  # no repository, an empty one, or one that belongs to somebody else
    return str(commit.id), _day(commit)


def _day(commit: pygit2.Commit) -> date:
    return datetime.fromtimestamp(commit.commit_time, UTC).date()


def _update(cache: str, url: str, now: datetime) -> Database:
    """Fetch, write out what is new, remember it, and clear away what is old. DatabaseError or OSError."""
    import pygit2  # noqa: PLC0415 - 90 ms

    store = os.path.join(_home(cache), "git")
    try:
        commit = _fetch(store, url) if _is_whole(store) else None
        database = _write_out(cache, commit) if commit else _make_anew(cache, store, url)
    except (pygit2.GitError, KeyError, ValueError) as error:
        raise DatabaseError(_reason(error)) from error
    state = _State(
        commit=database.commit or "",
        date=database.date or now.date(),
        advisories=database.advisories,
        checked=now,
        url=url,
    )
    state.write(cache)
    _clear(cache, keep=state.commit)
    return database


def _is_whole(store: str) -> bool:
    """Whether the repository is there and every advisory of its newest commit can be read."""
    import pygit2  # noqa: PLC0415 - 90 ms

    try:
        for _ in _files(_newest_commit(store)):
            pass
    except (pygit2.GitError, KeyError, ValueError, DatabaseError):
        return False
    return True


def _make_anew(cache: str, store: str, url: str) -> Database:
    """Fetch into a new repository, write that out, and put it in the place of whatever is there."""
    import pygit2  # noqa: PLC0415 - 90 ms

    place = tempfile.mkdtemp(dir=_home(cache), prefix=".git-")
    try:
        pygit2.init_repository(place, bare=True)
        # Read from here: libgit2 remembers a broken pack by its path for as long as the process lives.
        database = _write_out(cache, _fetch(place, url))
        shutil.rmtree(store, ignore_errors=True)
        with suppress(OSError):  # another scan was faster
            os.rename(place, store)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return database


def _open(store: str) -> pygit2.Repository:
    import pygit2  # noqa: PLC0415 - 90 ms

    flags = pygit2.enums.RepositoryOpenFlag
    return pygit2.Repository(store, flags.NO_SEARCH | flags.BARE)


def _newest_commit(store: str) -> pygit2.Commit:
    import pygit2  # noqa: PLC0415 - 90 ms

    return _open(store).references[_HEAD].peel(pygit2.Commit)


def _fetch(store: str, url: str) -> pygit2.Commit:
    """The newest commit of the remote's default branch, brought into the repository without its history."""
    import pygit2  # noqa: PLC0415 - 90 ms

    deadline = time.monotonic() + _FETCH_LIMIT_S

    class _Limits(pygit2.RemoteCallbacks):
        def transfer_progress(self, stats: Any) -> None:
            if stats.received_bytes > _FETCH_LIMIT_BYTES:
                raise ValueError(f"it is larger than {_FETCH_LIMIT_BYTES // 1_000_000} MB")
            if time.monotonic() > deadline:
                raise ValueError(f"it was not fetched within {_FETCH_LIMIT_S:.0f} s")

    repository = _open(store)
    # libgit2 knows no shallow fetch from a folder.
    depth = 1 if url.startswith(("https://", "http://")) else 0
    with _timeouts(pygit2.settings):
        repository.remotes.create_anonymous(url).fetch([f"+HEAD:{_HEAD}"], callbacks=_Limits(), depth=depth, proxy=True)
    return _newest_commit(store)


@contextmanager
def _timeouts(settings: Any) -> Iterator[None]:
    """libgit2 waits without end for a server that says nothing, unless told; its limits are the process's."""
    before = settings.server_connect_timeout, settings.server_timeout
    settings.server_connect_timeout, settings.server_timeout = _CONNECT_TIMEOUT_MS, _SILENCE_TIMEOUT_MS
    try:
        yield
    finally:
        settings.server_connect_timeout, settings.server_timeout = before


def _write_out(cache: str, commit: pygit2.Commit) -> Database:
    """Write the commit's advisories to a folder named after it, unless a whole one is there."""
    path = os.path.join(_home(cache), str(commit.id))
    files = dict(_files(commit))
    count = sum(_ADVISORY.fullmatch(name.rpartition("/")[2]) is not None for name in files)
    if not count:
        raise DatabaseError("what was fetched holds no advisory")
    if len(_advisories(path)) != count:
        place = tempfile.mkdtemp(dir=_home(cache), prefix=".files-")
        try:
            for name, data in files.items():
                os.makedirs(os.path.dirname(os.path.join(place, name)), exist_ok=True)
                with open(os.path.join(place, name), "wb") as file:
                    file.write(data)
            shutil.rmtree(path, ignore_errors=True)
            with suppress(FileExistsError):  # another scan was faster
                os.rename(place, path)
        finally:
            shutil.rmtree(place, ignore_errors=True)
    return Database(path=path, date=_day(commit), advisories=count, commit=str(commit.id))


def _files(commit: pygit2.Commit) -> Iterator[tuple[str, bytes]]:
    """The files of a commit that make a database, by their paths. DatabaseError where it is no sane one."""
    import pygit2  # noqa: PLC0415 - 90 ms

    count = 0
    for top in commit.tree:
        if isinstance(top, pygit2.Blob) and top.name == "support.toml":
            yield "support.toml", top.data
        if top.name not in _COLLECTIONS or not isinstance(top, pygit2.Tree):
            continue
        for package in top:
            if not isinstance(package, pygit2.Tree) or not _NAME.fullmatch(package.name or ""):
                continue
            for entry in package:
                if isinstance(entry, pygit2.Blob) and _NAME.fullmatch(entry.name or ""):
                    count += 1
                    if entry.size > _FILE_LIMIT_BYTES or count > _FILE_LIMIT:
                        raise DatabaseError("what was fetched is larger than an advisory database is")
                    yield f"{top.name}/{package.name}/{entry.name}", entry.data


def _clear(cache: str, *, keep: str) -> None:
    """Remove the folders of older commits, but not one that a scan under way may use."""
    with suppress(OSError), os.scandir(_home(cache)) as entries:
        for entry in entries:
            is_ours = re.fullmatch(r"[0-9a-f]{40,64}|\.(?:git|files)-\w+", entry.name)
            if is_ours and entry.name != keep and time.time() - entry.stat().st_mtime > _FRESH.total_seconds():
                shutil.rmtree(entry.path, ignore_errors=True)


def _reason(error: Exception) -> str:
    text = error.strerror or str(error) if isinstance(error, OSError) else str(error)
    return clean(text, limit=300) or type(error).__name__
