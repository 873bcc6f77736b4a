"""One file a scanner, found by its file name; `_*` modules are shared by them."""

from __future__ import annotations

import os
from importlib import import_module

from magray_sec.model.adapter import Adapter

_FOLDER = os.path.dirname(os.path.abspath(__file__))
_OF_PARTS = b"\n    looks_at_parts=True,\n"


def names() -> tuple[str, ...]:
    """The ids of all adapters, sorted: the modules of this folder with `-` for `_`."""
    files = os.listdir(_FOLDER)
    modules = (name.removesuffix(".py") for name in files if name.endswith(".py") and not name.startswith("_"))
    return tuple(sorted(name.replace("_", "-") for name in modules))


def of_parts() -> tuple[str, ...]:
    """The ids of the adapters that can look at a part of a target, sorted. Their modules are looked into and not
    imported: importing all of them costs more than a scan of a few commits.
    """
    return tuple(name for name in names() if _OF_PARTS in _source(name))


def _source(name: str) -> bytes:
    with open(os.path.join(_FOLDER, f"{name.replace('-', '_')}.py"), "rb") as module:
        return module.read()


def load(name: str) -> Adapter:
    """The adapter of that id. KeyError where there is none."""
    if name not in names():
        raise KeyError(name)
    adapter = import_module(f"magray_sec.adapters.{name.replace('-', '_')}").ADAPTER
    if not isinstance(adapter, Adapter):
        raise TypeError(f"magray_sec.adapters.{name}: ADAPTER is not an Adapter")
    return adapter
