"""Model values <-> plain JSON values, exactly, by the types that the dataclasses declare.

For goldens and for the pipe between a worker and its parent. The published report is a format of its own
(`report/json_v1.py`). A `Sealed` has no place here: encoding one raises TypeError.
"""

from __future__ import annotations

import base64
import dataclasses
import enum
import functools
import types
import typing
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, TypeVar

_T = TypeVar("_T")


def to_plain(value: Any) -> Any:
    """`value` as dicts, lists, strings, numbers and None; fields at their default are left out. TypeError for a type
    that is not a model value (a `Sealed` among them).
    """
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if isinstance(value, frozenset):
        return sorted(to_plain(entry) for entry in value)
    if isinstance(value, (tuple, list)):
        return [to_plain(entry) for entry in value]
    if isinstance(value, Mapping):
        return {str(key): to_plain(entry) for key, entry in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        plain = {}
        for name, default in _defaults(type(value)):
            entry = getattr(value, name)
            if default is dataclasses.MISSING or entry != default:
                plain[name] = to_plain(entry)
        return plain
    raise TypeError(f"a {type(value).__name__} cannot be encoded")


def from_plain(kind: type[_T], plain: Any) -> _T:
    """The value of type `kind` that `to_plain` made `plain` of. ValueError where `plain` is not of that shape."""
    try:
        return typing.cast(_T, _decode(kind, plain))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a {kind.__name__}: {error}") from error


@functools.cache
def _defaults(kind: type) -> tuple[tuple[str, Any], ...]:
    pairs = []
    for entry in dataclasses.fields(kind):
        default = entry.default
        if entry.default_factory is not dataclasses.MISSING:
            default = entry.default_factory()
        pairs.append((entry.name, default))
    return tuple(pairs)


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _decode(kind: Any, plain: Any) -> Any:
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        if plain is None:
            return None
        (inner,) = [entry for entry in typing.get_args(kind) if entry is not type(None)]
        return _decode(inner, plain)
    if origin is tuple:
        arguments = typing.get_args(kind)
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return tuple(_decode(arguments[0], entry) for entry in _list(plain))
        return tuple(_decode(inner, entry) for inner, entry in zip(arguments, _list(plain), strict=True))
    if origin is frozenset:
        return frozenset(_decode(typing.get_args(kind)[0], entry) for entry in _list(plain))
    if origin is not None and issubclass(origin, Mapping):
        inner = typing.get_args(kind)[1]
        return {key: _decode(inner, entry) for key, entry in plain.items()}
    if dataclasses.is_dataclass(kind):
        hints = _hints(typing.cast(type, kind))
        if not isinstance(plain, dict) or not plain.keys() <= hints.keys():
            raise TypeError(f"unexpected shape for {kind}")
        return typing.cast(Any, kind)(**{name: _decode(hints[name], entry) for name, entry in plain.items()})
    if issubclass(kind, enum.Enum):
        return kind(plain)
    if kind is bytes:
        return base64.b64decode(plain)
    if kind in (date, datetime):
        return kind.fromisoformat(plain)
    if kind is float and isinstance(plain, int) and not isinstance(plain, bool):
        return float(plain)
    if not isinstance(plain, kind) or (kind is int and isinstance(plain, bool)):
        raise TypeError(f"{plain!r} is not a {kind.__name__}")
    return plain


def _list(plain: Any) -> list[Any]:
    if not isinstance(plain, list):
        raise TypeError(f"{type(plain).__name__} where a list is due")
    return plain
