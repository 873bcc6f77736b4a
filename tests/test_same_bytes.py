"""The same tree, tools, database, packs and policy give the same bytes, wherever and however the scan is made."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from command_line import scan, surroundings
from planting import DATABASE, plant, sample, token
from replays import SCANNERS, lay_over_all
from trees import git

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


def make(root: Path, folder: Path, *options: str, cache: Path, **environment: str) -> Made:
    folder.mkdir()
    scanned = scan(
        root,
        *(*DATABASE, "--offline", *options),
        environment=surroundings(folder, XDG_CACHE_HOME=str(cache), SOURCE_DATE_EPOCH=EPOCH, **environment),
        reports=folder / "reports",
    )
    files = {name: (folder / "reports" / name).read_bytes() for name in FORMATS}
    return Made(code=scanned.code, out=scanned.out, files=files)


@pytest.fixture(scope="module")
def first(original: Path, tmp_path_factory: pytest.TempPathFactory, warm_cache: Path) -> Made:
    folder = tmp_path_factory.mktemp("first") / "made"
    made = make(original, folder, "--jobs", "1", cache=warm_cache, PYTHONHASHSEED="0", TZ="UTC")
    report = json.loads(made.files["report.json"])
    assert made.code == 1
    assert {run["outcome"] for run in report["runs"]} >= {"completed"}
    assert {finding["domain"] for finding in report["findings"]} >= {"dependencies", "secrets", "code"}
    return made


def same(one: Made, other: Made) -> None:
    assert one.code == other.code
    for name in FORMATS:
        assert one.files[name] == other.files[name], name
    assert one.out == other.out


@pytest.mark.parametrize("adapter", SCANNERS)
def test_every_scanner_has_its_part(adapter: str, first: Made) -> None:
    report = json.loads(first.files["report.json"])
    assert {run["adapter"]: run["outcome"] for run in report["runs"]}[adapter] in ("completed", "partial")
    assert adapter in {witness["tool"] for finding in report["findings"] for witness in finding["witnesses"]}


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


def test_no_surroundings_show(first: Made, original: Path, tmp_path: Path) -> None:
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


def test_no_other_surroundings_show_either(first: Made, original: Path, tmp_path: Path, warm_cache: Path) -> None:
    """A locale that there may not be, a zone of no name, a narrow terminal, a random hash seed."""
    environment = {"PYTHONHASHSEED": "random", "TZ": "", "LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR", "COLUMNS": "40"}
    same(first, make(original, tmp_path / "made", "--jobs", "3", cache=warm_cache, **environment))


def test_a_cache_changes_nothing_but_the_time(first: Made, original: Path, tmp_path: Path) -> None:
    """Without one the report says that there was none, and else the same."""
    other = make(original, tmp_path / "made", "--no-cache", cache=tmp_path / "none")
    reports = [json.loads(made.files["report.json"]) for made in (first, other)]
    assert [entry for entry in reports[1]["options"] if entry not in reports[0]["options"]] == [["--no-cache", "yes"]]
    for report in reports:
        del report["options"]
    assert reports[0] == reports[1]
    assert first.files["github.sarif"] == other.files["github.sarif"]
    assert not (tmp_path / "none").exists()


def test_no_time_but_the_pinned_one_is_written(first: Made) -> None:
    text = first.files["report.json"].decode() + first.files["full.sarif"].decode()
    assert "2023-11-14T22:13:20" in text
    report = json.loads(first.files["report.json"])
    assert report["duration_s"] == 0
    assert {run.get("started", "2023-11-14T22:13:20Z") for run in report["runs"]} == {"2023-11-14T22:13:20Z"}


def test_nothing_of_the_machine_is_written(first: Made, original: Path) -> None:
    for name, data in first.files.items():
        for place in (str(original), str(original.parent), os.path.realpath(original), os.environ["HOME"]):
            assert place.encode() not in data, (name, place)
