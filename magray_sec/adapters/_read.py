"""Reading what a tool printed: bytes -> typed values, and nothing that a finished run did not say.

A tool may be cut off, print log lines into its report, or print a second one. The first JSON value alone is read;
text before it is not the output of a run that is understood, text after it is said. No message quotes the output: it
may hold a secret.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Generic, NoReturn, TypeVar

import msgspec

from magray_sec.model.adapter import ParseError
from magray_sec.model.run import Level, Notification

_T = TypeVar("_T")
_BLANK = re.compile(r"[\s\ufeff]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Records(Generic[_T]):
    """The values of an output that holds one JSON value a line."""

    values: tuple[_T, ...]
    broken: tuple[int, ...]
    """The lines, from 1, that could not be read."""
    is_cut: bool
    """The last line has no line break: the tool was ended while it wrote. It is not read."""


def decode(data: bytes) -> str:
    """A tool's output as text. Bytes that are not UTF-8 become U+FFFD: tools print file names as they find them."""
    return data.decode("utf-8", "replace")


def document(data: bytes, kind: type[_T]) -> tuple[_T, tuple[Notification, ...]]:
    """The first JSON value of an output as a `kind`, and a warning where text follows it.

    ParseError where the output is empty, does not begin with a JSON object or array, is cut off, is nested too deeply
    or is not of the shape that `kind` declares.
    """
    text = decode(data)
    start = _end_of_blank(text, 0)
    value, end = _value(text, start)
    rest = _end_of_blank(text, end)
    notes = []
    if rest < len(text):
        message = f"what follows its report ({len(text) - rest} characters) was not read"
        notes.append(Notification(level=Level.WARNING, message=message))
    return convert(value, kind), tuple(notes)


def records(data: bytes, kind: type[_T]) -> Records[_T]:
    """The lines of an output as values of a `kind`, with the lines that are none; empty lines do not count."""
    lines = data.split(b"\n")
    last = lines.pop()
    values, broken = [], []
    for number, line in enumerate(lines, 1):
        text = decode(line)
        start = _end_of_blank(text, 0)
        if start == len(text):
            continue
        try:
            value, end = _value(text, start)
            converted = convert(value, kind)
        except ParseError:
            broken.append(number)
            continue
        if _end_of_blank(text, end) == len(text):
            values.append(converted)
        else:
            broken.append(number)
    return Records(values=tuple(values), broken=tuple(broken), is_cut=bool(last.strip()))


def _end_of_blank(text: str, start: int) -> int:
    match = _BLANK.match(text, start)
    return match.end() if match else start


def _value(text: str, start: int) -> tuple[Any, int]:
    """The JSON object or array at `start` and where it ends."""
    if start == len(text):
        raise ParseError("it printed nothing")
    if text[start] not in "{[":
        raise ParseError("text stands where its JSON should begin")
    try:
        return json.JSONDecoder(parse_constant=_no_constant).raw_decode(text, start)
    except RecursionError:
        raise ParseError("its JSON is nested too deeply to be read") from None
    except json.JSONDecodeError as error:
        if _end_of_blank(text, error.pos) >= len(text) or error.msg.startswith("Unterminated string"):
            raise ParseError(f"its JSON breaks off after {len(text) - start} characters") from None
        raise ParseError(f"its JSON is broken at character {error.pos - start + 1} of {len(text) - start}") from None
    except ValueError:  # a number of thousands of digits, NaN or Infinity
        raise ParseError("its JSON holds a number that is none") from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def convert(value: Any, kind: type[_T]) -> _T:
    """A plain JSON value as a `kind`. ParseError where it is not of that shape; the message names the place alone."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise ParseError(f"its JSON is not of the known shape: {error}") from None
    except RecursionError:
        raise ParseError("its JSON is nested too deeply to be read") from None
