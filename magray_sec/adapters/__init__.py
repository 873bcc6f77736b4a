"""One file a scanner, found by its file name; `_*` modules are shared by them."""

from __future__ import annotations

import os
from importlib import import_module

from magray_sec.model.adapter import Adapter


def names() -> tuple[str, ...]:
    """The ids of all adapters, sorted: the modules of this folder with `-` for `_`."""
    files = os.listdir(os.path.dirname(os.path.abspath(__file__)))
    modules = (name.removesuffix(".py") for name in files if name.endswith(".py") and not name.startswith("_"))
    return tuple(sorted(name.replace("_", "-") for name in modules))


def load(name: str) -> Adapter:
    """The adapter of that id. KeyError where there is none."""
    if name not in names():
        raise KeyError(name)
    adapter = import_module(f"magray_sec.adapters.{name.replace('-', '_')}").ADAPTER
    if not isinstance(adapter, Adapter):
        raise TypeError(f"magray_sec.adapters.{name}: ADAPTER is not an Adapter")
    return adapter
