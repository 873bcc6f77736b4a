"""What linters have in common: how files are handed to them, what their levels mean, how their paths are read.

A linter's level says how sure it is that a line does not do what it should, not what an attacker gains by it. So an
error or a warning is `low`, advice on style `info`, whatever the rule; what is dangerous is said by the scanners that
look for that, and where they see the same problem their word counts.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from magray_sec.model.finding import Rule
from magray_sec.model.run import Command, RawOutput
from magray_sec.model.scale import Domain, Severity

LEVELS: Mapping[str, Severity] = {
    "error": Severity.LOW,
    "warning": Severity.LOW,
    "info": Severity.INFO,
    "style": Severity.INFO,
}

# The shortest limit of a command line that systems have is 128 KiB.
_MOST_BYTES = 100_000
_MOST_FILES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What a linter's rule is here."""

    rule: str
    """The canonical id."""
    title: str = ""
    """Empty: the linter's own words."""
    cwe: tuple[str, ...] = ()


def batches(paths: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """The paths, as many at once as a command line holds."""
    batch: list[str] = []
    size = 0
    for path in paths:
        length = len(os.fsencode(path)) + 1
        if batch and (size + length > _MOST_BYTES or len(batch) == _MOST_FILES):
            yield tuple(batch)
            batch, size = [], 0
        batch.append(path)
        size += length
    if batch:
        yield tuple(batch)


class Paths:
    """The files that a command was given, by the paths that the linter prints for them."""

    def __init__(self, command: Command) -> None:
        self._root = command.facts.get("root", "")
        self._printed: dict[str, str] = {}
        for path in command.inputs:
            raw = os.fsencode(path)
            if raw != path.encode("utf-8", "replace"):
                # Bytes that are not UTF-8: some print U+FFFD for each, some a half of a pair, which is read as three.
                self._printed.setdefault(raw.decode("utf-8", "replace"), path)
                thrice = raw.decode("utf-8", "surrogateescape").encode("utf-8", "surrogatepass")
                self._printed.setdefault(thrice.decode("utf-8", "replace"), path)

    def relative(self, printed: str) -> str:
        """The path relative to the root; as it was printed where it does not lie in the root."""
        path = self._printed.get(printed, printed)
        return path.removeprefix(f"{self._root}/") if self._root else path


def texts(raw: RawOutput) -> Iterator[tuple[str, bytes]]:
    """The files that a command was given and that could be read again, by their paths relative to the root."""
    paths = Paths(raw.command)
    for path in raw.command.inputs:
        data = raw.input(path)
        if data is not None:
            yield paths.relative(path), data


def rule(code: str, meaning: Meaning, message: str, reference: str, severity: Severity) -> Rule:
    """The canonical rule of a linter's code."""
    return Rule(
        id=meaning.rule,
        domain=Domain.CODE,
        title=meaning.title or message or code,
        cwe=meaning.cwe,
        references=(reference,),
        severity=severity,
    )
