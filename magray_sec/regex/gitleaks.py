"""gitleaks' rule files (TOML) as packs: the same rules in this engine's language.

Every rule `x` becomes `secrets/gitleaks-x`, whatever else is loaded: an id that a report, a baseline or a policy holds
does not change when a pack gets a rule of that name. What such a file says and a pack cannot is a note with file, line
and column; where a condition is lost, more is found, never less.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import magray_sec._toml as toml
from magray_sec._paths import is_within
from magray_sec.documents import MAX_LINE, Document, Path, Position, closest, read, table_places
from magray_sec.errors import SettingsError
from magray_sec.model.text import clean, clean_block, shown_path
from magray_sec.regex.exempt import check

PREFIX = "gitleaks-"
_DEPTH = 2
"""How far `extend.path` is followed, as by gitleaks."""
_MOST_RULES = 5_000
_KNOWN: Mapping[str, Mapping[str, str]] = {
    "": {
        "title": "text",
        "description": "text",
        "minVersion": "text",
        "extend": "table",
        "rules": "tables",
        "allowlist": "table",
        "allowlists": "tables",
    },
    "extend": {"useDefault": "flag", "path": "text", "url": "text", "disabledRules": "texts"},
    "rules": {
        "id": "text",
        "description": "text",
        "regex": "text",
        "secretGroup": "whole",
        "entropy": "number",
        "keywords": "texts",
        "path": "text",
        "tags": "texts",
        "allowlist": "table",
        "allowlists": "tables",
        "required": "tables",
        "skipReport": "flag",
    },
    "allowlist": {
        "description": "text",
        "condition": "text",
        "commits": "texts",
        "paths": "texts",
        "regexTarget": "text",
        "regexes": "texts",
        "stopwords": "texts",
        "targetRules": "texts",
    },
    "required": {"id": "text", "withinLines": "whole", "withinColumns": "whole"},
}
_SAYS = {
    "text": "text",
    "texts": "a list of texts",
    "table": "a table",
    "tables": "a list of tables",
    "flag": "true or false",
    "whole": "a whole number, 0 or more",
    "number": "a number, 0 or more",
}
_HELP = """\
Revoke it where it was issued, then issue a new one and keep it in the environment or a secret store. Look for use of
the old one that was not yours. Removing the line is not enough: it stays in the history."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    file: str
    position: Position

    def __str__(self) -> str:
        return f"{shown_path(self.file)}:{self.position[0]}:{self.position[1]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """A table with its keys in the spelling of gitleaks' documentation, and where each stands."""

    place: _Place
    values: Mapping[str, Any]
    places: Mapping[str, _Place]

    def get(self, key: str, default: Any = None) -> Any:
        return self.values.get(key, default)

    def at(self, key: str) -> _Place:
        return self.places.get(key, self.place)

    def tables(self, key: str) -> tuple[_Table, ...]:
        return tuple(self.values.get(key, ()))


@dataclass(slots=True, kw_only=True)
class _Config:
    rules: dict[str, _Table] = field(default_factory=dict)
    allowlists: list[_Table] = field(default_factory=list)
    uses_default: bool = False
    notes: list[str] = field(default_factory=list)

    def note(self, place: _Place, message: str) -> None:
        self.notes.append(f"{place}: {message}")


def convert(path: str) -> tuple[Document, tuple[str, ...]]:
    """The pack that the gitleaks file at `path` stands for, without examples, and what it says that a pack cannot.

    SettingsError (`file:line:column`) where gitleaks itself would not take the file, or nothing of it is left.
    """
    config = _read(path, os.path.realpath(os.path.dirname(path) or "."), 0)
    values: dict[Path, Position] = {(): (1, 1)}
    rules: list[dict[str, Any]] = []
    names: dict[str, _Place] = {}
    shared, targeted = _shared(config)
    for table in config.rules.values():
        made = _rule(config, table, targeted.get(table.get("id"), ()))
        if made is None:
            continue
        if made["id"] in names:
            raise _wrong(
                table.at("id"),
                f"rules: the ids '{clean(table.get('id'), limit=80)}' and that on {names[made['id']]} are one here: "
                f"{made['id']}",
                "give each rule an id that differs in more than case and punctuation",
            )
        names[made["id"]] = table.at("id")
        where: Path = ("rules", len(rules))
        inside = (
            table if table.place.file == path else replace(table, place=_Place(file=path, position=(1, 1)), places={})
        )
        values[where] = inside.place.position
        for ours, theirs in (("id", "id"), ("pattern", "regex"), ("keywords", "keywords"), ("entropy", "entropy")):
            values[*where, ours] = inside.at(theirs).position
        rules.append(made)
    if not rules:
        said = f" ({config.notes[0]})" if config.notes else ""
        raise SettingsError(
            f"{shown_path(path)}:1:1: no rule of the file can be used{said}", "it needs [[rules]] with a regex"
        )
    data: dict[str, Any] = {"version": 1, "pack": "gitleaks", "description": "Rules of a gitleaks file."}
    if shared:
        data["reject"] = shared
    data["rules"] = rules
    return Document(file=path, data=data, values=values, keys={}), tuple(config.notes)


# --- reading


def _read(path: str, folder: str, depth: int) -> _Config:
    text = read(path, file=path)
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) > 10 * MAX_LINE:
            raise _wrong(
                _Place(file=path, position=(number, 1)), f"a line longer than {10 * MAX_LINE:,} characters", ""
            )
    try:
        plain = toml.parse(text.encode())
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
        position = (int(found[1]), int(found[2])) if found else (text.count("\n") + 1, 1)
        what = clean(str(error).split(" (at ")[0])
        raise _wrong(_Place(file=path, position=position), f"not TOML: {what[:1].lower()}{what[1:]}", "") from error
    except ValueError as error:
        raise _wrong(_Place(file=path, position=(1, 1)), str(error), "") from error
    config = _Config()
    places = {
        tuple(step.lower() if isinstance(step, str) else step for step in place): position
        for place, position in table_places(text).items()
    }
    top = _Reader(path, places, config).table(plain, (), "")
    extend = top.get("extend")
    for table in top.tables("rules"):
        name = table.get("id", "")
        if not name.strip():
            raise _wrong(table.at("id"), "a rule without an id", 'add id = "..."')
        if name in config.rules:
            raise _wrong(
                table.at("id"),
                f"the id '{clean(name, limit=80)}' is that of the rule on line {config.rules[name].place.position[0]}",
                "give each rule an id of its own",
            )
        config.rules[name] = table
    if len(config.rules) > _MOST_RULES:
        raise _wrong(top.place, f"more than {_MOST_RULES:,} rules", "split the file")
    if top.get("allowlist") and top.get("allowlists"):
        raise _wrong(
            top.at("allowlist"), "[allowlist] cannot stand beside [[allowlists]]", "write it as [[allowlists]]"
        )
    config.allowlists += [*([top.get("allowlist")] if top.get("allowlist") else []), *top.tables("allowlists")]
    if extend is not None:
        _extend(config, extend, path, folder, depth)
    return config


def _extend(config: _Config, extend: _Table, path: str, folder: str, depth: int) -> None:
    if extend.get("path") and extend.get("useDefault"):
        raise _wrong(extend.at("path"), "extend: path and useDefault cannot both be set", "remove one of them")
    if extend.get("url"):
        config.note(extend.at("url"), "extend.url is not followed, as gitleaks does not: nothing is taken from there")
    if extend.get("useDefault"):
        config.uses_default = True
        config.note(
            extend.at("useDefault"),
            "extend.useDefault: gitleaks' own default rules are no part of magray-sec, whose own look for the same",
        )
        if extend.get("disabledRules"):
            names = ", ".join(clean(name, limit=60) for name in extend.get("disabledRules")[:10])
            config.note(
                extend.at("disabledRules"),
                f"extend.disabledRules names rules of gitleaks' defaults ({names}): none of magray-sec's is "
                "switched off; rule_settings in the settings does that",
            )
        return
    if not extend.get("path"):
        return
    place = extend.at("path")
    other = os.path.join(folder, extend.get("path"))
    if not is_within(os.path.realpath(other), folder):
        raise _wrong(
            place, "extend.path leads out of the folder of the file", "put the two files into one folder, or name both"
        )
    if depth >= _DEPTH:
        config.note(place, f"extend.path is followed {_DEPTH} times, as by gitleaks: this one is not")
        return
    if not os.path.isfile(other):
        raise _wrong(
            place,
            f"extend.path: there is no file '{clean(extend.get('path'), limit=200)}'",
            "it is relative to the file's folder",
        )
    base = _read(os.path.join(os.path.dirname(path), extend.get("path")), folder, depth + 1)
    config.notes += base.notes
    config.uses_default = config.uses_default or base.uses_default
    for name in extend.get("disabledRules", ()):
        if base.rules.pop(name, None) is None:
            config.note(
                extend.at("disabledRules"), f"extend.disabledRules: no rule is called '{clean(name, limit=80)}'"
            )
    for name, table in base.rules.items():
        config.rules[name] = _merged(table, config.rules[name]) if name in config.rules else table
    config.allowlists += base.allowlists


def _merged(base: _Table, own: _Table) -> _Table:
    """A rule of the extended file with what the extending one says of it."""
    values, places = dict(base.values), dict(base.places)
    for key, value in own.values.items():
        if key in ("tags", "keywords", "allowlists"):
            values[key] = (*values.get(key, ()), *value)
        elif key == "allowlist":
            values["allowlists"] = (*values.get("allowlists", ()), value)
        elif value:
            values[key] = value
        places[key] = own.at(key)
    return _Table(place=own.place, values=values, places=places)


class _Reader:
    """Tables of a file, checked by `_KNOWN`; keys count in any case, as for gitleaks."""

    def __init__(self, file: str, places: Mapping[Path, Position], config: _Config) -> None:
        self._file = file
        self._places = places
        self._config = config

    def table(self, plain: Mapping[str, Any], path: Path, kind: str) -> _Table:
        """A table of a kind and all in it. SettingsError where a value is of the wrong type."""
        known = {name.lower(): name for name in _KNOWN[kind]}
        values: dict[str, Any] = {}
        places: dict[str, _Place] = {}
        for key, value in plain.items():
            name = known.get(key.lower())
            place = self._place((*path, key.lower()))
            if name is None:
                near = closest(key, known.values())
                meant = f"; did you mean '{near}'?" if near else ""
                self._config.note(place, f"unknown key '{clean(key, limit=60)}', which gitleaks passes over{meant}")
                continue
            values[name] = self._value(value, (*path, key.lower()), name, _KNOWN[kind][name])
            places[name] = place
        return _Table(place=self._place(path), values=values, places=places)

    def _value(self, value: Any, path: Path, name: str, kind: str) -> Any:
        inner = "allowlist" if name == "allowlists" else name
        match kind:
            case "text" if isinstance(value, str):
                return value
            case "flag" if isinstance(value, bool):
                return value
            case "whole" if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
                return value
            case "number" if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 64:
                return value
            case "texts" if isinstance(value, list) and all(isinstance(entry, str) for entry in value):
                return tuple(value)
            case "table" if isinstance(value, dict):
                return self.table(value, path, inner)
            case "tables" if isinstance(value, list) and all(isinstance(entry, dict) for entry in value):
                return tuple(self.table(entry, (*path, index), inner) for index, entry in enumerate(value))
        raise _wrong(self._place(path), f"{name}: expected {_SAYS[kind]}", "mend it as gitleaks' documentation says")

    def _place(self, path: Path) -> _Place:
        while path and path not in self._places:
            path = path[:-1]
        return _Place(file=self._file, position=self._places.get(path, (1, 1)))


# --- rules


def _rule(config: _Config, table: _Table, targeted: Iterable[dict[str, Any]]) -> dict[str, Any] | None:
    """A rule as a pack says it; None where it cannot be kept, which is noted."""
    name = clean(table.get("id"), limit=80)
    slug = re.sub(r"[^a-z0-9]+", "-", table.get("id").lower()).strip("-")
    if not slug:
        raise _wrong(table.at("id"), f"the id '{name}' holds no letter or digit of ASCII", "rename the rule")
    regex = table.get("regex", "")
    if table.get("skipReport"):
        config.note(
            table.at("skipReport"), f"rule '{name}' is left out: gitleaks does not report it by itself (skipReport)"
        )
        return None
    if not regex:
        if table.get("path"):
            config.note(
                table.at("path"), f"rule '{name}' is left out: it has no regex and reports files by their path alone"
            )
        elif config.uses_default:
            config.note(
                table.place, f"rule '{name}' is left out: it changes a rule of gitleaks' defaults, which are not here"
            )
        else:
            raise _wrong(table.place, f"rule '{name}' has neither regex nor path", "add regex = '''...'''")
        return None
    pattern = _pattern(config, table, name, regex)
    if pattern is None:
        return None
    rule: dict[str, Any] = {
        "id": PREFIX + slug,
        "domain": "secrets",
        "title": f"Secret by the gitleaks rule {name}",
        "description": _description(table, name),
        "help": _HELP,
        "severity": "high",
        "confidence": "medium",
        "pattern": pattern,
        "placeholders": False,
        "generic": False,
    }
    if keywords := [word.lower() for word in dict.fromkeys(table.get("keywords", ())) if word.strip()]:
        rule |= {"keywords": keywords, "keywords_in": "file"}
    if entropy := table.get("entropy", 0):
        if entropy > 8:  # no text has as much
            config.note(table.at("entropy"), f"rule '{name}' is left out: no text has an entropy of more than 8 bits")
            return None
        rule["entropy"] = entropy
    if table.get("path"):
        if wrong := check(table.get("path")):
            raise _wrong(table.at("path"), f"rule '{name}': path refused: RE2: {wrong}", "gitleaks refuses it too")
        rule["paths"] = {"matching": [table.get("path")]}
    for required in table.tables("required"):
        config.note(required.place, f"rule '{name}': `required` is not kept: what matches is found wherever it stands")
    if table.get("allowlist") and table.get("allowlists"):
        raise _wrong(
            table.at("allowlist"), f"rule '{name}': [rules.allowlist] cannot stand beside [[rules.allowlists]]", ""
        )
    own = [*([table.get("allowlist")] if table.get("allowlist") else []), *table.tables("allowlists")]
    rejected = [*_kept(config, own, f"rule '{name}'"), *targeted]
    if rejected:
        rule["reject"] = rejected
    return rule


def _description(table: _Table, name: str) -> str:
    said = clean_block(table.get("description", ""), limit=2000) or f"A text that the gitleaks rule {name} matches."
    tags = ", ".join(clean(tag, limit=60) for tag in table.get("tags", ()))
    return f"{said} Tags: {tags}." if tags else said


def _pattern(config: _Config, table: _Table, name: str, regex: str) -> str | None:
    """The regex as this engine takes it; None where it has none, which is noted."""
    import re2  # noqa: PLC0415

    from magray_sec.regex.compile import compile_pattern  # noqa: PLC0415
    from magray_sec.regex.syntax import PatternError, name_group, read_pattern, refuse_hopeless  # noqa: PLC0415

    place = table.at("regex")
    if wrong := check(regex):
        raise _wrong(place, f"rule '{name}': regex refused: RE2: {wrong}", "RE2 has no look-around or back-references")
    try:
        compile_pattern(regex.encode())
        refuse_hopeless(read_pattern(regex))
        pattern, groups = name_group(regex, table.get("secretGroup", 0))
    except (re2.error, PatternError) as error:
        config.note(place, f"rule '{name}' is left out: its regex cannot be looked for in bytes: {error}")
        return None
    if table.get("secretGroup", 0) > groups:
        raise _wrong(
            table.at("secretGroup"),
            f"rule '{name}': secretGroup is {table.get('secretGroup')}, and the regex has {groups} groups",
            "count the opening parentheses that capture",
        )
    return pattern


def _shared(config: _Config) -> tuple[list[dict[str, Any]], dict[str, list[dict[str, Any]]]]:
    """The allowlists of all rules, and those of some."""
    shared: list[dict[str, Any]] = []
    targeted: dict[str, list[dict[str, Any]]] = {}
    for table in config.allowlists:
        made = list(_kept(config, [table], "allowlists"))
        for name in table.get("targetRules", ()):
            if name in config.rules:
                targeted.setdefault(name, []).extend(made)
                continue
            message = f"allowlists: targetRules names '{clean(name, limit=80)}', which is no rule of the file"
            if not config.uses_default:
                near = closest(name, config.rules)
                raise _wrong(table.at("targetRules"), message, f"did you mean '{near}'?" if near else "")
            config.note(table.at("targetRules"), message)
        if not table.get("targetRules"):
            shared += made
            if config.uses_default:
                config.note(
                    table.place, "the allowlist holds for the rules of this file alone, not for magray-sec's own"
                )
    return shared, targeted


def _kept(config: _Config, tables: Iterable[_Table], whose: str) -> Iterator[dict[str, Any]]:
    """Allowlists as a pack's `reject`."""
    for table in tables:
        condition = table.get("condition", "").upper()
        if condition not in ("", "OR", "||", "AND", "&&"):
            raise _wrong(
                table.at("condition"),
                f"{whose}: condition '{clean(condition, limit=40)}' is not known",
                "write OR or AND",
            )
        target = table.get("regexTarget", "") or "secret"
        if target not in ("secret", "match", "line"):
            near = closest(target, ("secret", "match", "line"))
            hint = f"did you mean '{near}'?" if near else "write secret, match or line"
            raise _wrong(
                table.at("regexTarget"), f"{whose}: regexTarget '{clean(target, limit=40)}' is not known", hint
            )
        if not any(table.get(key) for key in ("commits", "paths", "regexes", "stopwords")):
            raise _wrong(
                table.place, f"{whose}: an allowlist without commits, paths, regexes or stopwords", "add one of them"
            )
        for key in ("paths", "regexes"):
            for regex in table.get(key, ()):
                if wrong := check(regex):
                    raise _wrong(table.at(key), f"{whose}: {key}: refused: RE2: {wrong}", "RE2 has no look-around")
        every = condition in ("AND", "&&")
        if table.get("commits"):
            lost = "the whole allowlist is left out" if every else "the rest of the allowlist is kept"
            config.note(table.at("commits"), f"{whose}: commits are not kept, since files are looked at: {lost}")
            if every:
                continue
        made: dict[str, Any] = {}
        if table.get("paths"):
            made["paths"] = list(dict.fromkeys(table.get("paths")))
        if table.get("regexes"):
            made["token" if target == "secret" else target] = list(dict.fromkeys(table.get("regexes")))
        if words := [word.lower() for word in dict.fromkeys(table.get("stopwords", ())) if word.strip()]:
            made["words"] = list(dict.fromkeys(words))
        if made:
            yield made | ({"every": True} if every else {})


def _wrong(place: _Place, message: str, hint: str) -> SettingsError:
    return SettingsError(f"{place}: {message}", hint)
