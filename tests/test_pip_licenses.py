"""pip-licenses in process: what a Python project asks for, and under which licence what is installed stands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from email.parser import HeaderParser
from pathlib import Path

import pytest

from magray_sec.adapters import _python_licences, pip_licenses
from magray_sec.adapters._python_licences import Words, find_licence
from magray_sec.adapters._python_pins import read_pins
from magray_sec.adapters._spdx import Family, read_licence
from magray_sec.discover import discover
from magray_sec.model.adapter import ParseError, Said
from magray_sec.model.finding import Sighting
from magray_sec.model.run import (
    Claim,
    Command,
    Gap,
    GapKind,
    Inventory,
    Item,
    ItemKind,
    Limits,
    RawOutput,
    ScanContext,
    Target,
)
from magray_sec.model.scale import Confidence, Domain
from magray_sec.source import TreeSource
from memory import MemorySource

MIT = "Classifier: License :: OSI Approved :: MIT License\n"


def metadata(name: str, version: str, more: str = "") -> bytes:
    return f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{more}\nLong text.\nLicense: GPL\n".encode()


def installed(name: str, version: str, more: str = "", *, site: str = "vendor") -> dict[str, bytes]:
    return {f"{site}/{name}-{version}.dist-info/METADATA": metadata(name, version, more)}


def context() -> ScanContext:
    now = datetime(2026, 11, 24, tzinfo=UTC)
    return ScanContext(today=now.date(), started=now, work="/nonexistent", cache=None)


def said(files: Mapping[str, bytes], *paths: str) -> list[Said]:
    claims = tuple(Claim(domain=Domain.LICENSES, item=f"lockfile:{path}") for path in paths)
    return list(pip_licenses.inspect(MemorySource(files), claims, context()))


def sightings(told: list[Said]) -> list[Sighting]:
    return [entry for entry in told if isinstance(entry, Sighting)]


def licences(told: list[Said]) -> dict[str, str | None]:
    return {entry.package.name: entry.package.license for entry in sightings(told) if entry.package}


def gaps(told: list[Said]) -> list[Gap]:
    return [entry for entry in told if isinstance(entry, Gap)]


POETRY = """
[[package]]
name = "own"
version = "0.1"
[package.source]
type = "directory"
url = "own"

[[package]]
name = "Flask_Thing"
version = "1.0"
description = "[[package]]"
category = "dev"
[package.dependencies]
name = "x"

[metadata]
"""
UV = """version = 1
[[package]]
name = "own"
version = "0.1"
source = { editable = "." }
[[package]]
name = "flask-thing"
version = "1.0"
source = { registry = "https://packages.example.org/simple" }
"""
PDM = """[metadata]
lock_version = "4.5"
[[package]]
name = "own"
path = "./own"
[[package]]
name = "flask-thing"
version = "1.0"
groups = ["default", "test"]
"""
PYLOCK = """lock-version = "1.0"
[[packages]]
name = "own"
directory = {path = "."}
[[packages]]
name = "flask-thing"
version = "1.0"
"""
PIPFILE_LOCK = """{"_meta": {}, "default": {
"own": {"editable": true, "path": "."},
"flask-thing": {"version": "==1.0"}}, "develop": {}}
"""
REQUIREMENTS = """\ufeff# flask-thing
-i https://pypi.example/simple
--extra-index-url=https://pypi.example/other
-e .
./local/package
own @ file:///work/own
-c constraints.txt
Flask.Thing[async]==1.0 ; python_version > "3" \\
    # between
    --hash=sha256:0000  # why
loose>=1,<2
star==1.*
https://pypi.example/wheels/direct_one-2.0-py3-none-any.whl
git+https://git.example/x.git#egg=tracked
named @ https://pypi.example/named-1.0.tar.gz
"""
PYPROJECT = """[project]
name = "own"
dependencies = [
    "flask-thing==1.0",
]
[project.optional-dependencies]
all = ["own[dev]"]
test = ["tester"]
[dependency-groups]
dev = ["checker", {include-group = "other"}]
[tool.poetry.dependencies]
python = "^3.11"
poem = "^1"
local = {path = "../local"}
[tool.poetry.group.docs.dependencies]
booklet = "*"
"""
SETUP_CFG = """[options]
install_requires =
    flask-thing==1.0  # pinned
tests_require = tester
[options.extras_require]
more =
    extra-thing; python_version > "3"
"""
SETUP_PY = """from setuptools import setup
LATER = ["flask-thing==1.0"]
setup(install_requires=LATER, tests_require="tester", extras_require={"more": ["extra-thing"]}, setup_requires=make())
"""
PIPFILE = """[packages]
flask-thing = "*"
[dev-packages]
tester = {version = "*"}
"""


@pytest.mark.parametrize(
    ("path", "text", "pins"),
    [
        ("poetry.lock", POETRY, [("flask-thing", "1.0", 10, "dev")]),
        ("uv.lock", UV, [("flask-thing", "1.0", 7, None)]),
        ("pdm.lock", PDM, [("flask-thing", "1.0", 7, "normal")]),
        ("pylock.toml", PYLOCK, [("flask-thing", "1.0", 6, None)]),
        ("pylock.dev.toml", PYLOCK, [("flask-thing", "1.0", 6, None)]),
        ("Pipfile.lock", PIPFILE_LOCK, [("flask-thing", "1.0", 3, "normal")]),
        (
            "requirements.txt",
            REQUIREMENTS,
            [
                ("flask-thing", "1.0", 8, None),
                ("loose", None, 11, None),
                ("star", None, 12, None),
                ("direct-one", "2.0", 13, None),
                ("tracked", None, 14, None),
                ("named", None, 15, None),
            ],
        ),
        ("dev-requirements.txt", "tester\n", [("tester", None, 1, "dev")]),
        ("requirements/docs.txt", "booklet\n", [("booklet", None, 1, "dev")]),
        (
            "pyproject.toml",
            PYPROJECT,
            [
                ("flask-thing", "1.0", 4, "normal"),
                ("tester", None, 8, "dev"),
                ("checker", None, 10, "dev"),
                ("poem", None, 13, "normal"),
                ("booklet", None, 16, "dev"),
            ],
        ),
        (
            "setup.cfg",
            SETUP_CFG,
            [("flask-thing", "1.0", 3, "normal"), ("tester", None, 4, "dev"), ("extra-thing", None, 7, "normal")],
        ),
        (
            "setup.py",
            SETUP_PY,
            [("flask-thing", "1.0", 2, "normal"), ("tester", None, 3, "dev"), ("extra-thing", None, 3, "normal")],
        ),
        ("Pipfile", PIPFILE, [("flask-thing", None, 2, "normal"), ("tester", None, 4, "dev")]),
    ],
    ids=lambda value: value if isinstance(value, str) and "\n" not in value else "",
)
def test_what_each_kind_of_file_asks_for(path: str, text: str, pins: list[tuple[str, str | None, int, str]]) -> None:
    asked = read_pins(path, MemorySource({path: text.encode("utf-8")}).read)
    assert [(pin.name, pin.version, pin.line, pin.kind) for pin in asked.pins] == pins
    if path == "setup.py":
        assert asked.unread == ((1, "its setup_requires are worked out by running it, which is not done"),)
    else:
        assert not asked.unread


@pytest.mark.parametrize("crlf", [False, True])
def test_requirement_files_include_others(crlf: bool) -> None:
    files = {
        "requirements/base.txt": b"six==1.0\n-r ../requirements/base.txt\n",
        "requirements/dev.txt": b"# first\n-r base.txt\n--requirement=missing.txt\ntester\n",
    }
    if crlf:
        files = {path: data.replace(b"\n", b"\r\n") for path, data in files.items()}
    asked = read_pins("requirements/dev.txt", MemorySource(files).read)
    assert sorted((pin.name, pin.line, pin.path) for pin in asked.pins) == [
        ("six", 2, "requirements/dev.txt"),
        ("tester", 4, "requirements/dev.txt"),
    ]
    assert asked.unread == ((3, "the file that it includes, requirements/missing.txt, cannot be read"),)


def test_dependencies_that_a_build_works_out_are_said() -> None:
    files = {"pyproject.toml": b'[project]\nname = "own"\ndynamic = ["dependencies"]\n'}
    assert read_pins("pyproject.toml", MemorySource(files).read).unread == (
        (1, "what it asks for is worked out when it is built"),
    )
    files["pyproject.toml"] += b'[tool.setuptools.dynamic]\ndependencies = {file = ["deps.in"]}\n'
    files["deps.in"] = b"\nsix==1.0\n"
    asked = read_pins("pyproject.toml", MemorySource(files).read)
    assert [(pin.name, pin.path, pin.line) for pin in asked.pins] == [("six", "deps.in", 2)]
    assert not asked.unread


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("poetry.lock", b"[[package]]\nname = "),
        ("poetry.lock", b"[other]\nx = 1\n"),
        ("uv.lock", b"[[package]]\nversion = '1'\n"),
        ("uv.lock", b"\xff\xfe"),
        ("uv.lock", b"x = " + b"[" * 50_000),
        ("Pipfile.lock", b"[]"),
        ("Pipfile.lock", b"[" * 100_000),
        ("pyproject.toml", b"[project\n"),
        ("setup.cfg", b"no section\n"),
        ("setup.py", b"print 'two'\n"),
        ("setup.py", b"(" * 5000),
        ("Pipfile", b"[packages"),
    ],
)
def test_a_file_that_is_not_understood_is_a_gap(path: str, data: bytes) -> None:
    (gap,) = gaps(said({path: data}, path))
    assert (gap.kind, gap.item, gap.domain) == (GapKind.ITEM, f"lockfile:{path}", Domain.LICENSES)
    assert gap.reason.startswith("it cannot be understood: ")


def test_a_file_that_cannot_be_read_is_a_gap() -> None:
    (gap,) = gaps(said({}, "uv.lock"))
    assert gap.kind is GapKind.ITEM
    assert gap.reason.startswith("it cannot be read")


def test_a_line_that_is_no_requirement_is_a_gap_of_the_file() -> None:
    (gap,) = gaps(said({"requirements.txt": b"{% if x %}\n"}, "requirements.txt"))
    assert (gap.kind, gap.path) == (GapKind.FILE, "requirements.txt")
    assert gap.reason == "line 1: it is no requirement that can be read"


def environment(folder: Path, *packages: tuple[str, str, str], site: str = "lib/python3.12/site-packages") -> None:
    (folder / site).mkdir(parents=True)
    (folder / "pyvenv.cfg").write_text("home = /usr/bin\n")
    for name, version, more in packages:
        place = folder / site / f"{name}-{version}.dist-info"
        place.mkdir()
        (place / "METADATA").write_bytes(metadata(name, version, more))


def scanned(root: Path) -> list[Said]:
    target, inventory = discover(str(root), Limits())
    source = TreeSource(target.root, inventory.files)
    return list(pip_licenses.inspect(source, pip_licenses.claims(inventory), context()))


@pytest.mark.parametrize(
    ("name", "site"),
    [
        (".venv", "lib/python3.12/site-packages"),
        ("venv", "Lib/site-packages"),
        ("env", "lib/python3.13t/site-packages"),
    ],
)
def test_an_environment_that_git_ignores_is_looked_at(tmp_path: Path, name: str, site: str) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / ".gitignore").write_text(f"{name}/\n")
    (tmp_path / "service").mkdir()
    (tmp_path / "service" / "requirements.txt").write_text("Six==1.17.0\n")
    environment(tmp_path / name, ("six", "1.17.0", MIT), ("other", "1.0", MIT), site=site)
    told = scanned(tmp_path)
    assert licences(told) == {"six": "MIT"}
    assert not gaps(told)
    (sighting,) = sightings(told)
    assert sighting.package is not None
    assert sighting.package.purl == "pkg:pypi/six@1.17.0"
    assert sighting.package.lockfile == "service/requirements.txt"


def test_the_nearest_environment_speaks_for_a_project(tmp_path: Path) -> None:
    for place in ("", "service"):
        (tmp_path / place).mkdir(exist_ok=True)
        (tmp_path / place / "requirements.txt").write_text("six\n")
        environment(tmp_path / place / ".venv", ("six", "2.0" if place else "1.0", MIT))
    found = {entry.package.lockfile: entry.package.version for entry in sightings(scanned(tmp_path)) if entry.package}
    assert found == {"requirements.txt": "1.0", "service/requirements.txt": "2.0"}


def test_nothing_outside_of_the_target_is_looked_at(tmp_path: Path) -> None:
    outside, root = tmp_path / "outside", tmp_path / "root"
    environment(outside / "venv", ("six", "1.17.0", MIT))
    root.mkdir()
    (root / "requirements.txt").write_text("six==1.17.0\n")
    (root / ".venv").symlink_to(outside / "venv")
    (root / "venv" / "lib").mkdir(parents=True)
    (root / "venv" / "pyvenv.cfg").write_text("")
    (root / "venv" / "lib" / "python3.12").symlink_to(outside / "venv" / "lib" / "python3.12")
    told = scanned(root)
    assert not sightings(told)
    assert [gap.kind for gap in gaps(told)] == [GapKind.ITEM]


def test_what_is_not_installed_is_one_gap_of_the_file() -> None:
    lock = "".join(f"package-{number}==1.0\n" for number in range(8)).encode()
    (gap,) = gaps(said({"requirements.txt": lock}, "requirements.txt"))
    assert gap.reason == (
        "its 8 packages are not installed in the target, so their licences are not known "
        "(package-0 1.0, package-1 1.0, package-2 1.0, package-3 1.0, package-4 1.0 and 3 more)"
    )
    assert ".venv" in gap.hint
    assert "--input pip-licenses=FILE" in gap.hint
    (gap,) = gaps(said({"requirements.txt": lock, **installed("package_3", "2.0")}, "requirements.txt"))
    assert "; 1 in another version (" in gap.reason
    (gap,) = gaps(said({"requirements.txt": b"six\n"}, "requirements.txt"))
    assert gap.reason == "its one package is not installed in the target, so its licence is not known (six)"


@pytest.mark.parametrize("folder", ["six-1.0.dist-info", "six-1.0-py3.12.egg-info", "six.egg-info"])
def test_metadata_counts_whatever_its_folder_is_called(folder: str) -> None:
    name = "METADATA" if folder.endswith("dist-info") else "PKG-INFO"
    files = {"requirements.txt": b"six==1.0.0\n", f"vendor/{folder}/{name}": metadata("Six", "1.0", MIT)}
    assert licences(said(files, "requirements.txt")) == {"six": "MIT"}


@pytest.mark.parametrize(
    "data",
    [
        metadata("other", "1.0", MIT),
        b"Name: six\n",
        b"",
        b"\xff\xfe\x00",
        b"Name: six\nVersion: 1.0\n" + b"x" * 3_000_000,
    ],
)
def test_metadata_that_is_not_that_of_the_package_is_not_believed(data: bytes) -> None:
    files = {"requirements.txt": b"six==1.0\n", "vendor/six-1.0.dist-info/METADATA": data}
    told = said(files, "requirements.txt")
    assert not sightings(told)
    assert len(gaps(told)) == 1


def test_what_packages_ask_for_is_followed_where_the_file_does_not_list_all() -> None:
    files = {
        "requirements.txt": b"# top\nweb\n",
        **installed("web", "1", "Requires-Dist: Wire_Two>=1\nRequires-Dist: win; sys_platform == 'win32'\n" + MIT),
        **installed("wire_two", "2", "Requires-Dist: web\nRequires-Dist: lost\nRequires-Dist: not a name!\n" + MIT),
        **installed("more", "3", MIT),
    }
    told = said(files, "requirements.txt")
    found = {entry.package.name: entry.package.path for entry in sightings(told) if entry.package}
    assert found == {"web": ("web 1",), "wire-two": ("web 1", "wire-two 2")}
    assert all(entry.place and entry.place.start_line == 2 for entry in sightings(told))
    (gap,) = gaps(told)
    assert gap.reason.endswith("so its licence is not known (lost)")
    # A lock file lists all that there is.
    lock = {"uv.lock": b'version = 1\n[[package]]\nname = "web"\nversion = "1"\n'}
    assert set(licences(said(files | lock, "uv.lock"))) == {"web"}


def test_a_package_of_several_extras_is_seen_once() -> None:
    files = {"requirements.txt": b"web\nweb[fast]\nwire\n", **installed("web", "1", "Requires-Dist: wire\n" + MIT)}
    files |= installed("wire", "1", MIT)
    names = [entry.package.name for entry in sightings(said(files, "requirements.txt")) if entry.package]
    assert sorted(names) == ["web", "wire"]


BSD_3 = (
    "Redistribution and use in source and binary forms...\nRedistributions in binary form must reproduce the above\n"
    "Neither the name of the copyright holder nor ... may be used to endorse or promote\n   products derived"
)
BSD_2 = BSD_3.partition("Neither")[0]
BSD_4 = "All advertising materials mentioning features\n" + BSD_3


@pytest.mark.parametrize(
    ("more", "text", "expression", "family"),
    [
        ("License-Expression: mit OR Apache-2.0\nLicense: GPL\n", "", "Apache-2.0 OR MIT", Family.PERMISSIVE),
        ("License-Expression: Made-Up-1.0\n" + MIT, "", "unknown", Family.UNKNOWN),
        ("License: BSD-3-Clause\n", "", "BSD-3-Clause", Family.PERMISSIVE),
        ("License: MIT/Apache-2.0\n", "", "Apache-2.0 OR MIT", Family.PERMISSIVE),
        ("License: Apache License, Version 2.0\n", "", "Apache-2.0", Family.PERMISSIVE),
        ("License: UNKNOWN\n" + MIT, "", "MIT", Family.PERMISSIVE),
        ("License: see LICENSE file\n" + MIT, "", "MIT", Family.PERMISSIVE),
        ("License: BSD\n", BSD_2, "BSD-2-Clause", Family.PERMISSIVE),
        ("License: BSD\n", "", "unknown", Family.UNKNOWN),
        ("Classifier: License :: OSI Approved :: BSD License\n", BSD_3, "BSD-3-Clause", Family.PERMISSIVE),
        ("Classifier: License :: OSI Approved :: BSD License\n", BSD_4, "unknown", Family.UNKNOWN),
        ("Classifier: License :: OSI Approved\n" + MIT, "", "MIT", Family.PERMISSIVE),
        ("Classifier: License :: OSI Approved\n", "", "unknown", Family.UNKNOWN),
        ("Classifier: License :: Other/Proprietary License\n", "", "LicenseRef-Proprietary", Family.OTHER),
        ("Classifier: License :: Public Domain\n", "", "unknown", Family.UNKNOWN),
        (
            MIT + "Classifier: License :: OSI Approved :: GNU General Public License v3 (GPLv3)\n",
            "",
            "GPL-3.0-only AND MIT",
            Family.COPYLEFT,
        ),
        (
            "License: MIT\nClassifier: License :: OSI Approved :: GNU General Public License v3 (GPLv3)\n",
            "",
            "GPL-3.0-only AND MIT",
            Family.COPYLEFT,
        ),
        (
            "License: GPL-3.0-only OR MIT\nClassifier: License :: OSI Approved :: GNU General Public License v3 (GPLv3)\n",
            "",
            "GPL-3.0-only OR MIT",
            Family.PERMISSIVE,
        ),
        ("License: Acme Terms\n", "the text", "unknown", Family.UNKNOWN),
        ("License: Permission is hereby granted\n    to nobody\n    at all\n", "", "file-only", Family.FILE_ONLY),
        ("License-File: LICENSE.acme\n", "the text", "file-only", Family.FILE_ONLY),
        ("", "", "unknown", Family.UNKNOWN),
    ],
)
def test_the_licence_out_of_the_words(more: str, text: str, expression: str, family: Family) -> None:
    words = Words.of(HeaderParser().parsestr(metadata("x", "1", more).decode()))
    found = find_licence(words, lambda: [("LICENSE.acme", text)] if text else [])
    assert (found.licence.expression, found.licence.family) == (expression, family)


def test_what_follows_the_headers_is_no_metadata() -> None:
    files = {"requirements.txt": b"six==1.0\n", **installed("six", "1.0")}
    assert licences(said(files, "requirements.txt")) == {"six": "unknown"}


def test_licence_files_are_looked_for_beside_the_metadata_alone() -> None:
    shared = "Classifier: License :: OSI Approved :: BSD License\n"
    for name, place, expression in (
        ("LICENSE", "licenses/LICENSE", "BSD-3-Clause"),
        ("LICENSE.txt", "LICENSE.txt", "BSD-3-Clause"),
        ("docs/BSD", "licenses/docs/BSD", "BSD-3-Clause"),
        ("../../../LICENSE", "../LICENSE", "unknown"),
    ):
        folder = "vendor/six-1.0.dist-info"
        files = {"requirements.txt": b"six==1.0\n", **installed("six", "1.0", f"License-File: {name}\n{shared}")}
        files[os.path.normpath(f"{folder}/{place}")] = BSD_3.encode()
        assert licences(said(files, "requirements.txt")) == {"six": expression}, name


@pytest.mark.parametrize("table", [_python_licences._CLASSIFIERS, _python_licences._SPELLINGS])
def test_the_tables_speak_spdx(table: Mapping[str, str]) -> None:
    for words, expression in table.items():
        if expression:
            read = read_licence(expression)
            assert read.family is not Family.UNKNOWN, words
            assert read.expression == expression, words


def report(*rows: Mapping[str, str]) -> bytes:
    return json.dumps([{"Name": "six", "Version": "1.0", **row} for row in rows]).encode()


def taken_in(data: bytes, files: Mapping[str, bytes]) -> list[Said]:
    items = tuple(Item(kind=ItemKind.LOCKFILE, name=path, ecosystem="pypi") for path in sorted(files))
    command = pip_licenses.imported(Target(root="/target", name="target"), Inventory(items=items))
    inputs = {f"/target/{path}": content for path, content in files.items()}
    return list(pip_licenses.parse(RawOutput(command=command, stdout=data, inputs=inputs)))


@pytest.mark.parametrize(
    ("row", "expression"),
    [
        ({"License": "MIT License"}, "MIT"),
        ({"License": "MIT"}, "MIT"),
        ({"License": "Apache-2.0 OR MIT"}, "Apache-2.0 OR MIT"),
        ({"License": "BSD License"}, "unknown"),
        ({"License": "UNKNOWN"}, "unknown"),
        ({"License": "MIT License; Mozilla Public License 2.0 (MPL 2.0)"}, "MIT AND MPL-2.0"),
        (
            {
                "License-Expression": "UNKNOWN",
                "License-Classifier": "ISC License (ISCL)",
                "License-Metadata": "UNKNOWN",
            },
            "ISC",
        ),
        ({"License-Expression": "0BSD", "License-Classifier": "UNKNOWN", "License-Metadata": "GPL"}, "0BSD"),
    ],
)
def test_a_report_made_elsewhere_is_read(row: Mapping[str, str], expression: str) -> None:
    told = taken_in(report(row), {"requirements.txt": b"\nsix==1.0\n"})
    assert licences(told) == {"six": expression}
    (sighting,) = sightings(told)
    assert sighting.place is not None
    assert (sighting.place.path, sighting.place.start_line) == ("requirements.txt", 2)
    assert not gaps(told)


def test_a_report_covers_what_it_names_and_no_more() -> None:
    data = report({"License": "MIT"}, {"Name": "Extra", "License": "MIT"})
    assert [gap.reason for gap in gaps(taken_in(data, {"requirements.txt": b"six==1.1\nlost\n"}))] == [
        "the report that was taken in lacks 2 of its 2 packages (six 1.1, lost)"
    ]
    command = pip_licenses.imported(
        Target(root="/target", name="target"),
        Inventory(items=tuple(Item(kind=ItemKind.LOCKFILE, name=f"{n}/uv.lock", ecosystem="pypi") for n in "ab")),
    )
    assert command.claims == ()
    assert not gaps(taken_in(data, {"a/uv.lock": b"damaged", "requirements.txt": b"six==1.0\n"}))
    assert len(gaps(taken_in(data, {"uv.lock": b"damaged"}))) == 1


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"{}", b"no JSON", report({}), b'[{"Name": 1}]', report({"License": "MIT"})[:-1], b"[" * 100_000],
)
def test_a_damaged_report_is_not_one_of_a_finished_run(data: bytes) -> None:
    with pytest.raises(ParseError):
        list(pip_licenses.parse(RawOutput(command=Command(argv=()), stdout=data)))


def test_how_sure_it_is() -> None:
    files = {
        "requirements.txt": b"stated==1\nmapped==1\n",
        **installed("stated", "1", "License-Expression: MIT\n"),
        **installed("mapped", "1", MIT),
    }
    found = {
        entry.package.name: entry.confidence for entry in sightings(said(files, "requirements.txt")) if entry.package
    }
    assert found == {"stated": Confidence.HIGH, "mapped": Confidence.MEDIUM}


def test_who_only_lists_scanners_does_not_wait_for_the_packages_behind_them() -> None:
    code = (
        "import sys\nfrom magray_sec import adapters\nfor name in adapters.names(): adapters.load(name)\n"
        "print(*(name for name in ('piplicenses', 'prettytable', 'detect_secrets', 'requests') if name in sys.modules))"
    )
    ended = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == []
