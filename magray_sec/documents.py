"""Settings, policies and rule packs as text: strict YAML (and a table of a TOML file), checked against a JSON Schema.

Every error is a `SettingsError` whose message starts with `file:line:column`. Further errors of the same file are in
its `more`, in order of position.

The YAML is 1.2's core schema and less: `no`, `yes`, `on`, `off` and dates are text; anchors, aliases, tags, directives,
a second document, duplicate keys and tabs as indentation are errors. A schema's `format: date` makes sure that a text
is a date. A schema may carry three annotations of ours, which other validators ignore:

- `x-says`: what the value is, as a noun phrase for messages (`a severity, or a comparison such as ">=high"`);
- `x-hint`: what to do, where a value does not fit;
- `x-refused`: keys that must not stand here, each with the hint that says why.
"""

from __future__ import annotations

import bisect
import os
import re
import stat
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from magray_sec._paths import is_within
from magray_sec.errors import SettingsError
from magray_sec.model.text import clean, shown_path

if TYPE_CHECKING:
    from jsonschema import ValidationError

Path: TypeAlias = tuple[str | int, ...]
"""From the root to a value: keys and list indices (from 0)."""
Position: TypeAlias = tuple[int, int]
"""Line and column, both from 1; columns count characters."""

MAX_BYTES = 1_000_000
"""A document larger than this is refused unread."""
MAX_DEPTH = 50
"""A document nested deeper than this is refused."""
MAX_LINE = 20_000
"""A document with a line longer than this (in characters) is refused."""
_MAX_ERRORS = 10
_MAX_DIGITS = 60

_INTEGER = re.compile(r"[-+]?[0-9]+\Z|0o[0-7]+\Z|0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)\Z|\.(?:nan|NaN|NAN)\Z")
_WORDS: Mapping[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_YAML_1_1 = {"y": "true", "yes": "true", "on": "true", "n": "false", "no": "false", "off": "false"}
_SURROGATE = re.compile("[\ud800-\udfff]")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A document's plain data and where each value of it stands."""

    file: str
    """As it is named in messages."""
    data: Any
    """Dicts, lists, strings, integers, floats, booleans and None. A date is its `YYYY-MM-DD` text."""
    values: Mapping[Path, Position]
    keys: Mapping[Path, Position]
    """Where the key of a mapping's entry stands, by the entry's path."""

    def position(self, path: Path) -> Position:
        """Where the value starts; for a path that is not in the document, its nearest ancestor."""
        return _nearest(self.values, path)

    def key_position(self, path: Path) -> Position:
        """Where the value's key starts; where it has none (a list's entry), the value."""
        return self.keys.get(path) or self.position(path)

    def line(self, path: Path) -> int:
        """The value's first line."""
        return self.position(path)[0]


def load(text: str, *, file: str, schema: Mapping[str, Any], empty: Any = None) -> Document:
    """The YAML document `text`, valid by `schema`. SettingsError with up to ten errors in order of position.

    A document without any content stands for `empty`.
    """
    document = _parse(text, file, empty)
    check(document, schema)
    return document


def load_json(text: str, *, file: str, schema: Mapping[str, Any]) -> Document:
    """The JSON document `text` as `load` gives a YAML document. SettingsError where it is none, gives a key twice, or
    is not valid by `schema`.
    """
    import json  # noqa: PLC0415

    text = text.removeprefix("\ufeff")
    if len(text) > MAX_BYTES:
        raise _too_large(file)
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        what = f"not JSON: {error.msg[:1].lower()}{error.msg[1:]}"
        raise _error(file, (error.lineno, error.colno), what, "") from error
    except (RecursionError, ValueError) as error:
        raise _error(file, (1, 1), "nested too deeply, or with a number of too many digits", "") from error
    values, keys = _json_places(text, file)
    document = Document(file=file, data=data, values=values, keys=keys)
    check(document, schema)
    return document


def load_table(text: str, *, file: str, table: tuple[str, ...], schema: Mapping[str, Any]) -> Document | None:
    """One table of a TOML document as `load` gives a YAML document; None where the document holds no such table.

    Lines are those of the keys where they can be found by reading line by line, else the table's. SettingsError as for
    `load`, and for a document that is not TOML where it mentions the table's name at all.
    """
    if table[-1] not in text:
        return None
    _measure(text, file)
    try:
        data: Any = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
        line, column = (int(place[1]), int(place[2])) if place else (text.count("\n") + 1, 1)
        what = clean(str(error).split(" (at ")[0])
        raise _error(file, (line, column), f"not TOML: {what[:1].lower()}{what[1:]}", "") from error
    except RecursionError as error:
        raise _error(file, (1, 1), "nested too deeply", "") from error
    for key in table:
        data = data.get(key) if isinstance(data, dict) else None
    if data is None:
        return None
    start, places = _toml_places(text, table)
    data = _toml_plain(data, file, start)
    document = Document(file=file, data=data, values={(): start, **places}, keys=places)
    check(document, schema)
    return document


def check(document: Document, schema: Mapping[str, Any]) -> None:
    """SettingsError where the document is not valid by `schema` (JSON Schema, draft 2020-12, `$ref` within it only)."""
    import jsonschema  # noqa: PLC0415
    from referencing import Registry  # noqa: PLC0415

    base: Any = jsonschema.Draft202012Validator
    extend: Any = jsonschema.validators.extend
    types = base.TYPE_CHECKER.redefine_many(
        {
            "integer": lambda _, value: isinstance(value, int) and not isinstance(value, bool),
            "number": lambda _, value: isinstance(value, (int, float)) and not isinstance(value, bool),
        },
    )
    formats = jsonschema.FormatChecker(formats=())
    formats.checks("date")(_is_date)

    def pattern(_: Any, regex: str, value: Any, __: Any) -> Iterator[ValidationError]:
        # As in JSON Schema, `$` is the end; Python's would let a line break through.
        strict = regex.removesuffix("$") + r"\Z" if regex.endswith("$") else regex
        if isinstance(value, str) and not re.search(strict, value):
            yield jsonschema.ValidationError("pattern")

    # An empty registry of our own: jsonschema's default one would fetch a remote reference.
    validator = extend(base, {"pattern": pattern}, type_checker=types)(
        schema,
        registry=Registry(),
        format_checker=formats,
    )
    _raise_found(found for error in validator.iter_errors(document.data) for found in _explain(document, schema, error))


def table_places(text: str) -> Mapping[Path, Position]:
    """Where the tables and keys of a TOML document stand, read line by line as `load_table` does: a path that is not
    there stands in a form that people do not write, or within an array.
    """
    return _toml_places(_LONG_STRING.sub(lambda found: "\n" * found[0].count("\n"), text), ())[1]


def fail(document: Document, path: Path, message: str, hint: str = "", *, at_key: bool = False) -> NoReturn:
    """Raise the SettingsError that `problem` makes."""
    raise problem(document, path, message, hint, at_key=at_key)


def problem(document: Document, path: Path, message: str, hint: str = "", *, at_key: bool = False) -> SettingsError:
    """A SettingsError about the value at `path` (about its key: `at_key`)."""
    position = document.key_position(path) if at_key else document.position(path)
    return _error(document.file, position, message, hint)


def raise_all(errors: Iterable[SettingsError]) -> None:
    """Raise the first of `errors` (made by `problem`, in order of position) with the next ones in its `more`.

    Nothing is raised where there is none.
    """
    found = list(errors)[:_MAX_ERRORS]
    if found:
        raise SettingsError(str(found[0]), found[0].hint, more=tuple(found[1:]))


def shown(path: Path) -> str:
    """A path in words: `rules[0].match.severity`."""
    words = ""
    for step in path:
        words += f"[{step}]" if isinstance(step, int) else f".{clean(step, limit=60)}"
    return words.removeprefix(".")


def closest(word: str, choices: Iterable[str]) -> str | None:
    """The choice that `word` was probably meant to be, or None."""
    import difflib  # noqa: PLC0415

    by_key = {choice.casefold().replace("_", "-"): choice for choice in choices}
    key = word.strip().casefold().replace("_", "-").replace(" ", "-")[:200]
    if key in by_key:
        return by_key[key]
    for choice, original in by_key.items():
        if len(key) > 2 and (choice.rstrip("s") == key.rstrip("s") or choice.startswith(key)):
            return original
    found = difflib.get_close_matches(key, by_key, n=1, cutoff=0.6)
    return by_key[found[0]] if found else None


def read(path: str, *, file: str, root: str | None = None) -> str:
    """The text of a regular file of at most `MAX_BYTES`, UTF-8. SettingsError where it is not that or cannot be read.

    With `root` (absolute, resolved), a symbolic link that leads out of it is refused: what stands there is not the
    target's to show.
    """
    try:
        if root is not None and not is_within(os.path.realpath(path), root):
            raise SettingsError(f"{shown_path(file)}:1:1: leads out of the target", "put a regular file there")
        # Non-blocking: opening a FIFO must not wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
        with os.fdopen(descriptor, "rb") as stream:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise SettingsError(f"{shown_path(file)}:1:1: not a regular file", "put a regular file there")
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise SettingsError(f"{shown_path(file)}:1:1: cannot be read: {error.strerror or error}") from error
    except ValueError as error:  # a NUL in the path
        raise SettingsError(f"{shown_path(file)}:1:1: not a path: {error}") from error
    if len(data) > MAX_BYTES:
        raise _too_large(file)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8")
        position = (before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
        raise _error(file, position, "not UTF-8", "save the file as UTF-8") from error


# --- YAML text -> Document


def _parse(text: str, file: str, empty: Any) -> Document:
    """The document as it is written, valid YAML of the kind described above."""
    from ruamel.yaml import YAML  # noqa: PLC0415
    from ruamel.yaml.error import MarkedYAMLError, YAMLStreamError  # noqa: PLC0415
    from ruamel.yaml.reader import ReaderError  # noqa: PLC0415

    _measure(text, file)
    text = text.removeprefix("\ufeff")
    values: dict[Path, Position] = {}
    keys: dict[Path, Position] = {}
    try:
        events = YAML(typ="safe", pure=True).parse(text)
        data, found = _Build(file, events, values, keys).document()
    except ReaderError as error:
        before = text[: error.position]
        position = (before.count("\n") + 1, error.position - (before.rfind("\n") + 1) + 1)
        character = ord(error.character) if isinstance(error.character, str) else error.character
        raise _error(file, position, f"a control character (U+{character:04X})", "remove it") from error
    except MarkedYAMLError as error:
        raise _yaml_error(file, text, error) from error
    except (YAMLStreamError, ValueError, IndexError, AttributeError, AssertionError, TypeError) as error:
        # The parser of a hostile document: whatever trips it up is the document's fault, and said as such.
        raise _error(file, (1, 1), f"not YAML: {clean(str(error), limit=200)}", "") from error
    if not found:
        data = empty
        values[()] = (1, 1)
    return Document(file=file, data=data, values=values, keys=keys)


class _Build:
    """Plain data from the parser's events, refusing what strict YAML has no use for."""

    def __init__(
        self,
        file: str,
        events: Iterator[Any],
        values: dict[Path, Position],
        keys: dict[Path, Position],
    ) -> None:
        self._file = file
        self._events = events
        self._values = values
        self._keys = keys

    def document(self) -> tuple[Any, bool]:
        """The one document's data, and whether there is one."""
        data: Any = None
        found = False
        for event in self._events:
            kind = type(event).__name__
            if kind == "DocumentStartEvent":
                if found:
                    self._refuse(event, "a second document starts here", "keep one document in a file: remove '---'")
                if event.version or event.tags:
                    self._refuse(event, "a YAML directive", "remove the line that starts with '%'", line=1)
                found = True
                data = self._value(next(self._events), (), 0)
        return data, found

    def _value(self, event: Any, path: Path, depth: int) -> Any:
        kind = type(event).__name__
        self._refuse_names(event, kind)
        self._values[path] = _mark(event.start_mark)
        if kind == "ScalarEvent":
            return self._scalar(event)
        if depth == MAX_DEPTH:
            self._refuse(event, f"nested deeper than {MAX_DEPTH} levels")
        return self._list(path, depth) if kind == "SequenceStartEvent" else self._mapping(path, depth)

    def _list(self, path: Path, depth: int) -> list[Any]:
        entries: list[Any] = []
        for event in self._events:
            if type(event).__name__ == "SequenceEndEvent":
                break
            entries.append(self._value(event, (*path, len(entries)), depth + 1))
        return entries

    def _mapping(self, path: Path, depth: int) -> dict[str, Any]:
        entries: dict[str, Any] = {}
        for event in self._events:
            kind = type(event).__name__
            if kind == "MappingEndEvent":
                break
            self._refuse_names(event, kind)
            if kind != "ScalarEvent":
                self._refuse(
                    event, "a list or mapping where a key is due", "text that starts with '{' or '[' needs quotes"
                )
            key = event.value
            if key == "<<" and event.style is None:
                self._refuse(event, "a merge key ('<<') is not allowed", "write the keys out")
            self._refuse_surrogates(event)
            entry = (*path, key)
            if key in entries:
                line = self._keys[entry][0]
                where = f" in {shown(path)}" if path else ""
                self._refuse(
                    event, f"the key {_quoted(key)} is given twice{where}", f"it is given on line {line} already"
                )
            self._keys[entry] = _mark(event.start_mark)
            entries[key] = self._value(next(self._events), entry, depth + 1)
            if entries[key] is None:
                # Nothing stands after the key, or what stands for nothing: the parser's place may be lines further on.
                self._values[entry] = self._keys[entry]
        return entries

    def _scalar(self, event: Any) -> Any:
        text: str = event.value
        self._refuse_surrogates(event)
        if event.style is not None:
            return text
        if text in _WORDS:
            return _WORDS[text]
        first = text[0]
        if not (first.isdigit() or first in "+-."):
            return text
        if _INTEGER.match(text):
            if len(text) > _MAX_DIGITS:
                self._refuse(event, "a number of too many digits", "put it in quotes if it is text")
            return int(text, 0) if text[:2] in ("0x", "0o") else int(text)
        if _FLOAT.match(text):
            number = float(text)
            if len(text) > _MAX_DIGITS or number in (float("inf"), float("-inf")):
                self._refuse(event, "a number that is too large", "put it in quotes if it is text")
            return number
        if _NOT_FINITE.match(text):
            self._refuse(event, f"{_quoted(text)} is no number to reckon with", "put it in quotes if it is text")
        return text

    def _refuse_names(self, event: Any, kind: str) -> None:
        if kind == "AliasEvent":
            self._refuse(event, "an alias ('*') is not allowed", "text that starts with '*' needs quotes")
        if event.anchor is not None:
            self._refuse(event, "an anchor ('&') is not allowed", "text that starts with '&' needs quotes")
        if event.tag is not None:
            tag = clean(str(event.tag), limit=60)
            self._refuse(event, f"a tag ({_quoted(tag)}) is not allowed", "text that starts with '!' needs quotes")

    def _refuse_surrogates(self, event: Any) -> None:
        if not event.value.isascii() and _SURROGATE.search(event.value):
            self._refuse(event, "half a character (a lone surrogate)", "write the character itself")

    def _refuse(self, event: Any, message: str, hint: str = "", *, line: int | None = None) -> NoReturn:
        position = _mark(event.start_mark) if line is None else (line, 1)
        raise _error(self._file, position, message, hint)


def _mark(mark: Any) -> Position:
    return (mark.line + 1, mark.column + 1)


def _yaml_error(file: str, text: str, error: Any) -> SettingsError:
    """The parser's complaint in words that say what to do."""
    problem_text = str(error.problem or "not YAML")
    context = str(error.context or "")
    mark = error.problem_mark or error.context_mark
    position = _mark(mark) if mark is not None else (1, 1)
    if started := re.search(r"found character '(.)' that cannot start any token", problem_text, re.DOTALL):
        if started[1] == "\t":
            return _error(file, position, "a tab cannot indent YAML", "use spaces")
        return _needs_quotes(file, position, started[1])
    if r"'\t'" in problem_text:
        return _error(file, position, "a tab cannot indent YAML", "use spaces")
    if "block scalar" in context and "indicators" in problem_text:
        return _needs_quotes(file, _mark(error.context_mark), text[error.context_mark.index])
    if "unknown escape character" in problem_text:
        return _error(file, position, problem_text, r"in double quotes a \ is special: use single quotes")
    if "unexpected end of stream" in problem_text and error.context_mark is not None:
        return _error(file, _mark(error.context_mark), "the quote that opens here is never closed", "close it")
    if "mapping values are not allowed" in problem_text:
        return _error(
            file,
            position,
            "a ':' that does not fit here",
            "text with ': ' in it needs quotes; else mind the indentation",
        )
    if "could not find expected ':'" in problem_text:
        return _error(file, position, "a key without ':'", "write 'key: value'; mind the indentation")
    if "alias" in context or "anchor" in context:
        return _needs_quotes(file, position, "*' or '&")
    if "block" in context and "expected <block end>" in problem_text:
        return _error(
            file,
            position,
            "this does not fit the lines above",
            "mind the indentation, and quote text that goes on after a quote",
        )
    if "<stream end>" in problem_text and error.context_mark is not None:
        return _error(file, _mark(error.context_mark), "a '[' or '{' that is never closed", "close it")
    what = f"{problem_text} {context}".strip()
    return _error(file, position, f"not YAML: {clean(what, limit=200)}", "")


def _needs_quotes(file: str, position: Position, character: str) -> SettingsError:
    return _error(file, position, f"text that starts with '{clean(character)}' needs quotes", "put it in single quotes")


# --- JSON text -> places

_JSON_TOKEN = re.compile(r'[\[\]{},:]|"(?:[^"\\]|\\.)*"|[^\s\[\]{},:"]+', re.DOTALL)


def _json_places(text: str, file: str) -> tuple[dict[Path, Position], dict[Path, Position]]:
    """Where the values and keys of a valid JSON document stand. SettingsError where it is nested too deeply, gives a
    key twice, or holds what is no number.
    """
    import json  # noqa: PLC0415

    starts = [0, *(found.end() for found in re.finditer("\n", text))]
    values: dict[Path, Position] = {}
    keys: dict[Path, Position] = {}
    path: list[str | int] = []
    opened: list[str] = []
    is_key = False
    for found in _JSON_TOKEN.finditer(text):
        word = found[0]
        line = bisect.bisect_right(starts, found.start())
        place = (line, found.start() - starts[line - 1] + 1)
        if word in "]}":
            opened.pop()
            if len(path) > len(opened):
                path.pop()
            is_key = False
            continue
        if word == ",":
            step = path.pop()
            is_key = opened[-1] == "{"
            if not is_key:
                path.append(int(step) + 1)
            continue
        if word == ":":
            continue
        if is_key:
            path.append(json.loads(word))
            if tuple(path) in keys:
                line = keys[tuple(path)][0]
                raise _error(file, place, f"the key {_quoted(str(path[-1]))} is given twice", f"it is on line {line}")
            keys[tuple(path)] = place
            is_key = False
            continue
        if word in ("NaN", "Infinity", "-Infinity"):
            raise _error(file, place, f"'{word}' is no number to reckon with", "")
        values[tuple(path)] = place
        if word in "[{":
            opened.append(word)
            if len(opened) > MAX_DEPTH:
                raise _error(file, place, f"nested deeper than {MAX_DEPTH} levels", "")
            is_key = word == "{"
            if not is_key:
                path.append(0)
    return values, keys


# --- TOML text -> places


def _toml_plain(value: Any, file: str, start: Position, depth: int = 0) -> Any:
    if depth > MAX_DEPTH:
        raise _error(file, start, f"nested deeper than {MAX_DEPTH} levels", "")
    if isinstance(value, dict):
        return {key: _toml_plain(entry, file, start, depth + 1) for key, entry in value.items()}
    if isinstance(value, list):
        return [_toml_plain(entry, file, start, depth + 1) for entry in value]
    if isinstance(value, (date, datetime, time)):
        return value.isoformat()
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):  # noqa: PLR0124
        raise _error(file, start, "a number that is no number to reckon with", "")
    return value


_TOML_NAME = r"(?:[A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*')"
_TOML_KEY = re.compile(rf"\s*({_TOML_NAME}(?:\s*\.\s*{_TOML_NAME})*)\s*=")
_LONG_STRING = re.compile(r"'''.*?'''|\"\"\".*?\"\"\"", re.DOTALL)
_TOML_HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")


def _toml_places(text: str, table: tuple[str, ...]) -> tuple[Position, dict[Path, Position]]:
    """Where the table starts, and where its keys stand, read line by line: enough for the TOML that people write."""
    lines = text.splitlines()
    start: Position | None = None if table else (1, 1)
    places: dict[Path, Position] = {}
    entries: dict[Path, int] = {}
    current: Path | None = None if table else ()
    for number, line in enumerate(lines, 1):
        if header := _TOML_HEADER.match(line):
            names = _toml_names(header[2])
            current = None
            if names[: len(table)] == table:
                start = start or (number, 1)
                current = ()
                for index, name in enumerate(names[len(table) :], len(table) + 1):
                    current = (*current, name)
                    if header[1] == "[[" and index == len(names):
                        entries[current] = entries.get(current, -1) + 1
                    if current in entries:
                        current = (*current, entries[current])
                if current:
                    places.setdefault(current, (number, header.start(1) + 1))
        elif current is not None and (key := _TOML_KEY.match(line)):
            names = _toml_names(key[1])
            for length in range(1, len(names) + 1):
                places.setdefault((*current, *names[:length]), (number, key.start(1) + 1))
    if start is None:
        start = (next((number for number, line in enumerate(lines, 1) if table[-1] in line), 1), 1)
    return start, places


def _toml_names(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in re.findall(r"\"[^\"]*\"|'[^']*'|[^.\s\"']+", dotted))


# --- JSON Schema errors -> sentences

_Found: TypeAlias = tuple[Position, SettingsError]


def _explain(document: Document, schema: Mapping[str, Any], error: ValidationError) -> Iterator[_Found]:
    """One validation error as the sentences that say what is wrong and what to do."""
    path: Path = tuple(error.absolute_path)
    keyword = str(error.validator)
    part: Mapping[str, Any] = error.schema if isinstance(error.schema, Mapping) else {}
    value: Any = error.instance
    wanted: Any = error.validator_value

    def say(message: str, hint: str = "", *, key: str | None = None) -> _Found:
        place = document.position(path) if key is None else document.key_position((*path, key))
        return place, _error(document.file, place, message, hint)

    where = f"{shown(path)}: " if path else ""
    inside = f" in {shown(path)}" if path else ""
    hint = str(part.get("x-hint", ""))
    if "propertyNames" in error.absolute_schema_path:
        yield say(
            f"{_quoted(str(value))} is not {part.get('x-says', 'a name that may stand')}{inside}", hint, key=value
        )
        return
    match keyword:
        case "additionalProperties" | "unevaluatedProperties":
            allowed = part.get("properties", {})
            for key in value:
                if key not in allowed:
                    yield say(*_unknown_key(key, inside, part, schema), key=key)
        case "required":
            for key in wanted:
                if key not in value:
                    # A condition (`then`) asks for keys that its parent describes.
                    described = part if "properties" in part or path else schema
                    yield say(f"missing key {_quoted(key)}{inside}", _required_hint(key, value, described, schema))
        case "dependentRequired":
            for key, needs in wanted.items():
                for other in needs:
                    if key in value and other not in value:
                        yield say(f"{_quoted(key)} needs {_quoted(other)} beside it{inside}", hint, key=key)
        case "type":
            yield say(
                f"{where}expected {_expected(part)}, found {_kind(value)}", hint or _type_hint(part, value, schema)
            )
        case "enum" | "const":
            choices = wanted if keyword == "enum" else [wanted]
            yield say(*_not_among(where, value, choices, part))
        case "anyOf" | "oneOf" if error.context:
            yield from _explain_branches(document, schema, error, path, where, hint)
        case "pattern":
            yield say(f"{where}expected {_expected(part)}, found {_quoted(value)}", hint)
        case "format":
            says = part.get("x-says", "a date as YYYY-MM-DD")
            yield say(f"{where}expected {says}, found {_quoted(str(value))}", hint)
        case "minLength" | "minItems" | "minProperties":
            found = "nothing" if not value else _kind(value)
            yield say(f"{where}expected {_expected(part)}, found {found}", hint or "write at least one")
        case "maxLength" | "maxItems" | "maxProperties":
            yield say(f"{where}longer than {wanted}", hint)
        case "minimum":
            yield say(f"{where}{_number(value)} is less than {wanted}", hint)
        case "maximum":
            yield say(f"{where}{_number(value)} is more than {wanted}", hint)
        case "exclusiveMinimum":
            yield say(f"{where}{_number(value)} is not more than {wanted}", hint)
        case "uniqueItems":
            twice = next((entry for index, entry in enumerate(value) if entry in value[:index]), None)
            yield say(f"{where}{_quoted(str(twice))} is given twice", hint)
        case _:
            yield say(f"{where}expected {_expected(part)}, found {_kind(value)}", hint)


def _explain_branches(
    document: Document,
    schema: Mapping[str, Any],
    error: ValidationError,
    path: Path,
    where: str,
    hint: str,
) -> Iterator[_Found]:
    """The errors of the one branch that the value was meant for: that of its own type with the fewest errors."""
    branches: dict[Any, list[ValidationError]] = {}
    for inner in error.context or ():
        branches.setdefault(inner.relative_schema_path[0], []).append(inner)
    meant = [
        inner
        for inner in branches.values()
        if not any(one.validator == "type" and not one.relative_path for one in inner)
    ]
    part: Mapping[str, Any] = error.schema if isinstance(error.schema, Mapping) else {}
    place = document.position(path)
    value: Any = error.instance
    if not meant:
        message = f"{where}expected {_expected(part)}, found {_kind(value)}"
        yield place, _error(document.file, place, message, hint or _type_hint(part, value, schema))
    elif len(meant) > 1 and not isinstance(value, (dict, list)):
        enums: list[Any] = [one.validator_value for inner in meant for one in inner if one.validator == "enum"]
        choices = [choice for enum in enums for choice in enum]
        message, hint = _not_among(where, value, choices, part)
        yield place, _error(document.file, place, message, hint)
    else:
        for one in min(meant, key=len):
            yield from _explain(document, schema, one)


def _unknown_key(key: str, inside: str, part: Mapping[str, Any], schema: Mapping[str, Any]) -> tuple[str, str]:
    refused = part.get("x-refused", {})
    if key in refused:
        return f"{_quoted(key)} may not be set here", refused[key]
    allowed = tuple(part.get("properties", {}))
    if places := _homes(schema, key):
        return f"unknown key {_quoted(key)}{inside}", f"{_quoted(key)} belongs in {places}"
    word = closest(key, allowed)
    if word is not None:
        return f"unknown key {_quoted(key)}{inside}", f"did you mean {_quoted(word)}?"
    return f"unknown key {_quoted(key)}{inside}", f"allowed: {', '.join(sorted(allowed))}" if allowed else ""


def _homes(schema: Mapping[str, Any], key: str) -> str:
    """Where else in the schema the key is known, in words; empty: nowhere."""
    found: list[str] = []

    def walk(part: Any, place: str, depth: int) -> None:
        if depth > 8 or not isinstance(part, Mapping) or len(found) > 2:
            return
        part = _resolved(part, schema)
        properties = part.get("properties", {})
        if key in properties and place not in found:
            found.append(place)
        for name, inner in properties.items():
            walk(inner, f"{place}.{name}" if place else name, depth + 1)
        walk(part.get("additionalProperties"), f"{place}.*" if place else "*", depth + 1)
        walk(part.get("items"), f"{place}[]", depth + 1)
        for branch in (*part.get("anyOf", ()), *part.get("oneOf", ())):
            walk(branch, place, depth + 1)

    walk(schema, "", 0)
    return " or ".join(place or "the top level" for place in found)


def _resolved(part: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The part with what its `$ref` stands for, its own keys first."""
    reference = part.get("$ref")
    if not isinstance(reference, str):
        return part
    target: Any = schema
    for step in reference.removeprefix("#/").split("/"):
        target = target.get(step, {})
    return {**target, **part}


def _not_among(where: str, value: Any, choices: list[Any], part: Mapping[str, Any]) -> tuple[str, str]:
    words = [_word(choice) for choice in choices]
    allowed = str(part.get("x-says", "")) or f"one of {', '.join(words)}"
    meant = closest(str(value), words) if isinstance(value, str) else None
    hint = f"did you mean {_quoted(meant)}? Allowed: " if meant is not None else "allowed: "
    found = _quoted(value) if isinstance(value, str) else _kind(value)
    if len(words) == 1:
        return f"{where}expected {words[0]}, found {found}", str(part.get("x-hint", f"write {words[0]}"))
    return f"{where}{found} is not allowed", hint + allowed.removeprefix("one of ")


def _required_hint(key: str, value: Mapping[str, Any], part: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    known = part.get("properties", {})
    misspelt = closest(key, (entry for entry in value if entry not in known))
    if misspelt is not None:
        return f"{_quoted(misspelt)} is probably meant to be it"
    says = _resolved(known.get(key, {}), schema).get("x-says", "")
    return f"add {_quoted(key)}: {says}" if says else f"add {_quoted(key)}"


def _expected(part: Mapping[str, Any]) -> str:
    """What a schema wants, as a noun phrase."""
    if says := part.get("x-says"):
        return str(says)
    if branches := part.get("anyOf") or part.get("oneOf"):
        return " or ".join(dict.fromkeys(_expected(branch) for branch in branches))
    if choices := part.get("enum"):
        return f"one of {', '.join(_word(choice) for choice in choices)}"
    kinds = part.get("type", "something else")
    names = {
        "string": "text",
        "integer": "a whole number",
        "number": "a number",
        "boolean": "true or false",
        "object": "a mapping of keys",
        "array": "a list of words",
        "null": "nothing",
    }
    if kinds == "array":
        items = part.get("items", {})
        inner = items.get("type") if isinstance(items, Mapping) else None
        return {"object": "a list of mappings", "integer": "a list of numbers"}.get(str(inner), "a list of words")
    return " or ".join(names.get(kind, kind) for kind in ([kinds] if isinstance(kinds, str) else kinds))


def _type_hint(part: Mapping[str, Any], value: Any, schema: Mapping[str, Any]) -> str:
    kinds = _kinds(part, schema)
    if isinstance(value, str) and "boolean" in kinds and value.casefold() in _YAML_1_1:
        return f"YAML 1.2 knows true and false alone: write {_YAML_1_1[value.casefold()]}"
    if isinstance(value, str) and kinds & {"integer", "number"} and re.fullmatch(r"[0-9]+(?:\.[0-9]+)?", value):
        return "remove the quotes"
    if isinstance(value, (bool, int, float)) and "string" in kinds:
        return "put it in quotes"
    if isinstance(value, (str, dict)) and kinds == {"array"}:
        return "write it as a list: [...]"
    if isinstance(value, list) and "array" not in kinds:
        return "write one value, not a list"
    return ""


def _kinds(part: Mapping[str, Any], schema: Mapping[str, Any]) -> set[str]:
    part = _resolved(part, schema)
    found: set[str] = set()
    for branch in (*part.get("anyOf", ()), *part.get("oneOf", ())):
        found |= _kinds(branch, schema)
    kinds = part.get("type", ())
    return found | ({kinds} if isinstance(kinds, str) else set(kinds))


def _kind(value: Any) -> str:
    """What a value is, in words."""
    match value:
        case None:
            return "nothing"
        case bool():
            return _word(value)
        case int() | float():
            return f"the number {_number(value)}"
        case str():
            return f"the text {_quoted(value)}"
        case dict():
            return "a mapping"
    return "a list"


def _number(value: Any) -> str:
    return str(value) if len(str(value)) <= 20 else "a long one"


def _word(value: Any) -> str:
    return {True: "true", False: "false", None: "null"}[value] if isinstance(value, (bool, type(None))) else str(value)


def _quoted(text: str) -> str:
    return f"'{clean(text, limit=60)}'"


def _is_date(value: object) -> bool:
    if not isinstance(value, str):
        return True
    if not _DATE.match(value):
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


# --- errors


def _nearest(places: Mapping[Path, Position], path: Path) -> Position:
    while path and path not in places:
        path = path[:-1]
    return places.get(path, (1, 1))


def _measure(text: str, file: str) -> None:
    if len(text) > MAX_BYTES:
        raise _too_large(file)
    # Some of the parser's scans take time in the square of a line's length.
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) > MAX_LINE:
            raise _error(file, (number, 1), f"a line longer than {MAX_LINE:,} characters", "break the line")


def _too_large(file: str) -> SettingsError:
    return _error(file, (1, 1), f"larger than {MAX_BYTES // 1000:,} kB", "split the file")


def _error(file: str, position: Position, message: str, hint: str) -> SettingsError:
    return SettingsError(f"{shown_path(file)}:{position[0]}:{position[1]}: {message}", hint)


def _raise_found(found: Iterable[_Found]) -> None:
    """Raise what validation found, once each, in order of position."""
    unique = {str(error): (place, error) for place, error in found}
    raise_all(error for _, error in sorted(unique.values(), key=lambda one: (one[0], str(one[1]))))
