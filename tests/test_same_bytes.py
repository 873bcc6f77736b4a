"""The same tree, tools, database, packs and policy give the same bytes, wherever and however the scan is made."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from command_line import surroundings
from magray_sec import adapters
from planting import DATABASE, operator, plant, sample, token
from replays import GRANTED, SCANNERS, case_of, lay_over_all, programs, replays, scan_whole
from trees import git, write

EPOCH = "1700000000"
FORMATS = ("report.json", "github.sarif", "full.sarif")


@dataclass(frozen=True, kw_only=True)
class Made:
    """What one scan wrote."""

    code: int
    out: str
    files: dict[str, bytes]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work tree with all kinds of findings, skips and gaps."""
    folder = tmp_path_factory.mktemp("original")
    root = sample(
        folder / "here",
        {
            os.fsdecode(b"caf\xe9.env"): f"TOKEN={token('name')}\n",
            "wide.txt": f"TOKEN={token('wide')}\n".encode("utf-16"),
            "two.env": f"A={token('a')} B={token('b')}\nA={token('a')} B={token('b')}\n",
            "picture.png": b"\x89PNG\0\0\0",
            "requirements.txt": "flask==1.0\n",
            ".gitignore": "ignored/\n",
            "ignored/a.env": "A=1\n",
        },
    )
    plant(lay_over_all(root))
    (root / "loop").symlink_to("loop")
    git(root, "init", "-q")
    git(root, "remote", "add", "origin", "https://github.com/example/sample.git")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "one")
    return root


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], Path]:
    """A program for every scanner that is one, and the folder in which each notes that it was started."""
    folder = tmp_path_factory.mktemp("tools")
    (folder / "started").mkdir()
    made = programs(
        folder,
        lambda fakes, name, _: replays(
            fakes.folder, case_of(name), first=f"open({str(folder / 'started' / name)!r}, 'a').write('x')"
        ),
    )
    return made, folder / "started"


Make = Callable[..., Made]


@pytest.fixture(scope="module")
def make(tools: tuple[dict[str, str], Path]) -> Make:
    def made(root: Path, folder: Path, *options: str, cache: Path, granted: bool = True, **environment: str) -> Made:
        folder.mkdir()
        operator(folder, {"tools": tools[0]})
        whole = scan_whole(
            root,
            *(*DATABASE, *(GRANTED if granted else ()), *options),
            environment=surroundings(folder, XDG_CACHE_HOME=str(cache), SOURCE_DATE_EPOCH=EPOCH, **environment),
            reports=folder / "reports",
        )
        assert whole.first.json, whole.first.said
        files = {
            f"{place.name}/{name}": (place / name).read_bytes()
            for place in sorted(folder.glob("reports*"))
            for name in FORMATS
        }
        return Made(code=whole.first.code, out=whole.first.out, files=files)

    return made


@pytest.fixture(scope="module")
def first(original: Path, make: Make, tmp_path_factory: pytest.TempPathFactory, warm_cache: Path) -> Made:
    folder = tmp_path_factory.mktemp("first") / "made"
    made = make(original, folder, "--jobs", "1", cache=warm_cache, PYTHONHASHSEED="0", TZ="UTC")
    report = json.loads(made.files["reports/report.json"])
    assert made.code == 1
    assert {run["outcome"] for run in report["runs"]} >= {"completed"}
    assert {finding["domain"] for finding in report["findings"]} >= {"dependencies", "secrets", "code"}
    return made


def same(one: Made, other: Made) -> None:
    assert one.code == other.code
    assert one.files.keys() == other.files.keys()
    for name in one.files:
        assert one.files[name] == other.files[name], name
    assert one.out == other.out


@pytest.mark.parametrize("adapter", SCANNERS)
def test_every_scanner_has_its_part(adapter: str, first: Made) -> None:
    reports = [json.loads(data) for name, data in first.files.items() if name.endswith("report.json")]
    ended = {run["outcome"] for report in reports for run in report["runs"] if run["adapter"] == adapter}
    assert ended & {"completed", "partial"}
    findings = [finding for report in reports for finding in report["findings"]]
    assert adapter in {witness["tool"] for finding in findings for witness in finding["witnesses"]}


def again(original: Path, copy: Path) -> None:
    """A copy made back to front: a folder is listed in the order that its file system likes."""
    for path in sorted(original.rglob("*"), reverse=True):
        place = copy / path.relative_to(original)
        place.parent.mkdir(parents=True, exist_ok=True)
        if path.is_symlink():
            place.symlink_to(os.readlink(path))
        elif path.is_file():
            shutil.copy(path, place)
        else:
            place.mkdir(exist_ok=True)


def test_no_surroundings_show(first: Made, original: Path, tmp_path: Path, make: Make) -> None:
    """Other threads, folder (of another name and depth, its files made in another order), hash seed, time zone, locale
    and home; and an empty cache.
    """
    copy = tmp_path / "another place with a much longer name" / "and" / "deeper"
    again(original, copy)
    other = make(
        copy,
        tmp_path / "made",
        *("--jobs", "8"),
        cache=tmp_path / "cold",
        PYTHONHASHSEED="1",
        TZ="Asia/Kathmandu",
        LC_ALL="C",
    )
    same(first, other)


def test_no_other_surroundings_show_either(
    first: Made, original: Path, tmp_path: Path, warm_cache: Path, make: Make
) -> None:
    """A locale that there may not be, a zone of no name, a narrow terminal, a random hash seed."""
    environment = {"PYTHONHASHSEED": "random", "TZ": "", "LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR", "COLUMNS": "40"}
    same(first, make(original, tmp_path / "made", "--jobs", "3", cache=warm_cache, **environment))


def test_a_cache_changes_nothing_but_the_time(first: Made, original: Path, tmp_path: Path, make: Make) -> None:
    """Without one the report says that there was none, and else the same."""
    other = make(original, tmp_path / "made", "--no-cache", cache=tmp_path / "none")
    reports = [json.loads(made.files["reports/report.json"]) for made in (first, other)]
    assert [entry for entry in reports[1]["options"] if entry not in reports[0]["options"]] == [["--no-cache", "yes"]]
    for report in reports:
        del report["options"]
    assert reports[0] == reports[1]
    assert first.files["reports/github.sarif"] == other.files["reports/github.sarif"]
    assert not (tmp_path / "none").exists()


# What is remembered of scans.


@dataclass(frozen=True, kw_only=True)
class Remembered:
    """A tree scanned, scanned again as it was, changed and scanned again, and as changed scanned by one who knows
    nothing of it; and which scanners were started by the second.
    """

    once: Made
    again: Made
    changed: Made
    fresh: Made
    started: set[str]


@pytest.fixture(scope="module")
def remembered(
    original: Path,
    make: Make,
    tools: tuple[dict[str, str], Path],
    tmp_path_factory: pytest.TempPathFactory,
    warm_cache: Path,
) -> Remembered:
    folder = tmp_path_factory.mktemp("remembered")
    root = folder / "tree"
    again(original, root)
    for name in ("cache", "other-cache"):
        shutil.copytree(warm_cache, folder / name)
        shutil.rmtree(folder / name / "magray-sec" / "results", ignore_errors=True)
    # NOTE: without the history, and without what is built: of these nothing is kept.
    once = make(root, folder / "once", cache=folder / "cache", granted=False)
    for note in tools[1].iterdir():
        note.unlink()
    repeated = make(root, folder / "again", "--jobs", "5", cache=folder / "cache", granted=False)
    started = {note.name for note in tools[1].iterdir()}
    lines = (root / "two.env").read_text()
    write(root, {"two.env": f"\n\n{lines}", "new.env": f"C={token('new')}\n"})
    (root / "src" / "client.py").unlink()
    changed = make(root, folder / "changed", cache=folder / "cache", granted=False)
    fresh = make(root, folder / "fresh", "--jobs", "1", cache=folder / "other-cache", granted=False)
    return Remembered(once=once, again=repeated, changed=changed, fresh=fresh, started=started)


def test_a_remembered_scan_equals_a_fresh_one(remembered: Remembered) -> None:
    same(remembered.once, remembered.again)


def test_a_scan_that_remembers_a_part_equals_a_fresh_one(remembered: Remembered) -> None:
    same(remembered.changed, remembered.fresh)
    assert remembered.changed.files != remembered.once.files


@pytest.mark.parametrize("adapter", [name for name in SCANNERS if adapters.load(name).executable])
def test_an_unchanged_tree_is_not_looked_at_again(adapter: str, remembered: Remembered) -> None:
    assert adapter not in remembered.started


def test_no_time_but_the_pinned_one_is_written(first: Made) -> None:
    text = first.files["reports/report.json"].decode() + first.files["reports/full.sarif"].decode()
    assert "2023-11-14T22:13:20" in text
    report = json.loads(first.files["reports/report.json"])
    assert report["duration_s"] == 0
    assert {run.get("started", "2023-11-14T22:13:20Z") for run in report["runs"]} == {"2023-11-14T22:13:20Z"}


def test_nothing_of_the_machine_is_written(first: Made, original: Path) -> None:
    for name, data in first.files.items():
        for place in (str(original), str(original.parent), os.path.realpath(original), os.environ["HOME"]):
            assert place.encode() not in data, (name, place)
