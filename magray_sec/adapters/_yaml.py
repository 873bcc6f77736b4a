"""A stranger's YAML as plain data, to look something up in it."""

from __future__ import annotations

from typing import Any


def read_yaml(data: bytes, *, most_bytes: int) -> Any:
    """The first document. ValueError, with a clause that says why, where it is none, is larger, or uses aliases (a few
    lines of which can stand for more than the memory holds)."""
    from ruamel.yaml import YAML  # noqa: PLC0415 - 60 ms that most scans need not pay
    from ruamel.yaml.error import YAMLError  # noqa: PLC0415
    from ruamel.yaml.events import AliasEvent  # noqa: PLC0415

    if len(data) > most_bytes:
        raise ValueError(f"it is larger than {most_bytes // 1000} kB")
    try:
        text = data.decode("utf-8-sig")
        if any(isinstance(event, AliasEvent) for event in YAML(typ="safe", pure=True).parse(text)):
            raise ValueError("it uses aliases")
        return YAML(typ="safe", pure=True).load(text)
    except (YAMLError, RecursionError, UnicodeDecodeError) as error:
        raise ValueError("it is no YAML") from error
