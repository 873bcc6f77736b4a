"""A pack as YAML text, for people to go on with."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

# What YAML takes in single quotes on one line, and nothing else.
_PLAIN = re.compile(r"[\t\x20-\x7e\u00a0-\ud7ff\ue000-\ufefe\uff00-\ufffd]*\Z")


def written(data: Mapping[str, Any], comments: Sequence[str] = ()) -> str:
    """The YAML of a pack's data, every text in quotes, with lines of comment before it."""
    lines = [f"# {comment}" for comment in comments]
    return "\n".join([*lines, *_mapping(data, "")]) + "\n"


def _mapping(data: Mapping[str, Any], indent: str) -> Iterator[str]:
    for key, value in data.items():
        if isinstance(value, Mapping) and value:
            yield f"{indent}{key}:"
            yield from _mapping(value, indent + "  ")
        elif isinstance(value, (list, tuple)) and value:
            yield f"{indent}{key}:"
            yield from _list(value, indent + "  ")
        elif isinstance(value, str) and "\n" in value and _is_block(value):
            yield f"{indent}{key}: |-"
            yield from (f"{indent}  {line}" if line else "" for line in value.split("\n"))
        else:
            yield f"{indent}{key}: {_scalar(value)}"


def _list(entries: Sequence[Any], indent: str) -> Iterator[str]:
    for entry in entries:
        if isinstance(entry, Mapping) and entry:
            first, *rest = _mapping(entry, indent + "  ")
            yield f"{indent}- {first.lstrip()}"
            yield from rest
        else:
            yield f"{indent}- {_scalar(entry)}"


def _scalar(value: Any) -> str:
    """A value on one line; what is neither text nor number as JSON, which is YAML."""
    if isinstance(value, str) and _PLAIN.match(value) and "\t" not in value:
        return "'" + value.replace("'", "''") + "'"
    return json.dumps(value).replace("\x7f", "\\x7f")


def _is_block(text: str) -> bool:
    lines = text.split("\n")
    return all(_PLAIN.match(line) and not line.startswith((" ", "\t")) for line in lines) and bool(lines[-1])
