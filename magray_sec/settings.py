"""What the target says of its own scan, and what the operator's own configuration says of every scan.

The target may choose a policy, leave files out (which is reported), bring rule packs and raise the size limit. What
runs, where, and with which rights is the operator's alone: such a key in the target's settings is an error.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from magray_sec import datafiles, documents
from magray_sec._paths import is_within
from magray_sec.documents import Document, Path
from magray_sec.errors import SettingsError
from magray_sec.model.run import RuleSetting
from magray_sec.model.scale import Severity
from magray_sec.model.text import clean, shown_path

PLACES = ("magray-sec.yaml", ".github/magray-sec.yaml")
"""Where a target keeps its settings, besides `[tool.magray-sec]` of its pyproject.toml."""
_MISNAMED = ("magray-sec.yml", ".magray-sec.yaml", ".magray-sec.yml", ".github/magray-sec.yml")
_PYPROJECT = "pyproject.toml"
_TABLE = ("tool", "magray-sec")
MIN_FILE_BYTES = 100_000
"""The least that a target may set its size limit to: below, whole code bases would go unseen."""
_UNITS = {"": 1, "B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_SECONDS = {"s": 1, "m": 60, "h": 3600}


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetSettings:
    """The target's own settings; all empty where it has none."""

    file: str = ""
    """The settings file relative to the root, or as it was given; empty: there is none."""
    policy: str = ""
    """A shipped policy's name or a path relative to the root; empty: not said."""
    policy_place: str = ""
    """`file:line:column` of the policy's name, for messages."""
    exclude: tuple[str, ...] = ()
    """Patterns in gitignore syntax."""
    rules: tuple[str, ...] = ()
    """Rule packs: absolute paths of files inside the root, those of folders one by one."""
    rule_settings: tuple[RuleSetting, ...] = ()
    max_file_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorSettings:
    """The operator's own configuration; a command line option outranks each."""

    file: str = ""
    tools: Mapping[str, str] = field(default_factory=dict)
    """A program's name -> its absolute path."""
    cache: str | None = None
    advisory_db: str | None = None
    timeout_s: float | None = None
    jobs: int | None = None
    offline: bool = False
    allow_build: bool = False
    verify_secrets: bool = False
    rule_settings: tuple[RuleSetting, ...] = ()
    stated: tuple[tuple[str, str], ...] = ()
    """Every key that the configuration sets, with its value as text, sorted: for the report."""


def load_target(root: str) -> TargetSettings:
    """The settings of the target at `root` (absolute, resolved). SettingsError where two files hold some, where they
    lead out of the target, or where they are wrong.
    """
    for name in _MISNAMED:
        if os.path.lexists(os.path.join(root, name)):
            raise SettingsError(f"{name}:1:1: settings by this name are not read", f"name the file {PLACES[0]}")
    found = [name for name in PLACES if os.path.lexists(os.path.join(root, name))]
    table = _pyproject(root)
    if table is not None:
        found.append(f"{_PYPROJECT} ([tool.magray-sec])")
    if len(found) > 1:
        raise SettingsError(f"{found[1].split(' ')[0]}:1:1: settings stand in {found[0]} as well", "keep one of them")
    if table is not None:
        return _target(table, root)
    return load_target_file(os.path.join(root, found[0]), root, name=found[0]) if found else TargetSettings()


def load_target_file(path: str, root: str, *, name: str | None = None) -> TargetSettings:
    """The settings in the file at `path`, for the target at `root` (absolute, resolved). With `name` the file is the
    target's own: named so in messages, and not followed out of the target. SettingsError where it is wrong.
    """
    file = name or path
    text = documents.read(path, file=file, root=root if name else None)
    return _target(documents.load(text, file=file, schema=_schema("target"), empty={}), root)


def load_operator(path: str | None, *, programs: Collection[str] = ()) -> OperatorSettings:
    """The operator's configuration in the file at `path`; None: there is none. `programs`: the names that `tools` may
    hold; empty: they are not checked. SettingsError where the file is wrong or not there.
    """
    if path is None:
        return OperatorSettings()
    text = documents.read(path, file=path)
    document = documents.load(text, file=path, schema=_schema("operator"), empty={})
    data: dict[str, Any] = document.data
    for program in data.get("tools", {}):
        if programs and program not in programs:
            meant = documents.closest(program, programs)
            hint = f"did you mean '{meant}'?" if meant else f"allowed: {', '.join(sorted(programs))}"
            documents.fail(document, ("tools", program), f"no scanner is called '{program}'", hint, at_key=True)
    documents.raise_all(documents.problem(document, *fault) for fault in _rule_faults(document))
    return OperatorSettings(
        file=shown_path(path),
        tools=dict(data.get("tools", {})),
        cache=data.get("cache"),
        advisory_db=data.get("advisory_db"),
        timeout_s=_seconds(data["timeout"]) if "timeout" in data else None,
        jobs=data.get("jobs"),
        offline=data.get("offline", False),
        allow_build=data.get("allow_build", False),
        verify_secrets=data.get("verify_secrets", False),
        rule_settings=_rule_settings(document, by_target=False),
        stated=tuple(sorted(_stated(data))),
    )


def _stated(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in data.items():
        if key == "rule_settings":
            continue  # each is told as a notification of its own
        if isinstance(value, dict):
            yield from ((f"{key}.{name}", clean(str(entry))) for name, entry in value.items())
        elif key != "version":
            yield key, clean(str(value).lower() if isinstance(value, bool) else str(value))


def _schema(scope: str) -> dict[str, Any]:
    with open(datafiles.schema("settings"), encoding="utf-8") as stream:
        schema: dict[str, Any] = json.load(stream)
    return {"$ref": f"#/$defs/{scope}", "$defs": schema["$defs"]}


def _pyproject(root: str) -> Document | None:
    """The table of the target's pyproject.toml. One that cannot be read holds no settings (discovery names it as a
    file that could not be looked at), unless it mentions us: then it is wrong.
    """
    path = os.path.join(root, _PYPROJECT)
    try:
        text = documents.read(path, file=_PYPROJECT, root=root)
    except SettingsError:
        if _mentions_us(path, root):
            raise
        return None
    return documents.load_table(text, file=_PYPROJECT, table=_TABLE, schema=_schema("target"))


def _mentions_us(path: str, root: str) -> bool:
    if not os.path.isfile(path) or not is_within(os.path.realpath(path), root):
        return False
    try:
        with open(path, "rb") as stream:
            return _TABLE[-1].encode() in stream.read(16 * documents.MAX_BYTES)
    except OSError:
        return False


def _target(document: Document, root: str) -> TargetSettings:
    data: dict[str, Any] = document.data
    documents.raise_all(_faults(document, root))
    policy_line, policy_column = document.position(("policy",))
    return TargetSettings(
        file=shown_path(document.file),
        policy=data.get("policy", ""),
        policy_place=f"{shown_path(document.file)}:{policy_line}:{policy_column}" if "policy" in data else "",
        exclude=tuple(data.get("exclude", ())),
        rules=_packs(data, root),
        rule_settings=_rule_settings(document, by_target=True),
        max_file_bytes=_bytes(data["max_file_size"]) if "max_file_size" in data else None,
    )


def _packs(data: Mapping[str, Any], root: str) -> tuple[str, ...]:
    from magray_sec.regex.pack import pack_files  # noqa: PLC0415

    named = (os.path.realpath(os.path.join(root, pack)) for pack in data.get("rules", ()))
    return tuple(dict.fromkeys(os.path.realpath(file) for pack in named for file in pack_files(pack)))


def _rule_settings(document: Document, *, by_target: bool) -> tuple[RuleSetting, ...]:
    made = []
    for name, said in document.data.get("rule_settings", {}).items():
        line, column = document.key_position(("rule_settings", name))
        made.append(
            RuleSetting(
                rule=name,
                enabled=said.get("enabled"),
                reason=said.get("reason", "").strip(),
                severity=Severity(said["severity"]) if "severity" in said else None,
                entropy=float(said["entropy"]) if "entropy" in said else None,
                by_target=by_target,
                place=f"{shown_path(document.file)}:{line}:{column}",
            )
        )
    return tuple(made)


def _rule_faults(document: Document) -> Iterator[tuple[Path, str, str]]:
    for name, said in document.data.get("rule_settings", {}).items():
        where: Path = ("rule_settings", name)
        if said.get("enabled") is False and "reason" not in said:
            yield (
                where,
                f"rule_settings: {name} is switched off without a reason",
                'add reason: "why it does not count"',
            )
        elif said.get("enabled") is False and said.keys() & {"severity", "entropy"}:
            yield where, f"rule_settings: {name} is switched off and changed", "remove severity and entropy, or enabled"
        elif said.keys() == {"reason"}:
            yield where, f"rule_settings: {name} has a reason for nothing", "add enabled: false, severity or entropy"


def _faults(document: Document, root: str) -> Iterator[SettingsError]:
    """What the schema cannot say, in order of position."""
    found: list[tuple[Path, str, str]] = []
    data = document.data
    for index, pattern in enumerate(data.get("exclude", ())):
        if not _is_pattern(pattern):
            hint = "write it as in a .gitignore file"
            found.append((("exclude", index), f"'{clean(pattern, limit=60)}' is not a path pattern", hint))
    for index, pack in enumerate(data.get("rules", ())):
        path = os.path.realpath(os.path.join(root, pack))
        name = clean(pack, limit=200)
        if os.path.isabs(pack) or not is_within(path, root):
            hint = "a target's rule packs lie inside it"
            found.append((("rules", index), f"the rule pack '{name}' lies outside the target", hint))
        elif os.path.isdir(path):
            found += _folder_faults(("rules", index), name, path, root)
        elif not os.path.isfile(path):
            found.append((("rules", index), f"there is no rule pack '{name}'", "mend the path"))
    found += _rule_faults(document)
    if "max_file_size" in data and _bytes(data["max_file_size"]) < MIN_FILE_BYTES:
        message = f"max_file_size is less than {MIN_FILE_BYTES // 1000} kB, which would leave most code unseen"
        found.append((("max_file_size",), message, "raise it, or name the files under exclude"))
    found.sort(key=lambda fault: document.position(fault[0]))
    return (documents.problem(document, *fault) for fault in found)


def _folder_faults(where: Path, name: str, path: str, root: str) -> Iterator[tuple[Path, str, str]]:
    from magray_sec.regex.pack import pack_files  # noqa: PLC0415

    try:
        files = pack_files(path)
    except SettingsError as error:
        yield where, f"the folder '{name}' holds no rule pack", error.hint
        return
    for file in files:
        if not is_within(os.path.realpath(file), root):
            leads = clean(os.path.relpath(file, root), limit=200)
            yield where, f"the rule pack '{leads}' leads out of the target", "a target's rule packs lie inside it"


def _is_pattern(pattern: str) -> bool:
    from pathspec import GitIgnoreSpec  # noqa: PLC0415

    try:
        GitIgnoreSpec.from_lines([pattern], backend="simple")
    except ValueError:
        return False
    return True


def _bytes(size: int | str) -> int:
    if isinstance(size, int):
        return size
    number, unit = re.fullmatch(r"([0-9]+) ?([A-Za-z]*)", size).groups()  # type: ignore[union-attr]
    return int(number) * _UNITS[unit]


def _seconds(duration: float | str) -> float:
    if isinstance(duration, (int, float)):
        return float(duration)
    return float(int(duration[:-1].strip()) * _SECONDS[duration[-1]])
