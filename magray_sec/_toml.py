"""TOML of strangers, in bounded time."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Any

MOST_BYTES = 1 << 20
"""Manifests are far smaller; a megabyte takes tomllib half a second."""

_MOST_DOTS = 32
# What ends a key, and what is no part of one: dots that lead to a page number.
_NO_KEY = re.compile(r"[=,{\[]|\.\.+")


def parse(data: bytes, *, most_bytes: int = MOST_BYTES) -> dict[str, Any]:
    """The document's table; a byte order mark is passed over, as cargo does. ValueError where there is none to be had.

    A key of 20,000 dotted parts takes tomllib a minute, so that one of more than 33 is refused; one of brackets
    within brackets ends in a ValueError as well.
    """
    if len(data) > most_bytes:
        raise ValueError(f"it is larger than {most_bytes >> 20} MiB")
    text = data.decode("utf-8-sig")
    for line in text.split("\n"):
        if line.count(".") <= _MOST_DOTS or line.lstrip().startswith("#"):
            continue
        if any(part.count(".") > _MOST_DOTS for part in _NO_KEY.split(line)):
            raise ValueError("it has a key of more than 33 parts")
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error


def table(value: object) -> Mapping[str, Any]:
    """The value where it is a table, else an empty one: strangers put anything anywhere."""
    return value if isinstance(value, Mapping) else {}
