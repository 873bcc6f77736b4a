"""Where the shipped rule packs, policies and schemas lie: in a wheel, an editable install and a checkout alike."""

from __future__ import annotations

import os

_PACKAGE = os.path.dirname(os.path.abspath(__file__))
# Rules in the language of another engine: a folder of their own, never part of the one that they lie in.
_OF_OTHERS = frozenset({"semgrep"})


def folder(name: str) -> str:
    """The absolute path of the shipped folder `rules` or `policies`.

    A wheel carries them inside the package, a checkout (and so an editable install) beside it.
    """
    packaged = os.path.join(_PACKAGE, "data", name)
    return packaged if os.path.isdir(packaged) else os.path.join(os.path.dirname(_PACKAGE), name)


def packed(name: str) -> str:
    """The absolute path of a rule pack that was validated when the wheel was built, by the name it has there. There
    is none in a checkout, and there may be none in a wheel."""
    return os.path.join(_PACKAGE, "data", "packs", name)


def files(name: str, suffix: str = ".yaml") -> tuple[str, ...]:
    """The absolute paths of the shipped files of a folder (`rules`, `rules/semgrep`, `policies`), sorted; sub-folders
    included, but for those that hold the rules of another engine."""
    found = []
    for place, folders, names in os.walk(folder(name)):
        folders[:] = sorted(entry for entry in folders if entry not in _OF_OTHERS)
        found += [os.path.join(place, entry) for entry in names if entry.endswith(suffix)]
    return tuple(sorted(found))


def schema(name: str) -> str:
    """The absolute path of a shipped JSON Schema: `policy`, `settings`, `pack`, `report-v1`."""
    return os.path.join(_PACKAGE, "schemas", f"{name}.schema.json")
