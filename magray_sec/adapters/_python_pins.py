"""What a Python project asks for, by its lock files, requirement files and manifests, each with its line.

All of it is read as data: a `setup.py` by its syntax tree, nothing of the target by running it.
"""

from __future__ import annotations

import ast
import configparser
import json
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from magray_sec import _toml

Read = Callable[[str], bytes]
"""A path relative to the target's root -> its bytes, or OSError."""

_MOST_BYTES = 64_000_000
_MOST_MANIFEST_BYTES = 1_000_000
_MOST_INCLUDED = 100
_COMMENT = re.compile(r"(?:^|\s)#.*$")
_OPTION = re.compile(r"(--?[A-Za-z][A-Za-z-]*)(?:[ =]\s*(.*))?\Z")
_OPTIONS_BEHIND = re.compile(r"\s--?[A-Za-z].*$")
_EGG = re.compile(r"[#&]egg=([A-Za-z0-9._-]+)")
_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
_LOCAL = re.compile(r"\.{0,2}/|\.\Z|file:")
_DEV = re.compile(r"(?i)(?:^|[-_./])(?:dev|development|test|tests|testing|lint|docs?|typing|ci)(?:$|[-_./])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """A package that is asked for."""

    name: str
    """As PEP 503 writes it."""
    version: str | None
    """None: any that the environment happens to hold."""
    line: int
    """From 1, in the file that was read."""
    kind: str | None = None
    """`normal` or `dev`, where the file tells them apart."""
    path: str = ""
    """The file that it stands in, where that is an included one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What one file asks for. The repository's own packages are left out."""

    pins: tuple[Pin, ...]
    is_closed: bool
    """It lists all packages, those that packages ask for among them."""
    unread: tuple[tuple[int, str], ...] = ()
    """The lines that say something that is not understood, each with what that is."""


def read_pins(path: str, read: Read) -> Asked:
    """What the file at `path` asks for. OSError where it cannot be read, ValueError where it is not understood."""
    name = posixpath.basename(path)
    if name == "poetry.lock":
        return _packages(read(path), "package", _is_own_poetry)
    if name == "uv.lock":
        return _packages(read(path), "package", _is_own_uv)
    if name == "pdm.lock":
        return _packages(read(path), "package", lambda entry: isinstance(entry.get("path"), str))
    if name.startswith("pylock.") and name.endswith(".toml"):
        return _packages(read(path), "packages", lambda entry: "directory" in entry)
    if name == "Pipfile.lock":
        return _pipfile_lock(read(path))
    if name.endswith(".txt"):
        return _requirements(path, read)
    data = read(path)
    if len(data) > _MOST_MANIFEST_BYTES:
        raise ValueError("it is larger than 1 MB")
    if name == "pyproject.toml":
        return _pyproject(path, data, read)
    text = data.decode("utf-8-sig", "replace")
    if name == "Pipfile":
        return _pipfile(_toml.parse(data), text)
    if name == "setup.cfg":
        return _setup_cfg(text)
    if name == "setup.py":
        return _setup_py(text)
    raise ValueError("it is of a kind that is not known")


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _packages(data: bytes, key: str, is_own: Callable[[Mapping[str, Any]], bool]) -> Asked:
    """Lock files in TOML that hold an array of packages, each with a name and a version."""
    document = _toml.parse(data, most_bytes=_MOST_BYTES)
    entries = [_toml.table(entry) for entry in _list(document.get(key))]
    if key not in document and not {"metadata", "version", "lock-version"} & set(document):
        raise ValueError("it has no list of packages")
    lines = _lines_of_tables(data.decode("utf-8-sig"), key)
    if len(lines) != len(entries):
        lines = [1] * len(entries)
    pins = []
    for entry, line in zip(entries, lines, strict=True):
        name, version = entry.get("name"), entry.get("version")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise ValueError(f"its package at line {line} has no name")
        if not is_own(entry):
            stated = version if isinstance(version, str) else None
            pins.append(Pin(name=canonicalize_name(name), version=stated, line=line, kind=_group(entry)))
    return Asked(pins=tuple(pins), is_closed=True)


def _lines_of_tables(text: str, key: str) -> list[int]:
    """The line of each package's name, or of its table's head where the name is not on a line of its own."""
    lines: list[int] = []
    waits = False
    for number, line in enumerate(text.split("\n"), 1):
        if line.rstrip() == f"[[{key}]]":
            lines.append(number)
            waits = True
        elif waits and line.startswith("name = "):
            lines[-1] = number
            waits = False
        elif line.startswith("["):
            waits = False
    return lines


def _group(entry: Mapping[str, Any]) -> str | None:
    groups = _list(entry.get("groups")) or [entry.get("category")]
    named = [group for group in groups if isinstance(group, str)]
    if not named:
        return None
    return "normal" if any(group in ("main", "default") for group in named) else "dev"


def _is_own_poetry(entry: Mapping[str, Any]) -> bool:
    return _toml.table(entry.get("source")).get("type") == "directory"


def _is_own_uv(entry: Mapping[str, Any]) -> bool:
    return bool({"virtual", "editable", "directory"} & set(_toml.table(entry.get("source"))))


def _pipfile_lock(data: bytes) -> Asked:
    try:
        document = json.loads(data)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
    if not isinstance(document, dict) or not {"default", "develop", "_meta"} & set(document):
        raise ValueError("it has no list of packages")
    text = data.decode("utf-8", "replace")
    pins = []
    for section in sorted(set(document) - {"_meta"}):
        start = max(text.find(f'"{section}"'), 0)
        for name, said in sorted(_toml.table(document[section]).items()):
            entry = _toml.table(said)
            if entry.get("editable") or "path" in entry:
                continue
            at = text.find(f'"{name}"', start)
            version = entry.get("version")
            exact = version[2:] if isinstance(version, str) and version.startswith("==") else None
            kind = "dev" if section == "develop" else "normal" if section == "default" else None
            line = text.count("\n", 0, at) + 1 if at >= 0 else 1
            pins.append(Pin(name=canonicalize_name(name), version=exact, line=line, kind=kind))
    return Asked(pins=tuple(pins), is_closed=True)


def _requirements(path: str, read: Read) -> Asked:
    """A requirement file and those it includes."""
    pins: list[Pin] = []
    unread: list[tuple[int, str]] = []
    kind = "dev" if _DEV.search(posixpath.splitext(path)[0]) else None
    pending, seen = [(path, 0)], {path}
    while pending:
        here, above = pending.pop()
        try:
            data = read(here)
        except (OSError, ValueError):
            if here == path:
                raise
            unread.append((above, f"the file that it includes, {here}, cannot be read"))
            continue
        if len(data) > _MOST_BYTES:
            raise ValueError("it is larger than 64 MB")
        for line, text in _logical_lines(_text(data)):
            option = _OPTION.match(text)
            number = above or line
            if option and option[1] in ("-r", "--requirement") and option[2]:
                there = posixpath.normpath(posixpath.join(posixpath.dirname(here), option[2].strip()))
                if there not in seen and len(seen) < _MOST_INCLUDED:
                    seen.add(there)
                    pending.append((there, number))
            elif option and option[1] in ("-e", "--editable"):
                pins += _direct(option[2] or "", number)
            elif not option:
                found = _requirement(text, number)
                if found is None:
                    unread.append((number, f"it is no requirement that can be read{_behind(here, path)}"))
                else:
                    pins += found
    stands = "" if len(seen) == 1 else path
    return Asked(
        pins=tuple(replace(pin, kind=kind, path=stands) for pin in pins), is_closed=False, unread=tuple(unread)
    )


def _behind(here: str, path: str) -> str:
    return "" if here == path else f" (in {here})"


def _text(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    return data.decode("utf-8-sig", "replace")


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines of a requirement file without comments, those that a backslash continues as one; with their numbers."""
    start, parts = 0, []
    for number, line in enumerate(text.splitlines(), 1):
        start = start or number
        is_comment = line.lstrip().startswith("#")
        continues = line.endswith("\\") and not is_comment
        parts.append("" if is_comment else line[:-1] if continues else _COMMENT.sub("", line))
        if continues:
            continue
        whole = " ".join(parts).strip()
        if whole:
            yield start, whole
        start, parts = 0, []
    whole = " ".join(parts).strip()
    if whole:
        yield start, whole


def _requirement(text: str, line: int) -> list[Pin] | None:
    """The package that a requirement names; none for one of the repository's own, None for what cannot be read."""
    text = _OPTIONS_BEHIND.sub("", text).strip()
    try:
        wanted = Requirement(text)
    except InvalidRequirement:
        if _LOCAL.match(text) and not text.endswith(".whl"):
            return []
        return _direct(text, line) or None
    name = canonicalize_name(wanted.name)
    if wanted.url and _LOCAL.match(wanted.url):
        return []
    exact = [entry.version for entry in wanted.specifier if entry.operator in ("==", "===")]
    version = exact[0] if len(exact) == 1 and "*" not in exact[0] else None
    return [Pin(name=name, version=version, line=line)]


def _direct(text: str, line: int) -> list[Pin]:
    """What an URL or an archive names itself to be; nothing where it does not say."""
    egg = _EGG.search(text)
    if egg:
        return [Pin(name=canonicalize_name(egg[1]), version=None, line=line)]
    try:
        name, version, *_ = parse_wheel_filename(posixpath.basename(text.partition("#")[0]))
    except InvalidWheelFilename:
        return []
    return [Pin(name=name, version=str(version), line=line)]


def _asked(wanted: Iterable[tuple[str, str | None]], text: str, unread: Iterable[str] = ()) -> Asked:
    """What a manifest's requirements (each with its kind) ask for, with the lines on which they stand."""
    pins: list[Pin] = []
    troubles = [(1, entry) for entry in unread]
    for requirement, kind in wanted:
        line = _line_of(requirement, text)
        found = _requirement(requirement, line)
        if found is None:
            troubles.append((line, "it is no requirement that can be read"))
        else:
            pins += [replace(pin, kind=kind) for pin in found]
    return Asked(pins=tuple(pins), is_closed=False, unread=tuple(troubles))


def _line_of(requirement: str, text: str) -> int:
    name = _NAME.match(requirement)
    places = [text.find(requirement)]
    if name:
        found = re.search(rf"(?m)(?:^|[\s\"'\[,]){re.escape(name[1])}(?![A-Za-z0-9._-])", text)
        places.append(found.end() if found else -1)
    at = next((place for place in places if place >= 0), 0)
    return text.count("\n", 0, at) + 1


def _pyproject(path: str, data: bytes, read: Read) -> Asked:
    document = _toml.parse(data)
    text = data.decode("utf-8-sig")
    project, tool = _toml.table(document.get("project")), _toml.table(document.get("tool"))
    wanted: list[tuple[str, str | None]] = [(entry, "normal") for entry in _strings(project.get("dependencies"))]
    for extra, group in _toml.table(project.get("optional-dependencies")).items():
        wanted += [(entry, "dev" if _DEV.search(extra) else "normal") for entry in _strings(group)]
    for group in _toml.table(document.get("dependency-groups")).values():
        wanted += [(entry, "dev") for entry in _strings(group)]
    poetry = _toml.table(tool.get("poetry"))
    wanted += _poetry(poetry.get("dependencies"), "normal") + _poetry(poetry.get("dev-dependencies"), "dev")
    for group in _toml.table(poetry.get("group")).values():
        wanted += _poetry(_toml.table(group).get("dependencies"), "dev")
    own = {canonicalize_name(name) for name in (project.get("name"), poetry.get("name")) if isinstance(name, str)}
    asked = _asked(wanted, text)
    if "dependencies" in _strings(project.get("dynamic")):
        asked = _with_dynamic(asked, path, tool, read)
    return replace(asked, pins=tuple(pin for pin in asked.pins if pin.name not in own))


def _with_dynamic(asked: Asked, path: str, tool: Mapping[str, Any], read: Read) -> Asked:
    """Dependencies that a build works out: known where they are those of files that are named."""
    dynamic = _toml.table(_toml.table(_toml.table(tool.get("setuptools")).get("dynamic")).get("dependencies")).get(
        "file"
    )
    files = [dynamic] if isinstance(dynamic, str) else _strings(dynamic)
    if not files:
        return replace(asked, unread=(*asked.unread, (1, "what it asks for is worked out when it is built")))
    for name in files:
        included = posixpath.normpath(posixpath.join(posixpath.dirname(path), name))
        try:
            found = _requirements(included, read)
        except (OSError, ValueError):
            asked = replace(asked, unread=(*asked.unread, (1, f"the file that it names, {included}, cannot be read")))
            continue
        pins = tuple(replace(pin, path=included) for pin in found.pins)
        asked = replace(asked, pins=(*asked.pins, *pins))
    return asked


def _strings(value: object) -> list[str]:
    return [entry for entry in _list(value) if isinstance(entry, str)]


def _poetry(table: object, kind: str) -> list[tuple[str, str | None]]:
    """Poetry's tables, whose version ranges are a language of their own: only names are taken."""
    wanted: list[tuple[str, str | None]] = []
    for name, said in _toml.table(table).items():
        is_own = isinstance(said, Mapping) and "path" in said
        if name.lower() != "python" and not is_own and _NAME.fullmatch(name):
            wanted.append((name, kind))
    return wanted


def _pipfile(document: Mapping[str, Any], text: str) -> Asked:
    packages = _poetry(document.get("packages"), "normal")
    return _asked([*packages, *_poetry(document.get("dev-packages"), "dev")], text)


def _setup_cfg(text: str) -> Asked:
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
    try:
        parser.read_string(text)
    except configparser.Error as error:
        raise ValueError("it is no configuration file that can be read") from error
    wanted: list[tuple[str, str | None]] = []
    unread: list[str] = []
    for section, option in (
        ("options", "install_requires"),
        ("options", "setup_requires"),
        ("options", "tests_require"),
    ):
        kind = "normal" if option == "install_requires" else "dev"
        said = parser.get(section, option, fallback=None) or ""
        if said.strip().startswith("file:"):
            unread.append(f"its {option} are those of another file")
        else:
            wanted += [(line, kind) for line in _plain_lines(said)]
    if parser.has_section("options.extras_require"):
        for _, said in parser.items("options.extras_require"):
            wanted += [(line, "normal") for line in _plain_lines(said or "")]
    return _asked(wanted, text, unread)


def _plain_lines(text: str) -> list[str]:
    lines = (_COMMENT.sub("", line).strip() for line in text.replace(";\n", "\n").splitlines())
    return [line for line in lines if line and not line.startswith("%")]


def _setup_py(text: str) -> Asked:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError("it is no Python that can be read") from error
    constants = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    wanted: list[tuple[str, str | None]] = []
    unread: list[str] = []
    for node in ast.walk(tree):
        for keyword in node.keywords if isinstance(node, ast.Call) else ():
            if keyword.arg not in ("install_requires", "extras_require", "tests_require", "setup_requires"):
                continue
            value = (
                constants.get(keyword.value.id, keyword.value) if isinstance(keyword.value, ast.Name) else keyword.value
            )
            kind = "normal" if keyword.arg in ("install_requires", "extras_require") else "dev"
            try:
                said = ast.literal_eval(value)
            except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
                unread.append(f"its {keyword.arg} are worked out by running it, which is not done")
                continue
            lists = said.values() if isinstance(said, dict) else [said]
            entries = [entry for part in lists for entry in ([part] if isinstance(part, str) else part or [])]
            wanted += [(entry, kind) for entry in entries if isinstance(entry, str)]
    return _asked(wanted, text, unread)
